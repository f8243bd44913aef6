/*---
title = "AWS account of the organisation whose users nobody reads"
severity = "minor"
controls = ["iso27001:2022/A.5.9", "iso27001:2022/9.1", "soc2/CC4.1", "soc2/CC6.1"]
subject = "aws account"
population = "every account of the AWS organisation; accounts that are closed, suspended or not yet active are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
setting = { monotone = false, collectors = ["aws_organization", "aws_iam"] }

[finding]
criteria = "Every active account of the organisation is read by a source of collector aws_iam."
impact = "Users and keys of an account that nobody reads are in no check and no access review."
action = "Add the account to the sources of collector aws_iam (`account_ids` with `role_name`), or close it."
---*/
-- Both collectors give settings in the scope of an AWS account: the organisation's says which there are, an IAM source's
-- that somebody reads it. Without an organisation nobody says which there should be.
WITH listed AS (
    SELECT t.source, t.scope AS account_id, t.value AS state
    FROM setting AS t
    JOIN source AS s ON s.source = t.source
    WHERE s.collector = 'aws_organization' AND t.name = 'organization.account_state'
),
reading AS (
    SELECT account_id, group_concat(source, ', ') AS sources
    FROM (SELECT DISTINCT t.scope AS account_id, t.source
          FROM setting AS t
          JOIN source AS s ON s.source = t.source
          WHERE s.collector = 'aws_iam'
          ORDER BY t.scope, t.source)
    GROUP BY account_id
)
SELECT l.source || ':' || l.account_id AS subject,
       CASE
           WHEN l.state IN ('PENDING_ACTIVATION', 'SUSPENDED', 'PENDING_CLOSURE', 'CLOSED') THEN 'not_applicable'
           WHEN l.state IS NULL OR l.state <> 'ACTIVE' THEN 'unknown'
           WHEN r.account_id IS NOT NULL THEN 'pass'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN l.state IN ('PENDING_ACTIVATION', 'SUSPENDED', 'PENDING_CLOSURE', 'CLOSED')
               THEN 'the account is not active: ' || lower(l.state)
           WHEN l.state IS NULL THEN 'AWS did not say whether the account is active'
           WHEN l.state <> 'ACTIVE' THEN 'AWS gives the account a state that is not known: ' || l.state
           WHEN r.account_id IS NOT NULL THEN 'the account is read by ' || r.sources
           ELSE 'no source of collector aws_iam reads the account'
       END AS reason,
       l.source,
       l.account_id,
       (SELECT max(n.value) FROM setting AS n
        WHERE n.source = l.source AND n.scope = l.account_id AND n.name = 'organization.account_name') AS name,
       l.state
FROM listed AS l
LEFT JOIN reading AS r ON r.account_id = l.account_id;
