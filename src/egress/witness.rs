//! Showing a checkpoint to a witness: one small request, one small answer (C2SP tlog-witness).
//!
//! Nothing here is evidence of a source, so nothing is recorded; what an answer means, `ledger::witness` decides.
//! It never follows a redirect, never tries again, and reads no further than an answer may be long.

use crate::live::{causes, client};
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use url::Url;

/// The most bytes of an answer that are read: a few signature lines, a size, or some words.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessReply {
    /// HTTP status.
    pub status: u16,
    /// The media type without its parameters, lower case.
    pub media_type: String,
    /// The body, whole.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The HTTP client could not be set up.
    #[error("the http client cannot be set up: {0}")]
    Client(String),
    /// No connection, or it broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Not all of it came in time.
    #[error("it did not answer within {0} s")]
    Late(u64),
    /// More than an answer has.
    #[error("its answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
}

/// Posts `request` to `add-checkpoint` below `prefix` and returns the answer, whatever its status.
pub async fn add_checkpoint(prefix: &Url, request: String, deadline: Duration) -> Result<WitnessReply, AskError> {
    let mut url = prefix.clone();
    url.set_path(&format!("{}/add-checkpoint", prefix.path().trim_end_matches('/')));
    let late = |_| AskError::Late(deadline.as_secs());
    tokio::time::timeout(deadline, receive(url, request, deadline)).await.map_err(late)?
}

async fn receive(url: Url, request: String, deadline: Duration) -> Result<WitnessReply, AskError> {
    let client = client(deadline).map_err(|error| AskError::Client(causes(&error)))?;
    let request = client
        .post(url)
        .header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(http::header::ACCEPT_ENCODING, "identity")
        .body(request);
    let mut response = request.send().await.map_err(transport)?;
    let media_type = response.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let (status, media_type) = (response.status().as_u16(), essence.to_ascii_lowercase());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(AskError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(WitnessReply { status, media_type, body: body.freeze() })
}

fn transport(error: reqwest::Error) -> AskError {
    AskError::Unreachable(causes(&error.without_url()))
}
