//! Cases of a check: small tables in, expected rows out, in `<check>.cases.toml` beside it.
//!
//! A case runs through the same scratch database, people, verdict table and SQL as an evaluation; only the collectors
//! are missing, for a case writes the vocabulary's rows itself. What it may not do is expect less than every row.
//!
//! ```toml
//! as_of = "2026-03-10T12:00:00Z"
//! [sources.aws]
//! collector = "aws_iam"
//! [[case]]
//! name = "a user without a device fails"
//! covers = ["fail"]
//! outcome = "fail"
//! tables.account = [{ account_key = "aws:ada", status = "enabled", mfa = "none" }]
//! expect = [{ subject = "aws:ada", verdict = "fail" }]
//! ```
//!
//! A row without `source` belongs to the source its key begins with. `[case.sources.aws]` overrides `collector`,
//! `seen_at`, `status`, `required`, `max_age` and `collected` for one case.

use crate::check::{Check, Known};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::evaluation::{Members, conclude, question};
use crate::inputs::{ApprovedLink, Inputs, RegisteredAccount, SnapshotInput, SourceInput};
use crate::reference::Reference;
use crate::run::InProcess;
use crate::scratch::{ENGINE_TABLES, Scratch, create_source_table, quoted, to_sql};
use crate::set::CollectorTables;
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use model::time::parse_duration;
use model::{Digest, Evaluation, Outcome, SnapshotStatus, TableSpec, Verdict};
use rusqlite::{Connection, params_from_iter};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// What the cases of a check must cover between them.
const REQUIRED: [&str; 4] = ["pass", "fail", "unknown", "boundary"];

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// A statement about behaviour.
    pub name: String,
    /// Line of the case in its file.
    pub line: usize,
    /// Without the rows, which stand apart.
    pub(crate) inputs: Inputs,
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) outcome: Outcome,
    rows: Vec<CaseRow>,
    specs: Vec<TableSpec>,
    pub(crate) expected: Vec<Expected>,
}

#[derive(Debug, Clone)]
struct CaseRow {
    table: String,
    cells: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub subject: String,
    verdict: Verdict,
    #[serde(default)]
    reason: Option<String>,
}

/// How a case went.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Line of the case in its file.
    pub line: usize,
    /// What differs, a line each; none when the case holds.
    pub difference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: Timestamp,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    sources: BTreeMap<String, SourceEntry>,
    case: Vec<Spanned<CaseEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseEntry {
    name: String,
    covers: Vec<Spanned<String>>,
    outcome: Outcome,
    #[serde(default)]
    as_of: Option<Timestamp>,
    #[serde(default)]
    parameters: BTreeMap<String, toml::Value>,
    #[serde(default)]
    sources: BTreeMap<String, SourceEntry>,
    #[serde(default)]
    links: Vec<ApprovedLink>,
    #[serde(default)]
    accounts: Vec<RegisteredAccount>,
    #[serde(default)]
    tables: BTreeMap<Spanned<String>, Vec<BTreeMap<Spanned<String>, toml::Value>>>,
    expect: Vec<Expected>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields)]
struct SourceEntry {
    collector: Option<String>,
    seen_at: Option<Timestamp>,
    status: Option<SnapshotStatus>,
    required: Option<bool>,
    max_age: Option<String>,
    collected: Option<bool>,
}

impl SourceEntry {
    fn or(&self, base: Option<&Self>) -> Self {
        let base = base.cloned().unwrap_or_default();
        Self {
            collector: self.collector.clone().or(base.collector),
            seen_at: self.seen_at.or(base.seen_at),
            status: self.status.or(base.status),
            required: self.required.or(base.required),
            max_age: self.max_age.clone().or(base.max_age),
            collected: self.collected.or(base.collected),
        }
    }
}

