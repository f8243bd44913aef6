//! C2SP tlog-cosignatures (`cosignature/v1`): a witness's statement of when it saw which log.
//!
//! The log's own signature is not enough to say that there is one history; a cosignature is somebody else's word for it.

use crate::checkpoint::SignedCheckpoint;
use crate::key::{KeyError, KeyKind, VerifierKey};
use crate::note::NoteSignature;
use ed25519_dalek::Signer as _;
use jiff::Timestamp;
use std::fmt;

/// A cosignature that is not there or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// No line by that witness.
    #[error("checkpoint is not cosigned by `{0}`")]
    NotCosigned(String),
    /// A line that names the witness and is not its own over this checkpoint.
    #[error("the cosignature by `{0}` does not belong to this checkpoint: one of them was altered")]
    BadCosignature(String),
    /// A key that signs something else.
    #[error("`{0}` is not a witness key")]
    WrongKind(String),
    /// A time that is not between 1970 and 9999.
    #[error("cosignature time {0} is out of range")]
    Time(i128),
}

/// A witness's private key.
pub struct WitnessKey {
    verifier: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl WitnessKey {
    /// The key of a 32-byte seed.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { verifier: VerifierKey::new(name, KeyKind::Witness, secret.verifying_key())?, secret })
    }

    /// The public half.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The line that says this witness saw `checkpoint` at `at`, to the second. The caller has verified that it extends
    /// every checkpoint of that log the witness cosigned before.
    pub fn cosign(&self, checkpoint: &SignedCheckpoint, at: Timestamp) -> Result<NoteSignature, CosignatureError> {
        let seconds = u64::try_from(at.as_second()).map_err(|_| CosignatureError::Time(at.as_second().into()))?;
        let signature = self.secret.sign(&message(seconds, checkpoint.body()));
        let mut bytes = seconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(&signature.to_bytes());
        Ok(NoteSignature { name: self.verifier.name().to_owned(), id: self.verifier.id(), bytes })
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({}, secret)", self.verifier)
    }
}

/// Verifies that `witness` cosigned the checkpoint and returns when; of several times the first.
/// Every line that names the witness must hold.
pub fn verify(checkpoint: &SignedCheckpoint, witness: &VerifierKey) -> Result<Timestamp, CosignatureError> {
    if witness.kind() != KeyKind::Witness {
        return Err(CosignatureError::WrongKind(witness.name().to_owned()));
    }
    let bad = || CosignatureError::BadCosignature(witness.name().to_owned());
    let mut first = None;
    for line in checkpoint.signatures().iter().filter(|line| line.names(witness)) {
        let (seconds, signature) = line.bytes.split_first_chunk::<8>().ok_or_else(bad)?;
        let seconds = u64::from_be_bytes(*seconds);
        if !witness.verifies(&message(seconds, checkpoint.body()), signature) {
            return Err(bad());
        }
        let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.ok_or(CosignatureError::Time(seconds.into()))?;
        first = Some(first.map_or(time, |first: Timestamp| first.min(time)));
    }
    first.ok_or_else(|| CosignatureError::NotCosigned(witness.name().to_owned()))
}

fn message(seconds: u64, body: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, SigningKey};
    use model::Digest;

    fn log() -> SigningKey {
        SigningKey::from_seed("log.example/a", &[4; 32]).unwrap()
    }

    fn witness() -> WitnessKey {
        WitnessKey::from_seed("witness.example/w1", &[5; 32]).unwrap()
    }

    fn checkpoint(size: u64) -> SignedCheckpoint {
        Checkpoint { origin: log().name().to_owned(), size, root: Digest::of(b"root") }.sign(&log()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_cosignature_gives_its_time_and_leaves_the_log_signed_bytes_alone() {
        let mut cosigned = checkpoint(3);
        let before = cosigned.text();
        cosigned.add(witness().cosign(&cosigned, at("2026-02-01T00:00:00Z")).unwrap()).unwrap();
        cosigned.add(witness().cosign(&cosigned, at("2026-01-01T00:00:00.9Z")).unwrap()).unwrap();
        let read = SignedCheckpoint::open(cosigned.text(), log().verifier()).unwrap();
        assert_eq!(verify(&read, witness().verifier()), Ok(at("2026-01-01T00:00:00Z")));
        assert_eq!(read.log_signed_text(), before);
        assert_ne!(read.text(), before);
    }

    #[test]
    fn a_cosignature_of_another_checkpoint_or_time_or_key_does_not_count() {
        let line = witness().cosign(&checkpoint(3), at("2026-01-01T00:00:00Z")).unwrap();
        let bad = Err(CosignatureError::BadCosignature("witness.example/w1".into()));
        let mut other = checkpoint(4);
        other.add(line.clone()).unwrap();
        assert_eq!(verify(&other, witness().verifier()), bad);
        for byte in 0..line.bytes.len() {
            let mut altered = line.clone();
            altered.bytes[byte] ^= 1;
            let mut checkpoint = checkpoint(3);
            checkpoint.add(altered).unwrap();
            assert_eq!(verify(&checkpoint, witness().verifier()), bad, "byte {byte}");
        }
        let mut short = checkpoint(3);
        short.add(NoteSignature { bytes: vec![0; 7], ..line }).unwrap();
        assert_eq!(verify(&short, witness().verifier()), bad);
        let none = Err(CosignatureError::NotCosigned("witness.example/w1".into()));
        assert_eq!(verify(&checkpoint(3), witness().verifier()), none);
        assert_eq!(verify(&checkpoint(3), log().verifier()), Err(CosignatureError::WrongKind("log.example/a".into())),);
    }

    #[test]
    fn a_witness_key_does_not_stand_in_for_the_logs() {
        let twin = WitnessKey::from_seed("log.example/a", &[4; 32]).unwrap();
        let note = checkpoint(3).text();
        assert!(SignedCheckpoint::open(note, twin.verifier()).is_err());
        assert!(witness().cosign(&checkpoint(3), at("1969-12-31T23:59:59Z")).is_err());
        assert!(!format!("{:?}", witness()).contains("0505"));
    }
}
