/*---
title = "Every member of the organisation may write to its repositories"
severity = "minor"
controls = ["iso27001:2022/A.8.4", "iso27001:2022/A.5.15", "iso27001:2022/A.8.3", "soc2/CC6.1", "soc2/CC8.1"]
subject = "system"
population = "every configured GitHub organisation"
max_age = "24h"

[inputs]
setting = { monotone = true, collectors = ["github_org"] }

[finding]
criteria = "By default a member may read at most; more is given by team."
impact = "Everybody can push to every repository, whether or not their work needs it."
action = "Set the base permission of the organisation to read or none, and give teams what they need."
---*/
SELECT v.source AS subject,
       CASE WHEN v.value IN ('none', 'read') THEN 'pass' WHEN v.value IS NULL THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE WHEN v.value IS NULL THEN 'GitHub did not say what members may do by default: only an owner sees it'
            ELSE 'by default a member may ' || CASE v.value WHEN 'none' THEN 'do nothing' WHEN 'admin' THEN 'administer' ELSE v.value END END AS reason,
       v.source
FROM setting AS v
JOIN source AS s ON s.source = v.source
WHERE s.collector = 'github_org'
  AND v.scope = 'organisation'
  AND v.name = 'default_repository_permission';
