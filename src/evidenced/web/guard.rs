//! Between a request and whatever answers it: under which name it came, who asks, whether they may, and whether it is theirs.

use super::App;
use super::answers::{self, dress};
use super::forms::Sent;
use super::pages;
use super::routes::{Route, Who};
use crate::access::Secret;
use crate::failure::Failure;
use crate::line;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use model::Role;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use store::UserRow;
use url::Url;

/// A form of ours is smaller.
const LARGEST_FORM: usize = 256 * 1024;

/// Under which name the pages are reached.
pub(super) enum Address {
    /// This machine's own names, at this port.
    Loopback(SocketAddr),
    /// A name that a proxy keeps.
    Named { authority: String, origin: String },
}

impl Address {
    pub(super) fn new(base_url: Option<&Url>, listening: SocketAddr) -> Result<Self, Failure> {
        let Some(url) = base_url else { return Ok(Self::Loopback(listening)) };
        let origin = url.as_str().trim_end_matches('/').to_owned();
        let authority = origin.split_once("://").map(|(_, authority)| authority.to_owned());
        let authority = authority.ok_or_else(|| Failure::usage("`base_url` names no host", "write https://…"))?;
        Ok(Self::Named { authority, origin })
    }

    /// The origin on this machine; none where people come by another name.
    pub(super) fn loopback(&self) -> Option<String> {
        match self {
            Self::Loopback(listening) => Some(format!("http://{listening}")),
            Self::Named { .. } => None,
        }
    }

    /// Whether browsers come through TLS.
    pub(super) fn is_secure(&self) -> bool {
        matches!(self, Self::Named { origin, .. } if origin.starts_with("https://"))
    }

    /// The origin of a request with that `Host`; none for a name that is not ours: a page elsewhere must not reach us by one
    /// of its own.
    fn origin(&self, host: &str) -> Option<String> {
        match self {
            Self::Named { authority, origin } => host.eq_ignore_ascii_case(authority).then(|| origin.clone()),
            Self::Loopback(_) => {
                let name =
                    host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
                let is_loopback = matches!(name, "localhost" | "[::1]")
                    || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
                is_loopback.then(|| format!("http://{host}"))
            }
        }
    }

    /// The name of the session's cookie: a browser keeps one with this prefix from being set by a neighbouring host.
    fn cookie(&self) -> &'static str {
        if self.is_secure() { "__Host-evidenced" } else { "evidenced" }
    }

    /// What sets the session; none ends it.
    pub(super) fn set_cookie(&self, secret: Option<&Secret>) -> String {
        let (value, age) = secret.map_or(("", 0), |secret| (secret.text(), line::SESSION.as_secs()));
        let secure = if self.is_secure() { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", self.cookie())
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) user: UserRow,
    pub(super) secret: Secret,
}

impl Person {
    /// The token their forms carry.
    pub(super) fn token(&self) -> String {
        self.secret.derived("form")
    }

    pub(super) const fn role(&self) -> Role {
        self.user.role
    }
}

/// A request of somebody who may make it.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) person: Person,
    pub(super) route: &'static Route,
    pub(super) sent: Arc<Sent>,
    pub(super) query: Arc<Sent>,
}

/// A request of anybody.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) app: Arc<App>,
    pub(super) person: Option<Person>,
    pub(super) sent: Arc<Sent>,
    pub(super) query: Arc<Sent>,
}

/// In an answer: the handler was reached. Tests look for it.
#[derive(Clone, Copy)]
pub(super) struct Reached;

/// The origin a request came to.
#[derive(Clone)]
struct Origin(String);

/// Before everything: only our own names are answered to; and every answer has its headers.
pub(super) async fn host(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut response = match app.address.origin(host) {
        Some(origin) => {
            request.extensions_mut().insert(Origin(origin));
            next.run(request).await
        }
        None => answers::page(
            StatusCode::MISDIRECTED_REQUEST,
            pages::message("Not found", "There is no page under this name."),
        ),
    };
    dress(response.headers_mut(), app.address.is_secure());
    response
}

