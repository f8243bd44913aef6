//! Runs one read-only statement over a scratch database and returns its rows as JSON values.
//!
//! Used inside the worker process, and by the case runner and tests in their own. It judges nothing.

use crate::diagnostic::Place;
use crate::guard::{self, Rule};
use crate::inputs::Inputs;
use crate::rows::{Pour, RowsError};
use crate::scratch::{Scratch, ScratchError, Summary, sentence, table_names, to_sql};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most members of one check.
pub(crate) const MAX_ROWS: usize = 1_000_000;
/// Most bytes of one answer.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Integers beyond this are given as text: JSON readers round them.
const SAFE_INTEGER: i64 = 1 << 53;

/// The rows of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows; integers, texts and nulls only.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than asked for.
    pub truncated: bool,
}

/// A statement to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Question {
    pub sql: String,
    /// Values by name without the colon; the instant under `as_of`.
    pub parameters: BTreeMap<String, Value>,
    /// Rows to return at most.
    pub most: usize,
    /// Whether more rows than that are an error.
    pub whole: bool,
    /// Whether the schema may be read.
    pub schema: bool,
}

/// Why there is no scratch database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// It could not be built, in words.
    #[error("{0}")]
    Unbuilt(String),
    /// The rows of a snapshot did not come: that says nothing of the checks.
    #[error("rows of snapshot {snapshot}: {error}")]
    Rows { snapshot: String, error: RowsError },
}

impl From<String> for LoadError {
    fn from(problem: String) -> Self {
        Self::Unbuilt(problem)
    }
}

/// Something that holds a scratch database and runs statements over it.
pub(crate) trait Runner {
    /// Builds the scratch database.
    fn load(&mut self, inputs: &Inputs) -> Result<Summary, LoadError>;
    /// Runs a statement; an error is a sentence.
    fn run(&mut self, question: &Question) -> Result<Grid, String>;
}

/// Runs in this process: for cases and tests, whose rows are written by whoever writes the check.
#[derive(Default)]
pub(crate) struct InProcess {
    pub scratch: Option<Scratch>,
}

impl InProcess {
    /// Builds the scratch database of rows that `pour` gives.
    pub(crate) fn build(&mut self, inputs: &Inputs, pour: &mut Pour<'_>) -> Result<Summary, LoadError> {
        let scratch = Scratch::build(inputs, pour).map_err(|error| match error {
            ScratchError::Rows { snapshot, error } => LoadError::Rows { snapshot, error },
            other => LoadError::Unbuilt(other.to_string()),
        })?;
        Ok(self.scratch.insert(scratch).summary.clone())
    }
}

impl Runner for InProcess {
    fn load(&mut self, inputs: &Inputs) -> Result<Summary, LoadError> {
        self.build(inputs, &mut |table, take| table.rows.pour(take))
    }

    fn run(&mut self, question: &Question) -> Result<Grid, String> {
        let connection = &mut self.scratch.as_mut().ok_or("nothing was loaded")?.connection;
        let answer = run(connection, question);
        guard::lift(connection).map_err(|error| error.to_string())?;
        answer
    }
}

fn run(connection: &mut Connection, question: &Question) -> Result<Grid, String> {
    let in_words = |error: rusqlite::Error| sentence(&error);
    if question.sql.contains('\0') {
        return Err("the statement holds a zero byte, and SQLite would read it only up to there".to_owned());
    }
    let tables = table_names(connection).map_err(in_words)?;
    let touched = guard::install(connection, Rule::Read { tables, schema: question.schema }).map_err(in_words)?;
    let mut statement = connection.prepare(&question.sql).map_err(|error| {
        let refused = touched.lock().ok().and_then(|touched| touched.refused.first().cloned());
        refused.unwrap_or_else(|| placed(&error, &question.sql))
    })?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err("only SELECT is allowed".to_owned());
    }
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or("?").to_owned();
        let value = name.strip_prefix(':').and_then(|bare| question.parameters.get(bare));
        let value = value.ok_or_else(|| format!("parameter `{name}` has no value"))?;
        statement.raw_bind_parameter(index, to_sql(value)).map_err(in_words)?;
    }

    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut grid = Grid { columns, rows: Vec::new(), truncated: false };
    let mut bytes = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(in_words)? {
        if grid.rows.len() == question.most {
            if question.whole {
                return Err(format!("the query returned more than {} rows", question.most));
            }
            grid.truncated = true;
            break;
        }
        let mut cells = Vec::with_capacity(grid.columns.len());
        for (index, column) in grid.columns.iter().enumerate() {
            let cell =
                cell(row.get_ref(index).map_err(in_words)?).map_err(|what| format!("column `{column}` {what}"))?;
            bytes += cell.as_str().map_or(8, str::len);
            cells.push(cell);
        }
        if bytes > MAX_ANSWER_BYTES {
            return Err(format!("the query returned more than {MAX_ANSWER_BYTES} bytes"));
        }
        grid.rows.push(cells);
    }
    Ok(grid)
}

/// Why `sql` cannot be prepared, and where in it that is, if SQLite says so.
fn placed(error: &rusqlite::Error, sql: &str) -> String {
    let sentence = sentence(error);
    let offset = match error {
        rusqlite::Error::SqlInputError { offset, .. } => usize::try_from(*offset).ok(),
        _ => None,
    };
    offset.map_or_else(
        || sentence.clone(),
        |offset| {
            let at = Place { file: "", text: sql }.at(offset, "", "");
            format!("{sentence} (line {}, column {})", at.line, at.column)
        },
    )
}

fn cell(value: ValueRef<'_>) -> Result<Value, &'static str> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) if number.abs() <= SAFE_INTEGER => Ok(json!(number)),
        ValueRef::Integer(number) => Ok(json!(number.to_string())),
        // floats have no canonical form that every reader agrees on
        ValueRef::Real(number) => Ok(json!(number.to_string())),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(json!(text)),
            Err(_) => Err("holds text that is not UTF-8"),
        },
        ValueRef::Blob(_) => Err("holds bytes; return text"),
    }
}
