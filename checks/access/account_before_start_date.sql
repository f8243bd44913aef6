/*---
title = "Account enabled long before its person starts"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "soc2/CC6.1", "soc2/CC6.2"]
subject = "account"
population = "every account linked to a person; those of people who have started are passed"
max_age = "24h"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[parameters]
lead = { type = "duration", default = "14d", help = "how long before the first day an account may be ready" }

[finding]
criteria = "Accounts are made for somebody's first day, and not used before it."
impact = "Somebody acts before the contract, the screening and the training are done, or in the name of somebody who has not come yet."
action = "Disable the account until the first day, or correct the start date in the roster."
---*/
WITH starts AS (
    SELECT person_key, count(*) AS spells, min(unixepoch(start_at)) AS at, sum(start_at IS NULL) AS without_start
    FROM employment
    GROUP BY person_key
),
judged AS (
    SELECT a.account_key, a.source, a.status, a.last_active_at, l.person_key, e.at,
           CASE
               WHEN a.status IN ('disabled', 'absent') THEN 'closed'
               WHEN e.person_key IS NULL THEN 'no_spell'
               WHEN e.at <= unixepoch(coalesce(o.seen_at, :as_of)) THEN 'started'
               WHEN e.without_start > 0 THEN 'no_start'
               WHEN unixepoch(a.last_active_at) < e.at THEN 'used'
               WHEN e.at - unixepoch(coalesce(o.seen_at, :as_of)) <= :lead THEN 'soon'
               WHEN a.status IS NULL THEN 'no_status'
               ELSE 'early'
           END AS finding
    FROM account AS a
    JOIN identity_link AS l ON l.account_key = a.account_key
    LEFT JOIN starts AS e ON e.person_key = l.person_key
    LEFT JOIN source AS o ON o.source = a.source
)
SELECT account_key AS subject,
       CASE
           WHEN finding = 'closed' THEN 'not_applicable'
           WHEN finding IN ('started', 'soon') THEN 'pass'
           WHEN finding IN ('used', 'early') THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'closed' THEN 'the account is ' || status
           WHEN 'no_spell' THEN 'the roster reports no employment of the person'
           WHEN 'no_start' THEN 'the roster does not say when the person starts'
           WHEN 'started' THEN 'the person has started'
           WHEN 'soon' THEN 'the person starts ' || strftime('%Y-%m-%d', at, 'unixepoch') || ', within the time allowed to prepare'
           WHEN 'no_status' THEN 'the person starts later; the source does not say whether the account is enabled'
           WHEN 'used' THEN 'used ' || last_active_at || ', before the person starts'
           ELSE 'the account is ' || status || ' although the person starts only ' || strftime('%Y-%m-%d', at, 'unixepoch')
       END AS reason,
       source,
       person_key,
       status AS account_status
FROM judged;
