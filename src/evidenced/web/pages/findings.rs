//! Findings: what fails, and what people do about it.

use super::evidence::samples;
use super::{Frame, Said, answer, capital, render, sent, steps, take, when};
use crate::failure::Failure;
use crate::line::{self, Declined, overview};
use crate::web::forms::Form;
use crate::web::guard::Visit;
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use store::Reader;
use workflow::{Finding, State};

/// Findings on one page.
const A_PAGE: usize = 50;
/// Items shown of one finding.
const ITEMS: usize = 500;

#[derive(Template)]
#[template(path = "findings.html")]
struct List {
    frame: Frame,
    findings: Vec<Finding>,
    states: Vec<(&'static str, usize)>,
    state: String,
    check: String,
    total: usize,
    from: usize,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage<'a> {
    frame: Frame,
    said: Option<&'a Said>,
    finding: &'a Finding,
    /// Of its last event.
    entry: u64,
    /// What people decided.
    decided: Vec<(&'static str, String)>,
    /// Sources it rests on that are sample data.
    samples: Vec<String>,
    forms: Vec<Form>,
    /// Items that are not shown.
    more: usize,
}

/// All of them, newest first, by state and check.
pub(in crate::web) async fn findings(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, _, reader| {
        let mut findings = line::findings(reader)?;
        findings.sort_by_key(|finding| std::cmp::Reverse((finding.raised_at, finding.id.clone())));
        let count = |state: State| findings.iter().filter(|finding| finding.state == state).count();
        let states = State::ALL.into_iter().map(|state| (state.as_str(), count(state))).filter(|(_, count)| *count > 0);
        let states = states.collect();
        let (state, check) = (visit.query.text("state").to_owned(), visit.query.text("check").to_owned());
        findings.retain(|finding| match state.as_str() {
            "" => true,
            "open" => !finding.state.is_over(),
            state => finding.state.as_str() == state,
        });
        findings.retain(|finding| check.is_empty() || finding.check.as_deref() == Some(check.as_str()));
        let total = findings.len();
        let from = visit.query.text("from").parse().unwrap_or(0_usize).min(total);
        let next = (from + A_PAGE < total).then(|| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query
                .append_pair("state", &state)
                .append_pair("check", &check)
                .append_pair("from", &(from + A_PAGE).to_string());
            format!("/findings?{}", query.finish())
        });
        let findings = findings.into_iter().skip(from).take(A_PAGE).collect();
        let frame = Frame::here(visit);
        render(&List { frame, findings, states, state, check, total, from, next }).map(Some)
    })
    .await
}

/// One, with the steps that lead on.
pub(in crate::web) async fn finding(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| fill(visit, reader, &id, None)).await
}

/// A step was filled in.
pub(in crate::web) async fn act(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    let acted = id.clone();
    take(
        visit,
        format!("/findings/{id}"),
        move |visit| {
            let line = visit.app.line.line();
            let name = visit.route.path.rsplit('/').next().unwrap_or_default();
            let step = steps::step(name, &visit.sent, &line.settings(), &line.reader()?)?;
            // what they looked at: of two people at once, the second is told
            let looked_at = visit.sent.text("looked_at").parse().map_err(|_| {
                Declined::from(Failure::usage("the form does not say what you looked at", "reload the page"))
            })?;
            let (entry, _) = line.act(&acted, &step, &visit.person.user.name, Some(looked_at))?;
            Ok(entry)
        },
        move |visit, _, reader, said| fill(visit, reader, &id, Some(said)),
    )
    .await
}

fn fill(visit: &Visit, reader: &Reader, id: &str, said: Option<&Said>) -> Result<Option<String>, Failure> {
    let Some(row) = reader.findings()?.into_iter().find(|row| row.id == id) else { return Ok(None) };
    let entry = row.log_index;
    let mut finding: Finding = serde_json::from_value(row.body)
        .map_err(|error| Failure::store(format!("finding {id} cannot be read: {error}")))?;
    let snapshots = finding.items.iter().flat_map(|item| item.failed_on.iter().chain(&item.resolved_on));
    let samples = samples(reader, snapshots.map(String::as_str))?;
    let sent = sent(visit, &visit.route.path.replace("{id}", id));
    let sent = sent.as_ref().map(|(action, sent)| (action.as_str(), &**sent));
    let forms = steps::forms(&finding, entry, visit.person.role(), sent);
    let more = finding.items.len().saturating_sub(ITEMS);
    // what is open first: it is what there is to do
    finding.items.sort_by_key(|item| !item.is_open());
    finding.items.truncate(ITEMS);
    let decided = overview::decided(&finding);
    let frame = Frame::here(visit);
    render(&FindingPage { frame, said, finding: &finding, entry, decided, samples, forms, more }).map(Some)
}
