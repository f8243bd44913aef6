/*---
title = "Access that its holder decided on"
severity = "major"
controls = ["iso27001:2022/A.5.3", "iso27001:2022/A.5.18", "soc2/CC6.3"]
subject = "account of an access review"
population = "every account that was decided on in an access review; what a recorded safeguard allowed is listed as not applicable"
empty = "not_applicable"

[finding]
criteria = "Nobody decides on their own access, by any of their accounts."
impact = "The review says nothing of this access: whoever has it said that they may."
action = "Have somebody else decide in a correcting access review; in a firm of one, record what is done instead (`safeguard`)."
---*/
-- The program refuses such a decision. This looks at what is in the log all the same, with what is known of the holder there.
WITH judged AS (
    SELECT i.*,
           CASE
               WHEN own_access = 1 AND safeguard IS NOT NULL THEN 'safeguard'
               WHEN own_access = 1 THEN 'own'
               WHEN own_access = 0 THEN 'other'
               ELSE 'nobody'
           END AS standing
    FROM access_review_item AS i
    WHERE state = 'decided'
)
SELECT review || ' ' || account_key AS subject,
       CASE standing WHEN 'safeguard' THEN 'not_applicable' WHEN 'own' THEN 'fail' WHEN 'other' THEN 'pass' ELSE 'unknown' END AS verdict,
       CASE standing
           WHEN 'safeguard' THEN 'decided by its holder under the recorded safeguard: ' || safeguard
           WHEN 'own' THEN decided_by || ' decided on their own access'
           WHEN 'other' THEN 'decided by ' || decided_by || ', who is not its holder'
           ELSE 'nobody is linked to it, so that nobody can say whether ' || coalesce(decided_by, 'whoever decided') || ' is its holder'
       END AS reason,
       source, review, account_key, decided_by
FROM judged;
