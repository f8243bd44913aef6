//! What one collector run saw of one source at one time.

use crate::digest::Digest;
use crate::table::Table;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request and the bytes that answered it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What the manifest says of it.
    pub record: ExchangeRecord,
    /// The body as received, cut where the connection was.
    pub body: Bytes,
}

/// The part of an exchange that the manifest holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRecord {
    /// Position in the run, from 1.
    pub seq: u32,
    /// The operation as `collector.toml` names it: `iam:ListUsers`, `GET /orgs/{org}/members`, `read`.
    pub operation: String,
    /// HTTP method; `READ` for a local file, `LIST` for a folder's names, `EXEC` for a program.
    pub method: String,
    /// URL with the query, credentials removed; `file:` for a path, `exec:` for a program.
    pub url: String,
    /// The body sent, where it is text without secrets (AWS query protocol, GraphQL); a program's arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// Which attempt at this request this was, from 1.
    pub attempt: u32,
    /// HTTP status, or a program's exit code; none when no answer began.
    pub status: Option<u16>,
    /// Kept response headers, lower-case: `date`, `etag`, `link`, `content-type`, request ids, rate limits.
    pub headers: BTreeMap<String, String>,
    /// Length of the body as received.
    pub bytes: u64,
    /// SHA-256 of the body as received.
    pub sha256: Digest,
    /// When the request left.
    pub started_at: Timestamp,
    /// When the last byte arrived, or the attempt failed.
    pub finished_at: Timestamp,
    /// The transport failure, if any; the body is then what had arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The identity the source saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// STS caller ARN, GitHub login, local user.
    pub identity: String,
    /// AWS account, GitHub organisation, host.
    pub tenant: String,
}

/// Why something was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A call was refused; `permission` names what is missing.
    Denied,
    /// The caller cannot see what the population statement claims.
    NotOwner,
    /// The page cap was reached before the last page.
    PageCap,
    /// A page token came back that had been followed already.
    PageLoop,
    /// Two pages were the same bytes.
    PageRepeated,
    /// Our count and the source's own do not agree.
    CountsDisagree,
    /// The same member came twice with different content.
    DuplicateDiffers,
    /// A detail call for one member failed.
    MemberFailed,
    /// Bytes that are not what the source's documentation promises.
    Malformed,
    /// A row of a file was rejected.
    RowRejected,
    /// The population is empty and nobody declared that to be expected.
    Empty,
    /// The population fell by more than the source's guard allows.
    Drop,
    /// The run ended early; `errors` says why.
    Failed,
}

/// One thing that was not seen, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Machine-readable.
    pub code: ReasonCode,
    /// One sentence for the person who mends it.
    pub message: String,
    /// Tables concerned; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Columns that are *not reported* because of it; empty: rows may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The permission that would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
}

impl Reason {
    /// A reason that concerns the whole snapshot.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), tables: Vec::new(), columns: Vec::new(), permission: None }
    }

    /// Narrows it to one table.
    #[must_use]
    pub fn table(mut self, table: &str) -> Self {
        self.tables.push(table.to_owned());
        self
    }

    /// Names columns that are *not reported* because of it.
    #[must_use]
    pub fn columns(mut self, columns: &[&str]) -> Self {
        self.columns.extend(columns.iter().map(|column| (*column).to_owned()));
        self
    }

    /// Names the permission that would mend it.
    #[must_use]
    pub fn permission(mut self, permission: &str) -> Self {
        self.permission = Some(permission.to_owned());
        self
    }
}

/// Whether the whole population was seen, and how that is known. There is no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Everything was seen.
    Complete {
        /// Why that can be said: last page reached by the source's own signal, counts agree.
        basis: String,
    },
    /// Something was not, or may not have been.
    Incomplete {
        /// At least one.
        reasons: Vec<Reason>,
    },
}

