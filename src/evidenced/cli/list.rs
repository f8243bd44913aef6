//! `evidenced sources|checks|controls|findings`: what is configured, loaded and found.

use super::args::{Format, Global, ListCommand};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, overview};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Value, json};
use std::fmt::Write;
use workflow::Finding;

pub(super) fn sources(settings: &Settings, command: Option<&ListCommand>, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let rows = overview::sources(settings, &reader, line::now())?;
    if let Some(ListCommand::Show { id }) = command {
        let Some(row) = rows.iter().find(|row| &row.name == id) else { return Err(absent("source", id)) };
        print::json(&json!({"schema": "evidenced/source/v1", "source": row}))?;
        return Ok(Exit::Done);
    }
    match global.format {
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
        match global.format {
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
    match global.format {
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
    let mut rows = overview::controls(&checks, &reader)?;
    if let Some(ListCommand::Show { id }) = command {
        rows.retain(|row| &row.id == id);
        let Some(row) = rows.first() else { return Err(absent("control", id)) };
        print::json(&json!({"schema": "evidenced/control/v1", "control": row}))?;
        return Ok(Exit::Done);
    }
    match global.format {
        Format::Json => print::json(&json!({"schema": "evidenced/controls/v1", "controls": rows}))?,
        Format::Table => print::table(
            ["CONTROL", "OUTCOME", "TITLE", "CHECKS"],
            rows.iter()
                .map(|row| [row.id.clone(), row.outcome.clone(), row.title.clone(), row.checks.join(" ")])
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

pub(super) fn findings(settings: &Settings, command: Option<&ListCommand>, global: &Global) -> Result<Exit, Failure> {
    let findings = line::findings(&line::reader(settings)?)?;
    if let Some(ListCommand::Show { id }) = command {
        let Some(finding) = findings.iter().find(|finding| &finding.id == id) else {
            return Err(absent("finding", id));
        };
        match global.format {
            Format::Json => print::json(&json!({"schema": "evidenced/finding-show/v1", "finding": finding}))?,
            Format::Table => print::text_line(&finding_text(finding))?,
        }
        return Ok(Exit::Done);
    }
    match global.format {
        Format::Json => {
            let findings: Vec<Value> = findings.iter().map(|finding| json!(finding)).collect();
            print::json(&json!({"schema": "evidenced/findings/v1", "findings": findings}))?;
        }
        Format::Table => print::table(
            ["FINDING", "STATE", "OPEN", "RESOLVED", "RAISED", "TITLE"],
            findings
                .iter()
                .map(|finding| {
                    let open = finding.open_items().count();
                    [
                        finding.id.clone(),
                        overview::state(finding).to_owned(),
                        open.to_string(),
                        (finding.items.len() - open).to_string(),
                        seconds_text(finding.raised_at),
                        finding.title.clone(),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

/// A finding whole, for people.
fn finding_text(finding: &Finding) -> String {
    let mut text = String::new();
    let time = model::time::seconds_text;
    // writing to a String cannot fail
    let _ = write!(
        text,
        "{} ({}), proposed class {}\n{}\n\ncriteria   {}\ncondition  {}\nimpact     {}\naction     {}\ncontrols   {}\nraised     {}\n",
        finding.id,
        overview::state(finding),
        finding.proposed_class,
        finding.title,
        finding.criteria,
        finding.condition,
        finding.impact,
        finding.action,
        finding.controls.join(" "),
        time(finding.raised_at),
    );
    if let Some(before) = &finding.repeat_of {
        let _ = writeln!(text, "repeats    {before}");
    }
    for item in &finding.items {
        let _ = write!(
            text,
            "\n{}\n  {}\n  first seen {}, last seen {}, {}",
            print::safe(&item.subject),
            print::safe(&item.reason),
            time(item.first_seen),
            time(item.last_seen),
            item.resolved_at.map_or_else(|| "open".to_owned(), |at| format!("resolved {}", time(at))),
        );
        let shown_by = if item.resolved_at.is_some() { &item.resolved_on } else { &item.failed_on };
        // a snapshot's id is its start, its source and a part of a digest
        let own = |id: &&String| {
            let source = id.split_once('-').and_then(|(_, rest)| rest.rsplit_once('-')).map(|(source, _)| source);
            source == item.source.as_deref()
        };
        let (own, others): (Vec<&String>, Vec<&String>) = shown_by.iter().partition(own);
        let join = |ids: Vec<&String>| ids.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match (own.is_empty(), others.is_empty()) {
            (true, _) => write!(text, "\n  shown by {}", join(others)),
            (false, true) => write!(text, "\n  shown by {}", join(own)),
            (false, false) => {
                write!(text, "\n  shown by {}\n  the check also read {}", join(own), join(others))
            }
        }
        .unwrap_or_default();
    }
    text
}

fn absent(what: &str, id: &str) -> Failure {
    Failure::usage(format!("there is no {what} `{id}`"), format!("`evidenced {what}s list` shows them"))
}
