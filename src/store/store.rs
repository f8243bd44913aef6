//! The writer: the commit protocol, and what a start does about a stop in the middle of it.
//!
//! A snapshot or entry is sealed when the call that seals it has returned; a kill before that leaves it wholly in or wholly out.
//! It never changes or removes evidence, and after a failure of unknown outcome it writes no more.

use crate::access::AccessChange;
use crate::anchors::{self, AnchorError, Stamp};
use crate::commit::{self, Document, Draft, LogEntry, Origin, Prepared};
use crate::content::Content;
use crate::cosigned;
use crate::database::{self, Mode};
use crate::elsewhere::{self, Asked, Held, Keeping, Rows};
use crate::error::StoreError;
use crate::keys;
use crate::mirror::Mirror;
use crate::paths::{IDENTITY, SCHEMA, StorePaths, UPGRADES};
use crate::reader::Reader;
use crate::shelf::{Hints, Shelf};
use crate::signed::{self, SignedLock};
use crate::start::{self, Found, with_nodes};
use crate::tables;
use crate::writer_lock::WriterLock;
use crate::{access, blob_rows, closing, durable, erase, marker, publish};
use jiff::Timestamp;
use ledger::timestamp::Timestamped;
use ledger::{
    Body, Checkpoint, Frontier, HeldElsewhere, KeyChain, Opening, Sealed, SignedCheckpoint, SigningKey, tree,
};
use model::{Digest, Manifest};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The one writer of a store.
pub struct Store {
    pub(crate) paths: StorePaths,
    key: SigningKey,
    /// Signs too, while those who verify change their key.
    previous_key: Option<SigningKey>,
    chain: KeyChain,
    pub(crate) mirror: Option<Mirror>,
    /// What restore entries have given up.
    given_up: Vec<HeldElsewhere>,
    tool: String,
    shelf: Shelf,
    /// Both are there until the store closes.
    databases: Option<Databases>,
    /// The right edge of the tree over every acknowledged entry.
    frontier: Frontier,
    /// The last checkpoint signed; none before the first.
    pub(crate) signed: Option<SignedCheckpoint>,
    reader: Reader,
    /// What the erasure about to be sealed has to remove.
    doomed: Vec<Digest>,
    /// What the entry about to be sealed changes of who may sign in.
    pub(crate) access: Vec<AccessChange>,
    poison: Option<String>,
    _lock: WriterLock,
}

struct Databases {
    evidence: Connection,
    lock: SignedLock,
}

