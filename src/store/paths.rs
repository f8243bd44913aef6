//! Where everything of a store lies.

use crate::database::Identity;
use crate::durable::{self, TEMPORARY};
use crate::error::StoreError;
use crate::{marker, signed};
use std::path::{Path, PathBuf};

/// `EVDS`, version 6 of the schema. An older one is read as it is, and brought to this version when it is opened to write.
pub(crate) const IDENTITY: Identity = Identity { application: 0x4556_4453, oldest: 1, version: 6 };

/// The schema of the evidence database.
pub(crate) const SCHEMA: &str = concat!(
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql")
);

/// What each version adds to the one before, from version 2 on.
pub(crate) const UPGRADES: [&str; 5] = [
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
];

/// The schema as version `version` has it.
pub(crate) fn schema_of(version: i64) -> &'static str {
    match version {
        ..2 => include_str!("schema.sql"),
        2 => concat!(include_str!("schema.sql"), include_str!("schema_2.sql")),
        3 => concat!(include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")),
        4 => concat!(
            include_str!("schema.sql"),
            include_str!("schema_2.sql"),
            include_str!("schema_3.sql"),
            include_str!("schema_4.sql")
        ),
        5 => concat!(
            include_str!("schema.sql"),
            include_str!("schema_2.sql"),
            include_str!("schema_3.sql"),
            include_str!("schema_4.sql"),
            include_str!("schema_5.sql")
        ),
        _ => SCHEMA,
    }
}

/// What the making of a file system leaves in its topmost folder, where blobs may have a file system of their own.
pub(crate) const LOST_AND_FOUND: &str = "lost+found";

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

    /// The folder for what needs no name and outlives no process; it is made where it is missing.
    pub fn scratch(&self) -> Result<PathBuf, StoreError> {
        durable::scratch(&self.blobs)
    }

    /// Whether there is a store.
    pub fn exists(&self) -> bool {
        self.database().is_file()
    }

    /// Fails where there is no store, and where one has lost its database.
    pub(crate) fn require(&self) -> Result<(), StoreError> {
        if self.exists() {
            Ok(())
        } else if let Some(remains) = self.remains()? {
            Err(StoreError::damaged(&self.database(), format!("the file is missing, and {remains}")))
        } else {
            Err(StoreError::NotAStore { dir: self.dir.clone() })
        }
    }

    /// What says that a log was begun here, other than its database. An `init` that was killed leaves none of it.
    fn remains(&self) -> Result<Option<String>, StoreError> {
        if self.checkpoint().exists() {
            return Ok(Some("a log was published from it".to_owned()));
        }
        if signed::holds_checkpoint(&self.dir)? {
            return Ok(Some(format!("a checkpoint of its log was signed: {} holds it", signed::FILE)));
        }
        for folder in [&self.log(), &self.blobs, &self.openings(), &self.anchors()] {
            if let Some(name) = occupant(folder)? {
                return Ok(Some(format!("{} holds `{name}`", self.shown(folder).display())));
            }
        }
        Ok(None)
    }

    /// Fails where the folder of openings is lost: without them no document is tied to its entry.
    pub(crate) fn require_openings(&self) -> Result<(), StoreError> {
        if self.openings().is_dir() {
            Ok(())
        } else {
            Err(StoreError::damaged(&self.openings(), "the folder is missing"))
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

    /// Says which log the blobs are of.
    pub(crate) fn marker(&self) -> PathBuf {
        self.blobs.join(marker::FILE)
    }

    /// Openings by digest.
    pub(crate) fn openings(&self) -> PathBuf {
        self.dir.join("openings")
    }

    /// Timestamp tokens and the checkpoints they are over.
    pub fn anchors(&self) -> PathBuf {
        self.dir.join("anchors")
    }

    /// The published log: `checkpoint` and `tile/`, as C2SP tlog-tiles lays them out.
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The published checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.log().join("checkpoint")
    }

    /// The first checkpoint with the signatures of both keys after the entry at `index` changed the key.
    pub(crate) fn rotation(&self, index: u64) -> PathBuf {
        self.log().join("rotation").join(index.to_string())
    }

    /// The published log of a history that the nth restore gave up.
    pub(crate) fn given_up(&self, nth: u32) -> PathBuf {
        self.dir.join(format!("log.given-up-{nth}"))
    }

    /// A path of the store as it is named to people: relative to `dir` where it lies below it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.dir).unwrap_or(path)
    }
}

/// Something in `folder` that neither `init` nor the making of a file system puts there.
fn occupant(folder: &Path) -> Result<Option<String>, StoreError> {
    let failed = |error| StoreError::io("list", folder, error);
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    for item in listing {
        let name = item.map_err(failed)?.file_name();
        if ![TEMPORARY, marker::FILE, LOST_AND_FOUND].iter().any(|own| name == *own) {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}
