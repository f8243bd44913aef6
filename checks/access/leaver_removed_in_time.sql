/*---
title = "Leaver's access was not removed in time"
severity = "major"
controls = ["iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "account"
population = "every account, those that are listed no longer too, that was linked to a person whose employment has ended within the window; the time allowed that has not run out is listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[parameters]
grace = { type = "duration", default = "24h", help = "time allowed to remove access after the end of the last day" }
window = { type = "duration", default = "365d", help = "how far back ends of employment are looked at" }

[finding]
criteria = "Access is removed within the time allowed after employment ends."
impact = "A former member of staff could act in the system for longer than the organisation accepts."
action = "Find out why it took so long, and look through what the account did meanwhile; remove it now if it is still there."
---*/
-- The removal lies between the last complete snapshot that shows the account active and the first that shows it disabled or
-- does not list it. It was in time if that first one is; it was not if the last one is too late; between the two, nobody knows.
WITH ended AS (
    SELECT person_key, max(unixepoch(end_at)) AS at
    FROM employment
    GROUP BY person_key
    HAVING sum(end_at IS NULL) = 0 AND max(unixepoch(end_at)) <= unixepoch(:as_of)
       AND max(unixepoch(end_at)) > unixepoch(:as_of) - :window
),
seen AS (
    SELECT account_key, source,
           max(CASE WHEN listed = 1 AND status = 'enabled' THEN unixepoch(until_at) END) AS active,
           max(CASE WHEN listed = 1 AND status IS NULL THEN unixepoch(until_at) END) AS unsaid,
           max(unixepoch(until_at)) AS latest
    FROM account_history
    GROUP BY account_key, source
),
bounded AS (
    SELECT l.person_key, s.account_key, s.source, s.active, s.unsaid, s.latest, e.at, e.at + :grace AS deadline,
           (SELECT min(unixepoch(h.since_at)) FROM account_history AS h
             WHERE h.account_key = s.account_key AND (h.listed = 0 OR h.status IN ('disabled', 'absent'))
               AND unixepoch(h.since_at) > max(coalesce(s.active, 0), coalesce(s.unsaid, 0))) AS closed
    FROM identity_link AS l
    JOIN ended AS e ON e.person_key = l.person_key
    JOIN seen AS s ON s.account_key = l.account_key
),
judged AS (
    SELECT *,
           CASE
               WHEN active > deadline THEN 'late'
               WHEN closed <= deadline THEN 'in_time'
               WHEN closed IS NULL AND unixepoch(:as_of) <= deadline THEN 'running'
               WHEN closed IS NULL AND coalesce(unsaid, 0) > coalesce(active, 0) THEN 'no_status'
               WHEN closed IS NULL THEN 'not_seen_since'
               WHEN active IS NULL AND unsaid IS NULL THEN 'first_seen_closed'
               ELSE 'between'
           END AS finding
    FROM bounded
)
SELECT account_key AS subject,
       CASE finding WHEN 'late' THEN 'fail' WHEN 'in_time' THEN 'pass' WHEN 'running' THEN 'not_applicable' ELSE 'unknown' END AS verdict,
       CASE finding
           WHEN 'late' THEN 'employment ended ' || strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') || ' and the account was still active ' || strftime('%Y-%m-%dT%H:%M:%SZ', active, 'unixepoch')
           WHEN 'in_time' THEN 'seen closed ' || strftime('%Y-%m-%dT%H:%M:%SZ', closed, 'unixepoch') || ', before the time allowed ran out'
           WHEN 'running' THEN 'the time allowed to remove access has not run out'
           WHEN 'no_status' THEN 'the source does not say whether the account is enabled'
           WHEN 'not_seen_since' THEN 'no complete snapshot was taken since the time allowed ran out: collect the source'
           WHEN 'first_seen_closed' THEN 'the first complete snapshot was taken after the time allowed ran out, and shows the account closed: what was before it, the system''s own event log knows'
           ELSE 'removed between ' || strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(active, unsaid), 'unixepoch') || ' and ' || strftime('%Y-%m-%dT%H:%M:%SZ', closed, 'unixepoch')
                || ', and the time allowed ran out in between: collect more often than it is long, or look into the system''s own event log'
       END AS reason,
       source,
       person_key,
       strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS employment_ended_at,
       (active - at) / 60 AS at_least_minutes,
       (closed - at) / 60 AS at_most_minutes
FROM judged;
