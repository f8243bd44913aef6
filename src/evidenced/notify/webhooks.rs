//! Webhooks: Slack's incoming ones, and signed ones.

use super::send::{Destined, Parcel, Trouble, ask, refused, secret};
use crate::settings::SecretRef;
use egress::{Reply, SecretError};
use http::{HeaderName, Method};
use model::Timestamp;
use model::time::seconds_text;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

/// The schema of what a signed webhook is told.
const SCHEMA: &str = "evidenced/notices/v1";

impl From<SecretError> for Trouble {
    fn from(error: SecretError) -> Self {
        Self::new(error.to_string(), "make one: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"")
    }
}

fn taken(reply: &Reply) -> Result<Destined, Trouble> {
    if (200..300).contains(&reply.status) { Ok(Destined::default()) } else { Err(refused(reply)) }
}

/// The same key, however often it is sent.
fn idempotency(parcel: &Parcel) -> (HeaderName, SecretString) {
    (HeaderName::from_static("idempotency-key"), SecretString::from(parcel.digest.id.clone()))
}

pub(super) async fn slack(reference: &SecretRef, parcel: &Parcel) -> Result<Destined, Trouble> {
    let body = json!({ "text": parcel.digest.chat() }).to_string();
    let url = address(reference)?;
    taken(&ask(Method::POST, url, vec![idempotency(parcel)], body.into_bytes(), parcel.proxy.clone()).await?)
}

/// The address, of which no message shows anything.
fn address(reference: &SecretRef) -> Result<Url, Trouble> {
    let text = secret(reference)?;
    let url = Url::parse(text.expose_secret().trim()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        Trouble::new(format!("{reference} holds no web address"), "put the incoming webhook's whole address there")
    })
}

pub(super) async fn signed(url: &Url, reference: &SecretRef, parcel: &Parcel) -> Result<Destined, Trouble> {
    let digest = &parcel.digest;
    let kind = if digest.is_test { "evidenced.test" } else { "evidenced.notices" };
    let body = json!({
        "schema": SCHEMA,
        "type": kind,
        "timestamp": seconds_text(parcel.made_at),
        "data": {
            "organisation": digest.organisation,
            "log": digest.log,
            "test": digest.is_test,
            "summary": digest.subject(),
            "notices": digest.told,
        },
    });
    let body = body.to_string().into_bytes();
    let mut headers = egress::signed(&secret(reference)?, &digest.id, Timestamp::now(), &body)?;
    headers.push(idempotency(parcel));
    taken(&ask(Method::POST, url.clone(), headers, body, parcel.proxy.clone()).await?)
}

/// Whether anybody answers at `url`: whatever the answer to a question that was not asked is.
async fn reach(url: Url, parcel: &Parcel) -> Result<String, Trouble> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let reply = ask(Method::GET, url, Vec::new(), Vec::new(), parcel.proxy.clone()).await?;
    match reply.status {
        500.. => Err(refused(&reply)),
        _ => Ok(format!(
            "{host} answers; `evidenced notify test {}` shows whether it takes messages",
            parcel.destination.name
        )),
    }
}

pub(super) async fn reach_slack(reference: &SecretRef, parcel: &Parcel) -> Result<String, Trouble> {
    reach(address(reference)?, parcel).await
}

pub(super) async fn reach_signed(url: &Url, reference: &SecretRef, parcel: &Parcel) -> Result<String, Trouble> {
    // a secret that signs nothing is found before anything is to be told
    egress::signed(&secret(reference)?, &parcel.digest.id, Timestamp::now(), b"{}")?;
    reach(url.clone(), parcel).await
}
