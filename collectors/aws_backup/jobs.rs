//! Jobs: listed at once, then state by state, and compared.
//!
//! AWS counts jobs nowhere, so the second reading is the independent one: a page lost in either shows as a difference.
//! States are asked in the order in which a job passes through them, so that a job that moves on meanwhile is seen.

use super::Run;
use crate::provider::aws::{Failure, Page, call, instant, list, some, text};
use aws_sdk_backup::Client;
use aws_sdk_backup::types::{
    BackupJob, BackupJobState, CopyJob, CopyJobState, RestoreJobStatus, RestoreJobsListMember, RestoreValidationStatus,
};
use aws_smithy_types::DateTime;
use model::{CollectError, Count, Digest, Reason, ReasonCode, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Jobs in a page: the most AWS Backup gives.
const PAGE_SIZE: i32 = 1000;

/// The three kinds of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Backup,
    Copy,
    Restore,
}

impl Kind {
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Backup => "aws_backup_job",
            Self::Copy => "aws_backup_copy_job",
            Self::Restore => "aws_backup_restore_job",
        }
    }

    const fn operation(self) -> &'static str {
        match self {
            Self::Backup => "backup:ListBackupJobs",
            Self::Copy => "backup:ListCopyJobs",
            Self::Restore => "backup:ListRestoreJobs",
        }
    }

    /// Every state, in the order in which a job may pass through them.
    const fn states(self) -> &'static [&'static str] {
        match self {
            Self::Backup => {
                &["CREATED", "PENDING", "RUNNING", "ABORTING", "ABORTED", "COMPLETED", "FAILED", "EXPIRED", "PARTIAL"]
            }
            Self::Copy => &["CREATED", "RUNNING", "COMPLETED", "FAILED", "PARTIAL"],
            Self::Restore => &["PENDING", "RUNNING", "COMPLETED", "ABORTED", "FAILED"],
        }
    }
}

/// When the jobs that are read were created.
pub(super) struct Window {
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Window {
    fn since(&self) -> DateTime {
        DateTime::from_secs(self.since.as_second())
    }

    fn until(&self) -> DateTime {
        DateTime::from_secs(self.until.as_second())
    }
}

struct Job {
    id: String,
    state: String,
    row: Value,
}

/// Reads the jobs of one kind; what disagrees becomes a reason.
pub(super) async fn read(client: &Client, kind: Kind, window: &Window, run: &mut Run) -> Result<(), CollectError> {
    let Twice { mut jobs, mut by_state, mut strays } = both(client, kind, window).await?;
    if ids(&jobs) != by_state || !strays.is_empty() {
        // a job may have moved between the two readings; it does not do so twice, and what was seen once does not vanish
        let seen: BTreeSet<String> = ids(&jobs).union(&by_state).cloned().collect();
        Twice { jobs, by_state, strays } = both(client, kind, window).await?;
        by_state.extend(seen);
    }
    if !strays.is_empty() {
        let strays: Vec<&str> = strays.iter().map(String::as_str).collect();
        let message = format!("{} jobs came under a state that is not theirs: {}", strays.len(), some(&strays));
        run.reasons.push(Reason::new(ReasonCode::Malformed, message).table(kind.table()));
    }
    let at_once = ids(&jobs);
    if at_once != by_state {
        let one: Vec<&str> = at_once.symmetric_difference(&by_state).map(String::as_str).collect();
        let message = format!("{} jobs are in one of the two listings only: {}", one.len(), some(&one));
        run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(kind.table()));
    }
    run.counts.push(Count {
        table: kind.table().to_owned(),
        counted: at_once.len() as u64,
        declared: Some(by_state.len() as u64),
        declared_by: Some(format!("{} state by state", kind.operation())),
    });
    jobs.into_iter().try_for_each(|job| run.add(kind.table(), job.row))
}

/// One reading at once and one state by state.
struct Twice {
    jobs: Vec<Job>,
    /// Ids of the jobs listed state by state.
    by_state: BTreeSet<String>,
    /// Ids of jobs that were listed under another state than they say.
    strays: BTreeSet<String>,
}

async fn both(client: &Client, kind: Kind, window: &Window) -> Result<Twice, CollectError> {
    let jobs = listed(client, kind, window, None).await?;
    // a state AWS has come to use since this was written is asked for too
    let new: BTreeSet<&str> =
        jobs.iter().map(|job| job.state.as_str()).filter(|state| !kind.states().contains(state)).collect();
    let (mut by_state, mut strays) = (BTreeSet::new(), BTreeSet::new());
    for state in kind.states().iter().copied().chain(new) {
        for job in listed(client, kind, window, Some(state)).await? {
            if job.state != state {
                strays.insert(job.id.clone());
            }
            by_state.insert(job.id);
        }
    }
    Ok(Twice { jobs, by_state, strays })
}

fn ids(jobs: &[Job]) -> BTreeSet<String> {
    jobs.iter().map(|job| job.id.clone()).collect()
}

