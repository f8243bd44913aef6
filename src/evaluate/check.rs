//! A check: one SQL file that begins with a comment block of TOML.
//!
//! Loading proves what can be proven without evidence: the SQL is one statement that only reads tables and columns
//! there are, every table it reads is declared, every parameter has a type and a default, every control exists. It runs
//! nothing and knows no snapshot.

use crate::catalogue::Catalogues;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::history;
use crate::reference::Reference;
use crate::scratch::ENGINE_TABLES;
use crate::set::CollectorTables;
use crate::shipped;
use crate::sql;
use jiff::SignedDuration;
use model::Digest;
use model::time::parse_duration;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::collections::BTreeMap;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its type.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInput {
    /// Whether no further row of it could undo a failure.
    pub monotone: bool,
    /// Collectors whose rows it is about; empty: every one that provides the table.
    pub collectors: Vec<String>,
    /// Collectors whose rows it is not about.
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
        shipped::CHECKS.iter().any(|(file, text, _)| *file == self.file && *text == self.text)
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    title: Spanned<String>,
    severity: Severity,
    controls: Vec<Spanned<String>>,
    subject: String,
    population: String,
    #[serde(default)]
    max_age: Option<Spanned<String>>,
    #[serde(default)]
    empty: Option<Spanned<String>>,
    #[serde(default)]
    pub inputs: BTreeMap<Spanned<String>, InputHeader>,
    #[serde(default)]
    pub parameters: BTreeMap<Spanned<String>, ParameterHeader>,
    finding: FindingText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputHeader {
    monotone: bool,
    #[serde(default)]
    collectors: Vec<Spanned<String>>,
    #[serde(default)]
    except: Vec<Spanned<String>>,
}

impl From<InputHeader> for CheckInput {
    fn from(header: InputHeader) -> Self {
        let plain = |words: Vec<Spanned<String>>| words.into_iter().map(Spanned::into_inner).collect();
        Self { monotone: header.monotone, collectors: plain(header.collectors), except: plain(header.except) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterHeader {
    #[serde(rename = "type")]
    kind: ParameterKind,
    default: Spanned<toml::Value>,
    help: String,
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

/// What is done with the SQL of a check that is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sql {
    /// It is held against the tables there are.
    Prove,
    /// That was done when the program was built.
    Trust,
}

/// Reads one check file; all its problems at once.
pub(crate) fn parse(place: Place<'_>, name: &str, known: &Known<'_>, proof: Sql) -> Result<Check, Vec<Diagnostic>> {
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
    let max_age = header.max_age.as_ref().and_then(|text| parse_duration(text.get_ref()).ok());
    let parameters = parameters(place, base, &header, &mut problems);
    let touched = match proof {
        Sql::Prove => sql::problems(place, base, &header, known, &mut problems),
        Sql::Trust => sql::mentioned(place.text, ENGINE_TABLES),
    };
    if !problems.is_empty() {
        return Err(problems);
    }

    Ok(Check {
        name: name.to_owned(),
        file: place.file.to_owned(),
        text: place.text.to_owned(),
        sha256: Digest::of(place.text.as_bytes()),
        title: header.title.into_inner(),
        severity: header.severity,
        controls: header.controls.into_iter().map(Spanned::into_inner).collect(),
        subject: header.subject,
        population: header.population,
        max_age,
        empty_is_not_applicable: header.empty.is_some(),
        inputs: header.inputs.into_iter().map(|(table, input)| (table.into_inner(), input.into())).collect(),
        reads_identity_map: touched.contains("identity_link") || touched.contains("possible_match"),
        reads_history: history::tables().any(|(table, _)| touched.contains(table)),
        parameters,
        finding: header.finding,
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

fn parameters(
    place: Place<'_>,
    base: usize,
    header: &Header,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Parameter> {
    let mut parameters = BTreeMap::new();
    for (name, parameter) in &header.parameters {
        let default = serde_json::to_value(parameter.default.get_ref())
            .map_err(|error| error.to_string())
            .and_then(|value| bound_value(parameter.kind, &value));
        match default {
            Ok(default) => {
                let parameter = Parameter { kind: parameter.kind, default, help: parameter.help.clone() };
                parameters.insert(name.get_ref().clone(), parameter);
            }
            Err(problem) => {
                problems.push(place.at(base + parameter.default.span().start, problem, "give a default of its type"));
            }
        }
    }
    parameters
}
