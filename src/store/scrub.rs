//! Goes through everything stored and compares each stored byte with the digest it was stored under, as fast as it hashes.
//!
//! It reads stored forms and unpacks nothing that has a seal; `fsck` makes the contents too. It mends nothing, and writes nothing but,
//! through [`Store::note_scrub`](crate::Store::note_scrub), how far it came.

use crate::blob_rows::{self, BlobRow, Stored};
use crate::blobs::Blobs;
use crate::container;
use crate::database;
use crate::error::StoreError;
use crate::paths::{IDENTITY, StorePaths};
use crate::reader::Reader;
use crate::shelf::Shelf;
use model::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Read at once.
const BUFFER: usize = 1 << 20;

/// How a scrub is to be done.
#[derive(Debug, Clone)]
pub struct ScrubOptions {
    /// Threads that read and hash files.
    pub threads: usize,
    /// Bytes a second at most; none: as fast as it goes.
    pub rate: Option<u64>,
    /// Where to go on from: 0, or [`Scrubbed::next`] of the part before.
    pub from: u64,
    /// Stop after about so many bytes; none: go to the end.
    pub budget: Option<u64>,
}

/// Something stored that is not what was stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The blob or opening.
    pub digest: Digest,
    /// The file it lies in.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What a scrub, or a part of one, found.
#[derive(Debug, Clone, Default)]
pub struct Scrubbed {
    /// Blobs, openings and lists of pieces compared.
    pub things: u64,
    /// Stored bytes hashed.
    pub bytes: u64,
    /// What is damaged.
    pub damage: Vec<Damage>,
    /// Where to go on; none: all of it was gone through.
    pub next: Option<u64>,
}

/// What the threads share.
struct Work<'a> {
    shelf: &'a Shelf,
    options: &'a ScrubOptions,
    started: Instant,
    things: AtomicU64,
    bytes: AtomicU64,
    stop: &'a AtomicBool,
    damage: Mutex<Vec<Damage>>,
    /// The first failure of the disk: nothing more is read after it.
    failure: Mutex<Option<StoreError>>,
}

/// Goes through what is stored in `paths`. `stop` ends it early: it then says where to go on. `progress` is told things and bytes.
pub fn scrub(
    paths: &StorePaths,
    options: &ScrubOptions,
    stop: &AtomicBool,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Scrubbed, StoreError> {
    paths.require()?;
    let shelf = Shelf::new(paths);
    let connection = database::open_reader(&paths.database(), IDENTITY)?;
    let work = Work {
        shelf: &shelf,
        options,
        started: Instant::now(),
        things: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        stop,
        damage: Mutex::default(),
        failure: Mutex::default(),
    };
    let (sender, receiver) = sync_channel::<Item>(64);
    let receiver = Mutex::new(receiver);
    let next = std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| work.files(&receiver, progress));
        }
        let outcome = feed(&work, paths, &connection, &|item| drop(sender.send(item)));
        drop(sender);
        outcome
    })?;
    if let Some(failure) = work.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    let mut damage = work.damage.into_inner().unwrap_or_else(PoisonError::into_inner);
    damage.sort();
    damage.dedup();
    Ok(Scrubbed { things: work.things.into_inner(), bytes: work.bytes.into_inner(), damage, next })
}

/// A file to be hashed.
enum Item {
    /// With a row that says what it is.
    Known(Box<BlobRow>),
    /// Of a store of version 1: it is unpacked, since nothing says what its stored form is.
    Old { digest: Digest, opening: bool },
}

/// Hashes the rows, and hands the files to the threads.
fn feed(
    work: &Work<'_>,
    paths: &StorePaths,
    connection: &rusqlite::Connection,
    send: &dyn Fn(Item),
) -> Result<Option<u64>, StoreError> {
    let failed = |error| StoreError::database("read the blobs", &paths.database(), error);
    let mut from = work.options.from;
    loop {
        let rows = blob_rows::page(connection, from).map_err(failed)?;
        if rows.is_empty() {
            break;
        }
        for (id, row) in rows {
            if work.ended() {
                return Ok(Some(from));
            }
            from = id + 1;
            if row.stored == Stored::File {
                send(Item::Known(Box::new(row)));
            } else {
                work.row(&row, connection);
            }
        }
    }
    for opening in [false, true] {
        let folder = if opening { work.shelf.openings() } else { work.shelf.blobs() };
        for digest in on_disk(folder)? {
            if work.ended() {
                return Ok(Some(from));
            }
            if blob_rows::find(connection, &digest).map_err(failed)?.is_none() {
                send(Item::Old { digest, opening });
            }
        }
    }
    Ok(None)
}

