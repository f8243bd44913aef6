/*---
title = "Recovery point is not encrypted"
severity = "major"
controls = ["iso27001:2022/A.8.24", "iso27001:2022/A.8.13", "soc2/A1.2"]
subject = "recovery_point"
population = "every recovery point; Velero leaves encryption to the storage its backups lie in and tells nothing of it"
max_age = "24h"

[inputs]
backup_point = { monotone = true, except = ["velero"] }

[finding]
criteria = "Backups are encrypted where they are kept (cryptography policy)."
impact = "Whoever gets at the storage reads everything that was backed up."
action = "Encrypt the volume, database or repository, make a new backup, and delete the point when its time is over."
---*/
SELECT source || ':' || point_id AS subject,
       CASE encrypted WHEN 1 THEN 'pass' WHEN 0 THEN 'fail' ELSE 'unknown' END AS verdict,
       CASE encrypted WHEN 1 THEN 'it is encrypted' WHEN 0 THEN 'it is not encrypted'
                      ELSE 'the source does not say whether it is encrypted' END AS reason,
       source,
       resource,
       created_at
FROM backup_point;
