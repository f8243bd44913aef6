//! What a start makes sure of before it writes: the key, the checkpoints signed and shown, and every entry no signature covers yet.
//!
//! It reads only. Whatever contradicts something else is left as it is: it may be all the evidence there is of a fork.

use crate::database;
use crate::elsewhere::{self, Keeping, Rows};
use crate::error::StoreError;
use crate::keys;
use crate::marker;
use crate::mirror::Mirror;
use crate::paths::{IDENTITY, StorePaths};
use crate::signed::SignedLock;
use crate::tables::{self, SqlNodes};
use ledger::{Entry, Frontier, KeyChain, Node, Nodes as _, SignedCheckpoint};
use rusqlite::Connection;
use std::path::Path;

/// Entries read at once.
const CHUNK: u64 = 512;

/// A store whose databases are open, and whose log the given key signs.
pub(crate) struct Found {
    pub(crate) evidence: Connection,
    pub(crate) lock: SignedLock,
    /// The entries of the log about itself.
    pub(crate) own: Vec<(u64, Entry)>,
    pub(crate) chain: KeyChain,
    /// Entries of the log.
    pub(crate) size: u64,
}

/// Opens the databases of a store that the caller has locked, and makes sure whose log it is.
pub(crate) fn find(paths: &StorePaths, keeping: &Keeping<'_>) -> Result<Found, StoreError> {
    let path = paths.database();
    let evidence = database::open_writer(&path, IDENTITY)?;
    let lock = SignedLock::open(&paths.dir)?;
    let own = keys::own_entries(&evidence, paths)?;
    let chain = keys::chain(&own, paths)?;
    keys::refuse_other_key(&chain, paths, keeping.key)?;
    marker::check(paths, chain.genesis())?;
    paths.require_openings()?;
    let size = tables::size(&evidence).map_err(|error| StoreError::database("count entries", &path, error))?;
    Ok(Found { evidence, lock, own, chain, size })
}

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

/// Compares the rows with the last checkpoint signed and with all that was shown. Rows may be ahead; nothing else may.
pub(crate) fn refuse_rollback(
    rows: &Rows<'_>,
    signed: Option<&SignedCheckpoint>,
    mirror: Option<&Mirror>,
) -> Result<(), StoreError> {
    let Rows { paths, size, .. } = *rows;
    let path = paths.database();
    let rollback = |problem: String| Err(StoreError::Rollback { dir: paths.dir.clone(), problem });
    if let Some(signed) = signed {
        if size < signed.size() {
            return rollback(format!("a log of {} entries was signed, {size} are here", signed.size()));
        }
        if !rows.extend(signed)? {
            return Err(StoreError::damaged(
                &path,
                format!("the first {} entries do not have the root that was signed for them", signed.size()),
            ));
        }
    } else if size > 1 && rows.published()?.is_none() {
        return rollback(format!("the log has {size} entries and no checkpoint was ever signed for them"));
    }
    // a smaller one is overwritten later, so this is the last chance to see that it was of another log
    let held = rows.held(signed.map_or(0, SignedCheckpoint::size), mirror, &[])?;
    elsewhere::refuse(paths, &held, &[])
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
