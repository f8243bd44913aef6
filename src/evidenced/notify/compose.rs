//! What a notice says, read from the log at the time it is sent: counted where people are not to be named.
//!
//! Texts that people wrote, and messages that sources sent, may name somebody: they are told only where personal data may be.
//! Texts of checks, ids, states, dates and numbers always are.

use model::time::seconds_text;
use model::{Evaluation, InputState, Manifest, SnapshotStatus};
use serde::Serialize;
use store::{NoticeRow, Reader};
use workflow::review::ReviewEvent;
use workflow::{Exception, ExceptionEvent, Finding, FindingEvent, Happening, State};

/// Members named in one notice.
const MOST_MEMBERS: usize = 50;

/// One notice in words and fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// The same for the same thing, always.
    pub(crate) key: String,
    /// What happened, in a word.
    pub(crate) event: String,
    /// `finding`, `exception`, `check`, `source`, `access_review`.
    pub(crate) kind: String,
    /// Its id or name.
    pub(crate) id: String,
    /// One line that says it all.
    pub(crate) headline: String,
    /// Where a finding stands after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// The title, from the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// The class a person set, or the one the check proposes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<String>,
    /// Controls concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) controls: Vec<String>,
    /// Members that fail now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failing: Option<usize>,
    /// Last day to have it implemented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<String>,
    /// When an acceptance or exception ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// Who owns it; only where personal data may be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// What there is to know beyond the headline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// Who fails and why; only where personal data may be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<String>,
    /// Where to look.
    pub(crate) look: String,
}

impl Told {
    /// Whether it is about evidence.
    pub(crate) fn is_of_evidence(&self) -> bool {
        matches!(self.kind.as_str(), "check" | "source")
    }

    /// Whether the finding is over.
    pub(crate) fn is_over(&self) -> bool {
        State::ALL.into_iter().any(|state| state.is_over() && Some(state.as_str()) == self.state.as_deref())
    }
}

/// What `row` says. `personal`: whether people may be named.
pub(crate) fn compose(reader: &Reader, row: &NoticeRow, personal: bool) -> Told {
    let blank = Told {
        key: row.key.clone(),
        event: row.happening.clone(),
        kind: row.kind.clone(),
        id: row.subject.clone(),
        ..Told::default()
    };
    let happening = Happening::parse(&row.happening);
    let document = reader.document(row.log_index).ok().flatten();
    let told = match (happening, document) {
        (Some(happening), Some(document)) => match row.kind.as_str() {
            "finding" => {
                read(&document).map(|event: FindingEvent| of_finding(blank.clone(), happening, &event, personal))
            }
            "exception" => {
                read(&document).map(|event: ExceptionEvent| of_exception(blank.clone(), &event.exception, personal))
            }
            "access_review" => {
                read(&document).and_then(|event: ReviewEvent| of_review(blank.clone(), &event, personal))
            }
            "check" => read(&document).map(|evaluation| of_check(blank.clone(), happening, &evaluation, personal)),
            _ => read(&document).map(|manifest| of_source(blank.clone(), happening, &manifest, personal)),
        },
        _ => None,
    };
    told.unwrap_or_else(|| Told {
        headline: format!("{} {}: {}, and what it was is not there any more", row.kind, row.subject, row.happening),
        look: "evidenced log tail".to_owned(),
        ..blank
    })
}

fn read<T: serde::de::DeserializeOwned>(document: &[u8]) -> Option<T> {
    serde_json::from_slice(document).ok()
}

fn of_finding(blank: Told, happening: Happening, event: &FindingEvent, personal: bool) -> Told {
    let finding = &event.finding;
    // the title of what a person raised is a person's text
    let title = (finding.check.is_some() || personal).then(|| finding.title.clone());
    let failing = finding.open_items().count();
    let name = title.as_ref().map_or_else(|| finding.id.clone(), |title| format!("{title} ({})", finding.id));
    let counted =
        |number: usize| if number == 1 { "1 member fails".to_owned() } else { format!("{number} members fail") };
    let due = finding.due.clone().unwrap_or_default();
    let until = finding.accepted.as_ref().map(|accepted| seconds_text(accepted.until));
    let headline = match happening {
        Happening::Raised if blank.key.ends_with(":standing") => {
            format!("{name} is {}: {}", finding.state.as_str(), counted(failing))
        }
        Happening::Raised if finding.check.is_none() => format!("{name} was raised by a person"),
        Happening::Raised => format!("{name} was raised: {}", counted(failing)),
        Happening::Grown => format!("{name}: {} more, {}", event.added.len(), counted(failing)),
        Happening::Assigned => format!("{name} has a new owner"),
        Happening::DueInAWeek | Happening::DueInADay => format!("{name} is due on {due}"),
        Happening::Overdue => format!("{name} was due on {due}"),
        Happening::EndsInAWeek | Happening::EndsInADay => {
            format!("the acceptance of {name} ends at {}", until.clone().unwrap_or_default())
        }
        Happening::Reopened => format!("{name} was reopened: {}", counted(failing)),
        other => format!("{name} was {}", other.as_str()),
    };
    Told {
        headline,
        state: Some(finding.state.as_str().to_owned()),
        class: class(finding),
        controls: finding.controls.clone(),
        failing: Some(failing),
        due: finding.due.clone(),
        until: until.filter(|_| finding.state == State::Accepted),
        owner: finding.owner.clone().filter(|_| personal),
        details: details(finding, personal),
        members: members(finding, personal),
        look: format!("evidenced findings show {}", finding.id),
        title,
        ..blank
    }
}

