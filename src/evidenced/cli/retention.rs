//! `evidenced retention`.

use super::args::{Format, Global, HoldCommand, RetentionCommand};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, Due};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Value, json};

pub(super) fn retention(settings: Settings, command: RetentionCommand, global: &Global) -> Result<Exit, Failure> {
    match command {
        RetentionCommand::Plan => {
            let due = line::plan(&settings, &line::reader(&settings)?, line::now())?;
            match global.format() {
                Format::Json => {
                    let due: Vec<Value> = due.iter().map(as_json).collect();
                    print::json(&json!({"schema": "evidenced/retention-plan/v1", "due": due}))?;
                }
                Format::Table => table(&due)?,
            }
            Ok(Exit::Done)
        }
        RetentionCommand::Run { by, reason } => {
            super::writing(settings, |line| told(&line.retention_run(&by, &reason)?, global))
        }
        RetentionCommand::Erase { snapshot, by, reason } => {
            super::writing(settings, |line| told(&line.erase_snapshot(&snapshot, &by, &reason)?, global))
        }
        RetentionCommand::Hold { command } => hold(settings, command, global),
    }
}

fn hold(settings: Settings, command: HoldCommand, global: &Global) -> Result<Exit, Failure> {
    match command {
        HoldCommand::Add { source, snapshot, by, reason } => super::writing(settings, |line| {
            let (id, index) = line.hold(source, snapshot, &by, &reason)?;
            noted(&id, index, "holds", global)
        }),
        HoldCommand::Release { hold, by, reason } => super::writing(settings, |line| {
            let index = line.release(&hold, &by, &reason)?;
            noted(&hold, index, "released", global)
        }),
        HoldCommand::List => {
            let holds = line::reader(&settings)?.holds()?;
            match global.format() {
                Format::Json => {
                    let holds: Vec<Value> = holds
                        .iter()
                        .map(|hold| {
                            json!({
                                "hold": hold.id, "source": hold.source, "snapshot": hold.snapshot, "at": hold.at,
                                "released": hold.released, "log_index": hold.log_index,
                            })
                        })
                        .collect();
                    print::json(&json!({"schema": "evidenced/holds/v1", "holds": holds}))?;
                }
                Format::Table => print::table(
                    ["HOLD", "HOLDS", "SINCE", "RELEASED", "ENTRY"],
                    holds
                        .into_iter()
                        .map(|hold| {
                            let what = match (hold.source, hold.snapshot) {
                                (Some(source), _) => format!("source {source}"),
                                (None, snapshot) => format!("snapshot {}", snapshot.unwrap_or_default()),
                            };
                            let released = hold.released.map(seconds_text).unwrap_or_default();
                            [hold.id, what, seconds_text(hold.at), released, hold.log_index.to_string()]
                        })
                        .collect(),
                )?,
            }
            Ok(Exit::Done)
        }
    }
}

fn noted(id: &str, index: u64, word: &str, global: &Global) -> Result<Exit, Failure> {
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/hold/v1", "hold": id, "log_index": index}))?,
        Format::Table => print::text_line(&format!("{} {word}, sealed as entry {index}", print::safe(id)))?,
    }
    Ok(Exit::Done)
}

fn told(erased: &line::Erased, global: &Global) -> Result<Exit, Failure> {
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/erasure/v1", "sealed": erased.sealed,
            "erased": erased.things.iter().map(as_json).collect::<Vec<_>>(),
            "held": erased.held.iter().map(as_json).collect::<Vec<_>>(),
        }))?,
        Format::Table => {
            for due in &erased.things {
                print::text_line(&format!("erased {} {} of {}", due.kind, print::safe(&due.id), print::safe(&due.of)))?;
            }
            let entries: Vec<String> = erased.sealed.iter().map(ToString::to_string).collect();
            let sealed =
                if entries.is_empty() { String::new() } else { format!(", sealed as entry {}", entries.join(", ")) };
            print::text_line(&format!("{} erased{sealed}; {} due and kept", erased.things.len(), erased.held.len()))?;
        }
    }
    Ok(Exit::Done)
}

fn table(due: &[Due]) -> Result<(), Failure> {
    if due.is_empty() {
        return print::text_line("nothing is due to be erased");
    }
    print::table(
        ["WHAT", "ID", "OF", "AT", "WHY", "KEPT BY"],
        due.iter()
            .map(|due| {
                [
                    due.kind.to_owned(),
                    due.id.clone(),
                    due.of.clone(),
                    seconds_text(due.at),
                    due.why.clone(),
                    due.held.join("; "),
                ]
            })
            .collect(),
    )
}

fn as_json(due: &Due) -> Value {
    json!({
        "kind": due.kind, "id": due.id, "of": due.of, "at": due.at, "why": due.why, "entries": due.entries,
        "held": due.held,
    })
}
