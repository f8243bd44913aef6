/*---
title = "Population that its source counts otherwise"
severity = "minor"
controls = ["iso27001:2022/9.1", "soc2/CC4.1"]
subject = "population"
population = "every population of every configured source's latest snapshot; those whose source tells no count of its own are listed as not applicable"
empty = "not_applicable"

[finding]
criteria = "A population is as large as its source, asked in another way, says that it is."
impact = "Members that were not listed are in no check, no access review and no sample."
action = "Collect again; if the counts still differ, let `evidenced doctor` show what the credential cannot see."
---*/
-- A count that is older than the source's maximum age says nothing of today, and one of a snapshot that is not complete, or is
-- implausible, nothing of the population. A source may count a population in several ways: the
-- one that speaks most against it decides.
WITH counted AS (
    SELECT s.source, p.snapshot, p.table_name, p.counted, p.declared, p.declared_by, n.status,
           unixepoch(:as_of) - unixepoch(s.seen_at) > s.max_age_seconds AS is_old
    FROM source AS s
    LEFT JOIN population_count AS p ON p.source = s.source
    LEFT JOIN snapshot AS n ON n.snapshot = s.snapshot
    WHERE s.required = 1
),
judged AS (
    SELECT *,
           CASE
               WHEN status IS NULL THEN 'never'
               WHEN is_old THEN 'old'
               WHEN declared IS NOT NULL AND declared <> counted THEN 'differ'
               WHEN status <> 'complete' THEN 'broken'
               WHEN declared IS NULL THEN 'untold'
               ELSE 'agree'
           END AS standing
    FROM counted
),
ranked AS (
    SELECT *,
           row_number() OVER (
               PARTITION BY source, table_name
               ORDER BY CASE standing WHEN 'differ' THEN 1 WHEN 'agree' THEN 3 WHEN 'untold' THEN 4 ELSE 2 END, declared_by, declared
           ) AS place,
           sum(standing = 'agree') OVER (PARTITION BY source, table_name) - 1 AS others
    FROM judged
)
SELECT source || coalesce('/' || table_name, '') AS subject,
       CASE standing WHEN 'differ' THEN 'fail' WHEN 'agree' THEN 'pass' WHEN 'untold' THEN 'not_applicable' ELSE 'unknown' END AS verdict,
       CASE standing
           WHEN 'never' THEN 'the source was never collected'
           WHEN 'old' THEN 'its latest snapshot is older than the source''s maximum age'
           WHEN 'differ' THEN counted || ' members were read, and ' || declared_by || ' tells ' || declared
           WHEN 'broken' THEN 'its latest snapshot is ' || status
           WHEN 'untold' THEN 'the source tells no count of its own: that all of it was read rests on how its pages ended'
           ELSE declared_by || ' tells as many as were read: ' || counted
                || CASE others WHEN 0 THEN '' WHEN 1 THEN ', and so does another count' ELSE ', and so do ' || others || ' other counts' END
       END AS reason,
       source, snapshot
FROM ranked
WHERE place = 1;
