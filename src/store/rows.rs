//! The rows of the projections: what pages, commands and schedules ask for without opening documents.
//!
//! They are derived from log entries and never the evidence itself: a decision reads the sealed document.

use jiff::Timestamp;
use model::{Digest, Outcome, SnapshotStatus, VerdictCounts};

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    /// The manifest's id.
    pub id: String,
    /// The entry that sealed it.
    pub log_index: u64,
    /// Configured source.
    pub source: String,
    /// Collector id.
    pub collector: String,
    /// Collector version.
    pub collector_version: String,
    /// What it is worth.
    pub status: SnapshotStatus,
    /// Start of the run.
    pub started_at: Timestamp,
    /// End of the run.
    pub finished_at: Timestamp,
    /// The source's own time of the state described.
    pub observed_at: Option<Timestamp>,
    /// The due slot it fills.
    pub slot: Option<Timestamp>,
    /// Members counted.
    pub counted: u64,
    /// Members the source declares.
    pub declared: Option<u64>,
    /// Whether it is sample data.
    pub sample: bool,
    /// SHA-256 of the manifest.
    pub manifest_sha256: Digest,
}

/// What became of one due slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// Configured source.
    pub source: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// `complete`, `incomplete`, `suspect`, `failed`, `missed`, `skipped`.
    pub outcome: String,
    /// Why, where it is not complete.
    pub reason: Option<String>,
    /// The snapshot that fills it.
    pub snapshot: Option<String>,
    /// The entry that says so.
    pub log_index: u64,
}

/// One evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationRow {
    /// The entry that sealed it.
    pub log_index: u64,
    /// The check.
    pub check: String,
    /// The instant it was evaluated for.
    pub as_of: Timestamp,
    /// Its outcome.
    pub outcome: Outcome,
    /// Members by verdict.
    pub verdicts: VerdictCounts,
    /// SHA-256 of the sealed evaluation.
    pub sha256: Digest,
}

/// A finding as its last event left it.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow {
    /// The finding's id.
    pub id: String,
    /// The check that raised it; empty where a person did.
    pub check: String,
    /// Its state.
    pub state: String,
    /// The whole finding after its last event.
    pub body: serde_json::Value,
    /// The entry of that event.
    pub log_index: u64,
}

/// A person's word that a suspect snapshot is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationRow {
    /// The snapshot.
    pub snapshot: String,
    /// When it was confirmed.
    pub at: Timestamp,
    /// The entry that says so.
    pub log_index: u64,
}

/// Something stored that is damaged, and one snapshot that rests on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageRow {
    /// The blob or opening.
    pub digest: Digest,
    /// A snapshot that cannot be relied on any more; empty when no snapshot rests on it.
    pub snapshot: String,
    /// That snapshot's source; empty likewise.
    pub source: String,
    /// The file it lies in.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
    /// The entry that says so.
    pub log_index: u64,
}

/// Something that people decide on, as its last event left it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// The kind of its entries: `exception`, `evidence`, `access_review`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The whole of it after its last event.
    pub body: serde_json::Value,
    /// The entry of its first event that is known.
    pub since: u64,
    /// The entry of its last event.
    pub log_index: u64,
}

/// An item of an access review, as its last event left it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewItemRow {
    /// The review.
    pub review: String,
    /// The account it is about.
    pub account: String,
    /// Configured source.
    pub source: String,
    /// Key of the person who decides; none: nobody may.
    pub reviewer: Option<String>,
    /// `pending`, `not_reviewed`, `decided`.
    pub state: String,
    /// The whole of it.
    pub body: serde_json::Value,
    /// The entry of its last event.
    pub log_index: u64,
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Its id.
    pub id: String,
    /// The entry that made it.
    pub log_index: u64,
    /// When it was made.
    pub at: Timestamp,
    /// It holds every snapshot of this source.
    pub source: Option<String>,
    /// It holds this snapshot.
    pub snapshot: Option<String>,
    /// When it was released.
    pub released: Option<Timestamp>,
}

/// An entry whose document was erased on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedRow {
    /// The entry.
    pub log_index: u64,
    /// The erasure entry.
    pub by_index: u64,
    /// When.
    pub at: Timestamp,
}
