//! What is to be sealed, which need not all be in memory at once.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// The bytes of one blob.
pub trait Content: Sync {
    /// How many.
    fn bytes(&self) -> u64;

    /// Those at these positions. They are the same at every reading.
    fn read(&self, part: Range<u64>) -> io::Result<Cow<'_, [u8]>>;
}

impl<T: AsRef<[u8]> + Sync> Content for T {
    fn bytes(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn read(&self, part: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let place = |at: u64| usize::try_from(at).ok();
        let part = place(part.start).zip(place(part.end)).and_then(|(from, to)| self.as_ref().get(from..to));
        part.map(Cow::Borrowed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
