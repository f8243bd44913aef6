//! Controls of the frameworks and the checks behind them, each with its last outcome.

use super::{Frame, answer, class, maybe, render, words};
use crate::line::{self, overview};
use crate::web::guard::Visit;
use askama::Template;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use model::Outcome;
use std::collections::BTreeSet;

#[derive(Template)]
#[template(path = "controls.html")]
struct ControlList {
    frame: Frame,
    framework: String,
    frameworks: BTreeSet<String>,
    rows: Vec<overview::ControlRow>,
}

#[derive(Template)]
#[template(path = "checks.html")]
struct CheckList {
    frame: Frame,
    outcome: String,
    outcomes: Vec<(&'static str, usize)>,
    rows: Vec<overview::CheckRow>,
}

/// Those of one framework.
pub(in crate::web) async fn controls(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, settings, reader| {
        let mut rows =
            overview::controls(&visit.app.line.checks(), reader, &settings.handover.applicability, line::now())?;
        let frameworks: BTreeSet<String> =
            rows.iter().filter_map(|row| row.id.split_once('/')).map(|(framework, _)| framework.to_owned()).collect();
        let framework = visit.query.said("framework").or_else(|| frameworks.first().map(String::as_str));
        let framework = framework.unwrap_or_default().to_owned();
        rows.retain(|row| row.id.split_once('/').is_some_and(|(of, _)| of == framework));
        render(&ControlList { frame: Frame::here(visit), framework, frameworks, rows }).map(Some)
    })
    .await
}

/// Every check, what fails first.
pub(in crate::web) async fn checks(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, _, reader| {
        let mut rows = overview::checks(&visit.app.line.checks(), reader)?;
        rows.sort_by_key(|row| rank(row.outcome));
        let outcomes = tally(&rows);
        let outcome = visit.query.text("outcome").to_owned();
        rows.retain(|row| outcome.is_empty() || word(row.outcome) == outcome);
        render(&CheckList { frame: Frame::here(visit), outcome, outcomes, rows }).map(Some)
    })
    .await
}

/// What fails first, then what nobody knows.
const fn rank(outcome: Option<Outcome>) -> u8 {
    match outcome {
        Some(Outcome::Fail) => 0,
        Some(Outcome::Inconclusive) => 1,
        None => 2,
        Some(Outcome::Pass) => 3,
        Some(Outcome::NotApplicable) => 4,
    }
}

/// An outcome, or that there is none yet.
pub(super) fn word(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("never_evaluated", Outcome::as_str)
}

/// How many checks there are of each outcome, what fails first.
pub(super) fn tally(rows: &[overview::CheckRow]) -> Vec<(&'static str, usize)> {
    let all =
        [Some(Outcome::Fail), Some(Outcome::Inconclusive), None, Some(Outcome::Pass), Some(Outcome::NotApplicable)];
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    all.into_iter().map(|outcome| (word(outcome), count(outcome))).filter(|(_, count)| *count > 0).collect()
}
