//! C2SP tlog-tiles: the files in which a log is published, so that any static file server serves it.
//!
//! Paths and contents only; nothing is written here. Hashes read from a tile mean nothing until a root computed from them
//! equals a signed checkpoint's.

use crate::entry::MAX_ENTRY;
use crate::text;
use crate::tree::{Nodes, TreeError};
use model::Digest;
use std::fmt;
use std::str::FromStr;

/// Hashes or entries in a full tile.
pub const WIDTH: u16 = 256;

/// Tile levels a tree of fewer than 2^63 entries can have.
const LEVELS: u8 = 8;

/// A tile path or content that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a path of the format.
    #[error("not a tile path of the form `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`")]
    Path,
    /// Bytes that do not make up the hashes or entries of the tile's width.
    #[error("tile does not hold exactly {0} items")]
    Width(u16),
    /// An entry no bundle can hold.
    #[error("log entry has {0} bytes, an entry bundle holds at most {MAX_ENTRY}")]
    Entry(usize),
    /// Asked of the wrong kind of tile.
    #[error("a bundle of entries has no hashes, and a tile of hashes no entries")]
    Kind,
    /// A hash of the tile is not known.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of complete subtrees of 256^level leaves.
    Hashes {
        /// From 0, where they are leaf hashes.
        level: u8,
    },
    /// Entries.
    Entries,
}

/// One tile or bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl Tile {
    /// What it holds.
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Position from the left among the tiles of its kind.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Items in it: 256, or 1 to 255 in a partial tile.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The items it holds, by their position among all of its kind and level: for a bundle, entry indexes.
    pub fn range(&self) -> std::ops::Range<u64> {
        let begin = self.index * u64::from(WIDTH);
        begin..begin + u64::from(self.width)
    }

    /// The bytes of a tile of hashes.
    pub fn hashes(&self, nodes: &impl Nodes) -> Result<Vec<u8>, TileError> {
        let TileKind::Hashes { level } = self.kind else { return Err(TileError::Kind) };
        let level = level * 8;
        let mut bytes = Vec::with_capacity(usize::from(self.width) * 32);
        for index in self.range() {
            let hash = nodes.node(level, index).ok_or(TreeError::MissingNode { level, index })?;
            bytes.extend_from_slice(hash.as_bytes());
        }
        Ok(bytes)
    }

    /// Reads the bytes of a tile of hashes.
    pub fn parse_hashes(&self, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
        if self.kind == TileKind::Entries {
            return Err(TileError::Kind);
        }
        let (hashes, rest) = bytes.as_chunks::<32>();
        if hashes.len() != usize::from(self.width) || !rest.is_empty() {
            return Err(TileError::Width(self.width));
        }
        Ok(hashes.iter().copied().map(Digest::from_bytes).collect())
    }

    /// The bytes of a bundle of these entries: each behind its length in two bytes.
    pub fn bundle<E: AsRef<[u8]>>(&self, entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, TileError> {
        if self.kind != TileKind::Entries {
            return Err(TileError::Kind);
        }
        let mut bytes = Vec::new();
        let mut count = 0;
        for entry in entries {
            let entry = entry.as_ref();
            let length = u16::try_from(entry.len()).map_err(|_| TileError::Entry(entry.len()))?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(entry);
            count += 1;
        }
        if count == usize::from(self.width) { Ok(bytes) } else { Err(TileError::Width(self.width)) }
    }

    /// Reads the bytes of a bundle.
    pub fn parse_bundle<'a>(&self, mut bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileError> {
        if self.kind != TileKind::Entries {
            return Err(TileError::Kind);
        }
        let wrong = TileError::Width(self.width);
        let mut entries = Vec::with_capacity(usize::from(self.width));
        for _ in 0..self.width {
            let (length, rest) = bytes.split_first_chunk::<2>().ok_or(wrong)?;
            let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(wrong)?;
            entries.push(entry);
            bytes = rest;
        }
        if bytes.is_empty() { Ok(entries) } else { Err(wrong) }
    }
}

