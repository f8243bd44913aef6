//! Evidence packs: written from sealed bytes, verified by anybody, offline.
//!
//! [`prepare`] takes a [`Plan`] and a [`Source`] of sealed bytes and knows nothing of where they are kept. [`verify`] takes a
//! pack, store or published log that may be hostile: it never writes, never reaches for the network, never follows a link, never unpacks
//! to disk, and tells what is proven from what is not. Nothing here decides whether a check passed.
//!
//! Without the feature `write` the crate is the verifier alone, which the binary `evidenced-verify` is built from.

mod archive;
mod cells;
mod error;
#[cfg_attr(not(feature = "write"), expect(dead_code, reason = "the verifier looks for some of the names only"))]
mod layout;
mod manifest;
mod names;
mod previous;
mod tables;
mod verify;

#[cfg(feature = "write")]
mod anchors;
#[cfg(feature = "write")]
mod cadence;
#[cfg(feature = "write")]
mod entries;
#[cfg(feature = "write")]
mod extent;
#[cfg(feature = "write")]
pub mod paper;
#[cfg(feature = "write")]
mod period;
#[cfg(feature = "write")]
mod plan;
#[cfg(feature = "write")]
mod readme;
#[cfg(feature = "write")]
mod redact;
#[cfg(feature = "write")]
mod reperform;
#[cfg(feature = "write")]
mod report;
#[cfg(feature = "write")]
mod sink;
#[cfg(feature = "write")]
mod summary;
#[cfg(feature = "write")]
mod write;

#[cfg(test)]
#[cfg(feature = "write")]
mod tests;

pub use cells::text_cell;
#[cfg(feature = "write")]
pub use error::PackError;
pub use error::VerifyError;
pub use manifest::{FileRecord, ItemRecord, PackManifest, RedactionRecord};
#[cfg(feature = "write")]
pub use plan::{
    Applicability, Authority, CheckFile, Control, Custody, Damage, Database, Exclusion, Form, Framework, Plan,
    Progress, Request, Slot, Source, SourceError,
};
#[cfg(feature = "write")]
pub use previous::ExportRecord;
#[cfg(feature = "write")]
pub use redact::{Opened, open as open_redacted};
pub use verify::{Policy, Problem, TimestampRule, VerifyOptions, VerifyReport, WitnessRule, verify};
#[cfg(feature = "write")]
pub use write::{Prepared, Written, prepare};
