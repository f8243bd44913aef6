/*---
title = "Account with a leaver's address that is said to be another's"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "account"
population = "every account whose address or employee number is exactly that of a person it is not linked to; it applies where that person has left"
max_age = "24h"
empty = "not_applicable"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[finding]
criteria = "An account that bears the name of somebody who left is closed, not handed on by a line in the configuration."
impact = "What is written in the register or in an approved link hides the account from every check on leavers, and its mail and password reset go to a former address."
action = "Close the account, or change its address to that of whoever holds it now; where it must stay as it is, have an exception approved."
---*/
WITH ended AS (
    SELECT person_key, sum(end_at IS NULL) AS open_spells, max(unixepoch(end_at)) AS at
    FROM employment
    GROUP BY person_key
),
judged AS (
    SELECT a.account_key, a.source, a.status, m.person_key, m.basis, m.set_aside_by,
           CASE
               WHEN a.status IN ('disabled', 'absent') THEN 'closed'
               WHEN e.person_key IS NULL THEN 'no_spell'
               WHEN e.open_spells > 0 OR e.at > unixepoch(:as_of) THEN 'employed'
               WHEN a.status IS NULL THEN 'no_status'
               ELSE 'leaver'
           END AS finding
    FROM possible_match AS m
    JOIN account AS a ON a.account_key = m.account_key
    LEFT JOIN ended AS e ON e.person_key = m.person_key
    WHERE m.set_aside_by IS NOT NULL
)
SELECT account_key || ' of ' || person_key || ' by ' || basis AS subject,
       CASE finding
           WHEN 'closed' THEN 'pass'
           WHEN 'employed' THEN 'not_applicable'
           WHEN 'leaver' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'closed' THEN 'the account is ' || status
           WHEN 'no_spell' THEN 'the roster reports no employment of ' || person_key
           WHEN 'employed' THEN person_key || ' is employed'
           WHEN 'no_status' THEN person_key || ' left; the source does not say whether the account is enabled'
           ELSE 'its ' || replace(basis, '_', ' ') || ' is that of ' || person_key || ', who left; ' || set_aside_by || ' sets that aside'
       END AS reason,
       source,
       account_key,
       person_key,
       set_aside_by
FROM judged;
