/*---
title = "Account not used for a long time"
severity = "minor"
controls = ["iso27001:2022/A.5.18", "soc2/CC6.2"]
subject = "account"
population = "every account of every system; disabled and invited ones, root users and break-glass accounts are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true }

[parameters]
max_idle = { type = "duration", default = "90d", help = "time without use after which an account must be disabled" }

[finding]
criteria = "Accounts that are not used are disabled."
impact = "Nobody would notice that somebody else uses the account."
action = "Ask the owner whether the account is needed; disable it if not."
---*/
-- Idle time counts to the moment at which the account was seen. An account younger than the limit cannot be dormant.
WITH seen AS (
    SELECT a.account_key, a.source, a.kind, a.status, a.last_active_at, a.created_at,
           unixepoch(coalesce(s.seen_at, :as_of)) AS at
    FROM account AS a
    LEFT JOIN source AS s ON s.source = a.source
),
judged AS (
    SELECT *,
           CASE
               WHEN status IN ('disabled', 'absent', 'invited') THEN 'not_in_use'
               WHEN kind IN ('root', 'break_glass') THEN 'meant_to_rest'
               -- clocks differ by hours, not by days
               WHEN unixepoch(last_active_at) - at > 86400 THEN 'in_the_future'
               WHEN at - unixepoch(last_active_at) <= :max_idle THEN 'used'
               WHEN at - unixepoch(created_at) <= :max_idle THEN 'new'
               WHEN last_active_at IS NULL THEN 'no_use_reported'
               WHEN status IS NULL THEN 'no_status'
               ELSE 'dormant'
           END AS finding
    FROM seen
)
SELECT account_key AS subject,
       CASE finding
           WHEN 'not_in_use' THEN 'not_applicable'
           WHEN 'meant_to_rest' THEN 'not_applicable'
           WHEN 'used' THEN 'pass'
           WHEN 'new' THEN 'pass'
           WHEN 'dormant' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'not_in_use' THEN 'the account is ' || status
           WHEN 'meant_to_rest' THEN 'a ' || kind || ' account is meant to rest'
           WHEN 'in_the_future' THEN 'the source says that it was last used ' || last_active_at || ', after it was seen'
           WHEN 'used' THEN 'last used ' || last_active_at
           WHEN 'new' THEN 'made ' || created_at || ', which is within the time allowed'
           WHEN 'no_use_reported' THEN 'the source does not report when it was last used'
           WHEN 'no_status' THEN 'last used ' || last_active_at || '; the source does not say whether it is enabled'
           ELSE 'last used ' || last_active_at || ', ' || ((at - unixepoch(last_active_at)) / 86400) || ' days before it was seen'
       END AS reason,
       source,
       kind AS account_kind,
       last_active_at
FROM judged;
