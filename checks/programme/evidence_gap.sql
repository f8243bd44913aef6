/*---
title = "Evidence was not collected when it was due"
severity = "minor"
controls = ["iso27001:2022/9.1", "soc2/CC4.1", "soc2/CC4.2"]
subject = "source"
population = "every configured source; those that the configuration does not require are listed as not applicable"

[parameters]
window = { type = "duration", default = "30d", help = "how far back missed collections are looked at" }

[finding]
criteria = "Every source is collected on its schedule, and a missed collection is made up for within the source's maximum age."
impact = "Nothing can be said about the time that was not seen."
action = "Look at the source's latest snapshots and missed slots, mend what keeps it from being collected, and collect again."
---*/
-- The programme's own tables are its inputs. A missed slot is made up for by a complete snapshot within the source's
-- maximum age after it; until that time has run out it may still be.
WITH seen AS (
    SELECT source, status, unixepoch(coalesce(min(observed_at, finished_at), finished_at)) AS at, unixepoch(finished_at) AS ended
    FROM snapshot
),
newest AS (
    SELECT source,
           max(CASE WHEN status = 'complete' THEN at END) AS complete_at,
           max(CASE WHEN status = 'suspect' THEN at END) AS suspect_at
    FROM seen
    GROUP BY source
),
missed AS (
    SELECT d.source, count(*) AS slots, min(d.due_at) AS first_due
    FROM slot AS d
    JOIN source AS s ON s.source = d.source
    WHERE d.outcome = 'missed'
      AND unixepoch(d.due_at) >= unixepoch(:as_of) - :window
      AND unixepoch(d.due_at) + s.max_age_seconds < unixepoch(:as_of)
      AND NOT EXISTS (
          SELECT 1 FROM seen AS n
          WHERE n.source = d.source AND n.status = 'complete'
            AND n.ended >= unixepoch(d.due_at) AND n.ended <= unixepoch(d.due_at) + s.max_age_seconds)
    GROUP BY d.source
),
judged AS (
    SELECT s.source, s.collector, s.max_age_seconds, n.complete_at, m.slots, m.first_due,
           unixepoch(:as_of) - n.complete_at AS age,
           CASE
               WHEN s.required = 0 THEN 'not_required'
               WHEN m.slots > 0 THEN 'missed'
               WHEN unixepoch(:as_of) - n.complete_at <= s.max_age_seconds
                    AND NOT EXISTS (SELECT 1 FROM slot AS d WHERE d.source = s.source) THEN 'by_hand'
               WHEN unixepoch(:as_of) - n.complete_at <= s.max_age_seconds THEN 'fresh'
               WHEN unixepoch(:as_of) - n.suspect_at <= s.max_age_seconds THEN 'waits'
               WHEN n.complete_at IS NULL THEN 'never'
               ELSE 'old'
           END AS finding
    FROM source AS s
    LEFT JOIN newest AS n ON n.source = s.source
    LEFT JOIN missed AS m ON m.source = s.source
)
SELECT source AS subject,
       CASE finding
           WHEN 'not_required' THEN 'not_applicable'
           WHEN 'fresh' THEN 'pass'
           WHEN 'by_hand' THEN 'unknown'
           WHEN 'waits' THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE finding
           WHEN 'not_required' THEN 'the configuration does not require this source'
           WHEN 'fresh' THEN 'its newest complete snapshot is within the maximum age'
           WHEN 'by_hand' THEN 'it was collected by hand, and no schedule of it ever ran: nothing shows that it is collected when nobody thinks of it; run `evidenced run`'
           WHEN 'waits' THEN 'its newest snapshot is suspect and waits for a person to confirm it'
           WHEN 'never' THEN 'it has no complete snapshot'
           WHEN 'missed' THEN slots || ' due collections were missed and not made up for, the first at ' || first_due
           ELSE 'its newest complete snapshot is ' || (age / 3600) || ' h old, at most ' || (max_age_seconds / 3600) || ' h are allowed'
       END AS reason,
       source,
       collector
FROM judged;
