/*---
title = "Repository is public and not expected to be"
severity = "major"
controls = ["iso27001:2022/A.8.4", "iso27001:2022/A.5.15", "soc2/CC6.1"]
subject = "repository"
population = "every repository, archived ones included"
max_age = "48h"

[inputs]
repository = { monotone = true }

[parameters]
expected = { type = "text", default = "", help = "names of the repositories that are meant to be public, separated by spaces" }

[finding]
criteria = "Source code is open to the world only where somebody decided that it should be."
impact = "Code, history and whatever was ever committed with it can be read by anybody."
action = "Make the repository private and rotate every secret its history holds, or add its name to `expected`."
---*/
SELECT repository_key AS subject,
       CASE
           WHEN visibility IN ('private', 'internal') THEN 'pass'
           WHEN visibility IS NULL THEN 'unknown'
           WHEN instr(' ' || :expected || ' ', ' ' || name || ' ') > 0 THEN 'pass'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN visibility IN ('private', 'internal') THEN 'the repository is ' || visibility
           WHEN visibility IS NULL THEN 'the source does not say who can see the repository'
           WHEN instr(' ' || :expected || ' ', ' ' || name || ' ') > 0 THEN 'the repository is public, as expected'
           ELSE 'the repository is public'
       END AS reason,
       source,
       fork,
       archived
FROM repository;
