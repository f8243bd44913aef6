//! One small request to somebody who is no source, one small answer: an authority, a witness, whoever is to be told something.
//!
//! Nothing here is evidence, so nothing is recorded; what an answer is worth, the ledger judges. It never follows a
//! redirect, never tries again, and reads no further than the answer may be long.

use crate::address;
use crate::live::{causes, client};
use crate::proxy::Proxy;
use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use url::Url;

/// What is posted.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) url: Url,
    pub(crate) media_type: &'static str,
    pub(crate) body: Bytes,
    /// The most bytes an answer has.
    pub(crate) max_answer_bytes: usize,
    /// Time for all of it.
    pub(crate) deadline: Duration,
    /// The way out of the network; none: directly.
    pub(crate) proxy: Option<Proxy>,
}

/// A request to somebody who is to be told something.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `GET`, `POST`, `PATCH` …
    pub method: Method,
    /// Where to. Whoever answers there is not followed anywhere else.
    pub url: Url,
    /// Headers; each may be a credential.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// The body; empty: none. It is JSON.
    pub body: Bytes,
    /// Time for all of it.
    pub deadline: Duration,
    /// The way out of the network; none: directly.
    pub proxy: Option<Proxy>,
}

/// A list of a hundred issues is smaller.
const MAX_DELIVERY_ANSWER_BYTES: usize = 16 << 20;

/// Sends `delivery` and returns the answer, whatever its status. No message of an error holds the address.
pub async fn deliver(delivery: Delivery) -> Result<Reply, PostError> {
    if let Some(why) = address::forbidden_origin(&delivery.url) {
        return Err(PostError::Unreachable(format!("its address is {why}")));
    }
    let deadline = delivery.deadline;
    let late = |_| PostError::Late(deadline.as_secs());
    tokio::time::timeout(deadline, exchange(delivery)).await.map_err(late)?
}

async fn exchange(delivery: Delivery) -> Result<Reply, PostError> {
    let Delivery { method, url, headers, body, deadline, proxy } = delivery;
    let client = client(deadline, proxy.as_ref()).map_err(|error| PostError::Client(causes(&error)))?;
    let mut request = client.request(method, url).header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
    }
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
            PostError::Client(format!("what is to be sent as `{name}` has characters that no header may have"))
        })?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    reply(request, MAX_DELIVERY_ANSWER_BYTES).await
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The media type without its parameters, lower case; empty when none is named.
    pub media_type: String,
    /// The body, whole.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The HTTP client could not be set up.
    #[error("the http client cannot be set up: {0}")]
    Client(String),
    /// No connection.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Other trouble on the way.
    #[error("the connection failed: {0}")]
    Transport(String),
    /// Not all of it came in time.
    #[error("it did not answer within {0} s")]
    Late(u64),
    /// More than an answer has.
    #[error("its answer is longer than {0} bytes")]
    TooLarge(usize),
}

/// Posts and returns the answer, whatever its status.
pub(crate) async fn post(post: Post) -> Result<Reply, PostError> {
    let deadline = post.deadline;
    let late = |_| PostError::Late(deadline.as_secs());
    tokio::time::timeout(deadline, receive(post)).await.map_err(late)?
}

async fn receive(post: Post) -> Result<Reply, PostError> {
    let client = client(post.deadline, post.proxy.as_ref()).map_err(|error| PostError::Client(causes(&error)))?;
    let request = client
        .post(post.url)
        .header(CONTENT_TYPE, HeaderValue::from_static(post.media_type))
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .body(post.body);
    reply(request, post.max_answer_bytes).await
}

/// The answer, no longer than it may be.
async fn reply(request: reqwest::RequestBuilder, max_answer_bytes: usize) -> Result<Reply, PostError> {
    let mut response = request.send().await.map_err(transport)?;
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let (status, media_type) = (response.status().as_u16(), essence.to_ascii_lowercase());
    let too_large = PostError::TooLarge(max_answer_bytes);
    if response.content_length().is_some_and(|length| length > max_answer_bytes as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > max_answer_bytes {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, media_type, body: body.freeze() })
}

fn transport(error: reqwest::Error) -> PostError {
    let unreachable = error.is_connect();
    let text = causes(&error.without_url());
    if unreachable { PostError::Unreachable(text) } else { PostError::Transport(text) }
}
