//! Plans, their rules and what they are assigned to.

use super::Run;
use crate::provider::aws::{Page, call, instant, list, text};
use aws_sdk_backup::Client;
use aws_sdk_backup::types::{
    BackupRule, BackupSelection, BackupSelectionsListMember, ConditionParameter, CopyAction, Lifecycle,
};
use model::CollectError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PAGE_SIZE: i32 = 1000;

/// Reads every plan; a plan whose rules or assignments cannot be read stays, and a reason names it.
pub(super) async fn read(client: &Client, run: &mut Run) -> Result<(), CollectError> {
    const OPERATION: &str = "backup:ListBackupPlans";
    let plans = list(OPERATION, |token| async move {
        let (answer, content) = call(OPERATION, |guard| {
            client
                .list_backup_plans()
                .max_results(PAGE_SIZE)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let items = answer.backup_plans_list.unwrap_or_default();
        Ok((Page { items, truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    for plan in plans {
        let Some(id) = plan.backup_plan_id() else {
            let message = "a plan without an id".to_owned();
            return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
        };
        let name = plan.backup_plan_name().unwrap_or(id);
        let object = json!({
            "plan_id": id,
            "plan_name": name,
            "arn": text(plan.backup_plan_arn()),
            "version_id": text(plan.version_id()),
            "created_at": instant(plan.creation_date()),
            "last_executed_at": instant(plan.last_execution_date()),
        });
        run.add("aws_backup_plan", object)?;
        match rules(client, id).await {
            Ok(rules) => rules.iter().try_for_each(|rule| {
                let object = rule_row(run, id, rule);
                run.add("aws_backup_plan_rule", object)
            })?,
            Err(error @ CollectError::Misconfigured { .. }) => return Err(error),
            Err(error) => run.parts.note(name, &error, "aws_backup_plan_rule", &[]),
        }
        match selections(client, id).await {
            Ok(selections) => {
                for selection in selections {
                    add_selection(client, run, id, &selection).await?;
                }
            }
            Err(error @ CollectError::Misconfigured { .. }) => return Err(error),
            Err(error) => run.parts.note(name, &error, "aws_backup_selection", &[]),
        }
    }
    Ok(())
}

async fn rules(client: &Client, plan: &str) -> Result<Vec<BackupRule>, CollectError> {
    const OPERATION: &str = "backup:GetBackupPlan";
    let (answer, _) =
        call(OPERATION, |guard| client.get_backup_plan().backup_plan_id(plan).customize().interceptor(guard).send())
            .await
            .map_err(|failure| failure.error)?;
    let rules = answer.backup_plan.map(|plan| plan.rules).unwrap_or_default();
    if rules.is_empty() || rules.iter().any(|rule| rule.rule_name().is_empty()) {
        let message = "a plan without rules, or a rule without a name".to_owned();
        return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
    }
    Ok(rules)
}

fn rule_row(run: &Run, plan: &str, rule: &BackupRule) -> Value {
    let destinations: BTreeSet<&str> =
        rule.copy_actions().iter().map(CopyAction::destination_backup_vault_arn).collect();
    // arn:aws:backup:<region>:<account>:backup-vault:<name>
    let elsewhere = |part: usize, here: &str| destinations.iter().any(|arn| arn.split(':').nth(part) != Some(here));
    json!({
        "plan_id": plan,
        "rule_id": rule.rule_id().unwrap_or(rule.rule_name()),
        "rule_name": rule.rule_name(),
        "schedule": text(rule.schedule_expression()),
        "timezone": text(rule.schedule_expression_timezone()),
        "target_vault": text(Some(rule.target_backup_vault_name())),
        "retention_days": rule.lifecycle().and_then(Lifecycle::delete_after_days),
        "cold_storage_after_days": rule.lifecycle().and_then(Lifecycle::move_to_cold_storage_after_days),
        "continuous": rule.enable_continuous_backup(),
        "copy_destinations": destinations,
        "cross_region": elsewhere(3, &run.settings.region),
        "cross_account": elsewhere(4, &run.settings.account_id),
        "start_window_minutes": rule.start_window_minutes(),
        "completion_window_minutes": rule.completion_window_minutes(),
    })
}

async fn selections(client: &Client, plan: &str) -> Result<Vec<BackupSelectionsListMember>, CollectError> {
    const OPERATION: &str = "backup:ListBackupSelections";
    list(OPERATION, |token| async move {
        let (answer, content) = call(OPERATION, |guard| {
            client
                .list_backup_selections()
                .backup_plan_id(plan)
                .max_results(PAGE_SIZE)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let items = answer.backup_selections_list.unwrap_or_default();
        Ok((Page { items, truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)
}

async fn add_selection(
    client: &Client,
    run: &mut Run,
    plan: &str,
    listed: &BackupSelectionsListMember,
) -> Result<(), CollectError> {
    const OPERATION: &str = "backup:GetBackupSelection";
    let Some(id) = listed.selection_id() else {
        let message = "an assignment without an id".to_owned();
        return Err(CollectError::Malformed { operation: "backup:ListBackupSelections".to_owned(), message });
    };
    let answer = call(OPERATION, |guard| {
        client.get_backup_selection().backup_plan_id(plan).selection_id(id).customize().interceptor(guard).send()
    })
    .await;
    let selection = match answer {
        Ok((answer, _)) => answer.backup_selection,
        Err(failure) if matches!(failure.error, CollectError::Misconfigured { .. }) => return Err(failure.error),
        Err(failure) => {
            let name = listed.selection_name().unwrap_or(id);
            let columns = &["resources", "not_resources", "tags", "conditions"];
            run.parts.note(name, &failure.error, "aws_backup_selection", columns);
            None
        }
    };
    let selection = selection.as_ref();
    let object = json!({
        "plan_id": plan,
        "selection_id": id,
        "selection_name": text(listed.selection_name()),
        "role_arn": text(listed.iam_role_arn()),
        "created_at": instant(listed.creation_date()),
        "resources": selection.map(|selection| selection.resources().iter().collect::<BTreeSet<_>>()),
        "not_resources": selection.map(|selection| selection.not_resources().iter().collect::<BTreeSet<_>>()),
        "tags": selection.map(tags),
        "conditions": selection.map(conditions),
    });
    run.add("aws_backup_selection", object)
}

fn tags(selection: &BackupSelection) -> Vec<Value> {
    let tags = selection.list_of_tags().iter();
    tags.map(|tag| json!({ "key": tag.condition_key(), "value": tag.condition_value() })).collect()
}

fn conditions(selection: &BackupSelection) -> Value {
    let pairs = |parameters: &[ConditionParameter]| -> Vec<Value> {
        let parameters = parameters.iter();
        parameters.map(|one| json!({ "key": one.condition_key(), "value": one.condition_value() })).collect()
    };
    let Some(conditions) = selection.conditions() else { return json!({}) };
    json!({
        "string_equals": pairs(conditions.string_equals()),
        "string_not_equals": pairs(conditions.string_not_equals()),
        "string_like": pairs(conditions.string_like()),
        "string_not_like": pairs(conditions.string_not_like()),
    })
}
