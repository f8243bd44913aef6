//! `evidenced init`: a commented configuration, a signing key of mode 0600, an empty store.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::Line;
use crate::settings;
use ledger::SigningKey;
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) fn init(dir: &Path, name: &str, origin: &str, timezone: &str, global: &Global) -> Result<Exit, Failure> {
    let file = dir.join("evidenced.toml");
    let key_file = dir.join("evidenced.key");
    for existing in [&file, &key_file] {
        if existing.exists() {
            return Err(Failure::usage(
                format!("{} exists already", existing.display()),
                "init never overwrites: name another folder, or use the store that is there",
            ));
        }
    }
    std::fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))?;
    let key = make_key(&key_file, origin)?;
    let made = write_new(&file, settings::starter(name, origin, timezone).as_bytes(), 0o644).and_then(|()| {
        let loaded = settings::load(&file, &[]).map_err(|problems| {
            let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Failure { exit: Exit::Usage, message, help: Some("check --name, --origin and --timezone".to_owned()) }
        })?;
        Line::init(loaded)
    });
    let line = made.inspect_err(|_| {
        // nothing is signed with this key yet: what was asked wrongly can be asked again
        for half_made in [&file, &key_file] {
            let _ = std::fs::remove_file(half_made);
        }
    })?;
    let verifier = key.verifier().to_string();
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/init/v1", "config": file, "store": line.settings().store.dir, "key": key_file, "log_key": verifier,
        }))?,
        Format::Table => print::text_line(&format!(
            "made {}\nmade {} (keep it secret, back it up)\nmade {}\nlog key {verifier}\n\n\
             Give the log key to your auditor by another channel than the packs. Next: add sources to {}, then\n  \
             evidenced -c {} doctor",
            file.display(),
            key_file.display(),
            line.settings().store.dir.display(),
            file.display(),
            file.display(),
        ))?,
    }
    line.close()?;
    Ok(Exit::Done)
}

/// A fresh signing key for the log `origin`, written to `path` with mode 0600.
pub(crate) fn make_key(path: &Path, origin: &str) -> Result<SigningKey, Failure> {
    let key = new_key(origin)?;
    write_key(path, &key)?;
    Ok(key)
}

/// A fresh signing key for the log `origin`, nowhere yet.
pub(crate) fn new_key(origin: &str) -> Result<SigningKey, Failure> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::store(format!("no randomness for a key: {error}")))?;
    SigningKey::from_seed(origin, &seed).map_err(|error| {
        Failure::usage(format!("`{origin}` cannot name a log: {error}"), "write it like acme.example/evidence")
    })
}

/// Writes a key to a file that must not exist yet, with mode 0600, durably, its name too.
pub(crate) fn write_key(path: &Path, key: &SigningKey) -> Result<(), Failure> {
    write_new(path, format!("{}\n", key.to_text().as_str()).as_bytes(), 0o600)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(path, &error))
}

/// Writes a file that must not exist yet, durably.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure {
        exit: Exit::Store,
        message: format!("cannot write {}: {error}", path.display()),
        help: Some("check that the folder exists, is yours, and has room".to_owned()),
    }
}
