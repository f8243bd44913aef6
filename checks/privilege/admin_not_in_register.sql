/*---
title = "Administrator without a recorded justification"
severity = "minor"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.15", "iso27001:2022/A.5.18", "soc2/CC6.3"]
subject = "account"
population = "every administrator of every system; disabled and invited ones and everybody else are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true }

[finding]
criteria = "Each administrator is in the account register, with the reason and who approved it."
impact = "Nobody decided that this account may do everything, or nobody can say why."
action = "Have the role approved and write it to the account register (`justification`, `approved_by`), or take it away."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.is_admin = 0 OR a.status IN ('disabled', 'absent', 'invited') THEN 'not_applicable'
           WHEN r.justification <> '' AND r.approved_by <> '' THEN CASE WHEN a.is_admin IS NULL OR a.status IS NULL THEN 'not_applicable' ELSE 'pass' END
           WHEN a.is_admin IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.is_admin = 0 THEN 'it is no administrator'
           WHEN a.status IN ('disabled', 'absent', 'invited') THEN 'the account is ' || a.status
           WHEN r.justification <> '' AND r.approved_by <> '' THEN r.approved_by || ' approved it: ' || r.justification
           WHEN a.is_admin IS NULL THEN 'the source does not say whether it is an administrator'
           WHEN a.status IS NULL THEN 'the source does not say whether it is enabled'
           WHEN r.account_key IS NULL THEN 'it is an administrator and not in the account register'
           ELSE 'its entry in the account register lacks a justification or who approved it'
       END AS reason,
       a.source,
       a.kind AS account_kind
FROM account AS a
LEFT JOIN registered_account AS r ON r.account_key = a.account_key;
