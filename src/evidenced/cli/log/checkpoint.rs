//! `evidenced log checkpoint`: the signed checkpoint, as published.

use crate::cli::args::{Format, Global};
use crate::cli::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use ledger::NoteSignature;
use serde_json::{Value, json};

pub(super) fn checkpoint(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let checkpoint = reader.checkpoint()?;
    match global.format() {
        // to the byte, so that it can be pinned with `>`
        Format::Table => print::text(&checkpoint.text())?,
        Format::Json => {
            let signatures: Vec<Value> = checkpoint.signatures().iter().map(signature).collect();
            print::json(&json!({
                "schema": "evidenced/log-checkpoint/v1", "origin": checkpoint.origin(), "size": checkpoint.size(),
                "root": checkpoint.root(), "log_key": reader.key().to_string(), "signatures": signatures,
                "checkpoint": checkpoint.text(),
            }))?;
        }
    }
    Ok(Exit::Done)
}

fn signature(line: &NoteSignature) -> Value {
    json!({"name": line.name, "key_id": format!("{:08x}", u32::from_be_bytes(line.id))})
}
