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
-- An account became one where the time before, if there is one, shows it otherwise: a change of something else begins another time
-- too, and makes nobody an administrator. Of several such times one of which the source said what was before decides.
WITH begun AS (
    SELECT h.account_key, h.source, h.since_at, h.before_at,
           max(p.listed = 1 AND p.is_admin IS NULL) AS unsaid_before,
           max(p.is_admin = 1) AS was_one
    FROM account_history AS h
    LEFT JOIN account_history AS p ON p.account_key = h.account_key AND p.until_at = h.before_at
    WHERE h.listed = 1 AND h.is_admin = 1 AND h.before_at IS NOT NULL AND unixepoch(h.since_at) > unixepoch(:as_of) - :window
    GROUP BY h.account_key, h.source, h.since_at
),
grown AS (
    SELECT *, row_number() OVER (PARTITION BY account_key, source ORDER BY coalesce(unsaid_before, 0), since_at) AS place
    FROM begun
    WHERE coalesce(was_one, 0) = 0
),
judged AS (
    SELECT g.account_key, g.source, g.since_at, g.before_at, a.is_admin, r.justification, r.approved_by,
           CASE
               WHEN r.justification <> '' AND r.approved_by <> '' AND (r.valid_to IS NULL OR unixepoch(r.valid_to) > unixepoch(:as_of)) THEN 'approved'
               WHEN g.unsaid_before THEN 'unsaid_before'
               ELSE 'new'
           END AS finding
    FROM grown AS g
    LEFT JOIN account AS a ON a.account_key = g.account_key
    LEFT JOIN registered_account AS r ON r.account_key = g.account_key
    WHERE g.place = 1
)
SELECT account_key AS subject,
       CASE finding WHEN 'approved' THEN 'pass' WHEN 'unsaid_before' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE finding
           WHEN 'approved' THEN approved_by || ' approved it: ' || justification
           WHEN 'unsaid_before' THEN 'the source did not say before whether it was an administrator'
           ELSE 'became an administrator between ' || before_at || ' and ' || since_at || ', and the account register says of nobody who approved it'
               || CASE WHEN is_admin = 1 THEN '' ELSE '; it is none now' END
       END AS reason,
       source,
       since_at
FROM judged;
