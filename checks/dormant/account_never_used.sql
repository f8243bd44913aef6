/*---
title = "Account that was never used"
severity = "minor"
controls = ["iso27001:2022/A.5.18", "soc2/CC6.2"]
subject = "account"
population = "every account of every system; disabled and invited ones, root users and break-glass accounts are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true }

[parameters]
time_to_begin = { type = "duration", default = "30d", help = "time within which an account must be used for the first time" }

[finding]
criteria = "An account that its owner never used is not needed, and is disabled."
impact = "A first password that was sent somewhere still waits for whoever finds it."
action = "Ask the owner whether the account is needed; disable it if not."
---*/
-- A source that tells when other accounts were used, and nothing of this one, says that it never was.
WITH told AS (
    SELECT DISTINCT source FROM account WHERE last_active_at IS NOT NULL
),
judged AS (
    SELECT a.account_key, a.source, a.kind, a.status, a.created_at, a.last_active_at,
           CASE
               WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'not_in_use'
               WHEN a.kind IN ('root', 'break_glass') THEN 'meant_to_rest'
               WHEN a.last_active_at IS NOT NULL THEN 'used'
               WHEN unixepoch(coalesce(s.seen_at, :as_of)) - unixepoch(a.created_at) <= :time_to_begin THEN 'new'
               WHEN t.source IS NULL THEN 'no_use_reported'
               WHEN a.created_at IS NULL THEN 'no_date'
               WHEN a.status IS NULL THEN 'no_status'
               ELSE 'never'
           END AS finding
    FROM account AS a
    LEFT JOIN source AS s ON s.source = a.source
    LEFT JOIN told AS t ON t.source = a.source
)
SELECT account_key AS subject,
       CASE
           WHEN finding IN ('not_in_use', 'meant_to_rest') THEN 'not_applicable'
           WHEN finding IN ('used', 'new') THEN 'pass'
           WHEN finding = 'never' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'not_in_use' THEN 'the account is ' || status
           WHEN 'meant_to_rest' THEN 'a ' || kind || ' account is meant to rest'
           WHEN 'used' THEN 'last used ' || last_active_at
           WHEN 'new' THEN 'made ' || created_at || ', which is within the time to begin'
           WHEN 'no_use_reported' THEN 'the source does not report when accounts were last used'
           WHEN 'no_date' THEN 'never used; the source does not say when it was made'
           WHEN 'no_status' THEN 'never used; the source does not say whether it is enabled'
           ELSE 'made ' || created_at || ' and never used'
       END AS reason,
       source,
       kind AS account_kind,
       created_at
FROM judged;
