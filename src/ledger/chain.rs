//! The keys of one log, from the one its genesis names along the entries that change it.
//!
//! A key counts only for the checkpoints it was in force for, so one that is stolen later signs nothing that is accepted
//! beyond the entry that replaced it.

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::entry::Body;
use crate::key::{KeyError, KeyKind, VerifierKey};
use crate::note::Note;

/// A chain of keys that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A key that cannot be read.
    #[error("entry {index} names an unreadable key: {source}")]
    Key {
        /// The entry.
        index: u64,
        /// What its reader says.
        source: KeyError,
    },
    /// A key of another log, or of a witness.
    #[error("entry {index} names `{key}`, which is no key of this log")]
    Foreign {
        /// The entry.
        index: u64,
        /// The key.
        key: String,
    },
    /// A handover of an entry that changes no key, or under which there is no such entry.
    #[error("the checkpoint of {size} entries does not cover an entry {index} that changes the key")]
    NoChange {
        /// The entry.
        index: u64,
        /// Entries the checkpoint covers.
        size: u64,
    },
    /// A handover that one of the two keys has not signed.
    #[error(transparent)]
    Unsigned(#[from] CheckpointError),
    /// A change from a key that was not in force.
    #[error("entry {index} changes the key `{found}`, in force was `{expected}`")]
    NotInForce {
        /// The entry.
        index: u64,
        /// The key in force.
        expected: String,
        /// The key the entry changes.
        found: String,
    },
}

/// The keys of a log in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChain {
    genesis: VerifierKey,
    /// Each with the index of the entry that named it.
    later: Vec<(u64, VerifierKey)>,
}

impl KeyChain {
    /// The chain of a log whose genesis names `key`.
    pub const fn of(key: VerifierKey) -> Self {
        Self { genesis: key, later: Vec::new() }
    }

    /// Takes up what the entry at `index` says of the key; entries come in the log's order.
    pub fn follow(&mut self, index: u64, body: &Body) -> Result<(), ChainError> {
        let Body::KeyRotation { from, to } = body else { return Ok(()) };
        let expected = self.current().to_string();
        if *from != expected {
            return Err(ChainError::NotInForce { index, expected, found: from.clone() });
        }
        let key: VerifierKey = to.parse().map_err(|source| ChainError::Key { index, source })?;
        if key.name() != self.genesis.name() || key.kind() != KeyKind::Log || self.contains(&key) {
            return Err(ChainError::Foreign { index, key: to.clone() });
        }
        self.later.push((index, key));
        Ok(())
    }

    /// The key the log began with.
    pub const fn genesis(&self) -> &VerifierKey {
        &self.genesis
    }

    /// The key in force now.
    pub fn current(&self) -> &VerifierKey {
        self.later.last().map_or(&self.genesis, |(_, key)| key)
    }

    /// The key that signs a log of `size` entries: the one named last among them.
    pub fn at(&self, size: u64) -> &VerifierKey {
        self.later.iter().rev().find(|(index, _)| *index < size).map_or(&self.genesis, |(_, key)| key)
    }

    /// Each change: the index of its entry, the key before it, the key after it.
    pub fn changes(&self) -> impl Iterator<Item = (u64, &VerifierKey, &VerifierKey)> {
        let before = std::iter::once(&self.genesis).chain(self.later.iter().map(|(_, key)| key));
        before.zip(&self.later).map(|(before, (index, after))| (*index, before, after))
    }

    /// The entry that replaced `key`, and what it named instead.
    pub fn successor(&self, key: &VerifierKey) -> Option<(u64, &VerifierKey)> {
        self.changes().find(|(_, before, _)| *before == key).map(|(index, _, after)| (index, after))
    }

    /// Whether `key` is or was the log's.
    pub fn contains(&self, key: &VerifierKey) -> bool {
        self.genesis == *key || self.later.iter().any(|(_, later)| later == key)
    }

    /// Verifies what a former key says of the one after it: a checkpoint over the entry at `index`, signed with both. Without
    /// it, that entry is only the later key's own claim. Its root is still to be compared with that of the entries.
    pub fn handover(&self, index: u64, text: impl AsRef<[u8]>) -> Result<SignedCheckpoint, ChainError> {
        let checkpoint = self.open(text)?;
        let size = checkpoint.size();
        let change = self.changes().find(|(entry, ..)| *entry == index && index < size);
        let Some((_, former, _)) = change else { return Err(ChainError::NoChange { index, size }) };
        checkpoint.verify_also(former)?;
        Ok(checkpoint)
    }

