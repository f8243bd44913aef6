//! Showing a checkpoint to a witness: one small request, one small answer (C2SP tlog-witness).
//!
//! What an answer means, `ledger::witness` decides.

use crate::outbound::{Post, PostError, Reply, post};
use crate::proxy::Proxy;
use std::time::Duration;
use url::Url;

/// The most bytes of an answer that are read: a few signature lines, a size, or some words.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Posts `request` to `add-checkpoint` below `prefix` and returns the answer, whatever its status.
pub async fn add_checkpoint(
    prefix: &Url,
    request: String,
    deadline: Duration,
    proxy: Option<Proxy>,
) -> Result<Reply, PostError> {
    let mut url = prefix.clone();
    url.set_path(&format!("{}/add-checkpoint", prefix.path().trim_end_matches('/')));
    let media_type = "text/plain; charset=utf-8";
    post(Post { url, media_type, body: request.into(), max_answer_bytes: MAX_ANSWER_BYTES, deadline, proxy }).await
}
