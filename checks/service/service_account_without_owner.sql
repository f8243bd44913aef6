/*---
title = "Service account that nobody answers for"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.8.2", "soc2/CC6.1"]
subject = "account"
population = "every service account of every system; disabled ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[finding]
criteria = "Every service account is in the account register with its purpose and an owner who is employed."
impact = "Nobody changes its credentials, and nobody notices what it does."
action = "Register the account with an owner and a purpose, or disable it."
---*/
WITH spell AS (
    SELECT person_key, sum(end_at IS NULL) AS open_spells, max(unixepoch(end_at)) AS at
    FROM employment
    GROUP BY person_key
),
judged AS (
    SELECT a.account_key, a.source, a.kind, a.status, r.owner, r.owner_key, r.purpose,
           CASE
               WHEN coalesce(a.kind, '') NOT IN ('service') THEN 'other_kind'
               WHEN a.status IN ('disabled', 'absent') THEN 'closed'
               WHEN r.owner <> '' AND r.purpose <> '' AND (s.open_spells > 0 OR s.at > unixepoch(:as_of)) THEN 'owned'
               WHEN a.status IS NULL THEN 'no_status'
               WHEN r.account_key IS NULL THEN 'not_registered'
               WHEN coalesce(r.owner, '') = '' OR coalesce(r.purpose, '') = '' THEN 'incomplete'
               WHEN p.person_key IS NULL THEN 'owner_unknown'
               WHEN s.person_key IS NULL THEN 'owner_without_spell'
               ELSE 'owner_left'
           END AS finding
    FROM account AS a
    LEFT JOIN registered_account AS r ON r.account_key = a.account_key
    LEFT JOIN person AS p ON p.person_key = r.owner_key
    LEFT JOIN spell AS s ON s.person_key = p.person_key
)
SELECT account_key AS subject,
       CASE
           WHEN finding = 'closed' THEN 'not_applicable'
           WHEN finding = 'owned' THEN 'pass'
           WHEN finding IN ('no_status', 'owner_without_spell') THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE finding
           WHEN 'closed' THEN 'the account is ' || status
           WHEN 'owned' THEN owner || ' owns it: ' || purpose
           WHEN 'no_status' THEN 'nobody who is employed owns it, and the source does not say whether it is enabled'
           WHEN 'not_registered' THEN 'it is not in the account register'
           WHEN 'incomplete' THEN 'its entry in the account register lacks an owner or a purpose'
           WHEN 'owner_unknown' THEN 'no roster has its owner `' || owner || '`: write an address or a key of the roster'
           WHEN 'owner_without_spell' THEN 'the roster reports no employment of its owner ' || owner_key
           ELSE 'its owner ' || owner_key || ' has left'
       END AS reason,
       source,
       owner_key,
       purpose
FROM judged
WHERE finding <> 'other_kind';
