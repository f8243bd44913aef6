//! What there is: sources, checks and snapshots, each with what it rests on.

use super::{Frame, Said, answer, capital, class, controls, maybe, render, sent, take, when, words};
use crate::failure::Failure;
use crate::line::{self, overview};
use crate::settings::Settings;
use crate::web::forms::{Form, Kind};
use crate::web::guard::Visit;
use crate::web::routes::may;
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use model::{Evaluation, Manifest, Outcome, SnapshotStatus, TableRecord, Timestamp, Verdict};
use std::collections::BTreeSet;
use store::{Reader, StoreError};
use workflow::{Finding, State};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    frame: Frame,
    organisation: &'a str,
    origin: &'a str,
    size: u64,
    now: Timestamp,
    authorities: Vec<line::anchor::AuthorityState>,
    needs: Vec<Need>,
    bar: Vec<Part>,
    total: usize,
    /// What fails, and what nobody knows.
    rows: Vec<overview::CheckRow>,
    sources: Vec<overview::SourceRow>,
    findings: Vec<Finding>,
}

/// Something that waits for a person.
struct Need {
    count: usize,
    text: &'static str,
    path: &'static str,
}

/// The checks of one outcome, as a part of all.
struct Part {
    word: &'static str,
    count: usize,
    from: usize,
}

#[derive(Template)]
#[template(path = "snapshot.html")]
struct Snapshot<'a> {
    frame: Frame,
    said: Option<&'a Said>,
    form: Option<Form>,
    manifest: &'a Manifest,
    index: u64,
    sealed_at: Timestamp,
    sha256: String,
    proof: String,
}

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage<'a> {
    frame: Frame,
    title: &'a str,
    name: &'a str,
    controls: &'a [String],
    population: &'a str,
    sql: &'a str,
    /// Sources it rests on that are sample data.
    samples: Vec<String>,
    evaluation: Option<(&'a Evaluation, u64)>,
}

/// Findings shown on the overview.
const SHOWN: usize = 20;

/// The overview.
pub(in crate::web) async fn overview(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, settings, reader| {
        let now = line::now();
        let checks = overview::checks(&visit.app.line.checks(), reader)?;
        let (total, tally) = (checks.len(), controls::tally(&checks));
        let mut from = 0;
        let bar = tally.into_iter().map(|(word, count)| {
            from += count;
            Part { word, count, from: from - count }
        });
        let bar = bar.collect();
        let mut findings = line::findings(reader)?;
        findings.retain(|finding| !finding.state.is_over());
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.raised_at));
        let sources = overview::sources(settings, reader, now)?;
        let needs = needs(settings, reader, &findings, &sources, (now, &visit.person.user.name))?;
        findings.truncate(SHOWN);
        let (fail, unknown) = (Some(Outcome::Fail), Some(Outcome::Inconclusive));
        let rows = |outcome| checks.iter().filter(move |row| row.outcome == outcome).cloned();
        render(&Overview {
            frame: Frame::here(visit),
            organisation: &settings.organisation.name,
            origin: &settings.log.origin,
            size: reader.checkpoint()?.size(),
            now,
            authorities: line::anchor::authorities(&settings.log, reader, now)?,
            needs,
            bar,
            total,
            rows: rows(fail).chain(rows(unknown)).take(SHOWN).collect(),
            sources,
            findings,
        })
        .map(Some)
    })
    .await
}

