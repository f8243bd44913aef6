//! What people decide: findings taken further, exceptions, evidence they add. Every decision is an entry in the log.

use super::{Held, Line, now};
use crate::failure::Failure;
use crate::settings::nearest;
use ledger::Body;
use model::Verdict;
use serde::de::DeserializeOwned;
use store::{Content, Document, Draft, LogEntry, Reader, RecordRow, StoreError};
use workflow::{
    Act, Acting, EvidenceRef, Exception, ExceptionAct, ExceptionEvent, Finding, FindingEvent, FindingText, Refusal,
    Request,
};

/// A finding that a person raises.
pub(crate) struct Raise {
    pub(crate) text: FindingText,
    pub(crate) condition: String,
    pub(crate) controls: Vec<String>,
}

/// Why a decision was not sealed.
#[derive(Debug)]
pub(crate) enum Declined {
    /// A guard says no: nothing went wrong.
    Refused(Refusal),
    /// It could not be done.
    Failed(Failure),
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Declined {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Declined {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<model::CanonicalError> for Declined {
    fn from(error: model::CanonicalError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Declined> for Failure {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Refused(refusal) => refused(refusal),
            Declined::Failed(failure) => failure,
        }
    }
}

impl Line {
    /// Takes finding `id` one step further. `looked_at` is the entry of its last event as the person saw it.
    pub(crate) fn act(
        &self,
        id: &str,
        step: &Act,
        by: &str,
        looked_at: Option<u64>,
    ) -> Result<(u64, FindingEvent), Declined> {
        // held from looking to sealing: of two people at once, one wins and the other is told
        let store = self.store()?;
        let (last_event, finding) = finding(&self.reader()?, id)?;
        let event = workflow::act(&finding, step, Acting { by, at: now(), looked_at, last_event })?;
        Ok(sealed(store, finding_draft(&event, model::canonical_json(&event)?), event)?)
    }

    /// Raises a finding that no check raised.
    pub(crate) fn raise(&self, raise: &Raise, by: &str) -> Result<(u64, FindingEvent), Failure> {
        known_controls(&raise.controls)?;
        let store = self.store()?;
        let number = super::findings(&self.reader()?)?.iter().filter(|finding| finding.check.is_none()).count() + 1;
        let event = workflow::raise(number, &raise.text, &raise.condition, raise.controls.clone(), by, now());
        let event = event.map_err(refused)?;
        sealed(store, finding_draft(&event, model::canonical_json(&event)?), event)
    }

    /// Asks for an exception. The check must exist.
    pub(crate) fn request_exception(&self, request: Request, by: &str) -> Result<(u64, ExceptionEvent), Declined> {
        let checks = super::load_checks(Some(&self.settings()))?;
        if checks.get(&request.check).is_none() {
            let names: Vec<&str> = checks.checks().iter().map(|check| check.name.as_str()).collect();
            let help = nearest(&request.check, &names).map_or_else(
                || "`evidenced checks list` shows them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Failure::usage(format!("there is no check `{}`", request.check), help).into());
        }
        let store = self.store()?;
        let number = self.reader()?.records("exception")?.len() + 1;
        let event = Exception::request(number, request, by, now())?;
        Ok(sealed(store, exception_draft(&event)?, event)?)
    }

    /// Of the last evaluation of its check, the members that `request` names, and how many of them fail; none when it was
    /// never evaluated.
    pub(crate) fn named_by(&self, request: &Request) -> Result<Option<(usize, usize)>, Failure> {
        let last = super::overview::latest_evaluation(&self.reader()?, &request.check)?;
        Ok(last.map(|sealed| {
            let members = sealed.value().members.iter();
            let named: Vec<_> = members
                .filter(|member| evaluate::names(&request.subjects, &member.subject))
                .filter(|member| request.source.is_none() || request.source == member.source)
                .collect();
            let failing =
                named.iter().filter(|member| matches!(member.verdict, Verdict::Fail | Verdict::Excepted)).count();
            (named.len(), failing)
        }))
    }

    /// Approves, refuses or revokes an exception.
    pub(crate) fn act_on_exception(
        &self,
        id: &str,
        step: &ExceptionAct,
        by: &str,
    ) -> Result<(u64, ExceptionEvent), Declined> {
        let store = self.store()?;
        let all = exceptions(&self.reader()?)?;
        let (_, exception) = all.iter().find(|(_, exception)| exception.id == id).ok_or_else(|| {
            Failure::usage(format!("there is no exception `{id}`"), "`evidenced exceptions list` shows them")
        })?;
        let event = exception.act(step, by, now())?;
        Ok(sealed(store, exception_draft(&event)?, event)?)
    }
}

/// Seals one decision; the entry that holds it.
pub(super) fn sealed<T>(mut store: Held<'_>, draft: Draft, event: T) -> Result<(u64, T), Failure> {
    let appended: Vec<LogEntry> = store.append(now(), vec![draft])?;
    Ok((appended.first().map(|entry| entry.index).unwrap_or_default(), event))
}

/// What was refused, by the guard's name.
pub(super) fn refused(refusal: Refusal) -> Failure {
    Failure::usage(format!("refused ({}): {}", refusal.guard.as_str(), refusal.problem), refusal.help)
}

/// A finding event as it is sealed; `document` is its canonical form.
pub(super) fn finding_draft(event: &FindingEvent, document: impl Content + Send + 'static) -> Draft {
    Draft {
        body: Body::FindingEvent { finding: event.finding.id.clone(), event: event.event.as_str().to_owned() },
        series: format!("finding/{}", event.finding.id),
        document: Some(Document::new(document, FindingEvent::MEDIA_TYPE)),
    }
}

fn exception_draft(event: &ExceptionEvent) -> Result<Draft, Failure> {
    Ok(Draft {
        body: Body::Exception { exception: event.exception.id.clone(), event: event.event.as_str().to_owned() },
        series: format!("exception/{}", event.exception.id),
        document: Some(Document::new(model::canonical_json(event)?, ExceptionEvent::MEDIA_TYPE)),
    })
}

/// A finding and the entry of its last event.
pub(crate) fn finding(reader: &Reader, id: &str) -> Result<(u64, Finding), Failure> {
    let row =
        reader.findings()?.into_iter().find(|row| row.id == id).ok_or_else(|| {
            Failure::usage(format!("there is no finding `{id}`"), "`evidenced findings list` shows them")
        })?;
    let finding = serde_json::from_value(row.body)
        .map_err(|error| Failure::store(format!("finding {id} cannot be read: {error}")))?;
    Ok((row.log_index, finding))
}

/// Every exception with the entry of its last event, in the order they were asked for.
pub(crate) fn exceptions(reader: &Reader) -> Result<Vec<(u64, Exception)>, Failure> {
    reader.records("exception")?.into_iter().map(read).collect()
}

pub(super) fn read<T: DeserializeOwned>(row: RecordRow) -> Result<(u64, T), Failure> {
    let read = serde_json::from_value(row.body)
        .map_err(|error| Failure::store(format!("{} {} cannot be read: {error}", row.kind, row.id)))?;
    Ok((row.log_index, read))
}

/// The approved exceptions as an evaluation takes them.
pub(super) fn approved(reader: &Reader) -> Result<Vec<evaluate::ExceptionInput>, Failure> {
    let all = exceptions(reader)?.into_iter();
    Ok(all
        .filter_map(|(log_index, exception)| {
            let (from, until) = exception.holds()?;
            Some(evaluate::ExceptionInput {
                id: exception.id,
                log_index,
                check: exception.request.check,
                subjects: exception.request.subjects,
                source: exception.request.source,
                from,
                until,
            })
        })
        .collect())
}

/// What a person names as evidence: snapshots and manual evidence by id.
pub(crate) fn evidence(reader: &Reader, ids: &[String]) -> Result<Vec<EvidenceRef>, Failure> {
    let manual = reader.records("evidence")?;
    let mut found = Vec::new();
    let mut absent = Vec::new();
    for id in ids {
        let index = match manual.iter().find(|row| &row.id == id) {
            Some(row) => Some(row.since),
            None => reader.snapshot_row(id)?.map(|row| row.log_index),
        };
        match index {
            Some(log_index) => found.push(EvidenceRef { id: id.clone(), log_index }),
            None => absent.push(format!("`{id}`")),
        }
    }
    if absent.is_empty() {
        return Ok(found);
    }
    Err(Failure::usage(
        format!("neither a snapshot nor added evidence: {}", absent.join(", ")),
        "`evidenced snapshots list` and `evidenced evidence list` show them",
    ))
}

/// Refuses controls that no catalogue has.
pub(super) fn known_controls(controls: &[String]) -> Result<(), Failure> {
    let catalogues = super::check::catalogues()?;
    let unknown: Vec<String> = controls
        .iter()
        .filter(|control| catalogues.control(control).is_none())
        .map(|control| format!("`{control}`"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("no catalogue has {}", unknown.join(", ")),
        "write it like `iso27001:2022/A.5.18`; `evidenced controls` lists them",
    ))
}
