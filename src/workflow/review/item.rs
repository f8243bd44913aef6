//! One account under review: what it is and may do, who decides, what was decided, and whether that was done.

use super::Person;
use crate::finding::{EvidenceRef, Word};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entitlement {
    /// The system's own word.
    pub role: String,
    /// What it is over; none: the system as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `admin`, `write`, `read` …; none: the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privilege: Option<String>,
    /// `direct` or `group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

impl Entitlement {
    /// `write on acme/site`: what decisions name it by.
    pub fn text(&self) -> String {
        match &self.resource {
            Some(resource) => format!("{} on {resource}", self.role),
            None => self.role.clone(),
        }
    }
}

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    #[serde(flatten)]
    pub person: Person,
    /// What links them: approved, employee_id, external_id, email, login_is_email.
    pub method: String,
    /// Department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// employee, contractor, or the roster's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employment_type: Option<String>,
    /// First instant they are employed no longer; none: no end is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Timestamp>,
}

/// What changed since the last closed campaign with this source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta {
    /// There is no earlier campaign with this source, or it did not have the account.
    New,
    /// Nothing did.
    Unchanged,
    /// It holds a role it did not.
    RoleAdded,
    /// It lost one.
    RoleRemoved,
    /// It is an administrator, and was none.
    BecameAdmin,
    /// Another owner answers for it.
    OwnerChanged,
    /// It is enabled, and was not.
    Reactivated,
    /// It is another person's.
    PersonChanged,
}

impl Delta {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unchanged => "unchanged",
            Self::RoleAdded => "role_added",
            Self::RoleRemoved => "role_removed",
            Self::BecameAdmin => "became_admin",
            Self::OwnerChanged => "owner_changed",
            Self::Reactivated => "reactivated",
            Self::PersonChanged => "person_changed",
        }
    }
}

/// What a reviewer ought to see before deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// It is linked to nobody.
    Orphan,
    /// Whose it is has left.
    Leaver,
    /// It was not used for long.
    Dormant,
    /// It was never used.
    NeverUsed,
    /// It became an administrator, or is a new one.
    NewAdmin,
    /// A contractor whose contract is over.
    ContractorPastEnd,
    /// Several people use it.
    Shared,
    /// A service account nobody answers for.
    ServiceWithoutOwner,
    /// It signs in without a second factor.
    NoMfa,
    /// Whose it is holds two duties that one person must not.
    DutiesConflict,
    /// Whose it is changed department and kept the roles.
    RoleCreep,
    /// It is an administrator, root or break-glass.
    Privileged,
}

impl Flag {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Leaver => "leaver",
            Self::Dormant => "dormant",
            Self::NeverUsed => "never_used",
            Self::NewAdmin => "new_admin",
            Self::ContractorPastEnd => "contractor_past_end",
            Self::Shared => "shared",
            Self::ServiceWithoutOwner => "service_without_owner",
            Self::NoMfa => "no_mfa",
            Self::DutiesConflict => "duties_conflict",
            Self::RoleCreep => "role_creep",
            Self::Privileged => "privileged",
        }
    }
}

/// A flag and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flagged {
    /// Which.
    pub flag: Flag,
    /// In words.
    pub why: String,
}

/// As what somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// They answer for the system.
    SourceOwner,
    /// They manage whose account it is.
    Manager,
    /// They answer for the campaign.
    CampaignOwner,
    /// They were named for when nobody else may.
    Fallback,
    /// Another reviewer passed it on to them.
    Delegate,
}

impl Capacity {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceOwner => "source_owner",
            Self::Manager => "manager",
            Self::CampaignOwner => "campaign_owner",
            Self::Fallback => "fallback",
            Self::Delegate => "delegate",
        }
    }
}

/// Who decides on an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// Who; none: nobody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<Person>,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Who comes before them in the chain and does not decide, or had it and passed it on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
}

/// Somebody who does not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Who; none: the chain names nobody there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// As what they would have.
    pub capacity: Capacity,
    /// Why they do not.
    pub why: String,
}

/// What a reviewer says of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It may stay as it is.
    Certify,
    /// It goes.
    Revoke,
    /// It stays, with these grants only.
    Modify {
        /// What it keeps, as [`Entitlement::text`] writes it.
        keep: Vec<String>,
    },
    /// It stays for now although it should not.
    Exception {
        /// Who approved that; not who decides.
        approver: Person,
        /// First instant it no longer holds.
        until: Timestamp,
    },
    /// Somebody else decides.
    Reassign {
        /// Who.
        to: Person,
    },
    /// The campaign's owner decides.
    Escalate,
    /// It is not theirs to decide; it goes back to the campaign's owner.
    NotMine,
}

impl Answer {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Certify => "certify",
            Self::Revoke => "revoke",
            Self::Modify { .. } => "modify",
            Self::Exception { .. } => "exception",
            Self::Reassign { .. } => "reassign",
            Self::Escalate => "escalate",
            Self::NotMine => "not_mine",
        }
    }

    /// Whether it settles the item; the others pass it on.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Certify | Self::Revoke | Self::Modify { .. } | Self::Exception { .. })
    }
}

/// Several items decided at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    /// The same for all of them.
    pub id: String,
    /// How many they are.
    pub size: u64,
}

