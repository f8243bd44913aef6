//! Findings: what fails, since when, and what people did about it.
//!
//! One finding per (check, scope), with the failing members as items. Evaluations move it in [`crate::follow`], people in
//! [`crate::act`]; every step is an event that holds the whole finding after it.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The scope of every finding of this version: the whole organisation.
pub(crate) const ORGANISATION: &str = "organisation";

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Raised; nobody has confirmed it.
    Draft,
    /// Every item was shown resolved before anybody confirmed it. A new failure opens a new finding.
    Resolved,
    /// A person says that it is none: it stays visible, and its members raise no other while they keep failing.
    Dismissed,
    /// A person confirmed and classified it.
    Confirmed,
    /// Cause, action, owner and due date are set.
    Planned,
    /// The owner says that the action is done.
    Implemented,
    /// Later, complete evidence shows that it holds.
    Verified,
    /// A second person closed it. A new failure opens a new finding.
    Closed,
    /// The risk is accepted until an instant.
    Accepted,
    /// The failure was seen again, or an acceptance ended.
    Reopened,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Draft,
        Self::Resolved,
        Self::Dismissed,
        Self::Confirmed,
        Self::Planned,
        Self::Implemented,
        Self::Verified,
        Self::Closed,
        Self::Accepted,
        Self::Reopened,
    ];

    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Resolved => "resolved",
            Self::Dismissed => "dismissed",
            Self::Confirmed => "confirmed",
            Self::Planned => "planned",
            Self::Implemented => "implemented",
            Self::Verified => "verified",
            Self::Closed => "closed",
            Self::Accepted => "accepted",
            Self::Reopened => "reopened",
        }
    }

    /// Whether nothing is left to do about it, for good.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Resolved | Self::Closed | Self::Dismissed)
    }
}

/// How grave a person says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A nonconformity that questions the control as a whole.
    Major,
    /// A nonconformity that does not.
    Minor,
    /// Something that could be better.
    Opportunity,
    /// Something noted.
    Observation,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Major, Self::Minor, Self::Opportunity, Self::Observation];

    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Opportunity => "opportunity",
            Self::Observation => "observation",
        }
    }

    /// Whether it needs a corrective action that is planned and verified.
    pub const fn is_nonconformity(self) -> bool {
        matches!(self, Self::Major | Self::Minor)
    }
}

/// Why a draft is dismissed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dismissal {
    /// The members do not fail.
    FalsePositive,
    /// Another finding says the same.
    Duplicate,
    /// The members are outside what the control covers.
    OutOfScope,
    /// An exception covers it; the finding comes back when that ends.
    CoveredByException,
}

impl Dismissal {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::FalsePositive, Self::Duplicate, Self::OutOfScope, Self::CoveredByException];

    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FalsePositive => "false_positive",
            Self::Duplicate => "duplicate",
            Self::OutOfScope => "out_of_scope",
            Self::CoveredByException => "covered_by_exception",
        }
    }
}

/// One failing member.
///
/// Its fields stand in the order in which canonical JSON has them, so that nothing is moved when thousands are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The exception it is under: it still fails, and that is approved for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Snapshots the last failing evaluation rested on.
    pub failed_on: Vec<String>,
    /// `as_of` of the first evaluation that saw it fail.
    pub first_seen: Timestamp,
    /// `as_of` of the last one that an event tells of.
    pub last_seen: Timestamp,
    /// Why it fails, from the last evaluation that saw it.
    pub reason: String,
    /// `as_of` of the evaluation that showed it resolved.
    pub resolved_at: Option<Timestamp>,
    /// Snapshots that showed it resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved_on: Vec<String>,
    /// The source whose evidence showed the failure.
    pub source: Option<String>,
    /// The member, by the vocabulary's key.
    pub subject: String,
}

impl Item {
    /// Whether it was not shown resolved.
    pub const fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }
}

/// What one person said, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, or what more there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Something in the log that shows what a person says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// Id of the manual evidence, or of the snapshot.
    pub id: String,
    /// The entry that sealed it.
    pub log_index: u64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// What was or will be done about the members at once.
    pub correction: String,
    /// Why it could happen.
    pub root_cause: String,
    /// How that was found: five whys, interview, log review …
    pub method: String,
    /// Where the same was looked for, and what was found.
    pub similar: String,
    /// What keeps it from happening again.
    pub action: String,
}

/// The plan, with who set it and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Who and when.
    #[serde(flatten)]
    pub word: Word,
    /// What.
    #[serde(flatten)]
    pub plan: Plan,
}

/// The owner's word that it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Implemented {
    /// Who and when.
    #[serde(flatten)]
    pub word: Word,
    /// What shows it.
    pub evidence: Vec<EvidenceRef>,
    /// Evaluations on later snapshots that showed every item mended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown_by: Vec<Shown>,
}

/// One evaluation that showed every item mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its `as_of`.
    pub at: Timestamp,
    /// Its entry.
    pub evaluation: u64,
    /// The snapshots it rested on.
    pub snapshots: Vec<String>,
}

