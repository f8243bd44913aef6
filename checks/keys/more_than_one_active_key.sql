/*---
title = "Account with more than one active access key"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "account"
population = "every account that has an access key"
max_age = "24h"
empty = "not_applicable"

[inputs]
credential = { monotone = true }

[parameters]
overlap = { type = "duration", default = "7d", help = "how long a new key and the one it replaces may work side by side" }

[finding]
criteria = "An account has one working key; a second one is for the days of a change."
impact = "A forgotten second key is replaced by nobody and works as long as the account does."
action = "Deactivate and delete the key that is not used."
---*/
WITH keys AS (
    SELECT account_key, source,
           sum(coalesce(status, '') = 'active') AS active,
           sum(status IS NULL) AS unsaid,
           -- while one key is changed for another both work
           sum(status = 'active' AND unixepoch(created_at) > unixepoch(:as_of) - :overlap) AS fresh
    FROM credential
    WHERE kind = 'access_key'
    GROUP BY account_key, source
)
SELECT account_key AS subject,
       CASE
           WHEN active > 1 AND active - coalesce(fresh, 0) > 1 THEN 'fail'
           WHEN active > 1 AND coalesce(fresh, 0) > 1 THEN 'fail'
           WHEN active + unsaid > 1 AND unsaid > 0 THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN active > 1 AND (active - coalesce(fresh, 0) > 1 OR coalesce(fresh, 0) > 1) THEN active || ' access keys are active'
           WHEN active + unsaid > 1 AND unsaid > 0 THEN 'the source does not say which of ' || (active + unsaid) || ' access keys are active'
           WHEN active > 1 THEN 'one key is being changed for another'
           ELSE active || ' access keys are active'
       END AS reason,
       source,
       active AS active_keys
FROM keys;
