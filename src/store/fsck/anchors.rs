//! Timestamp tokens: there, as their entries name them, over the checkpoint of their size, and of this log.
//!
//! Whether the signer is the authority's is not seen here: that needs its roots, which are configuration.

use super::replay::Replayed;
use super::{FsckReport, Scene};
use crate::anchors::{self, Anchor};
use crate::error::StoreError;
use crate::start::with_nodes;
use ledger::timestamp::Token;
use ledger::tree;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Verifies every anchor the log speaks of, and names the files it does not speak of.
pub(super) fn anchors(scene: &Scene<'_>, report: &mut FsckReport, replayed: &Replayed) {
    let mut known: BTreeSet<PathBuf> = BTreeSet::new();
    for anchor in &replayed.anchors {
        report.anchors += 1;
        known.insert(anchors::checkpoint_path(scene.paths, anchor.size));
        known.insert(anchors::response_path(scene.paths, anchor.size, &anchor.authority));
        if let Err(error) = verify(scene, replayed, anchor) {
            report.failure(&anchors::response_path(scene.paths, anchor.size, &anchor.authority), &error);
        }
    }
    let folder = scene.paths.anchors();
    if !folder.exists() {
        return;
    }
    let files = super::files::walk(&folder, report);
    let files = super::files::without_leftovers(&folder, files, scene.still, report);
    let idle = files.iter().filter(|path| !known.contains(*path)).count();
    if idle > 0 && scene.still && replayed.referenced.whole {
        let note =
            format!("no entry refers to {idle} files in {}: a kill before sealing leaves them", folder.display());
        report.notes.push(note);
    }
}

fn verify(scene: &Scene<'_>, replayed: &Replayed, anchor: &Anchor) -> Result<(), StoreError> {
    let files = anchors::read(scene.paths, anchor)?;
    let at_checkpoint =
        |problem: String| StoreError::damaged(&anchors::checkpoint_path(scene.paths, anchor.size), problem);
    let checkpoint = scene.chain.open(&files.checkpoint).map_err(|error| at_checkpoint(error.to_string()))?;
    if checkpoint.size() != anchor.size {
        return Err(at_checkpoint(format!("it is of a log of {} entries", checkpoint.size())));
    }
    let growth = with_nodes(&replayed.database, &scene.paths.database(), |nodes| {
        tree::consistency_proof(nodes, anchor.size, replayed.size)
    })?;
    growth
        .verify(checkpoint.root(), replayed.size, replayed.root)
        .map_err(|error| at_checkpoint(format!("the log does not extend it: {error}")))?;
    let at_token = |problem: String| {
        StoreError::damaged(&anchors::response_path(scene.paths, anchor.size, &anchor.authority), problem)
    };
    let token = Token::from_response(&files.response).map_err(|error| at_token(error.to_string()))?;
    let claim = token.examine(anchor.checkpoint, None).map_err(|error| at_token(error.to_string()))?;
    if claim.gen_time() != anchor.gen_time {
        return Err(at_token(format!(
            "it states {}, entry {} says {}",
            claim.gen_time(),
            anchor.index,
            anchor.gen_time
        )));
    }
    Ok(())
}
