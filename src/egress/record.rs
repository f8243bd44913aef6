//! The recording: what is kept of a request and its answer, and in which order.

use crate::failure::{Failure, Kind};
use crate::kept::{Aside, Kept};
use crate::{file, redact};
use bytes::Bytes;
use jiff::Timestamp;
use model::time::to_millis;
use model::{Digest, Exchange, ExchangeRecord, Redaction};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use url::Url;

/// Response headers that are recorded, and that a collector therefore can see. A trailing `*` takes every ending.
pub const KEPT_HEADERS: &[&str] = &[
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "github-authentication-token-expiration",
    "last-modified",
    "link",
    "location",
    "request-id",
    "retry-after",
    "x-accepted-github-permissions",
    "x-accepted-oauth-scopes",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-github-api-version-selected",
    "x-github-enterprise-version",
    "x-github-media-type",
    "x-github-request-id",
    "x-github-sso",
    "x-oauth-scopes",
    "x-okta-request-id",
    "x-rate-limit-*",
    "x-ratelimit-*",
];

/// Kept headers whose values hold addresses.
const ADDRESS_HEADERS: &[&str] = &["link", "location", "x-github-sso"];

fn is_kept(name: &str) -> bool {
    KEPT_HEADERS.iter().any(|kept| match kept.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *kept,
    })
}

/// The kept headers of an answer; several of one name are joined as RFC 9110, section 5.3 allows.
pub(crate) fn kept_headers(headers: &http::HeaderMap) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        if !is_kept(name.as_str()) {
            continue;
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let text = if ADDRESS_HEADERS.contains(&name.as_str()) { redact::addresses(&text) } else { text.into_owned() };
        kept.entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&text);
            })
            .or_insert(text);
    }
    kept
}

/// The recorded headers as a collector gets them.
pub(crate) fn header_map(kept: &BTreeMap<String, String>) -> http::HeaderMap {
    kept.iter()
        .filter_map(|(name, value)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, http::HeaderValue::from_str(value).ok()?))
        })
        .collect()
}

/// An HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

/// What identifies a request in a recording.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) operation: String,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) request_body: Option<String>,
}

impl Key {
    pub(crate) fn of_request(operation: &str, method: &http::Method, url: &Url, body: &[u8]) -> Self {
        Self {
            operation: operation.to_owned(),
            method: method.to_string(),
            url: redact::url(url),
            request_body: redact::request_body(body),
        }
    }

    pub(crate) fn of_path(operation: &str, method: &str, url: &Url) -> Self {
        Self { operation: operation.to_owned(), method: method.to_owned(), url: url.to_string(), request_body: None }
    }

    pub(crate) fn of_program(operation: &str, url: String, sent: &[u8]) -> Self {
        let (operation, method) = (operation.to_owned(), "EXEC".to_owned());
        Self { operation, method, url, request_body: redact::request_body(sent) }
    }

    pub(crate) fn of_statement(operation: &str, url: String, sent: &[u8]) -> Self {
        let (operation, method) = (operation.to_owned(), "SQL".to_owned());
        Self { operation, method, url, request_body: redact::request_body(sent) }
    }

    pub(crate) fn of_record(record: &ExchangeRecord) -> Self {
        Self {
            operation: record.operation.clone(),
            method: record.method.clone(),
            url: record.url.clone(),
            request_body: record.request_body.clone(),
        }
    }
}

/// What came of one attempt, before it is recorded.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u16>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    pub(crate) failure: Option<Failure>,
    /// The token that was granted; it is in none of the above, and not recorded.
    pub(crate) token: Option<SecretString>,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }
}

/// What is kept of one exchange.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What the manifest says of it.
    pub record: ExchangeRecord,
    /// Its body, wherever it lies.
    pub body: Kept,
    /// What was replaced in the body before it was hashed, in words.
    pub(crate) replaced: Vec<String>,
}

impl Recorded {
    /// The exchange with its body in memory. An error is the disk's.
    pub fn exchange(&self) -> std::io::Result<Exchange> {
        Ok(Exchange { record: self.record.clone(), body: self.body.whole()? })
    }
}

