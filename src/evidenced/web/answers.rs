//! Answers: pages, ways elsewhere, and the headers all of them have.

use crate::failure::{Exit, Failure};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

pub(super) const STYLE: &str = include_str!("style.css");

/// Nothing is loaded from elsewhere, nothing runs, nothing is framed or cached, and forms go nowhere else.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // not `no-referrer`: a browser would then say of our own forms that they come from nowhere
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers that every answer has.
pub(super) fn dress(headers: &mut HeaderMap, is_secure: bool) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

pub(super) fn page(status: StatusCode, html: String) -> Response {
    (status, Html(html)).into_response()
}

/// Sends the browser to a path of ours, whatever it asked with.
pub(super) fn see(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/"))]).into_response(),
    }
}

/// What a failure is to the one who asked.
pub(super) const fn status_of(failure: &Failure) -> StatusCode {
    match failure.exit {
        Exit::Usage => StatusCode::UNPROCESSABLE_ENTITY,
        Exit::Busy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
