//! What changed between two snapshots of one source, table by table and row by row.

use crate::failure::Failure;
use model::{Digest, Manifest, SnapshotStatus, TableRecord, TableSpec};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use store::Reader;

/// Two snapshots, the earlier one first.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    pub(crate) source: String,
    pub(crate) before: Side,
    pub(crate) after: Side,
    pub(crate) tables: Vec<TableDifference>,
    /// What the difference cannot say.
    pub(crate) notes: Vec<String>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(crate) struct Side {
    pub(crate) snapshot: String,
    pub(crate) status: SnapshotStatus,
    pub(crate) finished_at: model::Timestamp,
    pub(crate) log_index: u64,
}

/// One table.
#[derive(Debug, Serialize)]
pub(crate) struct TableDifference {
    pub(crate) table: String,
    pub(crate) unchanged: u64,
    pub(crate) added: Vec<Map<String, Value>>,
    pub(crate) removed: Vec<Map<String, Value>>,
    pub(crate) changed: Vec<RowChange>,
}

/// A row that is in both, by its key.
#[derive(Debug, Serialize)]
pub(crate) struct RowChange {
    pub(crate) key: Map<String, Value>,
    /// Column, before, after.
    pub(crate) columns: Vec<(String, Value, Value)>,
}

/// Compares `before` with `after`. They are of one source; the order of the two does not matter.
pub(crate) fn difference(reader: &Reader, one: &str, other: &str) -> Result<Difference, Failure> {
    let sealed = |id: &str| {
        reader.snapshot(id)?.ok_or_else(|| {
            Failure::usage(format!("there is no snapshot `{id}`"), "`evidenced snapshots list` shows them")
        })
    };
    let (mut first, mut second) = (sealed(one)?, sealed(other)?);
    if first.value().source != second.value().source {
        return Err(Failure::usage(
            format!("`{one}` is of {}, `{other}` of {}", first.value().source, second.value().source),
            "name two snapshots of one source",
        ));
    }
    if (first.value().finished_at, first.index()) > (second.value().finished_at, second.index()) {
        std::mem::swap(&mut first, &mut second);
    }
    let side = |sealed: &ledger::Sealed<Manifest>| Side {
        snapshot: sealed.value().id.clone(),
        status: sealed.value().status,
        finished_at: sealed.value().finished_at,
        log_index: sealed.index(),
    };
    let (before, after) = (first.value(), second.value());
    let mut notes = Vec::new();
    for manifest in [before, after].into_iter().filter(|manifest| manifest.status != SnapshotStatus::Complete) {
        let status = manifest.status.as_str();
        notes.push(format!("{} is {status}: a row that is not in it may be there all the same", manifest.id));
    }
    let mut tables = Vec::new();
    let names: BTreeSet<&str> = before.tables.iter().chain(&after.tables).map(|table| table.name.as_str()).collect();
    for name in names {
        let of = |manifest: &'_ Manifest| manifest.tables.iter().find(|table| table.name == name).cloned();
        match (of(before), of(after)) {
            (Some(before), Some(after)) => tables.push(table(reader, &before, &after)?),
            (Some(_), None) => notes.push(format!("only the earlier one has the table `{name}`")),
            (None, _) => notes.push(format!("only the later one has the table `{name}`")),
        }
    }
    Ok(Difference { source: before.source.clone(), before: side(&first), after: side(&second), tables, notes })
}

type Rows = BTreeMap<String, Map<String, Value>>;

fn table(reader: &Reader, before: &TableRecord, after: &TableRecord) -> Result<TableDifference, Failure> {
    let mut difference = TableDifference {
        table: after.name.clone(),
        unchanged: after.rows,
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
    };
    if before.sha256 == after.sha256 {
        return Ok(difference);
    }
    difference.unchanged = 0;
    // a key that changed its columns cannot tell which row became which
    let by_key = before.spec.key == after.spec.key;
    let mut left = rows(reader, &before.sha256, &before.spec, by_key)?;
    for (key, row) in rows(reader, &after.sha256, &after.spec, by_key)? {
        match left.remove(&key) {
            None => difference.added.push(row),
            Some(former) if former == row => difference.unchanged += 1,
            Some(former) => difference.changed.push(change(&after.spec, &former, &row)),
        }
    }
    difference.removed = left.into_values().collect();
    Ok(difference)
}

/// The rows by their key, or by their whole text where there is none; the same text again is counted apart.
fn rows(reader: &Reader, digest: &Digest, spec: &TableSpec, by_key: bool) -> Result<Rows, Failure> {
    let bytes = reader.blob(digest)?;
    let mut rows = Rows::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Map<String, Value> = serde_json::from_slice(line).map_err(Failure::store)?;
        let own = if by_key && !spec.key.is_empty() {
            let cells: Vec<&Value> = spec.key.iter().map(|column| row.get(column).unwrap_or(&Value::Null)).collect();
            serde_json::to_string(&cells).map_err(Failure::store)?
        } else {
            String::from_utf8_lossy(line).into_owned()
        };
        let mut key = own.clone();
        let mut times = 1;
        while rows.contains_key(&key) {
            times += 1;
            key = format!("{own} {times}");
        }
        rows.insert(key, row);
    }
    Ok(rows)
}

fn change(spec: &TableSpec, before: &Map<String, Value>, after: &Map<String, Value>) -> RowChange {
    let value = |row: &Map<String, Value>, column: &str| row.get(column).cloned().unwrap_or(Value::Null);
    let columns: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    RowChange {
        key: spec.key.iter().map(|column| (column.clone(), value(after, column))).collect(),
        columns: columns
            .into_iter()
            .map(|column| (column.clone(), value(before, column), value(after, column)))
            .filter(|(_, before, after)| before != after)
            .collect(),
    }
}
