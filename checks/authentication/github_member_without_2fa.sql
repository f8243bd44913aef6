/*---
title = "GitHub member without two-factor authentication"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "every member and outside collaborator of every configured GitHub organisation; bots and open invitations are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["github_org"] }

[finding]
criteria = "Everybody with access to the organisation has two-factor authentication."
impact = "A stolen or guessed password gives access to source code."
action = "Ask the person to turn it on, or remove them; then require it in the organisation's settings."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.kind = 'service' OR a.status IN ('disabled', 'absent', 'invited') THEN 'not_applicable'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'pass'
           WHEN a.mfa IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.kind = 'service' THEN 'a bot does not sign in'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'two-factor authentication is on'
           WHEN a.mfa IS NULL THEN 'GitHub did not say whether two-factor authentication is on: only an owner sees it'
           ELSE 'two-factor authentication is off'
       END AS reason,
       a.source,
       a.kind AS account_kind,
       a.is_admin
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector = 'github_org';
