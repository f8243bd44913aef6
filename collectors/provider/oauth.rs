//! Tokens of OAuth 2.0 for callers that act for themselves (RFC 6749, section 4.4; RFC 7523): asked for once a run, and never
//! recorded.

use crate::provider::json::malformed;
use crate::provider::rest::{message_of, refusal};
use bytes::Bytes;
use egress::Context;
use http::header::{ACCEPT, CONTENT_TYPE};
use model::CollectError;
use model::collector::CollectorSpec;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// One request for a token.
pub(crate) struct Grant<'a> {
    pub(crate) spec: &'a CollectorSpec,
    pub(crate) operation: &'a str,
    pub(crate) url: &'a Url,
    /// The parameters that are no secret, in the order in which they are sent.
    pub(crate) parameters: &'a [(&'a str, &'a str)],
    /// The parameter that is one; there is none in replay.
    pub(crate) secret: (&'a str, Option<&'a SecretString>),
    /// What mends a refusal.
    pub(crate) help: &'a str,
}

impl Grant<'_> {
    /// The token of this run.
    pub(crate) async fn ask(&self, ctx: &Context) -> Result<SecretString, CollectError> {
        let (name, secret) = self.secret;
        if let Some(secret) = secret {
            ctx.egress.protect(secret);
        }
        // taken out before the request is recorded; in replay there is none
        let secret = secret.map_or("", |secret| secret.expose_secret().trim());
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.parameters)
            .append_pair(name, secret)
            .finish();
        let request = http::Request::post(self.url.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .map_err(|error| malformed(self.operation, &format!("the request cannot be made: {error}")))?;
        let (answer, token) = ctx.egress.grant(self.operation, request).await?;
        match token {
            Some(token) => Ok(token),
            None if answer.status == 200 => Err(malformed(self.operation, "the answer grants no token")),
            // RFC 6749, section 5.2: whatever is wrong with the request is told by 400, a client that is not known by 401
            None if matches!(answer.status, 400 | 401) => Err(CollectError::Misconfigured {
                message: format!("{}: no token is granted: {}", self.operation, message_of(&answer)),
                help: self.help.to_owned(),
            }),
            None => Err(refusal(self.spec, self.operation, &answer)),
        }
    }
}
