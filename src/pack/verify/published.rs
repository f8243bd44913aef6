//! The published log of a store, or a copy of it: checkpoint, tiles and bundles of entries, in the layout of C2SP tlog-tiles.
//!
//! Read as files, beside a running daemon too: no database is opened, no lock taken, nothing made. What is not in files,
//! the documents behind the entries, is said not to be proven.

use super::anchors::Stamps;
use super::container::{open_plain, stream_file};
use super::findings::Findings;
use super::history::History;
use super::rotations::Rotations;
use super::{MAX_SMALL, VerifyOptions, VerifyReport};
use crate::error::VerifyError;
use ledger::tiles::{WIDTH, new_tiles};
use ledger::{Checkpoint, Node, Note, Opening, Tile, TileKind};
use model::{Digest, Hasher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Largest bundle: 256 entries of 64 KiB.
const MAX_BUNDLE: u64 = 256 * (u16::MAX as u64 + 2);
/// More files than these are not looked at.
const MAX_TILES: usize = 400_000;
/// More openings than these are not looked at.
const MAX_OPENINGS: u64 = 10_000_000;

/// Where a store keeps timestamp tokens.
const ANCHORS: &str = "anchors/";
/// Where it keeps what shows that its key changed, below the published log.
const ROTATIONS: &str = "rotation/";

/// Where things are.
pub(super) struct Published {
    /// `checkpoint` and `tile/`.
    log: PathBuf,
    /// The store around it; none where the log alone is here.
    store: Option<PathBuf>,
}

/// Whether `path` is a store, or a published log.
pub(super) fn find(path: &Path) -> Option<Published> {
    let log = path.join("log");
    if log.join("tile").is_dir() {
        return Some(Published { log, store: Some(path.to_owned()) });
    }
    path.join("tile").is_dir().then(|| Published { log: path.to_owned(), store: None })
}

pub(super) fn verify(published: &Published, options: &VerifyOptions) -> Result<VerifyReport, VerifyError> {
    let mut findings = Findings::default();
    published.examine(options.pinned_size()?, options, &mut findings);
    findings.doubt(if published.store.is_some() {
        "the documents and answers behind the entries, which are not plain files: `evidenced fsck` examines them, and a pack ships them with their proofs"
    } else {
        "the documents behind the entries: only the published log is here"
    });
    super::limits(options, &mut findings);
    Ok(findings.report())
}

impl Published {
    fn examine(&self, pinned: Option<u64>, options: &VerifyOptions, findings: &mut Findings) {
        let text = match read(&self.log.join("checkpoint"), MAX_SMALL) {
            Ok(text) => text,
            Err(error) => {
                return findings.problem("checkpoint", format!("it cannot be read: {error}"));
            }
        };
        let size = match Note::parse(&text).map(|note| Checkpoint::parse(note.text()).map(|checkpoint| checkpoint.size))
        {
            Ok(Ok(size)) => size,
            Ok(Err(error)) => return findings.problem("checkpoint", error.to_string()),
            Err(error) => return findings.problem("checkpoint", error.to_string()),
        };
        let stamped = self.stamped();
        let stamps = Stamps::of(ANCHORS, stamped.iter().map(String::as_str));
        let changed = list(&self.log.join(ROTATIONS));
        let rotations = Rotations::of(ROTATIONS, changed.iter().map(String::as_str), &|path| {
            read(&self.log.join(path), MAX_SMALL).map_err(|error| format!("it cannot be read: {error}"))
        });
        let mut history = History::new(BTreeSet::new(), stamps.sizes().chain(pinned).chain(rotations.sizes()));
        let Some(mut tiles) = Tiles::list(&self.log, size, findings) else { return };
        let all_read = self.entries(size, &mut history, &mut tiles, findings);
        for problem in std::mem::take(&mut history.problems) {
            findings.problem("tile/entries", problem);
        }
        if !all_read {
            return;
        }
        // the keys are those that the entries name; whether the entries are the log's, the checkpoint under them says
        let Some(chain) = &history.chain else {
            return findings.problem("tile/entries/000", "the first entry does not name the log's key");
        };
        let checkpoint = match chain.open(&text) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return findings.problem("checkpoint", error.to_string()),
        };
        if !history.is_under(&checkpoint) {
            return findings.problem("tile/entries", "the entries do not give the root that the checkpoint signs");
        }
        findings.prove(format!(
            "the published log {} is whole: {size} entries, none missing, in the order the checkpoint signs, each series without a gap, and every tile shows them",
            checkpoint.origin(),
        ));
        rotations.examine(chain, &history, options.expected_key.as_ref(), "checkpoint", findings);
        if let Some(pinned) = &options.pinned_checkpoint {
            history.compare_with_pinned(pinned, chain, "checkpoint", findings);
        }
        super::witnesses::examine(&checkpoint, options, "checkpoint", findings);
        history.describe(findings);
        if let Some(period) = history.written() {
            let folder = self.store.as_deref().unwrap_or(&self.log);
            let read =
                |path: &str| read(&folder.join(path), MAX_SMALL).map_err(|error| format!("it cannot be read: {error}"));
            stamps.examine(chain, &history, period, options.policy.as_ref(), &read, findings);
        }
        self.openings(findings);
    }

    /// The files of timestamps, relative to their folder.
    fn stamped(&self) -> Vec<String> {
        let Some(store) = &self.store else { return Vec::new() };
        let mut paths = Vec::new();
        for size in list(&store.join(ANCHORS)) {
            for file in list(&store.join(ANCHORS).join(&size)) {
                paths.push(format!("{size}/{file}"));
            }
            if paths.len() > MAX_TILES {
                break;
            }
        }
        paths
    }

    /// Reads every bundle; whether all could be read.
    fn entries(&self, size: u64, history: &mut History, tiles: &mut Tiles, findings: &mut Findings) -> bool {
        let width = u64::from(WIDTH);
        let mut levels: Vec<Level> = Vec::new();
        for index in 0..size.div_ceil(width) {
            let wanted = usize::try_from(width.min(size - index * width)).unwrap_or(0);
            let (bytes, tile) = match tiles.bundle(&self.log, index, wanted) {
                Ok(found) => found,
                Err((path, problem)) => {
                    findings.problem(path, problem);
                    return false;
                }
            };
            let entries = match tile.parse_bundle(&bytes) {
                Ok(entries) => entries,
                Err(error) => {
                    findings.problem(tile.to_string(), error.to_string());
                    return false;
                }
            };
            let mut ends = vec![0];
            for entry in entries.iter().take(wanted) {
                ends.push(ends.last().copied().unwrap_or(0) + 2 + entry.len());
                for node in history.entry(entry) {
                    Level::add(&mut levels, node, tiles, &self.log, findings);
                }
            }
            let shown = |width: usize| ends.get(width).and_then(|end| bytes.get(..*end));
            tiles.compare(&self.log, TileKind::Entries, index, shown, findings);
        }
        for (level, hashes) in (0_u8..).zip(&levels) {
            hashes.compare(level, tiles, &self.log, findings);
        }
        tiles.missing(findings);
        true
    }

    /// Every opening that is a file of its own is the one it is named for.
    fn openings(&self, findings: &mut Findings) {
        let Some(store) = &self.store else { return };
        let mut intact = 0_u64;
        for folder in folders(&store.join("openings")) {
            let Ok(listing) = fs::read_dir(&folder) else { continue };
            for file in listing.flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                let Ok(digest) = name.parse::<Digest>() else { continue };
                if intact > MAX_OPENINGS {
                    return findings.doubt("the openings, of which there are too many to look at");
                }
                let shown = format!("openings/{}/{name}", &name[..2]);
                match read(&file.path(), ledger::opening::MAX_OPENING as u64) {
                    Ok(bytes) if Digest::of(&bytes) != digest => {
                        findings.problem(shown, "its content is not what its name says");
                    }
                    Ok(bytes) => match Opening::parse(&bytes) {
                        Ok(_) => intact += 1,
                        Err(error) => findings.problem(shown, error.to_string()),
                    },
                    Err(error) => findings.problem(shown, format!("it cannot be read: {error}")),
                }
            }
        }
        if intact > 0 {
            findings.prove(format!("the {intact} openings that are files are the ones they are named for"));
        }
    }
}

