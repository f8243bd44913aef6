/*---
title = "Account that came back"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "soc2/CC6.2", "soc2/CC6.3"]
subject = "account"
population = "every account that was disabled or gone within the window and was seen enabled after that"
max_age = "24h"
empty = "not_applicable"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[parameters]
window = { type = "duration", default = "90d", help = "how far back accounts that came back are looked at" }

[finding]
criteria = "An account that was closed is opened again only for somebody who is employed, or with a recorded reason."
impact = "Somebody who left, or somebody in their place, has access again."
action = "Find out who opened it and why; close it, or record the reason in the account register."
---*/
-- It came back at the first time it was enabled after the time it was closed: what changed of it since then is another time, and
-- no other return.
WITH back AS (
    SELECT account_key, source, max(since_at) AS since_at
    FROM account_history AS h
    WHERE h.listed = 1 AND h.status = 'enabled' AND unixepoch(h.since_at) > unixepoch(:as_of) - :window
      AND EXISTS (SELECT 1 FROM account_history AS c
                   WHERE c.account_key = h.account_key AND (c.listed = 0 OR c.status IN ('disabled', 'absent')) AND c.since_at < h.since_at
                     AND NOT EXISTS (SELECT 1 FROM account_history AS e
                                      WHERE e.account_key = h.account_key AND e.listed = 1 AND e.status = 'enabled'
                                        AND e.since_at > c.since_at AND e.since_at < h.since_at))
    GROUP BY account_key, source
),
spell AS (
    SELECT person_key, sum(end_at IS NULL) AS open_spells, max(unixepoch(end_at)) AS at
    FROM employment
    GROUP BY person_key
),
judged AS (
    SELECT b.account_key, b.source, b.since_at, a.status, l.person_key, r.justification, r.approved_by,
           CASE
               WHEN a.account_key IS NULL OR a.status IN ('disabled', 'absent') THEN 'closed'
               WHEN r.justification <> '' AND r.approved_by <> '' THEN 'justified'
               WHEN s.open_spells > 0 OR s.at > unixepoch(:as_of) THEN 'employed'
               WHEN l.person_key IS NOT NULL AND s.person_key IS NULL THEN 'no_spell'
               WHEN l.person_key IS NOT NULL AND p.person_key IS NOT NULL THEN 'left'
               ELSE 'nobodys'
           END AS finding
    FROM back AS b
    LEFT JOIN account AS a ON a.account_key = b.account_key
    LEFT JOIN identity_link AS l ON l.account_key = b.account_key
    LEFT JOIN person AS p ON p.person_key = l.person_key
    LEFT JOIN registered_account AS r ON r.account_key = b.account_key
    LEFT JOIN spell AS s ON s.person_key = l.person_key
)
SELECT account_key AS subject,
       CASE finding WHEN 'closed' THEN 'not_applicable' WHEN 'justified' THEN 'pass' WHEN 'employed' THEN 'pass' WHEN 'no_spell' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE finding
           WHEN 'closed' THEN 'it is closed again'
           WHEN 'justified' THEN approved_by || ' approved it: ' || justification
           WHEN 'employed' THEN 'its person is employed'
           WHEN 'no_spell' THEN 'the roster reports no employment of its person'
           WHEN 'left' THEN 'enabled again, seen ' || since_at || ', although its person has left'
           ELSE 'enabled again, seen ' || since_at || ', and it belongs to nobody'
       END AS reason,
       source,
       person_key,
       since_at
FROM judged;
