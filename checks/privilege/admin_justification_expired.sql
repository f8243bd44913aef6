/*---
title = "Administrator whose justification has run out"
severity = "minor"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.18", "soc2/CC6.3"]
subject = "account"
population = "every administrator whose entry in the account register has a justification; all others are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true }

[parameters]
end_required = { type = "boolean", default = false, help = "whether a justification without an end is refused" }

[finding]
criteria = "The reason for which somebody administers a system is looked at again before it runs out."
impact = "The role outlives what it was given for."
action = "Have the role approved anew with a later `valid_to`, or take it away."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.is_admin = 0 OR a.status IN ('disabled', 'absent', 'invited') OR coalesce(r.justification, '') = '' THEN 'not_applicable'
           WHEN unixepoch(r.valid_to) > unixepoch(:as_of) OR r.valid_to IS NULL AND NOT :end_required THEN 'pass'
           WHEN a.is_admin IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.is_admin = 0 THEN 'it is no administrator'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN coalesce(r.justification, '') = '' THEN 'the account register has no justification for it'
           WHEN r.valid_to IS NULL THEN 'its justification has no end' || CASE WHEN :end_required THEN ', and one is asked for' ELSE '' END
           WHEN unixepoch(r.valid_to) > unixepoch(:as_of) THEN 'its justification holds until ' || r.valid_to
           WHEN a.is_admin IS NULL THEN 'its justification ran out; the source does not say whether it is an administrator'
           WHEN a.status IS NULL THEN 'its justification ran out; the source does not say whether it is enabled'
           ELSE 'its justification ran out ' || r.valid_to
       END AS reason,
       a.source,
       r.approved_by
FROM account AS a
LEFT JOIN registered_account AS r ON r.account_key = a.account_key;