/// The hashes of one level that belong to the tile under way.
#[derive(Default)]
struct Level {
    index: u64,
    hashes: Vec<u8>,
}

impl Level {
    fn add(levels: &mut Vec<Self>, node: Node, tiles: &mut Tiles, log: &Path, findings: &mut Findings) {
        if !node.level.is_multiple_of(8) {
            return;
        }
        let number = usize::from(node.level / 8);
        while levels.len() <= number {
            levels.push(Self::default());
        }
        let level = &mut levels[number];
        level.hashes.extend_from_slice(node.hash.as_bytes());
        if level.hashes.len() == usize::from(WIDTH) * 32 {
            level.compare(node.level / 8, tiles, log, findings);
            level.index += 1;
            level.hashes.clear();
        }
    }

    fn compare(&self, level: u8, tiles: &mut Tiles, log: &Path, findings: &mut Findings) {
        let shown = |width: usize| self.hashes.get(..width * 32);
        tiles.compare(log, TileKind::Hashes { level }, self.index, shown, findings);
    }
}

/// The tiles that are there, and those that must be.
struct Tiles {
    size: u64,
    /// By kind and position: widths.
    found: BTreeMap<(TileKind, u64), Vec<u16>>,
    missing: BTreeMap<(TileKind, u64), String>,
}

