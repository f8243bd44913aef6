//! The published vectors, an independent implementation as oracle, and tampering.

use super::*;
use ct_merkle::digest::Output;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;

fn digest(hex: &str) -> Digest {
    hex.parse().unwrap()
}

/// The eight leaves of the tests of certificate-transparency, and the roots over the first 1 to 8.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const F: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

fn published() -> MemoryNodes {
    MemoryNodes::from_leaves(LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()))).unwrap()
}

#[test]
fn the_published_roots_come_out() {
    let nodes = published();
    assert_eq!(empty_root(), digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_eq!(root(&nodes, 0), Ok(empty_root()));
    for (size, expected) in (1..).zip(ROOTS) {
        assert_eq!(root(&nodes, size), Ok(digest(expected)), "size {size}");
        assert_eq!(Frontier::load(&nodes, size).unwrap().root(), digest(expected), "size {size}");
    }
}

#[test]
fn the_published_inclusion_proofs_come_out() {
    let nodes = published();
    let cases: [(u64, u64, &[&str]); 5] =
        [(0, 1, &[]), (0, 8, &[A, B, C]), (5, 8, &[D, E, ROOTS[3]]), (2, 3, &[ROOTS[1]]), (1, 5, &[ROOTS[0], B, D])];
    for (index, size, path) in cases {
        let expected: Vec<_> = path.iter().map(|hex| digest(hex)).collect();
        let inclusion = inclusion_proof(&nodes, index, size).unwrap();
        assert_eq!(inclusion.path, expected, "entry {index} of {size}");
        let leaf = nodes.node(0, index).unwrap();
        assert_eq!(inclusion.verify(leaf, size, root(&nodes, size).unwrap()), Ok(()));
    }
}

#[test]
fn the_published_consistency_proofs_come_out() {
    let nodes = published();
    let cases: [(u64, u64, &[&str]); 4] = [(1, 1, &[]), (1, 8, &[A, B, C]), (6, 8, &[F, E, ROOTS[3]]), (2, 5, &[B, D])];
    for (old, new, path) in cases {
        let expected: Vec<_> = path.iter().map(|hex| digest(hex)).collect();
        let consistency = consistency_proof(&nodes, old, new).unwrap();
        assert_eq!(consistency.path, expected, "{old} to {new}");
        let (old_root, new_root) = (root(&nodes, old).unwrap(), root(&nodes, new).unwrap());
        assert_eq!(consistency.verify(old_root, new, new_root), Ok(()));
    }
}

#[test]
fn what_cannot_be_proved_is_an_error() {
    let nodes = published();
    assert_eq!(root(&nodes, 9), Err(TreeError::MissingNode { level: 0, index: 8 }));
    assert_eq!(root(&nodes, u64::MAX), Err(TreeError::TooLarge(u64::MAX)));
    assert_eq!(inclusion_proof(&nodes, 8, 8), Err(TreeError::IndexBeyondSize { index: 8, size: 8 }));
    assert_eq!(inclusion_proof(&nodes, 0, 0), Err(TreeError::IndexBeyondSize { index: 0, size: 0 }));
    assert_eq!(consistency_proof(&nodes, 5, 4), Err(TreeError::Shrinks { old: 5, new: 4 }));
    assert_eq!(consistency_proof(&nodes, 4, 16), Err(TreeError::MissingNode { level: 3, index: 1 }));
    assert_eq!(new_nodes(&MemoryNodes::new(), 1, empty_root()), Err(TreeError::MissingNode { level: 0, index: 0 }));
    assert_eq!(verify_consistency(5, empty_root(), &[], 4, empty_root()), Err(TreeError::Shrinks { old: 5, new: 4 }));
    assert_eq!(verify_inclusion(0, empty_root(), &[], 1 << 63, empty_root()), Err(TreeError::TooLarge(1 << 63)));
}

#[test]
fn nothing_to_prove_is_still_compared() {
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    assert_eq!(verify_consistency(0, empty_root(), &[], 7, one), Ok(()));
    assert!(verify_consistency(0, other, &[], 7, one).is_err());
    assert!(verify_consistency(0, empty_root(), &[one], 7, one).is_err());
    assert_eq!(verify_consistency(7, one, &[], 7, one), Ok(()));
    assert!(verify_consistency(7, one, &[], 7, other).is_err());
    assert!(verify_consistency(7, one, &[one], 7, one).is_err());
    assert_eq!(verify_consistency(0, empty_root(), &[], 0, empty_root()), Ok(()));
}

type Oracle = MemoryBackedTree<Sha256, [u8; 8]>;

/// The same tree here and in `ct-merkle`.
fn both(size: u64) -> (MemoryNodes, Oracle) {
    let (mut nodes, mut oracle) = (MemoryNodes::new(), Oracle::new());
    for index in 0..size {
        nodes.push(leaf_hash(&index.to_be_bytes())).unwrap();
        oracle.push(index.to_be_bytes());
    }
    (nodes, oracle)
}

fn output(digest: Digest) -> Output<Sha256> {
    (*digest.as_bytes()).into()
}

fn concatenated(path: &[Digest]) -> Vec<u8> {
    path.iter().flat_map(|digest| *digest.as_bytes()).collect()
}

#[test]
fn growing_by_one_agrees_with_the_oracle_at_every_size() {
    let (mut nodes, mut oracle) = (MemoryNodes::new(), Oracle::new());
    for index in 0..300_u64 {
        let leaf = leaf_hash(&index.to_be_bytes());
        let completed = new_nodes(&nodes, index, leaf).unwrap();
        assert_eq!(completed, Frontier::load(&nodes, index).unwrap().push(leaf).unwrap());
        nodes.push(leaf).unwrap();
        oracle.push(index.to_be_bytes());
        for node in completed {
            assert_eq!(nodes.node(node.level, node.index), Some(node.hash));
        }
        assert_eq!(output(nodes.root()), *oracle.root().as_bytes(), "size {}", index + 1);
        assert_eq!(root(&nodes, index + 1), Ok(nodes.root()));
    }
}

#[test]
fn every_proof_in_every_small_tree_holds() {
    let (nodes, _) = both(40);
    for size in 1..=40 {
        let tree_root = root(&nodes, size).unwrap();
        for index in 0..size {
            let leaf = nodes.node(0, index).unwrap();
            inclusion_proof(&nodes, index, size).unwrap().verify(leaf, size, tree_root).unwrap();
            let old_root = root(&nodes, index).unwrap();
            consistency_proof(&nodes, index, size).unwrap().verify(old_root, size, tree_root).unwrap();
        }
    }
}

/// A position among `size` and another one, and one bit of a digest.
fn tampering() -> impl Strategy<Value = (u64, u64, usize, u8)> {
    (2_u64..=300).prop_flat_map(|size| (Just(size), 0..size, any::<usize>(), 0_u8..=255))
}

fn flip(digest: Digest, bit: u8) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}

