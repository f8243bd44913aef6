//! Tables: what a collector derives from the bytes it captured.
//!
//! A table is stored as canonical JSON lines, one object a row, sorted by key. It is derived and disposable:
//! deriving it again from the same exchanges gives the same bytes.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A cell the source reported, or did not.
///
/// `NotReported` becomes SQL NULL. It is never turned into `false`, zero or the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed<T> {
    /// The source said so.
    Known(T),
    /// The source did not say.
    NotReported,
}

impl<T> From<Option<T>> for Observed<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NotReported, Self::Known)
    }
}

impl<T: Into<Value>> From<Observed<T>> for Value {
    fn from(value: Observed<T>) -> Self {
        match value {
            Observed::Known(known) => known.into(),
            Observed::NotReported => Value::Null,
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// An integer below 2^53.
    Integer,
    /// `true` or `false`; 1 or 0 in SQL.
    Boolean,
    /// An instant in UTC, whole seconds: `2026-01-01T00:00:05Z`.
    Timestamp,
    /// A calendar date: `2026-01-31`.
    Date,
    /// A JSON array or object, stored as text in SQL.
    Json,
}

impl ColumnKind {
    /// Whether a column of this kind may hold `text`.
    pub fn fits_text(self, text: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Timestamp => text.len() == 20 && text.parse::<jiff::Timestamp>().is_ok(),
            Self::Date => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
            Self::Integer | Self::Boolean | Self::Json => false,
        }
    }

    /// Whether a column of this kind may hold `number`: no reader of JSON rounds it.
    pub const fn fits_integer(self, number: i64) -> bool {
        const SAFE: u64 = 1 << 53;
        matches!(self, Self::Integer) && number.unsigned_abs() < SAFE
    }
}

/// One described column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name, snake case, unit included (`_at`, `_days`).
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// What it means, and where the source says so.
    pub description: String,
}

/// A described table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Name, prefixed with the collector's id: `aws_iam_user`.
    pub name: String,
    /// What one row is.
    pub description: String,
    /// The columns that identify a row; rows are sorted by them.
    pub key: Vec<String>,
    /// Every column, in display order.
    pub columns: Vec<Column>,
}

/// One row: column name to value; an absent or null column is *not reported*.
pub type Row = BTreeMap<String, Value>;

/// A row that does not fit its table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A column the specification does not have.
    #[error("table `{table}` has no column `{column}`")]
    UnknownColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A value of another kind than the column's.
    #[error("table `{table}`, column `{column}`: expected {expected:?}, found {found}")]
    Kind {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What the specification says.
        expected: ColumnKind,
        /// What was given.
        found: String,
    },
    /// A row without its key.
    #[error("table `{table}`: a row has no value for its key column `{column}`")]
    NoKey {
        /// The table.
        table: String,
        /// The key column.
        column: String,
    },
    /// Stored bytes that are not the table's lines.
    #[error("table `{table}`, line {line}: {problem}")]
    Line {
        /// The table.
        table: String,
        /// Line number from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// A table under construction or read back. It holds its rows as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    spec: TableSpec,
    lines: Vec<Line>,
}

/// A row as it is stored, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    key: Box<[u8]>,
    json: Box<str>,
}

impl Table {
    /// An empty table.
    pub const fn new(spec: TableSpec) -> Self {
        Self { spec, lines: Vec::new() }
    }

    /// The specification.
    pub const fn spec(&self) -> &TableSpec {
        &self.spec
    }

    /// How many rows it has.
    pub const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The rows; sorted by key only after [`Table::settle`].
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        self.lines().map(|line| serde_json::from_str(line).expect("a row was written from a row"))
    }

    /// The rows as they are stored, each without its newline.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.lines.iter().map(|line| &*line.json)
    }

    /// Adds a row after checking every value against its column. Null values are dropped: absent is *not reported*.
    pub fn push(&mut self, mut row: Row) -> Result<(), TableError> {
        row.retain(|_, value| !value.is_null());
        let key = self.key_of(&row)?.into();
        let json = crate::canonical_json(&row)
            .map_err(|error| error.to_string())
            .and_then(|json| String::from_utf8(json).map_err(|error| error.to_string()))
            .map_err(|problem| self.unreadable(self.lines.len() + 1, problem))?;
        self.lines.push(Line { key, json: json.into() });
        Ok(())
    }

    /// Checks every value of `row` against its column; what it is sorted by.
    fn key_of(&self, row: &Row) -> Result<Vec<u8>, TableError> {
        for (name, value) in row {
            let Some(column) = self.spec.columns.iter().find(|column| &column.name == name) else {
                return Err(TableError::UnknownColumn { table: self.spec.name.clone(), column: name.clone() });
            };
            if !fits(column.kind, value) {
                return Err(TableError::Kind {
                    table: self.spec.name.clone(),
                    column: name.clone(),
                    expected: column.kind,
                    found: value.to_string().chars().take(80).collect(),
                });
            }
        }
        let mut key = Vec::new();
        for column in &self.spec.key {
            let Some(value) = row.get(column) else {
                return Err(TableError::NoKey { table: self.spec.name.clone(), column: column.clone() });
            };
            add_sorted(&mut key, &sort_text(value));
        }
        Ok(key)
    }

    fn unreadable(&self, line: usize, problem: String) -> TableError {
        TableError::Line { table: self.spec.name.clone(), line, problem }
    }

    /// Sorts by key, merges identical duplicates, and returns the keys whose duplicates differ
    /// (the snapshot is then incomplete; all differing rows are kept).
    pub fn settle(&mut self) -> Vec<String> {
        self.lines.sort_unstable();
        self.lines.dedup();
        let mut differing: Vec<String> = self
            .lines
            .windows(2)
            .filter(|pair| pair[0].key == pair[1].key)
            .map(|pair| self.shown_key(&pair[0]))
            .collect();
        differing.dedup();
        differing
    }

    fn shown_key(&self, line: &Line) -> String {
        let row: Row = serde_json::from_str(&line.json).unwrap_or_default();
        let parts: Vec<String> = self.spec.key.iter().filter_map(|column| row.get(column)).map(sort_text).collect();
        parts.join("/")
    }

    /// The stored form: one canonical JSON object a line, every line ended by a newline.
    pub fn to_lines(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.lines().map(|line| line.len() + 1).sum());
        for line in self.lines() {
            lines.extend(line.as_bytes());
            lines.push(b'\n');
        }
        lines
    }

    /// Reads the stored form back, checking every row against `spec`.
    pub fn from_lines(spec: TableSpec, lines: &[u8]) -> Result<Self, TableError> {
        let mut table = Self::new(spec);
        for (index, line) in lines.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            let line = std::str::from_utf8(line).map_err(|error| table.unreadable(index + 1, error.to_string()))?;
            table.push_line(index + 1, line)?;
        }
        Ok(table)
    }

    /// Adds a stored row as it stands, after checking it; `number` is told in the error.
    pub fn push_line(&mut self, number: usize, line: &str) -> Result<(), TableError> {
        let row = serde_json::from_str(line).map_err(|error| self.unreadable(number, error.to_string()))?;
        let key = self.key_of(&row)?.into();
        self.lines.push(Line { key, json: line.into() });
        Ok(())
    }

    /// The digest of the stored form.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_lines())
    }
}

