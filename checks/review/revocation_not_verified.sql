/*---
title = "Access that a review took away and nothing shows gone"
severity = "major"
controls = ["iso27001:2022/A.5.18", "soc2/CC6.3", "soc2/CC6.2"]
subject = "account of an access review"
population = "every account of which an access review decided that it, or some of its grants, goes; what is carried on as a finding is listed as not applicable"
empty = "not_applicable"

[finding]
criteria = "What a review takes away is gone within the time that was set, and a later complete snapshot shows it."
impact = "Access that somebody judged unnecessary or harmful still works, although a decision says otherwise."
action = "Take it away in the system and collect again; or carry it on as a finding with an owner and a due date (`evidenced reviews carry`)."
---*/
-- A claim is somebody's word and changes nothing here.
WITH judged AS (
    SELECT i.*,
           CASE
               WHEN removal = 'verified' THEN 'verified'
               WHEN removal = 'carried' THEN 'carried'
               WHEN removal NOT IN ('open', 'claimed') OR removal_due_at IS NULL THEN 'unreadable'
               WHEN removal_due_at <= :as_of THEN 'overdue'
               ELSE 'in_time'
           END AS standing
    FROM access_review_item AS i
    WHERE removal IS NOT NULL
)
SELECT review || ' ' || account_key AS subject,
       CASE standing
           WHEN 'verified' THEN 'pass'
           WHEN 'in_time' THEN 'pass'
           WHEN 'carried' THEN 'not_applicable'
           WHEN 'unreadable' THEN 'unknown'
           ELSE 'fail'
       END AS verdict,
       CASE standing
           WHEN 'verified' THEN 'a later snapshot, or a second person on evidence, shows it gone as of ' || coalesce(verified_at, 'an instant that is not told')
           WHEN 'in_time' THEN 'its time is not over: ' || removal_due_at
           WHEN 'carried' THEN 'it goes on as a finding with an owner and a due date'
           WHEN 'unreadable' THEN 'this version cannot read its state `' || removal || '` or its due date'
           ELSE 'it was to be gone by ' || removal_due_at || ', and nothing shows it'
                || CASE removal WHEN 'claimed' THEN '; somebody says that it is done' ELSE '' END
       END AS reason,
       source, review, account_key, answer
FROM judged;
