//! Evidence packs: written from sealed bytes, verified by anybody, offline.
//!
//! [`prepare`] takes a [`Plan`] and a [`Source`] of sealed bytes and knows nothing of where they are kept. [`verify`] takes a
//! file or folder that may be hostile: it never writes, never reaches for the network, never follows a link, never unpacks
//! to disk, and tells what is proven from what is not. Nothing here decides whether a check passed.

mod archive;
mod cells;
mod entries;
mod error;
mod layout;
mod manifest;
mod names;
mod plan;
mod readme;
mod reperform;
mod sink;
mod summary;
mod tables;
mod verify;
mod write;

#[cfg(test)]
mod tests;

pub use error::{PackError, VerifyError};
pub use manifest::{FileRecord, ItemRecord, PackManifest};
pub use plan::{
    Applicability, CheckFile, Control, Database, Exclusion, Form, Framework, Plan, Progress, Request, Slot, Source,
    SourceError,
};
pub use verify::{Problem, VerifyOptions, VerifyReport, verify};
pub use write::{Prepared, Written, prepare};
