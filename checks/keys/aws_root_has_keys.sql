/*---
title = "AWS root user with access keys"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "account"
population = "the root user of every configured AWS account"
max_age = "24h"

[inputs]
setting = { monotone = true, collectors = ["aws_iam"] }

[finding]
criteria = "The root user has no access key."
impact = "A leaked key of the root user gives the whole AWS account away, and no policy limits it."
action = "Delete the root user's access keys; give what used them a role."
---*/
SELECT v.source || ':<root_account>' AS subject,
       CASE WHEN CAST(v.value AS INTEGER) > 0 OR v.value = 'true' THEN 'fail' WHEN v.value IN ('0', 'false') THEN 'pass' ELSE 'unknown' END AS verdict,
       CASE
           WHEN CAST(v.value AS INTEGER) > 0 OR v.value = 'true' THEN 'the root user has access keys'
           WHEN v.value IN ('0', 'false') THEN 'the root user has no access key'
           ELSE 'AWS did not say whether the root user has access keys'
       END AS reason,
       v.source,
       v.scope AS aws_account
FROM setting AS v
JOIN source AS s ON s.source = v.source
WHERE s.collector = 'aws_iam' AND v.name = 'root.access_keys_present';
