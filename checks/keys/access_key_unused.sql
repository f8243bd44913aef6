/*---
title = "Access key that nobody uses"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.5.18", "iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "credential"
population = "every access key of every system; inactive ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
credential = { monotone = true }

[parameters]
max_idle = { type = "duration", default = "90d", help = "time without use after which a key must be deactivated" }

[finding]
criteria = "Keys that are not used are deactivated."
impact = "Nobody would miss the key, or notice that somebody else uses it."
action = "Deactivate the key, wait, delete it."
---*/
-- A source that tells when other keys were used, and nothing of this one, says that it never was.
WITH told AS (
    SELECT DISTINCT source FROM credential WHERE kind = 'access_key' AND last_used_at IS NOT NULL
),
judged AS (
    SELECT c.account_key, c.source, c.native_id, c.created_at, c.last_used_at,
           unixepoch(coalesce(s.seen_at, :as_of)) AS at,
           CASE
               WHEN c.status = 'inactive' THEN 'inactive'
               WHEN unixepoch(coalesce(s.seen_at, :as_of)) - unixepoch(c.last_used_at) <= :max_idle THEN 'used'
               WHEN unixepoch(coalesce(s.seen_at, :as_of)) - unixepoch(c.created_at) <= :max_idle THEN 'new'
               WHEN c.last_used_at IS NULL AND (t.source IS NULL OR c.created_at IS NULL) THEN 'no_use_reported'
               WHEN c.status IS NULL THEN 'no_status'
               WHEN c.last_used_at IS NULL THEN 'never'
               ELSE 'idle'
           END AS finding
    FROM credential AS c
    LEFT JOIN source AS s ON s.source = c.source
    LEFT JOIN told AS t ON t.source = c.source
    WHERE c.kind = 'access_key'
)
SELECT account_key || '/' || coalesce(native_id, 'key without id') AS subject,
       CASE
           WHEN finding = 'inactive' THEN 'not_applicable'
           WHEN finding IN ('used', 'new') THEN 'pass'
           WHEN finding IN ('idle', 'never') THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'inactive' THEN 'the key is inactive'
           WHEN 'used' THEN 'last used ' || last_used_at
           WHEN 'new' THEN 'made ' || created_at || ', which is within the time allowed'
           WHEN 'no_use_reported' THEN 'the source does not report when it was last used'
           WHEN 'no_status' THEN 'not used for long; the source does not say whether the key is active'
           WHEN 'never' THEN 'made ' || created_at || ' and never used'
           ELSE 'last used ' || last_used_at || ', ' || ((at - unixepoch(last_used_at)) / 86400) || ' days before it was seen'
       END AS reason,
       source,
       account_key,
       created_at,
       last_used_at
FROM judged;