/// The digests of the files below a folder, in their order.
fn on_disk(blobs: &Blobs) -> Result<BTreeSet<Digest>, StoreError> {
    let mut found = BTreeSet::new();
    let root = blobs.root();
    let failed = |path: &Path, error| StoreError::io("list", path, error);
    for folder in fs::read_dir(root).map_err(|error| failed(root, error))?.flatten() {
        let folder = folder.path();
        if !folder.is_dir() {
            continue;
        }
        for item in fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
            let path = item.map_err(|error| failed(&folder, error))?.path();
            found.extend(blobs.digest_of(&path));
        }
    }
    Ok(found)
}

impl Work<'_> {
    fn ended(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.options.budget.is_some_and(|budget| self.bytes.load(Ordering::Relaxed) >= budget)
            || self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn files(&self, receiver: &Mutex<Receiver<Item>>, progress: &(dyn Fn(u64, u64) + Sync)) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let item = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(item) = item else { return };
            let (digest, path, compared) = match &item {
                Item::Known(row) => {
                    let path = self.shelf.blobs().path(&row.digest);
                    let compared = self.file(&path, row, &mut buffer);
                    (row.digest, path, compared)
                }
                Item::Old { digest, opening } => {
                    let folder = if *opening { self.shelf.openings() } else { self.shelf.blobs() };
                    let path = folder.path(digest);
                    let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                    let compared = folder.get(digest).map(drop);
                    self.count(bytes);
                    (*digest, path, compared)
                }
            };
            self.outcome(digest, &path, compared);
            progress(self.things.fetch_add(1, Ordering::Relaxed) + 1, self.bytes.load(Ordering::Relaxed));
        }
    }

    /// Hashes a file from its first byte to its last, without holding more of it than the buffer.
    fn file(&self, path: &Path, row: &BlobRow, buffer: &mut [u8]) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => StoreError::damaged(path, "the file is missing"),
            _ => StoreError::io("read", path, error),
        };
        let mut file = File::open(path).map_err(failed)?;
        let mut check = container::Check::new();
        loop {
            let read = file.read(buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            check.update(&buffer[..read]);
            self.count(read as u64);
        }
        let seal = check.finish().map_err(|problem| StoreError::damaged(path, problem))?;
        if row.seal.is_none_or(|expected| expected == seal) {
            Ok(())
        } else {
            Err(StoreError::damaged(path, "it is not the file that was stored under this name"))
        }
    }

    /// Compares a row that lies in the database.
    fn row(&self, row: &BlobRow, connection: &rusqlite::Connection) {
        let bytes = row.data.as_ref().map_or(0, Vec::len) as u64;
        let damaged = |problem| StoreError::damaged(&self.shelf.database, problem);
        let mut compared = row.check_seal().map_err(damaged);
        if compared.is_ok() && row.stored == Stored::List {
            compared = self.shelf.list(row).and_then(|pieces| {
                pieces.iter().try_for_each(|piece| {
                    let lookup = self.shelf.rows(connection);
                    if self.shelf.contains(&lookup, &piece.digest)? {
                        Ok(())
                    } else {
                        Err(damaged(format!("blob {}: its piece {} is missing", row.digest, piece.digest)))
                    }
                })
            });
        }
        if compared.is_ok() && row.stored == Stored::Delta && row.base.is_none() {
            compared = Err(damaged(format!("blob {}: what it is a difference from is missing", row.digest)));
        }
        self.outcome(row.digest, &self.shelf.database, compared);
        self.things.fetch_add(1, Ordering::Relaxed);
        self.count(bytes);
    }

    fn outcome(&self, digest: Digest, path: &Path, compared: Result<(), StoreError>) {
        match compared {
            Ok(()) => {}
            Err(StoreError::Damaged { problem, .. }) => self
                .damage
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Damage { digest, path: path.to_owned(), problem }),
            Err(other) => {
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(other);
            }
        }
    }

    /// Counts bytes, and waits where they came faster than asked for.
    fn count(&self, bytes: u64) {
        let sum = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let Some(rate) = self.options.rate else { return };
        loop {
            let due = Duration::from_millis(sum.saturating_mul(1000) / rate.max(1));
            let early = due.saturating_sub(self.started.elapsed());
            if early.is_zero() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(early.min(Duration::from_millis(200)));
        }
    }
}

