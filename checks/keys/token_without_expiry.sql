/*---
title = "Token that never expires"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "credential"
population = "every token and application secret of GitHub organisations and Entra ID tenants that can be told; inactive ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
credential = { monotone = true, collectors = ["github_org", "entra_id"] }

[parameters]
longest = { type = "duration", default = "366d", help = "longest life a token may be given" }

[finding]
criteria = "Every token ends by itself within the longest time allowed."
impact = "A token that leaked, or whose holder forgot it, works for ever."
action = "Replace it by one that expires, and limit the longest life of tokens in the organisation's settings."
---*/
-- These two sources tell every expiry there is: none means never.
WITH held AS (
    SELECT c.*, row_number() OVER (PARTITION BY c.account_key, c.native_id ORDER BY c.created_at, c.expires_at) AS n
    FROM credential AS c
    JOIN source AS s ON s.source = c.source
    WHERE s.collector IN ('github_org', 'entra_id') AND c.kind = 'token'
),
judged AS (
    SELECT *,
           CASE
               WHEN status = 'inactive' OR unixepoch(expires_at) <= unixepoch(:as_of) THEN 'over'
               WHEN status IS NULL THEN 'no_status'
               WHEN expires_at IS NULL THEN 'never'
               WHEN unixepoch(expires_at) - unixepoch(coalesce(created_at, :as_of)) > :longest THEN 'long'
               WHEN created_at IS NULL THEN 'no_start'
               ELSE 'ends'
           END AS finding
    FROM held
)
SELECT account_key || '/' || coalesce(native_id, 'token without id') || CASE WHEN n > 1 THEN ' (' || n || ')' ELSE '' END AS subject,
       CASE finding WHEN 'over' THEN 'not_applicable' WHEN 'ends' THEN 'pass' WHEN 'no_status' THEN 'unknown' WHEN 'no_start' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE finding
           WHEN 'over' THEN 'the token is inactive or has expired'
           WHEN 'no_status' THEN 'the source does not say whether the token works'
           WHEN 'no_start' THEN 'the source does not say since when the token works, so its life may be longer than allowed'
           WHEN 'never' THEN 'the token never expires'
           WHEN 'long' THEN 'the token expires only ' || expires_at || ', later than a token of ' || (:longest / 86400) || ' days would'
           ELSE 'the token expires ' || expires_at
       END AS reason,
       source,
       account_key,
       created_at,
       expires_at
FROM judged;
