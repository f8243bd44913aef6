//! GitHub's REST API through octocrab over egress: one answer, or a listing followed to its last page; and its GraphQL
//! API, with queries only.
//!
//! Only the raw JSON is used: octocrab's models refuse answers that leave out or null a field, and what a source leaves
//! out is evidence, not an error. A status other than 200 is never an empty listing, and a GraphQL answer with an error
//! in it is never part of one.

use crate::provider::github_access::Access;
use crate::provider::web_link::Links;
use bytes::Bytes;
use egress::{Context, Egress, Pages, next_page_within};
use http::HeaderValue;
use http_body_util::BodyExt as _;
use model::{CollectError, Digest, ReasonCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

/// GitHub's largest page.
const PER_PAGE: usize = 100;

pub(crate) struct GitHub {
    octocrab: octocrab::Octocrab,
    egress: Egress,
    authorization: Option<HeaderValue>,
    base: Url,
    graphql: Url,
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
    /// A client that sends `credential` with every request; none in a replay.
    pub(crate) fn new(
        ctx: &Context,
        access: &Access,
        credential: Option<&SecretString>,
        max_pages: u32,
        operation_of: fn(&str, &str) -> String,
        permission_of: fn(&str) -> String,
    ) -> Result<Self, CollectError> {
        let unusable = |error: egress::EgressError| CollectError::Misconfigured {
            message: error.to_string(),
            help: "look at `api_url` and the credential of this source".to_owned(),
        };
        let octocrab = ctx.egress.octocrab(&access.api_url, credential, operation_of).map_err(unusable)?;
        let authorization = credential.map(|token| ctx.egress.bearer(token)).transpose().map_err(unusable)?;
        Ok(Self {
            octocrab,
            egress: ctx.egress.clone(),
            authorization,
            base: access.api_url.clone(),
            graphql: access.graphql_url(),
            max_pages,
            permission_of,
        })
    }

    /// Asks GraphQL; the answer's `data`. `query` is fixed text that begins with `query`: it can change nothing.
    pub(crate) async fn graphql(
        &self,
        operation: &str,
        query: &'static str,
        variables: &Value,
    ) -> Result<Value, CollectError> {
        let body = Bytes::from(json!({ "query": query, "variables": variables }).to_string());
        let mut request = http::Request::post(self.graphql.as_str()).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(http::header::AUTHORIZATION, authorization.clone());
        }
        let request = request.body(body).map_err(|error| malformed(operation, &error.to_string()))?;
        let answer = self.egress.send(operation, request).await?;
        let answer = Answer { status: answer.status, links: Links::default(), body: answer.body };
        if answer.status != 200 {
            return Err(self.refusal(operation, &answer));
        }
        let mut said = parse(operation, &answer.body)?;
        match said.get("errors") {
            None | Some(Value::Null) => {}
            Some(errors) => return Err(self.graphql_refusal(operation, errors)),
        }
        match said.get_mut("data").map(Value::take) {
            Some(data @ Value::Object(_)) => Ok(data),
            _ => Err(malformed(operation, "the answer has no `data`")),
        }
    }

    /// What GraphQL's own errors are, which come with status 200.
    fn graphql_refusal(&self, operation: &str, errors: &Value) -> CollectError {
        let first = errors.get(0);
        let member = |name: &str| first.and_then(|error| error.get(name)).and_then(Value::as_str).unwrap_or_default();
        let message: String = format!("{} {}", member("type"), member("message")).trim().chars().take(200).collect();
        let operation = operation.to_owned();
        match member("type") {
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" | "NOT_FOUND" => {
                CollectError::Denied { permission: (self.permission_of)(&operation), operation, message }
            }
            "RATE_LIMITED" => CollectError::Throttled { operation, message },
            _ => CollectError::Transient { operation, message },
        }
    }

    /// Every node of a connection, page by page, and how many GitHub says there are. `place` leads from the answer's
    /// `data` to the connection; the query takes the cursor as `$after`. `enough` may end it early, after a node.
    pub(crate) async fn connection(
        &self,
        operation: &str,
        query: &'static str,
        mut variables: Value,
        place: &[&str],
        enough: impl Fn(&Value) -> bool,
    ) -> Result<Connection, CollectError> {
        let mut pages = Pages::new(operation, self.max_pages);
        let mut read = Connection::default();
        loop {
            let data = self.graphql(operation, query, &variables).await?;
            let found = place.iter().try_fold(&data, |value, name| value.get(name)).unwrap_or(&Value::Null);
            let page = Page::of(operation, found)?;
            // what it lists, whatever cursor came with it
            pages.page(page.next.as_deref(), Digest::of(Value::from(page.nodes.clone()).to_string().as_bytes()))?;
            read.total = page.total;
            read.first_page.get_or_insert(data);
            let ended = page.nodes.iter().any(&enough);
            read.nodes.extend(page.nodes);
            match page.next {
                Some(next) if !ended => variables["after"] = Value::String(next),
                _ => return Ok(read),
            }
        }
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
        self.object_of(operation, &answer)
    }

    /// The JSON object that an answer is.
    pub(crate) fn object_of(&self, operation: &str, answer: &Answer) -> Result<Value, CollectError> {
        if answer.status != 200 {
            return Err(self.refusal(operation, answer));
        }
        let value = parse(operation, &answer.body)?;
        if value.is_object() { Ok(value) } else { Err(malformed(operation, "the answer is not a JSON object")) }
    }

    /// Every element of a listing, to the page its first answer announced as the last.
    pub(crate) async fn listing(&self, operation: &str, url: Url) -> Result<Vec<Value>, CollectError> {
        self.listing_of(operation, url, None, None).await.map(|(elements, _)| elements)
    }

    /// Every element of a listing that stands as `member` of an object, and the total GitHub gives beside it.
    pub(crate) async fn listing_in(
        &self,
        operation: &str,
        url: Url,
        member: &str,
    ) -> Result<(Vec<Value>, Option<u64>), CollectError> {
        self.listing_of(operation, url, Some(member), None).await
    }

    /// Every element of a listing whose pages have no numbers. Its end is proven by `oldest`: the same listing from the
    /// other side, whose first element must be the last that was read.
    pub(crate) async fn listing_by_cursor(
        &self,
        operation: &str,
        url: Url,
        oldest: Url,
    ) -> Result<Vec<Value>, CollectError> {
        self.listing_of(operation, url, None, Some(oldest)).await.map(|(elements, _)| elements)
    }

    async fn listing_of(
        &self,
        operation: &str,
        mut url: Url,
        member: Option<&str>,
        oldest: Option<Url>,
    ) -> Result<(Vec<Value>, Option<u64>), CollectError> {
        url.query_pairs_mut().append_pair("per_page", &PER_PAGE.to_string());
        let mut pages = Pages::new(operation, self.max_pages);
        let mut elements = Vec::new();
        let mut announced = None;
        let mut total = None;
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
            total = page.get("total_count").and_then(Value::as_u64).or(total);
            let Some(page) = elements_of(page, member) else {
                return Err(malformed(operation, "the answer is not a JSON array, or does not hold one"));
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
                    match oldest {
                        None => self.nothing_on_page(operation, url, member, read + 1).await?,
                        Some(oldest) => self.ends_with(operation, oldest, elements.last()).await?,
                    }
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
            _ => Ok((elements, total)),
        }
    }

    async fn ends_with(&self, operation: &str, mut oldest: Url, last: Option<&Value>) -> Result<(), CollectError> {
        oldest.query_pairs_mut().append_pair("per_page", "1");
        let answer = self.get(operation, &oldest).await?;
        if answer.status != 200 {
            return Err(self.refusal(operation, &answer));
        }
        let found = parse(operation, &answer.body)?;
        let id = |element: Option<&Value>| element.and_then(|element| element.get("id")).cloned();
        if id(found.get(0)).is_some_and(|oldest| Some(oldest) == id(last)) {
            return Ok(());
        }
        Err(CollectError::Incomplete {
            operation: operation.to_owned(),
            message: "the last page is full, names no next page, and does not hold the oldest element".to_owned(),
            code: ReasonCode::CountsDisagree,
        })
    }

    /// A full page without a next one is the last only if there is nothing behind it: a header can get lost on the way.
    async fn nothing_on_page(
        &self,
        operation: &str,
        mut url: Url,
        member: Option<&str>,
        page: u32,
    ) -> Result<(), CollectError> {
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
        match elements_of(parse(operation, &answer.body)?, member) {
            Some(elements) if elements.is_empty() => Ok(()),
            _ => Err(CollectError::Incomplete {
                operation: operation.to_owned(),
                message: format!("page {} names no next page, but page {page} has members", page - 1),
                code: ReasonCode::CountsDisagree,
            }),
        }
    }
}

