//! `evidenced query`: read-only SQL over the tables the checks see.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use serde_json::{Value, json};

/// Rows shown at most.
const MOST_ROWS: usize = 100_000;

pub(super) fn query(settings: &Settings, sql: &str, as_of: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let as_of = as_of.map(|text| super::evaluate::instant(text, settings)).transpose()?;
    let as_of = model::time::seconds_up(as_of.unwrap_or_else(line::now));
    let inputs = line::inputs(settings, &line::reader(settings)?, as_of)?;
    let answer =
        evaluate::query(&line::worker()?, &inputs, sql, MOST_ROWS).map_err(|error| line::evaluation_failure(&error))?;
    match global.format {
        Format::Json => {
            print::json(&json!({
                "schema": "evidenced/query/v1", "as_of": as_of, "columns": answer.columns, "rows": answer.rows,
                "truncated": answer.truncated,
            }))?;
        }
        Format::Table => {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING).set_header(&answer.columns);
            for row in &answer.rows {
                table.add_row(row.iter().map(cell));
            }
            print::text_line(&table.trim_fmt())?;
            if answer.truncated {
                print::line_to_stderr(&format!("only the first {MOST_ROWS} rows are shown"));
            }
        }
    }
    Ok(Exit::Done)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => print::safe(text),
        other => other.to_string(),
    }
}