/// Reads a case file; all its problems at once.
pub(crate) fn parse(place: Place<'_>, check: &Check, known: &Known<'_>) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let file: File = match toml::from_str(place.text) {
        Ok(file) => file,
        Err(error) => return Err(vec![place.toml(0, &error)]),
    };
    let columns = match known.reference().map_err(Clone::clone).and_then(Reference::columns) {
        Ok(columns) => columns,
        Err(problem) => return Err(vec![place.at(0, problem, "")]),
    };
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    let mut covered = BTreeSet::new();
    for entry in &file.case {
        covered.extend(entry.get_ref().covers.iter().map(|word| word.get_ref().as_str()));
        let reader = Reader { place, check, collectors: known.collectors, columns, file: &file };
        cases.extend(reader.case(entry, &mut problems));
    }
    for missing in REQUIRED.iter().filter(|required| !covered.contains(*required)) {
        let help = "pass, fail, unknown and boundary are the least a check shows";
        problems.push(place.at(0, format!("no case covers `{missing}`"), help));
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

struct Reader<'a> {
    place: Place<'a>,
    check: &'a Check,
    collectors: &'a [CollectorTables],
    columns: &'a BTreeMap<String, BTreeSet<String>>,
    file: &'a File,
}

impl Reader<'_> {
    fn case(&self, entry: &Spanned<CaseEntry>, problems: &mut Vec<Diagnostic>) -> Option<Case> {
        let start = entry.span().start;
        let entry = entry.get_ref();
        let before = problems.len();
        for word in &entry.covers {
            let shows = |verdict: Verdict| entry.expect.iter().any(|expected| expected.verdict == verdict);
            let empty = match word.get_ref().as_str() {
                "pass" => !shows(Verdict::Pass),
                "fail" => !shows(Verdict::Fail),
                "unknown" => !shows(Verdict::Unknown),
                _ => false,
            };
            if empty {
                let problem = format!("the case says it covers `{}` but expects no such row", word.get_ref());
                problems.push(self.place.at(word.span().start, problem, "expect one, or take the word away"));
            }
        }
        let rows = self.rows(entry, problems);
        let inputs = match self.inputs(entry, &rows) {
            Ok(inputs) => Some(inputs),
            Err(problem) => {
                problems.push(self.place.at(start, format!("case `{}`: {problem}", entry.name), ""));
                None
            }
        };
        let given: BTreeMap<String, Value> = entry
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), serde_json::to_value(value).unwrap_or(Value::Null)))
            .collect();
        let parameters = match self.check.bind(Some(&given)) {
            Ok(parameters) => parameters,
            Err(error) => {
                problems.push(self.place.at(start, error.to_string(), error.help.clone()));
                BTreeMap::new()
            }
        };
        let inputs = inputs.filter(|_| problems.len() == before)?;
        let tables: BTreeSet<&str> = rows.iter().map(|row| row.table.as_str()).collect();
        let all = self.collectors.iter().flat_map(|collector| &collector.tables);
        let wanted =
            |spec: &&TableSpec| tables.contains(spec.name.as_str()) || self.check.inputs.contains_key(&spec.name);
        Some(Case {
            name: entry.name.clone(),
            line: self.place.at(start, "", "").line,
            inputs,
            parameters,
            specs: all.filter(wanted).cloned().collect(),
            rows,
            outcome: entry.outcome,
            expected: entry.expect.clone(),
        })
    }

    fn rows(&self, entry: &CaseEntry, problems: &mut Vec<Diagnostic>) -> Vec<CaseRow> {
        let mut found = Vec::new();
        for (table, rows) in &entry.tables {
            let Some(columns) = self.columns.get(table.get_ref()) else {
                let help = did_you_mean(table.get_ref(), self.columns.keys().map(String::as_str));
                let problem = format!("there is no table `{}`", table.get_ref());
                problems.push(self.place.at(table.span().start, problem, help));
                continue;
            };
            for row in rows {
                let mut cells = BTreeMap::new();
                for (column, value) in row {
                    if !columns.contains(column.get_ref()) {
                        let help = did_you_mean(column.get_ref(), columns.iter().map(String::as_str));
                        let problem = format!("table `{}` has no column `{}`", table.get_ref(), column.get_ref());
                        problems.push(self.place.at(column.span().start, problem, help));
                    }
                    let value = match value {
                        toml::Value::Datetime(instant) => Value::String(instant.to_string()),
                        other => serde_json::to_value(other).unwrap_or(Value::Null),
                    };
                    cells.insert(column.get_ref().clone(), value);
                }
                // a key says its source already
                let keys = ["account_key", "person_key", "repository_key", "change_key"];
                let key = keys.iter().find_map(|key| cells.get(*key)).and_then(Value::as_str);
                if let Some((source, _)) = key.and_then(|key| key.split_once(':'))
                    && columns.contains("source")
                {
                    let source = Value::String(source.to_owned());
                    cells.entry("source".to_owned()).or_insert(source);
                }
                found.push(CaseRow { table: table.get_ref().clone(), cells });
            }
        }
        found
    }

    fn inputs(&self, entry: &CaseEntry, rows: &[CaseRow]) -> Result<Inputs, String> {
        let as_of = entry.as_of.unwrap_or(self.file.as_of);
        let zone = self.file.timezone.as_deref().unwrap_or("UTC");
        let timezone = TimeZoneDatabase::bundled().get(zone).map_err(|error| error.to_string())?;
        let mut names: BTreeSet<&String> = self.file.sources.keys().collect();
        names.extend(entry.sources.keys());
        let mut sources = Vec::new();
        for name in names {
            let base = self.file.sources.get(name);
            let source = entry.sources.get(name).cloned().unwrap_or_default().or(base);
            let collector = source.collector.ok_or_else(|| format!("source `{name}` names no collector"))?;
            let max_age =
                source.max_age.as_deref().map(parse_duration).transpose().map_err(|error| error.to_string())?;
            let seen_at = source.seen_at.unwrap_or(as_of);
            let snapshot = source.collected.unwrap_or(true).then(|| SnapshotInput {
                id: format!("snapshot-of-{name}"),
                manifest_sha256: Digest::of(name.as_bytes()),
                status: source.status.unwrap_or(SnapshotStatus::Complete),
                started_at: seen_at,
                finished_at: seen_at,
                observed_at: None,
                slot: None,
                reasons: Vec::new(),
                tables: Vec::new(),
                confirmed: false,
            });
            sources.push(SourceInput {
                name: name.clone(),
                collector,
                mapping_sql: String::new(),
                provides: self.provides(name, rows),
                specs: Vec::new(),
                max_age: max_age.unwrap_or(SignedDuration::from_hours(24)),
                required: source.required.unwrap_or(true),
                expect_empty: false,
                snapshot,
            });
        }
        Ok(Inputs {
            as_of,
            timezone,
            last_day_ends: None,
            domains: self.file.domains.clone(),
            fold_local_part: false,
            sources,
            snapshots: Vec::new(),
            slots: Vec::new(),
            links: entry.links.clone(),
            accounts: entry.accounts.clone(),
            exceptions: Vec::new(),
            history: Vec::new(),
            programme: crate::programme::Programme::default(),
        })
    }

    /// The input tables a source feeds: those it has rows in, and those nobody has.
    fn provides(&self, source: &str, rows: &[CaseRow]) -> Vec<String> {
        let of = |row: &CaseRow| row.cells.get("source").or_else(|| row.cells.get("_source")).cloned();
        let feeds = |table: &&String| {
            let mut rows = rows.iter().filter(|row| row.table == **table).peekable();
            rows.peek().is_none() || rows.any(|row| of(row).as_ref().and_then(Value::as_str) == Some(source))
        };
        self.check.inputs.keys().filter(feeds).cloned().collect()
    }
}

