/*---
title = "Access review that is overdue"
severity = "minor"
controls = ["iso27001:2022/A.5.18", "soc2/CC6.3", "soc2/CC4.1"]
subject = "access review"
population = "every access review that was started and not cancelled; those that are signed pass"
empty = "not_applicable"

[parameters]
open_within = { type = "duration", default = "3d", help = "time from its start until an access review is open: its evidence must be there by then" }
finish_within = { type = "duration", default = "30d", help = "time after the due date until everything that was to go is proven gone, and it is signed" }

[finding]
criteria = "Every access review is opened, decided on and signed within the time that was set for it."
impact = "Access that nobody looked at goes on, and so does access that somebody decided to take away."
action = "Look at what it waits for (`evidenced reviews show`): evidence of a source, answers of reviewers, removals, the signature."
---*/
-- What a later version calls a state is not known to this one.
WITH judged AS (
    SELECT r.*,
           CASE
               WHEN state = 'closed' THEN 'closed'
               WHEN state IN ('draft', 'collecting') AND unixepoch(:as_of) - unixepoch(started_at) > :open_within THEN 'not_open'
               WHEN state IN ('draft', 'collecting') THEN 'in_time'
               WHEN due_at IS NULL OR state NOT IN ('open', 'remediating', 'awaiting_sign_off') THEN 'unreadable'
               WHEN state = 'open' AND due_at <= :as_of THEN 'undecided'
               WHEN state = 'open' THEN 'in_time'
               WHEN unixepoch(:as_of) - unixepoch(due_at) > :finish_within THEN 'unfinished'
               ELSE 'in_time'
           END AS standing
    FROM access_review AS r
    WHERE state <> 'cancelled'
)
SELECT review AS subject,
       CASE standing WHEN 'closed' THEN 'pass' WHEN 'in_time' THEN 'pass' WHEN 'unreadable' THEN 'unknown' ELSE 'fail' END AS verdict,
       CASE standing
           WHEN 'closed' THEN 'it was signed at ' || ended_at
           WHEN 'in_time' THEN 'it is ' || replace(state, '_', ' ') || ', and its time is not over'
           WHEN 'unreadable' THEN 'this version cannot read its state `' || state || '` or its due date'
           WHEN 'not_open' THEN 'it was started at ' || started_at || ' and could not be opened yet'
           WHEN 'undecided' THEN undecided || ' of ' || items || ' accounts are undecided, and it was due at ' || due_at
           ELSE 'it was due at ' || due_at || ' and is ' || replace(state, '_', ' ')
       END AS reason,
       NULL AS source, policy, owner, due_at
FROM judged;
