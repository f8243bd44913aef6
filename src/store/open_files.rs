//! Which databases readers of this process have open.
//!
//! Closing any descriptor of a file drops the POSIX locks that SQLite holds on it for the whole process, so whoever reads
//! a database as plain bytes makes sure here that no reader has it open, and that none opens it meanwhile.

use crate::error::StoreError;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Device and inode: one file can have several paths.
type Id = (u64, u64);

static OPEN: Mutex<BTreeMap<Id, usize>> = Mutex::new(BTreeMap::new());

/// One opening, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Id);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.0);
            }
        }
    }
}

fn id(path: &Path) -> std::io::Result<Id> {
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Opens `path` by `open`, and counts it. The count has to outlive what was opened.
pub(crate) fn counted<T>(
    path: &Path,
    open: impl FnOnce() -> Result<T, StoreError>,
) -> Result<(T, Counted), StoreError> {
    let mut counts = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let opened = open()?;
    let id = id(path).map_err(|error| StoreError::io("look at", path, error))?;
    *counts.entry(id).or_default() += 1;
    Ok((opened, Counted(id)))
}

/// Does `work` while no reader of this process has any of `files` open; none when one has.
pub(crate) fn without_readers<T>(files: &[&Path], work: impl FnOnce() -> T) -> Option<T> {
    let counts = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let open = files.iter().any(|file| id(file).is_ok_and(|id| counts.contains_key(&id)));
    let outcome = (!open).then(work);
    drop(counts);
    outcome
}
