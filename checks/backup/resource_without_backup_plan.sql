/*---
title = "Resource that no plan backs up"
severity = "minor"
controls = ["iso27001:2022/A.8.13", "soc2/A1.2"]
subject = "resource"
population = "every resource of which AWS Backup, RDS, EBS or Velero keep a recovery point; resources without any are not known to them"
max_age = "24h"

[inputs]
backup_point = { monotone = false, collectors = ["aws_backup", "velero"] }
backup_plan = { monotone = false, collectors = ["aws_backup", "velero"] }

[finding]
criteria = "What must be backed up is backed up by plan, and not when somebody thinks of it."
impact = "The next backup is made when somebody remembers it, or never."
action = "Assign the resource to a plan; if it needs no backup, delete its points when their time is over or except it."
---*/
-- That a plan made a backup of it shows that a plan covers a resource; that a plan names it, or takes what bears a tag,
-- does not yet. A plan that is gone makes no further one.
WITH resources AS (
    SELECT DISTINCT source, resource FROM backup_point WHERE resource IS NOT NULL
),
judged AS (
    SELECT r.source, r.resource,
           (SELECT min(p.plan) FROM backup_point AS p
             WHERE p.source = r.source AND p.resource = r.resource
               AND EXISTS (SELECT 1 FROM backup_plan AS b WHERE b.source = p.source AND b.plan = p.plan)) AS made_by,
           (SELECT min(b.plan) FROM backup_plan AS b
             WHERE b.source = r.source AND r.resource GLOB replace(b.resource, '[', '[[]')) AS named_by,
           (SELECT min(b.plan) FROM backup_plan AS b
             WHERE b.source = r.source AND b.resource IS NULL) AS chosen_by
    FROM resources AS r
)
SELECT source || ':' || resource AS subject,
       CASE WHEN made_by IS NOT NULL THEN 'pass'
            WHEN named_by IS NOT NULL OR chosen_by IS NOT NULL THEN 'unknown'
            ELSE 'fail' END AS verdict,
       CASE WHEN made_by IS NOT NULL THEN 'there is a recovery point that `' || made_by || '` made'
            WHEN named_by IS NOT NULL THEN '`' || named_by || '` names it, and made none of its recovery points'
            WHEN chosen_by IS NOT NULL THEN '`' || chosen_by || '` made none of its recovery points, and may choose it by a tag'
            ELSE 'no plan names it, and no plan made any of its recovery points' END AS reason,
       source,
       resource
FROM judged;
