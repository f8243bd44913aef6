/*---
title = "End of employment recorded too late"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "spell"
population = "every spell of employment that ended within the window"
max_age = "24h"
empty = "not_applicable"

[inputs]
person = { monotone = false }
employment = { monotone = false }

[parameters]
grace = { type = "duration", default = "0s", help = "how long after the end of the last day the end may be recorded" }
window = { type = "duration", default = "365d", help = "how far back ends of employment are looked at" }

[finding]
criteria = "The roster knows the end of employment by the time access has to be removed."
impact = "Access cannot be removed in time by people whom nobody tells."
action = "Find out why the end was recorded so late, and agree with whoever keeps the roster on when it is."
---*/
-- Where the roster does not say when the end was recorded, its snapshots bound it. A roster that tells the day alone gives the last
-- second of it in UTC; the day itself ends with the organisation's, as the last day of employment does, so days are compared.
WITH ended AS (
    SELECT e.person_key, e.source, e.spell, e.end_date, unixepoch(e.end_at) + :grace AS deadline, unixepoch(e.end_recorded_at) AS recorded,
           CASE
               WHEN strftime('%H:%M:%S', e.end_recorded_at) = '23:59:59' THEN unixepoch(date(e.end_recorded_at)) > unixepoch(e.end_date) + :grace
               ELSE unixepoch(e.end_recorded_at) > unixepoch(e.end_at) + :grace
           END AS recorded_late
    FROM employment AS e
    WHERE unixepoch(e.end_at) <= unixepoch(:as_of) AND unixepoch(e.end_at) > unixepoch(:as_of) - :window
),
bounded AS (
    SELECT e.*, min(unixepoch(h.since_at)) AS shown, max(unixepoch(h.before_at)) AS not_yet
    FROM ended AS e
    LEFT JOIN employment_history AS h
      ON h.person_key = e.person_key AND h.spell = e.spell AND h.listed = 1 AND h.end_date = e.end_date
    GROUP BY e.person_key, e.spell
),
judged AS (
    SELECT b.*,
           CASE
               WHEN recorded_late THEN 'recorded_late'
               WHEN recorded IS NOT NULL THEN 'recorded'
               WHEN shown <= deadline THEN 'shown'
               WHEN not_yet > deadline THEN 'shown_late'
               WHEN shown IS NULL THEN 'never_complete'
               WHEN not_yet IS NULL THEN 'from_the_first'
               ELSE 'between'
           END AS finding
    FROM bounded AS b
)
SELECT j.person_key || ' spell ' || j.spell AS subject,
       CASE
           WHEN finding IN ('recorded', 'shown') THEN 'pass'
           WHEN finding IN ('recorded_late', 'shown_late') THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'recorded' THEN 'the end was recorded ' || strftime('%Y-%m-%dT%H:%M:%SZ', recorded, 'unixepoch')
           WHEN 'recorded_late' THEN 'the end was recorded only ' || strftime('%Y-%m-%dT%H:%M:%SZ', recorded, 'unixepoch')
           WHEN 'shown' THEN 'the roster of ' || strftime('%Y-%m-%dT%H:%M:%SZ', shown, 'unixepoch') || ' shows the end'
           WHEN 'shown_late' THEN 'the roster of ' || strftime('%Y-%m-%dT%H:%M:%SZ', not_yet, 'unixepoch') || ' did not show the end yet'
           WHEN 'never_complete' THEN 'no complete snapshot of the roster shows the end'
           WHEN 'from_the_first' THEN 'the first complete snapshot of the roster shows the end, and was taken after it'
           ELSE 'the end was recorded between ' || strftime('%Y-%m-%dT%H:%M:%SZ', not_yet, 'unixepoch') || ' and ' || strftime('%Y-%m-%dT%H:%M:%SZ', shown, 'unixepoch') || ': collect the roster more often, or have it say when ends are recorded'
       END AS reason,
       j.source,
       j.end_date
FROM judged AS j
JOIN person AS p ON p.person_key = j.person_key;
