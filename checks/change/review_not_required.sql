/*---
title = "Changes of the default branch need no review"
severity = "major"
controls = ["iso27001:2022/A.8.32", "iso27001:2022/A.8.4", "iso27001:2022/A.5.3", "soc2/CC8.1"]
subject = "repository"
population = "the default branch of every repository that is not archived; repositories without a commit have none and are listed as not applicable"
max_age = "48h"

[inputs]
repository = { monotone = true }
branch_rule = { monotone = true }

[parameters]
approvals = { type = "integer", default = 1, help = "how many approvals a change needs before it is merged" }

[finding]
criteria = "A change is approved by somebody else before it reaches the branch that production is built from."
impact = "One person alone can change what runs in production."
action = "Require approvals before merging, in the branch's protection or in a ruleset."
---*/
SELECT r.repository_key AS subject,
       CASE
           WHEN r.archived = 1 OR b.repository_key IS NULL THEN 'not_applicable'
           WHEN b.required_approvals >= :approvals THEN 'pass'
           WHEN b.required_approvals < :approvals THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN r.archived = 1 THEN 'the repository is archived'
           WHEN b.repository_key IS NULL THEN 'the repository has no branch yet'
           WHEN b.required_approvals IS NULL THEN 'the source does not say how many approvals a change needs'
           WHEN b.required_approvals = 0 THEN 'a change needs no approval'
           ELSE 'a change needs ' || b.required_approvals || CASE b.required_approvals WHEN 1 THEN ' approval' ELSE ' approvals' END
       END AS reason,
       r.source,
       b.branch,
       b.required_approvals,
       b.stale_approvals_dismissed,
       b.admins_exempt
FROM repository AS r
LEFT JOIN branch_rule AS b ON b.repository_key = r.repository_key;
