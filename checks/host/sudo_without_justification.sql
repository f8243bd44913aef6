/*---
title = "Administrator of a host without a recorded justification"
severity = "minor"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.15", "soc2/CC6.3"]
subject = "account"
population = "every account of every host that administers it (number 0, sudo rule for everything, or a group that has one); root itself and everybody else are listed as not applicable"
max_age = "24h"

[inputs]
account = { monotone = true, collectors = ["linux_accounts"] }

[finding]
criteria = "Who may act as root is in the account register, with the reason and who approved it."
impact = "Nobody decided that this account may do everything on the host, or nobody can say why."
action = "Have it approved and write `justification` and `approved_by` to the account register, or take the rule or the group away."
---*/
SELECT a.account_key AS subject,
       CASE
           WHEN a.kind = 'root' AND a.login = 'root' OR a.is_admin = 0 OR a.status IN ('disabled', 'absent') THEN 'not_applicable'
           WHEN r.justification <> '' AND r.approved_by <> '' AND (r.valid_to IS NULL OR unixepoch(r.valid_to) > unixepoch(:as_of)) THEN 'pass'
           WHEN a.is_admin IS NULL OR a.status IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN a.kind = 'root' AND a.login = 'root' THEN 'it is root'
           WHEN a.is_admin = 0 THEN 'it does not administer the host'
           WHEN a.status IN ('disabled', 'absent') THEN 'the account is ' || a.status
           WHEN r.justification <> '' AND r.approved_by <> '' AND (r.valid_to IS NULL OR unixepoch(r.valid_to) > unixepoch(:as_of)) THEN r.approved_by || ' approved it: ' || r.justification
           WHEN a.is_admin IS NULL THEN 'the source does not say whether it may act as root'
           WHEN a.status IS NULL THEN 'it may act as root; the source does not say whether somebody can come in'
           WHEN unixepoch(r.valid_to) <= unixepoch(:as_of) THEN 'its justification ran out ' || r.valid_to
           WHEN r.account_key IS NULL THEN 'it may act as root and is not in the account register'
           ELSE 'its entry in the account register lacks a justification or who approved it'
       END AS reason,
       a.source
FROM account AS a
JOIN source AS s ON s.source = a.source
LEFT JOIN registered_account AS r ON r.account_key = a.account_key
WHERE s.collector = 'linux_accounts';
