//! What the programme's own records say at an instant: findings, exceptions, how the log is kept.

use super::decide::read;
use crate::failure::Failure;
use crate::settings::Settings;
use evaluate::{CountRow, ExceptionRow, FindingRow, LogRow, Programme, names};
use jiff::civil::Date;
use ledger::Body;
use model::{Outcome, Timestamp};
use serde::de::DeserializeOwned;
use store::Reader;
use workflow::{Exception, ExceptionEvent, Finding, FindingEvent};

/// The programme as of `as_of`; `counts` are those of the snapshots it rests on.
pub(super) fn programme(
    settings: &Settings,
    reader: &Reader,
    as_of: Timestamp,
    counts: Vec<CountRow>,
) -> Result<Programme, Failure> {
    let findings = findings_at(reader, as_of)?;
    let exceptions = exceptions_at(reader, as_of)?;
    let rows: Result<Vec<ExceptionRow>, Failure> = exceptions
        .iter()
        .filter_map(|exception| exception_row(exception, &findings, as_of))
        .map(|row| Ok(ExceptionRow { judged_at: judged_at(reader, &row.check, as_of)?, ..row }))
        .collect();
    let exceptions = rows?;
    let findings = findings.iter().map(|finding| finding_row(settings, finding)).collect();
    Ok(Programme { counts, findings, exceptions, log: log(settings, reader, as_of)? })
}

fn findings_at(reader: &Reader, as_of: Timestamp) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for row in reader.findings()? {
        let stood = if reader.entry(row.log_index)?.entry.at <= as_of {
            serde_json::from_value(row.body).ok()
        } else {
            last_event::<FindingEvent>(reader, &format!("finding/{}", row.id), as_of)?.map(|event| event.finding)
        };
        found.extend(stood);
    }
    Ok(found)
}

fn exceptions_at(reader: &Reader, as_of: Timestamp) -> Result<Vec<Exception>, Failure> {
    let mut found = Vec::new();
    for row in reader.records("exception")? {
        if reader.entry(row.log_index)?.entry.at <= as_of {
            found.push(read(row)?.1);
        } else {
            let event = last_event::<ExceptionEvent>(reader, &format!("exception/{}", row.id), as_of)?;
            found.extend(event.map(|event| event.exception));
        }
    }
    Ok(found)
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
        due_at: finding.due.as_deref().and_then(|day| end_of(settings, day)),
        raised_at: finding.raised_at,
        confirmed_at: finding.confirmed.as_ref().map(|word| word.at),
        open_items: finding.open_items().count() as u64,
    }
}

/// First instant after `day` in the organisation's zone.
fn end_of(settings: &Settings, day: &str) -> Option<Timestamp> {
    let next = day.parse::<Date>().ok()?.tomorrow().ok()?;
    Some(next.to_zoned(settings.organisation.timezone.clone()).ok()?.timestamp())
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

/// Instant of the newest evaluation of `check` by `as_of` that said pass or fail.
fn judged_at(reader: &Reader, check: &str, as_of: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let rows = reader.evaluations(Some(check), None)?.into_iter();
    let said = rows.filter(|row| row.as_of <= as_of && matches!(row.outcome, Outcome::Pass | Outcome::Fail));
    Ok(said.map(|row| row.as_of).max())
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