/// What a start has found sound.
pub(crate) struct Parts {
    pub(crate) evidence: Connection,
    pub(crate) lock: SignedLock,
    pub(crate) frontier: Frontier,
    pub(crate) signed: Option<SignedCheckpoint>,
    pub(crate) chain: KeyChain,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) given_up: Vec<HeldElsewhere>,
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
        Self::open_locked(paths, &Keeping::with(key), tool, lock)
    }

    /// Opens a store to write, and completes what a stop left between acknowledging and publishing.
    pub fn open(paths: &StorePaths, key: &SigningKey, now: Timestamp, tool: &str) -> Result<Self, StoreError> {
        Self::open_with(paths, &Keeping::with(key), now, tool)
    }

    /// The same with all that is to keep the log.
    pub fn open_with(
        paths: &StorePaths,
        keeping: &Keeping<'_>,
        now: Timestamp,
        tool: &str,
    ) -> Result<Self, StoreError> {
        database::assert_sqlite()?;
        paths.require()?;
        let lock = WriterLock::take(&paths.dir, now)?;
        Self::open_locked(paths, keeping, tool, lock)
    }

    fn open_locked(
        paths: &StorePaths,
        keeping: &Keeping<'_>,
        tool: &str,
        lock: WriterLock,
    ) -> Result<Self, StoreError> {
        let mut store = Self::open_unpublished(paths, keeping, tool, lock)?;
        let size = store.frontier.size();
        tracing::debug!(entries = size, signed = store.signed_size(), "store.opened");
        store.publish()?;
        // an erasure that a kill cut short: its entry is in the log
        store.finish_erasing()?;
        Ok(store)
    }

    /// Everything `open` does before it writes to the log.
    pub(crate) fn open_unpublished(
        paths: &StorePaths,
        keeping: &Keeping<'_>,
        tool: &str,
        lock: WriterLock,
    ) -> Result<Self, StoreError> {
        let path = paths.database();
        let Found { evidence, lock: signed_lock, own, chain, size } = start::find(paths, keeping)?;
        let signed = signed_lock.load(&chain)?;
        let mirror = keeping.mirror.map(Mirror::open).transpose()?;
        let rows = Rows { evidence: &evidence, paths, chain: &chain, size };
        start::refuse_rollback(&rows, signed.as_ref(), mirror.as_ref())?;
        let frontier = start::frontier(&evidence, &path, signed.as_ref().map_or(0, SignedCheckpoint::size), size)?;
        let reader = Reader::new(paths, keeping.key.verifier());
        let given_up = elsewhere::given_up(&own);
        let mut asked = Asked::default();
        if let (Some(consult), Some(signed)) = (keeping.consult, &signed) {
            asked = consult(&reader, signed);
            reader.close();
            elsewhere::refuse(paths, &asked.held, &given_up)?;
        }
        let parts = Parts { evidence, lock: signed_lock, frontier, signed, chain, mirror, given_up };
        let store = Self::ready(paths, keeping, tool, parts, lock)?;
        for cosigned in &asked.cosigned {
            cosigned::write(paths, cosigned)?;
        }
        Ok(store)
    }

    /// Makes the store ready to be written. Nothing has been written up to here.
    pub(crate) fn ready(
        paths: &StorePaths,
        keeping: &Keeping<'_>,
        tool: &str,
        parts: Parts,
        lock: WriterLock,
    ) -> Result<Self, StoreError> {
        let Parts { evidence, lock: signed_lock, frontier, signed, chain, mirror, given_up } = parts;
        // from here on the digests of the last close hold no longer
        remove(&paths.closed())?;
        durable::sync_dir(&paths.dir)?;
        let path = paths.database();
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
        if paths.anchors().is_dir() {
            durable::sync_folders(&paths.anchors())?;
        }
        for root in [&paths.blobs, &paths.openings(), &paths.log(), &paths.anchors()] {
            let swept = durable::sweep(root)?;
            if swept > 0 {
                tracing::info!(files = swept, "store.swept");
            }
        }
        Ok(Self {
            reader: Reader::new(paths, keeping.key.verifier()),
            shelf: Shelf::new(paths),
            paths: paths.clone(),
            key: copy(keeping.key)?,
            previous_key: keeping.previous_key.map(copy).transpose()?,
            chain,
            mirror,
            given_up,
            tool: tool.to_owned(),
            databases: Some(Databases { evidence, lock: signed_lock }),
            frontier,
            signed,
            doomed: Vec::new(),
            access: Vec::new(),
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

    /// Seals an erasure together with what it has to remove.
    pub(crate) fn append_erasure(
        &mut self,
        now: Timestamp,
        draft: Draft,
        doomed: Vec<Digest>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.doomed = doomed;
        let appended = self.append(now, vec![draft]);
        // not with the next entry, where this one was refused
        self.doomed.clear();
        appended
    }

    pub(crate) const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    pub(crate) fn evidence_database(&self) -> Result<&Connection, StoreError> {
        Ok(&self.databases()?.evidence)
    }

    /// Notes where a scrub goes on, and that it came to the end.
    pub fn note_scrub(&mut self, next: u64, finished_at: Option<Timestamp>) -> Result<(), StoreError> {
        self.refuse_poisoned()?;
        let noted = self.databases().and_then(|databases| {
            tables::set_scrub_position(&databases.evidence, next, finished_at)
                .map_err(|error| StoreError::database("note the scrub", &self.paths.database(), error))
        });
        self.guard(noted)
    }

    /// Seals a snapshot. `blobs` are the bodies and tables its manifest names, apart from those stored before.
    pub fn seal_snapshot<B: Content>(
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
            document: Some(Document::new(bytes, Manifest::MEDIA_TYPE)),
        };
        let hints = self.hints_of_snapshot(manifest);
        let hints = self.guard(hints)?;
        let appended = self.append_with(now, vec![draft], blobs, &stored, hints)?;
        let index = appended.first().map_or(0, |appended| appended.index);
        let sealed = self.reader.sealed(index, |bytes| serde_json::from_slice(bytes));
        self.guard(sealed)
    }

    /// Verifies an authority's answer about `checkpoint`, keeps it, and enters it into the log. Whatever does not verify
    /// leaves no trace.
    pub fn seal_anchor(
        &mut self,
        now: Timestamp,
        checkpoint: &SignedCheckpoint,
        stamp: &Stamp<'_>,
    ) -> Result<(LogEntry, Timestamped), AnchorError> {
        self.refuse_poisoned()?;
        let (stamped, draft) = anchors::verify(checkpoint, stamp)?;
        let extended = self.refuse_foreign(checkpoint);
        self.guard(extended)?;
        let written = anchors::write(&self.paths, &self.reader, checkpoint, stamp);
        self.guard(written)?;
        let appended = self.append(now, vec![draft])?.pop();
        let entry = appended.ok_or(StoreError::Unsealable { problem: "no entry was made".to_owned() })?;
        Ok((entry, stamped))
    }

    /// Only a checkpoint of this very log is anchored in it.
    fn refuse_foreign(&self, checkpoint: &SignedCheckpoint) -> Result<(), StoreError> {
        let size = self.frontier.size();
        let proof = with_nodes(&self.databases()?.evidence, &self.paths.database(), |nodes| {
            tree::consistency_proof(nodes, checkpoint.size().min(size), size)
        })?;
        let extends = proof.old_size == checkpoint.size()
            && checkpoint.size() > 0
            && self.chain.contains(checkpoint.key())
            && proof.verify(checkpoint.root(), size, self.frontier.root()).is_ok();
        if extends {
            return Ok(());
        }
        Err(StoreError::Unsealable { problem: "the stamped checkpoint is not one of this log".to_owned() })
    }

    fn append_with<B: Content>(
        &mut self,
        now: Timestamp,
        drafts: Vec<Draft>,
        blobs: &[(Digest, B)],
        relied_on: &[Digest],
        hints: Hints,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.append_and(now, drafts, blobs, relied_on, hints, |_, _| Ok(()))
    }

    /// The same; `then` is done between acknowledging and publishing.
    pub(crate) fn append_then(
        &mut self,
        now: Timestamp,
        drafts: Vec<Draft>,
        then: impl FnOnce(&mut Self, &[LogEntry]) -> Result<(), StoreError>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.append_and::<Vec<u8>>(now, drafts, &[], &[], Hints::new(), then)
    }

    fn append_and<B: Content>(
        &mut self,
        now: Timestamp,
        drafts: Vec<Draft>,
        blobs: &[(Digest, B)],
        relied_on: &[Digest],
        hints: Hints,
        then: impl FnOnce(&mut Self, &[LogEntry]) -> Result<(), StoreError>,
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
        prepared.doomed = std::mem::take(&mut self.doomed);
        prepared.access = std::mem::take(&mut self.access);
        let stored = self.store_documents(&mut prepared, blobs, relied_on, hints);
        self.guard(stored)?;
        let acknowledged = self.acknowledge(&prepared);
        self.guard(acknowledged)?;
        // from here on the entries are in the log: a failure leaves completing them to the next start
        if let Err(source) = then(self, &prepared.entries).and_then(|()| self.publish()) {
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
    pub(crate) fn store_documents<B: Content>(
        &self,
        prepared: &mut Prepared,
        blobs: &[(Digest, B)],
        relied_on: &[Digest],
        mut hints: Hints,
    ) -> Result<(), StoreError> {
        marker::check(&self.paths, self.chain.genesis())?;
        let evidence = &self.databases()?.evidence;
        let mut last = BTreeMap::new();
        for (digest, _, series) in &prepared.documents {
            let before = match last.get(series) {
                Some(before) => *before,
                None => *last.entry(series).or_insert(self.document_before(evidence, series)?),
            };
            hints.extend(before.map(|before| (*digest, before)));
        }
        let documents = prepared.documents.iter().map(|(digest, content, _)| (*digest, &**content as &dyn Content));
        let all: Vec<(Digest, &dyn Content)> =
            blobs.iter().map(|(digest, content)| (*digest, content as &dyn Content)).chain(documents).collect();
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
    pub(crate) fn publish(&mut self) -> Result<(), StoreError> {
        // what was signed before a kill is on record before something newer is signed
        self.record_rotations()?;
        self.integrate()?;
        let before = self.signed_size();
        self.sign()?;
        self.record_rotations()?;
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

    /// The same for every tile there is.
    pub(crate) fn integrate_all(&self) -> Result<(), StoreError> {
        publish::write_tiles(&self.databases()?.evidence, &self.paths, 0, self.frontier.size())
    }

    /// From here on these stand in nobody's way.
    pub(crate) fn note_given_up(&mut self, held: &[Held]) {
        self.given_up.extend(held.iter().map(Held::entry));
    }

    /// Step 4: prove that the tree extends the last checkpoint, here and in the mirror, sign, swap, mirror.
    pub(crate) fn sign(&mut self) -> Result<(), StoreError> {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let _held = self.mirror.as_ref().map(Mirror::hold).transpose()?;
        self.refuse_other_in_mirror()?;
        if self.signed.as_ref().is_some_and(|signed| signed.size() == size && signed.root() == root) {
            return self.copy_to_mirror();
        }
        let path = self.paths.database();
        let databases = self.databases()?;
        if let Some(old) = &self.signed {
            let proof =
                with_nodes(&databases.evidence, &path, |nodes| tree::consistency_proof(nodes, old.size(), size))?;
            proof.verify(old.root(), size, root).map_err(|error| StoreError::Rollback {
                dir: self.paths.dir.clone(),
                problem: format!("the log of {size} entries does not extend the signed one of {}: {error}", old.size()),
            })?;
        }
        let new = self.signature()?;
        databases.lock.swap(self.signed.as_ref(), &new)?;
        self.signed = Some(new);
        self.copy_to_mirror()
    }

    /// The signed checkpoint over all rows. It has left nobody's hands before it is in the lock database.
    pub(crate) fn signature(&self) -> Result<SignedCheckpoint, StoreError> {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let damaged = |error: ledger::CheckpointError| StoreError::damaged(&self.paths.database(), error.to_string());
        let checkpoint = Checkpoint { origin: self.key.name().to_owned(), size, root };
        let mut new = checkpoint.sign(&self.key).map_err(damaged)?;
        let signed = self.signed_size();
        for (entry, former, _) in self.chain.changes() {
            let previous = self.previous_key.as_ref().filter(|key| key.verifier() == former);
            match previous {
                Some(key) if !new.is_signed_by(former) => new.sign_also(key).map_err(damaged)?,
                // the key that is replaced has to say so itself, once
                None if entry >= signed && entry < size => {
                    let former = former.to_string();
                    return Err(StoreError::UnsignedRotation { dir: self.paths.dir.clone(), entry, former });
                }
                _ => {}
            }
        }
        Ok(new)
    }

    /// Another copy of this store may have signed since.
    fn refuse_other_in_mirror(&self) -> Result<(), StoreError> {
        let Some(mirror) = &self.mirror else { return Ok(()) };
        let Some(copied) = mirror.load(&self.chain)? else { return Ok(()) };
        let rows = Rows {
            evidence: &self.databases()?.evidence,
            paths: &self.paths,
            chain: &self.chain,
            size: self.frontier.size(),
        };
        if copied.size() <= self.signed_size() && rows.extend(&copied)? {
            return Ok(());
        }
        Err(StoreError::Rollback {
            dir: self.paths.dir.clone(),
            problem: format!(
                "the mirror holds a log of {} entries that another copy of this store has signed, the last one signed here has {}",
                copied.size(),
                self.signed_size()
            ),
        })
    }

    pub(crate) fn copy_to_mirror(&self) -> Result<(), StoreError> {
        match (&self.mirror, &self.signed) {
            (Some(mirror), Some(signed)) => mirror.write(signed),
            _ => Ok(()),
        }
    }

    /// Keeps the first checkpoint that both keys signed after a change: it is what the former key says of the new one.
    pub(crate) fn record_rotations(&self) -> Result<(), StoreError> {
        let Some(signed) = &self.signed else { return Ok(()) };
        for (entry, former, _) in self.chain.changes() {
            let path = self.paths.rotation(entry);
            if entry < signed.size() && signed.is_signed_by(former) && !path.exists() {
                durable::write_file(&self.paths.log(), &path, signed.text().as_bytes())?;
            }
        }
        Ok(())
    }

    /// Step 5: show the signed checkpoint, with what witnesses said of it.
    pub(crate) fn show(&self) -> Result<(), StoreError> {
        let Some(signed) = &self.signed else { return Ok(()) };
        let path = self.paths.checkpoint();
        let text = cosigned::with_cosignatures(signed, &self.paths, &self.chain)?.text();
        if fs::read(&path).is_ok_and(|shown| shown == text.as_bytes()) {
            return Ok(());
        }
        durable::write_file(&self.paths.log(), &path, text.as_bytes())
    }

    /// Takes up what witnesses answered: keeps their cosignatures, and stops writing for good where one of them knows
    /// another log.
    pub fn witnessed(&mut self, asked: &Asked) -> Result<(), StoreError> {
        self.refuse_poisoned()?;
        let taken = self.take_up(asked);
        self.guard(taken)
    }

    fn take_up(&self, asked: &Asked) -> Result<(), StoreError> {
        elsewhere::refuse(&self.paths, &asked.held, &self.given_up)?;
        for cosigned in &asked.cosigned {
            cosigned::write(&self.paths, cosigned)?;
        }
        self.show()
    }

    /// Changes the log's key: seals that `new` signs from here on, with both signatures under the checkpoint that says so.
    pub fn rotate(&mut self, now: Timestamp, new: &SigningKey) -> Result<LogEntry, StoreError> {
        let (from, to) = (self.key.verifier().to_string(), new.verifier().to_string());
        let body = Body::KeyRotation { from, to };
        self.chain
            .clone()
            .follow(self.frontier.size(), &body)
            .map_err(|error| StoreError::Unsealable { problem: error.to_string() })?;
        let entries = self.append_then(
            now,
            vec![Draft { body: body.clone(), series: keys::SERIES.to_owned(), document: None }],
            |store, entries| {
                for LogEntry { index, entry } in entries {
                    store
                        .chain
                        .follow(*index, &entry.body)
                        .map_err(|error| StoreError::damaged(&store.paths.database(), error.to_string()))?;
                }
                store.previous_key = Some(std::mem::replace(&mut store.key, copy(new)?));
                store.reader = Reader::new(&store.paths, new.verifier());
                Ok(())
            },
        )?;
        entries.into_iter().next().ok_or_else(closed)
    }

    fn signed_size(&self) -> u64 {
        self.signed.as_ref().map_or(0, SignedCheckpoint::size)
    }

    /// Replaces the checkpoint signed last by `new`, which need not extend it: only after a restore entry.
    pub(crate) fn take_over(
        &mut self,
        old: Option<&SignedCheckpoint>,
        new: SignedCheckpoint,
    ) -> Result<(), StoreError> {
        self.databases()?.lock.swap(old, &new)?;
        self.signed = Some(new);
        Ok(())
    }

    fn databases(&self) -> Result<&Databases, StoreError> {
        self.databases.as_ref().ok_or_else(closed)
    }

    #[cfg(test)]
    pub(crate) fn evidence(&self) -> &Connection {
        &self.databases.as_ref().unwrap().evidence
    }

    pub(crate) fn refuse_poisoned(&self) -> Result<(), StoreError> {
        self.poison.as_ref().map_or(Ok(()), |cause| Err(StoreError::Poisoned { cause: cause.clone() }))
    }

    /// Stops all further writing when the outcome of this one is unknown.
    pub(crate) fn guard<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome
            && error.is_fail_stop()
        {
            self.poison = Some(error.to_string());
        }
        outcome
    }

    /// A manifest is sealed only with everything it names. Returns what of that was stored before.
    fn refuse_missing<B: Content>(
        &self,
        manifest: &Manifest,
        blobs: &[(Digest, B)],
    ) -> Result<Vec<Digest>, StoreError> {
        let mut stored = Vec::new();
        let rows = self.shelf.rows(&self.databases()?.evidence);
        let given: BTreeMap<&Digest, u64> = blobs.iter().map(|(digest, content)| (digest, content.bytes())).collect();
        let refuse =
            |problem: String| Err(StoreError::Unsealable { problem: format!("snapshot {}: {problem}", manifest.id) });
        for exchange in &manifest.exchanges {
            let length = match given.get(&exchange.sha256) {
                Some(length) => *length,
                None if self.shelf.contains(&rows, &exchange.sha256)? => {
                    stored.push(exchange.sha256);
                    self.shelf.blob(&rows, &exchange.sha256)?.bytes()
                }
                None => return refuse(format!("the body of exchange {} is missing", exchange.seq)),
            };
            if length != exchange.bytes {
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
    erase::doom(&transaction, &prepared.doomed).map_err(failed)?;
    access::apply(&transaction, &prepared.access).map_err(failed)?;
    for change in &prepared.changes {
        tables::apply(&transaction, change).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}
