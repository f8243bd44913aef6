//! Making proofs from complete subtrees (RFC 6962 §2.1.1 and §2.1.2).

use super::{Consistency, Inclusion, MAX_SIZE, Nodes, TreeError, range, split};

/// That entry `index` is in the tree over the first `size` entries.
pub fn inclusion_proof(nodes: &impl Nodes, index: u64, size: u64) -> Result<Inclusion, TreeError> {
    if size >= MAX_SIZE {
        return Err(TreeError::TooLarge(size));
    }
    if index >= size {
        return Err(TreeError::IndexBeyondSize { index, size });
    }
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range(nodes, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(Inclusion { index, path })
}

/// That the tree over the first `size` entries extends the one over the first `old_size`.
/// Nothing needs proving when the older tree is empty or the same: the path is then empty.
pub fn consistency_proof(nodes: &impl Nodes, old_size: u64, size: u64) -> Result<Consistency, TreeError> {
    if size >= MAX_SIZE {
        return Err(TreeError::TooLarge(size));
    }
    if old_size > size {
        return Err(TreeError::Shrinks { old: old_size, new: size });
    }
    let mut path = Vec::new();
    if old_size == 0 || old_size == size {
        return Ok(Consistency { old_size, path });
    }
    let (mut begin, mut end) = (0, size);
    // RFC 6962's SUBPROOF(m, D[begin:end], b): `whole` is b, true while the old tree is a prefix that starts at 0.
    let mut whole = true;
    while old_size != end {
        let middle = begin + split(end - begin);
        if old_size <= middle {
            path.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range(nodes, begin, middle)?);
            begin = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(range(nodes, begin, end)?);
    }
    path.reverse();
    Ok(Consistency { old_size, path })
}
