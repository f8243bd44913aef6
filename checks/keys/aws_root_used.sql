/*---
title = "AWS root user in use"
severity = "minor"
controls = ["iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "account"
population = "the root user of every configured AWS account"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["aws_iam"] }

[parameters]
window = { type = "duration", default = "90d", help = "how far back a use of the root user is told" }

[finding]
criteria = "The root user rests: daily work is done by people under their own names."
impact = "What the root user does has no name to it and knows no limit."
action = "Find out who used it and what for; give that person a role, and put the root user's credentials away."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.last_active_at IS NULL AND a.status = 'disabled' THEN 'pass'
           WHEN a.last_active_at IS NULL THEN 'unknown'
           WHEN unixepoch(coalesce(s.seen_at, :as_of)) - unixepoch(a.last_active_at) <= :window THEN 'fail'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN a.last_active_at IS NULL AND a.status = 'disabled' THEN 'the root user has neither password nor access key, and AWS tells no use'
           WHEN a.last_active_at IS NULL THEN 'AWS tells no use of the root user: it was never used, or not since AWS keeps that'
           ELSE 'the root user was last used ' || a.last_active_at
       END AS reason,
       a.source,
       a.last_active_at
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector = 'aws_iam' AND a.kind = 'root';
