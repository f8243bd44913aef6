//! Asking a timestamping authority: one request, one small answer (RFC 3161 §3.4).
//!
//! What the answer is worth, `ledger::timestamp` judges.

use crate::outbound::{Post, PostError, post};
use crate::proxy::Proxy;
use bytes::Bytes;
use std::time::Duration;
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
    /// The way out of the network; none: directly.
    pub proxy: Option<Proxy>,
}

/// Why there is no answer that could hold a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// None at all.
    #[error(transparent)]
    NoAnswer(#[from] PostError),
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
}

impl AskError {
    /// How to mend it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::NoAnswer(PostError::Client(_)) => "look at the host's certificate store",
            Self::NoAnswer(PostError::Unreachable(_) | PostError::Transport(_) | PostError::Late(_)) => {
                "look whether the authority is up and this host may reach it; it is asked again at the next cadence"
            }
            Self::Redirect(_) => {
                "write the address it redirects to into the configuration, if it is still the authority's"
            }
            Self::Status(_) | Self::MediaType { .. } | Self::NoAnswer(PostError::TooLarge(_)) => {
                "look whether `url` is the authority's RFC 3161 address"
            }
        }
    }
}

/// Posts `question` and returns the answer's body, whole.
pub async fn ask(question: &Question) -> Result<Bytes, AskError> {
    let reply = post(Post {
        url: question.url.clone(),
        media_type: question.media_type,
        body: question.body.clone(),
        max_answer_bytes: question.max_answer_bytes,
        deadline: question.deadline,
        proxy: question.proxy.clone(),
    })
    .await?;
    match reply.status {
        200 if reply.media_type.eq_ignore_ascii_case(question.answer_media_type) => Ok(reply.body),
        200 => {
            let found = if reply.media_type.is_empty() { "nothing".to_owned() } else { reply.media_type };
            let found = found.chars().take(80).collect();
            Err(AskError::MediaType { expected: question.answer_media_type, found })
        }
        status @ 300..=399 => Err(AskError::Redirect(status)),
        status => Err(AskError::Status(status)),
    }
}