/// That it holds: shown by evaluations, or where no check exists by evidence and a second person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// When.
    pub at: Timestamp,
    /// The evaluations that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown_by: Vec<Shown>,
    /// Who says so, where no check does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Word>,
    /// What shows it, where no check does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRef>,
}

/// A person's word that a draft is no finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissed {
    /// Which of the reasons there are.
    pub why: Dismissal,
    /// Who, when, and why in words.
    #[serde(flatten)]
    pub word: Word,
}

/// An accepted risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Who approved it, when and why.
    #[serde(flatten)]
    pub word: Word,
    /// First instant it is accepted no longer.
    pub until: Timestamp,
}

/// A changed due date or owner. Nothing of it is replaced: it is appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// `due` or `owner`.
    pub field: String,
    /// What it was.
    pub from: Option<String>,
    /// What it is now.
    pub to: String,
    /// Who, when and why.
    #[serde(flatten)]
    pub word: Word,
}

/// The texts a check, or the person who raises one, brings to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingText {
    /// The title.
    pub title: String,
    /// Class proposed: `major`, `minor`, `opportunity`, `observation`. Only a person sets it.
    pub severity: String,
    /// What ought to be.
    pub criteria: String,
    /// What follows from the failure.
    pub impact: String,
    /// What to do.
    pub action: String,
}

/// A finding (`evidenced/finding/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `<check>-<n>`, or `manual-<n>`.
    pub id: String,
    /// The check that fails; none when a person raised it.
    pub check: Option<String>,
    /// What it covers.
    pub scope: String,
    /// Where it stands.
    pub state: State,
    /// Set by a person; none on a draft.
    pub class: Option<Class>,
    /// The class the check proposes.
    pub proposed_class: String,
    /// The check's title.
    pub title: String,
    /// What ought to be.
    pub criteria: String,
    /// What is, written from the evidence.
    pub condition: String,
    /// What follows from it.
    pub impact: String,
    /// What to do.
    pub action: String,
    /// Controls concerned.
    pub controls: Vec<String>,
    /// Failing members, by subject.
    pub items: Vec<Item>,
    /// `as_of` of the evaluation that raised it.
    pub raised_at: Timestamp,
    /// The person who raised it, where no check did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_by: Option<String>,
    /// The finding that was over and whose failure came back.
    pub repeat_of: Option<String>,
    /// Who answers for it, named by a person.
    pub owner: Option<String>,
    /// Last day to have it implemented, `YYYY-MM-DD`.
    pub due: Option<String>,
    /// Who confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Word>,
    /// Who dismissed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<Dismissed>,
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Planned>,
    /// That it was done; none again once it is reopened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implemented: Option<Implemented>,
    /// That it holds; none again once it is reopened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// Who closed it; the note says how effective the action is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Word>,
    /// Who accepted the risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// Changes of due date and owner, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amendments: Vec<Amendment>,
    /// How often it was reopened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reopened: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Finding {
    /// The items not resolved.
    pub fn open_items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.is_open())
    }

    /// Whether it is of a class that needs a corrective action; a draft has none.
    pub fn is_nonconformity(&self) -> bool {
        self.class.is_some_and(Class::is_nonconformity)
    }
}

/// What happened to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was opened.
    Raised,
    /// The same members still fail.
    Seen,
    /// Items joined, were resolved, or came under an exception; some remain, or a person still has to act.
    Updated,
    /// The last open item of a draft was resolved.
    Resolved,
    /// The failure was seen again after it was said to be mended, or an exception or acceptance ended.
    Reopened,
    /// Later, complete evidence shows every item mended.
    Verified,
    /// A person confirmed it.
    Confirmed,
    /// A person dismissed it.
    Dismissed,
    /// A person planned what to do.
    Planned,
    /// The owner said it is done.
    Implemented,
    /// A second person closed it.
    Closed,
    /// The risk was accepted.
    Accepted,
    /// Due date or owner changed.
    Amended,
}

impl Change {
    /// The word used in log entries and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Seen => "seen",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Verified => "verified",
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
            Self::Planned => "planned",
            Self::Implemented => "implemented",
            Self::Closed => "closed",
            Self::Accepted => "accepted",
            Self::Amended => "amended",
        }
    }
}

/// A finding event: what changed, by which evaluation or person, and the finding after it (`evidenced/finding-event/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingEvent {
    /// `evidenced/finding-event/v1`.
    pub schema: String,
    /// What changed.
    pub event: Change,
    /// `as_of` of the evaluation, or when the person acted.
    pub at: Timestamp,
    /// Log index of the evaluation; none where a person acted, or time did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<u64>,
    /// The person who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Subjects that joined.
    pub added: Vec<String>,
    /// Subjects shown resolved.
    pub resolved: Vec<String>,
    /// The whole finding after the event.
    pub finding: Finding,
}

impl FindingEvent {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/finding-event/v1";
    /// Media type of a sealed event.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.finding-event+json";
}
