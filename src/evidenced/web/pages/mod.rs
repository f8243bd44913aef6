//! The pages themselves: read the store, fill a compile-time template. Every one is bounded.

mod controls;
mod evidence;
mod exceptions;
mod findings;
mod log;
mod reviews;
mod sources;
mod steps;

pub(super) use controls::{checks, controls};
pub(super) use evidence::{check, confirm_snapshot, overview, snapshot};
pub(super) use exceptions::{act_on_exception, exception, exceptions, request_exception};
pub(super) use findings::{act, finding, findings};
pub(super) use log::{entry, log};
pub(super) use reviews::{
    act_on_item, act_on_review, certify_plain, decide_in_review, review, review_item, reviews, start_review,
};
pub(super) use sources::{snapshots, source, sources};

use super::answers::{page, status_of};
use super::forms::{Form, Sent};
use super::guard::{Person, Visit, blocking, broken};
use super::routes::places;
use crate::access::Second;
use crate::failure::Failure;
use crate::line::Declined;
use crate::settings::Settings;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use model::{Digest, Timestamp};
use std::sync::Arc;
use store::{Reader, UserRow};

/// What every page of somebody who is signed in has around it.
struct Frame {
    name: String,
    role: String,
    token: String,
    places: Vec<Place>,
    /// The entry that a step just made.
    noted: Option<u64>,
}

struct Place {
    path: &'static str,
    name: &'static str,
    is_here: bool,
}

impl Frame {
    fn of(person: &Person, here: Option<&str>, query: Option<&Sent>) -> Self {
        let beneath = |path: &str| match here {
            Some(here) if path == "/" => here == "/",
            Some(here) => here.starts_with(path),
            None => false,
        };
        Self {
            name: person.user.name.clone(),
            role: words(person.role().as_str()),
            token: person.token(),
            places: places(person.role()).map(|(path, name)| Place { path, name, is_here: beneath(path) }).collect(),
            noted: query.and_then(|query| query.text("entry").parse().ok()),
        }
    }

    fn here(visit: &Visit) -> Self {
        Self::of(&visit.person, Some(visit.route.path), Some(&visit.query))
    }
}

/// Why a step was not taken, above the page it is a step of.
struct Said {
    guard: Option<&'static str>,
    problem: String,
    help: String,
}

impl From<&Declined> for Said {
    fn from(declined: &Declined) -> Self {
        match declined {
            Declined::Refused(refusal) => Self {
                guard: Some(refusal.guard.as_str()),
                problem: refusal.problem.clone(),
                help: refusal.help.clone(),
            },
            Declined::Failed(failure) => Self::from(failure),
        }
    }
}

impl From<&Failure> for Said {
    fn from(failure: &Failure) -> Self {
        Self { guard: None, problem: failure.message.clone(), help: failure.help.clone().unwrap_or_default() }
    }
}

/// What a refused step is to the one who took it: somebody else was first, or something is missing.
fn status(declined: &Declined) -> StatusCode {
    use workflow::Guard;
    match declined {
        Declined::Refused(refusal) if matches!(refusal.guard, Guard::Conflict | Guard::State) => StatusCode::CONFLICT,
        Declined::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Declined::Failed(failure) => status_of(failure),
    }
}

/// Answers with the page that `fill` makes; where it makes none, there is nothing.
async fn answer(
    visit: Visit,
    status: StatusCode,
    fill: impl FnOnce(&Visit, &Settings, &Reader) -> Result<Option<String>, Failure> + Send + 'static,
) -> Response {
    let person = visit.person.clone();
    let html = blocking(move || {
        let line = visit.app.line.line();
        let reader = line.reader()?;
        fill(&visit, &line.settings(), &reader)
    });
    match html.await {
        Ok(Some(html)) => page(status, html),
        Ok(None) => page(StatusCode::NOT_FOUND, nothing(&person)),
        Err(failure) => broken(&failure),
    }
}