/// Every tile and bundle of a tree of `new_size` entries that one of `old_size` does not have, bundles first within each
/// kind by position. From 0 these are all of them.
pub fn new_tiles(old_size: u64, new_size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let mut add = |kind, old: u64, new: u64| {
        if old >= new {
            return;
        }
        let width = u64::from(WIDTH);
        tiles.extend((old / width..new / width).map(|index| Tile { kind, index, width: WIDTH }));
        // Below 256 because of the remainder.
        let partial = u16::try_from(new % width).unwrap_or(0);
        if partial > 0 {
            tiles.push(Tile { kind, index: new / width, width: partial });
        }
    };
    add(TileKind::Entries, old_size, new_size);
    for level in 0..LEVELS {
        add(TileKind::Hashes { level }, old_size >> (8 * level), new_size >> (8 * level));
    }
    tiles
}

impl fmt::Display for Tile {
    /// The path: `tile/0/x001/x234/067.p/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = Vec::new();
        let mut rest = self.index;
        while rest >= 1000 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        groups.push(rest);
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        let tile = parse(path).ok_or(TileError::Path)?;
        // One path for one tile: anything the reader below lets through but the writer would not write is refused.
        if tile.to_string() == path { Ok(tile) } else { Err(TileError::Path) }
    }
}

