//! AWS Backup: which backup, copy and restore jobs ran in one account and region, and what could be restored today, by
//! AWS Backup or from snapshots that RDS and EBS keep themselves.
//!
//! It decides nothing: whether a failed job was made good, or a plan keeps long enough, is for checks.

mod jobs;
mod plans;
mod snapshots;
mod vaults;

use crate::provider::aws::{Aws, AwsSettings, Parts, Service, query_operation, reason_of};
use crate::provider::rows::{push, row, table};
use crate::settings::typed;
use egress::{Collector, Context, Policy};
use jobs::Kind;
use model::time::{before, parse_duration};
use model::{CollectError, CollectorSpec, Completeness, Count, Observation, Reason, Table, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The collector.
pub(crate) struct AwsBackup;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const BASIS: &str = "every listing ended where AWS gave no further token; the jobs and snapshots listed part by part are those listed at once";

/// AWS lists jobs of the last 30 days and no older ones: asking for more would look like more and be the same.
const LONGEST_LOOKBACK_HOURS: i64 = 30 * 24;

#[derive(Debug, Deserialize)]
struct Settings {
    lookback: String,
    snapshots: bool,
}

impl Settings {
    /// When the look-back of a run that started at `started_at` begins.
    fn since(&self, started_at: Timestamp) -> Result<Timestamp, CollectError> {
        let wrong = |message: String| CollectError::Misconfigured {
            message,
            help: "write `lookback` as a duration of at most 30 days: `30d`".to_owned(),
        };
        let lookback = parse_duration(&self.lookback).map_err(|error| wrong(error.to_string()))?;
        if lookback.is_zero() || lookback.as_hours() > LONGEST_LOOKBACK_HOURS {
            return Err(wrong(format!("a look-back of `{}` is beyond what AWS Backup lists", self.lookback)));
        }
        Ok(before(started_at, lookback))
    }
}

#[async_trait::async_trait]
impl Collector for AwsBackup {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let own = typed::<Settings>(&SPEC, settings)?;
        own.since(Timestamp::UNIX_EPOCH)?;
        let aws = typed::<AwsSettings>(&SPEC, settings)?;
        let mut policy = aws.policy(Service::Backup, &SPEC)?;
        if own.snapshots {
            for service in snapshots::SERVICES {
                policy.origins.push(aws.endpoint(service)?);
            }
        }
        Ok(policy)
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings = typed::<Settings>(&SPEC, &ctx.settings)?;
        let since = settings.since(ctx.started_at)?;
        let aws = Aws::connect(ctx, typed::<AwsSettings>(&SPEC, &ctx.settings)?, operation_of).await?;
        let caller = aws.caller().await?;
        let client = aws_sdk_backup::Client::new(&aws.config);
        let window = jobs::Window { since, until: ctx.started_at };

        let mut run = Run::new(aws.settings.clone());
        for kind in [Kind::Backup, Kind::Copy, Kind::Restore] {
            let listed = jobs::read(&client, kind, &window, &mut run).await;
            run.unless(listed, &[kind.table()])?;
        }
        let listed = plans::read(&client, &mut run).await;
        run.unless(listed, &["aws_backup_plan", "aws_backup_plan_rule", "aws_backup_selection"])?;
        let listed = vaults::protected_resources(&client, &mut run).await;
        run.unless(listed, &["aws_backup_protected_resource"])?;
        let listed = vaults::read(&client, &mut run).await;
        run.unless(listed, &["aws_backup_vault", "aws_backup_recovery_point"])?;
        if settings.snapshots {
            snapshots::read(ctx, &aws, &mut run).await?;
        }

        // refused everywhere is not an account without backups
        if !run.answered
            && let Some(error) = run.first_error
        {
            return Err(error);
        }
        run.reasons.extend(run.parts.reasons());
        let mut observation = Observation {
            tables: SPEC.tables.iter().filter_map(|declared| run.tables.remove(declared.name.as_str())).collect(),
            completeness: Completeness::from_reasons(BASIS, run.reasons),
            counts: run.counts,
            caller: Some(caller),
            observed_at: ctx.egress.last_answer_date(),
            redactions: ctx.egress.redactions(),
        };
        observation.settle();
        Ok(observation)
    }
}

