//! One small request to somebody who is no source, one small answer: an authority, a witness.
//!
//! Nothing here is evidence, so nothing is recorded; what an answer is worth, the ledger judges. It never follows a
//! redirect, never tries again, and reads no further than the answer may be long.

use crate::live::{causes, client};
use crate::proxy::Proxy;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
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
    let mut response = request.send().await.map_err(transport)?;
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let (status, media_type) = (response.status().as_u16(), essence.to_ascii_lowercase());
    let too_large = PostError::TooLarge(post.max_answer_bytes);
    if response.content_length().is_some_and(|length| length > post.max_answer_bytes as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > post.max_answer_bytes {
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
