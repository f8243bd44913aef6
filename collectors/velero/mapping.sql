-- Velero -> the vocabulary. The object of a failed backup stays until it expires, so these are jobs.
INSERT INTO backup_job (source, system, job_id, resource, kind, state, started_at, finished_at, message)
SELECT _source, _source, name, namespaces, 'backup',
       CASE
           WHEN phase IN ('New', 'Queued', 'ReadyToStart') THEN 'created'
           WHEN phase IN ('InProgress', 'WaitingForPluginOperations', 'WaitingForPluginOperationsPartiallyFailed',
                          'Finalizing', 'FinalizingPartiallyFailed') THEN 'running'
           WHEN phase = 'Completed' THEN 'completed'
           WHEN phase = 'PartiallyFailed' THEN 'partial'
           WHEN phase IN ('Failed', 'FailedValidation') THEN 'failed'
           -- one that is being deleted does not say how it had ended
       END,
       coalesce(started_at, created_at), finished_at, message
  FROM velero_backup;

INSERT INTO backup_job (source, system, job_id, resource, kind, state, started_at, finished_at, message)
SELECT restore._source, restore._source, restore.name, backup.namespaces, 'restore',
       CASE
           WHEN restore.phase = 'New' THEN 'created'
           WHEN restore.phase IN ('InProgress', 'WaitingForPluginOperations', 'WaitingForPluginOperationsPartiallyFailed',
                                  'Finalizing', 'FinalizingPartiallyFailed') THEN 'running'
           WHEN restore.phase = 'Completed' THEN 'completed'
           WHEN restore.phase = 'PartiallyFailed' THEN 'partial'
           WHEN restore.phase IN ('Failed', 'FailedValidation') THEN 'failed'
       END,
       coalesce(restore.started_at, restore.created_at), restore.finished_at, restore.message
  FROM velero_restore AS restore
  LEFT JOIN velero_backup AS backup ON backup._snapshot = restore._snapshot AND backup.name = restore.backup;

INSERT INTO backup_point (source, system, resource, point_id, created_at, expires_at, plan)
SELECT _source, _source, namespaces, name, finished_at, expires_at, schedule
  FROM velero_backup
 WHERE phase = 'Completed';

-- A paused schedule plans nothing.
INSERT INTO backup_plan (source, system, plan, resource, frequency, retention_days)
SELECT _source, _source, name, namespaces, schedule, ttl_hours / 24
  FROM velero_schedule
 WHERE paused IS NOT 1;
