//! Reads a store, beside its writer or without one. It writes nothing and makes no file.
//!
//! Documents come out sealed: proven against the published checkpoint, their digests verified on the way.

use crate::anchors::{self, Anchor, AnchorFiles};
use crate::blob_rows::{self, BlobRow};
use crate::blobs::read_capped;
use crate::commit::LogEntry;
use crate::cosigned::{self, Cosigned};
use crate::database::ReadConnection;
use crate::elsewhere::read_checkpoint;
use crate::error::StoreError;
use crate::keys;
use crate::mirror::Mirror;
use crate::paths::StorePaths;
use crate::rows::{
    ConfirmationRow, DamageRow, ErasedRow, EvaluationRow, FindingRow, HoldRow, RecordRow, ReviewItemRow, SlotRow,
    SnapshotRow,
};
use crate::shelf::Shelf;
use crate::tables::{self, SnapshotFilter, SqlNodes, StoredEntry};
use crate::{database, paths, signed};
use jiff::Timestamp;
use ledger::{Consistency, Entry, Inclusion, KeyChain, Opening, Proof, Sealed, SignedCheckpoint, VerifierKey, tree};
use model::{Digest, Evaluation, Hasher, Manifest, Outcome, SnapshotStatus};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The read side of a store. Clones share one connection.
#[derive(Debug, Clone)]
pub struct Reader {
    paths: StorePaths,
    key: VerifierKey,
    shelf: Shelf,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Opened when first needed. The writer closes it before it closes its own, so that the last one out leaves one plain file.
    connection: Mutex<Option<ReadConnection>>,
    /// The checkpoint last read, so that its signature is verified once.
    checkpoint: Mutex<Option<(Vec<u8>, SignedCheckpoint)>>,
}

impl Reader {
    /// Opens the store in `paths` to read; `key` is the log's.
    pub fn open(paths: &StorePaths, key: &VerifierKey) -> Result<Self, StoreError> {
        paths.require()?;
        let reader = Self::new(paths, key);
        reader.read("open", |_| Ok(()))?;
        Ok(reader)
    }

    pub(crate) fn new(paths: &StorePaths, key: &VerifierKey) -> Self {
        Self { paths: paths.clone(), key: key.clone(), shelf: Shelf::new(paths), shared: Arc::default() }
    }

    /// Closes the shared connection; it is opened again when needed.
    pub(crate) fn close(&self) {
        *lock(&self.shared.connection) = None;
    }

    /// Where the store is.
    pub const fn paths(&self) -> &StorePaths {
        &self.paths
    }