/// The array that an answer is, or that is its `member`.
fn elements_of(answer: Value, member: Option<&str>) -> Option<Vec<Value>> {
    match (answer, member) {
        (Value::Array(elements), None) => Some(elements),
        (mut object @ Value::Object(_), Some(member)) => match object.get_mut(member)?.take() {
            Value::Array(elements) => Some(elements),
            _ => None,
        },
        _ => None,
    }
}

/// A connection that was followed.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) nodes: Vec<Value>,
    /// `totalCount` as the last page had it, where it was asked for.
    pub(crate) total: Option<u64>,
    /// `data` of the first page, for what was asked beside the connection.
    pub(crate) first_page: Option<Value>,
}

/// One page of a connection.
pub(crate) struct Page {
    pub(crate) nodes: Vec<Value>,
    pub(crate) next: Option<String>,
    pub(crate) total: Option<u64>,
}

impl Page {
    pub(crate) fn of(operation: &str, connection: &Value) -> Result<Self, CollectError> {
        let Some(Value::Array(nodes)) = connection.get("nodes") else {
            return Err(malformed(operation, "a connection has no `nodes`"));
        };
        let info = connection.get("pageInfo");
        let Some(more) = info.and_then(|info| info.get("hasNextPage")).and_then(Value::as_bool) else {
            return Err(malformed(operation, "a connection does not say whether there is a next page"));
        };
        let cursor = info.and_then(|info| info.get("endCursor")).and_then(Value::as_str);
        let next = match (more, cursor) {
            (false, _) => None,
            (true, Some(cursor)) => Some(cursor.to_owned()),
            (true, None) => return Err(malformed(operation, "a page says that more follow but does not say where")),
        };
        if nodes.iter().any(|node| !node.is_object()) {
            return Err(malformed(operation, "a connection has an element that is not there"));
        }
        Ok(Self { nodes: nodes.clone(), next, total: connection.get("totalCount").and_then(Value::as_u64) })
    }
}

fn parse(operation: &str, body: &[u8]) -> Result<Value, CollectError> {
    serde_json::from_slice(body).map_err(|error| malformed(operation, &format!("not JSON: {error}")))
}

pub(crate) fn malformed(operation: &str, message: &str) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message: message.to_owned() }
}

impl Answer {
    /// The `message` of an answer that is a JSON object with one.
    pub(crate) fn said(&self) -> Option<String> {
        let body = serde_json::from_slice::<Value>(&self.body).ok()?;
        body.get("message").and_then(Value::as_str).map(|text| text.chars().take(200).collect())
    }
}

/// What GitHub says about a refusal, without trusting that it says anything.
fn message_of(answer: &Answer) -> String {
    match answer.said() {
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
