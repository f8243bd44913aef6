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

/// Removes partial tiles that neither the checkpoint of `size` entries nor the one of `before` needs, of which a reader may be in the
/// middle. A wider tile begins with every narrower one, so whoever holds an older checkpoint loses nothing; and kept for ever, the
/// bundles of one entry more each would take more room than what they hold.
/// What cannot be removed does no harm.
pub(crate) fn prune(paths: &StorePaths, before: u64, size: u64) {
    for level in 0..8_u32 {
        let items = |size: u64| size >> (8 * level);
        let (width, full) = (u64::from(WIDTH), |size: u64| items(size) / u64::from(WIDTH));
        if items(size) == 0 {
            break;
        }
        // one tile further back, for a kill after the last publication
        for index in full(before).saturating_sub(1)..=full(size) {
            let keep: Vec<u64> = if index == full(size) {
                [before, size].into_iter().filter(|size| full(*size) == index).map(|size| items(size) % width).collect()
            } else {
                Vec::new()
            };
            let kinds: &[String] = if level == 0 { &["entries".into(), "0".into()] } else { &[level.to_string()] };
            for kind in kinds {
                prune_folder(&paths.log().join(folder(kind, index)), &keep);
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

/// Empties a folder of partial tiles but for those of the widths in `keep`.
fn prune_folder(folder: &Path, keep: &[u64]) {
    let Ok(listing) = fs::read_dir(folder) else { return };
    for path in listing.flatten().map(|item| item.path()) {
        let width = path.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
        if !width.is_some_and(|width| keep.contains(&width)) {
            let _ = fs::remove_file(path);
        }
    }
    // it goes when it is empty
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn partial_files(log: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders = vec![log.to_owned()];
        while let Some(folder) = folders.pop() {
            for item in fs::read_dir(folder).unwrap().flatten() {
                let path = item.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().contains(".p/") {
                    found.insert(path.strip_prefix(log).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found
    }

    #[test]
    fn the_partial_tiles_of_the_last_two_checkpoints_stay() {
        let dir = tempfile::tempdir().unwrap();
        let paths = StorePaths::new(dir.path());
        let (mut before, mut seen) = (0, 0);
        for size in (1..1200).step_by(7).chain([65_530, 65_540, 65_800]) {
            for tile in &new_tiles(before, size) {
                let path = paths.log().join(tile.to_string());
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            prune(&paths, before, size);
            let expected: BTreeSet<String> = [before, size]
                .iter()
                .flat_map(|size| new_tiles(0, *size))
                .filter(|tile| tile.width() < WIDTH)
                .map(|tile| tile.to_string())
                .filter(|path| !paths.log().join(path.split_once(".p/").unwrap().0).exists())
                .collect();
            assert_eq!(partial_files(&paths.log()), expected, "{before} -> {size}");
            before = size;
            seen = seen.max(expected.len());
        }
        assert!(seen > 3);
    }

    #[test]
    fn the_folder_of_partial_tiles_is_that_of_the_format() {
        for size in [1, 257, 256_000 + 1, 256_256_001, 256_000_000 * 1000 + 9] {
            for tile in new_tiles(size - 1, size).iter().filter(|tile| tile.width() < WIDTH) {
                let path = tile.to_string();
                let kind = path.split('/').nth(1).unwrap();
                assert_eq!(folder(kind, tile.index()).join(tile.width().to_string()), Path::new(&path));
            }
        }
    }
}
