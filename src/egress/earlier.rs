//! Asking whether an answer of before still holds, by its ETag (RFC 9110, section 13.1.2). A source that says so sends no body;
//! the one it sent then is in the store, and is cited.

use bytes::Bytes;
use model::{Digest, Exchange, ExchangeRecord};
use std::collections::BTreeMap;
use std::fmt;

/// The recorded header of an answer without a body of its own: the snapshot in which the cited one was sealed.
pub(crate) const UNCHANGED_SINCE: &str = "x-evidenced-unchanged-since";

/// Reads a body that was sealed; none where it cannot be read.
type ReadBody = dyn Fn(&Digest) -> Option<Bytes> + Send + Sync;

/// Answers that were sealed with an ETag, by what was asked.
pub struct Earlier {
    snapshot: String,
    answers: BTreeMap<(String, String), ExchangeRecord>,
    body: Box<ReadBody>,
}

impl Earlier {
    /// Those of `exchanges`, which `snapshot` holds; `body` reads one's body again.
    pub fn of(
        snapshot: &str,
        exchanges: &[ExchangeRecord],
        body: impl Fn(&Digest) -> Option<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let usable = |record: &&ExchangeRecord| {
            record.method == "GET"
                && record.error.is_none()
                && (record.status == Some(200) || is_unchanged(record))
                && record.headers.contains_key("etag")
        };
        let question = |record: &ExchangeRecord| (record.operation.clone(), record.url.clone());
        let answers = exchanges.iter().filter(usable).map(|record| (question(record), record.clone())).collect();
        Self { snapshot: snapshot.to_owned(), answers, body: Box::new(body) }
    }

    /// The answer to the same question.
    pub(crate) fn answer(&self, operation: &str, url: &str) -> Option<&ExchangeRecord> {
        self.answers.get(&(operation.to_owned(), url.to_owned()))
    }

    /// The body of `record`, and its headers with those that came now (RFC 9111, section 3.2). None where the body cannot be read,
    /// or where the source speaks of another version.
    pub(crate) fn cite(
        &self,
        record: &ExchangeRecord,
        now: &BTreeMap<String, String>,
    ) -> Option<(Bytes, BTreeMap<String, String>)> {
        let tag = |headers: &BTreeMap<String, String>| {
            headers.get("etag").map(|tag| tag.trim().trim_start_matches("W/").to_owned())
        };
        if tag(now).is_some_and(|tag_now| Some(tag_now) != tag(&record.headers)) {
            return None;
        }
        let body = (self.body)(&record.sha256).filter(|body| Digest::of(body) == record.sha256)?;
        let mut headers = record.headers.clone();
        let about_the_body = |name: &&String| matches!(name.as_str(), "content-length" | "content-type");
        headers.extend(
            now.iter().filter(|(name, _)| !about_the_body(name)).map(|(name, value)| (name.clone(), value.clone())),
        );
        headers.insert(UNCHANGED_SINCE.to_owned(), self.snapshot.clone());
        Some((body, headers))
    }
}

impl fmt::Debug for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Earlier({}, {} answers)", self.snapshot, self.answers.len())
    }
}

/// Whether the source sent no body because the one before still holds.
pub(crate) fn is_unchanged(record: &ExchangeRecord) -> bool {
    record.status == Some(304) && record.headers.contains_key(UNCHANGED_SINCE)
}

/// The status of the answer that `exchange` stands for.
pub(crate) fn status(exchange: &Exchange, status: u16) -> u16 {
    if is_unchanged(&exchange.record) { 200 } else { status }
}
