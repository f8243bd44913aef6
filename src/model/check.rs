//! Verdicts, outcomes, and the sealed result of running a check.

use crate::detail::Detail;
use crate::digest::Digest;
use crate::snapshot::SnapshotStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One member's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Meets the criteria.
    Pass,
    /// Fails them.
    Fail,
    /// Cannot be said from this evidence.
    Unknown,
    /// The criteria do not apply to this member.
    NotApplicable,
    /// Fails them, under an approved exception that has not ended. No query says this: the engine does.
    Excepted,
}

/// The outcome of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole population was seen and nobody fails but under an exception, which `Evaluation::why` then names.
    Pass,
    /// At least one member fails, proven.
    Fail,
    /// It cannot be said; `Evaluation::why` says why.
    Inconclusive,
    /// There is nothing to evaluate: that is declared, or nothing fell into the population, or no source is configured for a
    /// table. It never counts as satisfied.
    NotApplicable,
}

impl Outcome {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// What the checks of a control come to together; an outcome of none is a check that was never evaluated. Any fail fails, all
/// pass passes, anything else is inconclusive; nothing is said of a control without a check.
pub fn roll_up(outcomes: impl IntoIterator<Item = Option<Outcome>>) -> Option<Outcome> {
    let outcomes: Vec<Option<Outcome>> = outcomes.into_iter().collect();
    if outcomes.is_empty() {
        None
    } else if outcomes.contains(&Some(Outcome::Fail)) {
        Some(Outcome::Fail)
    } else if outcomes.iter().all(|outcome| *outcome == Some(Outcome::Pass)) {
        Some(Outcome::Pass)
    } else {
        Some(Outcome::Inconclusive)
    }
}

impl Verdict {
    /// The word used in SQL, JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
            Self::Excepted => "excepted",
        }
    }
}

/// One row a check's query returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    // in the order of canonical JSON, so that writing a million of them moves nothing
    /// Further columns of the query.
    #[serde(default, skip_serializing_if = "Detail::is_empty")]
    pub detail: Detail,
    /// The exception it fails under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// The source whose evidence decided it.
    #[serde(default)]
    pub source: Option<String>,
    /// The member, by the vocabulary's key.
    pub subject: String,
    /// Its verdict.
    pub verdict: Verdict,
}

/// How an input stood at the time of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputState {
    /// Complete, fresh and plausible.
    Good,
    /// Something was not seen.
    Incomplete,
    /// Older than the check or the source allows.
    Stale,
    /// Implausible until a person confirms it.
    Suspect,
    /// The latest run failed.
    Failed,
    /// Configured, never collected.
    Missing,
}

/// One snapshot (or its absence) an evaluation used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRef {
    /// The source.
    pub source: String,
    /// The vocabulary tables it feeds for this check.
    pub tables: Vec<String>,
    /// How it stood.
    pub state: InputState,
    /// The snapshot; none when there is none.
    pub snapshot: Option<String>,
    /// SHA-256 of its manifest.
    pub sha256: Option<Digest>,
    /// The snapshot's own status.
    pub status: Option<SnapshotStatus>,
    /// Why it is not good, in a sentence.
    pub why: Option<String>,
}

/// An exception that an evaluation used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRef {
    /// Its id.
    pub id: String,
    /// The entry of its last event.
    pub log_index: u64,
    /// First instant it holds no longer.
    pub until: Timestamp,
}

/// Members counted by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// Members that pass.
    pub pass: u64,
    /// Members that fail.
    pub fail: u64,
    /// Members of whom it cannot be said.
    pub unknown: u64,
    /// Members the criteria do not apply to.
    pub not_applicable: u64,
    /// Failing members under an approved, unexpired exception.
    pub excepted: u64,
}

/// One run of one check (`evidenced/evaluation/v1`). The same inputs, check and `as_of` give the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    // in the order of canonical JSON: in any other all of it would be copied once it is written
    /// The instant it was evaluated for, whole seconds.
    pub as_of: Timestamp,
    /// The check's name: its file name without `.sql`.
    pub check: String,
    /// SHA-256 of the check's file.
    pub check_sha256: Digest,
    /// Controls it tests: `iso27001:2022/A.5.18`.
    pub controls: Vec<String>,
    /// `sqlite 3.54.0`.
    pub engine: String,
    /// Every exception that a member fails under, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionRef>,
    /// SHA-256 of what earlier complete snapshots showed, where the check reads it: the rows of the tables of history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_sha256: Option<Digest>,
    /// SHA-256 of the identity map used (canonical JSON lines of `identity_link`).
    pub identity_map_sha256: Option<Digest>,
    /// Every input, sorted by source.
    pub inputs: Vec<InputRef>,
    /// Every member, sorted by subject.
    pub members: Vec<Member>,
    /// The outcome for the whole.
    pub outcome: Outcome,
    /// Parameter values as bound: durations in seconds.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// `evidenced/evaluation/v1`.
    pub schema: String,
    /// Members counted by verdict.
    pub verdicts: VerdictCounts,
    /// Why it is inconclusive or not applicable, or passes under exceptions, one sentence each.
    pub why: Vec<String>,
}

impl Evaluation {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/evaluation/v1";
    /// Media type of a sealed evaluation.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.evaluation+json";

    /// The failing members.
    pub fn failing(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.verdict == Verdict::Fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_passes_only_when_every_check_passes() {
        use Outcome::{Fail, Inconclusive, NotApplicable, Pass};
        assert_eq!(roll_up([]), None);
        assert_eq!(roll_up([Some(Pass), Some(Pass)]), Some(Pass));
        assert_eq!(roll_up([Some(Pass), Some(Inconclusive), Some(Fail), None]), Some(Fail));
        for other in [Some(NotApplicable), Some(Inconclusive), None] {
            assert_eq!(roll_up([other]), Some(Inconclusive), "{other:?}");
            assert_eq!(roll_up([Some(Pass), other]), Some(Inconclusive), "{other:?}");
        }
    }
}
