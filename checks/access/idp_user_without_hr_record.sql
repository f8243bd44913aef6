/*---
title = "Identity provider user whom no roster has"
severity = "major"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "soc2/CC6.1", "soc2/CC6.2"]
subject = "account"
population = "every account of an identity provider or directory (Okta, Entra ID, Google Workspace, SCIM); disabled and absent ones are listed as not applicable"
max_age = "24h"

[inputs]
person = { monotone = false }
account = { monotone = true, collectors = ["okta", "entra_id", "google_workspace", "scim"] }

[finding]
criteria = "Only people the organisation employs or engages, and registered accounts, can sign in through its identity provider."
impact = "Whoever it is can enter every system behind the identity provider, and nothing will end that when they leave."
action = "Find out whose it is: approve a link to the person, register the account with an owner and a purpose, or disable it."
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
           WHEN a.status IS NULL THEN 'no roster has its person, and the source does not say whether it is enabled'
           ELSE 'no roster has its person, and it is not registered with an owner and a purpose'
       END AS reason,
       a.source,
       a.kind AS account_kind,
       (SELECT min(m.person_key || ' by ' || m.basis) FROM possible_match AS m WHERE m.account_key = a.account_key) AS possible
FROM account AS a
JOIN source AS s ON s.source = a.source
LEFT JOIN identity_link AS l ON l.account_key = a.account_key
LEFT JOIN registered_account AS r ON r.account_key = a.account_key
WHERE s.collector IN ('okta', 'entra_id', 'google_workspace', 'scim');
