//! A clean close: each database becomes one plain file, and `databases.sha256` says what it holds.
//!
//! Readers then need no write-ahead log, and `fsck` can account for every byte, also those SQLite itself does not look at.

use crate::database;
use crate::durable;
use crate::error::StoreError;
use crate::open_files;
use crate::paths::StorePaths;
use crate::signed::{self, SignedLock};
use model::{Digest, Hasher};
use rusqlite::Connection;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

/// Closes both databases and records their digests. On an error the store stays as after a kill: whole, read through its write-ahead log.
pub(crate) fn close(paths: &StorePaths, evidence: Connection, lock: SignedLock) -> Result<(), StoreError> {
    let path = paths.database();
    let failed = |error| StoreError::database("close", &path, error);
    // a reader elsewhere keeps its log; do not wait for it
    evidence.busy_timeout(Duration::from_millis(200)).map_err(failed)?;
    let busy: i64 = database::only_row(&evidence, "PRAGMA wal_checkpoint(TRUNCATE)", 0).map_err(failed)?;
    let mode: String = database::only_row(&evidence, "PRAGMA journal_mode = delete", 0).map_err(failed)?;
    evidence.close().map_err(|(_, error)| failed(error))?;
    lock.close()?;
    if busy != 0 || mode != "delete" {
        return Ok(());
    }
    record(paths)
}

/// Records the digests of both databases, unless a reader of this process came meanwhile.
fn record(paths: &StorePaths) -> Result<(), StoreError> {
    let files = [paths.database(), paths.dir.join(signed::FILE)];
    let lines = || -> Result<String, StoreError> {
        let mut lines = String::new();
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            lines.extend([digest_of_file(file)?.to_string().as_str(), "  ", &name, "\n"]);
        }
        Ok(lines)
    };
    match open_files::without_readers(&[&files[0], &files[1]], lines) {
        Some(lines) => durable::write_file(&paths.log(), &paths.closed(), lines?.as_bytes()),
        None => Ok(()),
    }
}

/// SHA-256 of a file, read in pieces. A database is read so only by way of [`open_files::without_readers`].
pub(crate) fn digest_of_file(path: &Path) -> Result<Digest, StoreError> {
    let failed = |error| StoreError::io("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..read]);
    }
}
