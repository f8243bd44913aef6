//! What lists and pages show: sources with their freshness, checks and controls with their last outcome. Reads only.

use super::inputs::freshness;
use crate::failure::Failure;
use crate::settings::{Applicability, Settings};
use evaluate::{CheckSet, Coverage};
use model::time::seconds_text;
use model::{Evaluation, Outcome, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Reader, StoreError};
use workflow::{Finding, Plan, Word};

/// A configured source and the state of its evidence.
#[derive(Debug, Serialize)]
pub(crate) struct SourceRow {
    pub(crate) name: String,
    pub(crate) collector: String,
    pub(crate) sample: bool,
    /// `complete`, `incomplete`, `suspect`, `failed`, `stale`, `damaged`, `never collected`.
    pub(crate) evidence: String,
    /// Why it is not complete and fresh.
    pub(crate) why: Vec<String>,
    pub(crate) last_snapshot: Option<String>,
    pub(crate) last_complete: Option<Timestamp>,
    pub(crate) members: Option<u64>,
    pub(crate) next_run: Option<Timestamp>,
}

/// Every configured source as of `now`.
pub(crate) fn sources(settings: &Settings, reader: &Reader, now: Timestamp) -> Result<Vec<SourceRow>, Failure> {
    let mut rows = Vec::new();
    let damaged = super::inputs::damaged(reader)?;
    for source in &settings.sources {
        let latest = readable(reader.latest_snapshot(&source.name, now))?;
        let complete = readable(reader.last_complete_snapshot(&source.name, now))?;
        let row = reader.latest_row(&source.name, now)?;
        let problem = row.as_ref().and_then(|row| damaged.get(&row.id).cloned());
        let problem = problem.or_else(|| {
            (latest.is_none() && row.is_some())
                .then(|| "the stored evidence is damaged: see `evidenced scrub`".to_owned())
        });
        let (evidence, why) = match &latest {
            _ if problem.is_some() => ("damaged".to_owned(), problem.into_iter().collect()),
            None => ("never collected".to_owned(), vec!["no snapshot is in the log".to_owned()]),
            Some(sealed) => freshness(sealed.value(), source.max_age, now),
        };
        rows.push(SourceRow {
            name: source.name.clone(),
            collector: source.collector.clone(),
            sample: source.sample,
            evidence,
            why,
            last_snapshot: row.map(|row| row.id),
            last_complete: complete.map(|sealed| sealed.value().finished_at),
            members: latest.as_ref().map(|sealed| sealed.value().completeness.counted),
            next_run: source.schedule.as_ref().and_then(|schedule| schedule.next_after(now)),
        });
    }
    Ok(rows)
}

/// A snapshot whose bytes are not what was sealed is shown as damaged, and does not keep the others from being shown.
fn readable<T>(found: Result<Option<T>, StoreError>) -> Result<Option<T>, Failure> {
    match found {
        Err(StoreError::Damaged { .. }) => Ok(None),
        found => Ok(found?),
    }
}

/// A loaded check and its last evaluation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CheckRow {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) controls: Vec<String>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) failing: u64,
    pub(crate) why: Vec<String>,
    pub(crate) log_index: Option<u64>,
}

/// Every loaded check, by name.
pub(crate) fn checks(checks: &CheckSet, reader: &Reader) -> Result<Vec<CheckRow>, Failure> {
    let mut rows = Vec::new();
    for check in checks.checks() {
        let last = latest_evaluation(reader, &check.name)?;
        let evaluation = last.as_ref().map(ledger::Sealed::value);
        rows.push(CheckRow {
            name: check.name.clone(),
            title: check.title.clone(),
            controls: check.controls.clone(),
            outcome: evaluation.map(|evaluation| evaluation.outcome),
            as_of: evaluation.map(|evaluation| evaluation.as_of),
            failing: evaluation.map_or(0, |evaluation| evaluation.verdicts.fail),
            why: evaluation.map(|evaluation| evaluation.why.clone()).unwrap_or_default(),
            log_index: last.as_ref().map(ledger::Sealed::index),
        });
    }
    Ok(rows)
}

/// The sealed evaluation of `check` for the latest instant. One made of the past (`--as-of`, a pack) is newer in the log
/// and says nothing of the present.
pub(crate) fn latest_evaluation(reader: &Reader, check: &str) -> Result<Option<ledger::Sealed<Evaluation>>, Failure> {
    Ok(reader.latest_evaluation(check)?.map(|row| reader.evaluation(row.log_index)).transpose()?)
}

/// A control and what its checks say.
#[derive(Debug, Serialize)]
pub(crate) struct ControlRow {
    /// `iso27001:2022/A.5.18`.
    pub(crate) id: String,
    pub(crate) title: String,
    /// `pass`, `fail`, `inconclusive`, `manual evidence`, `review`.
    pub(crate) outcome: String,
    pub(crate) checks: Vec<String>,
    /// Evidence that people added for it; what expired or was withdrawn says so.
    pub(crate) evidence: Vec<String>,
    /// What the Statement of Applicability says: whether it applies; none where it says nothing.
    pub(crate) applicable: Option<bool>,
    /// And why.
    pub(crate) justification: Option<String>,
}

