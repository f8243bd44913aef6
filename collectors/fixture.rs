//! Runs a collector over a recorded case and compares what it derives. `UPDATE=1` rewrites what is derived, never what
//! a case claims of itself.
//!
//! `fixtures/<case>/case.toml` says what the case shows and how it must end; `exchanges.jsonl` holds the recorded
//! answers; `expected/` the tables and the outcome; `mapped/` the vocabulary tables that mapping.sql makes of them.

use crate::{recording, settings};
use egress::{Collector, Context, Egress, Shape};
use model::{CollectError, ColumnKind, Completeness, Observation, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The name every fixture's source has.
const SOURCE: &str = "fixture";
const VOCABULARY: &str = include_str!("../src/evaluate/vocabulary.sql");

/// What a case is there to show; the house rules want some of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shows {
    /// A whole population, where the source pages: on several pages.
    Pages,
    /// A call that was refused.
    Denied,
    /// An answer that is not what it should be.
    Broken,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What happens, in a sentence.
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) shows: BTreeSet<Shows>,
    pub(crate) started_at: Timestamp,
    /// `complete`, `incomplete` or `failed`.
    pub(crate) status: String,
    /// Codes of the reasons, each once, sorted.
    #[serde(default)]
    pub(crate) reasons: Vec<String>,
    /// Kind of the error of a failed run.
    #[serde(default)]
    pub(crate) error: Option<String>,
    /// Settings as the configuration gives them.
    #[serde(default)]
    pub(crate) settings: Value,
}

/// One case on disk.
pub(crate) struct Fixture {
    pub(crate) folder: PathBuf,
    pub(crate) case: Case,
    pub(crate) exchanges: Vec<model::Exchange>,
}

/// This crate's folder.
pub(crate) fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

/// Compares `content` with the file, or writes it when updating.
pub(crate) fn assert_fresh(path: &Path, content: &str) {
    if updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        return;
    }
    let shown = path.strip_prefix(house()).unwrap_or(path).display();
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == content,
        "{shown} is not what is derived now (`UPDATE=1` rewrites it).\nderived:\n{content}\nwritten:\n{written}"
    );
}

/// Every case of a collector, by name.
pub(crate) fn fixtures(id: &str) -> Vec<Fixture> {
    let folder = house().join(id).join("fixtures");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect())
        .unwrap_or_default();
    folders.sort();
    folders.into_iter().map(read).collect()
}

fn read(folder: PathBuf) -> Fixture {
    let text = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let case = toml::from_str(&text("case.toml")).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let exchanges =
        recording::read(&text("exchanges.jsonl")).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    Fixture { folder, case, exchanges }
}

impl Fixture {
    /// Runs the collector over the recording.
    fn run(&self, collector: &dyn Collector) -> (Result<Observation, CollectError>, Egress) {
        let egress = Egress::replay(self.exchanges.clone());
        let context = Context {
            source: SOURCE.to_owned(),
            settings: settings::with_defaults(collector.spec(), &self.case.settings),
            secrets: BTreeMap::new(),
            egress: egress.clone(),
            started_at: self.case.started_at,
        };
        collector.policy(&context.settings).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        (runtime.block_on(collector.collect(&context)), egress)
    }

    /// What the case's settings make of the collector.
    fn shape(&self, collector: &dyn Collector) -> Shape {
        collector.shape(SOURCE, &settings::with_defaults(collector.spec(), &self.case.settings)).unwrap()
    }

    /// Runs the case and compares everything with what is written.
    pub(crate) fn assert_holds(&self, collector: &dyn Collector) {
        let name = self.folder.display();
        let (outcome, egress) = self.run(collector);
        let (again, _) = self.run(collector);
        assert_eq!(describe(&outcome), describe(&again), "{name}: two runs over one recording differ");

        let (status, reasons) = status_of(&outcome);
        assert_eq!(self.case.status, status, "{name}: {:#}", describe(&outcome));
        assert_eq!(self.case.reasons, reasons, "{name}: {:#}", describe(&outcome));
        assert_eq!(self.case.error.as_deref(), outcome.as_ref().err().map(CollectError::kind), "{name}");
        let served: BTreeSet<u32> = egress.recorded().iter().map(|exchange| exchange.record.seq).collect();
        let unused: Vec<&str> = self
            .exchanges
            .iter()
            .filter(|exchange| !served.contains(&exchange.record.seq))
            .map(|exchange| exchange.record.url.as_str())
            .collect();
        assert!(unused.is_empty(), "{name}: recorded, but the collector never asked: {unused:?}");

        let mut expected = vec![("outcome.json".to_owned(), format!("{:#}\n", describe(&outcome)))];
        if let Ok(observation) = &outcome {
            let shape = self.shape(collector);
            let declared: Vec<&str> = shape.tables.iter().map(|table| table.name.as_str()).collect();
            let derived: Vec<&str> = observation.tables.iter().map(|table| table.spec().name.as_str()).collect();
            assert_eq!(
                declared.iter().collect::<BTreeSet<_>>(),
                derived.iter().collect::<BTreeSet<_>>(),
                "{name}: tables declared and tables derived"
            );
            for table in &observation.tables {
                let lines = String::from_utf8(table.to_lines()).unwrap();
                expected.push((format!("{}.jsonl", table.spec().name), lines));
            }
        }
        assert_folder(&self.folder.join("expected"), &expected);
        if let Ok(observation) = &outcome {
            let mapped: Vec<(String, String)> = map(collector, &self.shape(collector), observation)
                .into_iter()
                .filter(|(_, lines)| !lines.is_empty())
                .map(|(table, lines)| (format!("{table}.jsonl"), lines))
                .collect();
            assert_folder(&self.folder.join("mapped"), &mapped);
        }
    }
}

