/*---
title = "Backup job failed and was not repeated"
severity = "major"
controls = ["iso27001:2022/A.8.13", "soc2/A1.2"]
subject = "backup_job"
population = "every backup and copy job that began within the window; jobs still running are listed as not applicable"
max_age = "24h"

[inputs]
backup_job = { monotone = false }

[parameters]
window = { type = "duration", default = "7d", help = "how far back jobs are looked at" }
retry = { type = "duration", default = "24h", help = "time within which a later successful job of the same resource makes up for a failure" }

[finding]
criteria = "Every backup job succeeds, or a later one makes up for it in time."
impact = "There is a stretch of time that cannot be restored."
action = "Find out why the job failed, repeat it, and see that the repeated job succeeds."
---*/
WITH jobs AS (
    SELECT source, system, job_id, resource, kind, lower(state) AS state, message,
           unixepoch(coalesce(started_at, finished_at)) AS began,
           coalesce(started_at, finished_at) AS began_at
    FROM backup_job
    WHERE kind IN ('backup', 'copy') OR kind IS NULL
),
judged AS (
    SELECT j.*,
           CASE
               WHEN j.began IS NULL THEN 'no_time'
               WHEN j.state = 'completed' THEN 'completed'
               WHEN j.state IN ('created', 'pending', 'running') THEN 'running'
               WHEN j.state IN ('failed', 'aborting', 'aborted', 'expired', 'partial') THEN
                   CASE WHEN EXISTS (
                       SELECT 1 FROM jobs AS later
                       WHERE later.source = j.source AND later.resource = j.resource
                         AND later.kind IS j.kind AND later.state = 'completed'
                         AND later.began > j.began AND later.began <= j.began + :retry
                   ) THEN 'repeated' ELSE 'failed' END
               ELSE 'no_state'
           END AS finding
    FROM jobs AS j
    WHERE j.began IS NULL OR j.began >= unixepoch(:as_of) - :window
)
SELECT source || ':' || job_id AS subject,
       CASE finding
           WHEN 'completed' THEN 'pass'
           WHEN 'repeated' THEN 'pass'
           WHEN 'running' THEN 'not_applicable'
           WHEN 'failed' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'completed' THEN 'the job completed'
           WHEN 'repeated' THEN 'the job ended ' || state || ', and a later job of the same resource completed in time'
           WHEN 'running' THEN 'the job has not finished'
           WHEN 'failed' THEN 'the job ended ' || state || ', and no later job of the same resource completed in time'
           WHEN 'no_time' THEN 'the source does not say when the job ran'
           ELSE 'the source does not say how the job ended'
       END AS reason,
       source,
       resource,
       kind AS job_kind,
       began_at,
       message
FROM judged;