/// One answer of one reviewer. Nothing of it is replaced: a later one is appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What.
    #[serde(flatten)]
    pub answer: Answer,
    /// Who.
    pub by: Person,
    /// As what.
    pub capacity: Capacity,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether it was one of many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<Bulk>,
    /// Seconds from when the item was first looked at; none: it was not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell_seconds: Option<u64>,
    /// Position, from 0, of the same reviewer's earlier answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<u64>,
    /// Why they may although it is their own access: the policy's recorded safeguard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safeguard: Option<String>,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Nobody decided yet.
    Pending,
    /// Nobody did in time. A late decision still counts.
    NotReviewed,
    /// Somebody did.
    Decided,
}

impl ItemState {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NotReviewed => "not_reviewed",
            Self::Decided => "decided",
        }
    }
}

/// What is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The account: deleted or disabled.
    Account,
    /// These grants, as [`Entitlement::text`] writes them.
    Roles(Vec<String>),
}

/// Where a removal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemediationState {
    /// It is to be done.
    Open,
    /// Somebody says that it is done: that proves nothing.
    Claimed,
    /// Later evidence shows it.
    Verified,
    /// It goes on as a finding.
    Carried,
}

impl RemediationState {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Verified => "verified",
            Self::Carried => "carried",
        }
    }
}

/// What shows that something is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// A complete snapshot begun after the decision; none: there is no collector, and people say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The entry that sealed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_index: Option<u64>,
    /// The instant its rows describe, or when it was said.
    pub at: Timestamp,
    /// How it showed: `absent`, `disabled`, `roles_gone`, `attested`.
    pub how: String,
    /// A second person's word, where no snapshot shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Word>,
    /// What that word rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRef>,
}

/// A removal that goes on as a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The finding.
    pub finding: String,
    /// Its owner.
    pub owner: String,
    /// Its due date, `YYYY-MM-DD`.
    pub due: String,
    /// Who carried it over.
    #[serde(flatten)]
    pub word: Word,
}

/// What follows from a decision to take something away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remediation {
    /// What.
    pub remove: Removal,
    /// When it was decided: only evidence begun after that counts.
    pub since: Timestamp,
    /// First instant it is overdue.
    pub due_at: Timestamp,
    /// Where it stands.
    pub state: RemediationState,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Where it is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who says that it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Word>,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The finding it goes on as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    /// How often it was there again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub came_back: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An account under review, as the frozen snapshot shows it, with what people decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `<source>:<login>`.
    pub account: String,
    /// Configured source.
    pub source: String,
    /// Login; none: the source does not say, here as below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// human, service, shared, break_glass, guest, root, unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// enabled, disabled, invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Whether it is an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_admin: Option<bool>,
    /// enforced, enrolled, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_active_at: Option<Timestamp>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<Entitlement>,
    /// Whose it is; none: it is linked to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Holder>,
    /// Who answers for it by the account register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Person>,
    /// What it is for by the account register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What changed since the last closed campaign.
    pub delta: Vec<Delta>,
    /// What stands out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flagged>,
    /// What was decided in earlier campaigns, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<super::Earlier>,
    /// Who decides.
    pub assigned: Assigned,
    /// Where it stands.
    pub state: ItemState,
    /// What was said, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Remediation>,
}

impl Item {
    /// Whether it has this flag.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.iter().any(|one| one.flag == flag)
    }

    /// Whether a look at many at once will do: nothing changed, nothing stands out, and it is known to be no administrator.
    pub fn is_plain(&self) -> bool {
        self.delta == [Delta::Unchanged] && self.flags.is_empty() && self.is_admin == Some(false)
    }

    /// Whether it is `person`'s turn to decide on it, or was.
    pub fn is_assigned_to(&self, person: &Person) -> bool {
        self.assigned.reviewer.as_ref().is_some_and(|reviewer| reviewer.is(person))
    }

    /// Whether somebody decided on it.
    pub fn is_decided(&self) -> bool {
        self.state == ItemState::Decided
    }

    /// Whether it is an administrator, or nobody knows whether it is.
    pub fn may_be_admin(&self) -> bool {
        self.is_admin != Some(false)
    }

    /// The last answer of each reviewer, where it settles the item.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Decision> {
        let is_last =
            |place: usize, one: &Decision| !self.decisions.iter().skip(place + 1).any(|later| later.by.is(&one.by));
        self.decisions
            .iter()
            .enumerate()
            .filter(move |(place, one)| is_last(*place, one))
            .map(|(_, one)| one)
            .filter(|one| one.answer.is_final())
    }

    /// The decision that counts: of several reviewers any revocation wins, then the one that takes more away, then the latest.
    pub fn effective(&self) -> Option<&Decision> {
        let rank = |one: &Decision| match one.answer {
            Answer::Revoke => 3,
            Answer::Modify { .. } => 2,
            Answer::Exception { .. } => 1,
            _ => 0,
        };
        self.standing().max_by_key(|one| (rank(one), one.at))
    }

    /// Whether nothing is left to do about it: decided, and what was to go is gone or carried on.
    pub fn is_settled(&self) -> bool {
        self.is_decided() && self.is_remedied()
    }

    /// Whether what was to go is gone or carried on. What is to go and has no remediation is not.
    pub(crate) fn is_remedied(&self) -> bool {
        let takes_away =
            self.effective().is_some_and(|one| matches!(one.answer, Answer::Revoke | Answer::Modify { .. }));
        match &self.remediation {
            Some(remediation) => matches!(remediation.state, RemediationState::Verified | RemediationState::Carried),
            None => !takes_away,
        }
    }
}
