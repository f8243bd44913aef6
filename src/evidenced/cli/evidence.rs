//! `evidenced evidence`: files that people add, for what no check can show.

use super::args::{Format, Global, ListCommand};
use super::decisions::EvidenceCommand;
use super::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::line::manual::{self, Adding};
use crate::settings::Settings;
use model::Timestamp;
use model::time::{between, duration_text, seconds_text};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use workflow::{Evidence, EvidenceEvent};

pub(super) fn evidence(settings: Settings, command: Option<EvidenceCommand>, global: &Global) -> Result<Exit, Failure> {
    match command.unwrap_or(EvidenceCommand::Look(ListCommand::List)) {
        EvidenceCommand::Look(ListCommand::List) => list(&settings, global),
        EvidenceCommand::Look(ListCommand::Show { id }) => show(&settings, &id, global),
        EvidenceCommand::Get { id, output } => get(&settings, &id, &output, global),
        EvidenceCommand::Add { file, title, control, from, to, expires, note, by } => {
            let adding = Adding {
                title,
                controls: control,
                from: super::pack::first_instant(&from, &settings)?,
                to: super::evaluate::instant(&to, &settings)?,
                expires: expires.map(|text| super::evaluate::instant(&text, &settings)).transpose()?,
                note,
            };
            let (index, event) = super::writing(settings, |line| line.add_evidence(&file, adding, &by))?;
            told(index, &event, global)
        }
        EvidenceCommand::Withdraw { id, reason, by } => {
            let (index, event) = super::writing(settings, |line| line.withdraw_evidence(&id, &reason, &by))?;
            told(index, &event, global)
        }
    }
}

fn told(index: u64, event: &EvidenceEvent, global: &Global) -> Result<Exit, Failure> {
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/evidence-decision/v1", "log_index": index, "event": event.event,
            "evidence": event.evidence,
        }))?,
        Format::Table => {
            let Evidence { id, addition, .. } = &event.evidence;
            print::text_line(&format!(
                "{id} {} by {} (entry {index}): {}, {} bytes, SHA-256 {}, for {}",
                event.event,
                print::safe(&event.by),
                print::safe(&addition.file),
                addition.bytes,
                addition.sha256,
                addition.controls.join(", "),
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn json_of((file, last, evidence): &(u64, u64, Evidence), now: Timestamp) -> Value {
    json!({"file_index": file, "log_index": last, "standing": evidence.standing(now), "evidence": evidence})
}

/// How it stands, and for how long.
fn standing(evidence: &Evidence, now: Timestamp) -> String {
    let word = evidence.standing(now);
    match evidence.addition.expires {
        Some(expires) if word == "valid" => format!("valid for {}", duration_text(between(now, expires))),
        _ => word.to_owned(),
    }
}

fn list(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let now = line::now();
    let all = manual::manual(&line::reader(settings)?)?;
    match global.format() {
        Format::Json => {
            let all: Vec<Value> = all.iter().map(|one| json_of(one, now)).collect();
            print::json(&json!({"schema": "evidenced/evidence-list/v1", "evidence": all}))?;
        }
        Format::Table => print::table(
            ["EVIDENCE", "STANDING", "ADDED BY", "FILE", "CONTROLS", "TITLE"],
            all.iter()
                .map(|(.., evidence)| {
                    [
                        evidence.id.clone(),
                        standing(evidence, now),
                        print::safe(&evidence.added.by),
                        print::safe(&evidence.addition.file),
                        evidence.addition.controls.join(" "),
                        print::safe(&evidence.addition.title),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

fn show(settings: &Settings, id: &str, global: &Global) -> Result<Exit, Failure> {
    let now = line::now();
    let one = manual::one(&line::reader(settings)?, id)?;
    if global.format() == Format::Json {
        print::json(&json!({"schema": "evidenced/evidence-show/v1", "evidence": json_of(&one, now)}))?;
        return Ok(Exit::Done);
    }
    let (file, last, evidence) = &one;
    let addition = &evidence.addition;
    let mut lines = vec![
        format!("{id} ({}), file in entry {file}, last word in entry {last}", standing(evidence, now)),
        format!("title      {}", print::safe(&addition.title)),
        format!("file       {}, {} bytes, {}", print::safe(&addition.file), addition.bytes, addition.media_type),
        format!("sha256     {}", addition.sha256),
        format!("controls   {}", addition.controls.join(" ")),
        format!("speaks of  {} to {}", seconds_text(addition.from), seconds_text(addition.to)),
    ];
    lines.extend(addition.expires.map(|expires| format!("expires    {}", seconds_text(expires))));
    for (what, word) in [("added", Some(&evidence.added)), ("withdrawn", evidence.withdrawn.as_ref())] {
        let said = word.map(|word| (print::safe(&word.by), seconds_text(word.at), print::safe(&word.note)));
        lines.extend(said.map(|(by, at, note)| format!("{what:<10} by {by} at {at} {note}").trim_end().to_owned()));
    }
    print::text_line(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn get(settings: &Settings, id: &str, output: &Path, global: &Global) -> Result<Exit, Failure> {
    let (bytes, evidence) = manual::file(&line::reader(settings)?, id)?;
    let unwritten = |error: std::io::Error| {
        let help = "name a file that does not exist yet, in a folder that can be written";
        Failure::usage(format!("{}: {error}", output.display()), help)
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(output).map_err(unwritten)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(unwritten)?;
    if !global.quiet {
        print::line_to_stderr(&format!("{} written, SHA-256 {}", output.display(), evidence.addition.sha256));
    }
    Ok(Exit::Done)
}
