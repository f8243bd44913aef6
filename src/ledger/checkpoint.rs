//! C2SP tlog-checkpoints: a log's signed size and root.
//!
//! A [`SignedCheckpoint`] exists only with the log's signature verified or freshly made; it never carries extension lines.

use crate::key::{SigningKey, VerifierKey, is_key_name};
use crate::note::{Note, NoteError, NoteSignature};
use crate::text;
use crate::tree::{MAX_SIZE, empty_root};
use model::Digest;

/// A checkpoint that cannot be read or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The signed note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not exactly origin, size and root.
    #[error("checkpoint is not the three lines origin, size and root")]
    Form,
    /// A size no tree has.
    #[error("checkpoint size is not a plain decimal number")]
    Size,
    /// Not a digest, or not that of the empty tree at size 0.
    #[error("checkpoint root is not a SHA-256 root of a log of that size")]
    Root,
    /// Another log's.
    #[error("checkpoint is of the log `{found}`, not `{expected}`")]
    Origin {
        /// The key's name.
        expected: String,
        /// The checkpoint's first line.
        found: String,
    },
}

/// What a log says of itself at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
}

impl Checkpoint {
    /// `origin\nsize\nbase64(root)\n`: the bytes that are signed.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, text::base64(self.root.as_bytes()))
    }

    /// Reads [`Self::body`].
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let mut lines = body.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form);
        };
        if !is_key_name(origin) {
            return Err(CheckpointError::Form);
        }
        let size = text::decimal(size).ok_or(CheckpointError::Size)?;
        let root = text::digest_from_base64(root).ok_or(CheckpointError::Root)?;
        if size == 0 && root != empty_root() {
            return Err(CheckpointError::Root);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Signs it with the key of its own origin. The caller has proved that it extends every checkpoint signed before.
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointError> {
        if self.origin != key.name() {
            return Err(CheckpointError::Origin { expected: key.name().to_owned(), found: self.origin });
        }
        if self.size >= MAX_SIZE {
            return Err(CheckpointError::Size);
        }
        let note = Note::sign(self.body(), key)?;
        Ok(SignedCheckpoint { checkpoint: self, note, key: key.verifier().clone() })
    }
}

/// A checkpoint whose log signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    key: VerifierKey,
}

impl SignedCheckpoint {
    /// Reads a checkpoint and verifies that `key`, whose name is the origin, signed it.
    pub fn open(text: impl AsRef<[u8]>, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let note = Note::parse(text.as_ref())?;
        note.verify(key)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Origin { expected: key.name().to_owned(), found: checkpoint.origin });
        }
        Ok(Self { checkpoint, note, key: key.clone() })
    }

    /// What it says.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// Entries in the log.
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root of the tree.
    pub const fn root(&self) -> Digest {
        self.checkpoint.root
    }

    /// The key that was verified.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The signed text: the checkpoint's three lines.
    pub fn body(&self) -> &str {
        self.note.text()
    }

    /// Every signature line, the log's and those of witnesses.
    pub fn signatures(&self) -> &[NoteSignature] {
        self.note.signatures()
    }

    /// The whole file, with all signatures.
    pub fn text(&self) -> String {
        self.note.to_string()
    }

    /// The file with the log's signatures alone: the bytes a timestamp token is over.
    pub fn log_signed_text(&self) -> String {
        let mut text = format!("{}\n", self.body());
        for signature in self.signatures().iter().filter(|signature| signature.names(&self.key)) {
            text.push_str(&signature.to_string());
            text.push('\n');
        }
        text
    }

    /// The same with the log's own signatures alone: those under the log's name.
    #[must_use]
    pub fn without_cosignatures(&self) -> Self {
        let mut own = self.clone();
        own.note.retain(|line| line.name == self.checkpoint.origin);
        own
    }

    /// Adds the signature of another key of the same log.
    pub fn sign_also(&mut self, key: &SigningKey) -> Result<(), CheckpointError> {
        if self.checkpoint.origin != key.name() {
            let (expected, found) = (key.name().to_owned(), self.checkpoint.origin.clone());
            return Err(CheckpointError::Origin { expected, found });
        }
        Ok(self.note.sign_also(key)?)
    }

    /// Verifies that `key` signed it too.
    pub fn verify_also(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        Ok(self.note.verify(key)?)
    }

    /// Whether `key` signed it too. A line that names the key and is not its own is no signature.
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        self.verify_also(key).is_ok()
    }

    /// Adds a witness's line.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), CheckpointError> {
        Ok(self.note.add(signature)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/a", &[9; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "log.example/a".into(), size: 5, root: Digest::of(b"root") }
    }

    #[test]
    fn a_checkpoint_survives_signing_and_opening() {
        let signed = checkpoint().sign(&key()).unwrap();
        assert_eq!(signed, SignedCheckpoint::open(signed.text(), key().verifier()).unwrap());
        assert_eq!(signed.log_signed_text(), signed.text());
    }

    #[test]
    fn extension_lines_and_other_spellings_are_refused() {
        let root = text::base64(Digest::of(b"root").as_bytes());
        for (refused, why) in [
            (String::new(), CheckpointError::Form),
            (format!("o\n5\n{root}"), CheckpointError::Form),
            (format!("o\n5\n{root}\nextension\n"), CheckpointError::Form),
            (format!("\n5\n{root}\n"), CheckpointError::Form),
            (format!("o\n05\n{root}\n"), CheckpointError::Size),
            (format!("o\n-5\n{root}\n"), CheckpointError::Size),
            (format!("o\n9223372036854775808\n{root}\n"), CheckpointError::Size),
            ("o\n5\nAAAA\n".into(), CheckpointError::Root),
            (format!("o\n0\n{root}\n"), CheckpointError::Root),
        ] {
            assert_eq!(Checkpoint::parse(&refused), Err(why), "{refused:?}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_origin_is_refused_even_when_the_key_signed_it() {
        let other = Checkpoint { origin: "log.example/b".into(), ..checkpoint() };
        let note = Note::sign(other.body(), &key()).unwrap().to_string();
        assert!(matches!(SignedCheckpoint::open(note, key().verifier()), Err(CheckpointError::Origin { .. })));
        assert!(matches!(other.sign(&key()), Err(CheckpointError::Origin { .. })));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.body(), text);
            }
        }

        #[test]
        fn lines_shaped_like_a_checkpoint_are_read_or_refused(text in "[a+]{0,3}\n[0-9]{0,21}\n[A-Za-z0-9+/]{42,43}=\n{0,2}") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.body(), text);
            }
        }
    }
}
