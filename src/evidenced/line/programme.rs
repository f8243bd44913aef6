//! What the programme's own records say at an instant: findings, exceptions, how the log is kept.

use super::check::sealed_findings;
use super::decide::exceptions;
use crate::failure::Failure;
use crate::settings::{Settings, end_of_day};
use evaluate::{CountRow, ExceptionRow, FindingRow, LogRow, Programme, ReviewItemRow, ReviewRow, names};
use ledger::Body;
use model::{Outcome, Timestamp};
use serde::de::DeserializeOwned;
use store::Reader;
use workflow::review::{Item, ItemState, Person};
use workflow::{Exception, ExceptionEvent, Finding, FindingEvent};

/// The programme as of `as_of`; `counts` are those of the snapshots it rests on.
pub(super) fn programme(
    settings: &Settings,
    reader: &Reader,
    as_of: Timestamp,
    counts: Vec<CountRow>,
) -> Result<Programme, Failure> {
    let of_finding = |finding: &Finding| format!("finding/{}", finding.id);
    let findings =
        as_they_stood(reader, as_of, sealed_findings(reader)?, of_finding, |event: FindingEvent| event.finding)?;
    let of_exception = |exception: &Exception| format!("exception/{}", exception.id);
    let exceptions =
        as_they_stood(reader, as_of, exceptions(reader)?, of_exception, |event: ExceptionEvent| event.exception)?;
    let rows: Result<Vec<ExceptionRow>, Failure> = exceptions
        .iter()
        .filter_map(|exception| exception_row(exception, &findings, as_of))
        .map(|row| {
            let judged_at = reader.last_evaluated(&row.check, as_of, [Outcome::Pass, Outcome::Fail])?;
            Ok(ExceptionRow { judged_at, ..row })
        })
        .collect();
    let exceptions = rows?;
    let findings = findings.iter().map(|finding| finding_row(settings, finding)).collect();
    let (reviews, review_items) = reviews(reader, as_of)?;
    Ok(Programme { counts, findings, exceptions, reviews, review_items, log: log(settings, reader, as_of)? })
}

/// Each of `now`, which comes with the entry of its last event, as it stood at `as_of`; those that were not there yet are left
/// out. `series` names the series of its events, `thing` takes it out of one.
fn as_they_stood<T, E: DeserializeOwned>(
    reader: &Reader,
    as_of: Timestamp,
    now: Vec<(u64, T)>,
    series: impl Fn(&T) -> String,
    thing: impl Fn(E) -> T,
) -> Result<Vec<T>, Failure> {
    let mut stood = Vec::with_capacity(now.len());
    // most often none, and then no entry is read
    let moved = reader.written_after(now.iter().map(|(index, _)| *index), as_of)?;
    for (index, one) in now {
        if moved.contains(&index) {
            stood.extend(last_event(reader, &series(&one), as_of)?.map(&thing));
        } else {
            stood.push(one);
        }
    }
    Ok(stood)
}

/// The last event of `series` that was sealed by `as_of`.
fn last_event<T: DeserializeOwned>(reader: &Reader, series: &str, as_of: Timestamp) -> Result<Option<T>, Failure> {
    let entries = reader.series(series)?;
    let Some(last) = entries.iter().rev().find(|entry| entry.entry.at <= as_of) else { return Ok(None) };
    let Some(document) = reader.document(last.index)? else { return Ok(None) };
    let event = serde_json::from_slice(&document)
        .map_err(|error| Failure::store(format!("the event of entry {} cannot be read: {error}", last.index)))?;
    Ok(Some(event))
}

fn finding_row(settings: &Settings, finding: &Finding) -> FindingRow {
    FindingRow {
        finding: finding.id.clone(),
        check: finding.check.clone(),
        state: finding.state.as_str().to_owned(),
        class: finding.class.map(|class| class.as_str().to_owned()),
        owner: finding.owner.clone(),
        due: finding.due.clone(),
        due_at: finding.due.as_deref().and_then(|day| end_of_day(day.parse().ok()?, &settings.organisation.timezone)),
        raised_at: finding.raised_at,
        confirmed_at: finding.confirmed.as_ref().map(|word| word.at),
        open_items: finding.open_items().count() as u64,
    }
}

