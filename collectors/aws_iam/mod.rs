//! AWS IAM: the users of one account, how each may sign in, and what each is granted.
//!
//! A handful of bulk calls whatever the number of users; calls per user only where `detail = "per_user"` asks for what
//! no bulk call tells, and of whom nothing else says that they can act. It decides nothing about anybody: who must have MFA, or may be an administrator, is for checks.

mod accessed;
mod agreement;
mod grants;
mod member;
mod other;
mod policy;
mod read;
mod report;
mod rows;

use crate::provider::aws::{Aws, AwsSettings, Service, query_operation, reason_of};
use crate::settings::typed;
use egress::{Collector, Context, Policy};
use jiff::SignedDuration;
use model::{CollectError, CollectorSpec, Completeness, Observation, Reason, ReasonCode, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The collector.
pub(crate) struct AwsIam;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const BASIS: &str = "the last page of every listing was marked as such by AWS; the users listed, the rows of the credential report without root, the users of the authorisation details and the account summary's own count agree; groups, roles, customer policies and MFA devices in use are those AWS tells of elsewhere";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Detail {
    Bulk,
    PerUser,
}

#[derive(Debug, Deserialize)]
struct Settings {
    detail: Detail,
    last_accessed: bool,
    other_credentials: bool,
}

#[async_trait::async_trait]
impl Collector for AwsIam {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &serde_json::Value) -> Result<Policy, CollectError> {
        let own = typed::<Settings>(&SPEC, settings)?;
        let policy = typed::<AwsSettings>(&SPEC, settings)?.policy(Service::Iam, &SPEC)?;
        Ok(if own.last_accessed { Policy { deadline: accessed::DEADLINE, ..policy } } else { policy })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let Settings { detail, last_accessed, other_credentials } = typed::<Settings>(&SPEC, &ctx.settings)?;
        let settings = typed::<AwsSettings>(&SPEC, &ctx.settings)?;
        let aws = Aws::connect(ctx, settings, |_, _, _, body| query_operation(body).unwrap_or_default()).await?;
        let caller = aws.caller().await?;
        let iam = aws_sdk_iam::Client::new(&aws.config);

        let users = read::users(&iam).await?;
        let mut missing = Missing::default();
        let summary = missing.unless(read::summary(&iam).await, &SUMMARY)?;
        let report = missing.unless(report::read(ctx, &iam).await, &REPORT)?;
        let details = missing.unless(grants::read(&iam).await, &AUTHORIZATION)?;
        let roles = missing.unless(read::roles(&iam).await, &ROLES)?;
        let devices = missing.unless(read::virtual_mfa_devices(&iam).await, &DEVICES)?;
        let password_policy = missing.unless(read::password_policy(&iam).await, &PASSWORD_POLICY)?;
        let service_credentials = if other_credentials {
            missing.unless(other::service_credentials(&iam).await, &SERVICE_CREDENTIALS)?
        } else {
            None
        };
        let members = match detail {
            Detail::Bulk => BTreeMap::new(),
            Detail::PerUser => member::read(&iam, &users).await?,
        };

        let mut facts = Facts {
            account_id: aws.settings.account_id.clone(),
            users,
            summary,
            report,
            details,
            roles,
            devices,
            password_policy,
            members,
            service_credentials,
            ssh_keys: other::SshKeys::new(),
            accessed: accessed::Accessed::new(),
        };
        facts.ssh_keys = other::ssh_keys(&iam, &facts).await?;
        if last_accessed {
            facts.accessed = accessed::read(ctx, &iam, &facts).await?;
        }
        let mut reasons = missing.reasons;
        let counts = agreement::compare(&facts, &mut reasons);
        let tables = rows::tables(&SPEC, &mut facts, &mut reasons)?;
        let observed_at = observed_at(ctx, &facts, aws.settings.endpoint_url.is_some(), &mut reasons);
        let mut observation = Observation {
            tables,
            completeness: Completeness::from_reasons(BASIS, reasons),
            counts,
            caller: Some(caller),
            observed_at,
            redactions: ctx.egress.redactions(),
        };
        observation.settle();
        Ok(observation)
    }
}

/// How old a report AWS ever gives: it makes a new one after four hours. An hour of grace covers a long run.
const OLDEST_REPORT: SignedDuration = SignedDuration::from_hours(5);

