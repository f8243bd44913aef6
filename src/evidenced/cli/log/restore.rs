//! `evidenced log restore`: goes on from a restored or copied store, on a person's word that is sealed.

use crate::cli::args::{Format, Global};
use crate::cli::print;
use crate::failure::{Exit, Failure};
use crate::line::Line;
use crate::settings::Settings;
use ledger::Body;
use serde_json::json;
use std::path::PathBuf;
use store::Restoration;

pub(super) fn restore(
    settings: Settings,
    by: &str,
    reason: &str,
    held: &[PathBuf],
    global: &Global,
) -> Result<Exit, Failure> {
    for (name, text) in [("by", by), ("reason", reason)] {
        if text.trim().is_empty() {
            return Err(Failure::usage(format!("`--{name}` is empty"), "an auditor will read it: write who, and why"));
        }
    }
    let (line, sealed) = Line::restore(settings, &Restoration { by, reason, held })?;
    let Body::Restore { size, held, .. } = &sealed.entry.body else {
        return Err(Failure::store("no restore entry was made"));
    };
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/log-restore/v1", "log_index": sealed.index, "size": size, "held": held,
        }))?,
        Format::Table => {
            print::text_line(&format!("taken up again at {size} entries, sealed as entry {}", sealed.index))?;
            for held in held {
                let root = held.root.map(|root| format!(", root {root}")).unwrap_or_default();
                print::text_line(&format!("  held by {}: {} entries{root}", print::safe(&held.by), held.size))?;
            }
        }
    }
    line.close()?;
    Ok(Exit::Done)
}
