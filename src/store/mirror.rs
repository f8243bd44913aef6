//! A second place for the checkpoint, outside the store: what was signed is still known there after the store was rolled back.
//!
//! The folder is the operator's; only its `checkpoint` is written, whole or not at all, and never over one the log does not extend.

use crate::durable;
use crate::elsewhere::read_checkpoint;
use crate::error::StoreError;
use ledger::{KeyChain, SignedCheckpoint};
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where each checkpoint is copied to.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    dir: PathBuf,
}

impl Mirror {
    /// The mirror in the existing folder `dir`: a missing one may be a disk that is not mounted, so none is made.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        if dir.is_dir() {
            Ok(Self { dir: dir.to_owned() })
        } else {
            Err(StoreError::MirrorAway { mirror: dir.to_owned(), problem: "there is no such folder".to_owned() })
        }
    }

    fn checkpoint(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }

    /// The checkpoint copied last.
    pub(crate) fn load(&self, chain: &KeyChain) -> Result<Option<SignedCheckpoint>, StoreError> {
        read_checkpoint(&self.checkpoint(), chain)
    }

    /// Keeps other copies of the store from signing until the file is dropped.
    pub(crate) fn hold(&self) -> Result<File, StoreError> {
        let path = self.dir.join("mirror.lock");
        let failed = |error| StoreError::io("lock", &path, error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(durable::FILE_MODE)
            .open(&path)
            .map_err(failed)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
        Ok(file)
    }

    /// Copies `checkpoint`, unless it is there.
    pub(crate) fn write(&self, checkpoint: &SignedCheckpoint) -> Result<(), StoreError> {
        let (path, text) = (self.checkpoint(), checkpoint.text());
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(());
        }
        durable::write_file(&self.dir, &path, text.as_bytes())
    }

    /// Puts a checkpoint that was given up beside the one that follows.
    pub(crate) fn set_aside(&self, given_up: &SignedCheckpoint) -> Result<(), StoreError> {
        let path = self.dir.join(format!("checkpoint.given-up-{}-{}", given_up.size(), given_up.root()));
        durable::write_file(&self.dir, &path, given_up.text().as_bytes())
    }
}