/// Since when the state described is known: the report's own time, which is older than the listings beside it.
///
/// A report older than AWS ever gives is not AWS's word of now. A compatible service (moto dates every report to 2015)
/// is not held to that promise: its state is as old as its answers, and `report_generated_at` keeps what it said.
fn observed_at(ctx: &Context, facts: &Facts, compatible: bool, reasons: &mut Vec<Reason>) -> Option<Timestamp> {
    let answered_at = ctx.egress.last_answer_date();
    let Some(generated_at) = facts.report.as_ref().and_then(|report| report.generated_at) else { return answered_at };
    if answered_at.unwrap_or(ctx.started_at).duration_since(generated_at) <= OLDEST_REPORT {
        return Some(generated_at);
    }
    if compatible {
        return answered_at;
    }
    let message =
        format!("the credential report was made at {generated_at}: AWS gives none that is older than 4 hours");
    reasons.push(Reason::new(ReasonCode::Malformed, message).table("aws_iam_user").columns(REPORT_COLUMNS));
    Some(generated_at)
}

/// Everything one run read, before it becomes tables. `None`: that call gave no answer, and a reason says so.
struct Facts {
    account_id: String,
    users: Vec<aws_sdk_iam::types::User>,
    summary: Option<read::Summary>,
    report: Option<report::Report>,
    details: Option<grants::Details>,
    /// Names of the roles, listed apart from their details.
    roles: Option<BTreeSet<String>>,
    devices: Option<read::Devices>,
    password_policy: Option<read::PasswordPolicy>,
    members: BTreeMap<String, member::Member>,
    /// None, too, where the settings do not ask for it.
    service_credentials: Option<other::ServiceCredentials>,
    /// Of whom nothing else says that they can act.
    ssh_keys: other::SshKeys,
    /// Empty where the settings do not ask for it.
    accessed: accessed::Accessed,
}

/// What is *not reported* when a call fails.
struct Feeds {
    tables: &'static [&'static str],
    columns: &'static [&'static str],
}

const SUMMARY: [Feeds; 2] = [
    Feeds { tables: &["aws_iam_account_summary"], columns: &[] },
    Feeds { tables: &["aws_iam_root"], columns: &["mfa_active", "access_keys_present", "password_present"] },
];

/// Columns of a user that only the credential report tells.
const REPORT_COLUMNS: &[&str] = &[
    "password_enabled",
    "password_last_changed_at",
    "password_next_rotation_at",
    "mfa_active",
    "access_key_1_active",
    "access_key_2_active",
    "cert_1_active",
    "cert_2_active",
    "report_generated_at",
];

const REPORT: [Feeds; 3] = [
    Feeds { tables: &["aws_iam_user"], columns: REPORT_COLUMNS },
    Feeds { tables: &["aws_iam_access_key"], columns: &[] },
    Feeds { tables: &["aws_iam_root"], columns: &["created_at", "password_last_used_at", "access_key_last_used_at"] },
];

/// Columns of a user that only the authorisation details tell.
const AUTHORIZATION_COLUMNS: &[&str] = &[
    "tags",
    "groups",
    "attached_policies",
    "inline_policies",
    "permissions_boundary",
    "is_administrator",
    "administrator_reason",
];

const AUTHORIZATION: [Feeds; 2] = [
    Feeds { tables: &["aws_iam_user"], columns: AUTHORIZATION_COLUMNS },
    Feeds {
        tables: &["aws_iam_group", "aws_iam_group_member", "aws_iam_attached_policy", "aws_iam_policy", "aws_iam_role"],
        columns: &[],
    },
];

const ROLES: [Feeds; 1] = [Feeds { tables: &["aws_iam_role"], columns: &[] }];

const DEVICES: [Feeds; 1] = [Feeds { tables: &["aws_iam_mfa_device"], columns: &[] }];

const SERVICE_CREDENTIALS: [Feeds; 3] = [
    Feeds { tables: &["aws_iam_user"], columns: &["service_credentials_active", "ssh_keys_active"] },
    Feeds { tables: &["aws_iam_service_credential"], columns: &[] },
    Feeds { tables: &["aws_iam_ssh_public_key"], columns: &[] },
];

const PASSWORD_POLICY: [Feeds; 1] = [Feeds { tables: &["aws_iam_password_policy"], columns: &[] }];

/// Collects why parts of the account were not seen.
#[derive(Default)]
struct Missing {
    reasons: Vec<Reason>,
}

impl Missing {
    /// The answer; or nothing and a reason for all it feeds. A dead credential ends the run instead.
    fn unless<T>(&mut self, answer: Result<T, CollectError>, feeds: &[Feeds]) -> Result<Option<T>, CollectError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error @ CollectError::Misconfigured { .. }) => Err(error),
            Err(error) => {
                self.reasons.extend(feeds.iter().map(|feed| reason_of(&error, feed.tables, feed.columns)));
                Ok(None)
            }
        }
    }
}
