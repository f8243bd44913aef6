/*---
title = "More administrators than the organisation allows"
severity = "minor"
controls = ["iso27001:2022/A.8.2", "iso27001:2022/A.5.15", "soc2/CC6.3"]
subject = "system"
population = "every system that has accounts; administrators that are disabled are not counted, and hosts are left to a check of their own"
max_age = "24h"

[inputs]
account = { monotone = true, except = ["linux_accounts"] }

[parameters]
most = { type = "integer", default = 5, help = "how many administrators a system may have" }

[finding]
criteria = "Few people administer a system."
impact = "Each administrator is one more way to lose the whole system."
action = "Take the role from those who do not need it every week; give it for a limited time when they do."
---*/
WITH counted AS (
    SELECT a.source,
           sum(a.is_admin = 1 AND coalesce(a.status, 'enabled') IN ('enabled', 'invited')) AS at_most,
           sum(a.is_admin = 1 AND a.status = 'enabled') AS certain,
           sum(a.is_admin IS NULL AND coalesce(a.status, 'enabled') IN ('enabled', 'invited')) AS unsaid
    FROM account AS a
    JOIN source AS s ON s.source = a.source
    WHERE s.collector <> 'linux_accounts' AND coalesce(a.kind, '') NOT IN ('root', 'break_glass')
    GROUP BY a.source
)
SELECT source AS subject,
       CASE
           WHEN coalesce(certain, 0) > :most THEN 'fail'
           WHEN coalesce(at_most, 0) + unsaid > :most THEN 'unknown'
           ELSE 'pass'
       END AS verdict,
       CASE
           WHEN coalesce(certain, 0) > :most THEN certain || ' administrators, at most ' || :most || ' are allowed'
           WHEN coalesce(at_most, 0) + unsaid > :most THEN 'the source does not say of ' || (coalesce(at_most, 0) + unsaid - coalesce(certain, 0)) || ' accounts whether they are enabled administrators'
           ELSE coalesce(at_most, 0) || ' administrators'
       END AS reason,
       source,
       coalesce(certain, 0) AS administrators
FROM counted;
