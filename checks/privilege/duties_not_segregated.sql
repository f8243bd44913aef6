/*---
title = "Person with duties that must be apart"
severity = "major"
controls = ["iso27001:2022/A.5.3", "iso27001:2022/A.5.15", "iso27001:2022/A.8.2", "soc2/CC6.3"]
subject = "person"
population = "every person to whom an account is linked; it applies where the parameter `conflicts` names duties that must be apart"
max_age = "24h"

[inputs]
person = { monotone = false }
account = { monotone = true }
entitlement = { monotone = true }

[parameters]
conflicts = { type = "text", default = "", help = "duties that must be apart: `aws Deployer + github admin`, several separated by semicolons" }

[finding]
criteria = "Nobody holds two duties of which one controls the other."
impact = "One person alone can do something and hide it, or err and not be noticed."
action = "Take one of the two away, or have an exception approved with a control that makes up for it."
---*/
-- `source role + source role`, several of them separated by semicolons; a role is what the source calls it, or `admin` for its privilege.
WITH RECURSIVE piece (pair, rest) AS (
    SELECT '', :conflicts || ';'
    UNION ALL
    SELECT trim(substr(rest, 1, instr(rest, ';') - 1)), substr(rest, instr(rest, ';') + 1) FROM piece WHERE rest <> ''
),
conflict AS (
    SELECT lower(trim(substr(pair, 1, instr(pair, '+') - 1))) AS one, lower(trim(substr(pair, instr(pair, '+') + 1))) AS other, pair
    FROM piece
    WHERE instr(pair, '+') > 0
),
duty AS (
    SELECT DISTINCT l.person_key, lower(e.source || ' ' || e.role) AS duty
    FROM identity_link AS l
    JOIN account AS a ON a.account_key = l.account_key AND coalesce(a.status, 'enabled') NOT IN ('disabled', 'absent')
    JOIN entitlement AS e ON e.account_key = l.account_key
    UNION
    SELECT l.person_key, lower(a.source || ' admin')
    FROM identity_link AS l
    JOIN account AS a ON a.account_key = l.account_key AND coalesce(a.status, 'enabled') NOT IN ('disabled', 'absent')
    WHERE a.is_admin = 1
),
unsaid AS (
    SELECT l.person_key, min(a.account_key) AS account_key
    FROM identity_link AS l
    JOIN account AS a ON a.account_key = l.account_key
    WHERE a.is_admin IS NULL AND coalesce(a.status, 'enabled') NOT IN ('disabled', 'absent')
    GROUP BY l.person_key
),
held AS (
    SELECT o.person_key, min(c.pair) AS pair
    FROM conflict AS c
    JOIN duty AS o ON o.duty = c.one
    JOIN duty AS t ON t.duty = c.other AND t.person_key = o.person_key
    GROUP BY o.person_key
)
SELECT p.person_key AS subject,
       CASE
           WHEN NOT EXISTS (SELECT 1 FROM conflict) THEN 'not_applicable'
           WHEN h.pair IS NOT NULL THEN 'fail'
           WHEN u.account_key IS NOT NULL THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN NOT EXISTS (SELECT 1 FROM conflict) THEN '`conflicts` names no duties that must be apart'
           WHEN h.pair IS NOT NULL THEN 'the person holds both of ' || h.pair
           WHEN u.account_key IS NOT NULL THEN 'the source does not say whether ' || u.account_key || ' is an administrator'
           ELSE 'no two duties that must be apart'
       END AS reason,
       p.source
FROM (SELECT DISTINCT person_key FROM identity_link) AS l
JOIN person AS p ON p.person_key = l.person_key
LEFT JOIN held AS h ON h.person_key = p.person_key
LEFT JOIN unsaid AS u ON u.person_key = p.person_key;