impl Completeness {
    /// Complete on `basis` only if there is nothing in `reasons`.
    pub fn from_reasons(basis: impl Into<String>, reasons: Vec<Reason>) -> Self {
        if reasons.is_empty() { Self::Complete { basis: basis.into() } } else { Self::Incomplete { reasons } }
    }
}

/// Our count of a population beside the source's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The table whose rows were counted.
    pub table: String,
    /// Members counted in the answers.
    pub counted: u64,
    /// Members the source declares independently, where it does.
    pub declared: Option<u64>,
    /// Where that declaration was read: `iam:GetAccountSummary Users`.
    pub declared_by: Option<String>,
}

/// What a collector makes of the answers: derived, repeatable from the exchanges alone.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Derived tables, every one the collector declares, also when empty.
    pub tables: Vec<Table>,
    /// Whether the population was seen whole.
    pub completeness: Completeness,
    /// Counts; the first is the population's.
    pub counts: Vec<Count>,
    /// Who asked, as the source saw it.
    pub caller: Option<Caller>,
    /// The source's own time of the state described (report generation, `Date` header).
    pub observed_at: Option<Timestamp>,
    /// Secret fields replaced before hashing.
    pub redactions: Vec<Redaction>,
}

impl Observation {
    /// Sorts every table, merges identical duplicates, and makes the observation incomplete where duplicates differ.
    pub fn settle(&mut self) {
        let mut differing = Vec::new();
        for table in &mut self.tables {
            let keys = table.settle();
            if !keys.is_empty() {
                let shown = keys.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
                let message = format!("{} members came more than once with different content: {shown}", keys.len());
                differing.push(Reason::new(ReasonCode::DuplicateDiffers, message).table(&table.spec().name));
            }
        }
        if !differing.is_empty() {
            match &mut self.completeness {
                Completeness::Incomplete { reasons } => {
                    // a collector may have settled it already
                    differing.retain(|reason| !reasons.contains(reason));
                    reasons.extend(differing);
                }
                complete @ Completeness::Complete { .. } => *complete = Completeness::Incomplete { reasons: differing },
            }
        }
    }
}

/// What a snapshot is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotStatus {
    /// The population was seen whole, and is plausible.
    Complete,
    /// Something was not seen.
    Incomplete,
    /// Seen whole but implausible until a person confirms it.
    Suspect,
    /// The run gave no usable population.
    Failed,
}

impl SnapshotStatus {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Suspect => "suspect",
            Self::Failed => "failed",
        }
    }
}

/// A derived table as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// Table name.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// SHA-256 of its canonical JSON lines.
    pub sha256: Digest,
    /// The specification it was derived under, so that a reader needs no other file.
    pub spec: crate::TableSpec,
}

/// The completeness statement as the manifest holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletenessRecord {
    /// Why it is complete; none when it is not.
    pub basis: Option<String>,
    /// Members the source declares independently.
    pub declared: Option<u64>,
    /// Members counted.
    pub counted: u64,
    /// `declared - counted`.
    pub difference: Option<i64>,
    /// Every count taken.
    pub counts: Vec<Count>,
    /// Why it is not complete, or suspect.
    pub reasons: Vec<Reason>,
}

impl CompletenessRecord {
    /// Why, each sentence once: one refusal may concern several tables.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences: Vec<String> = Vec::new();
        for reason in &self.reasons {
            if !sentences.contains(&reason.message) {
                sentences.push(reason.message.clone());
            }
        }
        sentences
    }

    /// Why rows of `table` may be missing; empty: it was seen whole. Doubts about a population that was seen whole and
    /// columns that are not reported take no row away.
    pub fn missing_rows(&self, table: &str) -> Vec<&Reason> {
        let of_table = |reason: &&Reason| reason.tables.is_empty() || reason.tables.iter().any(|name| name == table);
        let rows = |reason: &&Reason| {
            reason.columns.is_empty() && !matches!(reason.code, ReasonCode::Empty | ReasonCode::Drop)
        };
        self.reasons.iter().filter(of_table).filter(rows).collect()
    }

    /// How many rows of `table` were seen, in words that do not let an unseen table pass for an empty one.
    pub fn rows_seen(&self, table: &str, rows: u64) -> String {
        match (self.missing_rows(table).is_empty(), rows) {
            (true, rows) => rows.to_string(),
            (false, 0) => "not reported".to_owned(),
            (false, rows) => format!("{rows}, not all"),
        }
    }
}

