/*---
title = "Break-glass account that nobody tried"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.8.2", "iso27001:2022/A.5.30", "soc2/CC6.1"]
subject = "account"
population = "every break-glass account of every system"
max_age = "24h"
empty = "not_applicable"

[inputs]
account = { monotone = true }

[parameters]
max_age = { type = "duration", default = "183d", help = "longest time between two tests" }

[finding]
criteria = "Emergency access is tried at times, so that it works when it is needed."
impact = "In an emergency the account is locked, its password lost, its second factor gone."
action = "Try the account, record it as `tested_at` in the account register, and change its password afterwards."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'fail'
           WHEN unixepoch(:as_of) - unixepoch(r.tested_at) > :max_age OR r.tested_at IS NULL THEN 'fail'
           WHEN unixepoch(r.tested_at) > unixepoch(:as_of) THEN 'unknown'
           WHEN a.status IS NULL THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'the account is ' || a.status || ': nobody can use it in an emergency'
           WHEN r.tested_at IS NULL THEN 'the account register does not say when it was tried'
           WHEN unixepoch(r.tested_at) > unixepoch(:as_of) THEN 'the account register says that it was tried ' || r.tested_at || ', which is still to come'
           WHEN unixepoch(:as_of) - unixepoch(r.tested_at) > :max_age THEN 'last tried ' || r.tested_at || ', longer ago than allowed'
           WHEN a.status IS NULL THEN 'last tried ' || r.tested_at || '; the source does not say whether it is enabled'
           ELSE 'last tried ' || r.tested_at
       END AS reason,
       a.source,
       r.owner,
       r.tested_at
FROM account AS a
LEFT JOIN registered_account AS r ON r.account_key = a.account_key
WHERE a.kind = 'break_glass';