proptest! {
    #[test]
    fn inclusion_proofs_are_the_oracles((size, index, _, _) in tampering()) {
        let (nodes, oracle) = both(size);
        let inclusion = inclusion_proof(&nodes, index, size).unwrap();
        let position = usize::try_from(index).unwrap();
        let theirs = oracle.prove_inclusion(position);
        prop_assert_eq!(&concatenated(&inclusion.path)[..], theirs.as_bytes());
        let ours = InclusionProof::<Sha256>::try_from_bytes(concatenated(&inclusion.path)).unwrap();
        let tree_root = RootHash::<Sha256>::new(output(nodes.root()), size);
        prop_assert!(tree_root.verify_inclusion(&index.to_be_bytes(), index, &ours).is_ok());
    }

    #[test]
    fn consistency_proofs_are_the_oracles((size, old, _, _) in tampering()) {
        prop_assume!(old > 0);
        let (nodes, oracle) = both(size);
        let consistency = consistency_proof(&nodes, old, size).unwrap();
        let theirs = oracle.prove_consistency(usize::try_from(size - old).unwrap());
        prop_assert_eq!(&concatenated(&consistency.path)[..], theirs.as_bytes());
        let ours = ConsistencyProof::<Sha256>::try_from_bytes(concatenated(&consistency.path)).unwrap();
        let old_root = RootHash::<Sha256>::new(output(root(&nodes, old).unwrap()), old);
        prop_assert!(RootHash::<Sha256>::new(output(nodes.root()), size).verify_consistency(&old_root, &ours).is_ok());
    }

    #[test]
    fn an_inclusion_proof_tampered_with_anywhere_fails((size, index, which, bit) in tampering()) {
        let (nodes, _) = both(size);
        let (leaf, tree_root) = (nodes.node(0, index).unwrap(), nodes.root());
        let good = inclusion_proof(&nodes, index, size).unwrap();
        prop_assert_eq!(good.verify(leaf, size, tree_root), Ok(()));

        prop_assert!(good.verify(flip(leaf, bit), size, tree_root).is_err());
        prop_assert!(good.verify(leaf, size, flip(tree_root, bit)).is_err());
        for other in (0..=size).filter(|other| *other != index) {
            prop_assert!(Inclusion { index: other, ..good.clone() }.verify(leaf, size, tree_root).is_err(), "index {other}");
        }
        // The size is signed with the root: here a wrong size must fail by the path's length or lead elsewhere, or give the
        // very same way to the root, which RFC 9162 allows where the tree has the same shape around the entry.
        for other in [0, index, size - 1, size + 1, size * 2, u64::MAX] {
            if other != size && good.verify(leaf, other, tree_root).is_ok() {
                prop_assert!(other > index && same_way(index, size, other), "size {other} for {size}");
            }
        }
        let at = which % good.path.len();
        let mut altered = good.clone();
        altered.path[at] = flip(altered.path[at], bit);
        prop_assert!(altered.verify(leaf, size, tree_root).is_err());
        let mut shorter = good.clone();
        shorter.path.remove(at);
        prop_assert!(shorter.verify(leaf, size, tree_root).is_err());
        let mut longer = good.clone();
        longer.path.insert(at, leaf);
        prop_assert!(longer.verify(leaf, size, tree_root).is_err());
        let mut swapped = good.clone();
        swapped.path.swap(0, at);
        prop_assert!(swapped == good || swapped.verify(leaf, size, tree_root).is_err());
    }

    #[test]
    fn a_consistency_proof_tampered_with_anywhere_fails((size, old, which, bit) in tampering()) {
        prop_assume!(old > 0);
        let (nodes, _) = both(size);
        let (old_root, new_root) = (root(&nodes, old).unwrap(), nodes.root());
        let good = consistency_proof(&nodes, old, size).unwrap();
        prop_assert_eq!(good.verify(old_root, size, new_root), Ok(()));

        prop_assert!(good.verify(flip(old_root, bit), size, new_root).is_err());
        prop_assert!(good.verify(old_root, size, flip(new_root, bit)).is_err());
        for other in (1..size).filter(|other| *other != old) {
            prop_assert!(Consistency { old_size: other, ..good.clone() }.verify(old_root, size, new_root).is_err(), "old {other}");
        }
        let at = which % good.path.len();
        let mut altered = good.clone();
        altered.path[at] = flip(altered.path[at], bit);
        prop_assert!(altered.verify(old_root, size, new_root).is_err());
        let mut shorter = good.clone();
        shorter.path.remove(at);
        prop_assert!(shorter.verify(old_root, size, new_root).is_err());
        let mut longer = good.clone();
        longer.path.insert(at, old_root);
        prop_assert!(longer.verify(old_root, size, new_root).is_err());
    }

    #[test]
    fn no_proof_of_any_shape_makes_verification_panic(
        old: u64, size: u64, count in 0_usize..=MAX_PROOF, seed: u8,
    ) {
        let path = vec![Digest::of(&[seed]); count];
        prop_assert!(verify_inclusion(old, path.first().copied().unwrap_or(empty_root()), &path, size, Digest::of(b"no")).is_err());
        let verified = verify_consistency(old, Digest::of(b"old"), &path, size, Digest::of(b"new"));
        prop_assert!(verified.is_err());
    }
}

/// Whether the way from leaf `index` to the root is a sequence of the same turns in trees of both sizes.
fn same_way(index: u64, one: u64, other: u64) -> bool {
    let turns = |size: u64| {
        let (mut begin, mut end, mut turns) = (0, size, Vec::new());
        while end - begin > 1 {
            let middle = begin + split(end - begin);
            let left = index < middle;
            turns.push(left);
            if left { end = middle } else { begin = middle }
        }
        turns
    };
    turns(one) == turns(other)
}
