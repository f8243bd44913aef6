//! Stands before the GitHub API emulator and gives the answers it lacks. Everything else is the emulator's own.
//!
//! What is not the emulator's, and whose it is (`github_gaps.json`, shaped as GitHub documents it):
//! - `GET /orgs/{org}` - the emulator's, with the owner-only settings it does not have.
//! - `GET /orgs/{org}/members?filter=2fa_disabled` - the emulator ignores the filter and lists everybody. The members
//!   are the emulator's own; which of them have no second factor is the test's.
//! - `GET /orgs/{org}/outside_collaborators`, also with that filter, and `GET /orgs/{org}/invitations` - the emulator
//!   answers 404. Wholly from the file.
//! - the filter `2fa_insecure`, which it ignores too, and `GET /orgs/{org}/installations` (404): nobody and nothing.
//! - `GET /orgs/{org}/repos` - 404; the emulator's own repositories, from its search.
//! - `Branch not protected` - the emulator says `Not Found`.
//! - `POST /graphql` - `github_graphql.rs`, over the emulator.
//! - Listings the test names: rules of branches, keys, activity, rulesets.
//!
//! Every answer to a GET has an `ETag`, which the emulator gives none, and 304 is answered to who names it in `If-None-Match`.
//!
//! It pages these as GitHub does: `per_page`, `page`, and a `link` header with the next and the last page.

use crate::faults::{Request, Response, ask};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the emulator lacks.
pub(crate) struct Gaps {
    emulator: SocketAddr,
    recorded: Value,
    without_2fa: Vec<String>,
    graphql: SocketAddr,
    /// Listings by path, which the emulator does not have and the test makes up.
    listings: BTreeMap<String, Vec<Value>>,
}

/// A server on a loopback port of its own, stopped when dropped.
pub(crate) struct Filled {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// The answers of the file.
pub(crate) fn recorded() -> Value {
    serde_json::from_str(include_str!("github_gaps.json")).unwrap()
}

impl Filled {
    pub(crate) fn before(emulator: SocketAddr, graphql: SocketAddr, without_2fa: Vec<String>) -> Self {
        Self::with_listings(emulator, graphql, without_2fa, BTreeMap::new())
    }

    /// The same with listings by path.
    pub(crate) fn with_listings(
        emulator: SocketAddr,
        graphql: SocketAddr,
        without_2fa: Vec<String>,
        listings: BTreeMap<String, Vec<Value>>,
    ) -> Self {
        let gaps = Gaps { emulator, recorded: recorded(), without_2fa, graphql, listings };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let filled = Self { address: listener.local_addr().unwrap(), stopped: Arc::default() };
        let gaps = Arc::new(gaps);
        let stopped = filled.stopped.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), false) = (stream, stopped.load(Ordering::Relaxed)) else { return };
                let gaps = gaps.clone();
                std::thread::spawn(move || {
                    if let Some(request) = Request::read(&mut stream) {
                        crate::faults::Reply::Whole(tagged(&request, gaps.answer(&request))).write(stream);
                    }
                });
            }
        });
        filled
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

impl Gaps {
    fn answer(&self, request: &Request) -> Response {
        let path = request.target.split('?').next().unwrap_or_default();
        let place: Vec<&str> = path.trim_matches('/').split('/').collect();
        let is_filtered = request.parameter("filter").is_some_and(|filter| filter == "2fa_disabled");
        let is_insecure = request.parameter("filter").is_some_and(|filter| filter == "2fa_insecure");
        let all = |name: &str| self.recorded[name].as_array().unwrap().clone();
        if let (Some(listing), "GET") = (self.listings.get(path), request.method.as_str()) {
            return page(request, listing.clone());
        }
        match (request.method.as_str(), place.as_slice(), is_filtered) {
            ("GET", ["orgs", _, "members" | "outside_collaborators"], _) if is_insecure => page(request, Vec::new()),
            ("GET", ["orgs", _, "installations"], _) => {
                Response::new(200, "application/json", "{\"total_count\":0,\"installations\":[]}")
            }
            ("POST", ["graphql"], _) => ask(self.graphql, request),
            ("GET", ["orgs", org, "repos"], _) => page(request, self.repositories(request, org)),
            ("GET", ["repos", _, _, "branches", _, "protection"], _) => {
                let answer = ask(self.emulator, request);
                match answer.status {
                    404 => Response::new(404, "application/json", "{\"message\":\"Branch not protected\"}"),
                    _ => answer,
                }
            }
            ("GET", ["orgs", _], _) => self.organisation(request),
            ("GET", ["orgs", _, "members"], true) => {
                let known = |member: &Value| self.without_2fa.iter().any(|login| member["login"] == **login);
                page(request, self.members(request, path).into_iter().filter(known).collect())
            }
            ("GET", ["orgs", _, "outside_collaborators"], false) => page(request, all("outside_collaborators")),
            ("GET", ["orgs", _, "outside_collaborators"], true) => {
                let without = all("outside_collaborators_without_2fa");
                let known = |person: &Value| without.contains(&person["login"]);
                page(request, all("outside_collaborators").into_iter().filter(known).collect())
            }
            ("GET", ["orgs", _, "invitations"], _) => page(request, all("invitations")),
            _ => ask(self.emulator, request),
        }
    }

