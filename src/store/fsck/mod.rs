//! Whether everything in a store is what was stored: every blob, opening, entry, node, row, tile and checkpoint.
//!
//! It reads; it mends nothing. One damaged thing does not end it: whatever can still be checked is, and each problem names its file.

mod anchors;
mod compare;
mod databases;
mod files;
mod replay;
mod rows;

use crate::blobs::read_capped;
use crate::database;
use crate::database::ReadConnection;
use crate::error::StoreError;
use crate::keys;
use crate::paths::{IDENTITY, StorePaths, schema_of};
use crate::shelf::Shelf;
use crate::signed;
use crate::writer_lock::{Still, WriterLock};
use ledger::{KeyChain, SignedCheckpoint, VerifierKey};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// One thing that is not as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file concerned.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What was checked and what was found.
#[derive(Debug, Clone, Default)]
pub struct FsckReport {
    /// Log entries read and hashed.
    pub entries: u64,
    /// Entries in the log the last signed checkpoint covers.
    pub signed: u64,
    /// Snapshots among the entries.
    pub snapshots: u64,
    /// Blobs unpacked and hashed.
    pub blobs: u64,
    /// Openings hashed.
    pub openings: u64,
    /// Tiles and entry bundles compared with what the log gives.
    pub tiles: u64,
    /// Timestamp tokens verified, apart from the chain to an authority's root.
    pub anchors: u64,
    /// Rows of projections compared with what replaying the log gives.
    pub rows: u64,
    /// What is worth knowing and is no damage: leftovers of a kill, bytes that could not be accounted for and why.
    pub notes: Vec<String>,
    /// Damage.
    pub problems: Vec<Problem>,
}

impl FsckReport {
    /// Whether nothing is damaged.
    pub const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, path: &Path, problem: impl Into<String>) {
        self.problems.push(Problem { path: path.to_owned(), problem: problem.into() });
    }

    /// Records a failure under the file it names, or under `path` when it names none.
    fn failure(&mut self, path: &Path, error: &StoreError) {
        match error {
            StoreError::Damaged { path, problem } => self.problem(path, problem.clone()),
            StoreError::Io { what, path, source } => self.problem(path, format!("could not {what} it: {source}")),
            StoreError::Database { what, path, source } => {
                self.problem(path, format!("could not {what}: {source}"));
            }
            other => self.problem(path, other.to_string()),
        }
    }
}

/// Which part of the work is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsckStage {
    /// Log entries with their openings and documents.
    Log,
    /// Rows of the databases.
    Rows,
    /// Published tiles.
    Tiles,
    /// Blobs.
    Blobs,
    /// Openings.
    Openings,
}

/// Told how far the work is: stage, done, total. Called from several threads.
pub type FsckProgress<'a> = &'a (dyn Fn(FsckStage, u64, u64) + Sync);

/// What the parts of the check share.
struct Scene<'a> {
    paths: &'a StorePaths,
    key: &'a VerifierKey,
    /// The keys the log's own entries name, as far as they lead to or from `key`.
    chain: KeyChain,
    shelf: Shelf,
    progress: FsckProgress<'a>,
    /// No writer is at work, so every file holds still.
    still: bool,
}

/// Checks the store in `paths`, whose log belongs to `key`.
///
/// While no writer is at work it keeps writers out, and after a clean close it accounts for every byte of the databases.
/// Beside a writer it checks what was sealed when it began. It must not run in a process that has the store open:
/// reading the database files by themselves drops the locks SQLite holds for that process.
pub fn fsck(paths: &StorePaths, key: &VerifierKey, progress: FsckProgress<'_>) -> Result<FsckReport, StoreError> {
    database::assert_sqlite()?;
    if let Err(error @ StoreError::NotAStore { .. }) = paths.require() {
        return Err(error);
    }
    let still = WriterLock::hold_still(&paths.dir);
    let mut scene = Scene {
        paths,
        key,
        chain: KeyChain::of(key.clone()),
        shelf: Shelf::new(paths),
        progress,
        still: !matches!(still, Still::Written),
    };
    let mut report = FsckReport::default();
    if scene.still {
        // before SQLite opens anything
        databases::closed_digests(&scene, &mut report);
    } else {
        report.notes.push("a writer is at work: bytes of the databases that hold no data were not checked".to_owned());
    }
    scene.chain = chain(&scene).unwrap_or(scene.chain);
    let checkpoints = databases::checkpoints(&scene, &mut report);
    let mut inside = rows::Inside::default();
    let referenced = match open(&scene) {
        Ok(evidence) => {
            inside = rows::blobs(&scene, &mut report, &evidence);
            log_and_rows(&scene, &mut report, &evidence, &checkpoints)
        }
        Err(error @ (StoreError::Newer { .. } | StoreError::SqliteTooOld { .. })) => return Err(error),
        Err(error) => {
            report.failure(&paths.database(), &error);
            None
        }
    };
    files::blobs_and_openings(&scene, &mut report, referenced.as_ref(), &inside);
    files::top(&scene, &mut report);
    report.problems.sort();
    report.problems.dedup();
    Ok(report)
}

/// The chain of keys that the rows tell and `key` belongs to. What is wrong with them is found when the log is replayed.
fn chain(scene: &Scene<'_>) -> Option<KeyChain> {
    let evidence = open(scene).ok()?;
    let own = keys::own_entries(&evidence, scene.paths).ok()?;
    keys::chain(&own, scene.paths).ok().filter(|chain| chain.contains(scene.key))
}

/// The checkpoints that could be read and whose signatures hold.
struct Checkpoints {
    signed: Option<SignedCheckpoint>,
    published: Option<SignedCheckpoint>,
}

fn open(scene: &Scene<'_>) -> Result<ReadConnection, StoreError> {
    scene.paths.require()?;
    let path = scene.paths.database();
    let connection = database::open_reader(&path, IDENTITY)?;
    // one transaction: what a writer adds meanwhile is not seen
    connection.execute_batch("BEGIN").map_err(|error| StoreError::database("read", &path, error))?;
    Ok(connection)
}

fn log_and_rows(
    scene: &Scene<'_>,
    report: &mut FsckReport,
    evidence: &Connection,
    checkpoints: &Checkpoints,
) -> Option<replay::Referenced> {
    let path = scene.paths.database();
    let version = database::version(evidence, &path).unwrap_or_default();
    databases::structure(evidence, &path, schema_of(version), report);
    let replayed = match replay::replay(scene, report, evidence, checkpoints) {
        Ok(replayed) => replayed,
        Err(error) => {
            report.failure(&path, &error);
            return None;
        }
    };
    compare::rows(scene, report, evidence, &replayed);
    let published = checkpoints.published.as_ref().map_or(0, SignedCheckpoint::size);
    files::tiles(scene, report, &replayed.database, published, replayed.size);
    anchors::anchors(scene, report, &replayed);
    Some(replayed.referenced)
}

/// A small file of the store, or none when it is not there.
fn read_small(path: &Path, report: &mut FsckReport) -> Option<Vec<u8>> {
    match read_capped(path, 1 << 20) {
        Ok(bytes) => Some(bytes),
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            report.failure(path, &error);
            None
        }
    }
}

/// Opens the lock database to read.
fn open_lock(scene: &Scene<'_>) -> Result<ReadConnection, StoreError> {
    let path = scene.paths.dir.join(signed::FILE);
    if !path.exists() {
        return Err(StoreError::damaged(&path, "the file is missing"));
    }
    database::open_reader(&path, signed::IDENTITY)
}
