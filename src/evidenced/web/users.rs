//! Who may sign in, for administrators.

use super::answers::{page, see, status_of};
use super::forms::{Form, Kind};
use super::guard::{Visit, blocking, broken};
use super::pages::{self, UserView};
use crate::failure::{Exit, Failure};
use crate::line::SetUpLink;
use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use model::Role;
use store::{UserRow, UserSource};

/// Everybody, with what can be changed of each.
pub(super) async fn list(Extension(visit): Extension<Visit>) -> Response {
    shown(visit, StatusCode::OK, None, None).await
}

/// Lets somebody new sign in.
pub(super) async fn add(Extension(visit): Extension<Visit>) -> Response {
    change(visit, |visit| {
        let role = chosen(visit)?;
        let (user, link) = visit.app.line.line().add_user(visit.sent.text("name"), role, &visit.person.user.name)?;
        Ok(Some((user.name, link)))
    })
    .await
}

/// Changes what somebody is there for.
pub(super) async fn role(visit: Extension<Visit>, id: Path<String>) -> Response {
    of(visit, id, |visit, user| {
        visit.app.line.line().set_role(&user.name, chosen(visit)?, &visit.person.user.name).map(|_| None)
    })
    .await
}

/// Somebody may not sign in any more.
pub(super) async fn disable(visit: Extension<Visit>, id: Path<String>) -> Response {
    of(visit, id, |visit, user| visit.app.line.line().disable_user(&user.name, &visit.person.user.name).map(|_| None))
        .await
}

/// Somebody may again.
pub(super) async fn enable(visit: Extension<Visit>, id: Path<String>) -> Response {
    of(visit, id, |visit, user| visit.app.line.line().enable_user(&user.name, &visit.person.user.name).map(|_| None))
        .await
}

/// A new link for somebody who lost password or second factor.
pub(super) async fn set_up_link(visit: Extension<Visit>, id: Path<String>) -> Response {
    of(visit, id, |visit, user| {
        let link = visit.app.line.line().make_set_up_link(&user.name, &visit.person.user.name)?;
        Ok(Some((user.name, link)))
    })
    .await
}

/// A change of the user of that id; what it gives is a link to be handed on, once.
async fn of(
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    work: impl FnOnce(&Visit, UserRow) -> Result<Option<(String, SetUpLink)>, Failure> + Send + 'static,
) -> Response {
    let found = visit.clone();
    match blocking(move || Ok(found.app.line.line().reader()?.user(&id)?)).await {
        Ok(Some(user)) => change(visit, move |visit| work(visit, user)).await,
        Ok(None) => page(StatusCode::NOT_FOUND, pages::nothing(&visit.person)),
        Err(failure) => broken(&failure),
    }
}

async fn change(
    visit: Visit,
    work: impl FnOnce(&Visit) -> Result<Option<(String, SetUpLink)>, Failure> + Send + 'static,
) -> Response {
    let acting = visit.clone();
    match blocking(move || work(&acting)).await {
        Ok(None) => see("/users"),
        // shown in the answer and nowhere else: there is no page to come back to
        Ok(Some(link)) => shown(visit, StatusCode::OK, Some(link), None).await,
        Err(failure) if failure.exit == Exit::Usage => {
            let status = status_of(&failure);
            shown(visit, status, None, Some(failure)).await
        }
        Err(failure) => broken(&failure),
    }
}

async fn shown(
    visit: Visit,
    status: StatusCode,
    made: Option<(String, SetUpLink)>,
    refusal: Option<Failure>,
) -> Response {
    let html = blocking(move || {
        let line = visit.app.line.line();
        let users = line.reader()?.users()?.into_iter().map(|user| view(&visit, user)).collect();
        let base = visit.app.address.loopback().unwrap_or_else(|| line.settings().serve.address());
        let made = made.map(|(name, made)| (name, format!("{base}/set-up/{}", made.secret.text()), made.ends_at));
        pages::users(&visit, users, adding(&visit), made, refusal.as_ref())
    });
    match html.await {
        Ok(html) => page(status, html),
        Err(failure) => broken(&failure),
    }
}

fn view(visit: &Visit, user: UserRow) -> UserView {
    let path = |step: &str| format!("/users/{}/{step}", user.id);
    let mut forms = Vec::new();
    // nobody decides on their own access
    if user.id != visit.person.user.id {
        if user.disabled {
            forms.push(Form::new(path("enable"), "Let them sign in again", "Enable"));
        } else {
            let change = Form::new(path("role"), "Change the role", "Change")
                .field("role", "Role", roles())
                .value(user.role.as_str());
            forms.push(change);
            if user.source == UserSource::Local {
                let help = "For whoever lost password or second factor. It holds for a day, and once.";
                forms.push(Form::new(path("set-up-link"), "Make a set-up link", "Make a link").help(help));
            }
            let help = "They are signed out at once, and their link holds no longer.";
            forms.push(Form::new(path("disable"), "Keep them from signing in", "Disable").help(help));
        }
    }
    UserView { user, forms }
}

fn adding(visit: &Visit) -> Form {
    Form::new("/users".to_owned(), "Let somebody sign in", "Add")
        .help("You get a link to hand them, by which they set a password and a second factor.")
        .field("name", "Name they sign in by and act under", Kind::Line)
        .hint("their address, like ada@acme.example")
        .field("role", "Role", roles())
        .filled(Some((visit.route.path, &*visit.sent)).filter(|_| visit.route.method == axum::http::Method::POST))
}

fn roles() -> Kind {
    Kind::Choice(Role::ALL.into_iter().map(|role| (role.as_str(), pages::words(role.as_str()))).collect())
}

fn chosen(visit: &Visit) -> Result<Role, Failure> {
    Role::parse(visit.sent.text("role")).ok_or_else(|| Failure::usage("no role was chosen", "choose one of the list"))
}
