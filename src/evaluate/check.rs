//! A check: one SQL file that begins with a comment block of TOML.
//!
//! Loading proves what can be proven without evidence: the SQL is one statement that only reads tables and columns
//! there are, every table it reads is declared, every parameter has a type and a default, every control exists. It runs
//! nothing and knows no snapshot.

use crate::catalogue::Catalogues;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::history;
use crate::reference::Reference;
use crate::set::CollectorTables;
use crate::shipped::{self, Shipped};
use crate::sql;
use jiff::SignedDuration;
use model::Digest;
use model::time::parse_duration;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

const OPENING: &str = "/*---\n";
pub(crate) const CLOSING: &str = "\n---*/";
/// Columns every check returns; further ones are detail.
pub(crate) const COLUMNS: [&str; 4] = ["subject", "verdict", "reason", "source"];

/// Class proposed for a finding; only a person sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The criteria are not met in a way that defeats the control.
    Major,
    /// A lapse.
    Minor,
    /// Could be better.
    Opportunity,
    /// Worth knowing.
    Observation,
}

impl Severity {
    /// The word used in files and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Opportunity => "opportunity",
            Self::Observation => "observation",
        }
    }
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// `24h`; bound as whole seconds.
    Duration,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// `true` or `false`; bound as 1 or 0.
    Boolean,
}

/// A policy input of a check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parameter {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// Its value unless the configuration sets one, as it is bound.
    pub default: Value,
    /// One line.
    pub help: String,
}

/// What a finding of this check says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingText {
    /// What ought to be.
    pub criteria: String,
    /// Why it matters.
    pub impact: String,
    /// What to do.
    pub action: String,
}

/// A table a check reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckInput {
    /// Whether no further row of it could undo a failure.
    pub monotone: bool,
    /// Collectors whose rows it is about; empty: every one that provides the table.
    #[serde(default)]
    pub collectors: Vec<String>,
    /// Collectors whose rows it is not about.
    #[serde(default)]
    pub except: Vec<String>,
}

/// A loaded check.
#[derive(Debug, Clone)]
pub struct Check {
    /// File name without `.sql`.
    pub name: String,
    /// Where it was read.
    pub file: String,
    /// The whole file, unchanged.
    pub text: String,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// One line.
    pub title: String,
    /// Proposed class.
    pub severity: Severity,
    /// Controls it tests: `iso27001:2022/A.5.18`.
    pub controls: Vec<String>,
    /// What a subject is: `account`, `person`, `credential` …
    pub subject: String,
    /// Who is judged, in a sentence.
    pub population: String,
    /// Age beyond which evidence is stale for this check; none: each source's own applies alone.
    pub max_age: Option<SignedDuration>,
    /// Whether an empty population is declared to be normal.
    pub empty_is_not_applicable: bool,
    /// Tables it reads beside the engine's.
    pub inputs: BTreeMap<String, CheckInput>,
    /// Whether it reads the identity map.
    pub reads_identity_map: bool,
    /// Whether it reads what earlier snapshots showed.
    pub reads_history: bool,
    /// Policy inputs.
    pub parameters: BTreeMap<String, Parameter>,
    /// Text of its findings.
    pub finding: FindingText,
}

/// A parameter value that cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("check `{check}`, parameter `{parameter}`: {problem}")]
pub struct ParameterError {
    /// The check.
    pub check: String,
    /// The parameter.
    pub parameter: String,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub help: String,
}

impl Check {
    /// Whether it is one of those shipped with the program.
    pub fn is_shipped(&self) -> bool {
        shipped::CHECKS.iter().any(|shipped| shipped.file == self.file && shipped.text == self.text)
    }

    /// The values to bind: the defaults, overridden by `given`.
    pub fn bind(&self, given: Option<&BTreeMap<String, Value>>) -> Result<BTreeMap<String, Value>, ParameterError> {
        let mut bound: BTreeMap<String, Value> =
            self.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.default.clone())).collect();
        for (name, value) in given.into_iter().flatten() {
            let error = |problem: String, help: String| ParameterError {
                check: self.name.clone(),
                parameter: name.clone(),
                problem,
                help,
            };
            let parameter = self.parameters.get(name).ok_or_else(|| {
                let help = did_you_mean(name, self.parameters.keys().map(String::as_str));
                error("the check has no such parameter".to_owned(), help)
            })?;
            let value = bound_value(parameter.kind, value).map_err(|problem| error(problem, parameter.help.clone()))?;
            bound.insert(name.clone(), value);
        }
        Ok(bound)
    }
}

