/*---
title = "History of the default branch can be rewritten"
severity = "minor"
controls = ["iso27001:2022/A.8.32", "iso27001:2022/A.8.4", "soc2/CC8.1"]
subject = "repository"
population = "the default branch of every repository that is not archived; repositories without a commit have none and are listed as not applicable"
max_age = "48h"

[inputs]
repository = { monotone = true }
branch_rule = { monotone = true }

[finding]
criteria = "What was released can be traced in a history that nobody rewrites."
impact = "A forced push takes changes, and the proof of who made them, out of the history."
action = "Refuse forced pushes to the default branch, in its protection or in a ruleset."
---*/
SELECT r.repository_key AS subject,
       CASE
           WHEN r.archived = 1 OR b.repository_key IS NULL THEN 'not_applicable'
           WHEN b.force_push_allowed = 0 THEN 'pass'
           WHEN b.force_push_allowed = 1 THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN r.archived = 1 THEN 'the repository is archived'
           WHEN b.repository_key IS NULL THEN 'the repository has no branch yet'
           WHEN b.force_push_allowed = 0 THEN 'forced pushes are refused'
           WHEN b.force_push_allowed = 1 THEN 'forced pushes are allowed'
           ELSE 'the source does not say whether forced pushes are allowed'
       END AS reason,
       r.source,
       b.branch,
       b.deletion_allowed
FROM repository AS r
LEFT JOIN branch_rule AS b ON b.repository_key = r.repository_key;
