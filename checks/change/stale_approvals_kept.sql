/*---
title = "Approvals outlive the change they were given to"
severity = "minor"
controls = ["iso27001:2022/A.8.32", "iso27001:2022/A.8.4", "soc2/CC8.1"]
subject = "repository"
population = "the default branch of every repository that is not archived; repositories without a commit have none and are listed as not applicable, and so are those where no approval is asked for"
max_age = "48h"

[inputs]
repository = { monotone = true }
branch_rule = { monotone = true }

[finding]
criteria = "An approval holds for what the approver saw."
impact = "Somebody adds to a change after it was approved, and nobody else looks at that."
action = "Dismiss stale approvals when new commits are pushed, in the branch's protection or in a ruleset."
---*/
SELECT r.repository_key AS subject,
       CASE
           WHEN r.archived = 1 OR b.repository_key IS NULL OR b.required_approvals = 0 THEN 'not_applicable'
           WHEN b.stale_approvals_dismissed = 1 THEN 'pass'
           WHEN b.stale_approvals_dismissed = 0 THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN r.archived = 1 THEN 'the repository is archived'
           WHEN b.repository_key IS NULL THEN 'the repository has no branch yet'
           WHEN b.required_approvals = 0 THEN 'a change needs no approval'
           WHEN b.stale_approvals_dismissed = 1 THEN 'an approval falls when the change is changed'
           WHEN b.stale_approvals_dismissed = 0 THEN 'an approval stays when the change is changed after it'
           ELSE 'the source does not say whether approvals fall when a change is changed'
       END AS reason,
       r.source,
       b.branch,
       b.admins_exempt
FROM repository AS r
LEFT JOIN branch_rule AS b ON b.repository_key = r.repository_key;
