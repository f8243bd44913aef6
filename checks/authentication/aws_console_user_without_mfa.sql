/*---
title = "AWS console user without MFA"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "every IAM user of every configured AWS account; those without a console password are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
account = { monotone = true, collectors = ["aws_iam"] }

[finding]
criteria = "A user with a console password has an MFA device."
impact = "A stolen or guessed password opens the AWS console."
action = "Have the user assign an MFA device, or remove the console password."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.password_enabled = 0 THEN 'not_applicable'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'pass'
           WHEN a.password_enabled IS NULL OR a.mfa IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.password_enabled = 0 THEN 'the user has no console password'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'the user has an MFA device'
           WHEN a.password_enabled IS NULL THEN 'AWS did not say whether the user has a console password'
           WHEN a.mfa IS NULL THEN 'AWS did not say whether the user has an MFA device'
           ELSE 'the user has a console password and no MFA device'
       END AS reason,
       a.source,
       a.is_admin,
       a.last_active_at
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector = 'aws_iam' AND a.kind IS NOT 'root';
