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
