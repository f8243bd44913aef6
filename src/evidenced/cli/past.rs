//! `evidenced diff` and `evidenced backtest`: what changed, and what a check would have said.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, Retold};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Map, Value, json};

/// Rows of one kind shown of a table; JSON has all.
const MOST: usize = 50;

pub(super) fn diff(settings: &Settings, one: &str, other: &str, global: &Global) -> Result<Exit, Failure> {
    let difference = line::difference(&line::reader(settings)?, one, other)?;
    if global.format() == Format::Json {
        print::json(&json!({"schema": "evidenced/diff/v1", "difference": difference}))?;
        return Ok(Exit::Done);
    }
    for (sign, side) in [("-", &difference.before), ("+", &difference.after)] {
        let (status, at) = (side.status.as_str(), seconds_text(side.finished_at));
        print::text_line(&format!("{sign} {} {status}, finished {at}, entry {}", side.snapshot, side.log_index))?;
    }
    for note in &difference.notes {
        print::text_line(&format!("note: {}", print::safe(note)))?;
    }
    for table in &difference.tables {
        print::text_line(&format!(
            "\n{}: {} added, {} removed, {} changed, {} unchanged",
            table.table,
            table.added.len(),
            table.removed.len(),
            table.changed.len(),
            table.unchanged
        ))?;
        let whole = |sign: &str, row: &Map<String, Value>| format!("{sign} {}", text(&Value::Object(row.clone())));
        let removed = table.removed.iter().map(|row| whole("-", row));
        let added = table.added.iter().map(|row| whole("+", row));
        let changed = table.changed.iter().map(|change| {
            let columns: Vec<String> = change
                .columns
                .iter()
                .map(|(column, before, after)| format!("{column} {} -> {}", text(before), text(after)))
                .collect();
            format!("~ {}: {}", text(&Value::Object(change.key.clone())), columns.join("; "))
        });
        for lines in [removed.collect::<Vec<_>>(), added.collect(), changed.collect()] {
            for line in lines.iter().take(MOST) {
                print::text_line(&print::safe(line))?;
            }
            if lines.len() > MOST {
                print::text_line(&format!("… and {} more: see --format json", lines.len() - MOST))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

pub(super) fn backtest(
    settings: &Settings,
    check: &str,
    period: (&str, Option<&str>),
    every: &str,
    global: &Global,
) -> Result<Exit, Failure> {
    let from = super::pack::first_instant(period.0, settings)?;
    let to = period.1.map(|text| super::evaluate::instant(text, settings)).transpose()?;
    let every = model::time::parse_duration(every)
        .map_err(|error| Failure::usage(format!("--every: {error}"), "write it like 24h or 7d"))?;
    let checks = line::load_checks(Some(settings))?;
    let told = line::backtest(settings, &checks, check, (from, to), every)?;
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/backtest/v1", "check": check, "evaluations": told}))?,
        Format::Table => print::table(
            ["AS OF", "OUTCOME", "FAIL", "PASS", "UNKNOWN", "EXCEPTED", "SINCE THE ONE BEFORE"],
            told.iter()
                .map(|one| {
                    [
                        seconds_text(one.as_of),
                        one.outcome.as_str().to_owned(),
                        one.verdicts.fail.to_string(),
                        one.verdicts.pass.to_string(),
                        one.verdicts.unknown.to_string(),
                        one.verdicts.excepted.to_string(),
                        since(one),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

/// What is new, in words.
fn since(one: &Retold) -> String {
    let list = |what: &str, subjects: &[String]| match subjects {
        [] => None,
        some => {
            let shown: Vec<String> = some.iter().take(5).map(|subject| print::safe(subject)).collect();
            let more = if some.len() > shown.len() {
                format!(" and {} more", some.len() - shown.len())
            } else {
                String::new()
            };
            Some(format!("{what} {}{more}", shown.join(", ")))
        }
    };
    let parts = [list("now failing:", &one.began), list("no longer failing:", &one.ended), one.why.first().cloned()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
