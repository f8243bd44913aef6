//! What is about to be sealed, made ready and checked before a byte is written: entries in their series, openings, projections.
//!
//! It reads the database and draws nonces; it writes nothing.

use crate::access::AccessChange;
use crate::anchors;
use crate::content::Content;
use crate::error::StoreError;
use crate::project::{self, Change};
use crate::shelf::Shelved;
use crate::tables;
use jiff::Timestamp;
use ledger::{Body, Entry, EntryFields, Opening};
use model::Digest;
use rusqlite::Connection;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One entry to be: what happened, in which series, and the document behind it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What happened.
    pub body: Body,
    /// The series: `snapshot:aws-prod`, `evaluation:mfa_missing`.
    pub series: String,
    /// What the entry commits to.
    pub document: Option<Document>,
}

/// The document of an entry. It may hold personal data; the entry does not.
#[derive(Clone)]
pub struct Document {
    content: Arc<Bytes>,
    media_type: String,
}

/// A document's bytes, wherever they lie.
type Bytes = dyn Content + Send;

impl Document {
    /// Of these bytes; `media_type` is `application/json` ...
    pub fn new(content: impl Content + Send + 'static, media_type: impl Into<String>) -> Self {
        Self { content: Arc::new(content), media_type: media_type.into() }
    }

    fn whole(&self) -> Result<Cow<'_, [u8]>, StoreError> {
        self.content
            .read(0..self.content.bytes())
            .map_err(|error| StoreError::Unsealable { problem: format!("a document cannot be read: {error}") })
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.media_type, self.content.bytes())
    }
}

/// An entry and where it stands.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Position in the log, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
}

/// A batch ready for the commit protocol.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) changes: Vec<Change>,
    /// Documents by digest, each with the series of its entry.
    pub(crate) documents: Vec<(Digest, Arc<Bytes>, String)>,
    /// Opening texts by digest.
    pub(crate) openings: Vec<(Digest, Vec<u8>)>,
    /// What the transaction adds of them, once they are ready for it.
    pub(crate) shelved: Shelved,
    /// What an erasure among the entries has to remove.
    pub(crate) doomed: Vec<Digest>,
    /// What changes of who may sign in, with the entries that say so.
    pub(crate) access: Vec<AccessChange>,
}

/// Who writes, and when.
pub(crate) struct Origin<'a> {
    pub(crate) now: Timestamp,
    pub(crate) tool: &'a str,
    pub(crate) database: &'a Path,
}

/// Makes entries of `drafts`, to stand from `size` on.
pub(crate) fn prepare(
    connection: &Connection,
    origin: &Origin<'_>,
    size: u64,
    drafts: Vec<Draft>,
) -> Result<Prepared, StoreError> {
    let failed = |error| StoreError::database("look up a series", origin.database, error);
    let mut last: BTreeMap<String, Option<(u64, Digest)>> = BTreeMap::new();
    let mut anchor = last_token(connection, origin.database)?;
    let mut prepared = Prepared::default();
    for (index, draft) in (size..).zip(drafts) {
        // one document after another is in memory
        let bytes = draft.document.as_ref().map(Document::whole).transpose()?;
        let media_type = draft.document.as_ref().map(|document| document.media_type.as_str());
        let opening =
            bytes.as_deref().zip(media_type).map(|(bytes, media_type)| open(bytes, media_type)).transpose()?;
        let previous = match last.get(&draft.series) {
            Some(previous) => *previous,
            None => {
                tables::last_of_series(connection, &draft.series).map_err(failed)?.map(|(seq, leaf, _)| (seq, leaf))
            }
        };
        let entry = Entry::new(EntryFields {
            v: EntryFields::VERSION,
            at: origin.now,
            tool: origin.tool.to_owned(),
            series: draft.series.clone(),
            seq: previous.map_or(1, |(seq, _)| seq + 1),
            prev: previous.map(|(_, leaf)| leaf),
            anchor,
            commit: opening.as_ref().map(Opening::commit),
            body: draft.body,
        })
        .map_err(|error| StoreError::Unsealable { problem: error.to_string() })?;
        if let Body::Anchor { token, .. } = &entry.body {
            anchor = Some(*token);
        }
        last.insert(draft.series.clone(), Some((entry.seq, entry.leaf())));

        let changes = project::project(index, &entry, bytes.as_deref())
            .map_err(|problem| StoreError::Unsealable { problem: format!("{}: {problem}", entry.body.kind()) })?;
        drop(bytes);
        prepared.changes.extend(changes);
        if let (Some(opening), Some(document)) = (opening, draft.document) {
            prepared.openings.push((opening.commit(), opening.to_string().into_bytes()));
            prepared.documents.push((opening.sha256(), document.content, draft.series));
        }
        prepared.entries.push(LogEntry { index, entry });
    }
    refuse_conflicts(connection, origin.database, &prepared.changes)?;
    Ok(prepared)
}

/// The digest of the last timestamp token.
fn last_token(connection: &Connection, path: &Path) -> Result<Option<Digest>, StoreError> {
    let failed = |error| StoreError::database("look up the last anchor", path, error);
    let Some((_, _, index)) = tables::last_of_series(connection, anchors::SERIES).map_err(failed)? else {
        return Ok(None);
    };
    let stored = tables::entry(connection, index).map_err(failed)?;
    let entry = stored.map(|stored| Entry::decode(&stored.bytes)).transpose();
    match entry.map_err(|error| StoreError::damaged(path, format!("entry {index}: {error}")))? {
        Some(entry) => match entry.body {
            Body::Anchor { token, .. } => Ok(Some(token)),
            _ => Err(StoreError::damaged(path, format!("entry {index} stands among the anchors and is none"))),
        },
        None => Err(StoreError::damaged(path, format!("entry {index} is missing"))),
    }
}

fn open(document: &[u8], media_type: &str) -> Result<Opening, StoreError> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| {
        StoreError::io("draw a nonce from", Path::new("/dev/urandom"), std::io::Error::other(error))
    })?;
    Opening::of(nonce, document, media_type).map_err(|error| StoreError::Unsealable { problem: error.to_string() })
}

/// A slot has one outcome and a snapshot id is used once; said before anything is written.
fn refuse_conflicts(connection: &Connection, path: &Path, changes: &[Change]) -> Result<(), StoreError> {
    let failed = |error| StoreError::database("look for conflicts", path, error);
    let mut slots = BTreeSet::new();
    let mut snapshots = BTreeSet::new();
    for change in changes {
        match change {
            Change::Slot(row)
                if !slots.insert((&row.source, row.due_at))
                    || tables::slot_is_taken(connection, &row.source, row.due_at).map_err(failed)? =>
            {
                return Err(StoreError::SlotTaken { source_name: row.source.clone(), due_at: row.due_at });
            }
            Change::Snapshot(row)
                if !snapshots.insert(&row.id) || tables::snapshot(connection, &row.id).map_err(failed)?.is_some() =>
            {
                return Err(StoreError::Unsealable {
                    problem: format!("a snapshot with the id {} is sealed already", row.id),
                });
            }
            Change::Confirmation(row)
                if !snapshots.contains(&row.snapshot)
                    && tables::snapshot(connection, &row.snapshot).map_err(failed)?.is_none() =>
            {
                return Err(StoreError::Unsealable {
                    problem: format!("there is no snapshot {} to confirm", row.snapshot),
                });
            }
            _ => {}
        }
    }
    Ok(())
}
