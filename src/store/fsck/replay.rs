//! Reads the log from its first entry on and makes everything anew that is derived from it, in a scratch database.
//!
//! Only the bytes of entries, openings and documents go in; what the evidence database derived from them is compared later.

use super::{Checkpoints, FsckReport, FsckStage, Scene};
use crate::anchors::Anchor;
use crate::error::StoreError;
use crate::paths::SCHEMA;
use crate::tables::{self, StoredEntry};
use crate::{database, project};
use ledger::{Body, Entry, Frontier, Opening, SignedCheckpoint};
use model::{Digest, Manifest};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

/// Entries read at once.
const CHUNK: u64 = 512;

/// What the log refers to by digest.
#[derive(Default)]
pub(super) struct Referenced {
    /// Blobs, each with one thing that needs it.
    pub(super) blobs: HashMap<Digest, String>,
    /// Openings.
    pub(super) openings: HashSet<Digest>,
    /// Whether every entry, opening and manifest could be read, so that nothing is missing above.
    pub(super) whole: bool,
}

/// The outcome of a replay.
pub(super) struct Replayed {
    /// Entries, nodes and projections made anew.
    pub(super) database: Connection,
    /// Entries read.
    pub(super) size: u64,
    /// The root of the tree over them.
    pub(super) root: Digest,
    /// The anchors among them.
    pub(super) anchors: Vec<Anchor>,
    /// What they refer to.
    pub(super) referenced: Referenced,
}

/// Replays every entry of `evidence`.
pub(super) fn replay(
    scene: &Scene<'_>,
    report: &mut FsckReport,
    evidence: &Connection,
    checkpoints: &Checkpoints,
) -> Result<Replayed, StoreError> {
    let path = scene.paths.database();
    let failed = |error| StoreError::database("read the log", &path, error);
    let size = tables::size(evidence).map_err(failed)?;
    let database = database::scratch(SCHEMA)?;
    let scratch = |error| StoreError::database("replay", &path, error);
    database.execute_batch("BEGIN").map_err(scratch)?;
    let mut pass = Pass {
        scene,
        report,
        database,
        path: path.clone(),
        evidence,
        erased: erased(evidence).map_err(failed)?,
        frontier: Frontier::new(),
        covered: checkpoints.published.as_ref().map_or(0, SignedCheckpoint::size),
        series: BTreeMap::new(),
        anchors: Vec::new(),
        referenced: Referenced { whole: true, ..Referenced::default() },
    };
    let mut due: Vec<&SignedCheckpoint> = checkpoints.signed.iter().chain(&checkpoints.published).collect();
    due.sort_by_key(|checkpoint| checkpoint.size());
    for checkpoint in due.iter().filter(|checkpoint| checkpoint.size() > size) {
        let problem = format!("a log of {} entries was signed, {size} are here", checkpoint.size());
        pass.report.problem(&path, problem);
    }
    let mut start = 0;
    while start < size {
        let end = size.min(start + CHUNK);
        let stored = tables::entries(evidence, start, end).map_err(failed)?;
        let mut expected = start;
        for entry in stored {
            while expected < entry.index {
                pass.report.problem(&path, format!("entry {expected} is missing"));
                pass.referenced.whole = false;
                expected += 1;
            }
            expected += 1;
            pass.entry(&entry).map_err(scratch)?;
            for checkpoint in due.iter().filter(|checkpoint| checkpoint.size() == entry.index + 1) {
                if checkpoint.root() != pass.frontier.root() {
                    let problem = format!(
                        "the first {} entries do not have the root that was signed for them",
                        checkpoint.size()
                    );
                    pass.report.problem(&path, problem);
                }
            }
        }
        start = end;
        (scene.progress)(FsckStage::Log, start, size);
    }
    pass.database.execute_batch("COMMIT").map_err(scratch)?;
    pass.report.entries = size;
    pass.report.signed = checkpoints.signed.as_ref().map_or(0, SignedCheckpoint::size);
    if scene.still && pass.report.signed < size && checkpoints.signed.is_some() {
        let note = format!(
            "{} acknowledged entries are not yet under a signed checkpoint: the next start signs them",
            size - pass.report.signed
        );
        pass.report.notes.push(note);
    }
    let root = pass.frontier.root();
    Ok(Replayed { database: pass.database, size, root, anchors: pass.anchors, referenced: pass.referenced })
}

