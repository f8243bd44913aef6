//! What is handed to the store to be sealed: answers, wherever egress keeps them, and rows.

use egress::Kept;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// The content of one blob.
#[derive(Debug)]
pub(crate) enum Blob {
    /// The body of an exchange.
    Answer(Kept),
    /// A table as it is stored.
    Rows(Vec<u8>),
}

impl store::Content for Blob {
    fn bytes(&self) -> u64 {
        match self {
            Self::Answer(kept) => kept.len(),
            Self::Rows(rows) => rows.bytes(),
        }
    }

    fn read(&self, part: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Answer(kept) => kept.read(part),
            Self::Rows(rows) => rows.read(part),
        }
    }
}
