//! GitHub's REST API through octocrab over egress: one answer, or a listing followed to its last page.
//!
//! Only the raw JSON is used: octocrab's models refuse answers that leave out or null a field, and what a source leaves
//! out is evidence, not an error. A status other than 200 is never an empty listing.

use crate::provider::web_link::Links;
use bytes::Bytes;
use egress::{Context, Pages, next_page_within};
use http_body_util::BodyExt as _;
use model::{CollectError, Digest, ReasonCode};
use serde_json::Value;
use url::Url;

/// GitHub's largest page.
const PER_PAGE: usize = 100;

pub(crate) struct GitHub {
    octocrab: octocrab::Octocrab,
    base: Url,
    max_pages: u32,
    /// The permission each operation needs, for messages.
    permission_of: fn(&str) -> String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) links: Links,
    pub(crate) body: Bytes,
}

impl GitHub {
    pub(crate) fn new(
        ctx: &Context,
        base: &Url,
        max_pages: u32,
        operation_of: fn(&str, &str) -> String,
        permission_of: fn(&str) -> String,
    ) -> Result<Self, CollectError> {
        let octocrab = ctx.egress.octocrab(base, ctx.secrets.get("token"), operation_of).map_err(|error| {
            CollectError::Misconfigured {
                message: error.to_string(),
                help: "look at `api_url` of this source".to_owned(),
            }
        })?;
        Ok(Self { octocrab, base: base.clone(), max_pages, permission_of })
    }

    /// The URL of `path` (no leading slash) under the API's base.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, CollectError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| CollectError::Misconfigured {
                message: format!("`{}` is no base of an API", self.base),
                help: "write `api_url` like `https://api.github.com`".to_owned(),
            })?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }

    /// One call, whatever its status.
    pub(crate) async fn get(&self, operation: &str, url: &Url) -> Result<Answer, CollectError> {
        let transient = |message: String| CollectError::Transient { operation: operation.to_owned(), message };
        let response = self.octocrab._get(url.as_str()).await.map_err(|error| collect_error(operation, &error))?;
        let status = response.status().as_u16();
        let link = response.headers().get("link").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = response.into_body().collect().await.map_err(|error| transient(error.to_string()))?.to_bytes();
        Ok(Answer { status, links: Links::parse(&link), body })
    }

    /// The error that `answer` is, when the call was needed and its status is not 200.
    pub(crate) fn refusal(&self, operation: &str, answer: &Answer) -> CollectError {
        let message = message_of(answer);
        match answer.status {
            401 => CollectError::Misconfigured {
                message: format!("GitHub does not know the token: {message}"),
                help: "make a new token and set it where `token` of this source points".to_owned(),
            },
            403 | 404 | 422 => CollectError::Denied {
                operation: operation.to_owned(),
                permission: (self.permission_of)(operation),
                message,
            },
            429 => CollectError::Throttled { operation: operation.to_owned(), message },
            _ => CollectError::Transient { operation: operation.to_owned(), message },
        }
    }

    /// One JSON object.
    pub(crate) async fn object(&self, operation: &str, url: &Url) -> Result<Value, CollectError> {
        let answer = self.get(operation, url).await?;
        if answer.status != 200 {
            return Err(self.refusal(operation, &answer));
        }
        let value = parse(operation, &answer.body)?;
        if value.is_object() { Ok(value) } else { Err(malformed(operation, "the answer is not a JSON object")) }
    }

    /// Every element of a listing, to the page its first answer announced as the last.
    pub(crate) async fn listing(&self, operation: &str, mut url: Url) -> Result<Vec<Value>, CollectError> {
        url.query_pairs_mut().append_pair("per_page", &PER_PAGE.to_string());
        let mut pages = Pages::new(operation, self.max_pages);
        let mut elements = Vec::new();
        let mut announced = None;
        let mut read = 0_u32;
        loop {
            let answer = self.get(operation, &url).await?;
            if answer.status != 200 {
                return Err(self.refusal(operation, &answer));
            }
            let page = parse(operation, &answer.body)?;
            // what it says, however it is written: the same page may come again with other spacing
            pages.page(answer.links.next.as_deref(), Digest::of(page.to_string().as_bytes()))?;
            read += 1;
            let Value::Array(page) = page else {
                return Err(malformed(operation, "the answer is not a JSON array"));
            };
            if page.len() > PER_PAGE {
                return Err(malformed(operation, &format!("a page of {PER_PAGE} has {} elements", page.len())));
            }
            announced = announced.max(answer.links.last_page());
            let is_full = page.len() == PER_PAGE;
            elements.extend(page);
            match &answer.links.next {
                Some(next) => url = next_page_within(&self.base, next)?,
                None if is_full => {
                    self.nothing_on_page(operation, url, read + 1).await?;
                    break;
                }
                None => break,
            }
        }
        match announced {
            Some(last) if read < last => Err(CollectError::Incomplete {
                operation: operation.to_owned(),
                message: format!("page {read} has no next page, but {last} pages were announced"),
                code: ReasonCode::CountsDisagree,
            }),
            _ => Ok(elements),
        }
    }

    /// A full page without a next one is the last only if there is nothing behind it: a header can get lost on the way.
    async fn nothing_on_page(&self, operation: &str, mut url: Url, page: u32) -> Result<(), CollectError> {
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "page")
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair("page", &page.to_string());
        let answer = self.get(operation, &url).await?;
        if answer.status != 200 {
            return Err(self.refusal(operation, &answer));
        }
        match parse(operation, &answer.body)? {
            Value::Array(elements) if elements.is_empty() => Ok(()),
            _ => Err(CollectError::Incomplete {
                operation: operation.to_owned(),
                message: format!("page {} names no next page, but page {page} has members", page - 1),
                code: ReasonCode::CountsDisagree,
            }),
        }
    }
}

fn parse(operation: &str, body: &[u8]) -> Result<Value, CollectError> {
    serde_json::from_slice(body).map_err(|error| malformed(operation, &format!("not JSON: {error}")))
}

pub(crate) fn malformed(operation: &str, message: &str) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message: message.to_owned() }
}

/// What GitHub says about a refusal, without trusting that it says anything.
fn message_of(answer: &Answer) -> String {
    let said = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| {
        body.get("message").and_then(Value::as_str).map(|text| text.chars().take(200).collect::<String>())
    });
    match said {
        Some(said) => format!("HTTP {}: {said}", answer.status),
        None => format!("HTTP {}", answer.status),
    }
}

/// Egress's own error, which octocrab hands through its tower stack.
fn collect_error(operation: &str, error: &octocrab::Error) -> CollectError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(found) = current.downcast_ref::<CollectError>() {
            return found.clone();
        }
        source = current.source();
    }
    CollectError::Transient { operation: operation.to_owned(), message: error.to_string() }
}
