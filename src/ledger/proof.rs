//! C2SP tlog-proof files: one file that shows, offline, that an entry is in a log.
//!
//! Reading one trusts nothing in it; [`Proof::verify`] needs the entry and the log's key from elsewhere.

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::key::VerifierKey;
use crate::note::MAX_NOTE;
use crate::text;
use crate::tree::{Inclusion, TreeError, leaf_hash};
use std::fmt;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The largest proof file that is read: the largest note and as much again before it.
pub const MAX_PROOF_FILE: usize = 2 * MAX_NOTE;

/// A proof file that cannot be read or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Larger than [`MAX_PROOF_FILE`] or not UTF-8.
    #[error("proof file is not text of at most {MAX_PROOF_FILE} bytes")]
    NotText,
    /// Another format or version.
    #[error("proof file does not start with `{HEADER}`")]
    Header,
    /// Not the lines of the format.
    #[error("proof file is not an index line, Base64 digests, a blank line and a checkpoint")]
    Form,
    /// The checkpoint in it.
    #[error("checkpoint of the proof: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error("entry is not proven to be in the log: {0}")]
    Inclusion(#[from] TreeError),
}

/// The content of a `.tlog-proof` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Unauthenticated data for the application; this program writes none.
    pub extra: Option<Vec<u8>>,
    /// Where the entry is and how its leaf leads to the root.
    pub inclusion: Inclusion,
    /// The checkpoint, verbatim and not verified.
    pub checkpoint: String,
}

impl Proof {
    /// The proof of one entry under a checkpoint, with every signature the checkpoint has.
    pub fn new(inclusion: Inclusion, checkpoint: &SignedCheckpoint) -> Self {
        Self { extra: None, inclusion, checkpoint: checkpoint.text() }
    }

    /// Reads a proof file without trusting it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > MAX_PROOF_FILE {
            return Err(ProofError::NotText);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofError::NotText)?;
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n')).ok_or(ProofError::Header)?;
        Self::parse_lines(rest).ok_or(ProofError::Form)
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let (mut line, mut rest) = text.split_once('\n')?;
        let mut extra = None;
        if let Some(base64) = line.strip_prefix("extra ") {
            extra = Some(text::from_base64(base64)?);
            (line, rest) = rest.split_once('\n')?;
        }
        let index = text::decimal(line.strip_prefix("index ")?)?;
        let (path, checkpoint) = text::proof_lines(rest)?;
        Some(Self { extra, inclusion: Inclusion { index, path }, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies that `entry` is in the log of `key`, and returns the checkpoint that says so.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<SignedCheckpoint, ProofError> {
        let checkpoint = SignedCheckpoint::open(&self.checkpoint, key)?;
        self.inclusion.verify(leaf_hash(entry), checkpoint.size(), checkpoint.root())?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::base64(extra))?;
        }
        writeln!(f, "index {}", self.inclusion.index)?;
        for sibling in &self.inclusion.path {
            writeln!(f, "{}", text::base64(sibling.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, MemoryNodes, SigningKey, tree};
    use proptest::prelude::*;

    fn entry(index: u64) -> Vec<u8> {
        format!("entry {index}").into_bytes()
    }

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/a", &[4; 32]).unwrap()
    }

    fn proof(index: u64, size: u64) -> Proof {
        let nodes = MemoryNodes::from_leaves((0..size).map(|index| leaf_hash(&entry(index)))).unwrap();
        let checkpoint = Checkpoint { origin: key().name().to_owned(), size, root: nodes.root() };
        Proof::new(tree::inclusion_proof(&nodes, index, size).unwrap(), &checkpoint.sign(&key()).unwrap())
    }

    #[test]
    fn a_proof_survives_its_file_and_proves_its_entry_only() {
        for size in 1..20 {
            for index in 0..size {
                let text = proof(index, size).to_string();
                let read = Proof::parse(text.as_bytes()).unwrap();
                assert_eq!(read.to_string(), text);
                read.verify(&entry(index), key().verifier()).unwrap();
                assert!(read.verify(&entry(index + 1), key().verifier()).is_err());
            }
        }
    }

    #[test]
    fn extra_data_is_kept_and_proves_nothing() {
        let with = Proof { extra: Some(b"note".to_vec()), ..proof(1, 3) };
        let text = with.to_string();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra bm90ZQ==\nindex 1\n"), "{text}");
        let read = Proof::parse(text.as_bytes()).unwrap();
        assert_eq!(read, with);
        read.verify(&entry(1), key().verifier()).unwrap();
        assert!(read.verify(b"note", key().verifier()).is_err());
    }

    #[test]
    fn what_is_not_a_proof_file_is_refused() {
        let good = proof(1, 3).to_string();
        for (refused, why) in [
            (String::new(), ProofError::Header),
            (good.replace("@v1", "@v2"), ProofError::Header),
            (good.replace("index 1", "index 01"), ProofError::Form),
            (good.replace("index 1\n", ""), ProofError::Form),
            (good.replace("index 1\n", "index 1\nextra AA==\n"), ProofError::Form),
            (good.replace("index 1\n", "index 1\nAAAA\n"), ProofError::Form),
            ("c2sp.org/tlog-proof@v1\nindex 1\n".into(), ProofError::Form),
            (
                format!("c2sp.org/tlog-proof@v1\nindex 1\n{}", format!("{}=\n", "A".repeat(43)).repeat(200)),
                ProofError::Form,
            ),
            ("a".repeat(MAX_PROOF_FILE + 1), ProofError::NotText),
        ] {
            assert_eq!(Proof::parse(refused.as_bytes()), Err(why), "{:?}", &refused[..refused.len().min(200)]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Proof::parse(&bytes);
            let _ = Proof::parse(&[HEADER.as_bytes(), b"\n", &bytes].concat());
            let _ = Proof::parse(&[HEADER.as_bytes(), b"\nindex 1\n\n", &bytes].concat());
        }

        #[test]
        fn a_damaged_proof_file_proves_nothing(at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
            let good = proof(5, 11).to_string();
            let mut bytes = good.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let verified = Proof::parse(&bytes).and_then(|proof| proof.verify(&entry(5), key().verifier()));
            prop_assert!(verified.is_err(), "byte {at}");
        }
    }
}
