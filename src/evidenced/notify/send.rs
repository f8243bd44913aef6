//! Hands one message to one destination, and says whether it took it.

use super::compose::{Told, compose};
use super::words::Digest;
use super::{github, jira, mail, tickets, webhooks};
use crate::failure::Failure;
use crate::settings::{Destination, SecretRef, Settings, Way};
use bytes::Bytes;
use egress::{Delivery, PostError, Proxy, Reply};
use http::{HeaderName, Method};
use model::Timestamp;
use secrecy::SecretString;
use std::time::Duration;
use store::{MessageRow, Reader};
use url::Url;

/// Time for one request.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// Whom.
    pub(crate) destination: Destination,
    /// What.
    pub(super) digest: Digest,
    /// Who there, where it is not for all.
    pub(super) recipient: Option<String>,
    /// Whether it was tried before: it may have arrived.
    pub(super) again: bool,
    /// The ticket of its finding, where one is remembered.
    pub(super) ticket: Option<String>,
    /// When it was made.
    pub(super) made_at: Timestamp,
    /// The way out of the network.
    pub(super) proxy: Option<Proxy>,
}

/// What a destination did with a message that it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Destined {
    /// The finding and its ticket, to be remembered.
    pub(crate) ticket: Option<(String, String)>,
}

/// Why a destination did not take it. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What went wrong.
    pub(crate) problem: String,
    /// What mends it.
    pub(crate) help: String,
}

impl Trouble {
    pub(super) fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: help.into() }
    }
}

impl From<PostError> for Trouble {
    fn from(error: PostError) -> Self {
        Self::new(error.to_string(), "look whether it is up and this host may reach it; it is tried again by itself")
    }
}

/// The message `row`, in words.
pub(crate) fn parcel(
    settings: &Settings,
    reader: &Reader,
    destination: &Destination,
    row: &MessageRow,
) -> Result<Parcel, Failure> {
    let notices = reader.notices_of(&row.id)?;
    let told = notices.iter().map(|notice| compose(reader, notice, destination.personal_data)).collect();
    let ticket = match &row.recipient {
        Some(finding) if destination.is_tracker() => reader.ticket(&destination.name, finding)?,
        _ => None,
    };
    Ok(Parcel {
        destination: destination.clone(),
        digest: digest(settings, destination, row.id.clone(), told, false),
        recipient: row.recipient.clone(),
        again: row.attempts > 0,
        ticket,
        made_at: row.made_at,
        proxy: crate::line::proxy(settings)?,
    })
}

/// A message that says that it is a test.
pub(crate) fn trial(settings: &Settings, destination: &Destination, now: Timestamp) -> Result<Parcel, Failure> {
    let id = format!("test-{}", now.as_millisecond());
    let told = if destination.is_tracker() { vec![tickets::trial()] } else { Vec::new() };
    Ok(Parcel {
        destination: destination.clone(),
        recipient: destination.is_tracker().then(|| told[0].id.clone()),
        digest: digest(settings, destination, id, told, true),
        again: false,
        ticket: None,
        made_at: now,
        proxy: crate::line::proxy(settings)?,
    })
}

fn digest(settings: &Settings, destination: &Destination, id: String, told: Vec<Told>, is_test: bool) -> Digest {
    Digest {
        organisation: settings.organisation.name.clone(),
        log: settings.log.origin.clone(),
        id,
        told,
        personal: destination.personal_data,
        is_test,
    }
}

/// Sends it, once.
pub(crate) async fn send(parcel: &Parcel) -> Result<Destined, Trouble> {
    match &parcel.destination.way {
        Way::Smtp(smtp) => mail::send(smtp, parcel).await,
        Way::Slack { webhook_url } => webhooks::slack(webhook_url, parcel).await,
        Way::Webhook { url, secret } => webhooks::signed(url, secret, parcel).await,
        Way::GithubIssues(github) => tickets::follow(&github::Tracker::new(github, parcel)?, parcel).await,
        Way::Jira(jira) => tickets::follow(&jira::Tracker::new(jira, parcel)?, parcel).await,
    }
}

/// Whether it would be taken, as far as can be told without telling anything: in a sentence.
pub(crate) async fn reach(parcel: &Parcel) -> Result<String, Trouble> {
    match &parcel.destination.way {
        Way::Smtp(smtp) => mail::reach(smtp).await,
        Way::Slack { webhook_url } => webhooks::reach_slack(webhook_url, parcel).await,
        Way::Webhook { url, secret } => webhooks::reach_signed(url, secret, parcel).await,
        Way::GithubIssues(github) => github::Tracker::new(github, parcel)?.reach().await,
        Way::Jira(jira) => jira::Tracker::new(jira, parcel)?.reach().await,
    }
}

/// A secret, read now.
pub(super) fn secret(reference: &SecretRef) -> Result<SecretString, Trouble> {
    reference.resolve().map_err(|error| Trouble::new(error.to_string(), error.help()))
}

/// One request.
pub(super) async fn ask(
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, SecretString)>,
    body: Vec<u8>,
    proxy: Option<Proxy>,
) -> Result<Reply, Trouble> {
    Ok(egress::deliver(Delivery { method, url, headers, body: Bytes::from(body), deadline: PATIENCE, proxy }).await?)
}

/// What an answer that is no success means.
pub(super) fn refused(reply: &Reply) -> Trouble {
    let help = match reply.status {
        300..=399 => "it points elsewhere, and is not followed: write the address it points to into the configuration",
        401 | 403 => "look at the token, and at what it may do",
        404 | 410 => "look at the address, and whether it is still there",
        429 => "it is asked too often, and tried again by itself",
        500.. => "it is in trouble itself, and tried again by itself",
        _ => "look at what it says of requests it refuses",
    };
    Trouble::new(format!("it answered {}", reply.status), help)
}
