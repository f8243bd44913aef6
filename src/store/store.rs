//! The writer: the commit protocol, and what a start does about a stop in the middle of it.
//!
//! A snapshot or entry is sealed when the call that seals it has returned; a kill before that leaves it wholly in or wholly out.
//! It never changes or removes evidence, and after a failure of unknown outcome it writes no more.

use crate::commit::{self, Document, Draft, LogEntry, Origin, Prepared};
use crate::database::{self, Mode};
use crate::error::StoreError;
use crate::paths::{IDENTITY, SCHEMA, StorePaths, UPGRADES};
use crate::reader::Reader;
use crate::shelf::{Hints, Shelf};
use crate::signed::{self, SignedLock};
use crate::start::{self, with_nodes};
use crate::tables;
use crate::writer_lock::WriterLock;
use crate::{blob_rows, closing, durable, marker, publish};
use jiff::Timestamp;
use ledger::{Body, Checkpoint, Frontier, Opening, Sealed, SignedCheckpoint, SigningKey, tree};
use model::{Digest, Manifest};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The one writer of a store.
pub struct Store {
    paths: StorePaths,
    key: SigningKey,
    tool: String,
    shelf: Shelf,
    /// Both are there until the store closes.
    databases: Option<Databases>,
    /// The right edge of the tree over every acknowledged entry.
    frontier: Frontier,
    /// The last checkpoint signed; none before the first.
    signed: Option<SignedCheckpoint>,
    reader: Reader,
    poison: Option<String>,
    _lock: WriterLock,
}

struct Databases {
    evidence: Connection,
    lock: SignedLock,
}

