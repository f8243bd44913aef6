//! Erasure: the entry first, then the bytes. What was erased stays provable as an entry, and nothing else loses anything.
//!
//! `erasing` holds what is still to be removed; it is filled by the transaction that holds the entry, so a kill at any moment is made
//! good by the next start. Who may erase what is not decided here.

use crate::blob_rows::{self, BlobRow, Stored};
use crate::commit::{Document, Draft, LogEntry};
use crate::database;
use crate::durable::{self, Planned};
use crate::error::StoreError;
use crate::shelf::Shelf;
use crate::store::Store;
use crate::{container, delta, tables};
use jiff::Timestamp;
use ledger::{Body, Entry};
use model::{Digest, Manifest};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Entries that one erasure names at most: an entry stays well below the size of the format.
pub const MOST_ERASED: usize = 1000;

/// Entries read at once.
const CHUNK: u64 = 512;

/// What would be removed with the documents of some entries.
#[derive(Debug, Default)]
pub(crate) struct Doomed {
    /// Blobs and openings nothing else needs.
    pub(crate) digests: BTreeSet<Digest>,
}

impl Store {
    /// Erases the documents of `entries`, and every blob that only they need. `document` says who and why. The erasure is sealed before
    /// a byte goes; when this returns, the bytes are gone.
    pub fn erase(
        &mut self,
        now: Timestamp,
        entries: &[u64],
        document: Document,
    ) -> Result<Option<LogEntry>, StoreError> {
        if entries.is_empty() {
            return Ok(None);
        }
        let doomed = self.doomed(&entries.iter().copied().collect())?;
        let draft = Draft {
            body: Body::Erasure { entries: entries.to_vec() },
            series: "erasure".to_owned(),
            document: Some(document),
        };
        let appended = self.append_erasure(now, draft, doomed.digests.into_iter().collect())?;
        self.finish_erasing()?;
        Ok(appended.into_iter().next())
    }

    /// What only the entries in `chosen` need. Fails where something that stays cannot be read, since nobody knows what it needs.
    fn doomed(&self, chosen: &BTreeSet<u64>) -> Result<Doomed, StoreError> {
        let refuse = |problem: String| Err(StoreError::Unsealable { problem });
        if chosen.len() > MOST_ERASED {
            return refuse(format!("one erasure names at most {MOST_ERASED} entries"));
        }
        let reader = self.reader();
        let size = reader.checkpoint()?.size();
        let gone: BTreeSet<u64> = reader.erased()?.iter().map(|row| row.log_index).collect();
        if let Some(index) = chosen.iter().find(|index| **index >= size || gone.contains(index)) {
            return refuse(format!("entry {index} has no document to erase"));
        }
        let (mut needed, mut candidates) = (BTreeSet::new(), BTreeSet::new());
        for start in (0..size).step_by(usize::try_from(CHUNK).unwrap_or(512)) {
            for LogEntry { index, entry } in reader.entries(start..size.min(start + CHUNK))? {
                if gone.contains(&index) {
                    continue;
                }
                let chosen = chosen.contains(&index);
                if chosen
                    && !matches!(
                        entry.body,
                        Body::Snapshot { .. } | Body::Evaluation { .. } | Body::FindingEvent { .. }
                    )
                {
                    return refuse(format!("entry {index} is a {}, which is not erased", entry.body.kind()));
                }
                let into = if chosen { &mut candidates } else { &mut needed };
                match self.needs(&entry, index) {
                    Ok(digests) => into.extend(digests),
                    // what is damaged can be erased as far as it can be found
                    Err(StoreError::Damaged { .. }) if chosen => into.extend(entry.commit),
                    Err(other) => return Err(other),
                }
            }
        }
        let digests: BTreeSet<Digest> = candidates.difference(&needed).copied().collect();
        self.with_pieces(digests, &needed)
    }

