//! `evidenced sources|checks|controls`: what is configured and loaded.

use super::args::{Format, Global, ListCommand};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, overview};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::json;

pub(super) fn sources(settings: &Settings, command: Option<&ListCommand>, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let rows = overview::sources(settings, &reader, line::now())?;
    if let Some(ListCommand::Show { id }) = command {
        let Some(row) = rows.iter().find(|row| &row.name == id) else { return Err(absent("source", id)) };
        print::json(&json!({"schema": "evidenced/source/v1", "source": row}))?;
        return Ok(Exit::Done);
    }
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/sources/v1", "sources": rows}))?,
        Format::Table => print::table(
            ["SOURCE", "COLLECTOR", "EVIDENCE", "LAST COMPLETE", "MEMBERS", "NEXT RUN"],
            rows.iter()
                .map(|row| {
                    [
                        row.name.clone(),
                        row.collector.clone(),
                        row.evidence.clone(),
                        row.last_complete.map_or_else(|| "never".to_owned(), seconds_text),
                        row.members.map(|members| members.to_string()).unwrap_or_default(),
                        row.next_run.map_or_else(|| "not scheduled".to_owned(), seconds_text),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

pub(super) fn checks(settings: &Settings, command: Option<&ListCommand>, global: &Global) -> Result<Exit, Failure> {
    let checks = line::load_checks(Some(settings))?;
    if let Some(ListCommand::Show { id }) = command {
        let Some(check) = checks.checks().iter().find(|check| &check.name == id) else {
            return Err(absent("check", id));
        };
        match global.format() {
            Format::Json => print::json(&json!({
                "schema": "evidenced/check-definition/v1", "check": check.name, "title": check.title,
                "severity": check.severity.as_str(), "controls": check.controls, "population": check.population,
                "sha256": check.sha256, "file": check.text,
            }))?,
            Format::Table => print::text(&check.text)?,
        }
        return Ok(Exit::Done);
    }
    let reader = line::reader(settings)?;
    let rows = overview::checks(&checks, &reader)?;
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/checks/v1", "checks": rows}))?,
        Format::Table => print::table(
            ["CHECK", "LAST OUTCOME", "AS OF", "CONTROLS", "TITLE"],
            rows.iter()
                .map(|row| {
                    [
                        row.name.clone(),
                        row.outcome.map_or("never evaluated", model::Outcome::as_str).to_owned(),
                        row.as_of.map(seconds_text).unwrap_or_default(),
                        row.controls.join(" "),
                        row.title.clone(),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

pub(super) fn controls(settings: &Settings, command: Option<&ListCommand>, global: &Global) -> Result<Exit, Failure> {
    let checks = line::load_checks(Some(settings))?;
    let reader = line::reader(settings)?;
    let mut rows = overview::controls(&checks, &reader, &settings.handover.applicability, line::now())?;
    if let Some(ListCommand::Show { id }) = command {
        rows.retain(|row| &row.id == id);
        let Some(row) = rows.first() else { return Err(absent("control", id)) };
        print::json(&json!({"schema": "evidenced/control/v1", "control": row}))?;
        return Ok(Exit::Done);
    }
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/controls/v1", "controls": rows}))?,
        Format::Table => print::table(
            ["CONTROL", "OUTCOME", "APPLIES", "TITLE", "CHECKS", "ADDED EVIDENCE"],
            rows.iter()
                .map(|row| {
                    let applies = match (row.applicable, &row.justification) {
                        (Some(false), Some(why)) => format!("no: {}", print::safe(why)),
                        (Some(true), _) => "yes".to_owned(),
                        _ => String::new(),
                    };
                    [
                        row.id.clone(),
                        row.outcome.clone(),
                        applies,
                        row.title.clone(),
                        row.checks.join(" "),
                        row.evidence.join(" "),
                    ]
                })
                .collect(),
        )?,
    }
    let unstated = overview::unstated(&rows);
    if !unstated.is_empty() && !global.quiet {
        print::line_to_stderr(&format!(
            "the Statement of Applicability (`[[applicability]]`) says nothing of {} controls of Annex A: {}",
            unstated.len(),
            unstated.join(" ")
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn absent(what: &str, id: &str) -> Failure {
    Failure::usage(format!("there is no {what} `{id}`"), format!("`evidenced {what}s list` shows them"))
}
