//! Everything in a store that is a file of its own: blobs, openings, tiles, and what does not belong there.

use super::replay::Referenced;
use super::rows::Inside;
use super::{FsckReport, FsckStage, Problem, Scene};
use crate::blobs::Blobs;
use crate::durable::TEMPORARY;
use crate::elsewhere::read_checkpoint;
use crate::error::StoreError;
use crate::paths::LOST_AND_FOUND;
use crate::tables::SqlNodes;
use crate::{cosigned, marker, publish, signed, writer_lock};
use ledger::tiles::{WIDTH, new_tiles};
use ledger::{Tile, tree};
use model::Digest;
use rusqlite::Connection;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Threads that unpack and hash.
const THREADS: usize = 2;

/// Every file below a folder, and everything there that is neither file nor folder. Links are not followed.
pub(super) fn walk(root: &Path, report: &mut FsckReport) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let listing = match fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) => {
                report.failure(&folder, &StoreError::io("list", &folder, error));
                continue;
            }
        };
        for item in listing.flatten() {
            match item.file_type() {
                Ok(kind) if kind.is_dir() && folder == root && item.file_name() == LOST_AND_FOUND => {}
                Ok(kind) if kind.is_dir() => folders.push(item.path()),
                Ok(kind) if kind.is_file() => files.push(item.path()),
                _ => report.problem(&item.path(), "it is neither a file nor a folder"),
            }
        }
    }
    files.sort();
    files
}

/// Takes out what a kill leaves under construction; it is swept at the next start.
pub(super) fn without_leftovers(
    root: &Path,
    files: Vec<PathBuf>,
    still: bool,
    report: &mut FsckReport,
) -> Vec<PathBuf> {
    let temporary = root.join(TEMPORARY);
    let (leftovers, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| path.parent() == Some(&temporary));
    if still && !leftovers.is_empty() {
        report.notes.push(format!(
            "{} unfinished files are in {}: the next start sweeps them",
            leftovers.len(),
            temporary.display()
        ));
    }
    files
}

/// Hashes every blob and opening, and sees that what the log refers to is there.
pub(super) fn blobs_and_openings(
    scene: &Scene<'_>,
    report: &mut FsckReport,
    referenced: Option<&Referenced>,
    inside: &Inside,
) {
    if let Err(error) = marker::check(scene.paths, scene.chain.genesis()) {
        report.failure(&scene.paths.marker(), &error);
    }
    let blobs = scene.shelf.blobs();
    let found = folder(scene, report, blobs, FsckStage::Blobs);
    report.blobs = found.len() as u64 + inside.blobs.len() as u64;
    for (digest, expected) in &inside.files {
        let path = blobs.path(digest);
        if !found.contains(digest) && !blobs.contains(digest) {
            report.problem(&path, "the file is missing");
        } else if blobs.seal(digest).is_ok_and(|seal| Some(seal) != *expected) {
            report.problem(&path, "it is not the file that was stored under this name");
        }
    }
    if let Some(referenced) = referenced {
        let there = |digest: &Digest| found.contains(digest) || inside.blobs.contains(digest) || blobs.contains(digest);
        for (digest, user) in &referenced.blobs {
            if !there(digest) {
                report.problem(&blobs.path(digest), format!("the file is missing: it holds {user}"));
            }
        }
        let used = |digest: &&Digest| !referenced.blobs.contains_key(digest) && !inside.pieces.contains(digest);
        let idle = found.iter().chain(&inside.blobs).filter(used).count();
        note_idle(scene, report, referenced, idle, "blobs");
    }
    let found = folder(scene, report, scene.shelf.openings(), FsckStage::Openings);
    report.openings = found.len() as u64 + inside.openings.len() as u64;
    if let Some(referenced) = referenced {
        // a missing opening was reported with its entry
        let idle = found.iter().chain(&inside.openings).filter(|digest| !referenced.openings.contains(digest)).count();
        note_idle(scene, report, referenced, idle, "openings");
    }
}

fn note_idle(scene: &Scene<'_>, report: &mut FsckReport, referenced: &Referenced, idle: usize, what: &str) {
    if idle > 0 && scene.still && referenced.whole {
        report.notes.push(format!("no entry refers to {idle} of the {what}: a kill before sealing leaves them"));
    }
}

/// Verifies every file of a folder of digests; returns what is there, sound or not.
fn folder(scene: &Scene<'_>, report: &mut FsckReport, blobs: &Blobs, stage: FsckStage) -> HashSet<Digest> {
    let files = walk(blobs.root(), report);
    let files = without_leftovers(blobs.root(), files, scene.still, report);
    let mut named: Vec<(Digest, PathBuf)> = Vec::with_capacity(files.len());
    for path in files {
        match blobs.digest_of(&path) {
            Some(digest) => named.push((digest, path)),
            None if path == scene.paths.marker() => {}
            None => report.problem(&path, "it does not belong here"),
        }
    }
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let damage: Mutex<FsckReport> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((digest, path)) = named.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = blobs.get(digest) {
                        damage.lock().unwrap_or_else(std::sync::PoisonError::into_inner).failure(path, &error);
                    }
                    (scene.progress)(stage, done.fetch_add(1, Ordering::Relaxed) + 1, named.len() as u64);
                }
            });
        }
    });
    report.problems.append(&mut damage.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).problems);
    named.into_iter().map(|(digest, _)| digest).collect()
}

