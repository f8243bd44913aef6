//! The evidence store: captured bytes by digest, the log of what happened, and the projections pages read.
//!
//! One process writes ([`Store`]); any number read beside it ([`Reader`]). Nothing here changes or deletes evidence, no store
//! comes into being but by [`Store::init`], and no failed fsync is tried again.

mod blob_rows;
mod blobs;
mod closing;
mod commit;
mod container;
mod database;
mod delta;
mod durable;
mod error;
mod fsck;
mod marker;
mod open_files;
mod paths;
mod pieces;
mod project;
mod publish;
mod reader;
mod rows;
mod shelf;
mod signed;
mod start;
mod store;
mod tables;
mod writer_lock;

#[cfg(test)]
mod behaviour;

pub use commit::{Document, Draft, LogEntry};
pub use error::StoreError;
pub use fsck::{FsckProgress, FsckReport, FsckStage, Problem, fsck};
pub use paths::StorePaths;
pub use reader::Reader;
pub use rows::{ConfirmationRow, EvaluationRow, FindingRow, SlotRow, SnapshotRow};
pub use store::{Store, snapshot_series};
pub use tables::SnapshotFilter;