    #[cfg(test)]
    pub(crate) fn doomed_by(&self, entries: &[u64]) -> Result<Vec<Digest>, StoreError> {
        Ok(self.doomed(&entries.iter().copied().collect())?.digests.into_iter().collect())
    }

    /// The opening, document, answers and tables that `entry` needs.
    fn needs(&self, entry: &Entry, index: u64) -> Result<Vec<Digest>, StoreError> {
        let Some(commit) = entry.commit else { return Ok(Vec::new()) };
        let reader = self.reader();
        let mut needed = vec![commit];
        if let Some(opening) = reader.opening(index)? {
            needed.push(opening.sha256());
        }
        if let Body::Snapshot { .. } = entry.body {
            let document = reader.document(index)?.unwrap_or_default();
            let manifest: Manifest = serde_json::from_slice(&document)
                .map_err(|error| StoreError::damaged(&self.paths().database(), format!("manifest {index}: {error}")))?;
            needed.extend(manifest.exchanges.iter().map(|exchange| exchange.sha256));
            needed.extend(manifest.tables.iter().map(|table| table.sha256));
        }
        Ok(needed)
    }

    /// Adds the pieces of lists that go, but for those of lists that stay and those that are needed themselves.
    fn with_pieces(&self, mut digests: BTreeSet<Digest>, needed: &BTreeSet<Digest>) -> Result<Doomed, StoreError> {
        let reader = self.reader();
        let lists = reader.read("read the lists of pieces", blob_rows::lists)?;
        let (mut going, mut staying) = (BTreeSet::new(), BTreeSet::new());
        for list in &lists {
            let into = if digests.contains(&list.digest) { &mut going } else { &mut staying };
            into.extend(reader.shelf().list(list)?.iter().map(|piece| piece.digest));
        }
        digests.extend(going.difference(&staying).filter(|piece| !needed.contains(piece)));
        Ok(Doomed { digests })
    }

    /// Removes what erasures in the log have still to remove. Repeating it does nothing new.
    pub(crate) fn finish_erasing(&mut self) -> Result<(), StoreError> {
        let finished = self.remove_erased();
        self.guard(finished)
    }

    fn remove_erased(&self) -> Result<(), StoreError> {
        let path = self.paths().database();
        let failed = |error| StoreError::database("erase", &path, error);
        let evidence = self.evidence_database()?;
        let gone = erasing(evidence).map_err(failed)?;
        if gone.is_empty() {
            return Ok(());
        }
        keep_what_rests_on(self.shelf(), evidence, &gone)?;
        let mut folders = BTreeSet::new();
        for digest in &gone {
            for file in [self.shelf().blobs().path(digest), self.shelf().openings().path(digest)] {
                remove_file(&file, &mut folders)?;
            }
        }
        folders.iter().try_for_each(|folder| durable::sync_dir(folder))?;
        // only now is it forgotten what had to go
        let script = "BEGIN IMMEDIATE; PRAGMA defer_foreign_keys = ON; \
                      DELETE FROM blob WHERE digest IN (SELECT digest FROM erasing); DELETE FROM erasing; COMMIT;";
        if let Err(error) = evidence.execute_batch(script) {
            let _ = evidence.execute_batch("ROLLBACK");
            return Err(failed(error));
        }
        // the write-ahead log holds the rows as they were; a reader elsewhere may keep it for a while
        database::only_row::<i64>(evidence, "PRAGMA wal_checkpoint(TRUNCATE)", 0).map_err(failed)?;
        tracing::info!(things = gone.len(), "store.erased");
        Ok(())
    }
}

fn remove_file(file: &Path, folders: &mut BTreeSet<PathBuf>) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Ok(()) => {
            folders.extend(file.parent().map(Path::to_owned));
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // removed by a run that was killed before it synced the folder
            folders.extend(file.parent().filter(|folder| folder.is_dir()).map(Path::to_owned));
            Ok(())
        }
        Err(error) => Err(StoreError::io("erase", file, error)),
    }
}