/// Takes a step: on to `path` with the entry it made, or back to the page with why not.
async fn take(
    visit: Visit,
    path: String,
    work: impl FnOnce(&Visit) -> Result<u64, Declined> + Send + 'static,
    back: impl FnOnce(&Visit, &Settings, &Reader, &Said) -> Result<Option<String>, Failure> + Send + 'static,
) -> Response {
    let acting = visit.clone();
    // the inner error is a step not taken, the outer one a program that broke
    match blocking(move || Ok(work(&acting))).await {
        Ok(Ok(entry)) => {
            let joint = if path.contains('?') { '&' } else { '?' };
            super::answers::see(&format!("{path}{joint}entry={entry}"))
        }
        Ok(Err(declined)) => {
            let (status, said) = (status(&declined), Said::from(&declined));
            answer(visit, status, move |visit, settings, reader| back(visit, settings, reader, &said)).await
        }
        Err(failure) => broken(&failure),
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "nothing.html")]
struct Nothing {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    next: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUp<'a> {
    enrolment: &'a Enrolment,
    key: String,
    link: String,
    picture: Option<Picture>,
    said: Option<Said>,
}

/// A QR code: its width with the quiet zone around it, and its dark squares as the path of an SVG.
struct Picture {
    width: usize,
    path: String,
}

impl Picture {
    /// Light squares around a code, without which no camera finds it.
    const QUIET: usize = 4;

    /// None of a text that fits no code: it is typed then.
    fn of(text: &str) -> Option<Self> {
        let code = qrcode::QrCode::new(text).ok()?;
        let side = code.width();
        let mut path = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == qrcode::Color::Dark {
                let (x, y) = (at % side + Self::QUIET, at / side + Self::QUIET);
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
        Some(Self { width: side + 2 * Self::QUIET, path })
    }
}

#[derive(Template)]
#[template(path = "users.html")]
struct UserList {
    frame: Frame,
    said: Option<Said>,
    link: Option<(String, String, Timestamp)>,
    users: Vec<UserView>,
    adding: Form,
}

/// Somebody who is about to set password and second factor.
pub(super) struct Enrolment {
    pub(super) is_first: bool,
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) second: Second,
    pub(super) link: Digest,
}

/// Somebody who may sign in, and what can be changed of that.
pub(super) struct UserView {
    pub(super) user: UserRow,
    pub(super) forms: Vec<Form>,
}

impl UserView {
    const fn state(&self) -> &'static str {
        match &self.user {
            UserRow { disabled: true, .. } => "disabled",
            UserRow { source: store::UserSource::Local, password: None, .. } => "not set up",
            _ => "active",
        }
    }
}

/// The page for what is not there, or not theirs: the same for both.
pub(super) fn nothing(person: &Person) -> String {
    plain(&Nothing { frame: Frame::of(person, None, None) })
}

/// A page with a few words.
pub(super) fn message(title: &str, text: &str) -> String {
    plain(&Message { title, text })
}

/// The page before anybody can sign in.
pub(super) fn nobody_yet() -> String {
    message(
        "Nobody can sign in yet",
        "Whoever started evidenced was shown a link that makes the first administrator. Open that; nothing else is served until then.",
    )
}

pub(super) fn sign_in(next: &str, problem: Option<&str>) -> String {
    plain(&SignIn { next, problem })
}

pub(super) fn set_up(enrolment: &Enrolment, failure: Option<&Failure>) -> String {
    let (key, name) = (enrolment.second.base32(), &enrolment.name);
    let label = if name.is_empty() { "administrator" } else { name };
    let link = enrolment.second.link(&format!("evidenced {}", enrolment.issuer), label);
    let picture = Picture::of(&link);
    plain(&SetUp { enrolment, key, link, picture, said: failure.map(Said::from) })
}

pub(super) fn users(
    visit: &Visit,
    users: Vec<UserView>,
    adding: Form,
    link: Option<(String, String, Timestamp)>,
    refusal: Option<&Failure>,
) -> Result<String, Failure> {
    render(&UserList { frame: Frame::here(visit), said: refusal.map(Said::from), link, users, adding })
}

/// Of a template that has nothing that could fail.
fn plain(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| format!("the page cannot be shown: {error}"))
}

fn render(template: &impl Template) -> Result<String, Failure> {
    template.render().map_err(Failure::store)
}

/// The form that was sent, to be shown again as it was filled in.
fn sent(visit: &Visit, action: &str) -> Option<(String, Arc<Sent>)> {
    (visit.route.method == axum::http::Method::POST).then(|| (action.to_owned(), Arc::clone(&visit.sent)))
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
pub(super) fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// `never collected` as a class name.
fn class(words: &str) -> String {
    words.replace(' ', "-")
}
