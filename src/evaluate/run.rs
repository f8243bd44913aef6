//! Runs one read-only statement over a scratch database and returns its rows as JSON values.
//!
//! Used inside the worker process, and by the case runner and tests in their own. It judges nothing.

use crate::diagnostic::Place;
use crate::guard::{self, Rule};
use crate::inputs::Inputs;
use crate::rows::{Pour, RowsError};
use crate::scratch::{Begun, Scratch, ScratchError, Summary, sentence, table_names, to_sql};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most members of one check.
pub(crate) const MAX_ROWS: usize = 1_000_000;
/// Most bytes of one answer.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Integers beyond this are given as text: JSON readers round them.
const SAFE_INTEGER: u64 = 1 << 53;

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
    /// The history that was left out is not that of the accounts there are: all of it is needed.
    #[error("what was left out of the history of accounts does not fit the accounts there are")]
    LeftOut,
}

impl From<String> for LoadError {
    fn from(problem: String) -> Self {
        Self::Unbuilt(problem)
    }
}

/// Takes what a query returns, row after row. It judges nothing until the query is known to have come to its end.
pub(crate) trait TakeRows {
    /// Told once, before the first row.
    fn columns(&mut self, columns: &[String]);
    /// A cell for each column.
    fn row(&mut self, cells: Vec<Value>);
}

impl TakeRows for Grid {
    fn columns(&mut self, columns: &[String]) {
        self.columns = columns.to_vec();
    }

    fn row(&mut self, cells: Vec<Value>) {
        self.rows.push(cells);
    }
}

/// Something that holds a scratch database and runs statements over it.
pub(crate) trait Runner {
    /// Loads and maps the sources of `inputs`, so that the tables they provide can be read. Returns those that could not be mapped.
    fn begin(&mut self, inputs: &Inputs) -> Result<BTreeMap<String, String>, LoadError>;
    /// Builds the scratch database, out of what was begun for the same inputs where there is that.
    fn load(&mut self, inputs: &Inputs) -> Result<Summary, LoadError>;
    /// Runs a statement and hands its rows over; whether there were more than asked for. After an error, which is a sentence,
    /// what was handed over says nothing.
    fn rows(&mut self, question: &Question, take: &mut dyn TakeRows) -> Result<bool, String>;
    /// The same, all rows at once.
    fn run(&mut self, question: &Question) -> Result<Grid, String> {
        let mut grid = Grid { columns: Vec::new(), rows: Vec::new(), truncated: false };
        grid.truncated = self.rows(question, &mut grid)?;
        Ok(grid)
    }
}

/// Runs in this process: for cases and tests, whose rows are written by whoever writes the check; and for the worker.
#[derive(Default)]
pub(crate) struct InProcess {
    pub begun: Option<Begun>,
    pub scratch: Option<Scratch>,
}

impl From<ScratchError> for LoadError {
    fn from(error: ScratchError) -> Self {
        match error {
            ScratchError::Rows { snapshot, error } => Self::Rows { snapshot, error },
            ScratchError::LeftOut => Self::LeftOut,
            other => Self::Unbuilt(other.to_string()),
        }
    }
}

impl InProcess {
    /// Begins the scratch database with rows that `pour` gives; what was there before is gone.
    pub(crate) fn begin_with(
        &mut self,
        inputs: &Inputs,
        pour: &mut Pour<'_>,
    ) -> Result<BTreeMap<String, String>, LoadError> {
        *self = Self::default();
        Ok(self.begun.insert(Begun::of(inputs, pour)?).unmapped.clone())
    }

    /// Builds the scratch database out of what was begun for `inputs`.
    pub(crate) fn finish_with(&mut self, inputs: &Inputs, pour: &mut Pour<'_>) -> Result<Summary, LoadError> {
        let begun = self.begun.take().ok_or_else(|| "nothing was begun".to_owned())?;
        let mut scratch = begun.finish(inputs, pour)?;
        // nobody looks at the map in here again
        let links = std::mem::take(&mut scratch.summary.links);
        Ok(Summary { links, ..self.scratch.insert(scratch).summary.clone() })
    }

