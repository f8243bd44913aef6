//! The way in: signing in and out, and the link by which somebody sets password and second factor.
//!
//! What is refused is refused in the same words and the same time, whoever does not exist.

use super::App;
use super::answers::{page, see, status_of};
use super::forms::Sent;
use super::guard::{Caller, Visit, absent, blocking, broken};
use super::limits::FREE_TRIES;
use super::pages::{self, Enrolment};
use crate::access::{Password, Secret};
use crate::failure::Failure;
use crate::line::{self, recognise};
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::sync::Arc;
use store::UserRow;

/// The form.
pub(super) async fn form(Extension(caller): Extension<Caller>) -> Response {
    let Caller { app, person, query, .. } = caller;
    if person.is_some() {
        return see("/");
    }
    match blocking(move || Ok(app.line.line().reader()?.users()?.is_empty())).await {
        Ok(true) => page(StatusCode::SERVICE_UNAVAILABLE, pages::nobody_yet()),
        Ok(false) => page(StatusCode::OK, pages::sign_in(local(query.text("next")), None)),
        Err(failure) => broken(&failure),
    }
}

/// Name, password and code were sent.
pub(super) async fn enter(Extension(caller): Extension<Caller>) -> Response {
    let Caller { app, sent, .. } = caller;
    let (name, next) = (sent.text("name").trim().to_owned(), local(sent.text("next")).to_owned());
    if let Err(seconds) = app.limits.take(&name, line::now()) {
        let told = format!("That was tried too often. Try again in {seconds} seconds.");
        let mut response = page(StatusCode::TOO_MANY_REQUESTS, pages::sign_in(&next, Some(&told)));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    match let_in(&app, &name, &sent).await {
        Ok(Some((_, secret))) => {
            app.limits.right(&name);
            signed_in(&app, &secret, &next)
        }
        Ok(None) => {
            if let Err(failure) = note_wrong(&app, &name).await {
                return broken(&failure);
            }
            let told = "Name, password and code do not belong together, or the code was used before.";
            page(StatusCode::FORBIDDEN, pages::sign_in(&next, Some(told)))
        }
        Err(failure) => broken(&failure),
    }
}

async fn let_in(app: &Arc<App>, name: &str, sent: &Arc<Sent>) -> Result<Option<(UserRow, Secret)>, Failure> {
    let _turn = app.hashing.acquire().await.map_err(Failure::store)?;
    let (app, name, sent) = (Arc::clone(app), name.to_owned(), Arc::clone(sent));
    blocking(move || {
        let line = app.line.line();
        let password = Password::new(sent.text("password").to_owned());
        let Some((user, step)) = recognise(&line.reader()?, &name, &password, sent.text("code"))? else {
            return Ok(None);
        };
        // sealed before the browser hears of it
        Ok(line.begin_session(&user, Some(step))?.map(|secret| (user, secret)))
    })
    .await
}

async fn note_wrong(app: &Arc<App>, name: &str) -> Result<(), Failure> {
    if app.limits.wrong(name, line::now()) != FREE_TRIES {
        return Ok(());
    }
    let (app, name) = (Arc::clone(app), name.to_owned());
    blocking(move || match app.line.line().reader()?.user_named(&name)? {
        Some(user) => app.line.line().note_refused(&user),
        None => Ok(()),
    })
    .await
}

/// Ends the session.
pub(super) async fn leave(Extension(visit): Extension<Visit>) -> Response {
    let app = Arc::clone(&visit.app);
    match blocking(move || visit.app.line.line().end_session(&visit.person.user, &visit.person.secret)).await {
        Ok(()) => with_cookie(&app, None, see("/sign-in")),
        Err(failure) => broken(&failure),
    }
}

/// The form of a set-up link.
pub(super) async fn set_up_form(
    Extension(caller): Extension<Caller>,
    Path(secret): Path<String>,
    request: Request,
) -> Response {
    let app = Arc::clone(&caller.app);
    match enrolment(&app, &secret).await {
        Ok(Some(enrolment)) => page(StatusCode::OK, pages::set_up(&enrolment, None)),
        Ok(None) => absent(State(app), request).await,
        Err(failure) => broken(&failure),
    }
}

/// Password and code of a set-up link were sent.
pub(super) async fn set_up(
    Extension(caller): Extension<Caller>,
    Path(secret): Path<String>,
    request: Request,
) -> Response {
    let Caller { app, sent, .. } = caller;
    let mut enrolment = match enrolment(&app, &secret).await {
        Ok(Some(enrolment)) => enrolment,
        Ok(None) => return absent(State(app), request).await,
        Err(failure) => return broken(&failure),
    };
    if enrolment.is_first {
        sent.text("name").trim().clone_into(&mut enrolment.name);
    }
    match enrol(&app, &enrolment, &sent).await {
        Ok(Some(secret)) => signed_in(&app, &secret, "/"),
        Ok(None) => absent(State(app), request).await,
        Err(failure) => page(status_of(&failure), pages::set_up(&enrolment, Some(&failure))),
    }
}

/// Whose link that is; none: nobody's, or it was used.
async fn enrolment(app: &Arc<App>, secret: &str) -> Result<Option<Enrolment>, Failure> {
    let Some(secret) = Secret::parse(secret) else { return Ok(None) };
    let (app, link) = (Arc::clone(app), secret.digest());
    blocking(move || {
        let is_first = app.door.is_first(&link);
        let name = match app.line.line().reader()?.linked(&link, line::now())? {
            Some(user) => user.name,
            None if is_first => String::new(),
            None => return Ok(None),
        };
        let issuer = app.line.line().settings().organisation.name.clone();
        Ok(Some(Enrolment { is_first, name, issuer, second: app.door.second(link)?, link }))
    })
    .await
}

/// Sets up what was sent, and signs in.
async fn enrol(app: &Arc<App>, enrolment: &Enrolment, sent: &Arc<Sent>) -> Result<Option<Secret>, Failure> {
    let Enrolment { is_first, name, link, second, .. } = enrolment;
    let (password, again) = (sent.text("password"), sent.text("again"));
    if password != again {
        return Err(Failure::usage("the two passwords differ", "type the same one twice"));
    }
    let password = Password::new(password.to_owned());
    password
        .refuse_weak(name)
        .map_err(|weak| Failure::usage(weak.text(), "choose a longer one that nobody knows of you"))?;
    let step = second.step_of(sent.text("code"), line::now(), 0).ok_or_else(|| {
        Failure::usage(
            "that is not the code your authenticator shows now",
            "add the key to it as shown below, and look at the clock of this machine and of your phone",
        )
    })?;
    let _turn = app.hashing.acquire().await.map_err(Failure::store)?;
    let (app, is_first, name, held, second) = (Arc::clone(app), *is_first, name.clone(), *link, second.clone());
    blocking(move || {
        let line = app.line.line();
        let user = if is_first {
            Some(line.add_first(&name, &password, &second, step)?)
        } else {
            line.set_up(&held, &password, &second, step)?
        };
        let Some(user) = user else { return Ok(None) };
        app.door.close(&held);
        line.begin_session(&user, None)
    })
    .await
}

/// Signs the demo's visitor in.
pub(super) async fn open(
    Extension(caller): Extension<Caller>,
    Path(secret): Path<String>,
    request: Request,
) -> Response {
    let app = Arc::clone(&caller.app);
    let user = Secret::parse(&secret).and_then(|secret| app.door.opens_for(&secret.digest()));
    let Some(user) = user else { return absent(State(app), request).await };
    let opening = Arc::clone(&app);
    let opened = blocking(move || {
        let line = opening.line.line();
        match line.reader()?.user(&user)? {
            Some(user) => line.begin_session(&user, None),
            None => Ok(None),
        }
    });
    match opened.await {
        Ok(Some(secret)) => signed_in(&app, &secret, "/"),
        Ok(None) => absent(State(app), request).await,
        Err(failure) => broken(&failure),
    }
}

fn signed_in(app: &App, secret: &Secret, next: &str) -> Response {
    with_cookie(app, Some(secret), see(next))
}

fn with_cookie(app: &App, secret: Option<&Secret>, mut response: Response) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(&app.address.set_cookie(secret)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A path of ours to go on to; anything else leads to the overview.
fn local(next: &str) -> &str {
    let is_ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t']);
    if is_ours { next } else { "/" }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nobody_is_led_elsewhere_after_signing_in() {
        assert_eq!(super::local("/findings/x-1"), "/findings/x-1");
        for next in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:1"]
        {
            assert_eq!(super::local(next), "/", "{next}");
        }
    }
}
