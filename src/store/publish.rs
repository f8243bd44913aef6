//! The published side of the log: tiles and entry bundles from the rows, in the layout of C2SP tlog-tiles.
//!
//! Every byte here is derived; a file that is there already has to be the same or the writer stops. It signs nothing.

use crate::durable::{self, Planned};
use crate::error::StoreError;
use crate::paths::StorePaths;
use crate::tables::{self, SqlNodes, StoredEntry};
use ledger::tiles::{WIDTH, new_tiles};
use ledger::{Tile, TileError, TileKind};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many tiles are written as one batch: bounds what is in memory when a long log is published anew.
const BATCH: usize = 64;

/// Writes the tiles that a log of `size` entries has and one of `before` entries had not.
pub(crate) fn write_tiles(
    connection: &Connection,
    paths: &StorePaths,
    before: u64,
    size: u64,
) -> Result<(), StoreError> {
    for tiles in new_tiles(before, size).chunks(BATCH) {
        let mut planned = Vec::new();
        let mut settled = Vec::new();
        for tile in tiles {
            let target = paths.log().join(tile.to_string());
            let content = content(connection, &paths.database(), tile)?;
            match fs::read(&target) {
                Ok(found) if found == content => settled.push(target),
                Ok(_) => return Err(StoreError::damaged(&target, "it is not what the log's entries give")),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    planned.push(Planned { target, content: Box::new(move || Ok(content.clone())) });
                }
                Err(error) => return Err(StoreError::io("read", &target, error)),
            }
        }
        durable::write_batch(&paths.log(), &planned, &settled)?;
    }
    Ok(())
}

/// The bytes of one tile, from the rows.
pub(crate) fn content(connection: &Connection, database: &Path, tile: &Tile) -> Result<Vec<u8>, StoreError> {
    let failed = |error| StoreError::database("derive a tile", database, error);
    let derived = match tile.kind() {
        TileKind::Entries => {
            let range = tile.range();
            let entries = tables::entries(connection, range.start, range.end).map_err(failed)?;
            // a wider bundle repeats entries signed long ago: what was altered since is not shown under a new checkpoint
            entries
                .iter()
                .try_for_each(StoredEntry::check_leaf)
                .map_err(|problem| StoreError::damaged(database, problem))?;
            tile.bundle(entries.iter().map(|entry| &entry.bytes))
        }
        TileKind::Hashes { .. } => {
            let nodes = SqlNodes::new(connection);
            let outcome = tile.hashes(&nodes);
            // a failed read is told apart from a missing node
            nodes.finish(Ok(())).map_err(failed)?.map_err(TileError::from).and(outcome)
        }
    };
    derived.map_err(|error| StoreError::damaged(database, format!("{tile} cannot be derived: {error}")))
}

/// Removes partial tiles that neither the log of `before` entries nor that of `size` entries needs.
/// What cannot be removed stays until a later call: a partial tile too many does no harm.
pub(crate) fn prune(paths: &StorePaths, before: u64, size: u64) {
    let kept: BTreeSet<PathBuf> = [before, size].iter().flat_map(|size| partials(*size)).collect();
    let width = u64::from(WIDTH);
    for level in 0..8_u32 {
        let (old, new) = ((before >> (8 * level)) / width, (size >> (8 * level)) / width);
        if size >> (8 * level) == 0 {
            break;
        }
        for index in old.saturating_sub(1)..=new {
            let kinds: &[String] = if level == 0 { &["entries".into(), "0".into()] } else { &[level.to_string()] };
            for kind in kinds {
                prune_folder(&paths.log(), &folder(kind, index), &kept);
            }
        }
    }
}

/// `tile/0/x001/234.p`, by way of a path the format itself makes.
fn folder(kind: &str, index: u64) -> PathBuf {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    PathBuf::from(format!("tile/{kind}/{}.p", groups.join("/")))
}

/// The partial tiles of a log of `size` entries.
pub(crate) fn partials(size: u64) -> Vec<PathBuf> {
    // the partial tiles of a log are among those that its last entry changed, on every level
    let mut paths = Vec::new();
    for level in 0..8_u32 {
        let items = size >> (8 * level);
        let width = items % u64::from(WIDTH);
        if width > 0 {
            let kinds: &[String] = if level == 0 { &["entries".into(), "0".into()] } else { &[level.to_string()] };
            for kind in kinds {
                paths.push(folder(kind, items / u64::from(WIDTH)).join(width.to_string()));
            }
        }
    }
    paths
}

fn prune_folder(log: &Path, folder: &Path, kept: &BTreeSet<PathBuf>) {
    let Ok(listing) = fs::read_dir(log.join(folder)) else { return };
    let mut left = 0;
    for item in listing.flatten() {
        if kept.contains(&folder.join(item.file_name())) || fs::remove_file(item.path()).is_err() {
            left += 1;
        }
    }
    if left == 0 {
        let _ = fs::remove_dir(log.join(folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_tiles_are_those_of_the_format() {
        for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000, 256_000, 256_256_001] {
            let expected: BTreeSet<PathBuf> = new_tiles(size - size.min(1), size)
                .iter()
                .chain(&new_tiles(0, size.min(100_000)))
                .filter(|tile| tile.width() < WIDTH)
                .map(|tile| PathBuf::from(tile.to_string()))
                .collect();
            let found: BTreeSet<PathBuf> = partials(size).into_iter().collect();
            if size <= 100_000 {
                assert_eq!(found, expected, "{size}");
            } else {
                assert!(
                    new_tiles(size - 1, size)
                        .iter()
                        .filter(|tile| tile.width() < WIDTH)
                        .all(|tile| found.contains(Path::new(&tile.to_string())))
                );
            }
        }
    }

    #[test]
    fn pruning_keeps_what_two_sizes_need() {
        let dir = tempfile::tempdir().unwrap();
        let paths = StorePaths::new(dir.path());
        let write = |before: u64, size: u64| {
            for tile in new_tiles(before, size) {
                let path = paths.log().join(tile.to_string());
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            prune(&paths, before, size);
        };
        let partial_files = || {
            let mut found = BTreeSet::new();
            let mut folders = vec![paths.log()];
            while let Some(folder) = folders.pop() {
                for item in fs::read_dir(folder).unwrap().flatten() {
                    if item.path().is_dir() {
                        folders.push(item.path());
                    } else if item.path().to_string_lossy().contains(".p/") {
                        found.insert(item.path().strip_prefix(paths.log()).unwrap().to_owned());
                    }
                }
            }
            found
        };
        let mut before = 0;
        for size in (1..1200).step_by(7) {
            write(before, size);
            let expected: BTreeSet<PathBuf> = [before, size].iter().flat_map(|size| partials(*size)).collect();
            assert_eq!(partial_files(), expected, "{before} -> {size}");
            before = size;
        }
    }
}
