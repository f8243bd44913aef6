/*---
title = "IAM user with a policy of its own"
severity = "minor"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.15", "soc2/CC6.3"]
subject = "account"
population = "every IAM user of every configured AWS account; the root user is not one of them"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["aws_iam"] }
entitlement = { monotone = true, collectors = ["aws_iam"] }

[finding]
criteria = "What an IAM user may do comes from groups."
impact = "Grants that hang on single users are seen by nobody who looks at roles, and stay when the person moves."
action = "Put the user into a group that has the policy, and detach it from the user."
---*/
WITH granted AS (
    SELECT account_key, count(*) AS policies, min(role) AS first
    FROM entitlement
    WHERE via = 'direct' AND resource_kind = 'aws_policy'
    GROUP BY account_key
)
SELECT a.account_key AS subject,
       CASE
           WHEN g.policies > 0 THEN 'fail'
           WHEN a.native_id IS NULL THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN g.policies > 0 THEN g.policies || ' policies are attached to the user itself, `' || g.first || '` among them'
           WHEN a.native_id IS NULL THEN 'the user is known from the credential report alone'
           ELSE 'everything it may do comes from groups'
       END AS reason,
       a.source
FROM account AS a
JOIN source AS s ON s.source = a.source
LEFT JOIN granted AS g ON g.account_key = a.account_key
WHERE s.collector = 'aws_iam' AND a.kind <> 'root';
