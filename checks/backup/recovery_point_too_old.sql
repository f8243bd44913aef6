/*---
title = "Newest recovery point is too old"
severity = "major"
controls = ["iso27001:2022/A.8.13", "iso27001:2022/A.5.30", "soc2/A1.2"]
subject = "resource"
population = "every resource of which there is a recovery point; points that do not say what they were made of are nobody's"
max_age = "24h"

[inputs]
backup_point = { monotone = false }

[parameters]
max_point_age = { type = "duration", default = "48h", help = "age that the newest recovery point of a resource may have" }

[finding]
criteria = "Every resource that is backed up can be restored to a recent state (backup policy, recovery point objective)."
impact = "What was written since the newest recovery point would be lost."
action = "Find out why no newer backup was made, and make one; if the resource is gone, delete its points when their time is over or except it."
---*/
-- Age counts to the moment at which the points were seen. A point whose time is not said may be the newest.
WITH resources AS (
    SELECT p.source, p.resource, max(unixepoch(p.created_at)) AS newest, max(p.created_at) AS newest_at,
           count(*) AS points, sum(unixepoch(p.created_at) IS NULL) AS timeless,
           unixepoch(coalesce(s.seen_at, :as_of)) AS at
    FROM backup_point AS p
    LEFT JOIN source AS s ON s.source = p.source
    WHERE p.resource IS NOT NULL
    GROUP BY p.source, p.resource
),
judged AS (
    SELECT *,
           CASE
               -- clocks differ by hours, not by days
               WHEN newest - at > 86400 THEN 'in_the_future'
               WHEN at - newest <= :max_point_age THEN 'recent'
               WHEN timeless > 0 THEN 'no_time'
               ELSE 'old'
           END AS finding
    FROM resources
)
SELECT source || ':' || resource AS subject,
       CASE finding WHEN 'recent' THEN 'pass' WHEN 'old' THEN 'fail' ELSE 'unknown' END AS verdict,
       CASE finding
           WHEN 'recent' THEN 'the newest of ' || points || ' points is of ' || newest_at
           WHEN 'old' THEN 'the newest of ' || points || ' points is of ' || newest_at || ', '
                           || ((at - newest) / 3600) || ' hours before it was seen'
           WHEN 'in_the_future' THEN 'the newest point is of ' || newest_at || ', after it was seen'
           ELSE 'of ' || timeless || ' of ' || points || ' points the source does not say from when they are'
       END AS reason,
       source,
       resource,
       newest_at,
       points
FROM judged;