/// What rests on damaged things: snapshots with their sources, by the damaged thing.
pub type Dependents = BTreeMap<Digest, Vec<(String, String)>>;

impl Reader {
    /// How far scrubbing is, and when it last came to the end.
    pub fn scrub_position(&self) -> Result<(u64, Option<jiff::Timestamp>), StoreError> {
        self.read("look up the scrub", crate::tables::scrub_position)
    }

    /// Whether one thing is as it was stored; none when it is not there at all.
    pub fn sound(&self, digest: &Digest) -> Result<bool, StoreError> {
        let lookup = |digest: &Digest| self.rows(digest);
        let read = match lookup(digest)?.first().map(|row| row.stored) {
            Some(_) => self.shelf().blob(&lookup, digest),
            None if self.shelf().blobs().contains(digest) => self.shelf().blobs().get(digest),
            None => self.shelf().openings().get(digest),
        };
        match read {
            Ok(_) => Ok(true),
            Err(StoreError::Damaged { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Which snapshots cannot be relied on when `damaged` are damaged: those that name them, also by way of pieces and differences.
    pub fn dependents(&self, damaged: &BTreeSet<Digest>) -> Result<Dependents, StoreError> {
        // what a damaged thing takes with it, each with the damaged thing
        let mut gone: BTreeMap<Digest, BTreeSet<Digest>> =
            damaged.iter().map(|digest| (*digest, BTreeSet::from([*digest]))).collect();
        let lists = self.read("read the lists of pieces", blob_rows::lists)?;
        let mut waiting: Vec<Digest> = damaged.iter().copied().collect();
        while let Some(digest) = waiting.pop() {
            let mut next = self.read("look up differences", |connection| blob_rows::told_by(connection, &digest))?;
            next.extend(lists.iter().filter(|row| self.names(row, &digest)).cloned());
            let causes = gone.get(&digest).cloned().unwrap_or_default();
            for row in next {
                let known = gone.entry(row.digest).or_default();
                let before = known.len();
                known.extend(&causes);
                if known.len() > before {
                    waiting.push(row.digest);
                }
            }
        }
        let mut dependents = Dependents::new();
        let size = self.checkpoint()?.size();
        for stored in (0..size).step_by(512).map(|start| self.entries(start..size.min(start + 512))) {
            for entry in stored? {
                let ledger::Body::Snapshot { snapshot, source, .. } = &entry.entry.body else { continue };
                let mut needed: Vec<Digest> = entry.entry.commit.into_iter().collect();
                if let Ok(Some(opening)) = self.opening(entry.index) {
                    needed.push(opening.sha256());
                    let document = self.document(entry.index).ok().flatten().unwrap_or_default();
                    if let Ok(manifest) = serde_json::from_slice::<model::Manifest>(&document) {
                        needed.extend(manifest.exchanges.iter().map(|exchange| exchange.sha256));
                        needed.extend(manifest.tables.iter().map(|table| table.sha256));
                    }
                }
                let causes: BTreeSet<Digest> =
                    needed.iter().filter_map(|digest| gone.get(digest)).flatten().copied().collect();
                for cause in causes {
                    dependents.entry(cause).or_default().push((snapshot.clone(), source.clone()));
                }
            }
        }
        Ok(dependents)
    }

    fn names(&self, list: &BlobRow, piece: &Digest) -> bool {
        self.shelf().list(list).is_ok_and(|pieces| pieces.iter().any(|named| named.digest == *piece))
    }
}
