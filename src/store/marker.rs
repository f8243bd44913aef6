//! `log.vkey` in the folder of blobs: whose they are, and that the folder is the one meant and not an empty mount point.
//!
//! Written once, by `init`; nothing else makes that folder.

use crate::blobs::read_capped;
use crate::durable;
use crate::error::StoreError;
use crate::paths::StorePaths;
use ledger::VerifierKey;
use std::io::ErrorKind;

/// The file's name, below the folder of blobs.
pub(crate) const FILE: &str = "log.vkey";

fn content(key: &VerifierKey) -> String {
    format!("{key}\n")
}

pub(crate) fn write(paths: &StorePaths, key: &VerifierKey) -> Result<(), StoreError> {
    durable::write_file(&paths.blobs, &paths.marker(), content(key).as_bytes())
}

/// Fails when the folder of blobs is not there, is none of a store, or is that of another log.
pub(crate) fn check(paths: &StorePaths, key: &VerifierKey) -> Result<(), StoreError> {
    let path = paths.marker();
    let away = |problem: String| Err(StoreError::BlobsAway { blobs: paths.blobs.clone(), problem });
    let text = match read_capped(&path, 1 << 12) {
        Ok(text) => text,
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return away(format!("`{FILE}`, which `init` puts there, is missing"));
        }
        Err(error) => return Err(error),
    };
    if text == content(key).as_bytes() {
        return Ok(());
    }
    match std::str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n')?.parse::<VerifierKey>().ok()) {
        Some(other) => away(format!("these belong to the log `{other}`")),
        None => Err(StoreError::damaged(&path, "it does not hold the key of a log")),
    }
}

/// Fails when another log has the folder of blobs already.
pub(crate) fn refuse_other(paths: &StorePaths, key: &VerifierKey) -> Result<(), StoreError> {
    if paths.marker().exists() { check(paths, key) } else { Ok(()) }
}
