/*---
title = "GitHub organisation does not require two-factor authentication"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "system"
population = "every configured GitHub organisation"
max_age = "24h"

[inputs]
setting = { monotone = true, collectors = ["github_org"] }

[finding]
criteria = "The organisation requires two-factor authentication of everybody in it."
impact = "Members may turn it off, and new ones may join without it."
action = "Turn on 'Require two-factor authentication' in the organisation's authentication security settings."
---*/
SELECT v.source AS subject,
       CASE v.value WHEN 'true' THEN 'pass' WHEN 'false' THEN 'fail' ELSE 'unknown' END AS verdict,
       CASE v.value
           WHEN 'true' THEN 'the organisation requires two-factor authentication'
           WHEN 'false' THEN 'the organisation does not require two-factor authentication'
           ELSE 'GitHub did not say whether it is required: only an owner sees it'
       END AS reason,
       v.source
FROM setting AS v
JOIN source AS s ON s.source = v.source
WHERE s.collector = 'github_org'
  AND v.scope = 'organisation'
  AND v.name = 'two_factor_requirement_enabled';