/// An error of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// The error's kind: `denied`, `transient`, `malformed` ...
    pub kind: String,
    /// What happened, where.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// A secret field replaced before hashing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// The exchange it was in.
    pub exchange: u32,
    /// Which field.
    pub field: String,
}

/// The collecting host's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// Host time minus the source's `Date`, whole seconds, largest seen in the run.
    pub skew_seconds: Option<i64>,
    /// Whether the kernel says the clock is synchronised (`adjtimex`), where it says.
    pub synchronised: Option<bool>,
}

/// The sealed description of a snapshot (`evidenced/snapshot/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `evidenced/snapshot/v1`.
    pub schema: String,
    /// Unique: `20260101T000005Z-aws-3f2a…`.
    pub id: String,
    /// Configured source.
    pub source: String,
    /// Collector id.
    pub collector: String,
    /// Collector version.
    pub collector_version: String,
    /// What the population is and is not.
    pub population: String,
    /// True for sample data shipped with the program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sample: bool,
    /// What started the run: `schedule`, `user`.
    pub triggered_by: String,
    /// The due slot it fills, if it was scheduled.
    pub slot: Option<Timestamp>,
    /// Start of the run.
    pub started_at: Timestamp,
    /// End of the run.
    pub finished_at: Timestamp,
    /// The source's own time of the state described.
    pub observed_at: Option<Timestamp>,
    /// Who asked, as the source saw it.
    pub caller: Option<Caller>,
    /// Every exchange in order.
    pub exchanges: Vec<ExchangeRecord>,
    /// Every derived table.
    pub tables: Vec<TableRecord>,
    /// Whether the population was seen whole.
    pub completeness: CompletenessRecord,
    /// What the snapshot is worth.
    pub status: SnapshotStatus,
    /// Errors of the run.
    pub errors: Vec<ErrorRecord>,
    /// Secret fields replaced before hashing.
    pub redactions: Vec<Redaction>,
    /// The source's configuration without secrets, canonical JSON, so that `derive` can repeat the run offline.
    pub settings: serde_json::Value,
    /// SHA-256 of the canonical JSON of `settings`.
    pub settings_sha256: Digest,
    /// SHA-256 of the running program.
    pub binary_sha256: Digest,
    /// The host's clock.
    pub clock: ClockState,
}

impl Manifest {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/snapshot/v1";
    /// Media type of a sealed manifest.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.snapshot+json";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unseen_table_is_not_an_empty_one() {
        let seen = |reason: Option<Reason>, rows| {
            let reasons = reason.into_iter().collect();
            let record = CompletenessRecord {
                basis: None,
                declared: None,
                counted: 0,
                difference: None,
                counts: vec![],
                reasons,
            };
            record.rows_seen("copies", rows)
        };
        let denied = || Reason::new(ReasonCode::Denied, "refused");
        assert_eq!(seen(None, 0), "0");
        assert_eq!(seen(Some(denied().table("copies")), 0), "not reported");
        assert_eq!(seen(Some(denied()), 0), "not reported", "a reason without tables concerns all");
        assert_eq!(seen(Some(denied().table("copies")), 3), "3, not all");
        assert_eq!(seen(Some(denied().table("jobs")), 0), "0", "another table");
        assert_eq!(seen(Some(denied().table("copies").columns(&["state"])), 3), "3", "a column takes no row away");
        assert_eq!(seen(Some(Reason::new(ReasonCode::Empty, "the population is empty")), 0), "0", "seen, and doubted");
    }
}
