/*---
title = "Backups are kept for too short a time"
severity = "minor"
controls = ["iso27001:2022/A.8.13", "soc2/A1.2"]
subject = "backup_plan"
population = "every plan, by its parts where it has some; of databases and volumes that RDS and EBS back up by themselves, their own plans"
max_age = "24h"

[inputs]
backup_plan = { monotone = false }

[parameters]
min_days = { type = "integer", default = 30, help = "days for which a backup must be kept at least" }

[finding]
criteria = "Backups are kept as long as the backup policy says."
impact = "Damage that is noticed later than the oldest backup cannot be undone."
action = "Set the retention of the plan to what the policy says, or add a part that keeps some backups as long."
---*/
-- A plan passes with the part that keeps longest: daily backups for a week and monthly ones for a year are usual. Where no
-- retention is told, backups may be kept for ever, or by a default that is not told.
WITH plans AS (
    SELECT source, plan, max(retention_days) AS longest, sum(retention_days IS NULL) AS unsaid,
           count(*) AS parts
    FROM (SELECT DISTINCT source, plan, rule, retention_days FROM backup_plan)
    GROUP BY source, plan
)
SELECT source || ':' || plan AS subject,
       CASE WHEN longest >= :min_days THEN 'pass' WHEN unsaid > 0 THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE
           WHEN longest >= :min_days THEN 'backups are kept for ' || longest || ' days'
           WHEN unsaid > 0 THEN 'the source does not say for how long the backups of ' || unsaid || ' of ' || parts
                                || ' parts are kept'
           ELSE 'no backup is kept for more than ' || longest || ' days'
       END AS reason,
       source,
       longest AS retention_days
FROM plans;
