//! Exceptions: failures that are tolerated for a time, asked for by one person and approved by another.

use super::{Frame, Said, answer, capital, render, sent, take, when};
use crate::cli::{first_instant, instant};
use crate::failure::Failure;
use crate::line;
use crate::web::forms::{Form, Kind};
use crate::web::guard::Visit;
use crate::web::routes::may;
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use model::Timestamp;
use store::Reader;
use workflow::{Exception, ExceptionAct, ExceptionState, Request};

/// Exceptions on one page.
const A_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "exceptions.html")]
struct List<'a> {
    frame: Frame,
    said: Option<&'a Said>,
    now: Timestamp,
    exceptions: Vec<(u64, Exception)>,
    total: usize,
    from: usize,
    next: Option<usize>,
    form: Option<Form>,
}

#[derive(Template)]
#[template(path = "exception.html")]
struct ExceptionPage<'a> {
    frame: Frame,
    said: Option<&'a Said>,
    now: Timestamp,
    exception: &'a Exception,
    entry: u64,
    forms: Vec<Form>,
}

/// All of them, newest first.
pub(in crate::web) async fn exceptions(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, _, reader| list(visit, reader, None)).await
}

/// One was asked for.
pub(in crate::web) async fn request_exception(Extension(visit): Extension<Visit>) -> Response {
    take(
        visit,
        "/exceptions".to_owned(),
        |visit| {
            let (line, sent) = (visit.app.line.line(), &visit.sent);
            let settings = line.settings();
            let request = Request {
                check: sent.text("check").trim().to_owned(),
                subjects: sent.lines("subjects"),
                source: sent.said("source").map(str::to_owned),
                reason: sent.text("reason").trim().to_owned(),
                compensating_control: sent.text("instead").trim().to_owned(),
                from: sent.said("from").map(|text| first_instant(text, &settings)).transpose()?,
                until: instant(sent.text("until").trim(), &settings)?,
            };
            Ok(line.request_exception(request, &visit.person.user.name)?.0)
        },
        |visit, _, reader, said| list(visit, reader, Some(said)),
    )
    .await
}

/// One, with the steps that lead on.
pub(in crate::web) async fn exception(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| fill(visit, reader, &id, None)).await
}

/// One was approved, refused or revoked.
pub(in crate::web) async fn act_on_exception(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    let acted = id.clone();
    take(
        visit,
        format!("/exceptions/{id}"),
        move |visit| {
            let text = |name: &str| visit.sent.text(name).trim().to_owned();
            let step = match visit.route.path.rsplit('/').next() {
                Some("approve") => ExceptionAct::Approve { note: text("note") },
                Some("refuse") => ExceptionAct::Refuse { reason: text("reason") },
                _ => ExceptionAct::Revoke { reason: text("reason") },
            };
            Ok(visit.app.line.line().act_on_exception(&acted, &step, &visit.person.user.name)?.0)
        },
        move |visit, _, reader, said| fill(visit, reader, &id, Some(said)),
    )
    .await
}

fn list(visit: &Visit, reader: &Reader, said: Option<&Said>) -> Result<Option<String>, Failure> {
    let mut exceptions = line::exceptions(reader)?;
    exceptions.reverse();
    let total = exceptions.len();
    let from = visit.query.text("from").parse().unwrap_or(0_usize).min(total);
    let form = may(visit.person.role(), &Method::POST, "/exceptions").then(|| asking(visit));
    render(&List {
        frame: Frame::here(visit),
        said,
        now: line::now(),
        exceptions: exceptions.into_iter().skip(from).take(A_PAGE).collect(),
        total,
        from,
        next: Some(from + A_PAGE).filter(|next| *next < total),
        form,
    })
    .map(Some)
}

fn asking(visit: &Visit) -> Form {
    let sent = sent(visit, "/exceptions");
    Form::new("/exceptions".to_owned(), "Ask for an exception", "Ask")
        .help("It has no effect until somebody else approves it. The failure stays in sight all the time.")
        .field("check", "Check whose failures are tolerated", Kind::Line)
        .value(visit.query.text("check"))
        .field("subjects", "Whose", Kind::Lines)
        .value(visit.query.text("subject"))
        .hint("one a line, as the check names them; * stands for any run of characters")
        .optional("source", "Only where evidence of this source decides", Kind::Line)
        .field("reason", "Why", Kind::Lines)
        .field("instead", "What is done instead: the compensating control", Kind::Lines)
        .optional("from", "First day", Kind::Date)
        .hint("left empty, it holds from its approval on")
        .field("until", "Last day", Kind::Date)
        .filled(sent.as_ref().map(|(action, sent)| (action.as_str(), &**sent)))
}

fn fill(visit: &Visit, reader: &Reader, id: &str, said: Option<&Said>) -> Result<Option<String>, Failure> {
    let all = line::exceptions(reader)?;
    let Some((entry, exception)) = all.iter().find(|(_, exception)| exception.id == id) else { return Ok(None) };
    let now = line::now();
    let path = |step: &str| format!("/exceptions/{{id}}/{step}");
    let new = |step: &str, title, button| Form::new(path(step).replace("{id}", id), title, button);
    let is_over = now >= exception.request.until;
    let forms = match exception.state {
        _ if is_over => Vec::new(),
        ExceptionState::Requested => vec![
            ("approve", new("approve", "Approve it", "Approve").optional("note", "Anything to add", Kind::Lines)),
            ("refuse", new("refuse", "Refuse it", "Refuse").field("reason", "Why", Kind::Lines)),
        ],
        ExceptionState::Approved => {
            vec![("revoke", new("revoke", "End it before its time", "End it").field("reason", "Why", Kind::Lines))]
        }
        ExceptionState::Refused | ExceptionState::Revoked => Vec::new(),
    };
    let sent = sent(visit, &visit.route.path.replace("{id}", id));
    let sent = sent.as_ref().map(|(action, sent)| (action.as_str(), &**sent));
    let forms = forms.into_iter().filter(|(step, _)| may(visit.person.role(), &Method::POST, &path(step)));
    let forms = forms.map(|(_, form)| form.filled(sent)).collect();
    render(&ExceptionPage { frame: Frame::here(visit), said, now, exception, entry: *entry, forms }).map(Some)
}
