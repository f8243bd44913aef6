//! What an evaluation is given: the latest snapshot of every configured source and the configuration that bears on it.
//!
//! Plain data that travels to the worker process as JSON; only rows are read later. It reads no store and no clock.

use crate::history::HistoryInput;
use crate::programme::Programme;
use crate::rows::{Rows, RowsError, Take};
use jiff::civil::Time;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use model::{Digest, SnapshotStatus, Table, TableSpec};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::sync::Arc;

/// Everything an evaluation depends on beside the checks. The same inputs give the same bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inputs {
    /// The instant to evaluate for; a fraction of a second is rounded up.
    pub as_of: Timestamp,
    /// The organisation's zone: dates of employment begin and end in it.
    #[serde(with = "zone")]
    pub timezone: TimeZone,
    /// When the last day of employment ends in that zone; none: with the day itself.
    pub last_day_ends: Option<Time>,
    /// The organisation's mail domains; only addresses in them link an account to a person. Empty: any domain does.
    pub domains: Vec<String>,
    /// Whether the part before the `@` is compared without case.
    pub fold_local_part: bool,
    /// Every configured source.
    pub sources: Vec<SourceInput>,
    /// Every snapshot known at `as_of` that the programme's own checks look at; those of `sources` are added if absent.
    pub snapshots: Vec<SnapshotRow>,
    /// Every due slot known at `as_of`.
    pub slots: Vec<SlotRow>,
    /// Approved identity links of the configuration.
    pub links: Vec<ApprovedLink>,
    /// The account register of the configuration.
    pub accounts: Vec<RegisteredAccount>,
    /// What earlier complete snapshots of the sources showed. It goes to the worker process when the sources are mapped there.
    #[serde(skip)]
    pub history: Vec<HistoryInput>,
    /// Every exception that was approved, whenever it holds.
    pub exceptions: Vec<ExceptionInput>,
    /// What the organisation's own records say, for the checks over the programme.
    pub programme: Programme,
}

/// An approved exception.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExceptionInput {
    /// Its id.
    pub id: String,
    /// The entry of its last event.
    pub log_index: u64,
    /// The check whose failures it tolerates.
    pub check: String,
    /// Subjects; `*` stands for any run of characters.
    pub subjects: Vec<String>,
    /// Only where evidence of this source decided it.
    pub source: Option<String>,
    /// First instant it holds.
    pub from: Timestamp,
    /// First instant it no longer holds.
    pub until: Timestamp,
}

/// One configured source and its latest snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceInput {
    /// Configured name.
    pub name: String,
    /// Collector id.
    pub collector: String,
    /// From its tables to the vocabulary: the collector's `mapping.sql`, or what the configuration declares.
    pub mapping_sql: String,
    /// Vocabulary tables that the mapping fills.
    pub provides: Vec<String>,
    /// Its tables as this version and this configuration derive them, so that they exist without a snapshot too.
    pub specs: Vec<TableSpec>,
    /// Age beyond which the source's evidence is stale.
    pub max_age: SignedDuration,
    /// Whether a gap in its evidence is a failure of the programme.
    pub required: bool,
    /// Whether the configuration says that an empty population is expected.
    pub expect_empty: bool,
    /// The latest snapshot finished at or before `as_of`, whatever its status; none when there is none.
    pub snapshot: Option<SnapshotInput>,
}

/// A snapshot with its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SnapshotInput {
    /// Its id.
    pub id: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Digest,
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
    /// Why it is not complete, one sentence each.
    pub reasons: Vec<String>,
    /// Its derived tables; empty when it failed.
    pub tables: Vec<TableInput>,
    /// Whether a person confirmed a suspect snapshot.
    pub confirmed: bool,
}

/// A table of a snapshot. Its rows are read when they are needed, each time anew, and not held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableInput {
    /// As it was sealed.
    pub spec: TableSpec,
    /// Where its rows are. They do not travel with it: the worker process is sent them one table after another.
    #[serde(skip, default = "sent_apart")]
    pub rows: Arc<dyn Rows>,
}

