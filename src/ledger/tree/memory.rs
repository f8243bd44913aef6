//! A whole tree in memory: for verifying a pack that ships every entry, and for tests.

use super::{Frontier, Nodes, TreeError};
use model::Digest;

/// Every complete subtree of a tree, by level.
#[derive(Debug, Clone, Default)]
pub struct MemoryNodes {
    levels: Vec<Vec<Digest>>,
    frontier: Frontier,
}

impl MemoryNodes {
    /// The tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree over these leaf hashes.
    pub fn from_leaves(leaves: impl IntoIterator<Item = Digest>) -> Result<Self, TreeError> {
        let mut tree = Self::new();
        for leaf in leaves {
            tree.push(leaf)?;
        }
        Ok(tree)
    }

    /// Appends a leaf hash.
    pub fn push(&mut self, leaf: Digest) -> Result<(), TreeError> {
        for node in self.frontier.push(leaf)? {
            let level = usize::from(node.level);
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(node.hash);
        }
        Ok(())
    }

    /// Entries in the tree.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The tree's root.
    pub fn root(&self) -> Digest {
        self.frontier.root()
    }
}

impl Nodes for MemoryNodes {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        self.levels.get(usize::from(level))?.get(usize::try_from(index).ok()?).copied()
    }
}
