//! Verifying proofs by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2, on untrusted input.

use super::{MAX_SIZE, TreeError, empty_root, node_hash};
use model::Digest;

/// Verifies that `leaf` is entry `index` of the tree of `size` entries with `root` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(index: u64, leaf: Digest, path: &[Digest], size: u64, root: Digest) -> Result<(), TreeError> {
    if size >= MAX_SIZE {
        return Err(TreeError::TooLarge(size));
    }
    if index >= size {
        return Err(TreeError::IndexBeyondSize { index, size });
    }
    let wrong_length = TreeError::ProofLength { found: path.len() };
    let (mut position, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if position % 2 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position % 2 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if hash == root { Ok(()) } else { Err(TreeError::RootDiffers { expected: root, found: hash }) }
}

/// Verifies that the tree of `size` entries with `root` extends the one of `old_size` with `old_root` (RFC 9162 §2.1.4.2).
pub fn verify_consistency(
    old_size: u64,
    old_root: Digest,
    path: &[Digest],
    size: u64,
    root: Digest,
) -> Result<(), TreeError> {
    if size >= MAX_SIZE {
        return Err(TreeError::TooLarge(size));
    }
    if old_size > size {
        return Err(TreeError::Shrinks { old: old_size, new: size });
    }
    let wrong_length = TreeError::ProofLength { found: path.len() };
    // The two cases the RFC leaves to the caller: nothing to prove, but the roots must still be what they have to be.
    if old_size == 0 || old_size == size {
        let expected = if old_size == 0 { empty_root() } else { root };
        return match path {
            [] if old_root == expected => Ok(()),
            [] => Err(TreeError::OldRootDiffers { expected: old_root, found: expected }),
            _ => Err(wrong_length),
        };
    }
    // A complete older tree is itself the first node, and the proof leaves it out.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        let (first, rest) = path.split_first().ok_or(wrong_length)?;
        (*first, rest)
    };
    let (mut position, mut last) = (old_size - 1, size - 1);
    while position % 2 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if position % 2 == 1 || position == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            while position % 2 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if old_hash != old_root {
        return Err(TreeError::OldRootDiffers { expected: old_root, found: old_hash });
    }
    if hash == root { Ok(()) } else { Err(TreeError::RootDiffers { expected: root, found: hash }) }
}