/// Every file fresh, and no file that nothing derives.
fn assert_folder(folder: &Path, files: &[(String, String)]) {
    for (name, content) in files {
        assert_fresh(&folder.join(name), content);
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let known = files.iter().any(|(name, _)| path.file_name().is_some_and(|file| file == name.as_str()));
        if !known && updating() {
            std::fs::remove_file(&path).unwrap();
        } else {
            assert!(known, "{} is left over: nothing derives it", path.display());
        }
    }
}

fn status_of(outcome: &Result<Observation, CollectError>) -> (&'static str, Vec<String>) {
    match outcome {
        Err(_) => ("failed", Vec::new()),
        Ok(Observation { completeness: Completeness::Complete { .. }, .. }) => ("complete", Vec::new()),
        Ok(Observation { completeness: Completeness::Incomplete { reasons }, .. }) => {
            let codes: BTreeSet<String> = reasons
                .iter()
                .map(|reason| serde_json::to_value(reason.code).unwrap().as_str().unwrap().to_owned())
                .collect();
            ("incomplete", codes.into_iter().collect())
        }
    }
}

/// Everything of an outcome but its tables.
fn describe(outcome: &Result<Observation, CollectError>) -> Value {
    match outcome {
        Err(error) => json!({ "error": error.kind(), "message": error.to_string(), "help": error.help() }),
        Ok(observation) => {
            let (basis, reasons) = match &observation.completeness {
                Completeness::Complete { basis } => (json!(basis), json!([])),
                Completeness::Incomplete { reasons } => (json!(null), json!(reasons)),
            };
            json!({
                "basis": basis, "reasons": reasons, "counts": observation.counts, "caller": observation.caller,
                "observed_at": observation.observed_at, "redactions": observation.redactions,
            })
        }
    }
}

/// The vocabulary tables a collector provides, as JSON lines.
fn map(collector: &dyn Collector, shape: &Shape, observation: &Observation) -> BTreeMap<String, String> {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(VOCABULARY).unwrap();
    for table in &observation.tables {
        load(&connection, table);
    }
    let name = &collector.spec().id;
    connection.execute_batch(&shape.mapping).unwrap_or_else(|error| panic!("{name}/mapping.sql: {error}"));

    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: BTreeSet<String> = names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let own: BTreeSet<&str> = observation.tables.iter().map(|table| table.spec().name.as_str()).collect();
    let mut mapped = BTreeMap::new();
    for table in names.iter().filter(|table| !own.contains(table.as_str())) {
        let lines = dump(&connection, table);
        if shape.provides.contains(table) {
            mapped.insert(table.clone(), lines);
        } else {
            assert!(lines.is_empty(), "{name}/mapping.sql fills `{table}`, which `provides` does not name");
        }
    }
    mapped
}

fn load(connection: &rusqlite::Connection, table: &model::Table) {
    let spec = table.spec();
    let columns: Vec<String> = spec
        .columns
        .iter()
        .map(|column| match column.kind {
            ColumnKind::Integer | ColumnKind::Boolean => format!("\"{}\" INTEGER", column.name),
            _ => format!("\"{}\" TEXT", column.name),
        })
        .collect();
    let create =
        format!("CREATE TABLE \"{}\" (_source TEXT, _snapshot TEXT, {}) STRICT", spec.name, columns.join(", "));
    connection.execute_batch(&create).unwrap();
    let marks = vec!["?"; spec.columns.len() + 2].join(", ");
    let mut insert = connection.prepare(&format!("INSERT INTO \"{}\" VALUES ({marks})", spec.name)).unwrap();
    for row in table.rows() {
        let cells = spec.columns.iter().map(|column| match row.get(&column.name) {
            None | Some(Value::Null) => rusqlite::types::Value::Null,
            Some(Value::Bool(flag)) => i64::from(*flag).into(),
            Some(Value::Number(number)) => number.as_i64().unwrap().into(),
            Some(Value::String(text)) => text.clone().into(),
            Some(other) => other.to_string().into(),
        });
        let names = [SOURCE, "snapshot"].map(|text| rusqlite::types::Value::from(text.to_owned()));
        insert.execute(rusqlite::params_from_iter(names.into_iter().chain(cells))).unwrap();
    }
}

/// Rows sorted by their text, nulls left out.
fn dump(connection: &rusqlite::Connection, table: &str) -> String {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let mut object = serde_json::Map::new();
        for (index, name) in names.iter().enumerate() {
            let value = match row.get::<_, rusqlite::types::Value>(index).unwrap() {
                rusqlite::types::Value::Null => continue,
                rusqlite::types::Value::Integer(number) => json!(number),
                rusqlite::types::Value::Text(text) => json!(text),
                other => panic!("{table}.{name}: {other:?}"),
            };
            object.insert(name.clone(), value);
        }
        lines.push(Value::Object(object).to_string() + "\n");
    }
    lines.sort();
    lines.concat()
}

#[test]
fn every_case_ends_as_it_says() {
    for collector in crate::all() {
        for fixture in fixtures(&collector.spec().id) {
            fixture.assert_holds(*collector);
        }
    }
}