/// A configured value as it is bound.
fn bound_value(kind: ParameterKind, value: &Value) -> Result<Value, String> {
    match (kind, value) {
        (ParameterKind::Duration, Value::String(text)) => {
            parse_duration(text).map(|duration| json!(duration.as_secs())).map_err(|error| error.to_string())
        }
        (ParameterKind::Duration | ParameterKind::Integer, Value::Number(number)) if number.is_i64() => {
            Ok(value.clone())
        }
        (ParameterKind::Text, Value::String(text)) if !text.chars().any(char::is_control) => Ok(value.clone()),
        (ParameterKind::Text, Value::String(_)) => Err("control characters are not allowed".to_owned()),
        (ParameterKind::Boolean, Value::Bool(flag)) => Ok(json!(i64::from(*flag))),
        (ParameterKind::Duration, _) => Err(format!("expected a duration such as `24h`, found {value}")),
        (ParameterKind::Integer, _) => Err(format!("expected a whole number, found {value}")),
        (ParameterKind::Text, _) => Err(format!("expected text, found {value}")),
        (ParameterKind::Boolean, _) => Err(format!("expected true or false, found {value}")),
    }
}

/// The front matter with the place of whatever may be wrong in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    title: Spanned<String>,
    #[serde(rename = "severity")]
    _severity: Severity,
    controls: Vec<Spanned<String>>,
    #[serde(rename = "subject")]
    _subject: String,
    #[serde(rename = "population")]
    _population: String,
    #[serde(default)]
    max_age: Option<Spanned<String>>,
    #[serde(default)]
    empty: Option<Spanned<String>>,
    #[serde(default)]
    pub inputs: BTreeMap<Spanned<String>, InputHeader>,
    #[serde(default)]
    pub parameters: BTreeMap<Spanned<String>, ParameterHeader>,
    #[serde(rename = "finding")]
    _finding: FindingText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputHeader {
    #[serde(rename = "monotone")]
    _monotone: bool,
    #[serde(default)]
    collectors: Vec<Spanned<String>>,
    #[serde(default)]
    except: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterHeader {
    #[serde(rename = "type")]
    kind: ParameterKind,
    default: Spanned<toml::Value>,
    #[serde(rename = "help")]
    _help: String,
}

/// The same without places, where nothing in it is wrong.
#[derive(Deserialize)]
struct Front {
    title: String,
    severity: Severity,
    controls: Vec<String>,
    subject: String,
    population: String,
    #[serde(default)]
    max_age: Option<String>,
    #[serde(default)]
    empty: Option<String>,
    #[serde(default)]
    inputs: BTreeMap<String, CheckInput>,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    finding: FindingText,
}

/// What checks are loaded against.
pub(crate) struct Known<'a> {
    pub controls: &'a Catalogues,
    pub collectors: &'a [CollectorTables],
    reference: OnceCell<Result<Reference, String>>,
}

impl<'a> Known<'a> {
    /// These catalogues and the tables of these collectors.
    pub(crate) fn new(controls: &'a Catalogues, collectors: &'a [CollectorTables]) -> Self {
        Self { controls, collectors, reference: OnceCell::new() }
    }

    /// The tables there are; or why they cannot be made, in words.
    pub(crate) fn reference(&self) -> Result<&Reference, &String> {
        self.reference.get_or_init(|| Reference::new(self.collectors)).as_ref()
    }
}

/// A check that is shipped. Nothing in it is held against anything: this room's tests did.
pub(crate) fn shipped(shipped: &Shipped, name: &str) -> Result<Check, Diagnostic> {
    let place = Place { file: shipped.file, text: shipped.text };
    let front = serde_json::from_str(shipped.front).map_err(|error| place.at(0, error.to_string(), ""))?;
    let touched = sql::mentioned(shipped.text, &[&MAP[..], &history::TABLES].concat());
    check(place, name, front, &touched)
}

/// What the engine makes of the identities of people.
pub(crate) const MAP: [&str; 2] = ["identity_link", "possible_match"];

