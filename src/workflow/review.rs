//! Access reviews: campaigns in which reviewers decide on every account of a frozen population.
//!
//! | from | step | to | guards |
//! |---|---|---|---|
//! | draft | begin | collecting | at least one source, and each has an owner |
//! | collecting | open | open | every source is frozen (complete, fresh, reconciled) or deferred by name; at least one is frozen |
//! | open | conclude | remediating | every item is decided |
//! | remediating | *(evidence)* | awaiting sign-off | every removal is verified by later evidence, or carried as a finding with owner and due date |
//! | awaiting sign-off | *(evidence)* | remediating | what was removed is there again |
//! | awaiting sign-off | sign | closed | the campaign's owner; every removal still holds; the report is sealed |
//! | any that is not over | cancel | cancelled | a reason |
//!
//! A campaign that is over never opens again: a correction is a new campaign that names it.

mod freeze;
mod item;
mod prove;
mod step;

pub use freeze::{Account, Chain, Earlier, Opening, Previous, Seen, SourceSeen, freeze};
pub use item::{
    Answer, Assigned, Bulk, Capacity, Carried, Decision, Delta, Entitlement, Flag, Flagged, Holder, Item, ItemState,
    PassedOver, Proof, Remediation, RemediationState, Removal,
};
pub use prove::{Standing, SystemSeen, prove};
pub use step::{Deciding, Finished, ItemAct, ReviewAct, act, decide, lapse, remedy, remind, sign};

use crate::finding::Word;
use crate::refusal::{Guard, Refusal};
use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a campaign stands. That it is overdue is no state: it is said of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Planned, and it cannot begin yet.
    Draft,
    /// It waits for evidence of its sources.
    Collecting,
    /// Reviewers decide.
    Open,
    /// Everything is decided; what is to go goes.
    Remediating,
    /// Everything that was to go is gone, or carried on as a finding.
    AwaitingSignOff,
    /// Its owner signed it.
    Closed,
    /// It ended without a result.
    Cancelled,
}

impl ReviewState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Collecting,
        Self::Open,
        Self::Remediating,
        Self::AwaitingSignOff,
        Self::Closed,
        Self::Cancelled,
    ];

    /// Those of one that was opened and is not over: what is to go may be gone by now.
    pub const OPENED: [Self; 3] = [Self::Open, Self::Remediating, Self::AwaitingSignOff];

    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Collecting => "collecting",
            Self::Open => "open",
            Self::Remediating => "remediating",
            Self::AwaitingSignOff => "awaiting_sign_off",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

/// Somebody, as the roster knew them when the campaign was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The roster's key, `<source>:<employee_id>`; of somebody no roster has, the name they go by.
    pub key: String,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Work address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Person {
    /// Somebody no roster has.
    pub fn unlisted(name: &str) -> Self {
        let name = name.trim();
        Self { key: name.to_owned(), name: None, email: name.contains('@').then(|| name.to_owned()) }
    }

    /// Whether both are one person: the same key, or the same address.
    pub fn is(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| {
            one.as_deref().zip(other.as_deref()).is_some_and(|(one, other)| crate::same_person(one, other))
        };
        crate::same_person(&self.key, &other.key) || same(&self.email, &other.email)
    }

    /// What they are called.
    pub fn label(&self) -> &str {
        self.name.as_deref().or(self.email.as_deref()).unwrap_or(&self.key)
    }
}

/// Of what a policy reviews the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// Every account.
    All,
    /// Administrators, root, break-glass, service and shared accounts, and those of which nobody knows whether they are.
    Privileged,
}

/// The rule by which campaigns are held; its version is sealed with each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Sources whose accounts are reviewed.
    pub sources: Vec<String>,
    /// Which of their accounts.
    pub population: Population,
    /// Who answers for its campaigns.
    pub owner: String,
    /// Who decides where nobody else may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Seconds from opening to the due date.
    pub complete_within: i64,
    /// Seconds after the due date from which an item without an answer counts as not reviewed.
    pub lapse_after: i64,
    /// Seconds from a decision until what it takes away must be gone.
    pub remediate_within: i64,
    /// Seconds without use after which an account is dormant.
    pub dormant_after: i64,
    /// Duties that one person must not hold together, each as two `source:role`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<(String, String)>,
    /// Why one person may decide on their own access, where there is nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safeguard: Option<String>,
}

