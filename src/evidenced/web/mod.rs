//! A small read-only page: sources, checks, findings, snapshots, each with what it rests on.
//!
//! Only GET, only loopback unless the operator says otherwise, no script, no third-party request. Changes nothing.

mod pages;

use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

const STYLE: &str = include_str!("style.css");

/// Headers of every answer: nothing is loaded from elsewhere, nothing runs, nothing is framed or cached.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Binds `listen`, which must be a loopback address: the page has no sign-in yet.
pub(crate) async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    if !listen.ip().is_loopback() {
        return Err(Failure::usage(
            format!("the page would listen on {listen}, which is not loopback, and it has no sign-in"),
            "listen on 127.0.0.1 and reach it by an ssh tunnel",
        ));
    }
    TcpListener::bind(listen).await.map_err(|error| Failure {
        exit: Exit::Usage,
        message: format!("cannot listen on {listen}: {error}"),
        help: Some(
            "another program has the port, perhaps another evidenced: name another with `--listen` or `[serve] listen`"
                .to_owned(),
        ),
    })
}

/// Serves until `stop` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    settings: Arc<Settings>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let router = Router::new()
        .route("/", get(overview))
        .route("/snapshots/{id}", get(snapshot))
        .route("/checks/{name}", get(check))
        .route("/findings/{id}", get(finding))
        .route("/style.css", get(|| async { dressed(([(header::CONTENT_TYPE, "text/css")], STYLE)) }))
        .fallback(|| async { page(StatusCode::NOT_FOUND, &pages::missing("page")) })
        .layer(axum::middleware::from_fn(loopback_names))
        .with_state(settings);
    axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(Failure::store)
}

/// Answers only to this machine's own names: without a sign-in, a page elsewhere must not reach it by a name of its own.
async fn loopback_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    if matches!(name, "localhost" | "[::1]") || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()) {
        next.run(request).await
    } else {
        page(StatusCode::MISDIRECTED_REQUEST, &pages::missing("page under this name"))
    }
}

async fn overview(State(settings): State<Arc<Settings>>) -> Response {
    answer(pages::overview(&settings).map(Some), "overview")
}

async fn snapshot(State(settings): State<Arc<Settings>>, Path(id): Path<String>) -> Response {
    answer(pages::snapshot(&settings, &id), "snapshot")
}

async fn check(State(settings): State<Arc<Settings>>, Path(name): Path<String>) -> Response {
    answer(pages::check(&settings, &name), "check")
}

async fn finding(State(settings): State<Arc<Settings>>, Path(id): Path<String>) -> Response {
    answer(pages::finding(&settings, &id), "finding")
}

fn answer(result: Result<Option<String>, Failure>, what: &str) -> Response {
    match result {
        Ok(Some(html)) => page(StatusCode::OK, &html),
        Ok(None) => page(StatusCode::NOT_FOUND, &pages::missing(what)),
        Err(failure) => {
            tracing::error!(error = %failure.message, "web.page_failed");
            page(StatusCode::INTERNAL_SERVER_ERROR, &pages::broken(&failure.message))
        }
    }
}

fn page(status: StatusCode, html: &str) -> Response {
    dressed((status, Html(html.to_owned())))
}

fn dressed(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