/// Compares every published tile with what the replayed log of `size` entries gives. `published` entries have to be there.
pub(super) fn tiles(scene: &Scene<'_>, report: &mut FsckReport, replayed: &Connection, published: u64, size: u64) {
    let log = scene.paths.log();
    let files = walk(&log, report);
    let files = without_leftovers(&log, files, scene.still, report);
    let total = files.len() as u64;
    let mut present: HashSet<String> = HashSet::new();
    for (done, path) in (1..).zip(files) {
        if path == scene.paths.checkpoint() {
            continue;
        }
        let name = path.strip_prefix(&log).unwrap_or(&path).to_string_lossy().into_owned();
        if let Some(known) = checkpoint_file(scene, &path) {
            if let Err(problem) = checkpoint_holds(scene, replayed, known, &path, size) {
                report.problem(&path, problem);
            }
            continue;
        }
        match name.parse::<Tile>() {
            Ok(tile) => {
                if let Some(problem) = tile_problem(scene, replayed, &tile, &path, size) {
                    report.problems.push(problem);
                }
                report.tiles += 1;
                present.insert(name);
            }
            Err(_) => report.problem(&path, "it does not belong here"),
        }
        (scene.progress)(FsckStage::Tiles, done, total);
    }
    for tile in new_tiles(0, published) {
        // beside a writer, partial tiles make way for full ones
        if (scene.still || tile.width() == WIDTH) && !present.contains(&tile.to_string()) {
            report.problem(&log.join(tile.to_string()), "the file is missing");
        }
    }
}

/// A checkpoint kept beside the published one.
#[derive(Clone, Copy)]
enum Kept {
    /// The first one after the entry of that index changed the key.
    Rotation(u64),
    /// The last one the witness with that key identifier cosigned.
    Cosigned([u8; 4]),
}

fn checkpoint_file(scene: &Scene<'_>, path: &Path) -> Option<Kept> {
    let name = path.file_name()?.to_str()?;
    if let Some(id) = u32::from_str_radix(name, 16).ok().map(u32::to_be_bytes)
        && path == cosigned::path(scene.paths, id)
    {
        return Some(Kept::Cosigned(id));
    }
    let index = name.parse().ok()?;
    (path == scene.paths.rotation(index)).then_some(Kept::Rotation(index))
}

/// The log's signatures and the root. What a witness's key says of its lines is for whoever knows that key.
fn checkpoint_holds(
    scene: &Scene<'_>,
    replayed: &Connection,
    kept: Kept,
    path: &Path,
    size: u64,
) -> Result<(), String> {
    let Some(checkpoint) = read_checkpoint(path, &scene.chain).map_err(|error| error.to_string())? else {
        return Ok(());
    };
    match kept {
        Kept::Rotation(index) => {
            if let Err(error) = scene.chain.handover(index, checkpoint.text()) {
                return Err(format!("it does not show that the former key signed entry {index}: {error}"));
            }
        }
        Kept::Cosigned(id) if checkpoint.signatures().iter().any(|line| line.id == id) => {}
        Kept::Cosigned(_) => return Err("the witness it is named after has not cosigned it".to_owned()),
    }
    let nodes = SqlNodes::new(replayed);
    if checkpoint.size() > size {
        return if scene.still { Err(format!("it is of a log longer than {size} entries")) } else { Ok(()) };
    }
    match tree::root(&nodes, checkpoint.size()) {
        Ok(root) if root == checkpoint.root() => Ok(()),
        _ => Err(format!("the first {} entries do not have its root", checkpoint.size())),
    }
}

fn tile_problem(scene: &Scene<'_>, replayed: &Connection, tile: &Tile, path: &Path, size: u64) -> Option<Problem> {
    let problem = |problem: String| Some(Problem { path: path.to_owned(), problem });
    let items = match tile.kind() {
        ledger::TileKind::Entries => size,
        ledger::TileKind::Hashes { level } => size >> (8 * u32::from(level)),
    };
    if tile.range().end > items {
        // beside a writer, it may be of entries added since
        return if scene.still { problem(format!("it is a tile of a log longer than {size} entries")) } else { None };
    }
    let expected = match publish::content(replayed, &scene.paths.database(), tile) {
        Ok(expected) => expected,
        Err(error) => return problem(format!("it cannot be compared: {error}")),
    };
    match fs::read(path) {
        Ok(found) if found == expected => None,
        Ok(_) => problem("it is not what the log's entries give".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !scene.still => None,
        Err(error) => problem(format!("could not read it: {error}")),
    }
}

/// The store's own folder: names what this program did not put there, and what a kill left.
pub(super) fn top(scene: &Scene<'_>, report: &mut FsckReport) {
    let dir = &scene.paths.dir;
    let own = ["evidence.sqlite", signed::FILE, writer_lock::FILE, "databases.sha256", "openings", "log", "anchors"];
    let running = [
        "evidence.sqlite-wal",
        "evidence.sqlite-shm",
        "evidence.sqlite-journal",
        "lock.sqlite-journal",
        writer_lock::DAEMON_SOCKET,
    ];
    let Ok(listing) = fs::read_dir(dir) else { return };
    let mut names: Vec<_> = listing.flatten().map(|item| item.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names {
        let path = dir.join(&name);
        if own.contains(&name.as_str()) || path == scene.paths.blobs || running.contains(&name.as_str()) {
            continue;
        }
        if name
            .strip_prefix("log.given-up-")
            .is_some_and(|nth| nth.parse().is_ok_and(|nth| path == scene.paths.given_up(nth)))
        {
            report.notes.push(format!("{} is the published log of a history that a restore gave up", path.display()));
            continue;
        }
        report.notes.push(format!("{} is not part of the store", path.display()));
    }
    let lock = dir.join(writer_lock::FILE);
    if scene.still
        && let Ok(note) = fs::read(&lock)
        && !note.is_empty()
    {
        if writer_lock::is_note(&note) {
            report.notes.push(format!("the last writer was killed: {}", String::from_utf8_lossy(&note).trim()));
        } else {
            report.problem(&lock, "it does not hold the note of a writer");
        }
    }
}
