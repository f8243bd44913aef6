//! Whose log it is: the keys its entries name, read from the rows. It signs nothing.

use crate::error::StoreError;
use crate::paths::StorePaths;
use crate::tables;
use ledger::{Body, Entry, KeyChain, SigningKey, VerifierKey};
use rusqlite::Connection;

/// The series of genesis, key changes and restores.
pub(crate) const SERIES: &str = "log";

/// The entries of the log about itself, with their indexes.
pub(crate) fn own_entries(evidence: &Connection, paths: &StorePaths) -> Result<Vec<(u64, Entry)>, StoreError> {
    let path = paths.database();
    let stored = tables::of_series(evidence, SERIES, 0)
        .map_err(|error| StoreError::database("read the log's own entries", &path, error))?;
    let decode = |stored: &tables::StoredEntry| {
        let damaged = |problem: String| StoreError::damaged(&path, problem);
        stored.check_leaf().map_err(damaged)?;
        let entry =
            Entry::decode(&stored.bytes).map_err(|error| damaged(format!("entry {}: {error}", stored.index)))?;
        Ok((stored.index, entry))
    };
    stored.iter().map(decode).collect()
}

/// The chain of keys from the genesis entry on.
pub(crate) fn chain(own: &[(u64, Entry)], paths: &StorePaths) -> Result<KeyChain, StoreError> {
    let path = paths.database();
    let damaged = |problem: String| StoreError::damaged(&path, problem);
    let Some((0, genesis)) = own.first() else { return Err(damaged("the log has no first entry".to_owned())) };
    let Body::Genesis { log_key, .. } = &genesis.body else {
        return Err(damaged("the log does not begin with a genesis entry".to_owned()));
    };
    let key: VerifierKey = log_key.parse().map_err(|error| damaged(format!("entry 0 names no key: {error}")))?;
    let mut chain = KeyChain::of(key);
    for (index, entry) in own {
        chain.follow(*index, &entry.body).map_err(|error| damaged(error.to_string()))?;
    }
    Ok(chain)
}

/// Fails when `key` is not the one in force.
pub(crate) fn refuse_other_key(chain: &KeyChain, paths: &StorePaths, key: &SigningKey) -> Result<(), StoreError> {
    let given = key.verifier();
    if chain.current() == given {
        return Ok(());
    }
    let (dir, given) = (paths.dir.clone(), given.to_string());
    match chain.successor(key.verifier()) {
        Some((entry, _)) => Err(StoreError::FormerKey { dir, entry, expected: chain.current().to_string(), given }),
        None => Err(StoreError::WrongKey { dir, expected: chain.current().to_string(), given }),
    }
}
