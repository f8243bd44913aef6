//! Why a step is refused: the guard's name, and words.

use model::plain_name;

/// What every step is guarded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// The step leads from another state.
    State,
    /// Something happened since the person looked.
    Conflict,
    /// A person is named.
    Person,
    /// A reason is given.
    Reason,
    /// Correction, root cause and method, similar cases, corrective action, owner and due date are all said.
    Plan,
    /// The owner says so.
    Owner,
    /// Evidence is attached.
    Evidence,
    /// A later, complete snapshot shows it; where a check exists, nobody's word stands in for that.
    Check,
    /// The person is neither owner nor implementer, or not the one who asked.
    SecondPerson,
    /// It is said how effective the action is.
    Effectiveness,
    /// It ends, and in the future.
    Expiry,
    /// A date is a date.
    Date,
    /// It says whom or what it covers.
    Scope,
    /// Every source was seen whole, or is left out by name.
    Source,
    /// Every item is decided.
    Decided,
    /// The item is theirs to decide.
    Reviewer,
    /// Nobody decides on their own access.
    OwnAccess,
    /// Many at once: unchanged, inconspicuous, no administrators.
    Bulk,
    /// What was to go is proven gone, or carried on.
    Remediation,
}

impl Guard {
    /// The name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Conflict => "conflict",
            Self::Person => "person",
            Self::Reason => "reason",
            Self::Plan => "plan",
            Self::Owner => "owner",
            Self::Evidence => "evidence",
            Self::Check => "check",
            Self::SecondPerson => "second_person",
            Self::Effectiveness => "effectiveness",
            Self::Expiry => "expiry",
            Self::Date => "date",
            Self::Scope => "scope",
            Self::Source => "source",
            Self::Decided => "decided",
            Self::Reviewer => "reviewer",
            Self::OwnAccess => "own_access",
            Self::Bulk => "bulk",
            Self::Remediation => "remediation",
        }
    }
}

/// A step that is not taken, and nothing is changed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which guard.
    pub guard: Guard,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub help: String,
}

impl Refusal {
    pub(crate) fn new(guard: Guard, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { guard, problem: problem.into(), help: help.into() }
    }
}

/// Whether two names are one person: without regard to case and to white space around or within. Anything cleverer would
/// need the people's directory.
pub fn same_person(one: &str, other: &str) -> bool {
    plain_name(one) == plain_name(other)
}

/// The name of the one who acts.
pub(crate) fn named(by: &str) -> Result<(), Refusal> {
    if by.trim().is_empty() {
        return Err(Refusal::new(Guard::Person, "nobody is named", "say who acts"));
    }
    Ok(())
}

/// Text that has to say something.
pub(crate) fn said(guard: Guard, what: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(guard, format!("{what} is not said"), format!("say {what} in a sentence")));
    }
    Ok(())
}
