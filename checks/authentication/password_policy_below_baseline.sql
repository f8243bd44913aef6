/*---
title = "Password policy below the baseline"
severity = "minor"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.8.5", "soc2/CC6.1"]
subject = "setting"
population = "the password policy of every AWS account and every active password policy of every Okta organisation"
max_age = "24h"

[inputs]
setting = { monotone = true, collectors = ["aws_iam", "okta"] }

[parameters]
minimum_length = { type = "integer", default = 12, help = "least number of characters" }
remembered = { type = "integer", default = 1, help = "how many former passwords must not come back; 0: not asked for" }

[finding]
criteria = "Passwords are long enough, and old ones are not taken again."
impact = "Short passwords are guessed, and leaked ones come back."
action = "Raise the minimum length, and remember former passwords, in the system's password policy."
---*/
WITH policy AS (
    SELECT v.source, coalesce(v.scope, '') AS scope,
           max(CASE WHEN v.name = 'password_policy.is_set' THEN v.value END) AS is_set,
           max(CASE WHEN v.name IN ('password_policy.minimum_length', 'password.complexity.minLength') THEN CAST(v.value AS INTEGER) END) AS length,
           max(CASE WHEN v.name IN ('password_policy.reuse_prevention', 'password.age.historyCount') THEN CAST(v.value AS INTEGER) END) AS history,
           max(CASE WHEN v.name = 'status' THEN v.value END) AS status
    FROM setting AS v
    JOIN source AS s ON s.source = v.source
    WHERE s.collector = 'aws_iam' AND v.name LIKE 'password_policy.%'
       OR s.collector = 'okta' AND v.scope LIKE 'PASSWORD/%' AND v.scope NOT LIKE 'PASSWORD/%/%'
    GROUP BY v.source, v.scope
),
judged AS (
    SELECT *,
           CASE
               WHEN status <> 'ACTIVE' THEN 'inactive'
               WHEN is_set IN ('0', 'false') THEN 'none'
               WHEN length < :minimum_length THEN 'short'
               -- AWS leaves what is not asked for out of a policy that it has told
               WHEN coalesce(history, CASE WHEN is_set IN ('1', 'true') THEN 0 END) < :remembered THEN 'reused'
               WHEN length IS NULL OR history IS NULL AND :remembered > 0 AND is_set IS NULL THEN 'unsaid'
               ELSE 'good'
           END AS finding
    FROM policy
)
SELECT source || ' ' || scope AS subject,
       CASE finding WHEN 'inactive' THEN 'not_applicable' WHEN 'good' THEN 'pass' WHEN 'unsaid' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE finding
           WHEN 'inactive' THEN 'the policy is ' || lower(status)
           WHEN 'none' THEN 'no password policy is set'
           WHEN 'short' THEN 'passwords of ' || length || ' characters are taken, at least ' || :minimum_length || ' are asked for'
           WHEN 'reused' THEN coalesce(history, 0) || ' former passwords are remembered, at least ' || :remembered || ' are asked for'
           WHEN 'unsaid' THEN 'the source does not say all of it'
           ELSE 'at least ' || length || ' characters, ' || coalesce(history, 0) || ' former passwords remembered'
       END AS reason,
       source,
       length AS minimum_length,
       history AS remembered
FROM judged;
