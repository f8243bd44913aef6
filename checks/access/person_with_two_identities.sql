/*---
title = "Person with two identities in one system"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.3", "soc2/CC6.1", "soc2/CC6.2"]
subject = "person"
population = "every person to whom an account is linked; an account that is registered with a purpose is not counted"
max_age = "24h"

[inputs]
person = { monotone = false }
account = { monotone = true }

[finding]
criteria = "A person acts under one identity in each system; a second one is registered with its purpose."
impact = "One of the two is forgotten when the person changes role or leaves, and what was done under it is read as somebody else's."
action = "Remove the account that is not needed, or register it with an owner and a purpose."
---*/
WITH held AS (
    SELECT l.person_key, a.source,
           sum(a.status IN ('enabled', 'invited')) AS enabled,
           count(*) AS at_most,
           min(a.account_key) AS first, max(a.account_key) AS last
    FROM identity_link AS l
    JOIN account AS a ON a.account_key = l.account_key
    LEFT JOIN registered_account AS r ON r.account_key = a.account_key
    WHERE coalesce(r.purpose, '') = '' AND coalesce(a.status, '') NOT IN ('disabled', 'absent')
    GROUP BY l.person_key, a.source
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY person_key ORDER BY enabled DESC, at_most DESC, source) AS place
    FROM held
)
SELECT p.person_key AS subject,
       CASE WHEN w.enabled > 1 THEN 'fail' WHEN w.at_most > 1 THEN 'unknown' ELSE 'pass' END AS verdict,
       CASE
           WHEN w.enabled > 1 THEN w.enabled || ' accounts in ' || w.source || ': ' || w.first || ' and ' || w.last || CASE WHEN w.at_most > 2 THEN ' among them' ELSE '' END
           WHEN w.at_most > 1 THEN w.at_most || ' accounts in ' || w.source || ', and it does not say which of them are enabled'
           ELSE 'one account at most in each system'
       END AS reason,
       p.source
FROM (SELECT DISTINCT person_key FROM identity_link) AS l
JOIN person AS p ON p.person_key = l.person_key
LEFT JOIN ranked AS w ON w.person_key = p.person_key AND w.place = 1;
