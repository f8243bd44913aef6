//! Exceptions: approved, expiring decisions to tolerate named failures.
//!
//! One person asks, another approves. It holds from its approval, or a later start, until it ends; the failure stays in
//! sight all the time, and counts again from that instant on.

use crate::finding::Word;
use crate::refusal::{Guard, Refusal, named, said, same_person};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Where an exception stands. That its time is over is no state: it is said of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    /// Asked for; it has no effect.
    Requested,
    /// Approved by a second person.
    Approved,
    /// Refused by one.
    Refused,
    /// Ended before its time.
    Revoked,
}

impl ExceptionState {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The check whose failures are tolerated.
    pub check: String,
    /// Whose: subjects as the check names them; `*` stands for any run of characters.
    pub subjects: Vec<String>,
    /// Only where evidence of this source decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why it is tolerated.
    pub reason: String,
    /// What is done instead.
    pub compensating_control: String,
    /// First instant it may hold; none: from its approval on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// First instant it holds no longer.
    pub until: Timestamp,
}

/// An exception (`evidenced/exception/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// `exception-<n>`.
    pub id: String,
    /// Where it stands.
    pub state: ExceptionState,
    /// What was asked for.
    #[serde(flatten)]
    pub request: Request,
    /// Who asked, and when.
    pub requested: Word,
    /// Who approved it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Word>,
    /// Who refused or revoked it, when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Word>,
}

/// A step a person takes with an exception that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExceptionAct {
    /// It is granted.
    Approve {
        /// Anything to add.
        note: String,
    },
    /// It is not.
    Refuse {
        /// Why.
        reason: String,
    },
    /// It ends now.
    Revoke {
        /// Why.
        reason: String,
    },
}

/// An exception event (`evidenced/exception-event/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionEvent {
    /// `evidenced/exception-event/v1`.
    pub schema: String,
    /// The state it led to.
    pub event: ExceptionState,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The whole exception after the event.
    pub exception: Exception,
}

impl ExceptionEvent {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/exception-event/v1";
    /// Media type of a sealed event.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.exception-event+json";

    fn new(by: &str, at: Timestamp, exception: Exception) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), event: exception.state, at, by: by.trim().to_owned(), exception }
    }
}

impl Exception {
    /// Asks for one. `number` counts them from 1.
    pub fn request(number: usize, request: Request, by: &str, at: Timestamp) -> Result<ExceptionEvent, Refusal> {
        named(by)?;
        said(Guard::Reason, "why the failure is tolerated", &request.reason)?;
        said(Guard::Reason, "what is done instead (the compensating control)", &request.compensating_control)?;
        if request.subjects.is_empty() || request.subjects.iter().any(|subject| subject.trim().is_empty()) {
            return Err(Refusal::new(
                Guard::Scope,
                "the exception names no subject",
                "name them as `evidenced check` does",
            ));
        }
        if request.until <= request.from.unwrap_or(at).max(at) {
            return Err(Refusal::new(
                Guard::Expiry,
                "the exception ends before it begins",
                "name an end in the future",
            ));
        }
        if request.from.is_some_and(|from| from < at) {
            return Err(Refusal::new(
                Guard::Date,
                "an exception cannot begin before it was asked for",
                "leave its start out: it holds from its approval on",
            ));
        }
        let word = Word { by: by.trim().to_owned(), at, note: String::new() };
        let exception = Self {
            id: format!("exception-{number}"),
            state: ExceptionState::Requested,
            request,
            requested: word,
            approved: None,
            ended: None,
        };
        Ok(ExceptionEvent::new(by, at, exception))
    }

    /// The event of a step, or the guard that refuses it.
    pub fn act(&self, step: &ExceptionAct, by: &str, at: Timestamp) -> Result<ExceptionEvent, Refusal> {
        named(by)?;
        let (from, to, note) = match step {
            ExceptionAct::Approve { note } => (ExceptionState::Requested, ExceptionState::Approved, note),
            ExceptionAct::Refuse { reason } => (ExceptionState::Requested, ExceptionState::Refused, reason),
            ExceptionAct::Revoke { reason } => (ExceptionState::Approved, ExceptionState::Revoked, reason),
        };
        if self.state != from {
            return Err(Refusal::new(
                Guard::State,
                format!(
                    "{} is {}: it becomes {} only when {}",
                    self.id,
                    self.state.as_str(),
                    to.as_str(),
                    from.as_str()
                ),
                "ask for another one",
            ));
        }
        if at >= self.request.until {
            return Err(Refusal::new(Guard::Expiry, format!("{} is over", self.id), "ask for another one"));
        }
        let word = Word { by: by.trim().to_owned(), at, note: note.trim().to_owned() };
        let mut after = self.clone();
        after.state = to;
        if let ExceptionAct::Approve { .. } = step {
            if same_person(&self.requested.by, by) {
                return Err(Refusal::new(
                    Guard::SecondPerson,
                    format!("{by} asked for {} and cannot approve it", self.id),
                    "somebody other than the requester approves it",
                ));
            }
            after.approved = Some(word);
        } else {
            said(Guard::Reason, "why it ends", note)?;
            after.ended = Some(word);
        }
        Ok(ExceptionEvent::new(by, at, after))
    }

    /// First instant it holds, and first instant it no longer does; none when it never did.
    pub fn holds(&self) -> Option<(Timestamp, Timestamp)> {
        let approved = self.approved.as_ref()?.at;
        let from = self.request.from.map_or(approved, |from| from.max(approved));
        let until = self.ended.as_ref().map_or(self.request.until, |ended| ended.at.min(self.request.until));
        (from < until).then_some((from, until))
    }

    /// `requested`, `approved`, `refused`, `revoked`, or at that instant `expired`.
    pub fn standing(&self, at: Timestamp) -> &'static str {
        match self.state {
            ExceptionState::Requested | ExceptionState::Approved if at >= self.request.until => "expired",
            state => state.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
