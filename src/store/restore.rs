//! Taking up a store again that others hold a newer checkpoint of: on a person's word, sealed before anything is signed.
//!
//! Nothing of what is given up is removed: its checkpoints go into the document of the entry, its published log is kept aside.

use crate::blobs::read_capped;
use crate::commit::{Document, Draft, LogEntry};
use crate::cosigned;
use crate::database;
use crate::durable;
use crate::elsewhere::{self, Held, Keeping, Rows};
use crate::error::StoreError;
use crate::keys;
use crate::mirror::Mirror;
use crate::paths::StorePaths;
use crate::reader::Reader;
use crate::shelf::Hints;
use crate::start::{self, Found};
use crate::store::{Parts, Store};
use crate::writer_lock::WriterLock;
use jiff::Timestamp;
use ledger::{Body, HeldElsewhere, KeyChain, SignedCheckpoint};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// A person's word that a store is to be taken up as it is.
#[derive(Debug)]
pub struct Restoration<'a> {
    /// Who says so.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Files of checkpoints somebody else holds.
    pub held: &'a [PathBuf],
}

impl Store {
    /// Seals that this store goes on although others hold a newer or another checkpoint of its log, and signs it. What they
    /// hold is cited; where nobody holds such a thing, nothing is done.
    pub fn restore(
        paths: &StorePaths,
        keeping: &Keeping<'_>,
        restoration: &Restoration<'_>,
        now: Timestamp,
        tool: &str,
    ) -> Result<(Self, LogEntry), StoreError> {
        database::assert_sqlite()?;
        paths.require()?;
        let lock = WriterLock::take(&paths.dir, now)?;
        let Found { evidence, lock: signed_lock, own, chain, size } = start::find(paths, keeping)?;
        // no signature vouches for these rows: every one of them is hashed again
        let frontier = start::frontier(&evidence, &paths.database(), 0, size)?;
        let signed = signed_lock.load(&chain)?;
        let mirror = keeping.mirror.map(Mirror::open).transpose()?;

        let rows = Rows { evidence: &evidence, paths, chain: &chain, size };
        let mut held = Vec::new();
        let mut extended = 0;
        if let Some(signed) = &signed {
            if rows.extend(signed)? {
                extended = signed.size();
            } else {
                held.push(by_lock(signed, size));
            }
        }
        let given = restoration.held.iter().map(|file| by_file(file, &chain)).collect::<Result<Vec<_>, _>>()?;
        held.extend(rows.held(extended, mirror.as_ref(), &given)?);
        let given_up = elsewhere::given_up(&own);
        if let (Some(consult), Some(signed)) = (keeping.consult, signed.as_ref().filter(|_| extended > 0)) {
            let reader = Reader::new(paths, keeping.key.verifier());
            let asked = consult(&reader, signed);
            reader.close();
            held.extend(
                asked
                    .held
                    .into_iter()
                    .filter(|one| elsewhere::refuse(paths, std::slice::from_ref(one), &given_up).is_err()),
            );
        }
        if held.is_empty() {
            return Err(StoreError::NotBehind { dir: paths.dir.clone() });
        }
        let diverged = published_diverges(&rows)?;

        let (root, cited) = (frontier.root(), held.iter().map(Held::entry).collect::<Vec<HeldElsewhere>>());
        let document = document(restoration, signed.as_ref(), &held)?;
        let body = Body::Restore { size, root, held: cited };
        let draft = Draft { body, series: keys::SERIES.to_owned(), document: Some(document) };
        let parts = Parts { evidence, lock: signed_lock, frontier, signed: None, chain, mirror, given_up };
        let mut store = Self::ready(paths, keeping, tool, parts, lock)?;
        let mut prepared = store.prepare(now, vec![draft])?;
        store.store_documents::<Vec<u8>>(&mut prepared, &[], &[], Hints::new())?;
        // the entry first: a kill after this leaves a store that is refused again, or one that says why it is not
        store.acknowledge(&prepared)?;
        if diverged {
            set_aside(paths)?;
        }
        store.integrate_all()?;
        let _held = store.mirror.as_ref().map(Mirror::hold).transpose()?;
        let new = store.signature()?;
        store.take_over(signed.as_ref(), new)?;
        if let Some(mirror) = &store.mirror {
            for one in held.iter().filter(|one| one.by == "mirror") {
                one.checkpoint.iter().try_for_each(|checkpoint| mirror.set_aside(checkpoint))?;
            }
        }
        store.copy_to_mirror()?;
        store.record_rotations()?;
        store.show()?;
        store.note_given_up(&held);
        let entry = prepared.entries.into_iter().next();
        entry.map(|entry| (store, entry)).ok_or_else(|| StoreError::NotBehind { dir: paths.dir.clone() })
    }
}

fn by_lock(signed: &SignedCheckpoint, size: u64) -> Held {
    Held {
        by: "lock".to_owned(),
        size: signed.size(),
        problem: format!("a log of {} entries was signed, {size} are here", signed.size()),
        checkpoint: Some(signed.clone()),
    }
}

/// A checkpoint that somebody brings along, signed by the log.
fn by_file(path: &Path, chain: &KeyChain) -> Result<Held, StoreError> {
    let text = read_capped(path, 1 << 20)?;
    // a key this copy does not know of yet may have signed it
    let checkpoint = chain
        .open(&text)
        .or_else(|error| SignedCheckpoint::open(&text, chain.current()).map_err(|_| error))
        .map_err(|error| StoreError::Unsealable { problem: format!("{}: {error}", path.display()) })?;
    let size = checkpoint.size();
    let problem = format!("{} holds a log of {size} entries", path.display());
    Ok(Held { by: "file".to_owned(), size, checkpoint: Some(checkpoint), problem })
}

fn document(
    restoration: &Restoration<'_>,
    signed: Option<&SignedCheckpoint>,
    held: &[Held],
) -> Result<Document, StoreError> {
    let held: Vec<_> = held
        .iter()
        .map(|held| {
            let checkpoint = held.checkpoint.as_ref().map(SignedCheckpoint::text);
            json!({"by": held.by, "size": held.size, "problem": held.problem, "checkpoint": checkpoint})
        })
        .collect();
    let bytes = model::canonical_json(&json!({
        "schema": "evidenced/restore/v1", "by": restoration.by, "reason": restoration.reason,
        "last_signed_here": signed.map(SignedCheckpoint::text), "held": held,
    }))
    .map_err(|error| StoreError::Unsealable { problem: error.to_string() })?;
    Ok(Document::new(bytes, "application/vnd.evidenced.restore+json"))
}

/// Whether anything published is of another log than the rows.
fn published_diverges(rows: &Rows<'_>) -> Result<bool, StoreError> {
    let mut shown: Vec<SignedCheckpoint> = rows.published()?.into_iter().collect();
    shown.extend(cosigned::read_all(rows.paths, rows.chain)?.into_iter().map(|cosigned| cosigned.checkpoint));
    for checkpoint in &shown {
        if !rows.extend(checkpoint)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the published log of the history that is given up, and makes room for one that is derived from the rows.
fn set_aside(paths: &StorePaths) -> Result<(), StoreError> {
    let mut nth = 1;
    while paths.given_up(nth).exists() {
        nth += 1;
    }
    let target = paths.given_up(nth);
    fs::rename(paths.log(), &target).map_err(|error| StoreError::io("rename into place", &target, error))?;
    durable::sync_dir(&paths.dir)?;
    durable::create_dirs(&paths.log())
}
