/*---
title = "Too few backup jobs succeed"
severity = "major"
controls = ["iso27001:2022/A.8.13", "soc2/A1.2"]
subject = "backup_source"
population = "every source that tells of backup or copy jobs, by kind of job; jobs that began within the window and are over count"
max_age = "24h"

[inputs]
backup_job = { monotone = false }

[parameters]
window = { type = "duration", default = "30d", help = "how far back jobs are counted" }
min_percent = { type = "integer", default = 95, help = "percentage of the jobs that must complete" }

[finding]
criteria = "Backup jobs succeed as a rule, and not now and then."
impact = "Backups that fail often are missing when they are needed."
action = "Look for what the failed jobs have in common, mend it, and watch the rate recover."
---*/
-- What is not said of a job may be either: the rate lies between the one where it failed and the one where it did not.
WITH jobs AS (
    SELECT source, coalesce(kind, 'backup') AS kind, lower(state) AS state,
           unixepoch(coalesce(started_at, finished_at)) AS began
    FROM backup_job
    WHERE kind IN ('backup', 'copy') OR kind IS NULL
),
counted AS (
    SELECT source, kind,
           sum(began >= unixepoch(:as_of) - :window AND state = 'completed') AS completed,
           sum(began >= unixepoch(:as_of) - :window
               AND state IN ('failed', 'aborting', 'aborted', 'expired', 'partial')) AS failed,
           -- a job without a time may have begun within the window, one without a state may have failed
           sum(CASE WHEN state IN ('created', 'pending', 'running') THEN 0
                    WHEN began < unixepoch(:as_of) - :window THEN 0
                    WHEN began IS NULL THEN 1
                    WHEN state IN ('completed', 'failed', 'aborting', 'aborted', 'expired', 'partial') THEN 0
                    ELSE 1 END) AS unsaid
    FROM jobs
    GROUP BY source, kind
),
judged AS (
    SELECT *, coalesce(completed, 0) AS good, coalesce(failed, 0) AS bad
    FROM counted
)
SELECT source || ':' || kind AS subject,
       CASE
           WHEN good + bad + unsaid = 0 THEN 'unknown'
           WHEN 100 * good >= :min_percent * (good + bad + unsaid) THEN 'pass'
           WHEN 100 * (good + unsaid) < :min_percent * (good + bad + unsaid) THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN good + bad + unsaid = 0 THEN 'no job within the window is over'
           ELSE good || ' of ' || (good + bad + unsaid) || ' jobs completed'
                || CASE WHEN unsaid > 0 THEN '; of ' || unsaid || ' the source does not say when they ran or how they ended'
                        ELSE '' END
       END AS reason,
       source,
       kind AS job_kind,
       good AS completed,
       bad AS failed
FROM judged;
