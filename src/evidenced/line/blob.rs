//! What is handed to the store to be sealed, wherever it was laid aside: answers, rows, evaluations.

use crate::failure::Failure;
use egress::{Aside, Kept};
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// The content of one blob or document.
#[derive(Debug)]
pub(crate) struct Blob(pub(crate) Kept);

impl Blob {
    /// Lays `bytes` aside.
    pub(crate) fn aside(aside: &Aside, bytes: Vec<u8>) -> Result<Self, Failure> {
        aside.keep(&bytes.into()).map(Self).map_err(Failure::store)
    }
}

impl store::Content for Blob {
    fn bytes(&self) -> u64 {
        self.0.len()
    }

    fn read(&self, part: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        self.0.read(part)
    }
}
