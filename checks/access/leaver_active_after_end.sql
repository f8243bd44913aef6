/*---
title = "Account used after its person had left"
severity = "major"
controls = ["iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "account"
population = "every account linked to a person whose employment has ended; those of current staff are listed as not applicable"
max_age = "24h"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[parameters]
tolerance = { type = "duration", default = "0s", help = "how long after the end a use still counts as before it, for systems that write the time of a session's end" }

[finding]
criteria = "Nobody acts with the account of somebody who left."
impact = "Somebody without employment, or somebody unknown in their place, has acted in the system."
action = "Find out who used it and what was done; disable the account and remove its credentials; treat it as a security event."
---*/
WITH ended AS (
    SELECT person_key, sum(end_at IS NULL) AS open_spells, max(unixepoch(end_at)) AS at
    FROM employment
    GROUP BY person_key
),
judged AS (
    SELECT a.account_key, a.source, a.status, a.last_active_at, l.person_key, e.at,
           CASE
               WHEN e.person_key IS NULL THEN 'no_spell'
               WHEN e.open_spells > 0 OR e.at > unixepoch(:as_of) THEN 'employed'
               WHEN a.last_active_at IS NULL THEN 'no_use_reported'
               WHEN unixepoch(a.last_active_at) >= e.at + :tolerance THEN 'used'
               ELSE 'not_used'
           END AS finding
    FROM account AS a
    JOIN identity_link AS l ON l.account_key = a.account_key
    LEFT JOIN ended AS e ON e.person_key = l.person_key
)
SELECT account_key AS subject,
       CASE finding WHEN 'employed' THEN 'not_applicable' WHEN 'not_used' THEN 'pass' WHEN 'used' THEN 'fail' ELSE 'unknown' END AS verdict,
       CASE finding
           WHEN 'no_spell' THEN 'the roster reports no employment of the person'
           WHEN 'employed' THEN 'the person is employed'
           WHEN 'no_use_reported' THEN 'the person left; the source does not report when the account was last used'
           WHEN 'not_used' THEN 'last used ' || last_active_at || ', before employment ended'
           ELSE 'last used ' || last_active_at || ', after employment had ended ' || strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch')
       END AS reason,
       source,
       person_key,
       status AS account_status,
       last_active_at
FROM judged;