fn parse(path: &str) -> Option<Tile> {
    // Three digits a group, 56 bits at most: longer is not a path.
    if path.len() > 64 {
        return None;
    }
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = if kind == "entries" {
        TileKind::Entries
    } else {
        let level = u8::try_from(text::decimal(kind)?).ok().filter(|level| *level < LEVELS)?;
        TileKind::Hashes { level }
    };
    let (groups, width) = match rest.split_once(".p/") {
        None => (rest, WIDTH),
        Some((groups, width)) => {
            (groups, u16::try_from(text::decimal(width)?).ok().filter(|width| (1..WIDTH).contains(width))?)
        }
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    // Every item a tile holds has a position below 2^63.
    (index < 1 << 55).then_some(Tile { kind, index, width })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryNodes;
    use crate::tree::{leaf_hash, root};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn tile(path: &str) -> Tile {
        path.parse().unwrap()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = Tile { kind: TileKind::Hashes { level: 0 }, index: 1_234_067, width: WIDTH };
        assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
        let tile = Tile { kind: TileKind::Entries, index: 0, width: 8 };
        assert_eq!(tile.to_string(), "tile/entries/000.p/8");
    }

    #[test]
    fn a_tree_of_70_000_has_the_tiles_the_specification_counts() {
        let mut counted = BTreeMap::new();
        for tile in new_tiles(0, 70_000) {
            *counted.entry((tile.kind(), tile.width())).or_insert(0) += 1;
        }
        let hashes = |level| TileKind::Hashes { level };
        assert_eq!(
            counted,
            BTreeMap::from([
                ((hashes(0), 256), 273),
                ((hashes(0), 112), 1),
                ((hashes(1), 256), 1),
                ((hashes(1), 17), 1),
                ((hashes(2), 1), 1),
                ((TileKind::Entries, 256), 273),
                ((TileKind::Entries, 112), 1),
            ]),
        );
        let paths: Vec<_> = new_tiles(255, 256).iter().map(Tile::to_string).collect();
        assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn other_spellings_are_refused() {
        for refused in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/-1/000",
            "tile/x/000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/001/001",
            "tile/0/x001/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1.p/1",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/../000",
            "tile/0/+01",
            "tile/entry/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(refused.parse::<Tile>(), Err(TileError::Path), "{refused:?}");
        }
    }

    #[test]
    fn a_bundle_holds_exactly_its_entries() {
        let bundle = tile("tile/entries/000.p/3");
        let largest = vec![7; MAX_ENTRY];
        let entries: [&[u8]; 3] = [b"", b"one", &largest];
        let bytes = bundle.bundle(entries).unwrap();
        assert_eq!(&bytes[..7], b"\x00\x00\x00\x03one");
        assert_eq!(bundle.parse_bundle(&bytes).unwrap(), entries);
        let wrong = Err(TileError::Width(3));
        assert_eq!(bundle.parse_bundle(&bytes[..bytes.len() - 1]), wrong);
        assert_eq!(bundle.parse_bundle(&[&bytes[..], &[0]].concat()), wrong);
        assert_eq!(bundle.bundle(&entries[..2]), Err(TileError::Width(3)));
        assert_eq!(tile("tile/entries/000.p/1").bundle([vec![0; MAX_ENTRY + 1]]), Err(TileError::Entry(MAX_ENTRY + 1)));
        assert_eq!(bundle.parse_hashes(&[]), Err(TileError::Kind));
        assert_eq!(tile("tile/0/000").parse_bundle(&[]), Err(TileError::Kind));
        assert_eq!(tile("tile/0/000.p/2").parse_hashes(&[0; 65]), Err(TileError::Width(2)));
    }

    /// The hashes of published tiles, as a stranger reads them: only what whole tiles of each level say.
    struct Published(BTreeMap<(u8, u64), Digest>);

    impl Nodes for Published {
        fn node(&self, level: u8, index: u64) -> Option<Digest> {
            if level.is_multiple_of(8) {
                return self.0.get(&(level, index)).copied();
            }
            let (left, right) = (self.node(level - 1, index * 2)?, self.node(level - 1, index * 2 + 1)?);
            Some(crate::tree::node_hash(&left, &right))
        }
    }

    #[test]
    fn the_tiles_alone_give_the_root() {
        let mut nodes = MemoryNodes::new();
        let mut published = Published(BTreeMap::new());
        for (old, new) in [(0, 1), (1, 255), (255, 256), (256, 300), (300, 513), (513, 65_536 + 258)] {
            for index in old..new {
                nodes.push(leaf_hash(&u64::to_be_bytes(index))).unwrap();
            }
            for tile in new_tiles(old, new) {
                let TileKind::Hashes { level } = tile.kind() else { continue };
                let hashes = tile.parse_hashes(&tile.hashes(&nodes).unwrap()).unwrap();
                for (index, hash) in tile.range().zip(hashes) {
                    assert!(published.0.insert((level * 8, index), hash).is_none_or(|before| before == hash));
                }
            }
            assert_eq!(root(&published, new).unwrap(), nodes.root(), "size {new}");
        }
    }

    #[test]
    fn a_tile_beyond_the_tree_has_no_content() {
        let nodes = MemoryNodes::from_leaves((0..5_u8).map(|leaf| leaf_hash(&[leaf]))).unwrap();
        let missing = |level, index| Err(TileError::Tree(TreeError::MissingNode { level, index }));
        assert_eq!(tile("tile/0/000.p/6").hashes(&nodes), missing(0, 5));
        assert_eq!(tile("tile/7/000.p/1").hashes(&nodes), missing(56, 0));
        assert_eq!(tile("tile/entries/000.p/1").hashes(&nodes), Err(TileError::Kind));
    }

    proptest! {
        #[test]
        fn a_path_survives(level in 0..LEVELS, entries: bool, index in 0_u64..1 << 55, width in 1..=WIDTH) {
            let kind = if entries { TileKind::Entries } else { TileKind::Hashes { level } };
            let tile = Tile { kind, index, width };
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(tile/[0-9a-z]{1,2}/)?[x0-9/]{0,12}(\\.p/[0-9]{0,3})?|.*") {
            if let Ok(tile) = text.parse::<Tile>() {
                prop_assert_eq!(tile.to_string(), text);
            }
        }

        #[test]
        fn any_bundle_is_read_or_refused(bytes in proptest::collection::vec(0..3_u8, 0..200), width in 1..=WIDTH) {
            let bundle = Tile { kind: TileKind::Entries, index: 0, width };
            if let Ok(entries) = bundle.parse_bundle(&bytes) {
                prop_assert_eq!(bundle.bundle(entries).unwrap(), bytes);
            }
        }

        #[test]
        fn growing_in_steps_or_at_once_publishes_the_same_full_tiles(sizes in proptest::collection::vec(0_u64..200_000, 1..4)) {
            let mut sizes = sizes;
            sizes.sort_unstable();
            let last = sizes[sizes.len() - 1];
            let full = |tiles: Vec<Tile>| tiles.into_iter().filter(|tile| tile.width() == WIDTH).collect::<std::collections::BTreeSet<_>>();
            let mut old = 0;
            let mut stepwise = Vec::new();
            for size in sizes {
                stepwise.extend(new_tiles(old, size));
                old = size;
            }
            prop_assert_eq!(full(stepwise), full(new_tiles(0, last)));
        }
    }
}
