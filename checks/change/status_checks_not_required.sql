/*---
title = "Changes of the default branch need no passing test"
severity = "minor"
controls = ["iso27001:2022/A.8.32", "iso27001:2022/A.8.29", "soc2/CC8.1"]
subject = "repository"
population = "the default branch of every repository that is not archived; repositories without a commit have none and are listed as not applicable"
max_age = "48h"

[inputs]
repository = { monotone = true }
branch_rule = { monotone = true }

[finding]
criteria = "Tests and security checks pass before a change reaches the branch that production is built from."
impact = "A change that breaks the tests, or that no test ever saw, runs in production."
action = "Require status checks before merging, in the branch's protection or in a ruleset."
---*/
SELECT r.repository_key AS subject,
       CASE
           WHEN r.archived = 1 OR b.repository_key IS NULL THEN 'not_applicable'
           WHEN b.status_checks_required = 1 THEN 'pass'
           WHEN b.status_checks_required = 0 THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN r.archived = 1 THEN 'the repository is archived'
           WHEN b.repository_key IS NULL THEN 'the repository has no branch yet'
           WHEN b.status_checks_required = 1 THEN 'status checks must pass before a merge'
           WHEN b.status_checks_required = 0 THEN 'no status check must pass before a merge'
           ELSE 'the source does not say whether status checks must pass'
       END AS reason,
       r.source,
       b.branch,
       b.admins_exempt
FROM repository AS r
LEFT JOIN branch_rule AS b ON b.repository_key = r.repository_key;
