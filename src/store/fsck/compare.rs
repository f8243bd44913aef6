//! Compares the evidence database with the replay, table by table and row by row.

use super::replay::Replayed;
use super::{FsckReport, FsckStage, Scene};
use crate::error::StoreError;
use crate::tables::TABLES;
use rusqlite::types::Value;
use rusqlite::{Connection, Rows, Statement};
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::Path;

/// Differences told apart in one table; beyond that they are counted.
const TOLD: u64 = 20;

/// Reports every row that the log does not give, gives otherwise, or gives and is not there.
pub(super) fn rows(scene: &Scene<'_>, report: &mut FsckReport, evidence: &Connection, replayed: &Replayed) {
    let path = scene.paths.database();
    for (done, (table, key)) in (0..).zip(TABLES) {
        let projection = !matches!(table, "entry" | "node");
        if evidence.table_exists(None, table).is_ok_and(|there| !there) {
            // of a schema before the table; a missing one of this schema is named with the structure
            continue;
        }
        if projection && !replayed.referenced.whole {
            report
                .notes
                .push(format!("the rows of `{table}` were not compared: not everything they come from can be read"));
        } else if let Err(error) = table_rows(report, &path, evidence, &replayed.database, table, key) {
            report.failure(&path, &StoreError::database("compare rows", &path, error));
        }
        (scene.progress)(FsckStage::Rows, done + 1, TABLES.len() as u64);
    }
}

fn table_rows(
    report: &mut FsckReport,
    path: &Path,
    evidence: &Connection,
    replayed: &Connection,
    table: &str,
    key: &str,
) -> rusqlite::Result<()> {
    // not by an index, whose own damage would hide rows: SQLite's check compares indexes with tables
    let query = format!("SELECT * FROM {table} NOT INDEXED ORDER BY {key}");
    let (mut found, mut expected) = (evidence.prepare(&query)?, replayed.prepare(&query)?);
    let columns: Vec<String> = found.column_names().map(str::to_owned).collect();
    let keys: Vec<usize> =
        key.split(", ").filter_map(|name| columns.iter().position(|column| column == name)).collect();
    let (mut found, mut expected) = (Cursor::new(&mut found)?, Cursor::new(&mut expected)?);
    let mut differences = 0;
    let mut tell = |problem: String| {
        differences += 1;
        if differences <= TOLD {
            report.problems.push(super::Problem { path: path.to_owned(), problem });
        }
    };
    let mut compared = 0;
    loop {
        let order = match (&found.row, &expected.row) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => keys
                .iter()
                .map(|&column| order(&left[column], &right[column]))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        };
        let name = |row: &Option<Vec<Value>>| {
            row.as_ref().map(|row| row_name(table, &keys, &columns, row)).unwrap_or_default()
        };
        match order {
            Ordering::Less => {
                tell(format!("{} is not in the log", name(&found.row)));
                found.advance()?;
            }
            Ordering::Greater => {
                tell(format!("{} is missing", name(&expected.row)));
                expected.advance()?;
            }
            Ordering::Equal => {
                if let (Some(left), Some(right)) = (&found.row, &expected.row) {
                    for ((column, left), right) in columns.iter().zip(left).zip(right) {
                        if left != right {
                            tell(format!("{}: `{column}` is not what the log gives", name(&found.row)));
                        }
                    }
                }
                compared += 1;
                found.advance()?;
                expected.advance()?;
            }
        }
    }
    if differences > TOLD {
        report.problem(path, format!("table `{table}` has {} more differences", differences - TOLD));
    }
    report.rows += compared;
    Ok(())
}

struct Cursor<'a> {
    rows: Rows<'a>,
    width: usize,
    row: Option<Vec<Value>>,
}

impl<'a> Cursor<'a> {
    fn new(statement: &'a mut Statement<'_>) -> rusqlite::Result<Self> {
        let width = statement.column_count();
        let mut cursor = Self { rows: statement.query([])?, width, row: None };
        cursor.advance()?;
        Ok(cursor)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        let width = self.width;
        self.row = match self.rows.next()? {
            Some(row) => Some((0..width).map(|column| row.get(column)).collect::<rusqlite::Result<_>>()?),
            None => None,
        };
        Ok(())
    }
}

/// SQLite's own order for the kinds of value that keys have.
fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        _ => rank(left).cmp(&rank(right)),
    }
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    }
}

fn row_name(table: &str, keys: &[usize], columns: &[String], row: &[Value]) -> String {
    let mut name = format!("row of `{table}`");
    for &key in keys {
        let _ = match &row[key] {
            Value::Integer(number) => write!(name, " {}={number}", columns[key]),
            Value::Text(text) => write!(name, " {}={text}", columns[key]),
            other => write!(name, " {}={other:?}", columns[key]),
        };
    }
    name
}