/// Before every route: lets through whoever may ask, with what they sent.
pub(super) async fn admit(
    State((app, route)): State<(Arc<App>, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let person = match person(&app, request.headers()).await {
        Ok(person) => person,
        Err(failure) => return broken(&failure),
    };
    let person = match (route.who, person) {
        (Who::Anybody, person) => person,
        (Who::Roles(_), Some(person)) if route.who.includes(person.role()) => Some(person),
        (Who::Roles(_), person) => return turned_away(&app, person, request.method(), request.uri()).await,
    };
    let (mut parts, body) = request.into_parts();
    let query = Arc::new(Sent::parse(parts.uri.query().unwrap_or_default().as_bytes()));
    let mut sent = Sent::default();
    if is_writing(&parts.method) {
        let origin = parts.extensions.get::<Origin>().map(|origin| origin.0.as_str()).unwrap_or_default();
        if !is_ours(&parts.headers, origin) {
            return forged();
        }
        let Ok(bytes) = axum::body::to_bytes(body, LARGEST_FORM).await else {
            return answers::page(
                StatusCode::PAYLOAD_TOO_LARGE,
                pages::message("Too much", "That is more than a form of these pages holds."),
            );
        };
        sent = Sent::parse(&bytes);
        if let (Who::Roles(_), Some(person)) = (route.who, &person)
            && !is_same(sent.text("token"), &person.token())
        {
            return forged();
        }
    }
    let sent = Arc::new(sent);
    let caller =
        Caller { app: Arc::clone(&app), person: person.clone(), sent: Arc::clone(&sent), query: Arc::clone(&query) };
    parts.extensions.insert(caller);
    if let (Who::Roles(_), Some(person)) = (route.who, person) {
        parts.extensions.insert(Visit { app, person, route, sent, query });
    }
    let mut response = next.run(Request::from_parts(parts, axum::body::Body::empty())).await;
    response.extensions_mut().insert(Reached);
    response
}

/// What is not there, and what somebody may not ask for: the two look the same.
pub(super) async fn absent(State(app): State<Arc<App>>, request: Request) -> Response {
    match person(&app, request.headers()).await {
        Ok(person) => turned_away(&app, person, request.method(), request.uri()).await,
        Err(failure) => broken(&failure),
    }
}

/// The answer to whoever may not ask: strangers are shown the way in, others that there is nothing.
pub(super) async fn turned_away(app: &Arc<App>, person: Option<Person>, method: &Method, uri: &Uri) -> Response {
    if let Some(person) = person {
        return answers::page(StatusCode::NOT_FOUND, pages::nothing(&person));
    }
    let app = Arc::clone(app);
    match blocking(move || Ok(app.line.line().reader()?.users()?.is_empty())).await {
        Ok(true) => answers::page(StatusCode::SERVICE_UNAVAILABLE, pages::nobody_yet()),
        Ok(false) => {
            let back = (*method == Method::GET).then(|| uri.path()).filter(|path| *path != "/");
            answers::see(&back.map_or_else(
                || "/sign-in".to_owned(),
                |path| {
                    let path: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
                    format!("/sign-in?next={path}")
                },
            ))
        }
        Err(failure) => broken(&failure),
    }
}

/// Whoever is signed in by what the browser holds, now.
async fn person(app: &Arc<App>, headers: &HeaderMap) -> Result<Option<Person>, Failure> {
    let name = app.address.cookie();
    let pairs =
        headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let held = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name);
    let Some(secret) = held.and_then(|(_, value)| Secret::parse(value)) else { return Ok(None) };
    let app = Arc::clone(app);
    blocking(move || {
        let user = app.line.line().reader()?.signed_in(&secret.digest(), line::now())?;
        Ok(user.map(|user| Person { user, secret }))
    })
    .await
}

fn is_writing(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Whether the browser says that what sent this is a page of ours. A form elsewhere cannot make it say so.
fn is_ours(headers: &HeaderMap, origin: &str) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let from = said("origin");
    let site = said("sec-fetch-site");
    from.is_none_or(|from| from == origin)
        && site.is_none_or(|site| site == "same-origin")
        && (from.is_some() || site.is_some())
}

fn is_same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

fn forged() -> Response {
    answers::page(
        StatusCode::FORBIDDEN,
        pages::message(
            "Not taken",
            "That form did not come from a page shown to you just now. Go back, reload it, and try again.",
        ),
    )
}

pub(super) fn broken(failure: &Failure) -> Response {
    tracing::error!(error = %failure.message, "web.page_failed");
    answers::page(answers::status_of(failure), pages::message("That did not work", &failure.message))
}

/// Work that waits for the disk or for the one writer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::store(format!("the work ended early: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_answered_to() {
        let loopback = Address::new(None, "127.0.0.1:8080".parse().unwrap()).unwrap();
        for host in ["127.0.0.1:8080", "localhost:9", "[::1]:8080", "127.9.9.9"] {
            assert_eq!(loopback.origin(host).unwrap(), format!("http://{host}"));
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1:8080", "localhost.evil.example:8080"] {
            assert_eq!(loopback.origin(host), None, "{host}");
        }
        let url = Url::parse("https://evidence.acme.example").unwrap();
        let named = Address::new(Some(&url), "127.0.0.1:8080".parse().unwrap()).unwrap();
        assert_eq!(named.origin("evidence.acme.example").unwrap(), "https://evidence.acme.example");
        assert_eq!((named.origin("127.0.0.1:8080"), named.origin("evidence.acme.example:444")), (None, None));
        assert!(
            named.set_cookie(None).starts_with("__Host-evidenced=; ") && named.set_cookie(None).ends_with("; Secure")
        );
        assert!(!loopback.set_cookie(None).contains("Secure"));
    }

    #[test]
    fn a_form_elsewhere_is_not_ours() {
        let is_ours = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            super::is_ours(&headers, "http://127.0.0.1:8080")
        };
        assert!(is_ours(&[("origin", "http://127.0.0.1:8080")]));
        assert!(is_ours(&[("sec-fetch-site", "same-origin")]));
        assert!(!is_ours(&[]), "a browser says one or the other");
        for (origin, site) in [
            ("null", "same-origin"),
            ("https://127.0.0.1:8080", "same-origin"),
            ("http://127.0.0.1:8081", "same-site"),
            ("http://127.0.0.1:8080", "same-site"),
            ("http://127.0.0.1:8080", "none"),
        ] {
            assert!(!is_ours(&[("origin", origin), ("sec-fetch-site", site)]), "{origin} {site}");
        }
    }
}
