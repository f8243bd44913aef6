//! What lies in the database itself: small blobs, openings, differences and lists of pieces.
//!
//! Each content is made once, also where a long chain of differences leads to it, and its SHA-256 is compared with its name.

use super::{FsckReport, FsckStage, Scene};
use crate::blob_rows::{self, BlobRow, Seal, Stored};
use crate::error::StoreError;
use model::Digest;
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// What the `blob` table holds and names.
#[derive(Default)]
pub(super) struct Inside {
    /// Blobs in the database.
    pub(super) blobs: HashSet<Digest>,
    /// Openings in the database.
    pub(super) openings: HashSet<Digest>,
    /// Files, with their seals.
    pub(super) files: HashMap<Digest, Option<Seal>>,
    /// Pieces that lists name.
    pub(super) pieces: HashSet<Digest>,
}

/// Verifies every row.
pub(super) fn blobs(scene: &Scene<'_>, report: &mut FsckReport, evidence: &Connection) -> Inside {
    let mut inside = Inside::default();
    let path = scene.paths.database();
    if let Err(error) = go_through(scene, report, evidence, &mut inside) {
        report.failure(&path, &error);
    }
    inside
}

fn go_through(
    scene: &Scene<'_>,
    report: &mut FsckReport,
    evidence: &Connection,
    inside: &mut Inside,
) -> Result<(), StoreError> {
    let path = scene.paths.database();
    let failed = |error| StoreError::database("read the blobs", &path, error);
    let (mut feet, mut lists, mut told) = (Vec::new(), Vec::new(), BTreeSet::new());
    blob_rows::each(evidence, |row| -> rusqlite::Result<()> {
        match row.stored {
            Stored::Plain => drop(inside.openings.insert(row.digest)),
            Stored::File => drop(inside.files.insert(row.digest, row.seal)),
            _ => drop(inside.blobs.insert(row.digest)),
        }
        match row.stored {
            Stored::List => lists.push(row.digest),
            Stored::Delta => drop(told.insert(row.digest)),
            _ => feet.push(row.digest),
        }
        Ok(())
    })
    .map_err(failed)?;
    let total = (feet.len() + told.len()) as u64;
    let mut done = 0;
    for foot in feet {
        let Some(row) = blob_rows::find(evidence, &foot).map_err(failed)? else { continue };
        let next = blob_rows::told_by(evidence, &foot).map_err(failed)?;
        // a file that is the base of nothing is gone through with the other files
        if row.stored == Stored::File && next.is_empty() {
            continue;
        }
        let mut waiting: Vec<(Option<Rc<Vec<u8>>>, BlobRow)> = vec![(None, row)];
        while let Some((base, row)) = waiting.pop() {
            told.remove(&row.digest);
            done += 1;
            (scene.progress)(FsckStage::Blobs, done, total);
            let content = match content(scene, evidence, base, &row) {
                Ok(content) => Rc::new(content),
                // what is told from it cannot be read either, and is left in `told`
                Err(StoreError::Damaged { .. }) if row.stored == Stored::File => continue,
                Err(error) => {
                    report.failure(&path, &error);
                    continue;
                }
            };
            // the longest branch is pushed first and gone through last, when nothing else needs this content any more
            for next in blob_rows::told_by(evidence, &row.digest).map_err(failed)? {
                waiting.push((Some(Rc::clone(&content)), next));
            }
        }
    }
    for digest in told {
        report.problem(&path, format!("blob {digest}: what it is a difference from cannot be read"));
    }
    for digest in lists {
        let Some(row) = blob_rows::find(evidence, &digest).map_err(failed)? else { continue };
        match scene.shelf.list(&row) {
            Ok(pieces) => inside.pieces.extend(pieces.iter().map(|piece| piece.digest)),
            Err(error) => {
                report.failure(&path, &error);
                continue;
            }
        }
        if let Err(error) = scene.shelf.blob(&scene.shelf.rows(evidence), &digest) {
            report.failure(&path, &error);
        }
    }
    Ok(())
}

/// The verified content of one row, of which the base has been made.
fn content(
    scene: &Scene<'_>,
    evidence: &Connection,
    base: Option<Rc<Vec<u8>>>,
    row: &BlobRow,
) -> Result<Vec<u8>, StoreError> {
    match base {
        Some(base) => scene.shelf.told_whole(&base, row),
        None => scene.shelf.blob(&scene.shelf.rows(evidence), &row.digest),
    }
}
