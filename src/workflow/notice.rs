//! What people are told: of findings, of time that runs out, of evidence that is not there.
//!
//! A notice says that something happened, not in which words and to whom. Its key is the same whenever it is derived again,
//! so that nobody is told twice. It never holds a name of a person.

use crate::exception::{Exception, ExceptionState};
use crate::finding::{Change, Finding, FindingEvent, State};
use crate::review::{ReviewChange, ReviewEvent};
use model::Timestamp;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// A finding was raised.
    Raised,
    /// More members fail.
    Grown,
    /// It is somebody's now, or another's.
    Assigned,
    /// It was confirmed.
    Confirmed,
    /// What to do was planned.
    Planned,
    /// Its owner said that it is done.
    Implemented,
    /// Later evidence shows that it is mended.
    Verified,
    /// A draft was mended before anybody confirmed it.
    Resolved,
    /// The failure was seen again, or an acceptance ended.
    Reopened,
    /// It was dismissed.
    Dismissed,
    /// Its risk was accepted.
    Accepted,
    /// A second person closed it.
    Closed,
    /// It is due within a week.
    DueInAWeek,
    /// It is due within a day.
    DueInADay,
    /// It was due.
    Overdue,
    /// An accepted risk or an exception ends within a week.
    EndsInAWeek,
    /// It ends within a day.
    EndsInADay,
    /// Evidence is missing: a check is inconclusive, a source is not read.
    Unseen,
    /// That evidence is there again.
    SeenAgain,
    /// Somebody has accounts of an access review to decide on.
    ToDecide,
    /// An access review waits for its owner's signature.
    ToSign,
}

impl Happening {
    /// Every one.
    pub const ALL: [Self; 21] = [
        Self::Raised,
        Self::Grown,
        Self::Assigned,
        Self::Confirmed,
        Self::Planned,
        Self::Implemented,
        Self::Verified,
        Self::Resolved,
        Self::Reopened,
        Self::Dismissed,
        Self::Accepted,
        Self::Closed,
        Self::DueInAWeek,
        Self::DueInADay,
        Self::Overdue,
        Self::EndsInAWeek,
        Self::EndsInADay,
        Self::Unseen,
        Self::SeenAgain,
        Self::ToDecide,
        Self::ToSign,
    ];

    /// The word used in keys, JSON and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Grown => "grown",
            Self::Assigned => "assigned",
            Self::Confirmed => "confirmed",
            Self::Planned => "planned",
            Self::Implemented => "implemented",
            Self::Verified => "verified",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Dismissed => "dismissed",
            Self::Accepted => "accepted",
            Self::Closed => "closed",
            Self::DueInAWeek => "due_in_a_week",
            Self::DueInADay => "due_in_a_day",
            Self::Overdue => "overdue",
            Self::EndsInAWeek => "ends_in_a_week",
            Self::EndsInADay => "ends_in_a_day",
            Self::Unseen => "unseen",
            Self::SeenAgain => "seen_again",
            Self::ToDecide => "to_decide",
            Self::ToSign => "to_sign",
        }
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Whether it is about evidence, and not about a control.
    pub const fn is_of_evidence(self) -> bool {
        matches!(self, Self::Unseen | Self::SeenAgain)
    }

    /// Whether a message is worth it. The other steps are taken by people who know of them, and only a ticket follows each.
    pub const fn is_for_a_message(self) -> bool {
        !matches!(
            self,
            Self::Confirmed | Self::Planned | Self::Implemented | Self::Dismissed | Self::Accepted | Self::Closed
        )
    }
}

/// What it happened to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The finding of that id.
    Finding(String),
    /// The exception of that id.
    Exception(String),
    /// The check of that name.
    Check(String),
    /// The source of that name.
    Source(String),
    /// The access review of that id; with `#n` the nth of those whom its event reminds, from 0, who are not named here.
    Review(String),
}

impl Subject {
    /// `finding`, `exception`, `check`, `source`, `access_review`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Finding(_) => "finding",
            Self::Exception(_) => "exception",
            Self::Check(_) => "check",
            Self::Source(_) => "source",
            Self::Review(_) => "access_review",
        }
    }

    /// Its id or name.
    pub fn name(&self) -> &str {
        match self {
            Self::Finding(name)
            | Self::Exception(name)
            | Self::Check(name)
            | Self::Source(name)
            | Self::Review(name) => name,
        }
    }

    /// The one that [`Subject::kind`] and [`Subject::name`] say.
    pub fn parse(kind: &str, name: &str) -> Option<Self> {
        let of = match kind {
            "finding" => Self::Finding,
            "exception" => Self::Exception,
            "check" => Self::Check,
            "source" => Self::Source,
            "access_review" => Self::Review,
            _ => return None,
        };
        Some(of(name.to_owned()))
    }
}

/// One thing to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for the same thing, always.
    pub key: String,
    /// What happened.
    pub happening: Happening,
    /// To what.
    pub subject: Subject,
    /// The entry of the log that tells it.
    pub entry: u64,
}

impl Notice {
    fn new(happening: Happening, subject: Subject, entry: u64, once: &str) -> Self {
        let key = format!("{}:{}:{}:{once}", happening.as_str(), subject.kind(), subject.name());
        Self { key, happening, subject, entry }
    }
}

