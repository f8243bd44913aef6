//! Asking a timestamping authority: one request, one small answer (RFC 3161 §3.4).
//!
//! Nothing here is evidence of a source, so nothing is recorded; what the answer is worth, `ledger::timestamp` judges.
//! It never follows a redirect, never tries again, and reads no further than the answer may be long.

use crate::live::{causes, client};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// What is posted, and what has to come back.
#[derive(Debug, Clone)]
pub struct Question {
    /// The authority's address.
    pub url: Url,
    /// The media type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// The media type an answer has.
    pub answer_media_type: &'static str,
    /// The most bytes an answer has.
    pub max_answer_bytes: usize,
    /// Time for all of it.
    pub deadline: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
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
    /// It points elsewhere.
    #[error("it answered with a redirect ({0}), and none is followed")]
    Redirect(u16),
    /// An answer that is not a success.
    #[error("it answered {0}")]
    Status(u16),
    /// Something else than what was asked for.
    #[error("it answered with `{found}`, not with `{expected}`")]
    MediaType {
        /// What was asked for.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// More than an answer has.
    #[error("its answer is longer than {0} bytes")]
    TooLarge(usize),
}

impl AskError {
    /// How to mend it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Client(_) => "look at the host's certificate store",
            Self::Unreachable(_) | Self::Transport(_) | Self::Late(_) => {
                "look whether the authority is up and this host may reach it; it is asked again at the next cadence"
            }
            Self::Redirect(_) => {
                "write the address it redirects to into the configuration, if it is still the authority's"
            }
            Self::Status(_) | Self::MediaType { .. } | Self::TooLarge(_) => {
                "look whether `url` is the authority's RFC 3161 address"
            }
        }
    }
}

/// Posts `question` and returns the answer's body, whole.
pub async fn ask(question: &Question) -> Result<Bytes, AskError> {
    let limit = Instant::now() + question.deadline;
    let late = || AskError::Late(question.deadline.as_secs());
    tokio::time::timeout_at(limit, receive(question)).await.map_err(|_| late())?
}

async fn receive(question: &Question) -> Result<Bytes, AskError> {
    let client = client(question.deadline).map_err(|error| AskError::Client(causes(&error)))?;
    let request = client
        .post(question.url.clone())
        .header(CONTENT_TYPE, HeaderValue::from_static(question.media_type))
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .body(question.body.clone());
    let mut response = request.send().await.map_err(transport)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(AskError::Redirect(status.as_u16()));
    }
    if status != http::StatusCode::OK {
        return Err(AskError::Status(status.as_u16()));
    }
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(question.answer_media_type) {
        let found = media_type.chars().take(80).collect();
        return Err(AskError::MediaType { expected: question.answer_media_type, found });
    }
    let too_large = AskError::TooLarge(question.max_answer_bytes);
    if response.content_length().is_some_and(|length| length > question.max_answer_bytes as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > question.max_answer_bytes {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn transport(error: reqwest::Error) -> AskError {
    let unreachable = error.is_connect();
    let text = causes(&error.without_url());
    if unreachable { AskError::Unreachable(text) } else { AskError::Transport(text) }
}
