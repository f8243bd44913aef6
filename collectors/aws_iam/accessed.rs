//! Which services each user and role may use, and when it last did: a job that AWS runs for each of them.
//!
//! Two calls and more for every principal, so only where the settings ask for it. A principal whose job fails is left out
//! and named; it never looks like one that used nothing.

use super::Facts;
use crate::provider::aws::{Failure, Page, Parts, call, instant, list, text};
use aws_sdk_iam::Client;
use aws_sdk_iam::operation::get_service_last_accessed_details::GetServiceLastAccessedDetailsOutput;
use aws_sdk_iam::types::{JobStatusType, ServiceLastAccessed};
use egress::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{CollectError, Digest, Reason};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const GENERATE: &str = "iam:GenerateServiceLastAccessedDetails";
const GET: &str = "iam:GetServiceLastAccessedDetails";

/// Jobs waited for at once; egress bounds the calls themselves.
const SIDE_BY_SIDE: usize = 8;

/// How often one job is asked about: after one second, two more, three more. Most take a second or two.
const POLLS: u64 = 12;

/// How long a run may take that asks about everybody.
pub(super) const DEADLINE: Duration = Duration::from_hours(1);

const COLUMNS: &[&str] = &["services_allowed", "services_accessed", "service_last_accessed_at"];

/// Who is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    User,
    Role,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
        }
    }
}

/// A user or a role by name.
type Principal = (Kind, String);

/// The services each principal may use, as AWS lists them.
pub(super) type Accessed = BTreeMap<Principal, Result<Vec<ServiceLastAccessed>, CollectError>>;

/// Asks about every user and every role. Fails as a whole only when the credential died.
pub(super) async fn read(ctx: &Context, iam: &Client, facts: &Facts) -> Result<Accessed, CollectError> {
    let users = facts.users.iter().map(|user| ((Kind::User, user.user_name().to_owned()), user.arn().to_owned()));
    let roles = facts.details.iter().flat_map(|details| &details.roles).filter_map(|(name, role)| {
        let arn = role.detail.arn().filter(|arn| !arn.is_empty())?;
        Some(((Kind::Role, name.clone()), arn.to_owned()))
    });
    let principals: Vec<(Principal, String)> = users.chain(roles).collect();
    stream::iter(principals)
        .map(|(principal, arn)| read_one(ctx, iam, principal, arn))
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await
}

async fn read_one(
    ctx: &Context,
    iam: &Client,
    principal: Principal,
    arn: String,
) -> Result<(Principal, Result<Vec<ServiceLastAccessed>, CollectError>), CollectError> {
    match services(ctx, iam, &arn).await.map_err(|failure| failure.error) {
        Err(error @ CollectError::Misconfigured { .. }) => Err(error),
        answer => Ok((principal, answer)),
    }
}

async fn services(ctx: &Context, iam: &Client, arn: &str) -> Result<Vec<ServiceLastAccessed>, Failure> {
    let (answer, _) = call(GENERATE, |guard| {
        iam.generate_service_last_accessed_details().arn(arn).customize().interceptor(guard).send()
    })
    .await?;
    let job = answer.job_id().unwrap_or_default();
    let mut first = Some(finished(ctx, iam, job).await?);
    let services = list(GET, |marker| {
        let ready = first.take();
        async move {
            if let Some(page) = ready {
                return Ok(page);
            }
            let answer = ask(iam, job, marker).await?;
            // a job that is done stays so: another word would be a page that lists nothing
            if *answer.0.job_status() == JobStatusType::Completed { Ok(page(answer)) } else { Err(undone(&answer.0)) }
        }
    })
    .await?;
    // AWS says twice whether a service was used: when, and by how many
    let used = |service: &ServiceLastAccessed| service.total_authenticated_entities().unwrap_or_default() > 0;
    let strange = |service: &&ServiceLastAccessed| {
        service.service_namespace().is_empty() || used(service) != service.last_authenticated().is_some()
    };
    if let Some(service) = services.iter().find(strange) {
        let message = format!("of `{}` it is not clear what it is or whether it was used", service.service_namespace());
        return Err(malformed(message));
    }
    Ok(services)
}

/// The first page of a job, once it is done.
async fn finished(ctx: &Context, iam: &Client, job: &str) -> Result<(Page<ServiceLastAccessed>, Digest), Failure> {
    for poll in 1..=POLLS {
        let (answer, content) = ask(iam, job, None).await?;
        match answer.job_status() {
            JobStatusType::Completed => return Ok(page((answer, content))),
            JobStatusType::InProgress => {}
            _ => return Err(undone(&answer)),
        }
        // a recording answers at once
        if !ctx.egress.is_replay() {
            tokio::time::sleep(Duration::from_secs(poll)).await;
        }
    }
    let message = format!("AWS had not finished the job after {POLLS} requests");
    Err(Failure { error: CollectError::Transient { operation: GET.to_owned(), message }, code: None })
}

fn undone(answer: &GetServiceLastAccessedDetailsOutput) -> Failure {
    let said = answer.error().map(|error| format!(": {}: {}", error.code(), error.message())).unwrap_or_default();
    malformed(format!("the job is {}{said}", answer.job_status().as_str()))
}

fn malformed(message: String) -> Failure {
    Failure { error: CollectError::Malformed { operation: GET.to_owned(), message }, code: None }
}

type Answer = (GetServiceLastAccessedDetailsOutput, Digest);

async fn ask(iam: &Client, job: &str, marker: Option<String>) -> Result<Answer, Failure> {
    call(GET, |guard| {
        iam.get_service_last_accessed_details().job_id(job).set_marker(marker).customize().interceptor(guard).send()
    })
    .await
}

fn page((answer, content): Answer) -> (Page<ServiceLastAccessed>, Digest) {
    let truncated = Some(answer.is_truncated);
    (Page { items: answer.services_last_accessed, truncated, next: answer.marker }, content)
}

/// Adds what is known of a principal to its row.
pub(super) fn complete(accessed: &Accessed, kind: Kind, name: &str, row: &mut Value) {
    let Some(Ok(services)) = accessed.get(&(kind, name.to_owned())) else { return };
    let used: Vec<String> = services
        .iter()
        .filter_map(|service| instant(service.last_authenticated()).as_str().map(str::to_owned))
        .collect();
    row["services_allowed"] = json!(services.len());
    row["services_accessed"] = json!(used.len());
    row["service_last_accessed_at"] = json!(used.iter().max());
}

/// A row for every service that somebody did use.
pub(super) fn rows(accessed: &Accessed) -> impl Iterator<Item = Value> {
    accessed.iter().flat_map(|((kind, name), services)| {
        let used = services.iter().flatten().filter(|service| !instant(service.last_authenticated()).is_null());
        used.map(move |service| {
            json!({
                "principal_kind": kind.word(),
                "principal": name,
                "service": service.service_namespace(),
                "service_name": text(Some(service.service_name())),
                "last_accessed_at": instant(service.last_authenticated()),
                "last_accessed_region": text(service.last_authenticated_region()),
            })
        })
    })
}

/// Why something is not known of somebody.
pub(super) fn reasons(accessed: &Accessed) -> impl Iterator<Item = Reason> {
    let mut parts = Parts::default();
    for ((kind, name), services) in accessed {
        if let Err(error) = services {
            let table = match kind {
                Kind::User => "aws_iam_user",
                Kind::Role => "aws_iam_role",
            };
            parts.note(name, error, table, COLUMNS);
            parts.note(name, error, "aws_iam_service_access", &[]);
        }
    }
    parts.reasons()
}
