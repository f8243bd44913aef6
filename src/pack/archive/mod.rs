//! The archive form of a pack: a ZIP file with exactly one way to be written.
//!
//! Every tool opens it. This reader accepts only what this writer writes: members without gap or overlap, headers that
//! equal the ones it would write itself, fixed times, no extra field, no comment but the digest of the bytes before the
//! end records. A bit that no other tool looks at is therefore found too. Nothing here ever touches a path: the reader
//! hands out bytes and never extracts.

mod format;
mod read;
#[cfg(feature = "write")]
mod write;

pub(crate) use read::{Archive, ArchiveError, looks_like_archive};
#[cfg(feature = "write")]
pub(crate) use write::ArchiveWriter;

#[cfg(test)]
#[cfg(feature = "write")]
mod tests;
