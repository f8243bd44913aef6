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

/// A table under construction or read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    spec: TableSpec,
    rows: Vec<Row>,
}

impl Table {
    /// An empty table.
    pub const fn new(spec: TableSpec) -> Self {
        Self { spec, rows: Vec::new() }
    }

    /// The specification.
    pub const fn spec(&self) -> &TableSpec {
        &self.spec
    }

    /// The rows; sorted by key only after [`Table::settle`].
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Adds a row after checking every value against its column. Null values are dropped: absent is *not reported*.
    pub fn push(&mut self, mut row: Row) -> Result<(), TableError> {
        row.retain(|_, value| !value.is_null());
        for (name, value) in &row {
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
        if let Some(column) = self.spec.key.iter().find(|column| !row.contains_key(*column)) {
            return Err(TableError::NoKey { table: self.spec.name.clone(), column: column.clone() });
        }
        self.rows.push(row);
        Ok(())
    }

    /// Sorts by key, merges identical duplicates, and returns the keys whose duplicates differ
    /// (the snapshot is then incomplete; all differing rows are kept).
    pub fn settle(&mut self) -> Vec<String> {
        let key_columns = self.spec.key.clone();
        let key = |row: &Row| -> Vec<String> {
            key_columns.iter().map(|column| row.get(column).map(sort_text).unwrap_or_default()).collect()
        };
        self.rows.sort_by_cached_key(|row| (key(row), serde_json::to_string(row).unwrap_or_default()));
        self.rows.dedup();
        let mut differing: Vec<String> = self
            .rows
            .windows(2)
            .filter(|pair| key(&pair[0]) == key(&pair[1]))
            .map(|pair| key(&pair[0]).join("/"))
            .collect();
        differing.dedup();
        differing
    }

    /// The stored form: one canonical JSON object a line, every line ended by a newline.
    pub fn to_lines(&self) -> Result<Vec<u8>, crate::CanonicalError> {
        let mut lines = Vec::new();
        for row in &self.rows {
            lines.extend(crate::canonical_json(row)?);
            lines.push(b'\n');
        }
        Ok(lines)
    }

    /// Reads the stored form back, checking every row against `spec`.
    pub fn from_lines(spec: TableSpec, lines: &[u8]) -> Result<Self, TableError> {
        let mut table = Self::new(spec);
        for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let row: Row = serde_json::from_slice(line).map_err(|error| TableError::Line {
                table: table.spec.name.clone(),
                line: index + 1,
                problem: error.to_string(),
            })?;
            table.push(row)?;
        }
        Ok(table)
    }

    /// The digest of the stored form.
    pub fn digest(&self) -> Result<Digest, crate::CanonicalError> {
        Ok(Digest::of(&self.to_lines()?))
    }
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
    const SAFE: i64 = 1 << 53;
    match kind {
        ColumnKind::Text => value.is_string(),
        ColumnKind::Integer => value.as_i64().is_some_and(|number| number.abs() < SAFE),
        ColumnKind::Boolean => value.is_boolean(),
        ColumnKind::Timestamp => {
            value.as_str().is_some_and(|text| text.len() == 20 && text.parse::<jiff::Timestamp>().is_ok())
        }
        ColumnKind::Date => {
            value.as_str().is_some_and(|text| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok())
        }
        ColumnKind::Json => value.is_array() || value.is_object(),
    }
}
