//! The evidence store: captured bytes by digest, the log of what happened, and the projections pages read.
//!
//! One process writes ([`Store`]); any number read beside it ([`Reader`]). Nothing here changes or deletes evidence, no store
//! comes into being but by [`Store::init`], and no failed fsync is tried again.

mod access;
mod anchors;
mod blob_rows;
mod blobs;
mod closing;
mod commit;
mod container;
mod content;
mod cosigned;
mod database;
mod delta;
mod durable;
mod elsewhere;
mod erase;
mod error;
mod fsck;
mod keys;
mod marker;
mod mirror;
mod open_files;
mod outbox;
mod paths;
mod pieces;
mod project;
mod publish;
mod reader;
mod restore;
mod rows;
mod scrub;
mod shelf;
mod signed;
mod start;
mod store;
mod tables;
mod writer_lock;

#[cfg(test)]
mod behaviour;

pub use access::{AccessChange, LinkRow, SessionRow, UserRow, UserSource};
pub use anchors::{Anchor, AnchorError, AnchorFiles, Stamp};
pub use commit::{Document, Draft, LogEntry};
pub use content::Content;
pub use cosigned::Cosigned;
pub use elsewhere::{Asked, Consult, Held, Keeping};
pub use erase::MOST_ERASED;
pub use error::StoreError;
pub use fsck::{FsckProgress, FsckReport, FsckStage, Problem, fsck};
pub use outbox::{Attempt, MessageRow, MessageState, NoticeRow, Progress};
pub use paths::StorePaths;
pub use reader::Reader;
pub use restore::Restoration;
pub use rows::{
    ConfirmationRow, DamageRow, ErasedRow, EvaluationRow, FindingRow, HoldRow, RecordRow, ReviewItemRow, SlotRow,
    SnapshotRow,
};
pub use scrub::{Damage, Dependents, ScrubOptions, Scrubbed, scrub};
pub use store::{Store, snapshot_series};
pub use tables::SnapshotFilter;
pub use writer_lock::DAEMON_SOCKET;