impl From<Exchange> for Recorded {
    fn from(exchange: Exchange) -> Self {
        let replaced = replaced(&exchange.record.headers, &exchange.body);
        Self { record: exchange.record, body: Kept::in_memory(exchange.body), replaced }
    }
}

/// Every exchange of a run. A place is taken when the request leaves, so that a collector that asks in a stable
/// order has a stable recording.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    aside: Arc<Aside>,
    places: Arc<Mutex<Vec<Option<Recorded>>>>,
}

impl Recording {
    /// One whose bodies go to an unnamed file in `folder` when they are many.
    pub(crate) fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { aside: Arc::new(Aside::in_folder(folder)), places: Arc::default() }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Option<Recorded>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, key: Key, attempt: u32) -> Place {
        let mut places = self.places();
        places.push(None);
        let index = places.len() - 1;
        Place { recording: self.clone(), index, key, attempt, started_at: Timestamp::now(), filled: false }
    }

    pub(crate) fn exchanges(&self) -> Vec<Recorded> {
        self.places().iter().flatten().cloned().collect()
    }

    /// The newest `date` header.
    pub(crate) fn last_date(&self) -> Option<Timestamp> {
        self.places().iter().flatten().filter_map(|exchange| date(&exchange.record)).max()
    }

    /// What was replaced, by exchange.
    pub(crate) fn redactions(&self) -> Vec<Redaction> {
        self.places().iter().flatten().flat_map(|exchange| redactions(&exchange.record, &exchange.replaced)).collect()
    }
}

/// When the source says it answered.
pub(crate) fn date(record: &ExchangeRecord) -> Option<Timestamp> {
    http_date(record.headers.get("date")?)
}

/// What was replaced in a body before it was hashed, in words.
fn replaced(headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<String> {
    let mut replaced = Vec::new();
    if redact::is_marked(body) {
        replaced.push("the run's own credential, echoed by the source".to_owned());
    }
    if redact::has_secret_field(body) {
        replaced.push("a secret the source told: a granted token or an application's secret".to_owned());
    }
    let fields = headers.get(file::REDACTED_HEADER).map(|fields| fields.split("; ").map(str::to_owned));
    replaced.extend(fields.into_iter().flatten());
    replaced
}

/// The same as the manifest says it.
pub(crate) fn redactions(record: &ExchangeRecord, replaced: &[String]) -> Vec<Redaction> {
    replaced.iter().map(|field| Redaction { exchange: record.seq, field: field.clone() }).collect()
}

/// A place taken in the recording. Dropped unfilled, it says that the run ended before the answer came.
#[derive(Debug)]
pub(crate) struct Place {
    recording: Recording,
    index: usize,
    key: Key,
    attempt: u32,
    started_at: Timestamp,
    filled: bool,
}

impl Place {
    pub(crate) fn fill(mut self, outcome: Outcome) -> Exchange {
        self.put(outcome)
    }

    fn put(&mut self, mut outcome: Outcome) -> Exchange {
        self.filled = true;
        let kept = self.recording.aside.keep(&outcome.body).unwrap_or_else(|problem| {
            outcome.failure = Some(Failure::new(Kind::Unkept, problem));
            outcome.body = Bytes::new();
            Kept::in_memory(Bytes::new())
        });
        let exchange = Exchange {
            record: ExchangeRecord {
                seq: u32::try_from(self.index + 1).unwrap_or(u32::MAX),
                operation: self.key.operation.clone(),
                method: self.key.method.clone(),
                url: self.key.url.clone(),
                request_body: self.key.request_body.clone(),
                attempt: self.attempt,
                status: outcome.status,
                headers: outcome.headers,
                bytes: outcome.body.len() as u64,
                sha256: Digest::of(&outcome.body),
                started_at: to_millis(self.started_at),
                finished_at: to_millis(Timestamp::now()),
                error: outcome.failure.map(|failure| failure.to_string()),
            },
            body: outcome.body,
        };
        let recorded = Recorded {
            record: exchange.record.clone(),
            body: kept,
            replaced: replaced(&exchange.record.headers, &exchange.body),
        };
        self.recording.places()[self.index] = Some(recorded);
        exchange
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.filled {
            self.put(Failure::new(Kind::Abandoned, "the run ended before the answer came").into());
        }
    }
}