/// Every control of the shipped catalogues, with what `applicability` says of it.
pub(crate) fn controls(
    set: &CheckSet,
    reader: &Reader,
    applicability: &[Applicability],
    now: Timestamp,
) -> Result<Vec<ControlRow>, Failure> {
    let added = super::manual::manual(reader)?;
    let outcomes: BTreeMap<String, Option<Outcome>> =
        checks(set, reader)?.into_iter().map(|row| (row.name, row.outcome)).collect();
    let mut rows = Vec::new();
    let catalogues = super::check::catalogues()?;
    let all = catalogues.frameworks().iter().flat_map(|framework| {
        framework.controls.iter().map(|control| (format!("{}/{}", framework.framework, control.id), control))
    });
    for (id, control) in all {
        let names: Vec<String> =
            set.checks().iter().filter(|check| check.controls.contains(&id)).map(|check| check.name.clone()).collect();
        let found: Vec<Option<Outcome>> = names.iter().filter_map(|name| outcomes.get(name).copied()).collect();
        let stated = applicability.iter().find(|one| one.control == id);
        rows.push(ControlRow {
            applicable: stated.map(|one| one.applicable),
            justification: stated.map(|one| one.justification.clone()),
            outcome: roll_up(&found, control.coverage).to_owned(),
            title: control.title.clone(),
            checks: names,
            evidence: added
                .iter()
                .filter(|(.., evidence)| evidence.addition.controls.contains(&id))
                .map(|(.., evidence)| match evidence.standing(now) {
                    "valid" => evidence.id.clone(),
                    standing => format!("{} ({standing})", evidence.id),
                })
                .collect(),
            id,
        });
    }
    Ok(rows)
}

/// The controls of Annex A that a Statement of Applicability which says something of any leaves out: it has to say it of each.
pub(crate) fn unstated(rows: &[ControlRow]) -> Vec<&str> {
    let annex = || rows.iter().filter(|row| row.id.starts_with("iso27001:2022/A."));
    if annex().all(|row| row.applicable.is_none()) {
        return Vec::new();
    }
    annex().filter(|row| row.applicable.is_none()).map(|row| row.id.as_str()).collect()
}

/// Any fail fails; all pass passes; no check is never green; anything else is inconclusive.
pub(crate) fn roll_up(outcomes: &[Option<Outcome>], coverage: Coverage) -> &'static str {
    match model::roll_up(outcomes.iter().copied()) {
        Some(outcome) => outcome.as_str(),
        None if coverage == Coverage::Review => "review",
        None => "manual evidence",
    }
}

/// What people decided about a finding, in order: what, and by whom, when and why.
pub(crate) fn decided(finding: &Finding) -> Vec<(&'static str, String)> {
    let said = |word: &Word, more: &str| {
        let note = if word.note.is_empty() { String::new() } else { format!(": {}", word.note) };
        format!("{more}by {} at {}{note}", word.by, seconds_text(word.at))
    };
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    lines.extend(finding.confirmed.as_ref().map(|word| ("confirmed", said(word, ""))));
    let dismissed = finding.dismissed.as_ref();
    lines.extend(dismissed.map(|one| ("dismissed", said(&one.word, &format!("as {} ", one.why.as_str())))));
    if let Some(planned) = &finding.plan {
        lines.push(("planned", said(&planned.word, "")));
        let Plan { correction, root_cause, method, similar, action } = &planned.plan;
        let parts = [
            ("correction", correction),
            ("root cause", root_cause),
            ("method", method),
            ("similar", similar),
            ("corrective", action),
        ];
        lines.extend(parts.into_iter().filter(|(_, part)| !part.is_empty()).map(|(what, part)| (what, part.clone())));
    }
    lines.extend(finding.owner.iter().map(|owner| ("owner", owner.clone())));
    lines.extend(finding.due.iter().map(|due| ("due", due.clone())));
    lines.extend(finding.amendments.iter().map(|change| {
        let from = change.from.as_deref().unwrap_or("none");
        ("changed", said(&change.word, &format!("{} from {from} to {} ", change.field, change.to)))
    }));
    if let Some(done) = &finding.implemented {
        let evidence: Vec<&str> = done.evidence.iter().map(|evidence| evidence.id.as_str()).collect();
        lines.push(("done", said(&done.word, &format!("shown by {} ", evidence.join(", ")))));
        // what was shown so far; once that is enough it is verified
        let shown = finding.verified.as_ref().map_or(&done.shown_by, |verified| &verified.shown_by);
        lines.extend(shown.iter().map(|shown| {
            let (at, snapshots) = (seconds_text(shown.at), shown.snapshots.join(", "));
            ("holds", format!("by evaluation {} as of {at}, on {snapshots}", shown.evaluation))
        }));
    }
    let verified = finding.verified.as_ref().and_then(|verified| verified.word.as_ref());
    lines.extend(verified.map(|word| ("verified", said(word, ""))));
    lines.extend(finding.closed.as_ref().map(|word| ("closed", said(word, ""))));
    let accepted = finding.accepted.as_ref();
    lines.extend(accepted.map(|one| ("accepted", said(&one.word, &format!("until {} ", seconds_text(one.until))))));
    if finding.reopened > 0 {
        lines.push(("reopened", format!("{} times", finding.reopened)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_passes_only_when_every_check_passes() {
        use Outcome::{Fail, Inconclusive, NotApplicable, Pass};
        assert_eq!(roll_up(&[Some(Pass), Some(Pass)], Coverage::Check), "pass");
        assert_eq!(roll_up(&[Some(Pass), Some(Fail), Some(Inconclusive)], Coverage::Check), "fail");
        assert_eq!(roll_up(&[Some(Pass), Some(NotApplicable)], Coverage::Check), "inconclusive");
        assert_eq!(roll_up(&[Some(Pass), None], Coverage::Check), "inconclusive");
        assert_eq!(roll_up(&[], Coverage::Check), "manual evidence");
        assert_eq!(roll_up(&[], Coverage::Review), "review");
    }
}
