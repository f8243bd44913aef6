/*---
title = "Leaver still has an active account"
severity = "major"
controls = ["iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "account"
population = "every account: it applies to those linked to a person whose employment has ended longer ago than the time allowed to remove access; accounts of current staff, of staff with a spell recorded to begin later, and of no single person (service, shared, break-glass, root, guests, or registered as such) are listed as not applicable, and so are accounts linked to nobody that are disabled; of other accounts linked to nobody it cannot be said whether their owner left"
max_age = "24h"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }

[parameters]
grace = { type = "duration", default = "24h", help = "time allowed to remove access after the end of the last day" }
employed_words = { type = "text", default = ",active,employed,employee,current,working,hired,permanent,probation,on probation,onboarding,starter,new hire,leave,on leave,parental leave,maternity leave,sick leave,absent,suspended,garden leave,full-time,part-time,contractor,temporary,aktiv,", help = "words by which a roster says of a person without an end date that they are employed, in lower case, a comma before and after each" }
left_words = { type = "text", default = ",terminated,inactive,left,leaver,former,resigned,exited,retired,deceased,dismissed,offboarded,ended,gekündigt,ausgeschieden,", help = "words by which it says that they left, in the same form" }

[finding]
criteria = "Access is removed when employment ends."
impact = "A former member of staff can still act in the system."
action = "Disable the account, remove its credentials, and record who did it and when."
---*/
-- A spell without an end, or with one that is still to come, is employment. An account that was last seen active
-- before its deadline may have been removed since: that is unknown, not a failure. An enabled account that no person is
-- linked to may be a leaver's: it is unknown until somebody links it or registers whose it is. So is what a roster means by a
-- word that nobody declared.
WITH spells AS (
    SELECT person_key,
           sum(end_at IS NULL) AS open_spells,
           max(unixepoch(end_at)) AS ended
    FROM employment
    GROUP BY person_key
),
linked AS (
    SELECT a.account_key, a.source, a.status, coalesce(r.kind, a.kind) AS kind, l.person_key, s.open_spells, s.ended,
           s.ended + :grace AS deadline,
           unixepoch(coalesce(o.seen_at, :as_of)) AS seen,
           unixepoch(:as_of) AS as_of,
           (SELECT CASE WHEN trim(p.status) = '' THEN NULL ELSE p.status END FROM person AS p
            WHERE p.person_key = l.person_key) AS said,
           (SELECT '; its ' || replace(m.basis, '_', ' ') || ' is that of ' || m.person_key || ', which ' || m.set_aside_by || ' sets aside'
            FROM possible_match AS m
            WHERE m.account_key = a.account_key AND m.set_aside_by IS NOT NULL
            ORDER BY m.basis, m.person_key LIMIT 1) AS otherwise
    FROM account AS a
    LEFT JOIN identity_link AS l ON l.account_key = a.account_key
    LEFT JOIN registered_account AS r ON r.account_key = a.account_key
    LEFT JOIN spells AS s ON s.person_key = l.person_key
    LEFT JOIN source AS o ON o.source = a.source
),
judged AS (
    SELECT *,
           CASE
               WHEN person_key IS NULL AND kind IN ('service', 'shared', 'break_glass', 'root', 'guest') THEN 'nobodys'
               WHEN person_key IS NULL AND status IN ('disabled', 'absent') THEN 'unlinked_off'
               WHEN person_key IS NULL THEN 'unlinked'
               WHEN open_spells IS NULL THEN 'no_spell'
               WHEN open_spells > 0 AND instr(:left_words, ',' || lower(trim(said)) || ',') THEN 'no_end'
               WHEN open_spells > 0 AND NOT instr(:employed_words, ',' || lower(trim(said)) || ',') THEN 'unclear'
               WHEN open_spells > 0 OR ended > as_of THEN 'employed'
               WHEN status IN ('disabled', 'absent') THEN 'removed'
               WHEN as_of <= deadline THEN 'within_grace'
               WHEN status IS NULL THEN 'no_status'
               WHEN seen <= deadline THEN 'seen_too_early'
               ELSE 'still_active'
           END AS finding
    FROM linked
)
SELECT account_key AS subject,
       CASE finding
           WHEN 'nobodys' THEN 'not_applicable'
           WHEN 'unlinked_off' THEN 'not_applicable'
           WHEN 'employed' THEN 'not_applicable'
           WHEN 'within_grace' THEN 'not_applicable'
           WHEN 'removed' THEN 'pass'
           WHEN 'still_active' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'nobodys' THEN 'a ' || replace(kind, '_', '-') || ' account is no employee''s'
           WHEN 'unlinked_off' THEN 'no person is linked to the account, and it is ' || status
           WHEN 'unlinked' THEN 'no person is linked to the account, so it may be a leaver''s: link it to a person, or register whose it is'
           WHEN 'no_spell' THEN 'the roster reports no employment of the person'
           WHEN 'no_end' THEN 'the roster says that the person left, but not when'
           WHEN 'unclear' THEN 'the roster gives no end, and says `' || said || '` of the person: whether that is employment, `employed_words` and `left_words` of this check do not say'
           WHEN 'employed' THEN 'the person is employed'
           WHEN 'removed' THEN 'the person left; the account is ' || status
           WHEN 'within_grace' THEN 'the person left; the time allowed to remove access has not run out'
           WHEN 'no_status' THEN 'the person left; the source does not say whether the account is enabled'
           WHEN 'seen_too_early' THEN 'the person left; the account was last seen before the time allowed ran out'
           ELSE 'employment ended ' || strftime('%Y-%m-%dT%H:%M:%SZ', ended, 'unixepoch') || ' and the account is ' || status
       END || coalesce(otherwise, '') AS reason,
       source,
       person_key,
       status AS account_status,
       strftime('%Y-%m-%dT%H:%M:%SZ', ended, 'unixepoch') AS employment_ended_at
FROM judged;
