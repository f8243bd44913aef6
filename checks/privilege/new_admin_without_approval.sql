/*---
title = "New administrator whom nobody approved"
severity = "major"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.15", "iso27001:2022/A.5.18", "soc2/CC6.3"]
subject = "account"
population = "every account that became an administrator within the window, as complete snapshots show it"
max_age = "24h"
empty = "not_applicable"

[inputs]
account = { monotone = true }

[parameters]
window = { type = "duration", default = "30d", help = "how far back new administrators are looked at" }

[finding]
criteria = "Nobody becomes an administrator before somebody approved it."
impact = "Whoever can make administrators, or an intruder, has made one."
action = "Find out who gave the role and why; take it away, or record the approval in the account register."
---*/
WITH grown AS (
    SELECT account_key, source, min(since_at) AS since_at, min(before_at) AS before_at
    FROM account_history
    WHERE listed = 1 AND is_admin = 1 AND before_at IS NOT NULL AND unixepoch(since_at) > unixepoch(:as_of) - :window
    GROUP BY account_key, source
),
judged AS (
    SELECT g.account_key, g.source, g.since_at, g.before_at, a.is_admin, r.justification, r.approved_by,
           CASE
               -- only a change of something else began another time
               WHEN EXISTS (SELECT 1 FROM account_history AS h WHERE h.account_key = g.account_key AND h.is_admin = 1 AND h.until_at = g.before_at) THEN 'was_one'
               WHEN r.justification <> '' AND r.approved_by <> '' AND (r.valid_to IS NULL OR unixepoch(r.valid_to) > unixepoch(:as_of)) THEN 'approved'
               WHEN EXISTS (SELECT 1 FROM account_history AS h WHERE h.account_key = g.account_key AND h.listed = 1 AND h.is_admin IS NULL AND h.until_at = g.before_at) THEN 'unsaid_before'
               ELSE 'new'
           END AS finding
    FROM grown AS g
    LEFT JOIN account AS a ON a.account_key = g.account_key
    LEFT JOIN registered_account AS r ON r.account_key = g.account_key
)
SELECT account_key AS subject,
       CASE finding WHEN 'was_one' THEN 'not_applicable' WHEN 'approved' THEN 'pass' WHEN 'unsaid_before' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE finding
           WHEN 'was_one' THEN 'it was an administrator before'
           WHEN 'approved' THEN approved_by || ' approved it: ' || justification
           WHEN 'unsaid_before' THEN 'the source did not say before whether it was an administrator'
           ELSE 'became an administrator between ' || before_at || ' and ' || since_at || ', and the account register says of nobody who approved it'
               || CASE WHEN is_admin = 1 THEN '' ELSE '; it is none now' END
       END AS reason,
       source,
       since_at
FROM judged;
