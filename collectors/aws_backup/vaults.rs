//! Vaults, what each holds, and which resources have a backup at all.

use super::Run;
use crate::provider::aws::{Page, call, instant, list, text};
use aws_sdk_backup::Client;
use aws_sdk_backup::types::{RecoveryPointByBackupVault, RecoveryPointStatus, VaultState, VaultType};
use model::CollectError;
use serde_json::{Value, json};

const PAGE_SIZE: i32 = 1000;

/// Reads every vault and its recovery points.
pub(super) async fn read(client: &Client, run: &mut Run) -> Result<(), CollectError> {
    const OPERATION: &str = "backup:ListBackupVaults";
    let vaults = list(OPERATION, |token| async move {
        let (answer, content) = call(OPERATION, |guard| {
            client
                .list_backup_vaults()
                .max_results(PAGE_SIZE)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let items = answer.backup_vault_list.unwrap_or_default();
        Ok((Page { items, truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    for vault in vaults {
        let Some(name) = vault.backup_vault_name() else {
            let message = "a vault without a name".to_owned();
            return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
        };
        let object = json!({
            "vault_name": name,
            "arn": text(vault.backup_vault_arn()),
            "vault_type": text(vault.vault_type().map(VaultType::as_str)),
            "vault_state": text(vault.vault_state().map(VaultState::as_str)),
            "created_at": instant(vault.creation_date()),
            "encryption_key_arn": text(vault.encryption_key_arn()),
            "recovery_points": vault.number_of_recovery_points(),
            "locked": vault.locked(),
            "min_retention_days": vault.min_retention_days(),
            "max_retention_days": vault.max_retention_days(),
            "lock_date": instant(vault.lock_date()),
        });
        run.add("aws_backup_vault", object)?;
        match recovery_points(client, name).await {
            Ok(points) => points.iter().try_for_each(|point| {
                let object = point_row(name, point)?;
                run.add("aws_backup_recovery_point", object)
            })?,
            Err(error @ CollectError::Misconfigured { .. }) => return Err(error),
            Err(error) => run.parts.note(name, &error, "aws_backup_recovery_point", &[]),
        }
    }
    Ok(())
}

const POINTS: &str = "backup:ListRecoveryPointsByBackupVault";

async fn recovery_points(client: &Client, vault: &str) -> Result<Vec<RecoveryPointByBackupVault>, CollectError> {
    list(POINTS, |token| async move {
        let (answer, content) = call(POINTS, |guard| {
            client
                .list_recovery_points_by_backup_vault()
                .backup_vault_name(vault)
                .max_results(PAGE_SIZE)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let items = answer.recovery_points.unwrap_or_default();
        Ok((Page { items, truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)
}

fn point_row(vault: &str, point: &RecoveryPointByBackupVault) -> Result<Value, CollectError> {
    let arn = point.recovery_point_arn().ok_or_else(|| CollectError::Malformed {
        operation: POINTS.to_owned(),
        message: "a recovery point without an ARN".to_owned(),
    })?;
    Ok(json!({
        "vault_name": vault,
        "recovery_point_arn": arn,
        "resource_arn": text(point.resource_arn()),
        "resource_type": text(point.resource_type()),
        "resource_name": text(point.resource_name()),
        "status": text(point.status().map(RecoveryPointStatus::as_str)),
        "status_message": text(point.status_message()),
        "created_at": instant(point.creation_date()),
        "completed_at": instant(point.completion_date()),
        "bytes": point.backup_size_in_bytes(),
        "delete_at": instant(point.calculated_lifecycle().and_then(|lifecycle| lifecycle.delete_at())),
        "encrypted": point.is_encrypted(),
        "last_restored_at": instant(point.last_restore_time()),
        "source_vault_arn": text(point.source_backup_vault_arn()),
        "parent_recovery_point_arn": text(point.parent_recovery_point_arn()),
        "plan_id": text(point.created_by().and_then(|creator| creator.backup_plan_id())),
    }))
}

/// Reads which resources have a recovery point.
pub(super) async fn protected_resources(client: &Client, run: &mut Run) -> Result<(), CollectError> {
    const OPERATION: &str = "backup:ListProtectedResources";
    let resources = list(OPERATION, |token| async move {
        let (answer, content) = call(OPERATION, |guard| {
            client
                .list_protected_resources()
                .max_results(PAGE_SIZE)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        Ok((Page { items: answer.results.unwrap_or_default(), truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    for resource in resources {
        let Some(arn) = resource.resource_arn() else {
            let message = "a protected resource without an ARN".to_owned();
            return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
        };
        let object = json!({
            "resource_arn": arn,
            "resource_type": text(resource.resource_type()),
            "resource_name": text(resource.resource_name()),
            "last_backup_at": instant(resource.last_backup_time()),
            "last_vault_arn": text(resource.last_backup_vault_arn()),
            "last_recovery_point_arn": text(resource.last_recovery_point_arn()),
        });
        run.add("aws_backup_protected_resource", object)?;
    }
    Ok(())
}