/// The series of a source: its snapshots, and the slots that passed without one.
pub fn snapshot_series(source: &str) -> String {
    format!("snapshot:{source}")
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("paths", &self.paths).field("log", self.key.verifier()).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes a store and begins its log with a genesis entry. What an `init` that was killed left behind is cleared first.
    pub fn init(paths: &StorePaths, key: &SigningKey, now: Timestamp, tool: &str) -> Result<Self, StoreError> {
        database::assert_sqlite()?;
        refuse_existing(paths)?;
        for dir in [&paths.dir, &paths.blobs, &paths.openings(), &paths.log()] {
            durable::create_dirs(dir)?;
        }
        let lock = WriterLock::take(&paths.dir, now)?;
        refuse_existing(paths)?;
        marker::refuse_other(paths, key.verifier())?;
        marker::write(paths, key.verifier())?;
        let begun = paths.dir.join("evidence.sqlite.new");
        for stem in [&begun, &paths.dir.join(signed::FILE)] {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                remove(&with_suffix(stem, suffix))?;
            }
        }
        drop(SignedLock::create(&paths.dir)?);

        // the store exists from the moment this file has its name
        let connection = database::create(&begun, IDENTITY, Mode::Journal, SCHEMA)?;
        let genesis = Draft {
            body: Body::Genesis { origin: key.name().to_owned(), log_key: key.verifier().to_string() },
            series: "log".to_owned(),
            document: None,
        };
        let origin = Origin { now, tool, database: &begun };
        let prepared = commit::prepare(&connection, &origin, 0, vec![genesis])?;
        let mut connection = connection;
        write_rows(&mut connection, &begun, &mut Frontier::new(), &prepared)?;
        connection.close().map_err(|(_, error)| StoreError::database("close", &begun, error))?;
        durable::sync_dir(&paths.dir)?;
        fs::rename(&begun, paths.database())
            .map_err(|error| StoreError::io("rename into place", &paths.database(), error))?;
        durable::sync_dir(&paths.dir)?;
        Self::open_locked(paths, key, tool, lock)
    }

    /// Opens a store to write, and completes what a stop left between acknowledging and publishing.
    pub fn open(paths: &StorePaths, key: &SigningKey, now: Timestamp, tool: &str) -> Result<Self, StoreError> {
        database::assert_sqlite()?;
        paths.require()?;
        let lock = WriterLock::take(&paths.dir, now)?;
        Self::open_locked(paths, key, tool, lock)
    }

    fn open_locked(paths: &StorePaths, key: &SigningKey, tool: &str, lock: WriterLock) -> Result<Self, StoreError> {
        let mut store = Self::open_unpublished(paths, key, tool, lock)?;
        let size = store.frontier.size();
        tracing::debug!(entries = size, signed = store.signed_size(), "store.opened");
        store.publish()?;
        Ok(store)
    }

    /// Everything `open` does before it writes to the log.
    pub(crate) fn open_unpublished(
        paths: &StorePaths,
        key: &SigningKey,
        tool: &str,
        lock: WriterLock,
    ) -> Result<Self, StoreError> {
        let path = paths.database();
        let evidence = database::open_writer(&path, IDENTITY)?;
        let signed_lock = SignedLock::open(&paths.dir)?;

        start::refuse_other_key(&evidence, paths, key)?;
        marker::check(paths, key.verifier())?;
        paths.require_openings()?;
        let size = tables::size(&evidence).map_err(|error| StoreError::database("count entries", &path, error))?;
        let signed = signed_lock.load(key.verifier())?;
        start::refuse_rollback(&evidence, paths, key, size, signed.as_ref())?;
        let frontier = start::frontier(&evidence, &path, signed.as_ref().map_or(0, SignedCheckpoint::size), size)?;

        // nothing has been written up to here; from here on the digests of the last close hold no longer
        remove(&paths.closed())?;
        durable::sync_dir(&paths.dir)?;
        database::settle(&evidence, &path, Mode::Wal)?;
        database::upgrade(&evidence, &path, &UPGRADES)?;
        // all that was published can be derived again
        durable::create_dirs(&paths.log())?;
        for folder in [&paths.log(), &paths.blobs] {
            durable::sync_names(folder)?;
        }
        // the names of folders that a killed process made; what lies in them is synced where it is relied upon
        durable::sync_folders(&paths.log())?;
        durable::sync_dir(&paths.blobs)?;
        durable::sync_dir(&paths.openings())?;
        for root in [&paths.blobs, &paths.openings(), &paths.log()] {
            let swept = durable::sweep(root)?;
            if swept > 0 {
                tracing::info!(files = swept, "store.swept");
            }
        }
        Ok(Self {
            reader: Reader::new(paths, key.verifier()),
            shelf: Shelf::new(paths),
            paths: paths.clone(),
            key: copy(key)?,
            tool: tool.to_owned(),
            databases: Some(Databases { evidence, lock: signed_lock }),
            frontier,
            signed,
            poison: None,
            _lock: lock,
        })
    }

    /// The read side.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Where the store is.
    pub const fn paths(&self) -> &StorePaths {
        &self.paths
    }

    /// Seals `drafts` in their order, all or none. They are durable and published when this returns.
    pub fn append(&mut self, now: Timestamp, drafts: Vec<Draft>) -> Result<Vec<LogEntry>, StoreError> {
        self.append_with::<Vec<u8>>(now, drafts, &[], &[], Hints::new())
    }

    /// Seals a snapshot. `blobs` are the bodies and tables its manifest names, apart from those stored before.
    pub fn seal_snapshot<B: AsRef<[u8]> + Sync>(
        &mut self,
        now: Timestamp,
        manifest: &Manifest,
        blobs: &[(Digest, B)],
    ) -> Result<Sealed<Manifest>, StoreError> {
        self.refuse_poisoned()?;
        let stored = self.refuse_missing(manifest, blobs);
        let stored = self.guard(stored)?;
        let bytes = model::canonical_json(manifest)
            .map_err(|error| StoreError::Unsealable { problem: format!("manifest: {error}") })?;
        let draft = Draft {
            body: Body::Snapshot {
                snapshot: manifest.id.clone(),
                source: manifest.source.clone(),
                collector: manifest.collector.clone(),
                status: manifest.status,
                slot: manifest.slot,
            },
            series: snapshot_series(&manifest.source),
            document: Some(Document { bytes, media_type: Manifest::MEDIA_TYPE.to_owned() }),
        };
        let hints = self.hints_of_snapshot(manifest);
        let hints = self.guard(hints)?;
        let appended = self.append_with(now, vec![draft], blobs, &stored, hints)?;
        let index = appended.first().map_or(0, |appended| appended.index);
        let sealed = self.reader.sealed(index, |bytes| serde_json::from_slice(bytes));
        self.guard(sealed)
    }

    fn append_with<B: AsRef<[u8]> + Sync>(
        &mut self,
        now: Timestamp,
        drafts: Vec<Draft>,
        blobs: &[(Digest, B)],
        relied_on: &[Digest],
        hints: Hints,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.refuse_poisoned()?;
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        // before anything is sealed, so that its failure leaves nothing to explain
        let checkpointed = self
            .databases()
            .and_then(|databases| database::checkpoint_when_long(&databases.evidence, &self.paths.database()));
        self.guard(checkpointed)?;
        let prepared = self.prepare(now, drafts);
        let mut prepared = self.guard(prepared)?;
        let stored = self.store_documents(&mut prepared, blobs, relied_on, hints);
        self.guard(stored)?;
        let acknowledged = self.acknowledge(&prepared);
        self.guard(acknowledged)?;
        // from here on the entries are in the log: a failure leaves completing them to the next start
        if let Err(source) = self.publish() {
            let error = StoreError::Unpublished { source: Box::new(source) };
            self.poison = Some(error.to_string());
            return Err(error);
        }
        Ok(prepared.entries)
    }

    /// Step 0: entries, openings and projections, checked; nothing written.
    pub(crate) fn prepare(&self, now: Timestamp, drafts: Vec<Draft>) -> Result<Prepared, StoreError> {
        let database = self.paths.database();
        let origin = Origin { now, tool: &self.tool, database: &database };
        commit::prepare(&self.databases()?.evidence, &origin, self.frontier.size(), drafts)
    }

    /// Step 1: every byte an entry will refer to is durable before the entry is, or becomes so in the same transaction.
    pub(crate) fn store_documents<B: AsRef<[u8]> + Sync>(
        &self,
        prepared: &mut Prepared,
        blobs: &[(Digest, B)],
        relied_on: &[Digest],
        mut hints: Hints,
    ) -> Result<(), StoreError> {
        marker::check(&self.paths, self.key.verifier())?;
        let evidence = &self.databases()?.evidence;
        let mut last = BTreeMap::new();
        for (digest, _, series) in &prepared.documents {
            let before = match last.get(series) {
                Some(before) => *before,
                None => *last.entry(series).or_insert(self.document_before(evidence, series)?),
            };
            hints.extend(before.map(|before| (*digest, before)));
        }
        let documents = prepared.documents.iter().map(|(digest, bytes, _)| (*digest, bytes.as_slice()));
        let all: Vec<(Digest, &[u8])> =
            blobs.iter().map(|(digest, bytes)| (*digest, bytes.as_ref())).chain(documents).collect();
        prepared.shelved = self.shelf.put(evidence, &all, &prepared.openings, relied_on, &hints)?;
        Ok(())
    }

    /// The last document of `series`: the next one is probably much like it. None where it cannot be read.
    fn document_before(&self, evidence: &Connection, series: &str) -> Result<Option<Digest>, StoreError> {
        let failed = |error| StoreError::database("look up a series", &self.paths.database(), error);
        let Some((_, _, index)) = tables::last_of_series(evidence, series).map_err(failed)? else { return Ok(None) };
        let Some(commit) = tables::entry(evidence, index).map_err(failed)?.and_then(|entry| entry.opening) else {
            return Ok(None);
        };
        match self.shelf.opening(&self.shelf.rows(evidence), &commit) {
            Ok(text) => Ok(Opening::parse(&text).ok().map(|opening| opening.sha256())),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Which stored bytes those of `manifest` probably resemble: the same tables and answers of the snapshot before.
    fn hints_of_snapshot(&self, manifest: &Manifest) -> Result<Hints, StoreError> {
        let before = match self.reader.last_complete_snapshot(&manifest.source, Timestamp::MAX) {
            Ok(None) => self.reader.latest_snapshot(&manifest.source, Timestamp::MAX),
            found => found,
        };
        let before = match before {
            Ok(Some(before)) => before.into_value(),
            Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(Hints::new()),
            Err(other) => return Err(other),
        };
        let tables = manifest.tables.iter().filter_map(|table| {
            let same = before.tables.iter().find(|earlier| earlier.name == table.name)?;
            Some((table.sha256, same.sha256))
        });
        Ok(tables.chain(answers_before(manifest, &before)).collect())
    }

    /// Step 2: one transaction holds entries, tree and projections. When it has returned, they are sealed.
    pub(crate) fn acknowledge(&mut self, prepared: &Prepared) -> Result<(), StoreError> {
        let path = self.paths.database();
        let mut frontier = self.frontier.clone();
        let databases = self.databases.as_mut().ok_or_else(closed)?;
        write_rows(&mut databases.evidence, &path, &mut frontier, prepared)?;
        self.frontier = frontier;
        Ok(())
    }

    /// Steps 3 to 5: tiles, checkpoint, publication. Repeating them does nothing new.
    fn publish(&mut self) -> Result<(), StoreError> {
        self.integrate()?;
        let before = self.signed_size();
        self.sign()?;
        self.show()?;
        publish::prune(&self.paths, before, self.frontier.size());
        Ok(())
    }

    /// Step 3: tiles and entry bundles from the rows.
    pub(crate) fn integrate(&self) -> Result<(), StoreError> {
        let databases = self.databases()?;
        // where nothing is published any more, all of it is derived anew
        let before = if self.paths.checkpoint().exists() { self.signed_size() } else { 0 };
        publish::write_tiles(&databases.evidence, &self.paths, before, self.frontier.size())
    }

    /// Step 4: prove that the tree extends the last checkpoint, sign, swap.
    pub(crate) fn sign(&mut self) -> Result<(), StoreError> {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        if self.signed.as_ref().is_some_and(|signed| signed.size() == size && signed.root() == root) {
            return Ok(());
        }
        let path = self.paths.database();
        let databases = self.databases.as_ref().ok_or_else(closed)?;
        if let Some(old) = &self.signed {
            let proof =
                with_nodes(&databases.evidence, &path, |nodes| tree::consistency_proof(nodes, old.size(), size))?;
            proof.verify(old.root(), size, root).map_err(|error| StoreError::Rollback {
                dir: self.paths.dir.clone(),
                problem: format!("the log of {size} entries does not extend the signed one of {}: {error}", old.size()),
            })?;
        }
        let checkpoint = Checkpoint { origin: self.key.name().to_owned(), size, root };
        let new = checkpoint.sign(&self.key).map_err(|error| StoreError::damaged(&path, error.to_string()))?;
        databases.lock.swap(self.signed.as_ref(), &new)?;
        self.signed = Some(new);
        Ok(())
    }

    /// Step 5: show the signed checkpoint.
    pub(crate) fn show(&self) -> Result<(), StoreError> {
        let Some(signed) = &self.signed else { return Ok(()) };
        let path = self.paths.checkpoint();
        let text = signed.text();
        if fs::read(&path).is_ok_and(|shown| shown == text.as_bytes()) {
            return Ok(());
        }
        durable::write_file(&self.paths.log(), &path, text.as_bytes())
    }

    fn signed_size(&self) -> u64 {
        self.signed.as_ref().map_or(0, SignedCheckpoint::size)
    }

    fn databases(&self) -> Result<&Databases, StoreError> {
        self.databases.as_ref().ok_or_else(closed)
    }

    #[cfg(test)]
    pub(crate) fn evidence(&self) -> &Connection {
        &self.databases.as_ref().unwrap().evidence
    }

    fn refuse_poisoned(&self) -> Result<(), StoreError> {
        self.poison.as_ref().map_or(Ok(()), |cause| Err(StoreError::Poisoned { cause: cause.clone() }))
    }

    /// Stops all further writing when the outcome of this one is unknown.
    fn guard<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome
            && error.is_fail_stop()
        {
            self.poison = Some(error.to_string());
        }
        outcome
    }

    /// A manifest is sealed only with everything it names. Returns what of that was stored before.
    fn refuse_missing<B: AsRef<[u8]>>(
        &self,
        manifest: &Manifest,
        blobs: &[(Digest, B)],
    ) -> Result<Vec<Digest>, StoreError> {
        let mut stored = Vec::new();
        let rows = self.shelf.rows(&self.databases()?.evidence);
        let given: BTreeMap<&Digest, usize> =
            blobs.iter().map(|(digest, bytes)| (digest, bytes.as_ref().len())).collect();
        let refuse =
            |problem: String| Err(StoreError::Unsealable { problem: format!("snapshot {}: {problem}", manifest.id) });
        for exchange in &manifest.exchanges {
            let length = match given.get(&exchange.sha256) {
                Some(length) => *length,
                None if self.shelf.contains(&rows, &exchange.sha256)? => {
                    stored.push(exchange.sha256);
                    self.shelf.blob(&rows, &exchange.sha256)?.len()
                }
                None => return refuse(format!("the body of exchange {} is missing", exchange.seq)),
            };
            if length as u64 != exchange.bytes {
                return refuse(format!(
                    "exchange {} has {length} bytes, its record says {}",
                    exchange.seq, exchange.bytes
                ));
            }
        }
        for table in &manifest.tables {
            if given.contains_key(&table.sha256) {
                continue;
            }
            if !self.shelf.contains(&rows, &table.sha256)? {
                return refuse(format!("the rows of table {} are missing", table.name));
            }
            stored.push(table.sha256);
        }
        Ok(stored)
    }

    /// Closes the store: both databases become one plain file each, with their digests beside them.
    ///
    /// What was acknowledged is safe whatever this meets: the next start reads the write-ahead log. An error says that
    /// the disk fails, which whoever wrote should not pass over. A store that is dropped only warns of it.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.shut()
    }

    fn shut(&mut self) -> Result<(), StoreError> {
        self.reader.close();
        let Some(Databases { evidence, lock }) = self.databases.take() else { return Ok(()) };
        if self.poison.is_some() {
            return Ok(());
        }
        match closing::close(&self.paths, evidence, lock) {
            Err(error) if error.is_busy() => {
                tracing::debug!(%error, "store.close.incomplete");
                Ok(())
            }
            closed => closed,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.shut() {
            tracing::warn!(%error, "store.close.failed");
        }
    }
}

