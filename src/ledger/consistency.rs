//! Consistency files: one file that shows, offline, that a log only grew.
//!
//! The bytes are those a tlog-witness is asked to cosign with. Reading one trusts nothing in it.

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::key::VerifierKey;
use crate::proof::MAX_PROOF_FILE;
use crate::text;
use crate::tree::{Consistency, TreeError, empty_root};
use model::Digest;
use std::fmt;

/// A consistency file that cannot be read or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsistencyError {
    /// Too large, not UTF-8, or not the lines of the format.
    #[error("consistency file is not an `old` line, Base64 digests, a blank line and a checkpoint")]
    Form,
    /// The checkpoint in it.
    #[error("newer checkpoint of the consistency file: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// It proves the growth from another size.
    #[error("consistency file starts at {found} entries, the older checkpoint has {expected}")]
    OldSize {
        /// Entries under the older checkpoint.
        expected: u64,
        /// Entries the file starts from.
        found: u64,
    },
    /// The newer log does not extend the older one.
    #[error("log does not extend the older checkpoint: {0}")]
    Consistency(#[from] TreeError),
}

/// That a checkpoint extends an older tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyFile {
    /// The older size and the proof.
    pub consistency: Consistency,
    /// The newer checkpoint, verbatim and not verified.
    pub checkpoint: String,
}

impl ConsistencyFile {
    /// The growth up to `checkpoint`, with every signature it has.
    pub fn new(consistency: Consistency, checkpoint: &SignedCheckpoint) -> Self {
        Self { consistency, checkpoint: checkpoint.text() }
    }

    /// Reads a consistency file without trusting it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConsistencyError> {
        if bytes.len() > MAX_PROOF_FILE {
            return Err(ConsistencyError::Form);
        }
        std::str::from_utf8(bytes).ok().and_then(Self::parse_lines).ok_or(ConsistencyError::Form)
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let (line, rest) = text.split_once('\n')?;
        let old_size = text::decimal(line.strip_prefix("old ")?)?;
        let (path, checkpoint) = text::proof_lines(rest)?;
        Some(Self { consistency: Consistency { old_size, path }, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies that the log of `key` at the newer checkpoint extends `old`, and returns the newer checkpoint.
    pub fn verify(&self, old: &SignedCheckpoint, key: &VerifierKey) -> Result<SignedCheckpoint, ConsistencyError> {
        self.verify_from(old.size(), old.root(), key)
    }

    /// The same from the empty log: that the file's own checkpoint is the log's, with nothing older to compare.
    pub fn verify_from_empty(&self, key: &VerifierKey) -> Result<SignedCheckpoint, ConsistencyError> {
        self.verify_from(0, empty_root(), key)
    }

    fn verify_from(&self, size: u64, root: Digest, key: &VerifierKey) -> Result<SignedCheckpoint, ConsistencyError> {
        let checkpoint = SignedCheckpoint::open(&self.checkpoint, key)?;
        if self.consistency.old_size != size {
            return Err(ConsistencyError::OldSize { expected: size, found: self.consistency.old_size });
        }
        self.consistency.verify(root, checkpoint.size(), checkpoint.root())?;
        Ok(checkpoint)
    }
}

impl fmt::Display for ConsistencyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.consistency.old_size)?;
        for digest in &self.consistency.path {
            writeln!(f, "{}", text::base64(digest.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, MemoryNodes, SigningKey, tree};
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/a", &[4; 32]).unwrap()
    }

    fn nodes(size: u64) -> MemoryNodes {
        MemoryNodes::from_leaves((0..size).map(|index| tree::leaf_hash(&index.to_be_bytes()))).unwrap()
    }

    fn checkpoint(size: u64) -> SignedCheckpoint {
        Checkpoint { origin: key().name().to_owned(), size, root: nodes(size).root() }.sign(&key()).unwrap()
    }

    fn file(old: u64, new: u64) -> ConsistencyFile {
        ConsistencyFile::new(tree::consistency_proof(&nodes(new), old, new).unwrap(), &checkpoint(new))
    }

    #[test]
    fn a_consistency_file_survives_its_text_and_shows_growth() {
        for new in 0..18 {
            for old in 0..=new {
                let text = file(old, new).to_string();
                let read = ConsistencyFile::parse(text.as_bytes()).unwrap();
                assert_eq!(read.to_string(), text);
                assert_eq!(read.verify(&checkpoint(old), key().verifier()).unwrap(), checkpoint(new));
            }
        }
        assert_eq!(file(0, 4).verify_from_empty(key().verifier()), Ok(checkpoint(4)));
    }

    #[test]
    fn a_rewritten_log_does_not_extend_the_pinned_checkpoint() {
        let mut rewritten = MemoryNodes::new();
        for index in 0..9_u64 {
            rewritten.push(tree::leaf_hash(&(if index == 2 { 99 } else { index }).to_be_bytes())).unwrap();
        }
        let newer =
            Checkpoint { origin: key().name().to_owned(), size: 9, root: rewritten.root() }.sign(&key()).unwrap();
        let forged = ConsistencyFile::new(tree::consistency_proof(&rewritten, 5, 9).unwrap(), &newer);
        assert!(matches!(
            forged.verify(&checkpoint(5), key().verifier()),
            Err(ConsistencyError::Consistency(TreeError::OldRootDiffers { .. })),
        ));
        assert!(matches!(file(4, 9).verify(&checkpoint(5), key().verifier()), Err(ConsistencyError::OldSize { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ConsistencyFile::parse(&bytes);
            let _ = ConsistencyFile::parse(&[b"old 1\n", &bytes[..]].concat());
        }

        #[test]
        fn a_damaged_consistency_file_shows_nothing(at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = file(5, 11).to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let verified = ConsistencyFile::parse(&bytes).and_then(|file| file.verify(&checkpoint(5), key().verifier()));
            prop_assert!(verified.is_err(), "byte {at}");
        }
    }
}