    /// The log's key.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The published checkpoint, its signature verified. Where the rows do not extend it, this is a restored or copied
    /// store: then the last one signed here, as long as they extend that.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, StoreError> {
        let path = self.paths.checkpoint();
        let text = read_capped(&path, 1 << 20)?;
        if let Some((_, checkpoint)) = lock(&self.shared.checkpoint).as_ref().filter(|(known, _)| *known == text) {
            return Ok(checkpoint.clone());
        }
        let published = self.open_checkpoint(&path, &text)?;
        let checkpoint = match self.unextended(&published)? {
            None => published,
            Some(problem) => match self.signed_here()? {
                Some(signed) if self.unextended(&signed)?.is_none() => signed,
                _ => return Err(StoreError::Rollback { dir: self.paths.dir.clone(), problem }),
            },
        };
        *lock(&self.shared.checkpoint) = Some((text, checkpoint.clone()));
        Ok(checkpoint)
    }

    /// Why this is not the newest copy of its log, as far as its files and `mirror` tell; none when they do not.
    pub fn behind(&self, mirror: Option<&Path>) -> Result<Option<String>, StoreError> {
        let chain = self.chain()?;
        // what was shown before the rows are counted: beside a writer they only grow
        let mut shown = Vec::new();
        if let Some(mirror) = mirror {
            shown.extend(Mirror::open(mirror)?.load(&chain)?);
        }
        shown.extend(cosigned::read_all(&self.paths, &chain)?.into_iter().map(|cosigned| cosigned.checkpoint));
        let path = self.paths.checkpoint();
        shown.push(self.open_checkpoint(&path, &read_capped(&path, 1 << 20)?)?);
        shown.extend(self.signed_here()?);
        for checkpoint in &shown {
            if let Some(problem) = self.unextended(checkpoint)? {
                return Ok(Some(problem));
            }
        }
        Ok(None)
    }

    /// What each witness has cosigned last.
    pub fn cosigned(&self) -> Result<Vec<Cosigned>, StoreError> {
        cosigned::read_all(&self.paths, &self.chain()?)
    }

    /// The log's keys, from the one it began with.
    pub fn chain(&self) -> Result<KeyChain, StoreError> {
        let own = self.own_entries()?;
        let chain = keys::chain(&own, &self.paths)?;
        if chain.contains(&self.key) {
            return Ok(chain);
        }
        let (dir, given) = (self.paths.dir.clone(), self.key.to_string());
        Err(StoreError::WrongKey { dir, expected: chain.current().to_string(), given })
    }

    /// The first checkpoint that the former key signed too, for each change of the key.
    pub fn rotations(&self) -> Result<Vec<(u64, String)>, StoreError> {
        let chain = self.chain()?;
        let mut rotations = Vec::new();
        for (entry, ..) in chain.changes() {
            let path = self.paths.rotation(entry);
            if let Some(checkpoint) = read_checkpoint(&path, &chain)? {
                rotations.push((entry, checkpoint.text()));
            }
        }
        Ok(rotations)
    }

    fn own_entries(&self) -> Result<Vec<(u64, Entry)>, StoreError> {
        let mut own = None;
        let counted = self.read("read the log's own entries", |connection| {
            own = Some(keys::own_entries(connection, &self.paths));
            Ok(())
        });
        counted.and_then(|()| own.unwrap_or_else(|| Ok(Vec::new())))
    }

    fn open_checkpoint(&self, path: &Path, text: &[u8]) -> Result<SignedCheckpoint, StoreError> {
        SignedCheckpoint::open(text, &self.key)
            .or_else(|error| {
                // signed before a change of the key, or after one this key's owner has not heard of
                let chain = self.chain().ok();
                chain.map_or(Err(error.clone()), |chain| chain.open(text).map_err(|_| error))
            })
            .map_err(|error| StoreError::damaged(path, error.to_string()))
    }

    /// The last checkpoint signed here.
    fn signed_here(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        let path = self.paths.dir.join(signed::FILE);
        let connection = database::open_reader(&path, signed::IDENTITY)?;
        signed::load(&connection, &path, &self.chain()?)
    }

    /// Why the rows do not extend `checkpoint`; none when they do.
    fn unextended(&self, checkpoint: &SignedCheckpoint) -> Result<Option<String>, StoreError> {
        let size = self.read("count entries", tables::size)?;
        if size < checkpoint.size() {
            return Ok(Some(format!("a log of {} entries was signed, {size} are here", checkpoint.size())));
        }
        let root = self.prove(|nodes| tree::root(nodes, checkpoint.size()))?;
        let differ = || format!("the first {} entries are not those that were signed", checkpoint.size());
        Ok((root != checkpoint.root()).then(differ))
    }

    /// The entry at `index`.
    pub fn entry(&self, index: u64) -> Result<LogEntry, StoreError> {
        self.decode(self.stored(index)?)
    }

    /// The entries in `range`, as far as there are any.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<LogEntry>, StoreError> {
        let stored = self.read("read entries", |connection| tables::entries(connection, range.start, range.end))?;
        stored.into_iter().map(|entry| self.decode(entry)).collect()
    }

    /// The opening that the entry at `index` commits to; none when it commits to no document.
    pub fn opening(&self, index: u64) -> Result<Option<Opening>, StoreError> {
        let Some(commit) = self.stored(index)?.opening else { return Ok(None) };
        self.refuse_erased(index)?;
        let text = self.opening_text(&commit)?;
        self.parse_opening(&commit, &text).map(Some)
    }

    fn parse_opening(&self, commit: &Digest, text: &[u8]) -> Result<Opening, StoreError> {
        Opening::parse(text)
            .map_err(|error| StoreError::damaged(&self.paths.database(), format!("opening {commit}: {error}")))
    }

    pub(crate) fn rows(&self, digest: &Digest) -> Result<Vec<BlobRow>, StoreError> {
        self.read("look up a blob", |connection| blob_rows::chain(connection, digest))
    }

    pub(crate) const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    fn opening_text(&self, commit: &Digest) -> Result<Vec<u8>, StoreError> {
        self.shelf.opening(&|digest| self.rows(digest), commit)
    }

    fn content(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        self.shelf.blob(&|digest| self.rows(digest), digest)
    }

    /// The document of the entry at `index`; none when it has none.
    pub fn document(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.opening(index)?.map(|opening| self.content(&opening.sha256())).transpose()
    }

    /// The bytes with that digest, verified.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        if self.shelf.contains(&|digest| self.rows(digest), digest)? {
            self.content(digest)
        } else {
            Err(StoreError::Absent { what: format!("blob {digest}"), dir: self.paths.dir.clone() })
        }
    }

    /// Gives the bytes with that digest in pieces, so that they are not all in memory at once. What was given is to be
    /// believed when this has returned: only then is it known whether they are those of that digest.
    pub fn pour<E: From<StoreError>>(
        &self,
        digest: &Digest,
        take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(pieces) = self.shelf.pieces(&|digest| self.rows(digest), digest)? else {
            return take(&self.blob(digest)?);
        };
        let mut hasher = Hasher::new();
        for piece in pieces {
            let part = self.content(&piece.digest)?;
            hasher.update(&part);
            take(&part)?;
        }
        Ok(self.shelf.expect(digest, hasher.finish())?)
    }

    /// That the entry at `index` is in the log the published checkpoint signs.
    pub fn inclusion(&self, index: u64) -> Result<Inclusion, StoreError> {
        self.inclusion_in(index, self.checkpoint()?.size())
    }

    fn inclusion_in(&self, index: u64, size: u64) -> Result<Inclusion, StoreError> {
        self.prove(|nodes| tree::inclusion_proof(nodes, index, size))
    }

    /// The tlog-proof file of the entry at `index`, for the published checkpoint.
    pub fn proof_file(&self, index: u64) -> Result<String, StoreError> {
        let checkpoint = self.checkpoint()?;
        Ok(Proof::new(self.inclusion_in(index, checkpoint.size())?, &checkpoint).to_string())
    }

    /// That the log of the published checkpoint extends the one of `old_size` entries.
    pub fn consistency(&self, old_size: u64) -> Result<Consistency, StoreError> {
        let size = self.checkpoint()?.size();
        self.consistency_between(old_size, size)
    }

    /// That the log of `size` entries extends the one of `old_size`.
    pub fn consistency_between(&self, old_size: u64, size: u64) -> Result<Consistency, StoreError> {
        self.prove(|nodes| tree::consistency_proof(nodes, old_size, size))
    }

    fn prove<T>(&self, proof: impl FnOnce(&SqlNodes<'_>) -> Result<T, ledger::TreeError>) -> Result<T, StoreError> {
        let outcome = self.read("read the tree", |connection| {
            let nodes = SqlNodes::new(connection);
            let outcome = proof(&nodes);
            nodes.finish(outcome)
        })?;
        outcome.map_err(|error| match error {
            ledger::TreeError::IndexBeyondSize { index, .. } => {
                StoreError::Absent { what: format!("entry {index}"), dir: self.paths.dir.clone() }
            }
            other => StoreError::damaged(&self.paths.database(), other.to_string()),
        })
    }

    /// The document of the entry at `index`, proven and parsed.
    pub fn sealed<T, E>(&self, index: u64, parse: impl FnOnce(&[u8]) -> Result<T, E>) -> Result<Sealed<T>, StoreError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let checkpoint = self.checkpoint()?;
        let entry = self.stored(index)?;
        let commit = entry.opening.ok_or_else(|| self.absent(format!("a document of entry {index}")))?;
        self.refuse_erased(index)?;
        let opening = self.opening_text(&commit)?;
        let document = self.content(&self.parse_opening(&commit, &opening)?.sha256())?;
        let inclusion = self.inclusion_in(index, checkpoint.size())?;
        Sealed::prove(&entry.bytes, &inclusion, &checkpoint, &opening, &document, parse)
            .map_err(|error| StoreError::damaged(&self.paths.database(), error.to_string()))
    }

    /// Snapshots, newest first.
    pub fn snapshots(&self, filter: &SnapshotFilter) -> Result<Vec<SnapshotRow>, StoreError> {
        let size = self.checkpoint()?.size();
        self.read("list snapshots", |connection| tables::snapshots(connection, filter, size))
    }

    /// The row of one snapshot.
    pub fn snapshot_row(&self, id: &str) -> Result<Option<SnapshotRow>, StoreError> {
        let size = self.checkpoint()?.size();
        let row = self.read("look up a snapshot", |connection| tables::snapshot(connection, id))?;
        Ok(row.filter(|row| row.log_index < size))
    }

    /// One snapshot, sealed.
    pub fn snapshot(&self, id: &str) -> Result<Option<Sealed<Manifest>>, StoreError> {
        self.snapshot_row(id)?.map(|row| self.manifest(row.log_index)).transpose()
    }

    /// The newest snapshot of `source` that had finished at `as_of`, whatever it is worth.
    pub fn latest_snapshot(&self, source: &str, as_of: Timestamp) -> Result<Option<Sealed<Manifest>>, StoreError> {
        self.newest(source, as_of, None)
    }

    /// The newest complete snapshot of `source` that had finished at `as_of`.
    pub fn last_complete_snapshot(
        &self,
        source: &str,
        as_of: Timestamp,
    ) -> Result<Option<Sealed<Manifest>>, StoreError> {
        self.newest(source, as_of, Some(SnapshotStatus::Complete))
    }

    /// The row of the newest snapshot of `source` that had finished at `as_of`, whether or not its documents can be read.
    pub fn latest_row(&self, source: &str, as_of: Timestamp) -> Result<Option<SnapshotRow>, StoreError> {
        let size = self.checkpoint()?.size();
        self.read("look up a snapshot", |connection| tables::latest_snapshot(connection, source, as_of, None, size))
    }

    fn newest(
        &self,
        source: &str,
        as_of: Timestamp,
        status: Option<SnapshotStatus>,
    ) -> Result<Option<Sealed<Manifest>>, StoreError> {
        let size = self.checkpoint()?.size();
        let row = self.read("look up a snapshot", |connection| {
            tables::latest_snapshot(connection, source, as_of, status, size)
        })?;
        row.map(|row| self.manifest(row.log_index)).transpose()
    }

    fn manifest(&self, index: u64) -> Result<Sealed<Manifest>, StoreError> {
        self.sealed(index, |bytes| serde_json::from_slice(bytes))
    }

    /// Evaluations, newest first.
    pub fn evaluations(&self, check: Option<&str>, limit: Option<u64>) -> Result<Vec<EvaluationRow>, StoreError> {
        let size = self.checkpoint()?.size();
        self.read("list evaluations", |connection| tables::evaluations(connection, check, limit, size))
    }

    /// The evaluation of `check` for the latest instant, which is not always the last one in the log; of several for that instant
    /// the last.
    pub fn latest_evaluation(&self, check: &str) -> Result<Option<EvaluationRow>, StoreError> {
        let size = self.checkpoint()?.size();
        self.read("look up an evaluation", |connection| tables::latest_evaluation(connection, check, size))
    }

    /// The latest instant up to `as_of` for which `check` was evaluated with one of `outcomes`.
    pub fn last_evaluated(
        &self,
        check: &str,
        as_of: Timestamp,
        outcomes: [Outcome; 2],
    ) -> Result<Option<Timestamp>, StoreError> {
        let size = self.checkpoint()?.size();
        self.read("look up an evaluation", |connection| {
            tables::last_evaluated(connection, check, as_of, outcomes, size)
        })
    }

    /// The evaluation that the entry at `index` sealed.
    pub fn evaluation(&self, index: u64) -> Result<Sealed<Evaluation>, StoreError> {
        self.sealed(index, |bytes| serde_json::from_slice(bytes))
    }

    /// Every finding as its last event left it, by id.
    pub fn findings(&self) -> Result<Vec<FindingRow>, StoreError> {
        self.read("list findings", tables::findings)
    }

    /// Those of the entries at `indexes` that were written after `instant`.
    pub fn written_after(
        &self,
        indexes: impl IntoIterator<Item = u64>,
        instant: Timestamp,
    ) -> Result<BTreeSet<u64>, StoreError> {
        self.read("look for later entries", |connection| tables::written_after(connection, indexes, instant))
    }

    /// Outcomes of slots due in the period, of one source or of all, oldest first.
    pub fn slots(
        &self,
        source: Option<&str>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<SlotRow>, StoreError> {
        self.read("list slots", |connection| tables::slots(connection, source, from, to))
    }

    /// The latest slot of `source` that has an outcome.
    pub fn last_slot(&self, source: &str) -> Result<Option<SlotRow>, StoreError> {
        self.read("look up the last slot", |connection| tables::last_slot(connection, source))
    }

    /// The confirmation of a suspect snapshot.
    pub fn confirmation(&self, snapshot: &str) -> Result<Option<ConfirmationRow>, StoreError> {
        self.read("look up a confirmation", |connection| tables::confirmation(connection, snapshot))
    }

    /// All that is known to be damaged, with what rests on it.
    pub fn damage(&self) -> Result<Vec<DamageRow>, StoreError> {
        self.read("list damage", tables::damage)
    }

    /// Every hold, released ones too.
    pub fn holds(&self) -> Result<Vec<HoldRow>, StoreError> {
        self.read("list holds", tables::holds)
    }

    /// All of one kind that people decide on (`exception`, `evidence`), in the order they came to be.
    pub fn records(&self, kind: &str) -> Result<Vec<RecordRow>, StoreError> {
        self.read("list records", |connection| tables::records(connection, kind))
    }

    /// The items of an access review, by account; with `account` that one only.
    pub fn review_items(&self, review: &str, account: Option<&str>) -> Result<Vec<ReviewItemRow>, StoreError> {
        self.read("list items of an access review", |connection| tables::review_items(connection, review, account))
    }

    /// Every entry whose document was erased on purpose.
    pub fn erased(&self) -> Result<Vec<ErasedRow>, StoreError> {
        self.read("list erasures", tables::all_erased)
    }

    /// The last entry of `series`.
    pub fn last_of_series(&self, series: &str) -> Result<Option<LogEntry>, StoreError> {
        let last = self.read("look up a series", |connection| tables::last_of_series(connection, series))?;
        last.map(|(_, _, index)| self.entry(index)).transpose()
    }

    /// Every entry of `series`, in order.
    pub fn series(&self, series: &str) -> Result<Vec<LogEntry>, StoreError> {
        let size = self.checkpoint()?.size();
        let indexes = self.read("list a series", |connection| tables::series(connection, series))?;
        indexes.into_iter().filter(|index| *index < size).map(|index| self.entry(index)).collect()
    }

    /// The last anchor.
    pub fn last_anchor(&self) -> Result<Option<Anchor>, StoreError> {
        let last = self.last_of_series(anchors::SERIES)?;
        Ok(last.and_then(|last| Anchor::of(last.index, &last.entry)))
    }

    /// Every anchor, oldest first.
    pub fn anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        self.anchors_from(0)
    }

    /// The anchors whose entries stand at `index` or later, oldest first.
    pub fn anchors_from(&self, index: u64) -> Result<Vec<Anchor>, StoreError> {
        let stored = self.read("list anchors", |connection| tables::of_series(connection, anchors::SERIES, index))?;
        let entries: Result<Vec<LogEntry>, StoreError> = stored.into_iter().map(|entry| self.decode(entry)).collect();
        Ok(entries?.iter().filter_map(|stored| Anchor::of(stored.index, &stored.entry)).collect())
    }

    /// The files of an anchor; an error where they are not what its entry names.
    pub fn anchor_files(&self, anchor: &Anchor) -> Result<AnchorFiles, StoreError> {
        anchors::read(&self.paths, anchor)
    }

    /// The first entry at `index` or later that is not an anchor itself: what waits for a token when `index` entries
    /// have one.
    pub fn first_unanchored(&self, index: u64) -> Result<Option<LogEntry>, StoreError> {
        let found = self.read("look for what is not anchored", |connection| {
            tables::first_not_of(connection, anchors::SERIES, index)
        })?;
        found.map(|entry| self.decode(entry)).transpose()
    }

    /// What was erased on purpose is absent, which is something else than damaged.
    fn refuse_erased(&self, index: u64) -> Result<(), StoreError> {
        match self.read("look up an erasure", |connection| tables::erased(connection, index))? {
            None => Ok(()),
            Some(by) => Err(self.absent(format!("the document of entry {index}, which entry {by} erased,"))),
        }
    }

    fn stored(&self, index: u64) -> Result<StoredEntry, StoreError> {
        self.read("read an entry", |connection| tables::entry(connection, index))?
            .ok_or_else(|| self.absent(format!("entry {index}")))
    }

    fn decode(&self, stored: StoredEntry) -> Result<LogEntry, StoreError> {
        let StoredEntry { index, bytes, .. } = stored;
        let entry = Entry::decode(&bytes)
            .map_err(|error| StoreError::damaged(&self.paths.database(), format!("entry {index}: {error}")))?;
        Ok(LogEntry { index, entry })
    }

    fn absent(&self, what: String) -> StoreError {
        StoreError::Absent { what, dir: self.paths.dir.clone() }
    }

    pub(crate) fn read<T>(
        &self,
        what: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.paths.database();
        let mut connection = lock(&self.shared.connection);
        let connection = match &mut *connection {
            Some(connection) => connection,
            none => none.insert(database::open_reader(&path, paths::IDENTITY)?),
        };
        query(connection).map_err(|error| StoreError::database(what, &path, error))
    }
}

/// A panic while reading leaves nothing half done, so a poisoned lock is as good as a sound one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