/// One source of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSource {
    /// Configured source.
    pub source: String,
    /// Who answers for the system; none: nobody does.
    pub owner: Option<Person>,
    /// What is reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// Why nothing of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<Deferred>,
}

/// The snapshot that a population was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Its id.
    pub snapshot: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Digest,
    /// The entry that sealed it.
    pub log_index: u64,
    /// The instant its rows describe.
    pub seen_at: Timestamp,
    /// Accounts in it.
    pub accounts: u64,
    /// Accounts of it that are reviewed.
    pub items: u64,
    /// Members of the source's own population, as they were counted.
    pub counted: u64,
    /// Members by the source's own, independent count; none: it tells none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<u64>,
    /// Keys of the people who administer it: none of them decides on another administrator of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub administrators: Vec<String>,
    /// The last closed campaign with this source, which deltas are against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// A source that is left out this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Who said so and when; the note is the reason.
    #[serde(flatten)]
    pub word: Word,
    /// How it is made up for.
    pub plan: String,
}

/// The owner's signature under a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// Who and when; the note is the statement.
    #[serde(flatten)]
    pub word: Word,
    /// SHA-256 of all decisions, as [`decisions_text`] writes them.
    pub decisions_sha256: Digest,
    /// SHA-256 of the sealed report.
    pub report_sha256: Digest,
}

/// When reviewers are reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderKind {
    /// When it opened.
    Opened,
    /// At half time.
    HalfTime,
    /// Three days before it is due.
    ThreeDays,
    /// One day before.
    OneDay,
    /// When it is due.
    Due,
    /// Each day after that, to the campaign's owner as well.
    Escalation,
}

impl ReminderKind {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::HalfTime => "half_time",
            Self::ThreeDays => "three_days",
            Self::OneDay => "one_day",
            Self::Due => "due",
            Self::Escalation => "escalation",
        }
    }
}

/// That reviewers were to be reminded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Which one.
    pub kind: ReminderKind,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it was sealed.
    pub at: Timestamp,
    /// Who, and how much each has to decide.
    pub reviewers: Vec<Reminded>,
}

/// One who is reminded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// Who.
    pub person: Person,
    /// Items without an answer.
    pub pending: u64,
}

/// A campaign (`evidenced/access_review/v1`), without its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// `<policy>-<n>`.
    pub id: String,
    /// Where it stands.
    pub state: ReviewState,
    /// The policy as it was.
    pub policy: Policy,
    /// Who answers for it.
    pub owner: Person,
    /// The due slot it fills; none: a person started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// Who started it and when; a schedule has no name.
    pub started: Word,
    /// Its sources.
    pub sources: Vec<ReviewSource>,
    /// When reviewers could begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// First instant it is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Who said that the deciding is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded: Option<Word>,
    /// The signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignOff>,
    /// Who cancelled it, when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Word>,
    /// The campaign it corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
    /// Reminders, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminders: Vec<Reminder>,
}

