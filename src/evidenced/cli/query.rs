//! `evidenced query`: read-only SQL over the tables the checks see.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::{Settings, did_you_mean};
use serde_json::{Value, json};

/// Rows shown at most.
const MOST_ROWS: usize = 100_000;

pub(super) fn query(settings: &Settings, sql: &str, as_of: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let as_of = as_of.map(|text| super::evaluate::instant(text, settings)).transpose()?;
    let as_of = model::time::seconds_up(as_of.unwrap_or_else(line::now));
    let answer = line::over_inputs(settings, &line::reader(settings)?, as_of, 1, |inputs, session| {
        session.query(inputs, sql, MOST_ROWS)
    })?;
    let answer = answer.map_err(|error| {
        let failure = line::evaluation_failure(&error);
        let help = failure
            .message
            .strip_prefix("no such table: ")
            .map(|name| did_you_mean(name, tables(settings).iter().map(String::as_str)));
        Failure { help: help.or(failure.help), ..failure }
    })?;
    match global.format() {
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

/// Every table a query may read: the vocabulary first, then the collectors' own and those that sources declare.
fn tables(settings: &Settings) -> Vec<String> {
    let vocabulary = evaluate::VOCABULARY.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
    let vocabulary = vocabulary.filter_map(|rest| rest.split([' ', '(']).next()).map(str::to_owned);
    let own = collectors::all().iter().flat_map(|collector| &collector.spec().tables).map(|table| table.name.clone());
    let declared = settings.sources.iter().filter_map(|source| line::shape(source).ok()).flat_map(|shape| shape.tables);
    vocabulary.chain(own).chain(declared.map(|table| table.name)).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => print::safe(text),
        other => other.to_string(),
    }
}