/// Reads one check file; all its problems at once.
pub(crate) fn parse(place: Place<'_>, name: &str, known: &Known<'_>) -> Result<Check, Vec<Diagnostic>> {
    let Some(end) = place.text.strip_prefix(OPENING).and_then(|rest| rest.find(CLOSING)) else {
        let help = "begin the file with a line `/*---`, TOML, and a line `---*/`, then the SQL";
        return Err(vec![place.at(0, "no front matter", help)]);
    };
    if let Some(zero) = place.text.find('\0') {
        return Err(vec![place.at(
            zero,
            "the file holds a zero byte, and SQLite would read it only up to there",
            "take it away",
        )]);
    }
    let base = OPENING.len();
    // the newline before the closing line belongs to the TOML
    let front = &place.text[base..=base + end];
    if let Some(inside) = front.find("*/") {
        let help = "`*/` ends the comment for SQLite: write it otherwise";
        return Err(vec![place.at(base + inside, "the comment ends inside the front matter", help)]);
    }
    let header: Header = match toml::from_str(front) {
        Ok(header) => header,
        Err(error) => return Err(vec![place.toml(base, &error)]),
    };

    let mut problems = Vec::new();
    header_problems(place, base, &header, known, &mut problems);
    parameter_problems(place, base, &header, &mut problems);
    let touched = sql::problems(place, base, &header, known, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let front = toml::from_str(front).map_err(|error| vec![place.toml(base, &error)])?;
    check(place, name, front, &touched).map_err(|problem| vec![problem])
}

/// The check whose front matter and SQL were found sound.
fn check(place: Place<'_>, name: &str, front: Front, touched: &BTreeSet<String>) -> Result<Check, Diagnostic> {
    let mut parameters = front.parameters;
    for parameter in parameters.values_mut() {
        parameter.default =
            bound_value(parameter.kind, &parameter.default).map_err(|problem| place.at(0, problem, ""))?;
    }
    Ok(Check {
        name: name.to_owned(),
        file: place.file.to_owned(),
        text: place.text.to_owned(),
        sha256: Digest::of(place.text.as_bytes()),
        title: front.title,
        severity: front.severity,
        controls: front.controls,
        subject: front.subject,
        population: front.population,
        max_age: front.max_age.and_then(|text| parse_duration(&text).ok()),
        empty_is_not_applicable: front.empty.is_some(),
        inputs: front.inputs,
        reads_identity_map: MAP.iter().any(|table| touched.contains(*table)),
        reads_history: history::TABLES.iter().any(|table| touched.contains(*table)),
        parameters,
        finding: front.finding,
    })
}

fn header_problems(place: Place<'_>, base: usize, header: &Header, known: &Known<'_>, problems: &mut Vec<Diagnostic>) {
    if header.title.get_ref().trim().is_empty() {
        problems.push(place.at(base + header.title.span().start, "the title is empty", "say it in one line"));
    }
    if header.controls.is_empty() {
        let help = "name at least one control: `controls = [\"iso27001:2022/A.5.18\"]`";
        problems.push(place.at(base, "the check tests no control", help));
    }
    for control in &header.controls {
        if known.controls.control(control.get_ref()).is_none() {
            let references = known.controls.references();
            let help = did_you_mean(control.get_ref(), references.iter().map(String::as_str));
            let problem = format!("no catalogue has the control `{}`", control.get_ref());
            problems.push(place.at(base + control.span().start, problem, help));
        }
    }
    if let Some(text) = &header.max_age
        && let Err(error) = parse_duration(text.get_ref())
    {
        problems.push(place.at(base + text.span().start, error.to_string(), "for example `max_age = \"24h\"`"));
    }
    if let Some(word) = &header.empty
        && word.get_ref() != "not_applicable"
    {
        let problem = format!("`empty` cannot be `{}`", word.get_ref());
        problems.push(place.at(base + word.span().start, problem, "the only value is `not_applicable`"));
    }
    for collector in header.inputs.values().flat_map(|input| input.collectors.iter().chain(&input.except)) {
        if !known.collectors.iter().any(|collectors| collectors.id == *collector.get_ref()) {
            let ids = known.collectors.iter().map(|collector| collector.id.as_str());
            let help = did_you_mean(collector.get_ref(), ids);
            let problem = format!("there is no collector `{}`", collector.get_ref());
            problems.push(place.at(base + collector.span().start, problem, help));
        }
    }
}

fn parameter_problems(place: Place<'_>, base: usize, header: &Header, problems: &mut Vec<Diagnostic>) {
    for parameter in header.parameters.values() {
        let default = serde_json::to_value(parameter.default.get_ref())
            .map_err(|error| error.to_string())
            .and_then(|value| bound_value(parameter.kind, &value));
        if let Err(problem) = default {
            problems.push(place.at(base + parameter.default.span().start, problem, "give a default of its type"));
        }
    }
}