impl Review {
    /// Whether it is open or under way at `now` and its due date is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        matches!(self.state, ReviewState::Open) && self.due_at.is_some_and(|due| now >= due)
    }

    /// The frozen population of `source`.
    pub fn frozen(&self, source: &str) -> Option<&Frozen> {
        self.sources.iter().find(|one| one.source == source).and_then(|one| one.frozen.as_ref())
    }

    /// A campaign that is planned; `number` counts those of its policy from 1. `owners` are the owners of its sources.
    pub fn draft(
        number: usize,
        policy: Policy,
        owner: Person,
        owners: Vec<(String, Option<Person>)>,
        word: Word,
    ) -> Self {
        let sources = owners
            .into_iter()
            .map(|(source, owner)| ReviewSource { source, owner, frozen: None, deferred: None })
            .collect();
        Self {
            id: format!("{}-{number}", policy.name),
            state: ReviewState::Draft,
            policy,
            owner,
            slot: None,
            started: word,
            sources,
            opened_at: None,
            due_at: None,
            concluded: None,
            signed: None,
            cancelled: None,
            corrects: None,
            reminders: Vec::new(),
        }
    }

    /// Refuses what leads from other states only.
    pub(crate) fn must_be(&self, allowed: &[ReviewState], step: &str) -> Result<(), Refusal> {
        if allowed.contains(&self.state) {
            return Ok(());
        }
        let from: Vec<&str> = allowed.iter().map(|state| state.as_str()).collect();
        Err(Refusal::new(
            Guard::State,
            format!("{} is {}: {step} leads from {}", self.id, self.state.as_str(), from.join(", ")),
            match self.state {
                ReviewState::Closed | ReviewState::Cancelled => {
                    "it never opens again: start another campaign, which may say that it corrects this one"
                }
                _ => "`evidenced reviews show` says what it waits for",
            },
        ))
    }
}

/// What happened to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewChange {
    /// It was planned.
    Drafted,
    /// It began to wait for evidence.
    Begun,
    /// A source was left out by name.
    Deferred,
    /// Part of its population was frozen.
    Frozen,
    /// Reviewers may decide.
    Opened,
    /// Reviewers were reminded.
    Reminded,
    /// A reviewer decided, or passed on.
    Decided,
    /// Nobody answered in time.
    Lapsed,
    /// Everything is decided.
    Concluded,
    /// Somebody says that a removal is done, or who does it.
    Remediation,
    /// Later evidence shows removals, or that what was removed is back.
    Verified,
    /// Everything that was to go is gone or carried on: it can be signed.
    Finished,
    /// What was gone is back.
    Reopened,
    /// Its owner signed it.
    Closed,
    /// It ended without a result.
    Cancelled,
}

impl ReviewChange {
    /// The word used in log entries and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::Begun => "begun",
            Self::Deferred => "deferred",
            Self::Frozen => "frozen",
            Self::Opened => "opened",
            Self::Reminded => "reminded",
            Self::Decided => "decided",
            Self::Lapsed => "lapsed",
            Self::Concluded => "concluded",
            Self::Remediation => "remediation",
            Self::Verified => "verified",
            Self::Finished => "finished",
            Self::Reopened => "reopened",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An event of a campaign (`evidenced/access_review-event/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewEvent {
    /// `evidenced/access_review-event/v1`.
    pub schema: String,
    /// What happened.
    pub event: ReviewChange,
    /// When.
    pub at: Timestamp,
    /// Who; none: time or evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// The campaign after the event.
    pub access_review: Review,
    /// The items that it changed, as they are after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

impl ReviewEvent {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/access_review-event/v1";
    /// Media type of a sealed event.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.access_review-event+json";

    pub(crate) fn new(
        event: ReviewChange,
        at: Timestamp,
        by: Option<&Person>,
        access_review: Review,
        items: Vec<Item>,
    ) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), event, at, by: by.cloned(), access_review, items }
    }

    /// That a campaign was planned.
    pub fn drafted(review: Review) -> Self {
        Self::new(ReviewChange::Drafted, review.started.at, None, review, Vec::new())
    }
}

/// Every decision on `items` as one text: a line of canonical JSON for each item, by account. What a sign-off is over.
pub fn decisions_text(items: &[Item]) -> Result<Vec<u8>, model::CanonicalError> {
    #[derive(Serialize)]
    struct Line<'a> {
        account: &'a str,
        decisions: &'a [Decision],
    }
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by(|one, other| one.account.cmp(&other.account));
    let mut text = Vec::new();
    for item in sorted {
        text.extend(model::canonical_json(&Line { account: &item.account, decisions: &item.decisions })?);
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
