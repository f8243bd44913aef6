//! Evaluations and findings in the formats of other programs: spreadsheets, code scanners, build servers, security data lakes,
//! assessment tools.
//!
//! One description ([`Report`]) is written five ways. None of them has a way to say that an inconclusive check passed, and each
//! result cites the log entry and the digests of the snapshots it rests on. The same sealed results give the same bytes: ids
//! are made of digests, and no clock is read.

mod csv;
mod junit;
mod ocsf;
mod oscal;
mod sarif;

use super::args::ReportFormat;
use super::print;
use crate::failure::Failure;
use crate::line::TOOL;
use crate::settings::Settings;
use evaluate::CheckSet;
use model::{Digest, Evaluation, Member, Outcome, Timestamp, Verdict, VerdictCounts};
use std::collections::BTreeMap;
use store::Reader;
use workflow::{Finding, State};

/// What is reported.
struct Report {
    /// The organisation, as the configuration names it.
    organisation: String,
    /// The log the entries are in.
    origin: String,
    entries: Vec<Entry>,
    /// Every control with the checks that test it; empty where a report cannot speak for whole controls.
    covering: BTreeMap<String, Vec<String>>,
}

/// One check's evaluation, or one finding.
struct Entry {
    /// The check's name, or the finding's id.
    id: String,
    check: String,
    title: String,
    /// major, minor, opportunity or observation; a person may set another on a finding.
    severity: String,
    population: String,
    criteria: String,
    impact: String,
    action: String,
    controls: Vec<String>,
    as_of: Timestamp,
    outcome: Outcome,
    why: Vec<String>,
    verdicts: VerdictCounts,
    /// Those that fail, also under an exception, and those of whom it cannot be said; in CSV all of them.
    members: Vec<Member>,
    inputs: Vec<Input>,
    log_index: u64,
}

/// A snapshot that an entry rests on, or the lack of one.
struct Input {
    source: String,
    /// How it stood; none where only its identity is known.
    state: Option<String>,
    snapshot: Option<String>,
    sha256: Option<Digest>,
}

impl Entry {
    fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.verdict == verdict)
    }

    /// One line for people: what it came to and why.
    fn sentence(&self) -> String {
        let VerdictCounts { pass, fail, unknown, not_applicable, excepted } = self.verdicts;
        let all = pass + fail + unknown + not_applicable + excepted;
        let why = self.why.join("; ");
        match self.outcome {
            Outcome::Pass if excepted > 0 => format!("{}: {excepted} of {all} fail under an exception", self.title),
            Outcome::Pass => format!("{}: none of {all} fails", self.title),
            Outcome::Fail if unknown > 0 => format!("{}: {fail} of {all} fail, {unknown} cannot be told", self.title),
            Outcome::Fail => format!("{}: {fail} of {all} fail", self.title),
            Outcome::Inconclusive => format!("{}: inconclusive: {why}", self.title),
            Outcome::NotApplicable => format!("{}: not applicable: {why}", self.title),
        }
    }

    /// What it rests on, one line each.
    fn citations(&self, origin: &str) -> Vec<String> {
        let mut lines = vec![format!("sealed in log {origin} as entry {}", self.log_index)];
        lines.extend(self.inputs.iter().map(|input| {
            let state = input.state.as_ref().map(|state| format!(", {state}")).unwrap_or_default();
            match (&input.snapshot, &input.sha256) {
                (Some(snapshot), Some(sha256)) => {
                    format!("snapshot {snapshot} of source {} (sha256 {sha256}){state}", input.source)
                }
                (Some(snapshot), None) => format!("snapshot {snapshot} of source {}{state}", input.source),
                (None, _) => format!("no snapshot of source {}{state}", input.source),
            }
        }));
        lines
    }
}

/// Prints the evaluations that the entries `indexes` sealed.
pub(super) fn evaluations(
    format: ReportFormat,
    settings: &Settings,
    checks: &CheckSet,
    reader: &Reader,
    indexes: impl IntoIterator<Item = u64>,
) -> Result<(), Failure> {
    let mut covering: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for check in checks.checks() {
        for control in &check.controls {
            covering.entry(control.clone()).or_default().push(check.name.clone());
        }
    }
    let mut entries = Vec::new();
    for index in indexes {
        let mut entry = entry(checks, index, reader.evaluation(index)?.into_value());
        if format != ReportFormat::Csv {
            entry.members.retain(concerns);
            entry.members.shrink_to_fit();
        }
        entries.push(entry);
    }
    print(format, &Report { covering, ..report(settings, entries) })
}

/// Prints `findings` with the index of the last event of each.
pub(super) fn findings(
    format: ReportFormat,
    settings: &Settings,
    reader: &Reader,
    findings: &[(u64, Finding)],
) -> Result<(), Failure> {
    let entries = findings.iter().map(|(index, finding)| finding_entry(reader, *index, finding));
    print(format, &report(settings, entries.collect::<Result<_, _>>()?))
}

fn report(settings: &Settings, entries: Vec<Entry>) -> Report {
    Report {
        organisation: settings.organisation.name.clone(),
        origin: settings.log.origin.clone(),
        entries,
        covering: BTreeMap::new(),
    }
}

fn print(format: ReportFormat, report: &Report) -> Result<(), Failure> {
    match format {
        ReportFormat::Csv => print::text(&csv::write(report)?),
        ReportFormat::Sarif => print::json(&sarif::write(report)),
        ReportFormat::Junit => print::text(&junit::write(report)),
        ReportFormat::Ocsf => {
            // one event a line, as collectors of events take them
            ocsf::write(report).iter().try_for_each(|event| print::text_line(&event.to_string()))
        }
        ReportFormat::Oscal => print::json(&oscal::write(report)),
    }
}

