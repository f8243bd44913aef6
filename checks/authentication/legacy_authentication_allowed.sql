/*---
title = "Sign-in by protocols that know no second factor"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "system"
population = "every Entra ID tenant"
max_age = "24h"

[inputs]
setting = { monotone = false, collectors = ["entra_id"] }

[finding]
criteria = "Protocols that cannot ask for a second factor are refused."
impact = "A password alone, guessed or stolen, is enough through an old mail protocol, whatever the sign-in page asks for."
action = "Turn on security defaults, or a conditional access policy for all users and applications that blocks Exchange ActiveSync and other clients."
---*/
WITH policy AS (
    SELECT source, scope,
           max(CASE WHEN name = 'state' THEN value END) AS state,
           max(name = 'grantControls.builtInControls[0]' AND value = 'block' OR name LIKE 'grantControls.builtInControls[%' AND value = 'block') AS blocks,
           max(name LIKE 'conditions.clientAppTypes[%' AND value IN ('other', 'all')) AS other,
           max(name LIKE 'conditions.clientAppTypes[%' AND value IN ('exchangeActiveSync', 'all')) AS activesync,
           max(name LIKE 'conditions.clientAppTypes[%' AND value IN ('browser', 'mobileAppsAndDesktopClients')) AS modern,
           max(name LIKE 'conditions.users.includeUsers[%' AND value = 'All') AS everybody,
           max(name LIKE 'conditions.applications.includeApplications[%' AND value = 'All') AS everywhere,
           sum(name LIKE 'conditions.users.exclude%' OR name LIKE 'conditions.applications.exclude%'
               OR name LIKE 'conditions.locations.%' OR name LIKE 'conditions.platforms.%') AS narrowed
    FROM setting
    WHERE scope LIKE 'conditional_access/%'
    GROUP BY source, scope
),
-- a policy that leaves somebody, somewhere or some device out blocks most and proves nothing of the rest
tenant AS (
    SELECT s.source,
           (SELECT max(v.value) FROM setting AS v
             WHERE v.source = s.source AND v.scope = 'organisation' AND v.name = 'security_defaults_enabled') AS defaults,
           (SELECT count(*) FROM setting AS v WHERE v.source = s.source AND v.scope LIKE 'conditional_access/%') AS rows,
           (SELECT min(p.scope) FROM policy AS p
             WHERE p.source = s.source AND p.state = 'enabled' AND p.blocks AND p.other AND p.activesync AND NOT p.modern
               AND p.everybody AND p.everywhere AND p.narrowed = 0) AS whole,
           (SELECT min(p.scope) FROM policy AS p
             WHERE p.source = s.source AND p.state = 'enabled' AND p.blocks AND (p.other OR p.activesync) AND NOT p.modern) AS partly
    FROM source AS s
    WHERE s.collector = 'entra_id' AND EXISTS (SELECT 1 FROM setting AS v WHERE v.source = s.source)
)
SELECT source AS subject,
       CASE
           WHEN defaults = 'true' OR whole IS NOT NULL THEN 'pass'
           WHEN partly IS NOT NULL OR defaults IS NULL THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN defaults = 'true' THEN 'security defaults are on, which refuse legacy authentication'
           WHEN whole IS NOT NULL THEN 'the policy `' || substr(whole, 20) || '` blocks it for everybody and every application'
           WHEN partly IS NOT NULL THEN 'the policy `' || substr(partly, 20) || '` blocks it for some; whether the others may use it, somebody has to look at'
           WHEN defaults IS NULL THEN 'the source does not say whether security defaults are on'
           ELSE 'security defaults are off, and no enabled policy blocks it'
       END AS reason,
       source
FROM tenant;
