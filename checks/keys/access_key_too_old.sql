/*---
title = "Access key older than the policy allows"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "credential"
population = "every access key of every system; inactive ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
credential = { monotone = true }

[parameters]
max_key_age = { type = "duration", default = "90d", help = "age beyond which a key must have been replaced" }

[finding]
criteria = "Access keys are replaced regularly."
impact = "A key that leaked long ago still works."
action = "Create a new key, move its users over, deactivate the old one, then delete it."
---*/
-- The age is that of the moment at which the key was seen: it may have been replaced since.
SELECT c.account_key || '/' || coalesce(c.native_id, 'key without id') AS subject,
       CASE
           WHEN c.status = 'inactive' THEN 'not_applicable'
           WHEN c.status IS NULL OR c.created_at IS NULL THEN 'unknown'
           WHEN unixepoch(coalesce(s.seen_at, :as_of)) - unixepoch(c.created_at) > :max_key_age THEN 'fail'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN c.status = 'inactive' THEN 'the key is inactive'
           WHEN c.status IS NULL THEN 'the source does not say whether the key is active'
           WHEN c.created_at IS NULL THEN 'the source does not say when the key was made'
           ELSE 'the key is '
                || ((unixepoch(coalesce(s.seen_at, :as_of)) - unixepoch(c.created_at)) / 86400) || ' days old, at most '
                || (:max_key_age / 86400) || ' are allowed'
       END AS reason,
       c.source,
       c.account_key,
       c.created_at,
       c.last_used_at
FROM credential AS c
LEFT JOIN source AS s ON s.source = c.source
WHERE c.kind = 'access_key';