/// What the erasures in the log name, wherever in it they stand. The entries themselves are verified with all the others.
fn erased(evidence: &Connection) -> rusqlite::Result<HashSet<u64>> {
    let mut named = HashSet::new();
    let mut statement = evidence.prepare("SELECT bytes FROM entry WHERE kind = 'erasure'")?;
    for bytes in statement.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        if let Ok(entry) = Entry::decode(&bytes?)
            && let Body::Erasure { entries } = &entry.body
        {
            named.extend(entries);
        }
    }
    Ok(named)
}

struct Pass<'a> {
    scene: &'a Scene<'a>,
    report: &'a mut FsckReport,
    database: Connection,
    path: PathBuf,
    evidence: &'a Connection,
    /// Entries that an erasure in the log names: their documents are not missed.
    erased: HashSet<u64>,
    frontier: Frontier,
    /// Entries under the published checkpoint.
    covered: u64,
    /// The last entry of each series.
    series: BTreeMap<String, (u64, Digest)>,
    anchors: Vec<Anchor>,
    referenced: Referenced,
}

impl Pass<'_> {
    fn entry(&mut self, stored: &StoredEntry) -> rusqlite::Result<()> {
        let index = stored.index;
        let leaf = ledger::tree::leaf_hash(&stored.bytes);
        if let Err(problem) = stored.check_leaf() {
            self.report.problem(&self.path, problem);
        }
        match self.frontier.push(leaf) {
            Ok(nodes) => nodes.iter().try_for_each(|node| tables::insert_node(&self.database, node))?,
            Err(error) => self.report.problem(&self.path, format!("entry {index}: {error}")),
        }
        let entry = match Entry::decode(&stored.bytes) {
            Ok(entry) => entry,
            Err(error) => {
                self.report.problem(&self.path, format!("entry {index}: {error}"));
                self.referenced.whole = false;
                return Ok(());
            }
        };
        self.chain(index, &entry);
        self.genesis(index, &entry);
        self.rotation(index, &entry);
        self.anchor(index, &entry);
        if let Err(error) = tables::insert_entry(&self.database, index, &entry) {
            self.report.problem(&self.path, format!("entry {index} contradicts an earlier one: {error}"));
        }
        let erased = self.erased.contains(&index);
        let document = match entry.commit {
            None => None,
            Some(_) if erased => None,
            Some(commit) => {
                self.referenced.openings.insert(commit);
                let Some(document) = self.document(index, &commit) else {
                    self.referenced.whole = false;
                    return Ok(());
                };
                Some(document)
            }
        };
        if let (Body::Snapshot { snapshot, .. }, Some(document)) = (&entry.body, &document) {
            self.manifest(snapshot, document);
        }
        let projected = if erased {
            project::project_erased(index, &entry)
        } else {
            project::project(index, &entry, document.as_deref())
        };
        match projected {
            Ok(changes) => {
                for change in &changes {
                    if let Err(error) = tables::apply(&self.database, change) {
                        self.report.problem(&self.path, format!("entry {index} contradicts an earlier one: {error}"));
                    }
                }
            }
            Err(problem) => {
                self.report.problem(&self.path, format!("entry {index}: {problem}"));
                self.referenced.whole = false;
            }
        }
        Ok(())
    }

    fn chain(&mut self, index: u64, entry: &Entry) {
        let previous = self.series.insert(entry.series.clone(), (entry.seq, entry.leaf()));
        let (seq, prev) = previous.map_or((1, None), |(seq, leaf)| (seq + 1, Some(leaf)));
        if entry.seq != seq || entry.prev != prev {
            let problem = format!(
                "entry {index} is number {} of its series `{}` and does not follow number {}",
                entry.seq,
                entry.series,
                seq - 1
            );
            self.report.problem(&self.path, problem);
        }
    }

    /// Every entry names the token of the last anchor before it.
    fn anchor(&mut self, index: u64, entry: &Entry) {
        if entry.anchor != self.anchors.last().map(|anchor| anchor.token) {
            let problem = format!("entry {index} does not name the timestamp token that was the last before it");
            self.report.problem(&self.path, problem);
        }
        self.anchors.extend(Anchor::of(index, entry));
    }

    fn genesis(&mut self, index: u64, entry: &Entry) {
        match (&entry.body, index) {
            (Body::Genesis { log_key, .. }, 0) if *log_key != self.scene.chain.genesis().to_string() => {
                self.report.problem(&self.path, format!("the log belongs to the key `{log_key}`"));
            }
            (Body::Genesis { .. }, 0) => {}
            (_, 0) => self.report.problem(&self.path, "the log does not begin with a genesis entry"),
            (Body::Genesis { .. }, _) => {
                self.report.problem(&self.path, format!("entry {index} begins the log a second time"));
            }
            _ => {}
        }
    }

    /// A change of the key is one from the key in force, and the former key has signed it.
    fn rotation(&mut self, index: u64, entry: &Entry) {
        if !matches!(entry.body, Body::KeyRotation { .. }) {
            return;
        }
        let chain = &self.scene.chain;
        if !chain.changes().any(|(entry, ..)| entry == index) {
            self.report.problem(&self.path, format!("entry {index} changes a key that was not in force"));
        } else if !self.scene.paths.rotation(index).exists() && self.covered > index {
            let path = self.scene.paths.rotation(index);
            self.report
                .problem(&path, format!("the file is missing: it shows that the former key signed entry {index}"));
        }
    }

    /// The document behind `commit`; what stands in the way is reported.
    fn document(&mut self, index: u64, commit: &Digest) -> Option<Vec<u8>> {
        let store = &self.scene.shelf;
        let rows = store.rows(self.evidence);
        let damaged = |problem: String| StoreError::damaged(&self.path, format!("opening {commit}: {problem}"));
        let read = store
            .opening(&rows, commit)
            .and_then(|text| Opening::parse(&text).map_err(|error| damaged(error.to_string())));
        let opening = match read {
            Ok(opening) => opening,
            Err(error) => {
                self.report.failure(&self.path, &error);
                return None;
            }
        };
        self.referenced.blobs.entry(opening.sha256()).or_insert_with(|| format!("the document of entry {index}"));
        match store.blob(&rows, &opening.sha256()) {
            Ok(document) if document.len() as u64 == opening.size() => Some(document),
            Ok(document) => {
                let problem = format!("it says {} bytes, its document has {}", opening.size(), document.len());
                self.report.problem(&self.path, format!("opening {commit}: {problem}"));
                None
            }
            // damage is found and named when the blobs are gone through
            Err(_) => None,
        }
    }

    fn manifest(&mut self, snapshot: &str, document: &[u8]) {
        self.report.snapshots += 1;
        // an unreadable manifest is reported by the projection
        let Ok(manifest) = serde_json::from_slice::<Manifest>(document) else { return };
        for exchange in &manifest.exchanges {
            let user = || format!("the body of exchange {} of snapshot {snapshot}", exchange.seq);
            self.referenced.blobs.entry(exchange.sha256).or_insert_with(user);
        }
        for table in &manifest.tables {
            let user = || format!("the rows of table {} of snapshot {snapshot}", table.name);
            self.referenced.blobs.entry(table.sha256).or_insert_with(user);
        }
    }
}
