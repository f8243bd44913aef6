/*---
title = "Account that belongs to nobody"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "soc2/CC6.1", "soc2/CC6.2"]
subject = "account"
population = "every account of every system; disabled ones are listed as not applicable"
max_age = "24h"

[inputs]
person = { monotone = false }
account = { monotone = true }

[finding]
criteria = "Every account belongs to a known person, or is registered with an owner and a purpose."
impact = "Nobody answers for what the account does, and nobody removes it when it is no longer needed."
action = "Approve a link to its person, register it with owner and purpose, or disable it."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'not_applicable'
           WHEN l.person_key IS NOT NULL THEN 'pass'
           WHEN r.owner <> '' AND r.purpose <> '' THEN 'pass'
           WHEN a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'the account is ' || a.status
           WHEN l.person_key IS NOT NULL THEN 'it belongs to ' || l.person_key || ' (' || l.method || ')'
           WHEN r.owner <> '' AND r.purpose <> '' THEN 'it is registered, and ' || r.owner || ' owns it'
           WHEN a.status IS NULL THEN 'it belongs to nobody, and the source does not say whether it is enabled'
           WHEN r.account_key IS NOT NULL THEN 'its entry in the account register lacks an owner or a purpose'
           WHEN a.kind IN ('service', 'shared', 'break_glass', 'root')
               THEN 'a ' || a.kind || ' account needs an owner and a purpose in the account register'
           WHEN a.email IS NULL AND coalesce(a.login, '') NOT LIKE '%@%'
               THEN 'no person is linked, and the source reports no address for it'
           ELSE 'no person is linked'
       END AS reason,
       a.source,
       a.kind AS account_kind,
       a.status AS account_status
FROM account AS a
LEFT JOIN identity_link AS l ON l.account_key = a.account_key
LEFT JOIN registered_account AS r ON r.account_key = a.account_key;
