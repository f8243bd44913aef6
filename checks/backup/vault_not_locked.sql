/*---
title = "Backup vault is not locked"
severity = "minor"
controls = ["iso27001:2022/A.8.13", "soc2/A1.2"]
subject = "backup_vault"
population = "every vault of AWS Backup that keeps a recovery point or that a plan writes to"
max_age = "24h"

[inputs]
backup_point = { monotone = true, collectors = ["aws_backup"] }
backup_plan = { monotone = true, collectors = ["aws_backup"] }

[finding]
criteria = "Backups cannot be deleted before their time, not even by an administrator."
impact = "Whoever takes over an administrator's account deletes the backups with everything else."
action = "Put a vault lock on the vault: try it in governance mode first, and let compliance mode follow."
---*/
WITH vaults AS (
    SELECT source, vault, min(locked) AS locked, sum(locked IS NULL) AS unsaid,
           sum(what = 'point') AS points, sum(what = 'plan') AS plans
    FROM (SELECT source, vault, locked, 'point' AS what FROM backup_point
          UNION ALL
          SELECT source, vault, vault_locked, 'plan' FROM backup_plan)
    WHERE vault IS NOT NULL
    GROUP BY source, vault
)
SELECT source || ':' || vault AS subject,
       CASE WHEN locked = 0 THEN 'fail' WHEN unsaid > 0 THEN 'unknown' ELSE 'pass' END AS verdict,
       CASE WHEN locked = 0 THEN 'the vault is not locked'
            WHEN unsaid > 0 THEN 'the source does not say whether the vault is locked'
            ELSE 'the vault is locked' END
       || CASE WHEN points > 0 THEN ', and keeps ' || points || ' recovery points'
               ELSE ', and a plan writes to it' END AS reason,
       source,
       points
FROM vaults;
