//! `evidenced log tail`: the latest entries, and with `--follow` those that come.

use crate::cli::args::{Format, Global};
use crate::cli::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use ledger::Body;
use model::time::seconds_text;
use serde_json::{Value, json};
use std::time::Duration;
use store::LogEntry;

/// How often a following tail looks for a new checkpoint.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn tail(settings: &Settings, n: u64, follow: bool, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let mut size = reader.checkpoint()?.size();
    let entries = reader.entries(size.saturating_sub(n)..size)?;
    if !follow {
        match global.format() {
            Format::Json => {
                let entries: Vec<Value> = entries.iter().map(json_of).collect();
                print::json(&json!({"schema": "evidenced/log-tail/v1", "size": size, "entries": entries}))?;
            }
            Format::Table => print::table(
                ["ENTRY", "AT", "KIND", "SERIES", "WHAT"],
                entries.iter().map(|entry| cells(entry).map(Option::unwrap_or_default)).collect(),
            )?,
        }
        return Ok(Exit::Done);
    }
    print_each(&entries, global)?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
            () = tokio::time::sleep(LOOK) => {}
        }
        let grown = reader.checkpoint()?.size();
        if grown > size {
            print_each(&reader.entries(size..grown)?, global)?;
            size = grown;
        }
    }
}

/// One line an entry: JSON lines for programs.
fn print_each(entries: &[LogEntry], global: &Global) -> Result<(), Failure> {
    for entry in entries {
        match global.format() {
            Format::Json => print::text_line(&json_of(entry).to_string())?,
            Format::Table => {
                let line = cells(entry).into_iter().flatten().collect::<Vec<_>>().join("  ");
                print::text_line(&print::safe(&line))?;
            }
        }
    }
    Ok(())
}

fn json_of(LogEntry { index, entry }: &LogEntry) -> Value {
    json!({"index": index, "leaf": entry.leaf(), "entry": entry.json()})
}

fn cells(LogEntry { index, entry }: &LogEntry) -> [Option<String>; 5] {
    [
        Some(index.to_string()),
        Some(seconds_text(entry.at)),
        Some(entry.body.kind().to_owned()),
        Some(entry.series.clone()),
        Some(what(&entry.body)),
    ]
}

/// What an entry says beyond its kind, in a few words.
pub(crate) fn what(body: &Body) -> String {
    match body {
        Body::Genesis { log_key, .. } => format!("the log begins, signed by {log_key}"),
        Body::Snapshot { snapshot, status, .. } => format!("{snapshot} {}", status.as_str()),
        Body::Evaluation { check, outcome } => format!("{check} {}", outcome.as_str()),
        Body::FindingEvent { finding: id, event }
        | Body::Exception { exception: id, event }
        | Body::Evidence { evidence: id, event }
        | Body::AccessReview { review: id, event } => format!("{id} {event}"),
        Body::Configuration { digest } => format!("configuration {digest}"),
        Body::Slot { source, due_at, outcome } => format!("{source} {} {}", seconds_text(*due_at), outcome.as_str()),
        Body::Confirmation { snapshot } => format!("{snapshot} confirmed"),
        Body::Export { pack } => format!("pack {pack}"),
        Body::Anchor { size, gen_time, authority, .. } => {
            format!("{size} entries stamped by {authority} at {}", seconds_text(*gen_time))
        }
        Body::KeyRotation { to, .. } => format!("signed by {to} from here on"),
        Body::Restore { size, .. } => format!("taken up again at {size} entries after a restore or copy"),
        Body::Damage { damaged, mended } => format!("{damaged} stored things damaged, {mended} mended"),
        Body::Hold { hold, source, snapshot } => {
            let what = source.as_ref().or(snapshot.as_ref()).map_or("", String::as_str);
            format!("{hold} holds {what}")
        }
        Body::Release { hold } => format!("{hold} released"),
        Body::IdentityLink { link, decision } => format!("{link} {}", decision.as_str()),
        Body::Access { user, event } => format!("{user} {}", event.replace('_', " ")),
        Body::Erasure { entries } => {
            let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            format!("documents of {} erased", entries.join(", "))
        }
        Body::IdentityMap | Body::Unknown { .. } => String::new(),
    }
}
