//! Where evidence comes from: sources, what was seen of them day by day, and their snapshots.

use super::{Frame, answer, class, maybe, render, when};
use crate::failure::Failure;
use crate::line::{self, overview};
use crate::settings::Settings;
use crate::web::guard::Visit;
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan as _};
use model::{SnapshotStatus, Timestamp};
use std::collections::BTreeMap;
use store::{Reader, SnapshotFilter, SnapshotRow};

/// Snapshots on one page.
const A_PAGE: usize = 50;
/// Days of the calendar.
const DAYS: i64 = 28;
/// Runs without a slot that the calendar looks through.
const RUNS: u64 = 5000;

/// What was seen of a source on a day.
struct Cell {
    day: Date,
    /// By outcome.
    counts: BTreeMap<String, usize>,
}

impl Cell {
    /// `complete`, `mixed`, `nothing`, or `gap`: there were runs, and none of them saw everything.
    fn word(&self) -> &'static str {
        let complete = self.counts.contains_key(SnapshotStatus::Complete.as_str());
        match (complete, self.counts.len()) {
            (_, 0) => "nothing",
            (true, 1) => "complete",
            (true, _) => "mixed",
            (false, _) => "gap",
        }
    }

    /// The same to see without colour.
    fn sign(&self) -> &'static str {
        match self.word() {
            "complete" => "●",
            "mixed" => "◐",
            "gap" => "○",
            _ => "·",
        }
    }

    fn words(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let counts = if counts.is_empty() { "no run".to_owned() } else { counts.join(", ") };
        format!("{}: {counts}", self.day)
    }
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourceList {
    frame: Frame,
    days: Vec<Date>,
    rows: Vec<(overview::SourceRow, Vec<Cell>)>,
}

#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    frame: Frame,
    row: overview::SourceRow,
    title: String,
    population: String,
    completeness: String,
    schedule: String,
    max_age: String,
    owner: String,
    settings: String,
    cells: Vec<Cell>,
    snapshots: Vec<SnapshotRow>,
}

#[derive(Template)]
#[template(path = "snapshots.html")]
struct SnapshotList {
    frame: Frame,
    source: String,
    sources: Vec<String>,
    rows: Vec<SnapshotRow>,
    from: usize,
    next: Option<usize>,
}

/// All of them.
pub(in crate::web) async fn sources(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, settings, reader| {
        let now = line::now();
        let mut calendar = calendar(settings, reader, now, None)?;
        let days = days(settings, now);
        let rows = overview::sources(settings, reader, now)?.into_iter().map(|row| {
            let cells = calendar.remove(&row.name).unwrap_or_default();
            let cells = cells_of(&days, cells);
            (row, cells)
        });
        let rows = rows.collect();
        render(&SourceList { frame: Frame::here(visit), days, rows }).map(Some)
    })
    .await
}

/// One of them.
pub(in crate::web) async fn source(Extension(visit): Extension<Visit>, Path(name): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, settings, reader| {
        let now = line::now();
        let Some(source) = settings.sources.iter().find(|source| source.name == name) else { return Ok(None) };
        let row = overview::sources(settings, reader, now)?.into_iter().find(|row| row.name == name);
        let Some(row) = row else { return Ok(None) };
        let collector = collectors::all().iter().find(|collector| collector.spec().id == source.collector);
        let Some(spec) = collector.map(|collector| collector.spec()) else { return Ok(None) };
        let cells = calendar(settings, reader, now, Some(&name))?.remove(&name).unwrap_or_default();
        let filter =
            SnapshotFilter { source: Some(name.clone()), limit: Some(A_PAGE as u64), ..SnapshotFilter::default() };
        render(&SourcePage {
            frame: Frame::here(visit),
            row,
            title: spec.title.clone(),
            population: spec.population.clone(),
            completeness: spec.completeness.clone(),
            schedule: source.schedule.as_ref().map_or_else(|| "when a person asks".to_owned(), ToString::to_string),
            max_age: format!("{:#}", source.max_age),
            owner: source.custody.owner.clone().unwrap_or_default(),
            settings: serde_json::to_string_pretty(&source.settings).map_err(Failure::store)?,
            cells: cells_of(&days(settings, now), cells),
            snapshots: reader.snapshots(&filter)?,
        })
        .map(Some)
    })
    .await
}

/// Snapshots, newest first, of one source or of all.
pub(in crate::web) async fn snapshots(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, settings, reader| {
        let source = visit.query.text("source").to_owned();
        let from: usize = visit.query.text("from").parse().unwrap_or(0).min(1_000_000);
        let filter = SnapshotFilter {
            source: Some(source.clone()).filter(|source| !source.is_empty()),
            limit: Some((from + A_PAGE + 1) as u64),
            ..SnapshotFilter::default()
        };
        let mut rows: Vec<SnapshotRow> = reader.snapshots(&filter)?.into_iter().skip(from).collect();
        let next = (rows.len() > A_PAGE).then_some(from + A_PAGE);
        rows.truncate(A_PAGE);
        let sources = settings.sources.iter().map(|source| source.name.clone()).collect();
        render(&SnapshotList { frame: Frame::here(visit), source, sources, rows, from, next }).map(Some)
    })
    .await
}

type Days = BTreeMap<Date, BTreeMap<String, usize>>;

/// What was seen of each source on each of the last days, in the organisation's zone: by slots, and by runs without one.
fn calendar(
    settings: &Settings,
    reader: &Reader,
    now: Timestamp,
    source: Option<&str>,
) -> Result<BTreeMap<String, Days>, Failure> {
    let zone = &settings.organisation.timezone;
    let since = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).map_err(Failure::store)?;
    let mut seen: BTreeMap<String, Days> = BTreeMap::new();
    let mut note = |source: &str, at: Timestamp, outcome: &str| {
        let day = at.to_zoned(zone.clone()).date();
        let counts = seen.entry(source.to_owned()).or_default().entry(day).or_default();
        *counts.entry(outcome.to_owned()).or_default() += 1;
    };
    for slot in reader.slots(source, Some(since), Some(now))? {
        note(&slot.source, slot.due_at, &slot.outcome);
    }
    let filter = SnapshotFilter { source: source.map(str::to_owned), limit: Some(RUNS), ..SnapshotFilter::default() };
    for row in reader.snapshots(&filter)?.iter().filter(|row| row.slot.is_none() && row.finished_at >= since) {
        note(&row.source, row.finished_at, row.status.as_str());
    }
    Ok(seen)
}

/// The days of the calendar, oldest first.
fn days(settings: &Settings, now: Timestamp) -> Vec<Date> {
    let today = now.to_zoned(settings.organisation.timezone.clone()).date();
    (0..DAYS).rev().filter_map(|back| today.checked_sub(back.days()).ok()).collect()
}

fn cells_of(days: &[Date], mut seen: Days) -> Vec<Cell> {
    days.iter().map(|day| Cell { day: *day, counts: seen.remove(day).unwrap_or_default() }).collect()
}
