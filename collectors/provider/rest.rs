//! A provider's JSON API over egress: one answer, or a listing followed by the source's own signal to its last page.
//!
//! A status other than 200 is never an empty listing, and a next page is followed only where it stays with the base.

use crate::provider::files::permission;
use crate::provider::json::malformed;
use base64::Engine as _;
use bytes::Bytes;
use egress::{Answer, Context, Egress, Pages, Policy, next_page_within};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use model::collector::CollectorSpec;
use model::{CollectError, Digest, Reason, ReasonCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use std::collections::BTreeSet;
use url::Url;

/// Members asked about at once; egress bounds the calls themselves.
const SIDE_BY_SIDE: usize = 8;

/// How the credential goes with a request.
pub(crate) enum Scheme<'a> {
    /// `authorization: WORD SECRET`.
    Word(&'a str),
    /// HTTP basic authentication (RFC 7617): what stands before and after the secret in `user:password`.
    Basic { before: &'a str, after: &'a str },
}

/// The `authorization` header of `secret`, whose text is kept out of everything recorded. None in replay, where there
/// is no secret.
pub(crate) fn authorization(
    egress: &Egress,
    scheme: &Scheme,
    secret: Option<&SecretString>,
) -> Result<Option<HeaderValue>, CollectError> {
    let Some(secret) = secret else { return Ok(None) };
    egress.protect(secret);
    let text = match scheme {
        Scheme::Word(word) => format!("{word} {}", secret.expose_secret().trim()),
        Scheme::Basic { before, after } => {
            let pair = format!("{before}{}{after}", secret.expose_secret().trim());
            let pair = SecretString::from(base64::engine::general_purpose::STANDARD.encode(pair));
            egress.protect(&pair);
            format!("Basic {}", pair.expose_secret())
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| CollectError::Misconfigured {
        message: "the credential holds characters no header can".to_owned(),
        help: "look at what the secret of this source points to".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// What a collector of this API may do: its own operations, at `origins`.
pub(crate) fn policy(spec: &CollectorSpec, origins: Vec<Url>) -> Policy {
    let operations = spec.operations.iter().map(|operation| operation.name.clone()).collect();
    Policy { origins, operations, ..Policy::default() }
}

/// The URL of a path below `base`.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Result<Url, CollectError> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| CollectError::Misconfigured {
            message: format!("`{base}` is no base of an API"),
            help: "write the address like `https://host/base-path`".to_owned(),
        })?
        .pop_if_empty()
        .extend(segments);
    Ok(url)
}

/// Refuses a `page_size` that no page can have.
pub(crate) fn page_size(size: u64, largest: u64) -> Result<(), CollectError> {
    if (1..=largest).contains(&size) {
        return Ok(());
    }
    Err(CollectError::Misconfigured {
        message: format!("`page_size` is {size}"),
        help: format!("write a number between 1 and {largest}"),
    })
}

/// What one page of a listing holds, read by the provider's own rules.
pub(crate) struct Page {
    pub(crate) members: Vec<Value>,
    /// The address of the next page; none on the last one.
    pub(crate) next: Option<String>,
    /// How many members all pages have together, where this one says.
    pub(crate) declared: Option<u64>,
}

/// Every member of a listing, and how many the source says there are, where it does.
pub(crate) struct Listing {
    pub(crate) members: Vec<Value>,
    pub(crate) declared: Option<u64>,
}

/// One provider's API.
pub(crate) struct Rest {
    egress: Egress,
    spec: &'static CollectorSpec,
    base: Url,
    max_pages: u32,
    headers: HeaderMap,
    parameter: Option<(String, SecretString)>,
}

impl Rest {
    pub(crate) fn new(
        ctx: &Context,
        spec: &'static CollectorSpec,
        base: &Url,
        max_pages: u32,
        authorization: Option<HeaderValue>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        Self { egress: ctx.egress.clone(), spec, base: base.clone(), max_pages, headers, parameter: None }
    }

    /// With one more header in every request.
    pub(crate) fn with(self, name: HeaderName, value: &'static str) -> Self {
        self.with_header(name, HeaderValue::from_static(value))
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With the credential as the parameter `name` of every address; egress must know `name` as one that is not recorded.
    pub(crate) fn with_parameter(mut self, name: &str, secret: SecretString) -> Self {
        self.parameter = Some((name.to_owned(), secret));
        self
    }

    /// The URL of a path under the API's base.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, CollectError> {
        below(&self.base, segments)
    }

    /// One call, whatever its status.
    pub(crate) async fn get(&self, operation: &str, url: &Url) -> Result<Answer, CollectError> {
        let mut url = url.clone();
        if let Some((name, secret)) = &self.parameter {
            // a next page's address may carry it already; the others keep their spelling, by which a recording is found
            let query = url.query().unwrap_or_default().to_owned();
            let others: Vec<&str> = query.split('&').filter(|pair| pair.split('=').next() != Some(name)).collect();
            url.set_query(Some(others.join("&").as_str()).filter(|others| !others.is_empty()));
            url.query_pairs_mut().append_pair(name, secret.expose_secret().trim());
        }
        let mut request = http::Request::get(url.as_str())
            .body(Bytes::new())
            .map_err(|error| malformed(operation, &format!("the address of the request cannot be read: {error}")))?;
        *request.headers_mut() = self.headers.clone();
        self.egress.send(operation, request).await
    }

    /// One JSON document.
    pub(crate) async fn json(&self, operation: &str, url: &Url) -> Result<Value, CollectError> {
        let answer = self.get(operation, url).await?;
        if answer.status != 200 {
            return Err(refusal(self.spec, operation, &answer));
        }
        parse(operation, &answer)
    }

    /// One JSON object.
    pub(crate) async fn object(&self, operation: &str, url: &Url) -> Result<Value, CollectError> {
        match self.json(operation, url).await? {
            value @ Value::Object(_) => Ok(value),
            _ => Err(malformed(operation, "the answer is not a JSON object")),
        }
    }

    /// Every member of a listing, as many as the source says; `read` takes a page apart.
    pub(crate) async fn listing(
        &self,
        operation: &str,
        url: Url,
        read: impl FnMut(&Url, Value, &Answer) -> Result<Page, CollectError>,
    ) -> Result<Vec<Value>, CollectError> {
        let Listing { members, declared } = self.counted(operation, url, read).await?;
        match declared.filter(|declared| *declared != members.len() as u64) {
            None => Ok(members),
            Some(declared) => Err(CollectError::Incomplete {
                operation: operation.to_owned(),
                message: format!("{} members came, but the source counts {declared}", members.len()),
                code: ReasonCode::CountsDisagree,
            }),
        }
    }

    /// Every member of a listing beside the source's own count; whether they agree is for the caller to say.
    pub(crate) async fn counted(
        &self,
        operation: &str,
        mut url: Url,
        mut read: impl FnMut(&Url, Value, &Answer) -> Result<Page, CollectError>,
    ) -> Result<Listing, CollectError> {
        let mut pages = Pages::new(operation, self.max_pages);
        let mut listing = Listing { members: Vec::new(), declared: None };
        loop {
            let answer = self.get(operation, &url).await?;
            if answer.status != 200 {
                return Err(refusal(self.spec, operation, &answer));
            }
            let page = read(&url, parse(operation, &answer)?, &answer)?;
            // what is listed, not the whole answer: the same page may come again under another token
            let listed = Digest::of(serde_json::to_string(&page.members).unwrap_or_default().as_bytes());
            pages.page(page.next.as_deref(), listed)?;
            listing.members.extend(page.members);
            listing.declared = listing.declared.or(page.declared);
            match page.next {
                Some(next) => url = next_page_within(&self.base, &next)?,
                None => return Ok(listing),
            }
        }
    }
}

/// The answers about all members, a few asked about side by side, in their order. A call that fails is that member's
/// loss; a dead credential is everybody's. Where the first member is refused, nobody else is asked about.
pub(crate) async fn each<T, F>(calls: Vec<F>) -> Result<Vec<Result<T, CollectError>>, CollectError>
where
    F: Future<Output = Result<T, CollectError>>,
{
    let members = calls.len();
    let mut calls = calls.into_iter();
    let Some(first) = calls.next() else { return Ok(Vec::new()) };
    let first = alive(first.await)?;
    if let Err(error @ CollectError::Denied { .. }) = &first {
        return Ok((0..members).map(|_| Err(error.clone())).collect());
    }
    let rest = stream::iter(calls.map(|call| call.map(alive))).buffered(SIDE_BY_SIDE);
    let rest: Vec<_> = rest.try_collect().await?;
    Ok(std::iter::once(first).chain(rest).collect())
}

fn alive<T>(answer: Result<T, CollectError>) -> Result<Result<T, CollectError>, CollectError> {
    match answer {
        Err(error @ CollectError::Misconfigured { .. }) => Err(error),
        other => Ok(other),
    }
}

fn parse(operation: &str, answer: &Answer) -> Result<Value, CollectError> {
    serde_json::from_slice(&answer.body).map_err(|error| malformed(operation, &format!("not JSON: {error}")))
}

/// The error that `answer` is, when the call was needed and its status is not 200.
pub(crate) fn refusal(spec: &CollectorSpec, operation: &str, answer: &Answer) -> CollectError {
    let message = message_of(answer);
    match answer.status {
        401 => CollectError::Misconfigured {
            message: format!("{operation}: the credential was not accepted: {message}"),
            help: "give the source a valid credential; it may have expired or been revoked".to_owned(),
        },
        403 | 404 => {
            CollectError::Denied { operation: operation.to_owned(), permission: permission(spec, operation), message }
        }
        _ => malformed(operation, &message),
    }
}

/// What an API says about a refusal, wherever it says it, without trusting that it says anything: Okta's
/// `errorSummary`, Microsoft's and Google's `error.message`, SCIM's `detail`, OAuth's `error_description`.
pub(crate) fn message_of(answer: &Answer) -> String {
    const PLACES: &[&str] = &["/errorSummary", "/error/message", "/detail", "/error_description", "/message", "/error"];
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let said = body.as_ref().and_then(|body| PLACES.iter().find_map(|place| body.pointer(place)?.as_str()));
    match said {
        Some(said) => format!("HTTP {}: {}", answer.status, said.chars().take(200).collect::<String>()),
        None => format!("HTTP {}", answer.status),
    }
}

/// Why a part was not seen. What concerns the whole run stays an error.
pub(crate) fn reason(error: CollectError) -> Result<Reason, CollectError> {
    let message = error.to_string();
    match error {
        CollectError::Denied { permission, .. } => Ok(Reason::new(ReasonCode::Denied, message).permission(&permission)),
        CollectError::Incomplete { code, .. } => Ok(Reason::new(code, message)),
        CollectError::Malformed { .. } => Ok(Reason::new(ReasonCode::Malformed, message)),
        CollectError::Transient { .. } | CollectError::Throttled { .. } => {
            Ok(Reason::new(ReasonCode::MemberFailed, message))
        }
        CollectError::Misconfigured { .. } => Err(error),
    }
}

/// One reason for all members of which a call failed; a refusal names its permission.
pub(crate) fn unread<'a, T>(
    what: &str,
    asked: impl IntoIterator<Item = &'a str>,
    answers: &[Result<T, CollectError>],
) -> Result<Option<Reason>, CollectError> {
    let answers = asked.into_iter().zip(answers);
    let failed: Vec<(&str, &CollectError)> =
        answers.filter_map(|(id, answer)| Some((id, answer.as_ref().err()?))).collect();
    let Some((_, first)) = failed.first() else { return Ok(None) };
    if let CollectError::Denied { .. } = first {
        return reason((*first).clone()).map(Some);
    }
    let shown = failed.iter().take(5).map(|(member, _)| *member).collect::<Vec<_>>().join(", ");
    let message = format!("{what} could not be read of {} members ({shown}): {first}", failed.len());
    Ok(Some(Reason::new(ReasonCode::MemberFailed, message)))
}

/// A reason where two sets that must be one are not.
pub(crate) fn difference(one: (&str, &BTreeSet<String>), other: (&str, &BTreeSet<String>)) -> Option<Reason> {
    if one.1 == other.1 {
        return None;
    }
    let differing = one.1.symmetric_difference(other.1).take(5).cloned().collect::<Vec<_>>().join(", ");
    let (ones, others) = (one.1.len(), other.1.len());
    let message = format!("{ones} are {}, but {others} are {}; they differ in {differing}", one.0, other.0);
    Some(Reason::new(ReasonCode::CountsDisagree, message))
}