    /// Runs a statement, as SQLite holds its rows; whether there were more than asked for.
    pub(crate) fn each(&mut self, question: &Question, answer: &mut impl TakeCells) -> Result<bool, String> {
        let begun = self.begun.as_mut().map(|begun| &mut begun.connection);
        let built = self.scratch.as_mut().map(|scratch| &mut scratch.connection);
        let connection = begun.or(built).ok_or("nothing was loaded")?;
        let answered = run(connection, question, answer);
        guard::lift(connection).map_err(|error| error.to_string())?;
        answered
    }
}

/// Takes rows as SQLite holds them. An error is a sentence.
pub(crate) trait TakeCells {
    /// Told once, before the first row.
    fn columns(&mut self, columns: &[String]) -> Result<(), String>;
    /// The next cell of the row.
    fn cell(&mut self, value: ValueRef<'_>) -> Result<(), String>;
    /// The row has no further cell.
    fn end(&mut self) -> Result<(), String>;
}

/// Makes values of cells.
struct Values<'a> {
    take: &'a mut dyn TakeRows,
    width: usize,
    cells: Vec<Value>,
}

impl TakeCells for Values<'_> {
    fn columns(&mut self, columns: &[String]) -> Result<(), String> {
        self.width = columns.len();
        self.take.columns(columns);
        Ok(())
    }

    fn cell(&mut self, value: ValueRef<'_>) -> Result<(), String> {
        self.cells.push(Told::of(value)?.into());
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.take.row(std::mem::replace(&mut self.cells, Vec::with_capacity(self.width)));
        Ok(())
    }
}

impl Runner for InProcess {
    fn begin(&mut self, inputs: &Inputs) -> Result<BTreeMap<String, String>, LoadError> {
        self.begin_with(inputs, &mut |table, take| table.rows.pour(take))
    }

    fn load(&mut self, inputs: &Inputs) -> Result<Summary, LoadError> {
        self.begin(inputs)?;
        self.finish_with(inputs, &mut |table, take| table.rows.pour(take))
    }

    fn rows(&mut self, question: &Question, take: &mut dyn TakeRows) -> Result<bool, String> {
        self.each(question, &mut Values { take, width: 0, cells: Vec::new() })
    }
}

fn run(connection: &mut Connection, question: &Question, answer: &mut impl TakeCells) -> Result<bool, String> {
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
    answer.columns(&columns)?;
    let (mut count, mut bytes) = (0, 0);
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(in_words)? {
        if count == question.most {
            if question.whole {
                return Err(format!("the query returned more than {} rows", question.most));
            }
            return Ok(true);
        }
        for (index, column) in columns.iter().enumerate() {
            let value = row.get_ref(index).map_err(in_words)?;
            answer.cell(value).map_err(|what| format!("column `{column}` {what}"))?;
            bytes += if let ValueRef::Text(text) = value { text.len() } else { 8 };
        }
        if bytes > MAX_ANSWER_BYTES {
            return Err(format!("the query returned more than {MAX_ANSWER_BYTES} bytes"));
        }
        answer.end()?;
        count += 1;
    }
    Ok(false)
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

/// A cell as it is told: text, a whole number, or nothing. The error ends a sentence that names the column.
pub(crate) enum Told<'a> {
    Nothing,
    Number(i64),
    Text(Cow<'a, str>),
}

impl<'a> Told<'a> {
    pub(crate) fn of(value: ValueRef<'a>) -> Result<Self, &'static str> {
        match value {
            ValueRef::Null => Ok(Self::Nothing),
            ValueRef::Integer(number) if number.unsigned_abs() <= SAFE_INTEGER => Ok(Self::Number(number)),
            ValueRef::Integer(number) => Ok(Self::Text(number.to_string().into())),
            // floats have no canonical form that every reader agrees on
            ValueRef::Real(number) => Ok(Self::Text(number.to_string().into())),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Ok(Self::Text(text.into())),
                Err(_) => Err("holds text that is not UTF-8"),
            },
            ValueRef::Blob(_) => Err("holds bytes; return text"),
        }
    }
}

impl From<Told<'_>> for Value {
    fn from(told: Told<'_>) -> Self {
        match told {
            Told::Nothing => Self::Null,
            Told::Number(number) => json!(number),
            Told::Text(text) => Self::String(text.into_owned()),
        }
    }
}
