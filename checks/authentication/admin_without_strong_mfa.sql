/*---
title = "Administrator whose second factor can be phished"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.2", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "every administrator of every system but hosts; service accounts, disabled and invited ones and everybody else are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true, except = ["linux_accounts"] }

[finding]
criteria = "Administrators sign in with a second factor that resists phishing: a security key, a passkey, a certificate."
impact = "A code or a prompt can be had from an administrator by a false sign-in page, and with it the whole system."
action = "Enrol a security key or passkey for the administrator, and allow nothing weaker for the role."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.kind = 'service' OR a.status IN ('disabled', 'absent', 'invited') OR a.is_admin = 0 OR a.password_enabled = 0 THEN 'not_applicable'
           WHEN a.mfa_phishing_resistant = 1 THEN 'pass'
           WHEN a.is_admin IS NULL OR a.status IS NULL THEN 'unknown'
           WHEN a.mfa_phishing_resistant = 0 OR a.mfa = 'none' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN a.kind = 'service' THEN 'a service account does not sign in'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN a.is_admin = 0 THEN 'it is no administrator'
           WHEN a.password_enabled = 0 THEN 'it cannot sign in with a password'
           WHEN a.mfa_phishing_resistant = 1 THEN 'it has a second factor that resists phishing'
           WHEN a.is_admin IS NULL THEN 'the source does not say whether it is an administrator'
           WHEN a.status IS NULL THEN 'the source does not say whether it is enabled'
           WHEN a.mfa = 'none' THEN 'it has no second factor'
           WHEN a.mfa_phishing_resistant = 0 THEN 'its second factor does not resist phishing'
           ELSE 'the source does not say whether its second factor resists phishing'
       END AS reason,
       a.source,
       a.kind AS account_kind
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector <> 'linux_accounts';