impl From<Table> for TableInput {
    fn from(table: Table) -> Self {
        Self { spec: table.spec().clone(), rows: Arc::new(table) }
    }
}

/// Rows that are not here.
#[derive(Debug)]
struct SentApart;

impl Rows for SentApart {
    fn pour(&self, _: &mut Take<'_>) -> Result<(), RowsError> {
        Err(RowsError::Unreadable("the rows of a table are sent apart from it".to_owned()))
    }
}

fn sent_apart() -> Arc<dyn Rows> {
    Arc::new(SentApart)
}

/// A snapshot as the programme's checks see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRow {
    /// Its id.
    pub snapshot: String,
    /// The source.
    pub source: String,
    /// The collector.
    pub collector: String,
    /// What it is worth.
    pub status: SnapshotStatus,
    /// Start of the run.
    pub started_at: Timestamp,
    /// End of the run.
    pub finished_at: Timestamp,
    /// The source's own time.
    pub observed_at: Option<Timestamp>,
    /// The due slot it fills.
    pub slot: Option<Timestamp>,
}

/// A due slot and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRow {
    /// The source.
    pub source: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// complete, incomplete, suspect, failed, missed or skipped.
    pub outcome: String,
    /// Why it was missed or skipped.
    pub reason: Option<String>,
    /// The snapshot it ended in.
    pub snapshot: Option<String>,
}

/// An identity link that a person approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedLink {
    /// The account.
    pub account_key: String,
    /// The person.
    pub person_key: String,
    /// Who approved it.
    pub approved_by: String,
    /// First instant it holds; none: always did.
    pub valid_from: Option<Timestamp>,
    /// First instant it no longer holds; none: no end.
    pub valid_to: Option<Timestamp>,
}

/// An entry of the account register.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredAccount {
    /// Account key; `*` stands for any run of characters.
    pub pattern: String,
    /// What the account is: service, shared, break_glass, guest, human. Overrides the source's word, except for root.
    pub kind: Option<String>,
    /// Who answers for it: a person's key, address or name.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Why it may be an administrator, or exist against the rule.
    #[serde(default)]
    pub justification: Option<String>,
    /// Who approved that.
    #[serde(default)]
    pub approved_by: Option<String>,
    /// First instant the justification no longer holds; none: no end.
    #[serde(default)]
    pub valid_to: Option<Timestamp>,
    /// When break-glass access was last tried.
    #[serde(default)]
    pub tested_at: Option<Timestamp>,
}

impl SnapshotInput {
    /// The instant its rows describe: the older of the source's own time and the end of the run.
    pub fn seen_at(&self) -> Timestamp {
        self.observed_at.map_or(self.finished_at, |observed| observed.min(self.finished_at))
    }
}

impl SourceInput {
    /// The programme's row for its latest snapshot.
    pub(crate) fn snapshot_row(&self) -> Option<SnapshotRow> {
        self.snapshot.as_ref().map(|snapshot| SnapshotRow {
            snapshot: snapshot.id.clone(),
            source: self.name.clone(),
            collector: self.collector.clone(),
            status: snapshot.status,
            started_at: snapshot.started_at,
            finished_at: snapshot.finished_at,
            observed_at: snapshot.observed_at,
            slot: snapshot.slot,
        })
    }
}

/// A zone travels as its IANA name and is looked up in the bundled database, so that every host computes the same instants.
mod zone {
    use super::{Deserialize, Deserializer, Serialize, Serializer, TimeZone, TimeZoneDatabase, de, ser};

    pub(super) fn serialize<S: Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
        let name =
            zone.iana_name().ok_or_else(|| ser::Error::custom("the organisation's time zone has no IANA name"))?;
        name.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
        let name = String::deserialize(deserializer)?;
        TimeZoneDatabase::bundled().get(&name).map_err(de::Error::custom)
    }
}
