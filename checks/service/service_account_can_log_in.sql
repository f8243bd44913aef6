/*---
title = "Service account that can sign in like a person"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.17", "iso27001:2022/A.8.2", "soc2/CC6.1"]
subject = "account"
population = "every service account of every system; disabled ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
account = { monotone = true }

[finding]
criteria = "Service accounts have no password."
impact = "People share its password and act without a name."
action = "Remove the password; leave the account the keys or tokens its work needs."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'not_applicable'
           WHEN a.password_enabled = 0 THEN 'pass'
           WHEN a.password_enabled IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'the account is ' || a.status
           WHEN a.password_enabled = 0 THEN 'it has no password'
           WHEN a.password_enabled IS NULL THEN 'the source does not say whether it has a password'
           WHEN a.status IS NULL THEN 'it has a password; the source does not say whether it is enabled'
           ELSE 'it has a password'
       END AS reason,
       a.source
FROM account AS a
WHERE a.kind = 'service';