/// What a run has gathered so far.
struct Run {
    settings: AwsSettings,
    tables: BTreeMap<&'static str, Table>,
    counts: Vec<Count>,
    reasons: Vec<Reason>,
    parts: Parts,
    answered: bool,
    first_error: Option<CollectError>,
}

impl Run {
    fn new(settings: AwsSettings) -> Self {
        let tables =
            SPEC.tables.iter().map(|declared| (declared.name.as_str(), table(&SPEC, &declared.name))).collect();
        Self {
            settings,
            tables,
            counts: Vec::new(),
            reasons: Vec::new(),
            parts: Parts::default(),
            answered: false,
            first_error: None,
        }
    }

    fn add(&mut self, name: &str, object: Value) -> Result<(), CollectError> {
        match self.tables.get_mut(name) {
            Some(table) => push(table, row(object)),
            None => Ok(()),
        }
    }

    /// Keeps why a listing that feeds `tables` failed. A dead credential ends the run instead.
    fn unless(&mut self, listed: Result<(), CollectError>, tables: &[&str]) -> Result<(), CollectError> {
        match listed {
            Ok(()) => self.answered = true,
            Err(error @ CollectError::Misconfigured { .. }) => return Err(error),
            Err(error) => {
                self.reasons.push(reason_of(&error, tables, &[]));
                self.first_error.get_or_insert(error);
            }
        }
        Ok(())
    }
}

/// Names the call of a request: STS by its form, AWS Backup by its path.
fn operation_of(method: &str, path: &str, _: &str, body: &str) -> String {
    match method {
        "GET" => {}
        "POST" => return query_operation(body).unwrap_or_default(),
        _ => return format!("{method} {path}"),
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let call = match parts.as_slice() {
        ["backup-jobs"] => "ListBackupJobs",
        ["copy-jobs"] => "ListCopyJobs",
        ["restore-jobs"] => "ListRestoreJobs",
        ["backup", "plans"] => "ListBackupPlans",
        ["backup", "plans", _] => "GetBackupPlan",
        ["backup", "plans", _, "selections"] => "ListBackupSelections",
        ["backup", "plans", _, "selections", _] => "GetBackupSelection",
        ["resources"] => "ListProtectedResources",
        ["backup-vaults"] => "ListBackupVaults",
        ["backup-vaults", _, "recovery-points"] => "ListRecoveryPointsByBackupVault",
        _ => return format!("{method} {path}"),
    };
    format!("backup:{call}")
}

#[cfg(test)]
mod tests {
    use super::{SPEC, Settings, operation_of};
    use model::Timestamp;

    #[test]
    fn every_path_names_an_operation_that_is_declared() {
        for path in [
            "/backup-jobs/",
            "/copy-jobs",
            "/restore-jobs/",
            "/backup/plans/",
            "/backup/plans/p1/",
            "/backup/plans/p1/selections/",
            "/backup/plans/p1/selections/s1",
            "/resources/",
            "/backup-vaults/",
            "/backup-vaults/Default/recovery-points/",
        ] {
            let operation = operation_of("GET", path, "", "");
            assert!(SPEC.operation(&operation).is_some(), "{path}: {operation}");
        }
        assert!(SPEC.operation(&operation_of("GET", "/supported-resource-types", "", "")).is_none());
        assert!(SPEC.operation(&operation_of("DELETE", "/backup/plans/p1", "", "")).is_none());
    }

    #[test]
    fn a_look_back_beyond_what_aws_lists_is_refused() {
        let since =
            |lookback: &str| Settings { lookback: lookback.to_owned(), snapshots: false }.since(Timestamp::UNIX_EPOCH);
        assert!(since("30d").is_ok());
        for lookback in ["31d", "0d", "a month", "30"] {
            assert_eq!(since(lookback).unwrap_err().kind(), "misconfigured", "{lookback}");
        }
    }
}
