//! `evidenced log prove`: a tlog-proof file of one entry, or a consistency file from a pinned size.

use crate::cli::args::{Format, Global};
use crate::cli::{init, print};
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use ledger::ConsistencyFile;
use serde_json::json;
use std::path::Path;

pub(super) fn prove(
    settings: &Settings,
    index: Option<u64>,
    from: Option<u64>,
    output: Option<&Path>,
    global: &Global,
) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let size = reader.checkpoint()?.size();
    let (what, file) = match (index, from) {
        (Some(index), _) if index >= size => {
            return Err(Failure::usage(
                format!("there is no entry {index}: the log has {size}, counted from 0"),
                "`evidenced log tail` shows the latest",
            ));
        }
        (Some(index), _) => (json!({"index": index}), reader.proof_file(index)?),
        (None, from) => {
            let from = from.unwrap_or_default();
            if from > size {
                return Err(Failure::usage(
                    format!("the log has {size} entries, the pinned checkpoint {from}"),
                    "if the pinned checkpoint is this log's, this store was rolled back: see `evidenced log restore --help`",
                ));
            }
            (json!({"old_size": from}), consistency_file(&reader, from)?)
        }
    };
    match (output, global.format()) {
        (Some(path), format) => {
            if path.exists() {
                return Err(Failure::usage(
                    format!("{} exists already", path.display()),
                    "a proof is never overwritten: name another file",
                ));
            }
            init::write_new(path, file.as_bytes(), 0o644)?;
            if format == Format::Json {
                print::json(&json!({"schema": "evidenced/log-proof/v1", "of": what, "size": size, "file": path}))?;
            } else if !global.quiet {
                print::line_to_stderr(&format_args!("wrote {}", path.display()));
            }
        }
        (None, Format::Table) => print::text(&file)?,
        (None, Format::Json) => {
            print::json(&json!({"schema": "evidenced/log-proof/v1", "of": what, "size": size, "proof": file}))?;
        }
    }
    Ok(Exit::Done)
}

/// Checkpoint and proof belong together, also while a writer publishes the next one.
fn consistency_file(reader: &store::Reader, from: u64) -> Result<String, Failure> {
    let checkpoint = reader.checkpoint()?;
    let consistency = reader.consistency_between(from, checkpoint.size())?;
    Ok(ConsistencyFile::new(consistency, &checkpoint).to_string())
}