/// The answers of `manifest`, each with the one the same request had in the snapshot before: the nth of its operation.
fn answers_before<'a>(manifest: &'a Manifest, before: &'a Manifest) -> impl Iterator<Item = (Digest, Digest)> + 'a {
    let numbered = |manifest: &'a Manifest| {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        manifest.exchanges.iter().map(move |exchange| {
            let count = counts.entry(&exchange.operation).or_default();
            *count += 1;
            ((exchange.operation.as_str(), *count), exchange.sha256)
        })
    };
    let earlier: BTreeMap<(&str, u32), Digest> = numbered(before).collect();
    numbered(manifest).filter_map(move |(request, digest)| Some((digest, *earlier.get(&request)?)))
}

/// A log is begun once: where anything is left of one, a missing database is damage and not a fresh start.
fn refuse_existing(paths: &StorePaths) -> Result<(), StoreError> {
    match paths.require() {
        Ok(()) => Err(StoreError::Exists { dir: paths.dir.clone() }),
        Err(StoreError::NotAStore { .. }) => Ok(()),
        Err(other) => Err(other),
    }
}

fn closed() -> StoreError {
    StoreError::Poisoned { cause: "the store is closed".to_owned() }
}

fn copy(key: &SigningKey) -> Result<SigningKey, StoreError> {
    SigningKey::from_text(&key.to_text()).map_err(|error| StoreError::Unsealable { problem: error.to_string() })
}

fn with_suffix(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("remove", path, error)),
    }
}

fn write_rows(
    connection: &mut Connection,
    path: &Path,
    frontier: &mut Frontier,
    prepared: &Prepared,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::database("append to the log", path, error);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    for LogEntry { index, entry } in &prepared.entries {
        tables::insert_entry(&transaction, *index, entry).map_err(failed)?;
        let nodes = frontier.push(entry.leaf()).map_err(|error| StoreError::damaged(path, error.to_string()))?;
        for node in &nodes {
            tables::insert_node(&transaction, node).map_err(failed)?;
        }
    }
    for row in &prepared.shelved.rows {
        blob_rows::insert(&transaction, row).map_err(failed)?;
    }
    for change in &prepared.changes {
        tables::apply(&transaction, change).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}
