/*---
title = "Second root account on a host"
severity = "major"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.17", "soc2/CC6.1", "soc2/CC6.3"]
subject = "account"
population = "every account of every host"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["linux_accounts"] }

[finding]
criteria = "On each host exactly one account is root."
impact = "A second account with the number 0 is root under another name, and is how intruders stay."
action = "Find out who made it; remove the account, or give it a number of its own."
---*/
SELECT a.account_key AS subject,
       CASE WHEN a.native_id IS NULL THEN 'unknown' WHEN a.native_id = '0' AND a.login <> 'root' THEN 'fail' ELSE 'pass' END AS verdict,
       CASE
           WHEN a.native_id IS NULL THEN 'the source does not say its number'
           WHEN a.native_id = '0' AND a.login <> 'root' THEN 'the account has the number 0 and is root under another name'
           WHEN a.native_id = '0' THEN 'it is root'
           ELSE 'its number is ' || a.native_id
       END AS reason,
       a.source
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector = 'linux_accounts';
