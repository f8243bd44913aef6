/*---
title = "Guest account that no access review looked at"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.19", "soc2/CC9.2", "soc2/CC6.3"]
subject = "account"
population = "every guest account of every system; disabled ones are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
account = { monotone = true }

[parameters]
within = { type = "duration", default = "100d", help = "time since a reviewer last decided that a guest may stay" }

[finding]
criteria = "Somebody decides regularly whether each guest still needs access."
impact = "People outside the organisation keep access that nobody remembers giving."
action = "Review the system's accounts (`[reviews.NAME]`), and take away what is not needed."
---*/
-- Whoever decided that it goes decided; whether it went is another check.
WITH decided AS (
    SELECT account_key, max(decided_at) AS decided_at
    FROM access_review_item
    WHERE state = 'decided'
    GROUP BY account_key
), judged AS (
    SELECT a.account_key, a.source, a.status, a.created_at, d.decided_at,
           CASE
               WHEN a.status IN ('disabled', 'absent') THEN 'closed'
               WHEN d.decided_at IS NOT NULL AND unixepoch(:as_of) - unixepoch(d.decided_at) <= :within THEN 'reviewed'
               WHEN d.decided_at IS NULL AND unixepoch(:as_of) - unixepoch(a.created_at) <= :within THEN 'new'
               WHEN a.status IS NULL THEN 'no_status'
               ELSE 'not_reviewed'
           END AS standing
    FROM account AS a
    LEFT JOIN decided AS d ON d.account_key = a.account_key
    WHERE a.kind = 'guest'
)
SELECT account_key AS subject,
       CASE standing
           WHEN 'closed' THEN 'not_applicable'
           WHEN 'reviewed' THEN 'pass'
           WHEN 'new' THEN 'pass'
           WHEN 'no_status' THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE standing
           WHEN 'closed' THEN 'the account is ' || status
           WHEN 'reviewed' THEN 'a reviewer decided on it at ' || decided_at
           WHEN 'new' THEN 'it was made at ' || created_at || ', and its first review is not due'
           WHEN 'no_status' THEN 'it was not reviewed, and the source does not say whether it is enabled'
           ELSE coalesce('it was last decided on at ' || decided_at, 'no access review has decided on it')
       END AS reason,
       source, decided_at
FROM judged;
