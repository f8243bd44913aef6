//! What a start makes sure of before it writes: the key, the checkpoints signed and shown, and every entry no signature covers yet.
//!
//! It reads only. Whatever contradicts something else is left as it is: it may be all the evidence there is of a fork.

use crate::error::StoreError;
use crate::paths::StorePaths;
use crate::tables::{self, SqlNodes};
use ledger::{Body, Entry, Frontier, Node, Nodes as _, SignedCheckpoint, SigningKey, tree};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

/// Entries read at once.
const CHUNK: u64 = 512;

/// Computes something from the tree; a node that cannot be read and one that is not there are both failures.
pub(crate) fn with_nodes<T>(
    connection: &Connection,
    path: &Path,
    compute: impl FnOnce(&SqlNodes<'_>) -> Result<T, ledger::TreeError>,
) -> Result<T, StoreError> {
    let nodes = SqlNodes::new(connection);
    let outcome = compute(&nodes);
    nodes
        .finish(outcome)
        .map_err(|error| StoreError::database("read the tree", path, error))?
        .map_err(|error| StoreError::damaged(path, error.to_string()))
}

/// Fails when the log was begun with another key.
pub(crate) fn refuse_other_key(evidence: &Connection, paths: &StorePaths, key: &SigningKey) -> Result<(), StoreError> {
    let path = paths.database();
    let first = tables::entry(evidence, 0)
        .map_err(|error| StoreError::database("read the first entry", &path, error))?
        .ok_or_else(|| StoreError::damaged(&path, "the log has no first entry"))?;
    let entry = Entry::decode(&first.bytes).map_err(|error| StoreError::damaged(&path, format!("entry 0: {error}")))?;
    let Body::Genesis { log_key, .. } = &entry.body else {
        return Err(StoreError::damaged(&path, "the log does not begin with a genesis entry"));
    };
    let given = key.verifier().to_string();
    if *log_key == given {
        Ok(())
    } else {
        Err(StoreError::WrongKey { dir: paths.dir.clone(), expected: log_key.clone(), given })
    }
}

/// Compares the rows with the last checkpoint signed and the one published. Rows may be ahead; nothing else may.
pub(crate) fn refuse_rollback(
    evidence: &Connection,
    paths: &StorePaths,
    key: &SigningKey,
    size: u64,
    signed: Option<&SignedCheckpoint>,
) -> Result<(), StoreError> {
    let path = paths.database();
    let rollback = |problem: String| Err(StoreError::Rollback { dir: paths.dir.clone(), problem });
    let root_of = |size| with_nodes(evidence, &path, |nodes| tree::root(nodes, size));
    if let Some(signed) = signed {
        if size < signed.size() {
            return rollback(format!("a log of {} entries was signed, {size} are here", signed.size()));
        }
        if root_of(signed.size())? != signed.root() {
            return Err(StoreError::damaged(
                &path,
                format!("the first {} entries do not have the root that was signed for them", signed.size()),
            ));
        }
    }
    let shown = paths.checkpoint();
    let published = match fs::read(&shown) {
        Ok(text) => SignedCheckpoint::open(&text, key.verifier())
            .map_err(|error| StoreError::damaged(&shown, error.to_string()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match signed {
                None if size > 1 => {
                    rollback(format!("the log has {size} entries and no checkpoint was ever signed for them"))
                }
                _ => Ok(()),
            };
        }
        Err(error) => return Err(StoreError::io("read", &shown, error)),
    };
    match signed {
        Some(signed) if published.size() <= signed.size() => {
            // a smaller one is overwritten later, so this is the last chance to see that it was of another log
            if root_of(published.size())? == published.root() {
                Ok(())
            } else {
                rollback(format!("two different logs of {} entries were signed", published.size()))
            }
        }
        signed => rollback(format!(
            "a log of {} entries was published, the last one known to be signed has {}",
            published.size(),
            signed.map_or(0, SignedCheckpoint::size),
        )),
    }
}

/// The right edge of the tree over all `size` entries. Those after the first `signed` have only been acknowledged: each is hashed
/// again, and so is every node above them, before a signature is put under them.
pub(crate) fn frontier(evidence: &Connection, path: &Path, signed: u64, size: u64) -> Result<Frontier, StoreError> {
    let damaged = |problem: String| StoreError::damaged(path, problem);
    let mut frontier = with_nodes(evidence, path, |nodes| Frontier::load(nodes, signed))?;
    while frontier.size() < size {
        let start = frontier.size();
        let entries = tables::entries(evidence, start, size.min(start + CHUNK))
            .map_err(|error| StoreError::database("read the log", path, error))?;
        if entries.is_empty() {
            return Err(damaged(format!("entry {start} is missing")));
        }
        for stored in entries {
            let index = frontier.size();
            if stored.index != index {
                return Err(damaged(format!("entry {index} is missing")));
            }
            stored.check_leaf().map_err(damaged)?;
            let entry = Entry::decode(&stored.bytes)
                .map_err(|error| StoreError::damaged(path, format!("entry {index}: {error}")))?;
            if entry.commit != stored.opening {
                return Err(damaged(format!("entry {index} commits to another opening than its row names")));
            }
            let expected = frontier
                .push(stored.leaf)
                .map_err(|error| StoreError::damaged(path, format!("entry {index}: {error}")))?;
            let found = |node: &Node| with_nodes(evidence, path, |nodes| Ok(nodes.node(node.level, node.index)));
            for node in &expected {
                if found(node)? != Some(node.hash) {
                    return Err(damaged(format!(
                        "node {} of level {} is not what the entries give",
                        node.index, node.level
                    )));
                }
            }
        }
    }
    Ok(frontier)
}