async fn listed(client: &Client, kind: Kind, window: &Window, state: Option<&str>) -> Result<Vec<Job>, CollectError> {
    let jobs = match kind {
        Kind::Backup => list(kind.operation(), |token| backup_page(client, window, state, token)).await,
        Kind::Copy => list(kind.operation(), |token| copy_page(client, window, state, token)).await,
        Kind::Restore => list(kind.operation(), |token| restore_page(client, window, state, token)).await,
    };
    jobs.map_err(|failure| failure.error)?
        .into_iter()
        .map(|job| job.ok_or_else(|| nameless(kind.operation())))
        .collect()
}

fn nameless(operation: &str) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message: "a job without an id or a state".to_owned() }
}

type Answer = Result<(Page<Option<Job>>, Digest), Failure>;

fn page(jobs: impl Iterator<Item = Option<Job>>, next: Option<String>) -> Page<Option<Job>> {
    Page { items: jobs.collect(), truncated: None, next }
}

/// One page of a listing of jobs: the three differ in the SDK's names for them and in nothing else.
macro_rules! job_page {
    ($name:ident, $kind:ident, $list:ident, $by_state:ident, $state:ident, $jobs:ident, $row:ident) => {
        async fn $name(client: &Client, window: &Window, state: Option<&str>, token: Option<String>) -> Answer {
            let (answer, content) = call(Kind::$kind.operation(), |guard| {
                client
                    .$list()
                    .max_results(PAGE_SIZE)
                    .by_created_after(window.since())
                    .by_created_before(window.until())
                    .$by_state(state.map($state::from))
                    .set_next_token(token)
                    .customize()
                    .interceptor(guard)
                    .send()
            })
            .await?;
            Ok((page(answer.$jobs.unwrap_or_default().iter().map($row), answer.next_token), content))
        }
    };
}

job_page!(backup_page, Backup, list_backup_jobs, set_by_state, BackupJobState, backup_jobs, backup_job);
job_page!(copy_page, Copy, list_copy_jobs, set_by_state, CopyJobState, copy_jobs, copy_job);
job_page!(restore_page, Restore, list_restore_jobs, set_by_status, RestoreJobStatus, restore_jobs, restore_job);

fn backup_job(job: &BackupJob) -> Option<Job> {
    let (id, state) = (job.backup_job_id()?, job.state()?.as_str());
    let creator = job.created_by();
    let row = json!({
        "job_id": id,
        "account_id": text(job.account_id()),
        "state": state,
        "status_message": text(job.status_message()),
        "message_category": text(job.message_category()),
        "resource_arn": text(job.resource_arn()),
        "resource_type": text(job.resource_type()),
        "resource_name": text(job.resource_name()),
        "vault_name": text(job.backup_vault_name()),
        "recovery_point_arn": text(job.recovery_point_arn()),
        "created_at": instant(job.creation_date()),
        "completed_at": instant(job.completion_date()),
        "bytes": job.backup_size_in_bytes(),
        "encrypted": (state == "COMPLETED").then_some(job.is_encrypted()),
        "plan_id": text(creator.and_then(|creator| creator.backup_plan_id())),
        "rule_id": text(creator.and_then(|creator| creator.backup_rule_id())),
        "parent_job_id": text(job.parent_job_id()),
        "is_parent": job.is_parent(),
    });
    Some(Job { id: id.to_owned(), state: state.to_owned(), row })
}

fn copy_job(job: &CopyJob) -> Option<Job> {
    let (id, state) = (job.copy_job_id()?, job.state()?.as_str());
    let row = json!({
        "job_id": id,
        "account_id": text(job.account_id()),
        "state": state,
        "status_message": text(job.status_message()),
        "message_category": text(job.message_category()),
        "resource_arn": text(job.resource_arn()),
        "resource_type": text(job.resource_type()),
        "resource_name": text(job.resource_name()),
        "source_vault_arn": text(job.source_backup_vault_arn()),
        "source_recovery_point_arn": text(job.source_recovery_point_arn()),
        "destination_vault_arn": text(job.destination_backup_vault_arn()),
        "destination_recovery_point_arn": text(job.destination_recovery_point_arn()),
        "created_at": instant(job.creation_date()),
        "completed_at": instant(job.completion_date()),
        "bytes": job.backup_size_in_bytes(),
        "plan_id": text(job.created_by().and_then(|creator| creator.backup_plan_id())),
        "parent_job_id": text(job.parent_job_id()),
    });
    Some(Job { id: id.to_owned(), state: state.to_owned(), row })
}

fn restore_job(job: &RestoreJobsListMember) -> Option<Job> {
    let (id, state) = (job.restore_job_id()?, job.status()?.as_str());
    let row = json!({
        "job_id": id,
        "account_id": text(job.account_id()),
        "state": state,
        "status_message": text(job.status_message()),
        "recovery_point_arn": text(job.recovery_point_arn()),
        "source_resource_arn": text(job.source_resource_arn()),
        "created_resource_arn": text(job.created_resource_arn()),
        "resource_type": text(job.resource_type()),
        "created_at": instant(job.creation_date()),
        "completed_at": instant(job.completion_date()),
        "bytes": job.backup_size_in_bytes(),
        "validation_status": text(job.validation_status().map(RestoreValidationStatus::as_str)),
        "restore_testing_plan_arn": text(job.created_by().and_then(|creator| creator.restore_testing_plan_arn())),
    });
    Some(Job { id: id.to_owned(), state: state.to_owned(), row })
}
