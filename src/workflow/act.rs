//! What people do to findings: every step with its guards.
//!
//! | from | step | to | guards |
//! |---|---|---|---|
//! | draft | confirm | confirmed | a person, who sets the class |
//! | draft | dismiss | dismissed | a person; a reason |
//! | confirmed, reopened | plan | planned | nonconformities: the plan is whole; owner and due date |
//! | planned | implement | implemented | the owner says so; evidence is attached |
//! | implemented | *(evaluations)* | verified | see [`crate::follow`] |
//! | implemented | verify | verified | no check exists; evidence; a second person |
//! | verified | close | closed | a second person; effectiveness |
//! | confirmed … implemented | close | closed | opportunities and observations only; a reason |
//! | confirmed, reopened | accept | accepted | approver is not the owner; a reason; an expiry in the future |
//! | any that is not over | amend | the same | a reason; a due date is a date |

use crate::finding::{
    Accepted, Amendment, Change, Class, Dismissal, Dismissed, EvidenceRef, Finding, FindingEvent, FindingText,
    Implemented, Plan, Planned, State, Verified, Word,
};
use crate::follow::draft;
use crate::refusal::{Guard, Refusal, named, said, same_person};
use model::Timestamp;

/// A step a person takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It is a finding, of this class.
    Confirm {
        /// How grave.
        class: Class,
        /// Anything to add.
        note: String,
    },
    /// It is none.
    Dismiss {
        /// Which of the reasons there are.
        why: Dismissal,
        /// In words.
        reason: String,
    },
    /// What is to be done, by whom and until when.
    Plan {
        /// What.
        plan: Plan,
        /// Who answers for it.
        owner: String,
        /// Last day, `YYYY-MM-DD`.
        due: String,
    },
    /// It is done.
    Implement {
        /// What was done.
        note: String,
        /// What shows it.
        evidence: Vec<EvidenceRef>,
    },
    /// It holds, where no check can show that.
    Verify {
        /// What was looked at.
        note: String,
        /// What shows it.
        evidence: Vec<EvidenceRef>,
    },
    /// It is over.
    Close {
        /// How effective the action is; of opportunities and observations, why it is over.
        effectiveness: String,
    },
    /// The risk is accepted.
    Accept {
        /// Who answers for it; none: whoever does already.
        owner: Option<String>,
        /// Why.
        reason: String,
        /// First instant it is accepted no longer.
        until: Timestamp,
    },
    /// Another due date.
    Due {
        /// Last day, `YYYY-MM-DD`.
        due: String,
        /// Why.
        reason: String,
    },
    /// Another owner.
    Owner {
        /// Who.
        owner: String,
        /// Why.
        reason: String,
    },
}

impl Act {
    /// What it is called in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirm { .. } => "confirm",
            Self::Dismiss { .. } => "dismiss",
            Self::Plan { .. } => "plan",
            Self::Implement { .. } => "implement",
            Self::Verify { .. } => "verify",
            Self::Close { .. } => "close",
            Self::Accept { .. } => "accept",
            Self::Due { .. } => "due",
            Self::Owner { .. } => "owner",
        }
    }

    /// The states it leads from.
    pub const fn from(&self) -> &'static [State] {
        use State::{Accepted, Confirmed, Draft, Implemented, Planned, Reopened, Verified};
        match self {
            Self::Confirm { .. } | Self::Dismiss { .. } => &[Draft],
            Self::Plan { .. } | Self::Accept { .. } => &[Confirmed, Reopened],
            Self::Implement { .. } => &[Planned],
            Self::Verify { .. } => &[Implemented],
            // of a nonconformity from `Verified` only
            Self::Close { .. } => &[Confirmed, Planned, Implemented, Verified, Reopened],
            Self::Due { .. } | Self::Owner { .. } => {
                &[Draft, Confirmed, Planned, Implemented, Verified, Accepted, Reopened]
            }
        }
    }
}

/// Who acts, when, and on what.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// The person.
    pub by: &'a str,
    /// When.
    pub at: Timestamp,
    /// Entry of the finding's last event as the person saw it; none when it was not said.
    pub looked_at: Option<u64>,
    /// Entry of its last event.
    pub last_event: u64,
}

/// The event of a step, or the guard that refuses it.
pub fn act(finding: &Finding, step: &Act, acting: Acting<'_>) -> Result<FindingEvent, Refusal> {
    named(acting.by)?;
    if acting.looked_at.is_some_and(|seen| seen != acting.last_event) {
        return Err(Refusal::new(
            Guard::Conflict,
            format!("finding {} changed since: its last event is entry {}", finding.id, acting.last_event),
            "look at it again, then decide",
        ));
    }
    if !step.from().contains(&finding.state) {
        let from: Vec<&str> = step.from().iter().map(|state| state.as_str()).collect();
        return Err(Refusal::new(
            Guard::State,
            format!(
                "finding {} is {}: {} leads from {}",
                finding.id,
                finding.state.as_str(),
                step.name(),
                from.join(", ")
            ),
            after(finding),
        ));
    }
    let mut after = finding.clone();
    let event = take(&mut after, step, acting)?;
    Ok(FindingEvent {
        schema: FindingEvent::SCHEMA.to_owned(),
        event,
        at: acting.at,
        evaluation: None,
        by: Some(acting.by.trim().to_owned()),
        added: Vec::new(),
        resolved: Vec::new(),
        finding: after,
    })
}

