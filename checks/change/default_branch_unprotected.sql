/*---
title = "Default branch is not protected"
severity = "major"
controls = ["iso27001:2022/A.8.32", "iso27001:2022/A.8.4", "soc2/CC8.1"]
subject = "repository"
population = "the default branch of every repository that is not archived; repositories without a commit have none and are listed as not applicable"
max_age = "48h"

[inputs]
repository = { monotone = true }
branch_rule = { monotone = true }

[finding]
criteria = "Some rule is in force for the branch that production is built from."
impact = "Anybody with write access can put anything onto it, or take history away."
action = "Protect the default branch, by a ruleset of the organisation where there are many repositories."
---*/
SELECT r.repository_key AS subject,
       CASE
           WHEN r.archived = 1 THEN 'not_applicable'
           WHEN b.repository_key IS NULL THEN 'not_applicable'
           WHEN b.protected = 1 THEN 'pass'
           WHEN b.protected = 0 THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN r.archived = 1 THEN 'the repository is archived'
           WHEN b.repository_key IS NULL THEN 'the repository has no branch yet'
           WHEN b.protected = 1 THEN 'a rule is in force for ' || coalesce(b.branch, 'the default branch')
           WHEN b.protected = 0 THEN 'no rule is in force for ' || coalesce(b.branch, 'the default branch')
           ELSE 'the source does not say whether the default branch is protected'
       END AS reason,
       r.source,
       b.branch,
       r.visibility
FROM repository AS r
LEFT JOIN branch_rule AS b ON b.repository_key = r.repository_key;