/// What waits for a person, as far as the log tells. `open` are the findings that are not over.
fn needs(
    settings: &Settings,
    reader: &Reader,
    open: &[Finding],
    sources: &[overview::SourceRow],
    (now, name): (Timestamp, &str),
) -> Result<Vec<Need>, Failure> {
    let (to_decide, to_sign) = line::review::waits_on(reader, name)?;
    let today = now.to_zoned(settings.organisation.timezone.clone()).date().to_string();
    let of = |state: State| open.iter().filter(|finding| finding.state == state).count();
    let is_late = |finding: &&Finding| {
        let is_to_do = !matches!(finding.state, State::Implemented | State::Verified | State::Accepted);
        is_to_do && finding.due.as_deref().is_some_and(|due| due < today.as_str())
    };
    let asked = line::exceptions(reader)?;
    let asked = asked.iter().filter(|(_, exception)| exception.standing(now) == "requested").count();
    let suspect = sources.iter().filter(|row| row.evidence == "suspect").count();
    let unseen = sources.iter().filter(|row| !matches!(row.evidence.as_str(), "complete" | "suspect")).count();
    let needs = [
        Need { count: to_decide, text: "accounts of access reviews that wait for your decision", path: "/reviews" },
        Need { count: to_sign, text: "access reviews that wait for your signature", path: "/reviews" },
        Need { count: of(State::Draft), text: "drafts to confirm or dismiss", path: "/findings?state=draft" },
        Need {
            count: open.iter().filter(is_late).count(),
            text: "findings past their due date",
            path: "/findings?state=open",
        },
        Need {
            count: of(State::Confirmed) + of(State::Reopened),
            text: "confirmed findings without a plan",
            path: "/findings?state=open",
        },
        Need { count: of(State::Verified), text: "verified findings to close", path: "/findings?state=verified" },
        Need { count: asked, text: "exceptions to approve or refuse", path: "/exceptions" },
        Need { count: suspect, text: "sources whose last snapshot is suspect", path: "/sources" },
        Need { count: unseen, text: "sources without complete, fresh evidence", path: "/sources" },
    ];
    Ok(needs.into_iter().filter(|need| need.count > 0).collect())
}

/// A snapshot.
pub(in crate::web) async fn snapshot(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| fill_snapshot(visit, reader, &id, None)).await
}

/// A person says that a suspect snapshot is right.
pub(in crate::web) async fn confirm_snapshot(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    let confirmed = id.clone();
    take(
        visit,
        format!("/snapshots/{id}"),
        move |visit| {
            let reason = visit.sent.said("reason").ok_or_else(|| {
                Failure::usage("why the snapshot is right is not said", "say in a sentence how you know")
            })?;
            Ok(visit.app.line.line().confirm(&confirmed, &visit.person.user.name, reason)?)
        },
        move |visit, _, reader, said| fill_snapshot(visit, reader, &id, Some(said)),
    )
    .await
}

fn fill_snapshot(visit: &Visit, reader: &Reader, id: &str, said: Option<&Said>) -> Result<Option<String>, Failure> {
    let Some(sealed) = reader.snapshot(id)? else { return Ok(None) };
    let is_suspect = sealed.value().status == SnapshotStatus::Suspect && reader.confirmation(id)?.is_none();
    let path = "/snapshots/{id}/confirm";
    let form = (is_suspect && may(visit.person.role(), &Method::POST, path)).then(|| {
        let action = path.replace("{id}", id);
        let sent = sent(visit, &action);
        Form::new(action, "Confirm what it holds", "Confirm")
            .help("A suspect snapshot proves nothing until a person says that it is what the source holds.")
            .field("reason", "How you know", Kind::Lines)
            .filled(sent.as_ref().map(|(action, sent)| (action.as_str(), &**sent)))
    });
    render(&Snapshot {
        frame: Frame::here(visit),
        said,
        form,
        manifest: sealed.value(),
        index: sealed.index(),
        sealed_at: sealed.entry().at,
        sha256: sealed.document_sha256().to_string(),
        proof: reader.proof_file(sealed.index())?,
    })
    .map(Some)
}

/// A check.
pub(in crate::web) async fn check(Extension(visit): Extension<Visit>, Path(name): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| {
        let checks = visit.app.line.checks();
        let Some(check) = checks.checks().iter().find(|check| check.name == name) else { return Ok(None) };
        let last = overview::latest_evaluation(reader, &name)?;
        let inputs = last.iter().flat_map(|sealed| &sealed.value().inputs);
        let samples = samples(reader, inputs.filter_map(|input| input.snapshot.as_deref()))?;
        render(&CheckPage {
            frame: Frame::here(visit),
            title: &check.title,
            name: &check.name,
            controls: &check.controls,
            population: &check.population,
            sql: &check.text,
            samples,
            evaluation: last.as_ref().map(|sealed| (sealed.value(), sealed.index())),
        })
        .map(Some)
    })
    .await
}

/// The sources of those of `snapshots` that are sample data. One that is damaged or erased says nothing of itself any more.
pub(super) fn samples<'a>(reader: &Reader, snapshots: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Failure> {
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
