/*---
title = "IAM user with full administration by a policy of its own"
severity = "major"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.15", "soc2/CC6.3"]
subject = "account"
population = "every IAM user of every configured AWS account; the root user is not one of them"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["aws_iam"] }
entitlement = { monotone = true, collectors = ["aws_iam"] }

[finding]
criteria = "Full administration is given to a role or a group, never to a user itself."
impact = "What the user's keys and password open cannot be seen from any group, and stays when the person changes role."
action = "Give the person a role for it, and detach the policy from the user."
---*/
WITH granted AS (
    SELECT account_key, count(*) AS policies, min(role) AS first, sum(privilege = 'admin') AS admin
    FROM entitlement
    WHERE via = 'direct' AND resource_kind = 'aws_policy'
    GROUP BY account_key
)
SELECT a.account_key AS subject,
       CASE
           WHEN g.admin > 0 THEN 'fail'
           WHEN a.is_admin IS NULL AND g.policies > 0 THEN 'unknown'
           WHEN a.native_id IS NULL THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN g.admin > 0 THEN 'a policy of its own gives it full administration'
           WHEN a.is_admin IS NULL AND g.policies > 0 THEN 'AWS did not say what its policies allow'
           WHEN a.native_id IS NULL THEN 'the user is known from the credential report alone'
           ELSE 'no policy of its own gives it full administration'
       END AS reason,
       a.source
FROM account AS a
JOIN source AS s ON s.source = a.source
LEFT JOIN granted AS g ON g.account_key = a.account_key
WHERE s.collector = 'aws_iam' AND a.kind <> 'root';
