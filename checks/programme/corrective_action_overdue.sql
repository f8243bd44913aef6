/*---
title = "Corrective action that is overdue, or that nobody planned"
severity = "minor"
controls = ["iso27001:2022/10.2", "soc2/CC4.2"]
subject = "finding"
population = "every finding that a person confirmed and that is not over; accepted ones, and those that need no corrective action, are listed as not applicable"
empty = "not_applicable"

[parameters]
plan_within = { type = "duration", default = "30d", help = "time from the confirmation of a nonconformity until its corrective action is planned" }

[finding]
criteria = "A nonconformity gets a corrective action with an owner and a due date, and the action is done by then."
impact = "A known failure goes on longer than the organisation itself decided it may."
action = "Do what was planned and say so with evidence, or change the due date with a reason; plan what nobody planned."
---*/
-- Due is the end of the day in the organisation's zone. What the owner says is done waits for evidence, and is not overdue.
WITH judged AS (
    SELECT f.*,
           CASE
               WHEN state NOT IN ('accepted', 'implemented', 'verified', 'confirmed', 'planned', 'reopened') OR (due IS NOT NULL AND due_at IS NULL) THEN 'unreadable'
               WHEN state = 'accepted' THEN 'accepted'
               WHEN state IN ('implemented', 'verified') THEN 'done'
               WHEN due_at IS NOT NULL AND due_at <= :as_of THEN 'overdue'
               WHEN due_at IS NOT NULL THEN 'in_time'
               WHEN class IN ('opportunity', 'observation') THEN 'not_needed'
               WHEN unixepoch(:as_of) - unixepoch(coalesce(confirmed_at, raised_at)) > :plan_within THEN 'unplanned'
               ELSE 'to_plan'
           END AS standing
    FROM finding AS f
    WHERE state NOT IN ('draft', 'resolved', 'dismissed', 'closed')
)
SELECT finding AS subject,
       CASE standing
           WHEN 'accepted' THEN 'not_applicable'
           WHEN 'not_needed' THEN 'not_applicable'
           WHEN 'unreadable' THEN 'unknown'
           WHEN 'overdue' THEN 'fail'
           WHEN 'unplanned' THEN 'fail'
           ELSE 'pass'
       END AS verdict,
       CASE standing
           WHEN 'unreadable' THEN 'this version cannot read its state `' || state || '` or its due date'
           WHEN 'accepted' THEN 'the risk is accepted for a time'
           WHEN 'not_needed' THEN 'of its class no corrective action is asked for'
           WHEN 'done' THEN 'the action is done as its owner says, and is ' || state
           WHEN 'overdue' THEN 'its action was due on ' || due || ' and is not implemented' || coalesce('; its owner is ' || owner, '')
           WHEN 'in_time' THEN 'its action is due on ' || due
           WHEN 'unplanned' THEN 'it was confirmed at ' || coalesce(confirmed_at, raised_at) || ', and no corrective action is planned'
           ELSE 'the time to plan its action is not over'
       END AS reason,
       NULL AS source, check_name, state, class, owner, due
FROM judged;
