//! The Merkle tree of RFC 6962 §2.1 over SHA-256.
//!
//! It works on digests of complete subtrees that somebody else keeps ([`Nodes`]); it never holds or fetches entries.

mod frontier;
mod memory;
mod prove;
mod verify;

#[cfg(test)]
mod tests;

pub use frontier::Frontier;
pub use memory::MemoryNodes;
pub use prove::{consistency_proof, inclusion_proof};
pub use verify::{verify_consistency, verify_inclusion};

use model::{Digest, Hasher};

/// A tree has fewer leaves than this, so that sizes fit every format and no sum overflows.
pub const MAX_SIZE: u64 = 1 << 63;

/// The most digests a proof can have: one or two for each level of the largest tree.
pub const MAX_PROOF: usize = 128;

/// A tree that cannot be computed, or a proof that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A complete subtree the computation needs is not there.
    #[error("the log has no digest for node {index} of level {level}")]
    MissingNode {
        /// Height above the leaves.
        level: u8,
        /// Position from the left in its level.
        index: u64,
    },
    /// An entry beyond the end of the tree.
    #[error("entry {index} is not in a log of {size} entries")]
    IndexBeyondSize {
        /// Position of the entry, from 0.
        index: u64,
        /// Entries in the tree.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("a log of {new} entries cannot extend one of {old}")]
    Shrinks {
        /// Entries in the older tree.
        old: u64,
        /// Entries in the newer tree.
        new: u64,
    },
    /// More leaves than a tree may have.
    #[error("a log of {0} entries is beyond the format's limit")]
    TooLarge(u64),
    /// The proof has too few or too many digests for the sizes it is for.
    #[error("the proof has {found} digests, which does not fit its sizes")]
    ProofLength {
        /// Digests in the proof.
        found: usize,
    },
    /// The proof leads to another root than the one given.
    #[error("the proof leads to another root: {found} instead of {expected}")]
    RootDiffers {
        /// The root asked for.
        expected: Digest,
        /// The root the proof leads to.
        found: Digest,
    },
    /// The proof starts from another older root than the one given.
    #[error("the proof starts from another older root: {found} instead of {expected}")]
    OldRootDiffers {
        /// The older root asked for.
        expected: Digest,
        /// The older root the proof leads to.
        found: Digest,
    },
}

/// The digest of one complete subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Height above the leaves: the subtree has 2^level leaves.
    pub level: u8,
    /// Position from the left in its level.
    pub index: u64,
    /// `leaf_hash` at level 0, `node_hash` above.
    pub hash: Digest,
}

/// Where the digests of complete subtrees are kept.
pub trait Nodes {
    /// The digest of the subtree over leaves `index·2^level ..= (index+1)·2^level - 1`; none when it is not complete or not known.
    fn node(&self, level: u8, index: u64) -> Option<Digest>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        (**self).node(level, index)
    }
}

/// That one entry is in a tree (RFC 6962 §2.1.1): its position and the siblings on the way to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Position of the entry, from 0.
    pub index: u64,
    /// From the leaf's sibling up to the root's child.
    pub path: Vec<Digest>,
}

impl Inclusion {
    /// Verifies it for `leaf` in the tree of `size` entries with `root`.
    pub fn verify(&self, leaf: Digest, size: u64, root: Digest) -> Result<(), TreeError> {
        verify_inclusion(self.index, leaf, &self.path, size, root)
    }
}

/// That a tree is a prefix of a larger one (RFC 6962 §2.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// Entries in the older tree.
    pub old_size: u64,
    /// As RFC 6962 orders them.
    pub path: Vec<Digest>,
}

impl Consistency {
    /// Verifies that the tree of `size` entries with `root` extends the older one with `old_root`.
    pub fn verify(&self, old_root: Digest, size: u64, root: Digest) -> Result<(), TreeError> {
        verify_consistency(self.old_size, old_root, &self.path, size, root)
    }
}

/// `SHA-256(00 ‖ entry)`.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[0]);
    hasher.update(entry);
    hasher.finish()
}

/// `SHA-256(01 ‖ left ‖ right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&[1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root of the tree without entries: `SHA-256("")`.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The root of the tree over the first `size` entries.
pub fn root(nodes: &impl Nodes, size: u64) -> Result<Digest, TreeError> {
    if size >= MAX_SIZE {
        return Err(TreeError::TooLarge(size));
    }
    if size == 0 { Ok(empty_root()) } else { range(nodes, 0, size) }
}

/// The complete subtrees that appending `leaf` to a tree of `size_before` entries completes, lowest first;
/// the first is the leaf itself.
pub fn new_nodes(nodes: &impl Nodes, size_before: u64, leaf: Digest) -> Result<Vec<Node>, TreeError> {
    if size_before >= MAX_SIZE - 1 {
        return Err(TreeError::TooLarge(size_before));
    }
    let mut node = Node { level: 0, index: size_before, hash: leaf };
    let mut completed = vec![node];
    while node.index % 2 == 1 {
        let left = find(nodes, node.level, node.index - 1)?;
        node = Node { level: node.level + 1, index: node.index / 2, hash: node_hash(&left, &node.hash) };
        completed.push(node);
    }
    Ok(completed)
}

fn find(nodes: &impl Nodes, level: u8, index: u64) -> Result<Digest, TreeError> {
    nodes.node(level, index).ok_or(TreeError::MissingNode { level, index })
}

/// The largest power of two below `width`, where RFC 6962 splits a tree of more than one leaf.
const fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The root over leaves `begin..end` as RFC 6962 splits them: `begin` is a multiple of the power of two at or above the width,
/// so a width that is a power of two is a complete subtree. The depth of recursion is at most 63.
fn range(nodes: &impl Nodes, begin: u64, end: u64) -> Result<Digest, TreeError> {
    let width = end - begin;
    if width.is_power_of_two() {
        let level = width.trailing_zeros();
        return find(nodes, u8::try_from(level).unwrap_or(u8::MAX), begin >> level);
    }
    let middle = begin + split(width);
    Ok(node_hash(&range(nodes, begin, middle)?, &range(nodes, middle, end)?))
}
