//! `evidenced log rotate`: a new key, named by an entry under the old one.

use crate::cli::args::{Format, Global};
use crate::cli::{init, print};
use crate::failure::{Exit, Failure};
use crate::line::Line;
use crate::settings::{SecretRef, Settings};
use ledger::SigningKey;
use serde_json::json;
use std::path::PathBuf;

pub(super) fn rotate(settings: Settings, output: Option<PathBuf>, global: &Global) -> Result<Exit, Failure> {
    let (origin, old) = (settings.log.origin.clone(), settings.log.key.clone());
    // a running daemon signs with the old key: it has to be stopped, and is not asked for the store
    let line = Line::open(settings)?;
    let done = (|| {
        let key = init::new_key(&origin)?;
        let file = match (output, &old) {
            (Some(file), _) => file,
            (None, SecretRef::File(path)) => {
                let id = format!("{:08x}", u32::from_be_bytes(key.verifier().id()));
                let mut name = path.as_os_str().to_owned();
                name.push(format!(".{id}"));
                PathBuf::from(name)
            }
            (None, SecretRef::Env(_)) => {
                return Err(Failure::usage(
                    "the present key is not in a file",
                    "say where the new one goes: `--output FILE`",
                ));
            }
        };
        // the key before the entry: one that is named and lost would end the log
        init::write_key(&file, &key)?;
        let entry = line.rotate(&key)?;
        said(&entry, &key, &file, &old, global)?;
        Ok(Exit::Done)
    })();
    line.close()?;
    done
}

fn said(
    entry: &store::LogEntry,
    key: &SigningKey,
    file: &std::path::Path,
    old: &SecretRef,
    global: &Global,
) -> Result<(), Failure> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let quoted = |path: &std::path::Path| toml::Value::String(path.display().to_string()).to_string();
    let previous = match old {
        SecretRef::File(path) => format!("{{ file = {} }}", quoted(path)),
        SecretRef::Env(name) => format!("{{ env = \"{name}\" }}"),
    };
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/log-rotate/v1", "log_index": entry.index, "log_key": key.verifier().to_string(),
            "key_file": file,
        })),
        Format::Table => print::text_line(&format!(
            "entry {} names the new key, and the checkpoint over it carries both signatures\n\
             log key {}\n\n\
             Put this into the configuration before anything else is written:\n  [log]\n  key = {{ file = {} }}\n  \
             previous_key = {previous}\n\n\
             Give the new log key to your auditor and to the witnesses by the channel the old one went. When all of them\n\
             have it, take `previous_key` out and destroy the old key.",
            entry.index,
            key.verifier(),
            quoted(&file),
        )),
    }
}
