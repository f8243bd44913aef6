/*---
title = "AWS root user without MFA"
severity = "major"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "the root user of every configured AWS account"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["aws_iam"] }

[finding]
criteria = "The root user signs in with MFA."
impact = "A stolen password of the root user gives the whole AWS account away."
action = "Assign an MFA device to the root user, or remove its credentials through the organisation's management account."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.status = 'disabled' THEN 'pass'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'pass'
           WHEN a.mfa IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.status = 'disabled' THEN 'the root user has neither password nor access key'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'the root user has an MFA device'
           WHEN a.mfa IS NULL THEN 'AWS did not say whether the root user has an MFA device'
           ELSE 'the root user has no MFA device'
       END AS reason,
       a.source,
       a.last_active_at
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector = 'aws_iam' AND a.kind = 'root';
