//! Values that are proven to be in the log.
//!
//! There is no way to a [`Sealed`] but [`Sealed::prove`], so a function that takes one cannot be given unsealed data.

use crate::checkpoint::SignedCheckpoint;
use crate::entry::{Entry, EntryError};
use crate::opening::{Opening, OpeningError};
use crate::tree::{Inclusion, TreeError, leaf_hash};
use model::Digest;

/// Why a document is not proven to be in the log.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The entry is not in the log, or not at that index.
    #[error("entry {index} is not proven to be in the log: {source}")]
    Inclusion {
        /// The index claimed.
        index: u64,
        /// Where the proof breaks.
        source: TreeError,
    },
    /// The entry cannot be read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The entry commits to no document.
    #[error("entry {0} has no document")]
    NoDocument(u64),
    /// The opening is not the one the entry commits to.
    #[error("opening of entry {index} has the digest {found}, the entry commits to {expected}")]
    OpeningDiffers {
        /// The entry.
        index: u64,
        /// What the entry commits to.
        expected: Digest,
        /// What there is.
        found: Digest,
    },
    /// The opening cannot be read.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The document is not the one the opening names.
    #[error(
        "document of entry {index} is {found_size} bytes with the digest {found}, its opening names {expected_size} with {expected}"
    )]
    DocumentDiffers {
        /// The entry.
        index: u64,
        /// What the opening names.
        expected: Digest,
        /// Bytes the opening names.
        expected_size: u64,
        /// What there is.
        found: Digest,
        /// Bytes there are.
        found_size: u64,
    },
    /// The document is the sealed one and cannot be read as what it should be.
    #[error("sealed document of entry {index} cannot be read: {source}")]
    Document {
        /// The entry.
        index: u64,
        /// What its reader says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A value read from bytes that a signed checkpoint covers.
///
/// It cannot be made by hand, not even from a value that was sealed before:
///
/// ```compile_fail,E0451
/// fn forge(entry: ledger::Entry, opening: ledger::Opening) -> ledger::Sealed<u8> {
///     ledger::Sealed { value: 1, index: 0, entry, opening }
/// }
/// ```
///
/// The same lines compile without the forged struct, so it is the privacy of the fields that stops it:
///
/// ```
/// fn read(sealed: &ledger::Sealed<u8>) -> (u8, u64) {
///     (*sealed.value(), sealed.index())
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed<T> {
    value: T,
    index: u64,
    entry: Entry,
    opening: Opening,
}

impl<T> Sealed<T> {
    /// Proves the chain from `checkpoint` to `document`, then reads the document:
    /// the entry is in the log the checkpoint signs, the entry commits to the opening's text, the opening names the
    /// document's digest and size.
    pub fn prove<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        entry: &[u8],
        inclusion: &Inclusion,
        checkpoint: &SignedCheckpoint,
        opening: impl AsRef<[u8]>,
        document: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Self, SealError> {
        let (index, opening) = (inclusion.index, opening.as_ref());
        inclusion
            .verify(leaf_hash(entry), checkpoint.size(), checkpoint.root())
            .map_err(|source| SealError::Inclusion { index, source })?;
        let entry = Entry::decode(entry)?;
        let expected = entry.commit.ok_or(SealError::NoDocument(index))?;
        let found = Digest::of(opening);
        if found != expected {
            return Err(SealError::OpeningDiffers { index, expected, found });
        }
        let opening = Opening::parse(opening)?;
        let (found, found_size) = (Digest::of(document), document.len() as u64);
        if found != opening.sha256() || found_size != opening.size() {
            let (expected, expected_size) = (opening.sha256(), opening.size());
            return Err(SealError::DocumentDiffers { index, expected, expected_size, found, found_size });
        }
        let value = parse(document).map_err(|source| SealError::Document { index, source: source.into() })?;
        Ok(Self { value, index, entry, opening })
    }

    /// What was sealed.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// What was sealed, without its proof.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Position of the entry in the log, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The entry that commits to it.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The text between entry and document.
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// SHA-256 of the sealed document.
    pub const fn document_sha256(&self) -> Digest {
        self.opening.sha256()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Checkpoint, EntryFields, MemoryNodes, SigningKey, tree};

    /// A log of three entries whose second commits to a document.
    struct Log {
        entry: Vec<u8>,
        nodes: MemoryNodes,
        checkpoint: SignedCheckpoint,
        opening: String,
        document: Vec<u8>,
    }

    fn entry(seq: u64, commit: Option<Digest>) -> Vec<u8> {
        let fields = EntryFields {
            v: EntryFields::VERSION,
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            tool: "evidenced/0.1.0".into(),
            series: "identity_map".into(),
            seq,
            prev: (seq > 1).then(|| Digest::of(b"previous")),
            anchor: None,
            commit,
            body: Body::IdentityMap,
        };
        Entry::new(fields).unwrap().encode()
    }

    fn log() -> Log {
        let document = b"the document".to_vec();
        let opening = Opening::of([7; 32], &document, "text/plain").unwrap();
        let entry_with = entry(2, Some(opening.commit()));
        let entries = [entry(1, None), entry_with.clone(), entry(3, None)];
        let nodes = MemoryNodes::from_leaves(entries.iter().map(|entry| leaf_hash(entry))).unwrap();
        let key = SigningKey::from_seed("log.example/a", &[1; 32]).unwrap();
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size: 3, root: nodes.root() }.sign(&key).unwrap();
        Log { entry: entry_with, nodes, checkpoint, opening: opening.to_string(), document }
    }

    impl Log {
        fn prove(&self) -> Result<Sealed<String>, SealError> {
            self.prove_at(1)
        }

        fn prove_at(&self, index: u64) -> Result<Sealed<String>, SealError> {
            let inclusion = tree::inclusion_proof(&self.nodes, index, 3).unwrap();
            Sealed::prove(&self.entry, &inclusion, &self.checkpoint, &self.opening, &self.document, |bytes| {
                String::from_utf8(bytes.to_vec())
            })
        }
    }

    #[test]
    fn a_document_is_sealed_by_the_whole_chain() {
        let sealed = log().prove().unwrap();
        assert_eq!(sealed.value(), "the document");
        assert_eq!((sealed.index(), sealed.entry().seq), (1, 2));
        assert_eq!(sealed.document_sha256(), Digest::of(b"the document"));
        assert_eq!(sealed.opening().media_type(), "text/plain");
    }

    #[test]
    fn an_entry_that_is_not_in_the_log_seals_nothing() {
        let opening = Opening::of([7; 32], b"the document", "text/plain").unwrap();
        let forged = Log { entry: entry(9, Some(opening.commit())), ..log() };
        assert!(matches!(forged.prove(), Err(SealError::Inclusion { index: 1, .. })));
        assert!(matches!(log().prove_at(2), Err(SealError::Inclusion { index: 2, .. })));
    }

    #[test]
    fn an_entry_without_a_document_seals_nothing() {
        let without = Log { entry: entry(1, None), ..log() };
        assert!(matches!(without.prove_at(0), Err(SealError::NoDocument(0))));
    }

    #[test]
    fn another_opening_seals_nothing_even_of_the_same_document() {
        let opening = Opening::of([8; 32], b"the document", "text/plain").unwrap();
        let swapped = Log { opening: opening.to_string(), ..log() };
        assert!(matches!(swapped.prove(), Err(SealError::OpeningDiffers { index: 1, .. })));
    }

    #[test]
    fn another_document_seals_nothing() {
        for document in ["the documenT", "the document ", ""] {
            let swapped = Log { document: document.into(), ..log() };
            assert!(matches!(swapped.prove(), Err(SealError::DocumentDiffers { index: 1, .. })), "{document:?}");
        }
    }

    #[test]
    fn an_opening_that_is_none_seals_nothing_even_when_the_entry_commits_to_it() {
        let text = "sha256 of the document, trust me\n";
        let entries = [entry(1, None), entry(2, Some(Digest::of(text.as_bytes()))), entry(3, None)];
        let nodes = MemoryNodes::from_leaves(entries.iter().map(|entry| leaf_hash(entry))).unwrap();
        let key = SigningKey::from_seed("log.example/a", &[1; 32]).unwrap();
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size: 3, root: nodes.root() }.sign(&key).unwrap();
        let log = Log { entry: entries[1].clone(), nodes, checkpoint, opening: text.into(), ..log() };
        assert!(matches!(log.prove(), Err(SealError::Opening(OpeningError::Header))));
    }

    #[test]
    fn a_sealed_document_that_cannot_be_read_is_named_as_such() {
        let log = log();
        let inclusion = tree::inclusion_proof(&log.nodes, 1, 3).unwrap();
        let read = Sealed::prove(&log.entry, &inclusion, &log.checkpoint, &log.opening, &log.document, |bytes| {
            serde_json::from_slice::<u8>(bytes)
        });
        assert!(matches!(read, Err(SealError::Document { index: 1, .. })));
    }
}
