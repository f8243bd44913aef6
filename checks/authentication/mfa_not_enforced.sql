/*---
title = "Second factor that nobody enforces"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "every account of systems that say whether a second factor is enforced (GitHub, Google Workspace, Entra ID); services, and accounts that are disabled, invited or cannot sign in with a password, are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["github_org", "google_workspace", "entra_id"] }

[finding]
criteria = "The system makes everybody use a second factor."
impact = "Whoever enrolled may turn it off again, and who joins later need not enrol."
action = "Require a second factor of everybody, in the organisation's settings or by a policy."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.kind = 'service' OR a.status IN ('disabled', 'absent', 'invited') OR a.password_enabled = 0 THEN 'not_applicable'
           WHEN a.mfa = 'enforced' THEN 'pass'
           WHEN a.mfa IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.kind = 'service' THEN 'a service account does not sign in'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN a.password_enabled = 0 THEN 'it cannot sign in with a password'
           WHEN a.mfa = 'enforced' THEN 'a second factor is enforced'
           WHEN a.mfa IS NULL THEN 'the source does not say whether a second factor is enforced'
           WHEN a.status IS NULL THEN 'no second factor is enforced, and the source does not say whether the account is enabled'
           WHEN a.mfa = 'enrolled' THEN 'a second factor is enrolled, and nothing enforces it'
           ELSE 'it has no second factor, and nothing enforces one'
       END AS reason,
       a.source,
       a.kind AS account_kind,
       a.is_admin
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector IN ('github_org', 'google_workspace', 'entra_id');