/// What has still to be removed.
pub(crate) fn erasing(connection: &Connection) -> rusqlite::Result<BTreeSet<Digest>> {
    if !blob_rows::is_there(connection)? {
        return Ok(BTreeSet::new());
    }
    connection.prepare_cached("SELECT digest FROM erasing")?.query_map([], |row| tables::digest(row, 0))?.collect()
}

/// Notes what has to be removed; within the transaction that holds the erasure.
pub(crate) fn doom(connection: &Connection, digests: &[Digest]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO erasing VALUES (?1)")?;
    digests.iter().try_for_each(|digest| insert.execute([digest.as_bytes()]).map(drop))
}

/// Stores anew whatever is told as a difference from something that goes.
fn keep_what_rests_on(shelf: &Shelf, evidence: &Connection, gone: &BTreeSet<Digest>) -> Result<(), StoreError> {
    let failed = |error| StoreError::database("erase", &shelf.database, error);
    let lookup = shelf.rows(evidence);
    // by the thing that goes: what is told by what stands in its place
    let mut heirs: BTreeMap<Digest, Digest> = BTreeMap::new();
    for digest in gone {
        let mut resting = blob_rows::told_by(evidence, digest).map_err(failed)?;
        resting.retain(|row| !gone.contains(&row.digest));
        // the next version first: what comes after it resembles it most
        resting.reverse();
        for row in resting {
            let content = shelf.blob(&lookup, &row.digest)?;
            let ancestors = blob_rows::ancestry(evidence, digest).map_err(failed)?;
            let base = ancestors.iter().map(|(ancestor, _)| *ancestor).find(|ancestor| !gone.contains(ancestor));
            let base = base.or_else(|| heirs.get(digest).copied());
            let told = match base {
                Some(base) => Some((base, encode(shelf, &shelf.blob(&lookup, &base)?, &content)?)),
                None => None,
            };
            let anew = if let Some((base, told)) = told.filter(|(_, told)| told.len() <= content.len() / 2) {
                BlobRow {
                    base: Some(base),
                    seal: Some(blob_rows::seal(&told)),
                    data: Some(told),
                    stored: Stored::Delta,
                    ..row
                }
            } else {
                whole(shelf, &row, &content)?
            };
            replace(evidence, &anew).map_err(failed)?;
            heirs.entry(*digest).or_insert(row.digest);
        }
    }
    Ok(())
}

fn encode(shelf: &Shelf, base: &[u8], content: &[u8]) -> Result<Vec<u8>, StoreError> {
    delta::encode(base, content).map_err(|error| StoreError::io("compress for", &shelf.database, error))
}

/// The row of a content that stands for itself; its file, if it needs one, is durable when this returns.
fn whole(shelf: &Shelf, row: &BlobRow, content: &[u8]) -> Result<BlobRow, StoreError> {
    let failed = |error| StoreError::io("compress for", &shelf.database, error);
    let frame = container::pack(content).map_err(failed)?;
    let own = BlobRow { base: None, ..row.clone() };
    if crate::shelf::is_small(frame.len()) {
        return Ok(BlobRow { stored: Stored::Zstd, seal: Some(blob_rows::seal(&frame)), data: Some(frame), ..own });
    }
    let file = container::encode(content).map_err(failed)?;
    let seal = container::seal(&file);
    let target = shelf.blobs().path(&row.digest);
    let planned = Planned { target, content: Box::new(move || Ok(file.clone())) };
    durable::write_batch(shelf.blobs().root(), &[planned], &[])?;
    Ok(BlobRow { stored: Stored::File, seal: Some(seal), data: None, ..own })
}

fn replace(connection: &Connection, row: &BlobRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE blob SET form = ?2, base = (SELECT id FROM blob WHERE digest = ?3), seal = ?4, data = ?5 \
             WHERE digest = ?1",
        )?
        .execute(params![
            row.digest.as_bytes(),
            row.stored as i64,
            row.base.as_ref().map(Digest::as_bytes),
            row.seal,
            row.data,
        ])?;
    Ok(())
}
