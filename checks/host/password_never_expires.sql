/*---
title = "Password on a host that never has to be changed"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "soc2/CC6.1"]
subject = "account"
population = "every account of every host; those that no password opens and disabled ones are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["linux_accounts"] }

[parameters]
longest = { type = "integer", default = 365, help = "days a password may be kept at most; 99999 is what distributions write for never" }

[finding]
criteria = "Whoever comes into a host with a password has to change it after the time that the password policy gives."
impact = "A password that was seen, guessed or shared once opens the host for years."
action = "Set the longest age of the password (`chage -M`), or lock the password and let keys in alone."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.password_enabled = 0 OR a.status IN ('disabled', 'absent') THEN 'not_applicable'
           WHEN a.password_expires = 0 OR a.password_max_age_days > :longest THEN 'fail'
           WHEN a.password_enabled IS NULL OR a.password_max_age_days IS NULL THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN a.password_enabled = 0 THEN 'no password opens it'
           WHEN a.status IN ('disabled', 'absent') THEN 'nobody can come in through it'
           WHEN a.password_expires = 0 THEN 'its password never has to be changed'
           WHEN a.password_max_age_days > :longest THEN 'its password may be kept for ' || a.password_max_age_days || ' days, and ' || :longest || ' are allowed'
           WHEN a.password_enabled IS NULL THEN 'whether a password opens it was not seen'
           WHEN a.password_max_age_days IS NULL THEN 'after how many days its password must be changed was not seen'
           ELSE 'its password must be changed after ' || a.password_max_age_days || ' days'
       END AS reason,
       a.source,
       a.kind AS account_kind,
       a.password_max_age_days
FROM account AS a
JOIN source AS s ON s.source = a.source
WHERE s.collector = 'linux_accounts';