fn class(finding: &Finding) -> Option<String> {
    let proposed = (!finding.proposed_class.is_empty()).then(|| format!("{} (proposed)", finding.proposed_class));
    finding.class.map(|class| class.as_str().to_owned()).or(proposed)
}

fn details(finding: &Finding, personal: bool) -> Vec<String> {
    let parts = [
        ("what ought to be", &finding.criteria),
        ("what is", &finding.condition),
        ("what follows", &finding.impact),
        ("what to do", &finding.action),
    ];
    let texts = parts.into_iter().filter(|(_, text)| !text.is_empty() && (finding.check.is_some() || personal));
    let repeat = finding.repeat_of.iter().map(|before| format!("the same was {before} before"));
    texts.map(|(what, text)| format!("{what}: {text}")).chain(repeat).collect()
}

fn members(finding: &Finding, personal: bool) -> Vec<String> {
    if !personal {
        return Vec::new();
    }
    let open: Vec<_> = finding.open_items().collect();
    let named = open.iter().take(MOST_MEMBERS).map(|item| format!("{}: {}", item.subject, item.reason));
    let more = open.len().checked_sub(MOST_MEMBERS).filter(|more| *more > 0);
    named.chain(more.map(|more| format!("and {more} more"))).collect()
}

fn of_exception(blank: Told, exception: &Exception, personal: bool) -> Told {
    let request = &exception.request;
    let until = seconds_text(request.until);
    Told {
        headline: format!(
            "{} of check {} ends at {until}: from then on its members fail again",
            exception.id, request.check
        ),
        state: Some(exception.state.as_str().to_owned()),
        until: Some(until),
        details: if personal { vec![format!("why: {}", request.reason)] } else { Vec::new() },
        members: if personal { request.subjects.clone() } else { Vec::new() },
        look: format!("evidenced exceptions show {}", exception.id),
        ..blank
    }
}

fn of_review(blank: Told, event: &ReviewEvent, personal: bool) -> Option<Told> {
    let review = &event.access_review;
    let (person, pending) = super::plan::asked(event, &blank.id)?;
    let due = review.due_at.map(seconds_text);
    let headline = match pending {
        Some(0) => format!("access review {} is not decided yet", review.id),
        Some(1) => format!("access review {}: 1 account waits for a decision", review.id),
        Some(pending) => format!("access review {}: {pending} accounts wait for a decision", review.id),
        None => format!("access review {} waits for its owner's signature", review.id),
    };
    let whose = personal.then(|| format!("it is for {}", person.label()));
    let when = due.as_ref().map(|due| format!("due {due}"));
    let look = match pending {
        Some(_) => format!("evidenced reviews items {}", review.id),
        None => format!("evidenced reviews show {}", review.id),
    };
    Some(Told {
        id: review.id.clone(),
        headline,
        state: Some(review.state.as_str().to_owned()),
        due,
        owner: personal.then(|| review.owner.label().to_owned()),
        details: when.into_iter().chain(whose).collect(),
        look,
        ..blank
    })
}

fn of_check(blank: Told, happening: Happening, evaluation: &Evaluation, personal: bool) -> Told {
    let name = &evaluation.check;
    let look = format!("evidenced checks show {name}");
    if happening == Happening::SeenAgain {
        return Told { headline: format!("check {name} says something again"), look, ..blank };
    }
    let lacking = evaluation.inputs.iter().filter(|input| input.state != InputState::Good);
    let mut details: Vec<String> =
        lacking.map(|input| format!("source {}: {}", input.source, word(&input.state))).collect();
    if evaluation.verdicts.unknown > 0 {
        details.push(format!("{} members of whom it cannot be said", evaluation.verdicts.unknown));
    }
    if personal {
        details.extend(evaluation.why.iter().cloned());
    }
    Told {
        headline: format!("check {name} is inconclusive"),
        controls: evaluation.controls.clone(),
        details,
        look,
        ..blank
    }
}

fn of_source(blank: Told, happening: Happening, manifest: &Manifest, personal: bool) -> Told {
    let name = &manifest.source;
    let look = format!("evidenced snapshots show {}", manifest.id);
    if happening == Happening::SeenAgain {
        let look = format!("evidenced sources show {name}");
        return Told { headline: format!("source {name} is read whole and in time again"), look, ..blank };
    }
    let headline = match manifest.status {
        SnapshotStatus::Complete => {
            format!("source {name} is stale: its last complete snapshot is of {}", seconds_text(manifest.finished_at))
        }
        status => format!("source {name} is {}", status.as_str()),
    };
    let reasons = manifest.completeness.reasons.iter().map(|reason| match &reason.permission {
        Some(permission) => format!("{}, it needs {permission}", word(&reason.code)),
        None => word(&reason.code),
    });
    let errors = manifest.errors.iter().map(|error| error.kind.clone());
    let mut details: Vec<String> = reasons.chain(errors).collect();
    details.dedup();
    if personal {
        details.extend(manifest.completeness.reasons.iter().map(|reason| reason.message.clone()));
        details.extend(manifest.errors.iter().map(|error| error.message.clone()));
    }
    Told { headline, details, look, ..blank }
}

/// A word of an enumeration, as it is sealed.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
