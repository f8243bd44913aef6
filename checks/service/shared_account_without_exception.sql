/*---
title = "Shared account that nobody approved"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.8.2", "soc2/CC6.1"]
subject = "account"
population = "every shared account of every system; disabled ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
account = { monotone = true }

[finding]
criteria = "People do not share accounts; where it cannot be helped, somebody approved it with a reason and an end."
impact = "What is done with the account has no name to it, and everybody who ever knew the password still knows it."
action = "Give everybody an account of their own; or write owner, purpose, `justification`, `approved_by` and `valid_to` to the account register."
---*/
WITH judged AS (
    SELECT a.account_key, a.source, a.status, r.owner, r.justification, r.approved_by, r.valid_to,
           CASE
               WHEN a.status IN ('disabled', 'absent') THEN 'closed'
               WHEN r.owner <> '' AND r.purpose <> '' AND r.justification <> '' AND r.approved_by <> ''
                    AND unixepoch(r.valid_to) > unixepoch(:as_of) THEN 'approved'
               WHEN a.status IS NULL THEN 'no_status'
               WHEN r.account_key IS NULL THEN 'not_registered'
               WHEN unixepoch(r.valid_to) <= unixepoch(:as_of) THEN 'over'
               ELSE 'incomplete'
           END AS finding
    FROM account AS a
    LEFT JOIN registered_account AS r ON r.account_key = a.account_key
    WHERE a.kind = 'shared'
)
SELECT account_key AS subject,
       CASE finding WHEN 'closed' THEN 'not_applicable' WHEN 'approved' THEN 'pass' WHEN 'no_status' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE finding
           WHEN 'closed' THEN 'the account is ' || status
           WHEN 'approved' THEN approved_by || ' approved it until ' || valid_to || ': ' || justification
           WHEN 'no_status' THEN 'it is not approved, and the source does not say whether it is enabled'
           WHEN 'not_registered' THEN 'it is not in the account register'
           WHEN 'over' THEN 'its approval ran out ' || valid_to
           ELSE 'its entry in the account register lacks owner, purpose, justification, who approved it, or an end'
       END AS reason,
       source,
       owner
FROM judged;
