-- AWS Backup -> the vocabulary. Every column of the source tables stays queryable under its own name.

-- Jobs of all three kinds; `state` in AWS's words, lower case.
INSERT INTO backup_job (source, system, job_id, resource, kind, state, started_at, finished_at, bytes, message)
SELECT _source, _source, job_id, resource_arn, 'backup', lower(state), created_at, completed_at, bytes,
       -- the console's "completed with issues"
       CASE WHEN status_message IS NOT NULL THEN status_message
            WHEN message_category <> 'SUCCESS' THEN message_category END
  FROM aws_backup_job;

INSERT INTO backup_job (source, system, job_id, resource, kind, state, started_at, finished_at, bytes, message)
SELECT _source, _source, job_id, resource_arn, 'copy', lower(state), created_at, completed_at, bytes,
       CASE WHEN status_message IS NOT NULL THEN status_message
            WHEN message_category <> 'SUCCESS' THEN message_category END
  FROM aws_backup_copy_job;

INSERT INTO backup_job (source, system, job_id, resource, kind, state, started_at, finished_at, bytes, message)
SELECT _source, _source, job_id, source_resource_arn, 'restore', lower(state), created_at, completed_at, bytes,
       CASE WHEN validation_status = 'FAILED' THEN coalesce(status_message || '; ', '') || 'validation failed'
            ELSE status_message END
  FROM aws_backup_restore_job;

-- What could be restored today: complete recovery points. A copy elsewhere counts when its copy job says it is there.
INSERT INTO backup_point (source, system, resource, point_id, created_at, expires_at, encrypted, locked, copies)
SELECT point._source, point._source, point.resource_arn, point.recovery_point_arn, point.created_at, point.delete_at,
       point.encrypted, vault.locked,
       coalesce(copied.copies, json_array())
  FROM aws_backup_recovery_point AS point
  LEFT JOIN aws_backup_vault AS vault
    ON vault._snapshot = point._snapshot AND vault.vault_name = point.vault_name
  LEFT JOIN (SELECT _snapshot, source_recovery_point_arn, json_group_array(destination_recovery_point_arn) AS copies
               FROM (SELECT DISTINCT _snapshot, source_recovery_point_arn, destination_recovery_point_arn
                       FROM aws_backup_copy_job
                      WHERE state = 'COMPLETED' AND destination_recovery_point_arn IS NOT NULL
                      ORDER BY destination_recovery_point_arn)
              GROUP BY _snapshot, source_recovery_point_arn) AS copied
    ON copied._snapshot = point._snapshot AND copied.source_recovery_point_arn = point.recovery_point_arn
 WHERE point.status IN ('COMPLETED', 'AVAILABLE');

-- A row for every rule of a plan and every resource or pattern assigned to it; a plan that is assigned by tags alone,
-- or to nothing, has its rules without a resource.
INSERT INTO backup_plan (source, system, plan, resource, frequency, retention_days, cross_region, vault_locked)
SELECT plan._source, plan._source, plan.plan_name || '/' || rule.rule_name, chosen.resource,
       coalesce(rule.schedule, CASE WHEN rule.continuous THEN 'continuous' END), rule.retention_days,
       rule.cross_region, vault.locked
  FROM aws_backup_plan AS plan
  JOIN aws_backup_plan_rule AS rule ON rule._snapshot = plan._snapshot AND rule.plan_id = plan.plan_id
  LEFT JOIN (SELECT DISTINCT selection._snapshot, selection.plan_id, item.value AS resource
               FROM aws_backup_selection AS selection, json_each(selection.resources) AS item) AS chosen
    ON chosen._snapshot = plan._snapshot AND chosen.plan_id = plan.plan_id
  LEFT JOIN aws_backup_vault AS vault
    ON vault._snapshot = plan._snapshot AND vault.vault_name = rule.target_vault;
