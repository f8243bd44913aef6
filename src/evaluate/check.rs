//! A check: one SQL file that begins with a comment block of TOML.
//!
//! Loading proves what can be proven without evidence: the SQL is one statement that only reads tables and columns
//! there are, every table it reads is declared, every parameter has a type and a default, every control exists. It runs
//! nothing and knows no snapshot.

use crate::catalogue::Catalogues;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::reference::Reference;
use crate::scratch::ENGINE_TABLES;
use crate::set::CollectorTables;
use jiff::SignedDuration;
use model::Digest;
use model::time::parse_duration;
use rusqlite::Statement;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

const OPENING: &str = "/*---\n";
const CLOSING: &str = "\n---*/";
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
struct Header {
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
    inputs: BTreeMap<Spanned<String>, InputHeader>,
    #[serde(default)]
    parameters: BTreeMap<Spanned<String>, ParameterHeader>,
    finding: FindingText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputHeader {
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
struct ParameterHeader {
    #[serde(rename = "type")]
    kind: ParameterKind,
    default: Spanned<toml::Value>,
    help: String,
}

/// What checks are loaded against.
pub(crate) struct Known<'a> {
    pub controls: &'a Catalogues,
    pub collectors: &'a [CollectorTables],
    /// The tables there are; or why they cannot be made, in words.
    pub reference: Result<Reference, String>,
}

impl<'a> Known<'a> {
    /// These catalogues and the tables of these collectors.
    pub(crate) fn new(controls: &'a Catalogues, collectors: &'a [CollectorTables]) -> Self {
        Self { controls, collectors, reference: Reference::new(collectors) }
    }
}

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
    let max_age = header.max_age.as_ref().and_then(|text| parse_duration(text.get_ref()).ok());
    let parameters = parameters(place, base, &header, &mut problems);
    let touched = sql_problems(place, base, &header, known, &mut problems);
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

/// Prepares the SQL against empty tables and compares what it touches with what the front matter declares.
fn sql_problems(
    place: Place<'_>,
    base: usize,
    header: &Header,
    known: &Known<'_>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeSet<String> {
    let reference = match &known.reference {
        Ok(reference) => reference,
        Err(problem) => {
            problems.push(place.at(0, format!("cannot be checked: {problem}"), ""));
            return BTreeSet::new();
        }
    };
    let tables = reference.tables();
    let (statement, touched) = reference.prepare(place.text);
    let after_front = place.text.find(CLOSING).map_or(0, |at| at + CLOSING.len());

    match &statement {
        Ok(statement) => statement_problems(place, base, after_front, header, statement, problems),
        Err(error) => {
            let sentence = crate::scratch::sentence(error);
            let problem = touched.refused.first().cloned().unwrap_or(sentence);
            let named = problem.strip_prefix("no such table: ");
            let offset = match error {
                rusqlite::Error::SqlInputError { offset, .. } => usize::try_from(*offset).ok(),
                // SQLite does not say where; the name's first mention is the best place
                _ => named.and_then(|table| place.text[after_front..].find(table)).map(|at| at + after_front),
            };
            let offset = offset.unwrap_or(after_front + 1);
            let help = match error {
                rusqlite::Error::MultipleStatement => "a check is one SELECT".to_owned(),
                _ => named.map(|table| did_you_mean(table, tables.iter().map(String::as_str))).unwrap_or_default(),
            };
            problems.push(place.at(offset, problem, help));
        }
    }

    let mut needed: BTreeSet<&str> =
        touched.tables.iter().map(String::as_str).filter(|table| !ENGINE_TABLES.contains(table)).collect();
    if ["identity_link", "possible_match"].iter().any(|map| touched.tables.contains(*map)) {
        // the map is made from these, so it is no better than they are
        needed.extend(["account", "person"]);
    }
    for table in header.inputs.keys() {
        let problem = if !tables.contains(table.get_ref()) {
            format!("input `{}` is not a table of the vocabulary or of a collector", table.get_ref())
        } else if ENGINE_TABLES.contains(&table.get_ref().as_str()) {
            format!("input `{}` is filled by the engine and needs no declaration", table.get_ref())
        } else if statement.is_ok() && !needed.contains(table.get_ref().as_str()) {
            format!("input `{}` is declared but not read", table.get_ref())
        } else {
            continue;
        };
        let help = if tables.contains(table.get_ref()) {
            "take it away".to_owned()
        } else {
            did_you_mean(table.get_ref(), tables.iter().map(String::as_str))
        };
        problems.push(place.at(base + table.span().start, problem, help));
    }
    if statement.is_ok() {
        let declared = |table: &str| header.inputs.keys().any(|input| input.get_ref() == table);
        for table in needed.into_iter().filter(|table| !declared(table)) {
            let help = format!("add `{table} = {{ monotone = false }}` under [inputs]");
            problems.push(place.at(after_front + 1, format!("table `{table}` is read but not declared"), help));
        }
    }
    touched.tables
}

fn statement_problems(
    place: Place<'_>,
    base: usize,
    after_front: usize,
    header: &Header,
    statement: &Statement<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    let columns: Vec<&str> = statement.column_names().collect();
    for required in COLUMNS {
        if !columns.contains(&required) {
            let help = "a check returns subject, verdict, reason and source";
            problems.push(place.at(after_front + 1, format!("the query returns no column `{required}`"), help));
        }
    }
    let mut seen = BTreeSet::new();
    for column in columns.iter().filter(|column| !seen.insert(**column)) {
        let problem = format!("the query returns the column `{column}` twice");
        problems.push(place.at(after_front + 1, problem, "name it with AS"));
    }
    let mut used = BTreeSet::new();
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or("?");
        let known = name.strip_prefix(':').filter(|known| {
            *known == "as_of" || header.parameters.keys().any(|parameter| parameter.get_ref() == known)
        });
        if let Some(known) = known {
            used.insert(known.to_owned());
        } else {
            let offset = place.text[after_front..].find(name).unwrap_or_default() + after_front;
            let names = header.parameters.keys().map(|parameter| parameter.get_ref().as_str());
            let help = did_you_mean(name.trim_start_matches(':'), names.chain(["as_of"]));
            problems.push(place.at(offset, format!("parameter `{name}` is not declared"), help));
        }
    }
    for parameter in header.parameters.keys().filter(|parameter| !used.contains(parameter.get_ref())) {
        let problem = format!("parameter `{}` is declared but not used", parameter.get_ref());
        problems.push(place.at(base + parameter.span().start, problem, "use it in the SQL or remove it"));
    }
}
