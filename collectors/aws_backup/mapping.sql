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
SELECT _source, _source, job_id, source_resource_arn, 'restore',
       -- what did not pass its validation was not restored whole
       CASE WHEN state = 'COMPLETED' AND validation_status IN ('FAILED', 'TIMED_OUT') THEN 'partial' ELSE lower(state) END,
       created_at, completed_at, bytes,
       CASE WHEN validation_status = 'FAILED' THEN coalesce(status_message || '; ', '') || 'validation failed'
            ELSE status_message END
  FROM aws_backup_restore_job;

-- What could be restored today: complete recovery points. A copy elsewhere counts when its copy job says it is there.
INSERT INTO backup_point (source, system, resource, point_id, created_at, expires_at, encrypted, locked, copies, plan,
                          last_restored_at, vault)
SELECT point._source, point._source, point.resource_arn, point.recovery_point_arn, point.created_at, point.delete_at,
       point.encrypted, vault.locked,
       coalesce(copied.copies, json_array()),
       coalesce(plan.plan_name, point.plan_id),
       point.last_restored_at, point.vault_name
  FROM aws_backup_recovery_point AS point
  LEFT JOIN aws_backup_plan AS plan
    ON plan._snapshot = point._snapshot AND plan.plan_id = point.plan_id
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

-- Snapshots that RDS and EBS keep beside AWS Backup, or for it: those that a vault lists are its recovery points already.
-- What they hold is of the moment of the first snapshot, so a copy of which that is not said has no time. Nobody says when
-- they go, whether they are locked, or where else copies are.
INSERT INTO backup_point (source, system, resource, point_id, created_at, encrypted, plan)
SELECT shot._source, shot._source, shot.instance_arn, shot.snapshot_arn,
       coalesce(shot.original_created_at, CASE WHEN shot.snapshot_type = 'automated' THEN shot.created_at END),
       CASE WHEN shot.encrypted OR shot.encryption_type IN ('sse-rds', 'sse-kms') THEN 1
            WHEN shot.encrypted = 0 AND coalesce(shot.encryption_type, 'none') = 'none' THEN 0 END,
       CASE WHEN shot.snapshot_type = 'automated' THEN 'RDS automated backups of ' || shot.instance_id END
  FROM aws_rds_snapshot AS shot
 WHERE shot.status = 'available'
   AND (shot._snapshot, shot.snapshot_arn) NOT IN (SELECT _snapshot, recovery_point_arn FROM aws_backup_recovery_point);

INSERT INTO backup_point (source, system, resource, point_id, created_at, encrypted, plan)
SELECT shot._source, shot._source, shot.cluster_arn, shot.snapshot_arn,
       CASE WHEN shot.source_snapshot IS NULL THEN shot.created_at END,
       CASE WHEN shot.encrypted OR shot.encryption_type IN ('sse-rds', 'sse-kms') THEN 1
            WHEN shot.encrypted = 0 AND coalesce(shot.encryption_type, 'none') = 'none' THEN 0 END,
       CASE WHEN shot.snapshot_type = 'automated' THEN 'RDS automated backups of cluster ' || shot.cluster_id END
  FROM aws_rds_cluster_snapshot AS shot
 WHERE shot.status = 'available'
   AND (shot._snapshot, shot.snapshot_arn) NOT IN (SELECT _snapshot, recovery_point_arn FROM aws_backup_recovery_point);

INSERT INTO backup_point (source, system, resource, point_id, created_at, encrypted, plan)
SELECT shot._source, shot._source, shot.volume_arn, shot.snapshot_arn,
       CASE WHEN shot.is_copy = 0 THEN shot.started_at END, shot.encrypted,
       'lifecycle policy ' || shot.lifecycle_policy
  FROM aws_ebs_snapshot AS shot
 WHERE shot.state = 'completed'
   AND (shot._snapshot, shot.snapshot_arn) NOT IN (SELECT _snapshot, recovery_point_arn FROM aws_backup_recovery_point);

-- A row for every rule of a plan and every resource or pattern assigned to it. Tags, conditions and exclusions narrow what
-- a pattern names, so a plan that is assigned by them, or to nothing, has its rules without a resource.
INSERT INTO backup_plan (source, system, plan, rule, resource, frequency, retention_days, cross_region, vault_locked, vault)
SELECT plan._source, plan._source, plan.plan_name, rule.rule_name, chosen.resource,
       coalesce(rule.schedule, CASE WHEN rule.continuous THEN 'continuous' END), rule.retention_days,
       rule.cross_region, vault.locked, rule.target_vault
  FROM aws_backup_plan AS plan
  JOIN aws_backup_plan_rule AS rule ON rule._snapshot = plan._snapshot AND rule.plan_id = plan.plan_id
  LEFT JOIN (SELECT DISTINCT selection._snapshot, selection.plan_id,
                    CASE WHEN json_array_length(selection.tags) = 0 AND json_array_length(selection.not_resources) = 0
                              AND NOT EXISTS (SELECT 1 FROM json_each(selection.conditions) AS condition
                                               WHERE json_array_length(condition.value) > 0)
                         THEN item.value END AS resource
               FROM aws_backup_selection AS selection LEFT JOIN json_each(selection.resources) AS item) AS chosen
    ON chosen._snapshot = plan._snapshot AND chosen.plan_id = plan.plan_id
  LEFT JOIN aws_backup_vault AS vault
    ON vault._snapshot = plan._snapshot AND vault.vault_name = rule.target_vault;

-- RDS and the lifecycle manager of EBS follow plans of their own, of which their newest snapshots tell.
INSERT INTO backup_plan (source, system, plan, resource, frequency, retention_days)
SELECT _source, _source, 'RDS automated backups of ' || instance_id, instance_arn, 'daily', retention_days
  FROM (SELECT *, row_number() OVER (PARTITION BY _snapshot, instance_arn ORDER BY created_at DESC, snapshot_arn) AS place
          FROM aws_rds_snapshot WHERE snapshot_type = 'automated')
 WHERE place = 1;

INSERT INTO backup_plan (source, system, plan, resource, frequency, retention_days)
SELECT _source, _source, 'RDS automated backups of cluster ' || cluster_id, cluster_arn, 'daily', retention_days
  FROM (SELECT *, row_number() OVER (PARTITION BY _snapshot, cluster_arn ORDER BY created_at DESC, snapshot_arn) AS place
          FROM aws_rds_cluster_snapshot WHERE snapshot_type = 'automated')
 WHERE place = 1;

INSERT INTO backup_plan (source, system, plan, resource)
SELECT DISTINCT _source, _source, 'lifecycle policy ' || lifecycle_policy, volume_arn
  FROM aws_ebs_snapshot
 WHERE lifecycle_policy IS NOT NULL;
