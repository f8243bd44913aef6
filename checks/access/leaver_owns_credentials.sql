/*---
title = "Leaver still has working credentials"
severity = "major"
controls = ["iso27001:2022/A.5.17", "iso27001:2022/A.5.18", "iso27001:2022/A.6.5", "soc2/CC6.1", "soc2/CC6.2", "soc2/CC6.3"]
subject = "credential"
population = "every password, access key, token and SSH key of an account linked to a person whose employment has ended longer ago than the time allowed; inactive ones pass, those of current staff are listed as not applicable"
max_age = "24h"
empty = "not_applicable"

[inputs]
person = { monotone = false }
employment = { monotone = false }
account = { monotone = true }
credential = { monotone = true }

[parameters]
grace = { type = "duration", default = "24h", help = "time allowed to remove access after the end of the last day" }

[finding]
criteria = "A leaver's credentials are revoked, each of them."
impact = "A key or token works without the sign-in that was disabled: whoever holds a copy can still act."
action = "Revoke the credential in its system, and look through what it did since the last day."
---*/
-- A credential that was last seen working before its deadline may have been revoked since: that is unknown.
WITH ended AS (
    SELECT person_key, sum(end_at IS NULL) AS open_spells, max(unixepoch(end_at)) AS at
    FROM employment
    GROUP BY person_key
),
held AS (
    SELECT c.account_key, c.source, c.kind, c.native_id, c.status, c.last_used_at,
           row_number() OVER (PARTITION BY c.account_key, c.kind, c.native_id ORDER BY c.created_at, c.last_used_at) AS n
    FROM credential AS c
    WHERE c.kind <> 'mfa_device'
),
judged AS (
    SELECT h.*, l.person_key, e.at, unixepoch(coalesce(o.seen_at, :as_of)) AS seen,
           CASE
               WHEN e.person_key IS NULL THEN 'no_spell'
               WHEN e.open_spells > 0 OR e.at > unixepoch(:as_of) THEN 'employed'
               WHEN h.status = 'inactive' THEN 'revoked'
               WHEN unixepoch(:as_of) <= e.at + :grace THEN 'within_grace'
               WHEN h.status IS NULL THEN 'no_status'
               WHEN unixepoch(coalesce(o.seen_at, :as_of)) <= e.at + :grace THEN 'seen_too_early'
               ELSE 'working'
           END AS finding
    FROM held AS h
    JOIN identity_link AS l ON l.account_key = h.account_key
    JOIN account AS a ON a.account_key = h.account_key
    LEFT JOIN ended AS e ON e.person_key = l.person_key
    LEFT JOIN source AS o ON o.source = h.source
)
SELECT account_key || '/' || coalesce(kind, 'credential') || ' ' || coalesce(native_id, 'without id') || CASE WHEN n > 1 THEN ' (' || n || ')' ELSE '' END AS subject,
       CASE
           WHEN finding IN ('employed', 'within_grace') THEN 'not_applicable'
           WHEN finding = 'revoked' THEN 'pass'
           WHEN finding = 'working' THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE finding
           WHEN 'no_spell' THEN 'the roster reports no employment of the person'
           WHEN 'employed' THEN 'the person is employed'
           WHEN 'revoked' THEN 'the person left; the credential is inactive'
           WHEN 'within_grace' THEN 'the person left; the time allowed to remove access has not run out'
           WHEN 'no_status' THEN 'the person left; the source does not say whether the credential works'
           WHEN 'seen_too_early' THEN 'the person left; the credential was last seen before the time allowed ran out'
           ELSE 'employment ended ' || strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') || ' and the credential is active'
       END AS reason,
       source,
       account_key,
       person_key,
       last_used_at
FROM judged;