impl Tiles {
    fn list(log: &Path, size: u64, findings: &mut Findings) -> Option<Self> {
        let mut tiles = Self { size, found: BTreeMap::new(), missing: BTreeMap::new() };
        let mut folders = vec!["tile".to_owned()];
        let mut count = 0_usize;
        while let Some(folder) = folders.pop() {
            let Ok(listing) = fs::read_dir(log.join(&folder)) else {
                findings.problem(folder, "it cannot be listed");
                continue;
            };
            for item in listing.flatten() {
                let path = format!("{folder}/{}", item.file_name().to_string_lossy());
                let Ok(kind) = item.file_type() else { continue };
                count += 1;
                if count > MAX_TILES || path.len() > 100 {
                    findings.problem(path, "there are more tiles, or deeper folders, than any log has");
                    return None;
                }
                match path.parse::<Tile>() {
                    _ if kind.is_dir() => folders.push(path),
                    Ok(tile) if kind.is_file() => {
                        tiles.found.entry((tile.kind(), tile.index())).or_default().push(tile.width());
                    }
                    // a file that a kill left under a temporary name is no part of the log
                    _ => findings.problem(path, "it is no tile: it was not opened"),
                }
            }
        }
        let bundles = tiles.found.keys().filter(|(kind, _)| *kind == TileKind::Entries).count() as u64;
        // a size that nothing here bears out is not worth a list of what it lacks
        if bundles < size.div_ceil(u64::from(WIDTH)) {
            findings
                .problem("tile/entries", format!("{bundles} bundles are not the {size} entries the checkpoint signs"));
            return None;
        }
        for tile in new_tiles(0, size) {
            tiles.missing.insert((tile.kind(), tile.index()), tile.to_string());
        }
        Some(tiles)
    }

    /// The narrowest bundle that holds the first `wanted` entries of position `index`.
    fn bundle(&self, log: &Path, index: u64, wanted: usize) -> Result<(Vec<u8>, Tile), (String, String)> {
        let key = (TileKind::Entries, index);
        let widths = self.found.get(&key).map_or(&[][..], Vec::as_slice);
        let width = widths.iter().copied().filter(|width| usize::from(*width) >= wanted).min();
        let name = || self.missing.get(&key).cloned().unwrap_or_default();
        let width = width.ok_or_else(|| (name(), "it is missing".to_owned()))?;
        let tile = tile(TileKind::Entries, index, width).ok_or_else(|| (name(), "it is no tile".to_owned()))?;
        match read(&log.join(tile.to_string()), MAX_BUNDLE) {
            Ok(bytes) => Ok((bytes, tile)),
            Err(error) => Err((tile.to_string(), format!("it cannot be read: {error}"))),
        }
    }

    /// Compares every file of one position with what the entries give; `shown` hands out the bytes of a width.
    fn compare<'a>(
        &mut self,
        log: &Path,
        kind: TileKind,
        index: u64,
        shown: impl Fn(usize) -> Option<&'a [u8]>,
        findings: &mut Findings,
    ) {
        let widths = self.found.remove(&(kind, index)).unwrap_or_default();
        let mut enough = false;
        for width in widths {
            let Some(tile) = tile(kind, index, width) else { continue };
            // one that reaches beyond the checkpoint was made for the next, and says nothing yet
            let Some(expected) = shown(width.into()) else {
                enough = true;
                continue;
            };
            enough |= shown(usize::from(width) + 1).is_none() || width == WIDTH;
            let (mut hasher, mut size) = (Hasher::new(), 0_u64);
            let streamed = stream_file(&log.join(tile.to_string()), &mut |piece| {
                hasher.update(piece);
                size += piece.len() as u64;
            });
            match streamed {
                Ok(()) if size == expected.len() as u64 && hasher.finish() == Digest::of(expected) => {}
                Ok(()) => findings.problem(tile.to_string(), "it is not what the log's entries give"),
                Err(error) => findings.problem(tile.to_string(), format!("it cannot be read: {error}")),
            }
        }
        if enough {
            self.missing.remove(&(kind, index));
        }
    }

    fn missing(&self, findings: &mut Findings) {
        for path in self.missing.values() {
            findings.problem(path, "it is missing");
        }
        let beyond = self.found.keys().count();
        if beyond > 0 {
            findings.doubt(format!(
                "{beyond} tiles beyond the {} entries that the checkpoint signs: they were not looked at",
                self.size
            ));
        }
    }
}

/// A tile by what it is; none where no tree has it.
fn tile(kind: TileKind, index: u64, width: u16) -> Option<Tile> {
    let name = match kind {
        TileKind::Entries => "entries".to_owned(),
        TileKind::Hashes { level } => level.to_string(),
    };
    let mut groups = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    let partial = if width < WIDTH { format!(".p/{width}") } else { String::new() };
    format!("tile/{name}/{groups}{partial}").parse().ok()
}

/// The names in a folder that may not be there.
fn list(folder: &Path) -> Vec<String> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        listing.flatten().take(MAX_TILES).map(|item| item.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(root) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = listing
        .flatten()
        .filter(|item| item.file_type().is_ok_and(|kind| kind.is_dir()) && item.file_name().len() == 2)
        .map(|item| item.path())
        .collect();
    folders.sort();
    folders
}

/// A plain file's bytes, refused beyond `limit`.
fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::Error::other("it is larger than such a file may be")) } else { Ok(bytes) }
}
