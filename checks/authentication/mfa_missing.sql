/*---
title = "Sign-in without a second factor"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "every account of every system but the accounts of hosts; those that cannot sign in with a password (services, disabled, invited, without password) are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true, except = ["linux_accounts"] }

[finding]
criteria = "Everybody who signs in does so with a second factor."
impact = "A stolen or guessed password is enough to act as this account."
action = "Enrol a second factor for the account, and enforce it where the system can."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.kind = 'service' OR a.status IN ('disabled', 'absent', 'invited') OR a.password_enabled = 0
               THEN 'not_applicable'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'pass'
           WHEN a.mfa IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.kind = 'service' THEN 'a service account does not sign in'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN a.password_enabled = 0 THEN 'it cannot sign in with a password'
           WHEN a.mfa IN ('enforced', 'enrolled') THEN 'a second factor is ' || a.mfa
           WHEN a.mfa IS NULL THEN 'the source does not say whether it has a second factor'
           WHEN a.status IS NULL THEN 'it has no second factor, and the source does not say whether it is enabled'
           ELSE 'it can sign in without a second factor'
       END AS reason,
       a.source,
       a.kind AS account_kind,
       a.is_admin
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector <> 'linux_accounts';
