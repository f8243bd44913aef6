//! The scratch database as a file, for a pack and for re-performing a check with the `sqlite3` shell.

use crate::check::Check;
use crate::evaluation::EvaluateError;
use crate::inputs::Inputs;
use crate::scratch::{Scratch, ScratchError, to_sql};
use model::time::{seconds_text, seconds_up};
use rusqlite::params;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the tables that `checks` read, with the values they bind in `check_parameter(check_name, name, value)`.
/// The same arguments give the same bytes. `path` must not exist.
pub fn write_database(
    inputs: &Inputs,
    checks: &[&Check],
    parameters: &BTreeMap<String, BTreeMap<String, Value>>,
    path: &Path,
) -> Result<(), EvaluateError> {
    let scratch = Scratch::build(inputs, &mut |table, take| table.rows.pour(take)).map_err(|error| match error {
        ScratchError::Rows { snapshot, error } => EvaluateError::of_rows(snapshot, &error),
        other => EvaluateError::Write(other.to_string()),
    })?;
    if let Some((source, problem)) = scratch.summary.unmapped.first_key_value() {
        return Err(EvaluateError::Write(format!("rows of source `{source}` cannot be mapped: {problem}")));
    }
    let path = path.to_str().ok_or_else(|| EvaluateError::Write("the path is not UTF-8".to_owned()))?;
    let sqlite = |error: rusqlite::Error| EvaluateError::Write(error.to_string());
    let connection = &scratch.connection;
    connection
        .execute_batch("CREATE TABLE check_parameter (check_name TEXT NOT NULL, name TEXT NOT NULL, value ANY) STRICT")
        .map_err(sqlite)?;
    let mut insert =
        connection.prepare("INSERT INTO check_parameter (check_name, name, value) VALUES (?, ?, ?)").map_err(sqlite)?;
    for check in checks {
        let mut bound = check.bind(parameters.get(&check.name))?;
        bound.insert("as_of".to_owned(), json!(seconds_text(seconds_up(inputs.as_of))));
        for (name, value) in &bound {
            insert.execute(params![check.name, name, to_sql(value)]).map_err(sqlite)?;
        }
    }
    drop(insert);
    connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_ATTACHED, 1).map_err(sqlite)?;
    // unlike a copy, VACUUM INTO lays pages out anew: no trace of how the tables were filled
    connection.execute("VACUUM INTO ?", [path]).map_err(sqlite)?;
    Ok(())
}