/// Runs `cases` of `check`.
pub fn run_cases(check: &Check, cases: &[Case]) -> Vec<CaseResult> {
    cases
        .iter()
        .map(|case| {
            let difference = match evaluation(check, case, &case.inputs) {
                Ok(evaluation) => differences(case, &evaluation),
                Err(problem) => Some(format!("cannot be run: {problem}")),
            };
            CaseResult { name: case.name.clone(), line: case.line, difference }
        })
        .collect()
}

/// The evaluation of `check` over the case's rows and `inputs`, which are the case's own but for tests that spoil them.
pub(crate) fn evaluation(check: &Check, case: &Case, inputs: &Inputs) -> Result<Evaluation, String> {
    let scratch = scratch(case, inputs)?;
    let summary = scratch.summary.clone();
    let mut runner = InProcess { scratch: Some(scratch), ..InProcess::default() };
    let answer = Members::ask(&mut runner, &question(check, &case.parameters, inputs), inputs);
    Ok(conclude(check, case.parameters.clone(), inputs, Some(&summary), None, answer))
}

/// A scratch database with the case's rows.
pub(crate) fn scratch(case: &Case, inputs: &Inputs) -> Result<Scratch, String> {
    let connection = Scratch::empty().map_err(|error| error.to_string())?;
    for spec in &case.specs {
        create_source_table(&connection, spec).map_err(|error| error.to_string())?;
    }
    let engine = |row: &&CaseRow| ENGINE_TABLES.contains(&row.table.as_str());
    for row in case.rows.iter().filter(|row| !engine(row)) {
        insert(&connection, row)?;
    }
    let scratch = Scratch::finish(connection, inputs, BTreeMap::new()).map_err(|error| error.to_string())?;
    for row in case.rows.iter().filter(engine) {
        insert(&scratch.connection, row)?;
    }
    Ok(scratch)
}

