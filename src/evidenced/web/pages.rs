//! The pages themselves: read the store, fill a compile-time template.

use crate::failure::Failure;
use crate::line::{self, overview};
use crate::settings::Settings;
use askama::Template;
use model::{Evaluation, Manifest, Outcome, TableRecord, Timestamp, Verdict};
use std::collections::BTreeSet;
use store::{Reader, SnapshotFilter, SnapshotRow, StoreError};
use workflow::Finding;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    organisation: &'a str,
    origin: &'a str,
    size: u64,
    now: Timestamp,
    authorities: Vec<line::anchor::AuthorityState>,
    sources: Vec<overview::SourceRow>,
    checks: Vec<overview::CheckRow>,
    findings: Vec<Finding>,
    snapshots: Vec<SnapshotRow>,
}

#[derive(Template)]
#[template(path = "snapshot.html")]
struct Snapshot<'a> {
    manifest: &'a Manifest,
    index: u64,
    sealed_at: Timestamp,
    sha256: String,
    proof: String,
}

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage<'a> {
    title: &'a str,
    name: &'a str,
    controls: &'a [String],
    population: &'a str,
    sql: &'a str,
    /// Sources it rests on that are sample data.
    samples: Vec<String>,
    evaluation: Option<(&'a Evaluation, u64)>,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage<'a> {
    finding: &'a Finding,
    /// What people decided.
    decided: Vec<(&'static str, String)>,
    /// Sources it rests on that are sample data.
    samples: Vec<String>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

/// Snapshots shown on the overview.
const SHOWN: usize = 50;

pub(super) fn overview(settings: &Settings) -> Result<String, Failure> {
    let reader = line::reader(settings)?;
    let now = line::now();
    let mut checks = overview::checks(&line::load_checks(Some(settings))?, &reader)?;
    checks.sort_by_key(|row| match row.outcome {
        Some(Outcome::Fail) => 0,
        Some(Outcome::Inconclusive) | None => 1,
        Some(Outcome::Pass) => 2,
        Some(Outcome::NotApplicable) => 3,
    });
    let mut findings = line::findings(&reader)?;
    findings.reverse();
    let mut snapshots = reader.snapshots(&SnapshotFilter::default())?;
    snapshots.truncate(SHOWN);
    render(&Overview {
        organisation: &settings.organisation.name,
        origin: &settings.log.origin,
        size: reader.checkpoint()?.size(),
        now,
        authorities: line::anchor::authorities(&settings.log, &reader, now)?,
        sources: overview::sources(settings, &reader, now)?,
        checks,
        findings,
        snapshots,
    })
}

pub(super) fn snapshot(settings: &Settings, id: &str) -> Result<Option<String>, Failure> {
    let reader = line::reader(settings)?;
    let Some(sealed) = reader.snapshot(id)? else { return Ok(None) };
    render(&Snapshot {
        manifest: sealed.value(),
        index: sealed.index(),
        sealed_at: sealed.entry().at,
        sha256: sealed.document_sha256().to_string(),
        proof: reader.proof_file(sealed.index())?,
    })
    .map(Some)
}

pub(super) fn check(settings: &Settings, name: &str) -> Result<Option<String>, Failure> {
    let checks = line::load_checks(Some(settings))?;
    let Some(check) = checks.checks().iter().find(|check| check.name == name) else { return Ok(None) };
    let reader = line::reader(settings)?;
    let last = overview::latest_evaluation(&reader, name)?;
    let inputs = last.iter().flat_map(|sealed| &sealed.value().inputs);
    let samples = samples(&reader, inputs.filter_map(|input| input.snapshot.as_deref()))?;
    render(&CheckPage {
        title: &check.title,
        name: &check.name,
        controls: &check.controls,
        population: &check.population,
        sql: &check.text,
        samples,
        evaluation: last.as_ref().map(|sealed| (sealed.value(), sealed.index())),
    })
    .map(Some)
}

pub(super) fn finding(settings: &Settings, id: &str) -> Result<Option<String>, Failure> {
    let reader = line::reader(settings)?;
    let findings = line::findings(&reader)?;
    let Some(finding) = findings.iter().find(|finding| finding.id == id) else { return Ok(None) };
    let snapshots = finding.items.iter().flat_map(|item| item.failed_on.iter().chain(&item.resolved_on));
    let samples = samples(&reader, snapshots.map(String::as_str))?;
    render(&FindingPage { finding, decided: overview::decided(finding), samples }).map(Some)
}

/// The sources of those of `snapshots` that are sample data. One that is damaged or erased says nothing of itself any more.
fn samples<'a>(reader: &Reader, snapshots: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Failure> {
    let mut sources = BTreeSet::new();
    for id in snapshots.collect::<BTreeSet<_>>() {
        match reader.snapshot(id) {
            Ok(Some(sealed)) if sealed.value().sample => {
                sources.insert(sealed.value().source.clone());
            }
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sources.into_iter().collect())
}

/// The page for what is not there.
pub(super) fn missing(what: &str) -> String {
    message("Not found", &format!("There is no such {what}."))
}

/// The page for what went wrong.
pub(super) fn broken(problem: &str) -> String {
    message("The store could not be read", problem)
}

fn message(title: &str, text: &str) -> String {
    Message { title, text }.render().unwrap_or_else(|_| title.to_owned())
}

fn render(template: &impl Template) -> Result<String, Failure> {
    template.render().map_err(Failure::store)
}

/// `2026-01-31 04:05 UTC`.
fn when(instant: &Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn maybe(instant: Option<&Timestamp>) -> String {
    instant.map_or_else(|| "never".to_owned(), when)
}

/// `root cause` at the beginning of a line.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `not_applicable` as people write it.
fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// Members counted; an unseen population is not one of nobody.
fn counted(manifest: &Manifest) -> String {
    let completeness = &manifest.completeness;
    match completeness.counts.first() {
        Some(first) => completeness.rows_seen(&first.table, first.counted),
        None => "not reported".to_owned(),
    }
}

/// Whether the source reported anything of a table; the digest of nothing would say that it was seen, and empty.
fn reported(manifest: &Manifest, table: &TableRecord) -> bool {
    table.rows > 0 || manifest.completeness.missing_rows(&table.name).is_empty()
}

/// `never collected` as a class name.
fn class(words: &str) -> String {
    words.replace(' ', "-")
}

/// Failing members first, then unknown, then the rest.
fn ranked(evaluation: &Evaluation) -> Vec<&model::Member> {
    let mut members: Vec<&model::Member> = evaluation.members.iter().collect();
    members.sort_by_key(|member| match member.verdict {
        Verdict::Fail => 0,
        Verdict::Excepted => 1,
        Verdict::Unknown => 2,
        Verdict::Pass => 3,
        Verdict::NotApplicable => 4,
    });
    members
}
