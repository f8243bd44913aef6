/*---
title = "No restore was tried for a long time"
severity = "major"
controls = ["iso27001:2022/A.8.13", "iso27001:2022/A.5.30", "soc2/A1.3"]
subject = "backup_source"
population = "every source with recovery points; restic, Borg and pgBackRest keep no record of restores, so tests of them are evidence a person gives"
max_age = "24h"

[inputs]
backup_point = { monotone = false, except = ["restic", "borg", "pgbackrest"] }
backup_job = { monotone = false, except = ["restic", "borg", "pgbackrest"] }

[parameters]
interval = { type = "duration", default = "90d", help = "time within which a restore must have been tried and succeeded" }
told_for = { type = "duration", default = "30d", help = "for how long the sources tell of a restore; AWS Backup does for 30 days, and beyond that of points that still exist" }

[finding]
criteria = "Restoring from backups is tried at planned intervals (continuity plan)."
impact = "Backups nobody ever restored from may turn out to be useless when they are needed."
action = "Restore something from a recent backup, validate it, and record what was found."
---*/
-- Of a restore before the time that is told of nothing may be left: then nobody can say that none was tried.
WITH restores AS (
    SELECT source, coalesce(finished_at, started_at) AS done_at
    FROM backup_job
    WHERE kind = 'restore' AND lower(state) = 'completed'
    UNION ALL
    SELECT source, last_restored_at FROM backup_point WHERE last_restored_at IS NOT NULL
),
sources AS (
    SELECT p.source, unixepoch(coalesce(s.seen_at, :as_of)) AS at,
           (SELECT max(r.done_at) FROM restores AS r WHERE r.source = p.source) AS last_at,
           EXISTS (SELECT 1 FROM backup_job AS j
                    WHERE j.source = p.source AND j.kind = 'restore'
                      AND (j.state IS NULL
                           OR lower(j.state) = 'completed' AND coalesce(j.finished_at, j.started_at) IS NULL)) AS unsaid
    FROM (SELECT DISTINCT source FROM backup_point) AS p
    LEFT JOIN source AS s ON s.source = p.source
),
judged AS (
    SELECT *,
           CASE
               -- clocks differ by hours, not by days
               WHEN unixepoch(last_at) - at > 86400 THEN 'in_the_future'
               WHEN at - unixepoch(last_at) <= :interval THEN 'tried'
               WHEN unsaid THEN 'not_said'
               WHEN :interval <= :told_for THEN 'overdue'
               ELSE 'not_told'
           END AS finding
    FROM sources
)
SELECT source AS subject,
       CASE finding WHEN 'tried' THEN 'pass' WHEN 'overdue' THEN 'fail' ELSE 'unknown' END AS verdict,
       CASE finding
           WHEN 'tried' THEN 'last restored ' || last_at
           WHEN 'overdue' THEN coalesce('last restored ' || last_at || ', ' || ((at - unixepoch(last_at)) / 86400)
                                        || ' days before it was seen', 'no restore succeeded that the source tells of')
           WHEN 'in_the_future' THEN 'the source tells of a restore at ' || last_at || ', after it was seen'
           WHEN 'not_said' THEN 'the source does not say when a restore was tried or how it ended'
           ELSE 'no restore within ' || (:told_for / 86400) || ' days; of an earlier one nothing may be left'
       END AS reason,
       source,
       last_at AS last_restored_at
FROM judged;