fn insert(connection: &Connection, row: &CaseRow) -> Result<(), String> {
    let names: Vec<String> = row.cells.keys().map(|name| quoted(name)).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", quoted(&row.table), names.join(", "));
    connection
        .execute(&sql, params_from_iter(row.cells.values().map(to_sql)))
        .map(|_| ())
        .map_err(|error| format!("row of `{}`: {}", row.table, crate::scratch::sentence(&error)))
}

/// What differs between the expected rows and the evaluation: a block for each row that does, the two one under the other.
fn differences(case: &Case, evaluation: &Evaluation) -> Option<String> {
    let mut blocks = Vec::new();
    let mut differs = |what: &str, expected: &str, found: &str| {
        if expected != found {
            blocks.push(format!("{what}\n    expected  {expected}\n    found     {found}"));
        }
    };
    let found = evaluation.outcome.as_str();
    let because = if evaluation.why.is_empty() { String::new() } else { format!(": {}", evaluation.why.join("; ")) };
    if evaluation.outcome != case.outcome {
        differs("outcome", case.outcome.as_str(), &format!("{found}{because}"));
    }
    for expected in &case.expected {
        let row = |verdict: Verdict, reason: &str| format!("{}: {reason}", verdict.as_str());
        let found = evaluation.members.iter().find(|member| member.subject == expected.subject);
        let found_row = found.map_or_else(|| "no row".to_owned(), |found| row(found.verdict, &found.reason));
        match (&expected.reason, found) {
            (Some(reason), _) => differs(&expected.subject, &row(expected.verdict, reason), &found_row),
            // a case that names no reason takes any
            (None, Some(found)) if found.verdict == expected.verdict => {}
            (None, _) => differs(&expected.subject, expected.verdict.as_str(), &found_row),
        }
    }
    let expected: BTreeSet<&str> = case.expected.iter().map(|expected| expected.subject.as_str()).collect();
    for found in evaluation.members.iter().filter(|member| !expected.contains(member.subject.as_str())) {
        differs(&found.subject, "no row", &format!("{}: {}", found.verdict.as_str(), found.reason));
    }
    (!blocks.is_empty()).then(|| blocks.join("\n"))
}
