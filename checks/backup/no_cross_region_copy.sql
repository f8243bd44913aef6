/*---
title = "Backups are not copied to another region"
severity = "minor"
controls = ["iso27001:2022/A.8.14", "iso27001:2022/A.5.30", "soc2/A1.2"]
subject = "backup_plan"
population = "every plan of AWS Backup; the plans that RDS and EBS follow by themselves tell nothing of copies and are listed as not applicable"
max_age = "24h"

[inputs]
backup_plan = { monotone = false, collectors = ["aws_backup"] }

[finding]
criteria = "Some backups of every plan lie in another region than what they are of."
impact = "What takes a whole region away takes the backups with it."
action = "Add a copy to a vault in another region to a rule of the plan."
---*/
WITH plans AS (
    SELECT source, plan, max(cross_region) AS copies, sum(cross_region IS NULL) AS unsaid, max(rule IS NOT NULL) AS has_rules
    FROM backup_plan
    GROUP BY source, plan
)
SELECT source || ':' || plan AS subject,
       CASE WHEN copies = 1 THEN 'pass'
            WHEN has_rules = 0 THEN 'not_applicable'
            WHEN unsaid > 0 THEN 'unknown'
            ELSE 'fail' END AS verdict,
       CASE WHEN copies = 1 THEN 'a rule of the plan copies to another region'
            WHEN has_rules = 0 THEN 'it is not a plan of AWS Backup'
            WHEN unsaid > 0 THEN 'the source does not say where a rule of the plan copies to'
            ELSE 'no rule of the plan copies to another region' END AS reason,
       source
FROM plans;