    /// Reads a checkpoint and verifies the signature of the key that is in force at its size.
    pub fn open(&self, text: impl AsRef<[u8]>) -> Result<SignedCheckpoint, CheckpointError> {
        let claimed = crate::Checkpoint::parse(Note::parse(text.as_ref())?.text())?;
        SignedCheckpoint::open(text, self.at(claimed.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, SigningKey, WitnessKey};
    use model::Digest;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed("log.example/a", &[n; 32]).unwrap()
    }

    fn change(from: &SigningKey, to: &SigningKey) -> Body {
        Body::KeyRotation { from: from.verifier().to_string(), to: to.verifier().to_string() }
    }

    fn signed(key: &SigningKey, size: u64) -> String {
        let root = Digest::of(&size.to_be_bytes());
        Checkpoint { origin: key.name().to_owned(), size, root }.sign(key).unwrap().text()
    }

    #[test]
    fn each_key_signs_the_sizes_it_was_in_force_for_and_no_others() {
        let (one, two, three) = (key(1), key(2), key(3));
        let mut chain = KeyChain::of(one.verifier().clone());
        chain.follow(4, &Body::IdentityMap).unwrap();
        chain.follow(5, &change(&one, &two)).unwrap();
        chain.follow(8, &change(&two, &three)).unwrap();
        for size in 1..12 {
            let in_force = match size {
                0..=5 => &one,
                6..=8 => &two,
                _ => &three,
            };
            for key in [&one, &two, &three] {
                let opened = chain.open(signed(key, size));
                assert_eq!(opened.is_ok(), key.verifier() == in_force.verifier(), "size {size}");
            }
        }
        assert_eq!(chain.current(), three.verifier());
        assert_eq!(chain.successor(one.verifier()), Some((5, two.verifier())));
        assert_eq!(chain.successor(three.verifier()), None);
        assert_eq!(chain.changes().count(), 2);
    }

    #[test]
    fn a_change_from_a_key_not_in_force_or_to_a_foreign_one_is_refused() {
        let (one, two) = (key(1), key(2));
        let mut chain = KeyChain::of(one.verifier().clone());
        assert!(matches!(chain.follow(1, &change(&two, &one)), Err(ChainError::NotInForce { .. })));
        let other = SigningKey::from_seed("log.example/b", &[9; 32]).unwrap();
        assert!(matches!(chain.follow(1, &change(&one, &other)), Err(ChainError::Foreign { .. })));
        let witness = WitnessKey::from_seed("log.example/a", &[2; 32]).unwrap();
        let to = Body::KeyRotation { from: one.verifier().to_string(), to: witness.verifier().to_string() };
        assert!(matches!(chain.follow(1, &to), Err(ChainError::Foreign { .. })));
        assert!(matches!(chain.follow(1, &change(&one, &one)), Err(ChainError::Foreign { .. })));
        let unreadable = Body::KeyRotation { from: one.verifier().to_string(), to: "x".into() };
        assert!(matches!(chain.follow(1, &unreadable), Err(ChainError::Key { .. })));
        assert_eq!(chain.current(), one.verifier());
    }

    #[test]
    fn a_handover_is_signed_by_both_and_covers_the_entry() {
        let (one, two) = (key(1), key(2));
        let mut chain = KeyChain::of(one.verifier().clone());
        chain.follow(5, &change(&one, &two)).unwrap();
        let by_new = signed(&two, 6);
        let mut both = SignedCheckpoint::open(&by_new, two.verifier()).unwrap();
        both.sign_also(&one).unwrap();
        assert_eq!(chain.handover(5, both.text()).unwrap().size(), 6);
        assert!(matches!(chain.handover(4, both.text()), Err(ChainError::NoChange { .. })));
        // the later key's own claim
        chain.handover(5, by_new).unwrap_err();
        // the former key's word on a log that does not have the entry yet
        chain.handover(5, signed(&one, 5)).unwrap_err();
    }

    #[test]
    fn a_checkpoint_can_carry_both_signatures() {
        let (one, two) = (key(1), key(2));
        let mut checkpoint = SignedCheckpoint::open(signed(&two, 7), two.verifier()).unwrap();
        assert!(!checkpoint.is_signed_by(one.verifier()));
        checkpoint.sign_also(&one).unwrap();
        assert!(checkpoint.is_signed_by(one.verifier()));
        SignedCheckpoint::open(checkpoint.text(), one.verifier()).unwrap();
        let other = SigningKey::from_seed("log.example/b", &[9; 32]).unwrap();
        assert!(matches!(checkpoint.sign_also(&other), Err(CheckpointError::Origin { .. })));
    }
}
