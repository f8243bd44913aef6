//! Where everything of a store lies.

use crate::database::Identity;
use crate::error::StoreError;
use std::path::{Path, PathBuf};

/// `EVDS`, version 1 of `schema.sql`.
pub(crate) const IDENTITY: Identity = Identity { application: 0x4556_4453, version: 1 };

/// The schema of the evidence database.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// The places of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePaths {
    /// Databases, openings and the published log.
    pub dir: PathBuf,
    /// Captured bytes; may be on another file system.
    pub blobs: PathBuf,
}

impl StorePaths {
    /// A store in `dir` with its blobs beside the databases.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self { blobs: dir.join("blobs"), dir }
    }

    /// Whether there is a store.
    pub fn exists(&self) -> bool {
        self.database().is_file()
    }

    /// Fails where there is no store, and where one has lost its database.
    pub(crate) fn require(&self) -> Result<(), StoreError> {
        if self.exists() {
            Ok(())
        } else if self.checkpoint().exists() {
            Err(StoreError::damaged(&self.database(), "the file is missing, and a log was published from it"))
        } else {
            Err(StoreError::NotAStore { dir: self.dir.clone() })
        }
    }

    /// Log entries, tree and projections.
    pub fn database(&self) -> PathBuf {
        self.dir.join("evidence.sqlite")
    }

    /// Digests of both databases as the last clean close left them, for `sha256sum -c`.
    pub(crate) fn closed(&self) -> PathBuf {
        self.dir.join("databases.sha256")
    }

    /// Openings by digest.
    pub(crate) fn openings(&self) -> PathBuf {
        self.dir.join("openings")
    }

    /// The published log: `checkpoint` and `tile/`, as C2SP tlog-tiles lays them out.
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The published checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.log().join("checkpoint")
    }

    /// A path of the store as it is named to people: relative to `dir` where it lies below it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.dir).unwrap_or(path)
    }
}
