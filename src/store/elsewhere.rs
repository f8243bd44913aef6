//! What others hold of this log: published, mirrored, cosigned. Compared with the rows before anything is written.
//!
//! A checkpoint that the rows do not extend means that this store is an older copy, or one of two that went apart.
//! Nothing here writes, and nothing here can see a copy whose every outside witness was copied or rolled back with it.

use crate::cosigned::{self, Cosigned};
use crate::error::StoreError;
use crate::mirror::Mirror;
use crate::paths::StorePaths;
use crate::reader::Reader;
use crate::start::with_nodes;
use ledger::{Body, Entry, HeldElsewhere, KeyChain, SignedCheckpoint, SigningKey, tree};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

/// What a writer is given to keep the log with.
#[derive(Clone, Copy)]
pub struct Keeping<'a> {
    /// Signs.
    pub key: &'a SigningKey,
    /// Signs too, while those who verify change from it to `key`.
    pub previous_key: Option<&'a SigningKey>,
    /// Folder to which each checkpoint is copied, outside the store, so that it outlives a rollback of the store.
    pub mirror: Option<&'a Path>,
    /// Asks witnesses before anything is written.
    pub consult: Option<Consult<'a>>,
}

impl<'a> Keeping<'a> {
    /// With `key` alone.
    pub const fn with(key: &'a SigningKey) -> Self {
        Self { key, previous_key: None, mirror: None, consult: None }
    }
}

/// Shows witnesses the last signed checkpoint; the reader proves its growth.
pub type Consult<'a> = &'a dyn Fn(&Reader, &SignedCheckpoint) -> Asked;

/// What witnesses answered. One that did not answer is in neither list.
#[derive(Debug, Default)]
pub struct Asked {
    /// Logs that are newer than this one or another.
    pub held: Vec<Held>,
    /// Cosignatures, verified.
    pub cosigned: Vec<Cosigned>,
}

/// A checkpoint of this log that somebody holds and the rows here do not extend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// `lock`, `published`, `mirror`, `file`, or a witness's name.
    pub by: String,
    /// Entries in it.
    pub size: u64,
    /// The checkpoint; none where the holder tells the size alone.
    pub checkpoint: Option<SignedCheckpoint>,
    /// What was seen, in words.
    pub problem: String,
}

impl Held {
    pub(crate) fn entry(&self) -> HeldElsewhere {
        let root = self.checkpoint.as_ref().map(SignedCheckpoint::root);
        HeldElsewhere { by: self.by.clone(), size: self.size, root }
    }
}

/// The rows, to compare checkpoints with.
pub(crate) struct Rows<'a> {
    pub(crate) evidence: &'a Connection,
    pub(crate) paths: &'a StorePaths,
    pub(crate) chain: &'a KeyChain,
    pub(crate) size: u64,
}

impl Rows<'_> {
    /// Whether the rows extend `checkpoint`.
    pub(crate) fn extend(&self, checkpoint: &SignedCheckpoint) -> Result<bool, StoreError> {
        if checkpoint.size() > self.size {
            return Ok(false);
        }
        let root = with_nodes(self.evidence, &self.paths.database(), |nodes| tree::root(nodes, checkpoint.size()))?;
        Ok(root == checkpoint.root())
    }

    /// The published checkpoint, if there is one.
    pub(crate) fn published(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        read_checkpoint(&self.paths.checkpoint(), self.chain)
    }

    /// What is held outside the databases and is of another log than the one signed last: `lock` is its size. `given` is
    /// what somebody brings along.
    pub(crate) fn held(&self, lock: u64, mirror: Option<&Mirror>, given: &[Held]) -> Result<Vec<Held>, StoreError> {
        let mut shown = Vec::new();
        if let Some(checkpoint) = self.published()? {
            shown.push(("published".to_owned(), checkpoint));
        }
        for cosigned in cosigned::read_all(self.paths, self.chain)? {
            shown.push((cosigned.name, cosigned.checkpoint));
        }
        if let Some(checkpoint) = mirror.map(|mirror| mirror.load(self.chain)).transpose()?.flatten() {
            shown.push(("mirror".to_owned(), checkpoint));
        }
        let mut held = Vec::new();
        for (by, checkpoint) in shown {
            let size = checkpoint.size();
            let problem = if size > lock {
                let verb = if by == "published" { "published".to_owned() } else { format!("shown to `{by}`") };
                format!("a log of {size} entries was {verb}, the last one known to be signed has {lock}")
            } else if self.extend(&checkpoint)? {
                continue;
            } else {
                format!("two different logs of {size} entries were signed, one of them was shown to `{by}`")
            };
            held.push(Held { by, size, checkpoint: Some(checkpoint), problem });
        }
        for given in given {
            let extended = given.checkpoint.as_ref().map(|checkpoint| self.extend(checkpoint)).transpose()?;
            if extended != Some(true) || given.size > lock {
                held.push(given.clone());
            }
        }
        Ok(held)
    }
}

/// A checkpoint file of this log, or none when it is not there.
pub(crate) fn read_checkpoint(path: &Path, chain: &KeyChain) -> Result<Option<SignedCheckpoint>, StoreError> {
    match fs::read(path) {
        Ok(text) => chain.open(&text).map(Some).map_err(|error| StoreError::damaged(path, error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path, error)),
    }
}

/// What restore entries have given up: it is known, and no longer stands in the way.
pub(crate) fn given_up(own: &[(u64, Entry)]) -> Vec<HeldElsewhere> {
    let held = own.iter().filter_map(|(_, entry)| match &entry.body {
        Body::Restore { held, .. } => Some(held.iter().cloned()),
        _ => None,
    });
    held.flatten().collect()
}

/// Fails on the first of `held` that no restore entry has given up. A holder that went on since is another matter: then
/// the other copy is still being written.
pub(crate) fn refuse(paths: &StorePaths, held: &[Held], given_up: &[HeldElsewhere]) -> Result<(), StoreError> {
    let known = |held: &Held| given_up.iter().any(|up| up.by == held.by && up.size == held.size);
    match held.iter().find(|held| !known(held)) {
        None => Ok(()),
        Some(held) => Err(StoreError::Rollback { dir: paths.dir.clone(), problem: held.problem.clone() }),
    }
}