/// None for one that was never in force by `as_of`.
fn exception_row(exception: &Exception, findings: &[Finding], as_of: Timestamp) -> Option<ExceptionRow> {
    let (from, until) = exception.holds().filter(|(from, _)| *from <= as_of)?;
    let request = &exception.request;
    let open = findings
        .iter()
        .filter(|finding| finding.check.as_ref() == Some(&request.check))
        .flat_map(Finding::open_items)
        .filter(|item| item.exception.as_ref().is_none_or(|covering| covering == &exception.id))
        .filter(|item| names(&request.subjects, &item.subject))
        .filter(|item| request.source.is_none() || request.source == item.source);
    Some(ExceptionRow {
        exception: exception.id.clone(),
        check: request.check.clone(),
        subjects: request.subjects.clone(),
        source: request.source.clone(),
        approved_by: exception.approved.as_ref().map(|word| word.by.clone()),
        from,
        until,
        judged_at: None,
        open_items: open.count() as u64,
    })
}

/// The access reviews and their accounts as of `as_of`.
fn reviews(reader: &Reader, as_of: Timestamp) -> Result<(Vec<ReviewRow>, Vec<ReviewItemRow>), Failure> {
    let (mut heads, mut accounts) = (Vec::new(), Vec::new());
    for (review, items) in super::review::as_they_stood(reader, as_of)? {
        let ended = review.signed.as_ref().map(|signed| signed.word.at);
        heads.push(ReviewRow {
            review: review.id.clone(),
            policy: review.policy.name.clone(),
            state: review.state.as_str().to_owned(),
            owner: review.owner.label().to_owned(),
            started_at: review.started.at,
            opened_at: review.opened_at,
            due_at: review.due_at,
            ended_at: ended.or(review.cancelled.as_ref().map(|word| word.at)),
            items: items.len() as u64,
            undecided: items.iter().filter(|item| item.state != ItemState::Decided).count() as u64,
        });
        accounts.extend(items.iter().map(|item| review_item_row(&review.id, item)));
    }
    Ok((heads, accounts))
}

fn review_item_row(review: &str, item: &Item) -> ReviewItemRow {
    let decision = item.effective();
    let removal = item.remediation.as_ref();
    let holders: Vec<&Person> = item.person.iter().map(|holder| &holder.person).chain(&item.owner).collect();
    // what a machine uses and nobody answers for is nobody's own
    let is_of_a_machine = matches!(item.kind.as_deref(), Some("service" | "root" | "break_glass" | "shared"));
    let decided = || item.decisions.iter().filter(|one| one.answer.is_final());
    let own = decided().any(|one| holders.iter().any(|holder| holder.is(&one.by)));
    ReviewItemRow {
        review: review.to_owned(),
        account_key: item.account.clone(),
        source: item.source.clone(),
        state: item.state.as_str().to_owned(),
        answer: decision.map(|one| one.answer.as_str().to_owned()),
        decided_by: decision.map(|one| one.by.label().to_owned()),
        decided_at: decision.map(|one| one.at),
        own_access: (!holders.is_empty() || is_of_a_machine).then_some(own),
        safeguard: decided().find_map(|one| one.safeguard.clone()),
        removal: removal.map(|removal| removal.state.as_str().to_owned()),
        removal_due_at: removal.map(|removal| removal.due_at),
        verified_at: removal.and_then(|removal| removal.proof.as_ref()).map(|proof| proof.at),
    }
}

fn log(settings: &Settings, reader: &Reader, as_of: Timestamp) -> Result<Option<LogRow>, Failure> {
    if reader.checkpoint()?.size() == 0 {
        return Ok(None);
    }
    let began_at = reader.entry(0)?.entry.at;
    let damage = reader.series("damage")?;
    let damaged = damage.iter().rev().find(|entry| entry.entry.at <= as_of).map(|entry| match entry.entry.body {
        Body::Damage { damaged, .. } => damaged,
        _ => 0,
    });
    let (_, scrubbed_at) = reader.scrub_position()?;
    let newest = reader.last_anchor()?.map(|anchor| anchor.gen_time);
    let stamped_at = match newest {
        Some(at) if at > as_of => {
            reader.anchors()?.iter().map(|anchor| anchor.gen_time).filter(|at| *at <= as_of).max()
        }
        newest => newest,
    };
    Ok(Some(LogRow {
        origin: settings.log.origin.clone(),
        began_at,
        scrubbed_at: scrubbed_at.filter(|at| *at <= as_of),
        damaged: damaged.unwrap_or_default(),
        authorities: settings.log.authorities.len() as u64,
        stamped_at,
    }))
}
