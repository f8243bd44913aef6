//! `evidenced snapshots`.

use super::args::{Format, Global, SnapshotCommand};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Value, json};
use store::SnapshotFilter;

pub(super) fn snapshots(
    settings: Settings,
    command: Option<SnapshotCommand>,
    global: &Global,
) -> Result<Exit, Failure> {
    match command.unwrap_or(SnapshotCommand::List { source: None }) {
        SnapshotCommand::List { source } => list(&settings, source.as_deref(), global),
        SnapshotCommand::Show { id } => show(&settings, &id, global),
        SnapshotCommand::Confirm { id, by, reason } => {
            super::writing(settings, |line| {
                let index = line.confirm(&id, &by, &reason)?;
                print::text_line(&format!("{id} confirmed by {} (entry {index})", print::safe(&by)))
            })?;
            Ok(Exit::Done)
        }
    }
}

fn list(settings: &Settings, source: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let filter = SnapshotFilter { source: source.map(str::to_owned), ..SnapshotFilter::default() };
    let rows = line::reader(settings)?.snapshots(&filter)?;
    match global.format() {
        Format::Json => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| {
                    json!({"id": row.id, "source": row.source, "collector": row.collector, "status": row.status,
                           "started_at": row.started_at, "finished_at": row.finished_at,
                           "observed_at": row.observed_at, "slot": row.slot, "log_index": row.log_index})
                })
                .collect();
            print::json(&json!({"schema": "evidenced/snapshots/v1", "snapshots": rows}))?;
        }
        Format::Table => print::table(
            ["SNAPSHOT", "SOURCE", "STATUS", "FINISHED", "ENTRY"],
            rows.iter()
                .map(|row| {
                    [
                        row.id.clone(),
                        row.source.clone(),
                        row.status.as_str().to_owned(),
                        seconds_text(row.finished_at),
                        row.log_index.to_string(),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

fn show(settings: &Settings, id: &str, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let Some(sealed) = reader.snapshot(id)? else {
        return Err(Failure::usage(format!("there is no snapshot `{id}`"), "`evidenced snapshots list` shows them"));
    };
    let proof = reader.proof_file(sealed.index())?;
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/snapshot-show/v1", "log_index": sealed.index(), "sealed_at": sealed.entry().at,
            "manifest_sha256": sealed.document_sha256(), "manifest": sealed.value(), "proof": proof,
        }))?,
        Format::Table => {
            print::text_line(&super::collect::summary(&sealed))?;
            let manifest = sealed.value();
            print::text_line(&format!("\npopulation  {}", manifest.population))?;
            if let Some(basis) = &manifest.completeness.basis {
                print::text_line(&format!("complete    {}", print::safe(basis)))?;
            }
            print::text_line("")?;
            print::table(
                ["ANSWER", "OPERATION", "STATUS", "BYTES", "SHA-256"],
                manifest
                    .exchanges
                    .iter()
                    .map(|exchange| {
                        [
                            exchange.seq.to_string(),
                            exchange.operation.clone(),
                            exchange.status.map_or_else(|| "none".to_owned(), |status| status.to_string()),
                            exchange.bytes.to_string(),
                            exchange.sha256.to_string(),
                        ]
                    })
                    .collect(),
            )?;
            print::text_line(&format!("\nproof of entry {}\n{proof}", sealed.index()))?;
        }
    }
    Ok(Exit::Done)
}
