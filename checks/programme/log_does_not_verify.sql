/*---
title = "Log or store that does not verify, or that nobody looks through"
severity = "major"
controls = ["iso27001:2022/A.5.33", "iso27001:2022/9.1", "soc2/CC4.1"]
subject = "log"
population = "the log of this organisation; one that is younger than the time between two looks is listed as not applicable"
empty = "not_applicable"

[parameters]
scrub_within = { type = "duration", default = "35d", help = "how often all that is stored is read and compared with the log" }
stamp_within = { type = "duration", default = "48h", help = "age of the newest timestamp token, where an authority is configured" }

[finding]
criteria = "What is sealed stays as it was sealed, and somebody looks."
impact = "Evidence that rests on damaged bytes proves nothing, and damage that nobody looks for is found by the auditor."
action = "Run `evidenced scrub` and `evidenced fsck`; mend the disk, and put back what a mirror or backup still holds."
---*/
-- This is the log's own word for it, for the people who run it; an auditor verifies a pack or a copy without it.
WITH judged AS (
    SELECT l.*,
           CASE
               WHEN damaged > 0 THEN 'damaged'
               WHEN authorities > 0 AND unixepoch(:as_of) - unixepoch(coalesce(stamped_at, began_at)) > :stamp_within THEN 'unstamped'
               WHEN unixepoch(:as_of) - unixepoch(coalesce(scrubbed_at, began_at)) > :scrub_within THEN 'unscrubbed'
               WHEN scrubbed_at IS NULL THEN 'young'
               ELSE 'sound'
           END AS standing
    FROM log_state AS l
)
SELECT origin AS subject,
       CASE standing WHEN 'damaged' THEN 'fail' WHEN 'sound' THEN 'pass' WHEN 'young' THEN 'not_applicable' ELSE 'unknown' END AS verdict,
       CASE standing
           WHEN 'damaged' THEN damaged || ' stored things are not what was sealed'
           WHEN 'unstamped' THEN coalesce('the newest timestamp token is of ' || stamped_at, 'no authority has stamped it yet') || ', and authorities are configured: when its last entries were written rests on this host''s clock'
           WHEN 'unscrubbed' THEN coalesce('what is stored was last looked through at ' || scrubbed_at, 'what is stored was never looked through') || ': run `evidenced scrub`, or the daemon'
           WHEN 'young' THEN 'it began at ' || began_at || ', and its first look through is not due'
           ELSE 'what is stored was looked through at ' || scrubbed_at || ' and nothing is damaged'
       END AS reason,
       NULL AS source, scrubbed_at, stamped_at
FROM judged;
