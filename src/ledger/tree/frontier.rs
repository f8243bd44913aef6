//! The right edge of a tree: enough to append and to know the root, in 63 digests at most.

use super::{MAX_SIZE, Node, Nodes, TreeError, empty_root, find, node_hash};
use model::Digest;

/// The complete subtrees a tree of some size is made of, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Of the tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of the tree over the first `size` entries of `nodes`.
    pub fn load(nodes: &impl Nodes, size: u64) -> Result<Self, TreeError> {
        if size >= MAX_SIZE {
            return Err(TreeError::TooLarge(size));
        }
        let mut peaks = Vec::new();
        for level in (0..63_u8).rev().filter(|level| size >> level & 1 == 1) {
            // The peak ends where the bits of `size` down to this one end.
            peaks.push(find(nodes, level, (size >> level) - 1)?);
        }
        Ok(Self { size, peaks })
    }

    /// Entries in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf and returns the complete subtrees that come into being, lowest first; the first is the leaf.
    pub fn push(&mut self, leaf: Digest) -> Result<Vec<Node>, TreeError> {
        if self.size >= MAX_SIZE - 1 {
            return Err(TreeError::TooLarge(self.size));
        }
        let mut node = Node { level: 0, index: self.size, hash: leaf };
        let mut completed = vec![node];
        while node.index % 2 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            node = Node { level: node.level + 1, index: node.index / 2, hash: node_hash(&left, &node.hash) };
            completed.push(node);
        }
        self.peaks.push(node.hash);
        self.size += 1;
        Ok(completed)
    }

    /// The tree's root.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev().copied();
        let Some(smallest) = peaks.next() else { return empty_root() };
        peaks.fold(smallest, |right, left| node_hash(&left, &right))
    }
}