/// What an event of a finding, sealed as `entry`, is to be told as; none where it changes nothing for anybody.
pub fn of_event(entry: u64, event: &FindingEvent) -> Vec<Notice> {
    let subject = || Subject::Finding(event.finding.id.clone());
    let once = entry.to_string();
    let mut notices = Vec::new();
    let mut tell = |happening| notices.push(Notice::new(happening, subject(), entry, &once));
    match event.event {
        Change::Raised => tell(Happening::Raised),
        Change::Seen => {}
        Change::Updated if event.added.is_empty() => {}
        Change::Updated => tell(Happening::Grown),
        Change::Resolved => tell(Happening::Resolved),
        Change::Reopened => tell(Happening::Reopened),
        Change::Verified => tell(Happening::Verified),
        Change::Confirmed => tell(Happening::Confirmed),
        Change::Dismissed => tell(Happening::Dismissed),
        Change::Implemented => tell(Happening::Implemented),
        Change::Closed => tell(Happening::Closed),
        Change::Accepted => tell(Happening::Accepted),
        Change::Planned => {
            tell(Happening::Planned);
            tell(Happening::Assigned);
        }
        Change::Amended => {
            if event.finding.amendments.last().is_some_and(|change| change.field == "owner") {
                tell(Happening::Assigned);
            }
        }
    }
    notices
}

/// What an event of an access review, sealed as `entry`, is to be told as: a notice for each whom it reminds, so that each is told of
/// their own; and one for the owner whose signature it waits for.
pub fn of_review(entry: u64, event: &ReviewEvent) -> Vec<Notice> {
    let review = &event.access_review;
    match event.event {
        ReviewChange::Reminded => {
            let reminded = review.reminders.last().map_or(0, |reminder| reminder.reviewers.len());
            let of = |number| Subject::Review(format!("{}#{number}", review.id));
            (0..reminded)
                .map(|number| Notice::new(Happening::ToDecide, of(number), entry, &entry.to_string()))
                .collect()
        }
        ReviewChange::Finished => {
            vec![Notice::new(Happening::ToSign, Subject::Review(review.id.clone()), entry, &entry.to_string())]
        }
        _ => Vec::new(),
    }
}

/// What is told of a finding that was there before anybody was to be told: that it is open.
pub fn of_standing(entry: u64, finding: &Finding) -> Option<Notice> {
    let subject = Subject::Finding(finding.id.clone());
    (!finding.state.is_over()).then(|| Notice::new(Happening::Raised, subject, entry, "standing"))
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What `today` (`YYYY-MM-DD`, where the organisation is) is to be told of a finding whose last event is `entry`: that it is
/// due, or was; of what was due again every week.
pub fn of_due_date(entry: u64, finding: &Finding, today: &str) -> Option<Notice> {
    if !matches!(finding.state, State::Draft | State::Confirmed | State::Planned | State::Reopened) {
        return None;
    }
    let due = finding.due.as_deref()?;
    let left = (midnight(due)? - midnight(today)?).div_euclid(DAY);
    let subject = Subject::Finding(finding.id.clone());
    match left {
        ..0 => {
            let week = (-left - 1) / 7;
            Some(Notice::new(Happening::Overdue, subject, entry, &format!("{due}:{week}")))
        }
        0..=1 => Some(Notice::new(Happening::DueInADay, subject, entry, due)),
        2..=7 => Some(Notice::new(Happening::DueInAWeek, subject, entry, due)),
        _ => None,
    }
}

fn midnight(date: &str) -> Option<i64> {
    format!("{date}T00:00:00Z").parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// What is to be told of an accepted risk that ends.
pub fn of_acceptance(entry: u64, finding: &Finding, now: Timestamp) -> Option<Notice> {
    let accepted = finding.accepted.as_ref().filter(|_| finding.state == State::Accepted)?;
    ending(Subject::Finding(finding.id.clone()), entry, accepted.until, now)
}

/// What is to be told of an exception that ends.
pub fn of_exception(entry: u64, exception: &Exception, now: Timestamp) -> Option<Notice> {
    if exception.state != ExceptionState::Approved {
        return None;
    }
    ending(Subject::Exception(exception.id.clone()), entry, exception.request.until, now)
}

fn ending(subject: Subject, entry: u64, until: Timestamp, now: Timestamp) -> Option<Notice> {
    let left = until.as_second() - now.as_second();
    let happening = match left {
        ..=0 => return None,
        left if left <= DAY => Happening::EndsInADay,
        left if left <= 7 * DAY => Happening::EndsInAWeek,
        _ => return None,
    };
    Some(Notice::new(happening, subject, entry, &until.as_second().to_string()))
}

/// Evidence that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The check that is inconclusive, or the source that is not read.
    pub subject: Subject,
    /// The entry that tells of it.
    pub entry: u64,
}

/// A gap that was told, and whose end was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldGap {
    /// Whose.
    pub subject: Subject,
    /// The key it was told under.
    pub key: String,
    /// The entry that told of it.
    pub entry: u64,
}

/// What is to be told of evidence: gaps that are not among `told`, and the end of those that are and are no more. `known` says of
/// a subject whether it is asked for at all: nobody is told that what was taken out of the configuration is back.
pub fn of_evidence(gaps: &[Gap], told: &[ToldGap], known: impl Fn(&Subject) -> bool) -> Vec<Notice> {
    let open = gaps
        .iter()
        .filter(|gap| !told.iter().any(|told| told.subject == gap.subject))
        .map(|gap| Notice::new(Happening::Unseen, gap.subject.clone(), gap.entry, &gap.entry.to_string()));
    let closed = told
        .iter()
        .filter(|told| known(&told.subject) && !gaps.iter().any(|gap| gap.subject == told.subject))
        .map(|told| Notice::new(Happening::SeenAgain, told.subject.clone(), told.entry, &told.key));
    open.chain(closed).collect()
}

#[cfg(test)]
mod tests;
