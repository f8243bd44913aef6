/*---
title = "Account on a host that belongs to nobody"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "iso27001:2022/A.8.2", "soc2/CC6.1", "soc2/CC6.3"]
subject = "account"
population = "every account of every host through which somebody can come in; services without a way in and disabled accounts are listed as not applicable"
max_age = "24h"

[inputs]
person = { monotone = false }
account = { monotone = true, collectors = ["linux_accounts"] }

[finding]
criteria = "Everybody who can come into a host is a known person, or is registered with an owner and a purpose."
impact = "Nobody removes the account when its holder leaves, for nobody knows who that is."
action = "Approve a link to its person, register it with owner and purpose, or lock it."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'not_applicable'
           WHEN l.person_key IS NOT NULL OR r.owner <> '' AND r.purpose <> '' THEN 'pass'
           WHEN a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'nobody can come in through it'
           WHEN l.person_key IS NOT NULL THEN 'it belongs to ' || l.person_key || ' (' || l.method || ')'
           WHEN r.owner <> '' AND r.purpose <> '' THEN 'it is registered, and ' || r.owner || ' owns it'
           WHEN a.status IS NULL THEN 'it belongs to nobody, and whether somebody can come in through it was not seen'
           WHEN r.account_key IS NOT NULL THEN 'its entry in the account register lacks an owner or a purpose'
           ELSE 'it belongs to nobody and is not registered'
       END AS reason,
       a.source,
       a.kind AS account_kind
FROM account AS a
JOIN source AS s ON s.source = a.source
LEFT JOIN identity_link AS l ON l.account_key = a.account_key
LEFT JOIN registered_account AS r ON r.account_key = a.account_key
WHERE s.collector = 'linux_accounts';
