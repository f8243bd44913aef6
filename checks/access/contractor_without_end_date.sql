/*---
title = "Contractor without an end date"
severity = "minor"
controls = ["iso27001:2022/A.5.16", "iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.2", "soc2/CC6.3"]
subject = "person"
population = "every person; those whose latest spell is not a contractor's are listed as not applicable"
max_age = "24h"

[inputs]
person = { monotone = false }
employment = { monotone = false }

[parameters]
contractor_types = { type = "text", default = "contractor,consultant,freelancer,temporary,agency", help = "the roster's words for people with a contract that ends, lower case, separated by commas" }

[finding]
criteria = "Every contract that ends says when."
impact = "Nothing ends the access of somebody whose contract ran out."
action = "Record the end of the contract in the roster, and extend it there when the contract is extended."
---*/
WITH latest AS (
    SELECT e.person_key, e.end_date, lower(trim(e.employment_type)) AS type
    FROM employment AS e
    WHERE e.spell = (SELECT max(f.spell) FROM employment AS f WHERE f.person_key = e.person_key)
),
judged AS (
    SELECT p.person_key, p.source, e.end_date, e.type,
           CASE
               WHEN e.person_key IS NULL THEN 'no_spell'
               WHEN e.type IS NULL THEN 'no_type'
               WHEN NOT instr(',' || :contractor_types || ',', ',' || e.type || ',') THEN 'no_contractor'
               WHEN e.end_date IS NULL THEN 'no_end'
               ELSE 'ends'
           END AS finding
    FROM person AS p
    LEFT JOIN latest AS e ON e.person_key = p.person_key
)
SELECT person_key AS subject,
       CASE finding WHEN 'no_contractor' THEN 'not_applicable' WHEN 'ends' THEN 'pass' WHEN 'no_end' THEN 'fail' ELSE 'unknown' END AS verdict,
       CASE finding
           WHEN 'no_spell' THEN 'the roster reports no employment of the person'
           WHEN 'no_type' THEN 'the roster does not say whether the person is a contractor'
           WHEN 'no_contractor' THEN 'the person is no contractor'
           WHEN 'no_end' THEN 'the roster says no end of the contract'
           ELSE 'the contract ends ' || end_date
       END AS reason,
       source,
       type AS employment_type
FROM judged;