fn entry(checks: &CheckSet, log_index: u64, evaluation: Evaluation) -> Entry {
    // a check that is no longer loaded, or is another version, still has the name it was sealed under
    let check = checks.get(&evaluation.check);
    let text = |of: fn(&evaluate::Check) -> &str| check.map(of).unwrap_or_default().to_owned();
    Entry {
        id: evaluation.check.clone(),
        title: check.map_or(&evaluation.check, |check| &check.title).clone(),
        severity: check.map_or("minor", |check| check.severity.as_str()).to_owned(),
        population: text(|check| &check.population),
        criteria: text(|check| &check.finding.criteria),
        impact: text(|check| &check.finding.impact),
        action: text(|check| &check.finding.action),
        check: evaluation.check,
        controls: evaluation.controls,
        as_of: evaluation.as_of,
        outcome: evaluation.outcome,
        why: evaluation.why,
        verdicts: evaluation.verdicts,
        members: evaluation.members,
        inputs: evaluation
            .inputs
            .into_iter()
            .map(|input| Input {
                source: input.source,
                state: serde_json::to_value(input.state).ok().and_then(|state| state.as_str().map(str::to_owned)),
                snapshot: input.snapshot,
                sha256: input.sha256,
            })
            .collect(),
        log_index,
    }
}

/// Whether something follows from the member.
fn concerns(member: &Member) -> bool {
    matches!(member.verdict, Verdict::Fail | Verdict::Excepted | Verdict::Unknown)
}

/// A finding: its open items fail, or do so under what a person decided, and those that a later snapshot showed resolved pass.
fn finding_entry(reader: &Reader, log_index: u64, finding: &Finding) -> Result<Entry, Failure> {
    let decided =
        matches!(finding.state, State::Dismissed | State::Accepted).then(|| finding.state.as_str().to_owned());
    let member = |item: &workflow::Item| {
        let resolved = item.resolved_at.map(|at| format!("resolved {}: ", model::time::seconds_text(at)));
        let exception = item.exception.clone().or_else(|| decided.clone()).filter(|_| resolved.is_none());
        Member {
            subject: item.subject.clone(),
            verdict: match (&resolved, &exception) {
                (Some(_), _) => Verdict::Pass,
                (None, Some(_)) => Verdict::Excepted,
                (None, None) => Verdict::Fail,
            },
            reason: resolved.unwrap_or_default() + &item.reason,
            source: item.source.clone(),
            exception,
            detail: model::Detail::default(),
        }
    };
    let members: Vec<Member> = finding.items.iter().map(member).collect();
    let count = |verdict| members.iter().filter(|member| member.verdict == verdict).count() as u64;
    let verdicts = VerdictCounts {
        pass: count(Verdict::Pass),
        fail: count(Verdict::Fail),
        excepted: count(Verdict::Excepted),
        ..VerdictCounts::default()
    };
    let mut snapshots: Vec<&String> =
        finding.items.iter().flat_map(|item| item.failed_on.iter().chain(&item.resolved_on)).collect();
    snapshots.sort();
    snapshots.dedup();
    let mut inputs = Vec::with_capacity(snapshots.len());
    for id in snapshots {
        let row = reader.snapshot_row(id)?;
        inputs.push(Input {
            source: row.as_ref().map_or("unknown", |row| &row.source).to_owned(),
            state: None,
            snapshot: Some(id.clone()),
            sha256: row.map(|row| row.manifest_sha256),
        });
    }
    let latest = finding.items.iter().map(|item| item.resolved_at.unwrap_or(item.last_seen)).max();
    Ok(Entry {
        id: finding.id.clone(),
        // one that a person raised has no check
        check: finding.check.clone().unwrap_or_else(|| "raised_by_a_person".to_owned()),
        title: finding.title.clone(),
        severity: finding.class.map_or_else(|| finding.proposed_class.clone(), |class| class.as_str().to_owned()),
        population: String::new(),
        criteria: finding.criteria.clone(),
        impact: finding.impact.clone(),
        action: finding.action.clone(),
        controls: finding.controls.clone(),
        as_of: latest.unwrap_or(finding.raised_at),
        outcome: finding_outcome(finding, &verdicts),
        why: vec![format!("the finding is {}", finding.state.as_str())],
        verdicts,
        members,
        inputs,
        log_index,
    })
}

/// What a finding comes to: one that is not over never passes, also when no item of it fails any more or it never had one.
fn finding_outcome(finding: &Finding, verdicts: &VerdictCounts) -> Outcome {
    match finding.state {
        _ if verdicts.fail > 0 => Outcome::Fail,
        State::Dismissed | State::Accepted => Outcome::NotApplicable,
        _ if verdicts.excepted > 0 => Outcome::NotApplicable,
        State::Resolved | State::Verified | State::Closed => Outcome::Pass,
        _ if finding.items.is_empty() => Outcome::Fail,
        _ => Outcome::Inconclusive,
    }
}

/// The version of this program.
fn version() -> &'static str {
    TOOL.rsplit('/').next().unwrap_or(TOOL)
}

/// An id that is the same wherever the same things are named: a UUID made of the digest of `parts`.
fn uuid(parts: &[&str]) -> String {
    let digest = Digest::of(parts.join("\n").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    // OSCAL takes versions 4 and 5 only; 5 is the one made of a name
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests;
