//! The vocabulary every stage of the line shares.
//!
//! Types only: no I/O, no async, no clock, no SQL. A stage knows the stage before it by one of these and by nothing else.

pub mod canonical;
pub mod check;
pub mod collector;
pub mod detail;
pub mod digest;
pub mod name;
pub mod role;
pub mod snapshot;
pub mod table;
pub mod time;

pub use canonical::{CanonicalError, canonical_json};
pub use check::{Evaluation, ExceptionRef, InputRef, InputState, Member, Outcome, Verdict, VerdictCounts, roll_up};
pub use collector::{CollectError, CollectorSpec};
pub use detail::{Detail, DetailNames};
pub use digest::{Digest, Hasher};
pub use jiff::Timestamp;
pub use name::plain_name;
pub use role::Role;
pub use snapshot::{
    Caller, ClockState, Completeness, CompletenessRecord, Count, ErrorRecord, Exchange, ExchangeRecord, Manifest,
    Observation, Reason, ReasonCode, Redaction, SnapshotStatus, TableRecord,
};
pub use table::{Column, ColumnKind, Observed, Row, Table, TableError, TableSpec};