    fn organisation(&self, request: &Request) -> Response {
        let answer = ask(self.emulator, request);
        let Ok(Value::Object(mut organisation)) = serde_json::from_slice(&answer.body) else { return answer };
        for (name, value) in self.recorded["organisation"].as_object().unwrap() {
            assert!(!organisation.contains_key(name), "the emulator has `{name}` itself now: take it out of the file");
            organisation.insert(name.clone(), value.clone());
        }
        Response { body: Value::Object(organisation).to_string().into_bytes(), ..answer }
    }

    /// All repositories of an organisation, as the emulator's search finds them.
    fn repositories(&self, request: &Request, org: &str) -> Vec<Value> {
        let mut repositories = Vec::new();
        for page in 1.. {
            let target = format!("/search/repositories?q=org:{org}&per_page=100&page={page}");
            let answer = ask(self.emulator, &Request { target, ..request.clone() });
            let found: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let some = found["items"].as_array().cloned().unwrap_or_default();
            if some.is_empty() {
                break;
            }
            repositories.extend(some);
        }
        repositories
    }

    /// All members, as the emulator lists them.
    fn members(&self, request: &Request, path: &str) -> Vec<Value> {
        let mut members = Vec::new();
        for page in 1.. {
            let target = format!("{path}?per_page=100&page={page}");
            let answer = ask(self.emulator, &Request { target, ..request.clone() });
            let some: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
            if some.is_empty() {
                break;
            }
            members.extend(some);
        }
        members
    }
}

/// The answer with its tag, or 304 without a body where the asker has it.
fn tagged(request: &Request, answer: Response) -> Response {
    if request.method != "GET" || answer.status != 200 {
        return answer;
    }
    let link = answer.header("link").unwrap_or_default().to_owned();
    let tag = format!("W/\"{}\"", model::Digest::of(&[link.as_bytes(), &answer.body].concat()));
    let has_it = request.headers.iter().any(|(name, value)| name == "if-none-match" && *value == tag);
    if has_it {
        Response { status: 304, headers: Vec::new(), body: Vec::new() }.with("etag", &tag)
    } else {
        answer.with("etag", &tag)
    }
}

/// One page of a listing.
fn page(request: &Request, elements: Vec<Value>) -> Response {
    let number = |name: &str, default| request.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (size, page): (usize, usize) = (number("per_page", 30), number("page", 1));
    let last = elements.len().div_ceil(size).max(1);
    let shown: Vec<Value> = elements.into_iter().skip((page - 1) * size).take(size).collect();
    let response = Response::new(200, "application/json; charset=utf-8", Value::Array(shown).to_string());
    if page >= last {
        return response;
    }
    let host = request.headers.iter().find(|(name, _)| name == "host").map_or("", |(_, value)| value);
    let other = request.target.split('&').filter(|pair| !pair.starts_with("page=")).collect::<Vec<_>>().join("&");
    let link = |page: usize, rel: &str| format!("<http://{host}{other}&page={page}>; rel=\"{rel}\"");
    response.with("link", &format!("{}, {}", link(page + 1, "next"), link(last, "last")))
}