/// Appends `part` so that keys compare as bytes as their parts compare one by one.
fn add_sorted(key: &mut Vec<u8>, part: &str) {
    for byte in part.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(u8::MAX);
        }
    }
    key.extend([0, 0]);
}

fn sort_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // digits sort as numbers when padded; keys are texts or small integers
        Value::Number(number) => format!("{:0>20}", number.to_string()),
        other => other.to_string(),
    }
}

fn fits(kind: ColumnKind, value: &Value) -> bool {
    match value {
        Value::String(text) => kind.fits_text(text),
        Value::Number(number) => number.as_i64().is_some_and(|number| kind.fits_integer(number)),
        Value::Bool(_) => kind == ColumnKind::Boolean,
        Value::Array(_) | Value::Object(_) => kind == ColumnKind::Json,
        Value::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec() -> TableSpec {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind, description: String::new() };
        TableSpec {
            name: "t".to_owned(),
            description: String::new(),
            key: vec!["a".to_owned(), "b".to_owned()],
            columns: vec![
                column("a", ColumnKind::Text),
                column("b", ColumnKind::Integer),
                column("c", ColumnKind::Text),
            ],
        }
    }

    fn row(value: Value) -> Row {
        serde_json::from_value(value).unwrap()
    }

    fn keys(table: &Table) -> Vec<(String, i64)> {
        table.rows().map(|row| (row["a"].as_str().unwrap().to_owned(), row["b"].as_i64().unwrap())).collect()
    }

    #[test]
    fn rows_are_sorted_by_the_parts_of_their_key_one_by_one() {
        let mut table = Table::new(spec());
        let mut expected = Vec::new();
        for a in ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "ab", "a b", "b", "é"] {
            for b in [10, 9, 0] {
                table.push(row(json!({ "a": a, "b": b, "c": null }))).unwrap();
                expected.push((a.to_owned(), b));
            }
        }
        expected.sort();
        assert!(table.settle().is_empty());
        assert_eq!(keys(&table), expected);
        let read = Table::from_lines(spec(), &table.to_lines()).unwrap();
        assert_eq!(read, table);
        assert_eq!(read.len(), 33);
    }

    #[test]
    fn duplicates_merge_when_they_are_the_same_and_are_told_when_they_differ() {
        let mut table = Table::new(spec());
        for c in ["x", "x", "y"] {
            table.push(row(json!({ "a": "k", "b": 7, "c": c }))).unwrap();
        }
        table.push(row(json!({ "a": "l", "b": 7 }))).unwrap();
        assert_eq!(table.settle(), ["k/00000000000000000007"]);
        assert_eq!(table.len(), 3, "what differs is kept");
    }

    #[test]
    fn what_does_not_fit_is_refused_pushed_or_read() {
        let refused = |value: Value| {
            let pushed = Table::new(spec()).push(row(value.clone())).unwrap_err().to_string();
            let read = Table::from_lines(spec(), value.to_string().as_bytes()).unwrap_err().to_string();
            assert_eq!(pushed, read);
            pushed
        };
        assert!(refused(json!({ "a": "k", "b": 1, "d": 1 })).contains("no column `d`"));
        assert!(refused(json!({ "a": "k", "b": "1" })).contains("expected Integer"));
        assert!(refused(json!({ "a": "k" })).contains("key column `b`"));
        let cut = Table::from_lines(spec(), b"{\"a\":\"k\",\"b\":1}\n{\"a\":").unwrap_err();
        assert!(cut.to_string().contains("line 2"), "{cut}");
    }
}
