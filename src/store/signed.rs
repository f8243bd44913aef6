//! The last checkpoint this log signed, in a small database of its own (`lock.sqlite`).
//!
//! It is swapped before a checkpoint is shown to anybody, so that no two checkpoints of one size can leave the house.
//! It never holds a key and never signs.

use crate::database::{self, Identity, Mode};
use crate::error::StoreError;
use ledger::{KeyChain, SignedCheckpoint};
use rusqlite::{Connection, OptionalExtension as _};
use std::path::{Path, PathBuf};

/// The database's file.
pub(crate) const FILE: &str = "lock.sqlite";

/// `EVDL`, version 1.
pub(crate) const IDENTITY: Identity = Identity { application: 0x4556_444c, oldest: 1, version: 1 };

pub(crate) const SCHEMA: &str = "CREATE TABLE signed (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    checkpoint TEXT NOT NULL
) STRICT;";

/// The lock database, open to write.
#[derive(Debug)]
pub(crate) struct SignedLock {
    connection: Connection,
    path: PathBuf,
}

impl SignedLock {
    pub(crate) fn create(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        Ok(Self { connection: database::create(&path, IDENTITY, Mode::Journal, SCHEMA)?, path })
    }

    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(StoreError::damaged(&path, "the file is missing"));
        }
        let connection = database::open_writer(&path, IDENTITY)?;
        database::settle(&connection, &path, Mode::Journal)?;
        Ok(Self { connection, path })
    }

    pub(crate) fn close(self) -> Result<(), StoreError> {
        self.connection.close().map_err(|(_, error)| StoreError::database("close", &self.path, error))
    }

    /// The last checkpoint signed, its signature verified; none before the first.
    pub(crate) fn load(&self, chain: &KeyChain) -> Result<Option<SignedCheckpoint>, StoreError> {
        load(&self.connection, &self.path, chain)
    }

    /// Replaces `old` by `new`, or fails when something else is there than `old`.
    pub(crate) fn swap(&self, old: Option<&SignedCheckpoint>, new: &SignedCheckpoint) -> Result<(), StoreError> {
        let changed = match old {
            None => self.connection.execute("INSERT OR IGNORE INTO signed VALUES (1, ?1)", [new.text()]),
            Some(old) => self
                .connection
                .execute("UPDATE signed SET checkpoint = ?2 WHERE checkpoint = ?1", [old.text(), new.text()]),
        }
        .map_err(|error| StoreError::database("record the signed checkpoint", &self.path, error))?;
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::damaged(&self.path, "another checkpoint was recorded while this one was signed"))
        }
    }
}

/// Whether the lock database in `dir` holds a checkpoint. One that cannot be read is an error: it may.
pub(crate) fn holds_checkpoint(dir: &Path) -> Result<bool, StoreError> {
    let path = dir.join(FILE);
    if !path.exists() {
        return Ok(false);
    }
    let connection = database::peek(&path)?;
    let count = |query| connection.query_row(query, [], |row| row.get::<_, i64>(0));
    // an `init` that was killed early leaves a database without tables
    count("SELECT count(*) FROM sqlite_schema")
        .and_then(|tables| if tables == 0 { Ok(0) } else { count("SELECT count(*) FROM signed") })
        .map(|held| held > 0)
        .map_err(|error| StoreError::database("look for a signed checkpoint", &path, error))
}

/// Reads the last checkpoint signed from an open lock database.
pub(crate) fn load(
    connection: &Connection,
    path: &Path,
    chain: &KeyChain,
) -> Result<Option<SignedCheckpoint>, StoreError> {
    let text: Option<String> = connection
        .query_row("SELECT checkpoint FROM signed WHERE one = 1", [], |row| row.get(0))
        .optional()
        .map_err(|error| StoreError::database("read the signed checkpoint", path, error))?;
    text.map(|text| {
        chain.open(text).map_err(|error| StoreError::damaged(path, format!("the signed checkpoint: {error}")))
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{Checkpoint, SigningKey};
    use model::Digest;

    fn checkpoint(key: &SigningKey, size: u64) -> SignedCheckpoint {
        Checkpoint { origin: key.name().to_owned(), size, root: Digest::of(&size.to_be_bytes()) }.sign(key).unwrap()
    }

    #[test]
    fn a_checkpoint_replaces_only_the_one_it_was_proved_to_extend() {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed("log.example/a", &[1; 32]).unwrap();
        let lock = SignedLock::create(dir.path()).unwrap();
        assert_eq!(lock.load(&KeyChain::of(key.verifier().clone())).unwrap(), None);
        let (one, two, three) = (checkpoint(&key, 1), checkpoint(&key, 2), checkpoint(&key, 3));
        lock.swap(None, &one).unwrap();
        lock.swap(None, &two).unwrap_err();
        lock.swap(Some(&one), &two).unwrap();
        lock.swap(Some(&one), &three).unwrap_err();
        drop(lock);
        let lock = SignedLock::open(dir.path()).unwrap();
        assert_eq!(lock.load(&KeyChain::of(key.verifier().clone())).unwrap(), Some(two));
        let other = SigningKey::from_seed("log.example/a", &[2; 32]).unwrap();
        assert!(matches!(lock.load(&KeyChain::of(other.verifier().clone())), Err(StoreError::Damaged { .. })));
    }
}