/// A finding that no check raised: of an audit, an incident, a person who saw something. `number` counts those from 1.
pub fn raise(
    number: usize,
    text: &FindingText,
    condition: &str,
    controls: Vec<String>,
    by: &str,
    at: Timestamp,
) -> Result<FindingEvent, Refusal> {
    named(by)?;
    for (what, text) in
        [("a title", text.title.as_str()), ("the criteria", &text.criteria), ("the condition", condition)]
    {
        said(Guard::Reason, what, text)?;
    }
    let finding = Finding {
        id: format!("manual-{number}"),
        condition: condition.to_owned(),
        raised_by: Some(by.trim().to_owned()),
        ..draft(text, controls, at)
    };
    Ok(FindingEvent {
        schema: FindingEvent::SCHEMA.to_owned(),
        event: Change::Raised,
        at,
        evaluation: None,
        by: Some(by.trim().to_owned()),
        added: Vec::new(),
        resolved: Vec::new(),
        finding,
    })
}

/// What leads on from where a finding stands.
fn after(finding: &Finding) -> &'static str {
    match finding.state {
        State::Draft => "confirm or dismiss it first",
        State::Confirmed | State::Reopened => "plan what to do, or accept the risk",
        State::Planned => "its owner implements it next",
        State::Implemented if finding.check.is_some() => {
            "a later, complete snapshot verifies it: collect and check again"
        }
        State::Implemented => "a second person verifies it next",
        State::Verified => "a second person closes it next",
        State::Accepted => "it comes back when the acceptance ends",
        State::Resolved | State::Closed | State::Dismissed => "it is over: a new failure raises another finding",
    }
}

fn take(finding: &mut Finding, step: &Act, acting: Acting<'_>) -> Result<Change, Refusal> {
    let word = |note: &str| Word { by: acting.by.trim().to_owned(), at: acting.at, note: note.trim().to_owned() };
    match step {
        Act::Confirm { class, note } => {
            finding.class = Some(*class);
            finding.confirmed = Some(word(note));
            finding.state = State::Confirmed;
            Ok(Change::Confirmed)
        }
        Act::Dismiss { why, reason } => {
            said(Guard::Reason, "why it is no finding", reason)?;
            finding.dismissed = Some(Dismissed { why: *why, word: word(reason) });
            finding.state = State::Dismissed;
            Ok(Change::Dismissed)
        }
        Act::Plan { plan, owner, due } => {
            said(Guard::Plan, "who owns it", owner)?;
            date(due)?;
            if finding.is_nonconformity() {
                whole(plan)?;
            }
            finding.owner = Some(owner.trim().to_owned());
            finding.due = Some(due.clone());
            finding.plan = Some(Planned { word: word(""), plan: plan.clone() });
            finding.state = State::Planned;
            Ok(Change::Planned)
        }
        Act::Implement { note, evidence } => {
            let owner = finding.owner.clone().unwrap_or_default();
            if !same_person(&owner, acting.by) {
                return Err(Refusal::new(
                    Guard::Owner,
                    format!("finding {} is owned by {owner}, and {} says that it is done", finding.id, acting.by),
                    "the owner says so, or the owner is changed first",
                ));
            }
            attached(evidence)?;
            finding.implemented =
                Some(Implemented { word: word(note), evidence: evidence.clone(), shown_by: Vec::new() });
            finding.state = State::Implemented;
            Ok(Change::Implemented)
        }
        Act::Verify { note, evidence } => {
            if let Some(check) = &finding.check {
                return Err(Refusal::new(
                    Guard::Check,
                    format!("the check `{check}` verifies finding {}, not a person's word", finding.id),
                    "collect and check again: it is verified when every item passes on a later, complete snapshot",
                ));
            }
            second_person(finding, acting.by)?;
            attached(evidence)?;
            finding.verified = Some(Verified {
                at: acting.at,
                shown_by: Vec::new(),
                word: Some(word(note)),
                evidence: evidence.clone(),
            });
            finding.state = State::Verified;
            Ok(Change::Verified)
        }
        Act::Close { effectiveness } => {
            if finding.is_nonconformity() {
                if finding.state != State::Verified {
                    return Err(Refusal::new(
                        Guard::State,
                        format!(
                            "finding {} is {}: a nonconformity is closed once verified",
                            finding.id,
                            finding.state.as_str()
                        ),
                        after(finding),
                    ));
                }
                second_person(finding, acting.by)?;
            }
            said(Guard::Effectiveness, "how effective the action is", effectiveness)?;
            finding.closed = Some(word(effectiveness));
            finding.state = State::Closed;
            Ok(Change::Closed)
        }
        Act::Accept { owner, reason, until } => {
            let owner = owner.clone().or_else(|| finding.owner.clone()).unwrap_or_default();
            said(Guard::Owner, "who owns the risk", &owner)?;
            if same_person(&owner, acting.by) {
                return Err(Refusal::new(
                    Guard::SecondPerson,
                    format!("{} owns the risk of finding {} and cannot approve it", acting.by, finding.id),
                    "somebody other than the owner approves it",
                ));
            }
            said(Guard::Reason, "why the risk is accepted", reason)?;
            if *until <= acting.at {
                return Err(Refusal::new(
                    Guard::Expiry,
                    "the acceptance ends before it begins",
                    "name an end in the future",
                ));
            }
            finding.owner = Some(owner.trim().to_owned());
            finding.accepted = Some(Accepted { word: word(reason), until: *until });
            finding.state = State::Accepted;
            Ok(Change::Accepted)
        }
        Act::Due { due, reason } => {
            said(Guard::Reason, "why the due date changes", reason)?;
            date(due)?;
            amend(finding, "due", due, word(reason));
            Ok(Change::Amended)
        }
        Act::Owner { owner, reason } => {
            said(Guard::Reason, "why the owner changes", reason)?;
            said(Guard::Owner, "who owns it", owner)?;
            let approver = finding.accepted.as_ref().filter(|_| finding.state == State::Accepted);
            if let Some(accepted) = approver.filter(|accepted| same_person(&accepted.word.by, owner)) {
                return Err(Refusal::new(
                    Guard::SecondPerson,
                    format!("{} approved the risk of finding {} and cannot own it", accepted.word.by, finding.id),
                    "name an owner who did not approve it",
                ));
            }
            amend(finding, "owner", owner.trim(), word(reason));
            Ok(Change::Amended)
        }
    }
}

