/*---
title = "Password of its own in a system entered by single sign-on"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "account"
population = "every account; it applies to those of the systems that the parameter `systems` names"
max_age = "24h"

[inputs]
account = { monotone = true }

[parameters]
systems = { type = "text", default = "", help = "names of the sources whose systems are entered by single sign-on alone, separated by commas" }

[finding]
criteria = "Systems behind single sign-on are entered through it alone."
impact = "A password of the system's own works after the identity provider has refused or closed the account, and without its second factor."
action = "Remove the password, or register the account as break-glass and keep its password sealed."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN NOT instr(',' || replace(:systems, ' ', '') || ',', ',' || a.source || ',') THEN 'not_applicable'
           WHEN a.kind IN ('root', 'break_glass') OR a.status IN ('disabled', 'absent', 'invited') THEN 'not_applicable'
           WHEN a.password_enabled = 0 THEN 'pass'
           WHEN a.password_enabled IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN NOT instr(',' || replace(:systems, ' ', '') || ',', ',' || a.source || ',') THEN '`systems` does not say that it is entered by single sign-on'
           WHEN a.kind IN ('root', 'break_glass') THEN 'a ' || replace(a.kind, '_', '-') || ' account is meant to have a password of its own'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN a.password_enabled = 0 THEN 'it has no password of its own'
           WHEN a.password_enabled IS NULL THEN 'the source does not say whether it has a password of its own'
           WHEN a.status IS NULL THEN 'it has a password of its own; the source does not say whether it is enabled'
           ELSE 'it has a password of its own beside single sign-on'
       END AS reason,
       a.source,
       a.kind AS account_kind
FROM account AS a;
