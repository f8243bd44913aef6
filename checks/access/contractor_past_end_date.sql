/*---
title = "Contractor active after the end of the contract"
severity = "major"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "account"
population = "every account: it applies to those linked to a person whose latest spell is a contractor's"
max_age = "24h"

[inputs]
employment = { monotone = false }
person = { monotone = false }
account = { monotone = true }

[parameters]
grace = { type = "duration", default = "0s", help = "time allowed to remove access after the last day of the contract" }
contractor_types = { type = "text", default = "contractor,consultant,freelancer,temporary,agency", help = "the roster's words for people with a contract that ends, lower case, separated by commas" }

[finding]
criteria = "A contractor's access ends with the contract."
impact = "Somebody without a contract can still act in the system."
action = "Disable the account, or record the extension of the contract in the roster."
---*/
WITH latest AS (
    SELECT e.person_key, e.end_at, lower(trim(e.employment_type)) AS type
    FROM employment AS e
    WHERE e.spell = (SELECT max(f.spell) FROM employment AS f WHERE f.person_key = e.person_key)
),
linked AS (
    SELECT a.account_key, a.source, a.status, l.person_key, e.end_at, e.type,
           instr(',' || :contractor_types || ',', ',' || e.type || ',') > 0 AS contractor,
           unixepoch(e.end_at) + :grace AS deadline,
           unixepoch(coalesce(o.seen_at, :as_of)) AS seen,
           unixepoch(:as_of) AS as_of,
           EXISTS (SELECT 1 FROM person AS p WHERE p.person_key = l.person_key) AS known
    FROM account AS a
    LEFT JOIN identity_link AS l ON l.account_key = a.account_key
    LEFT JOIN latest AS e ON e.person_key = l.person_key
    LEFT JOIN source AS o ON o.source = a.source
),
judged AS (
    SELECT *,
           CASE
               WHEN person_key IS NULL THEN 'unlinked'
               WHEN contractor = 0 AND known THEN 'no_contractor'
               WHEN status IN ('disabled', 'absent') THEN 'removed'
               WHEN contractor AND end_at IS NULL THEN 'no_end'
               WHEN as_of <= deadline THEN 'running'
               WHEN contractor IS NULL THEN 'no_type'
               WHEN status IS NULL THEN 'no_status'
               WHEN seen <= deadline THEN 'seen_too_early'
               ELSE 'still_active'
           END AS finding
    FROM linked
)
SELECT account_key AS subject,
       CASE finding
           WHEN 'unlinked' THEN 'not_applicable'
           WHEN 'no_contractor' THEN 'not_applicable'
           WHEN 'removed' THEN CASE WHEN contractor THEN 'pass' ELSE 'not_applicable' END
           WHEN 'running' THEN CASE WHEN contractor THEN 'pass' ELSE 'not_applicable' END
           WHEN 'still_active' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'unlinked' THEN 'no person is linked to the account'
           WHEN 'no_contractor' THEN 'the person is no contractor'
           WHEN 'removed' THEN 'the account is ' || status
           WHEN 'running' THEN 'no contract of the person has run out'
           WHEN 'no_end' THEN 'the roster does not say when the contract ends'
           WHEN 'no_type' THEN 'the roster does not say whether the person is a contractor'
           WHEN 'no_status' THEN 'the contract has ended; the source does not say whether the account is enabled'
           WHEN 'seen_too_early' THEN 'the contract has ended; the account was last seen before the time allowed ran out'
           ELSE 'the contract ended ' || end_at || ' and the account is ' || status
       END AS reason,
       source,
       person_key,
       status AS account_status,
       end_at AS contract_ends_at
FROM judged;
