/*---
title = "Password older than allowed"
severity = "minor"                      # major, minor, opportunity or observation: proposed, a person decides
controls = ["iso27001:2022/A.5.17"]     # `evidenced controls list` shows them
subject = "account"
population = "every account that signs in with a password; disabled ones and those without one are listed as not applicable"
max_age = "24h"                         # older evidence is inconclusive

[inputs]                                # tables it reads; monotone: no further row could undo a failure
account = { monotone = true }

[parameters]                            # policy, set under [checks.parameters]; bound as :limit, durations in seconds
limit = { type = "duration", default = "365d", help = "age a password may have" }

[finding]
criteria = "What ought to be."
impact = "Why it matters that it is not."
action = "What to do about it."
---*/
-- One row for every member of the population, the passing ones included. NULL means that the source did not say: then it
-- cannot be told, which is `unknown` and never a pass. Time enters only as :as_of and parameters.
SELECT a.account_key AS subject,
       CASE
           WHEN a.status IN ('disabled', 'absent') OR a.password_enabled = 0 THEN 'not_applicable'
           WHEN unixepoch(:as_of) - unixepoch(a.password_changed_at) <= :limit THEN 'pass'
           WHEN a.password_changed_at IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.status IN ('disabled', 'absent') THEN 'the account is ' || a.status
           WHEN a.password_enabled = 0 THEN 'it has no password'
           WHEN a.password_changed_at IS NULL THEN 'the source does not say when the password was changed'
           ELSE 'the password was changed ' || a.password_changed_at
       END AS reason,
       a.source
FROM account AS a;