fn amend(finding: &mut Finding, field: &str, to: &str, word: Word) {
    let place = if field == "due" { &mut finding.due } else { &mut finding.owner };
    let from = place.replace(to.to_owned());
    finding.amendments.push(Amendment { field: field.to_owned(), from, to: to.to_owned(), word });
}

fn whole(plan: &Plan) -> Result<(), Refusal> {
    let Plan { correction, root_cause, method, similar, action } = plan;
    let parts = [
        ("the correction", correction),
        ("the root cause", root_cause),
        ("how the root cause was found", method),
        ("where similar cases were looked for", similar),
        ("the corrective action", action),
    ];
    let missing: Vec<&str> = parts.iter().filter(|(_, text)| text.trim().is_empty()).map(|(what, _)| *what).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        Guard::Plan,
        format!("the plan of a nonconformity lacks {}", missing.join(", ")),
        "a nonconformity needs all five: they are what the auditor reads",
    ))
}

fn attached(evidence: &[EvidenceRef]) -> Result<(), Refusal> {
    if evidence.is_empty() {
        return Err(Refusal::new(
            Guard::Evidence,
            "no evidence is attached",
            "name a snapshot, or add a file with `evidenced evidence add` and name that",
        ));
    }
    Ok(())
}

/// Whoever verifies or closes is neither the owner nor the one who said that it is done.
fn second_person(finding: &Finding, by: &str) -> Result<(), Refusal> {
    let owner = finding.owner.as_deref().map(|owner| (owner, "owns it"));
    let implementer = finding.implemented.as_ref().map(|done| (done.word.by.as_str(), "implemented it"));
    // an owner who handed it over still is not a second person
    let former = finding.amendments.iter().filter(|change| change.field == "owner");
    let former = former.filter_map(|change| change.from.as_deref()).map(|owner| (owner, "owned it"));
    match owner.into_iter().chain(implementer).chain(former).find(|(person, _)| same_person(person, by)) {
        None => Ok(()),
        Some((person, role)) => Err(Refusal::new(
            Guard::SecondPerson,
            format!("{person} {role}: finding {} needs a second person here", finding.id),
            "somebody who is neither its owner nor its implementer does this",
        )),
    }
}

/// `YYYY-MM-DD`, and a day there is.
fn date(text: &str) -> Result<(), Refusal> {
    let midnight = format!("{text}T00:00:00Z");
    if text.len() == 10 && midnight.parse::<Timestamp>().is_ok() {
        return Ok(());
    }
    Err(Refusal::new(Guard::Date, format!("`{text}` is not a date"), "write it like 2026-03-31"))
}

#[cfg(test)]
mod tests;
