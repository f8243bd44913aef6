/*---
title = "Exception that ended while what it tolerated goes on"
severity = "minor"
controls = ["iso27001:2022/10.2", "iso27001:2022/9.1", "soc2/CC4.2"]
subject = "exception"
population = "every exception that was approved and has begun"
empty = "not_applicable"

[parameters]
grace = { type = "duration", default = "0s", help = "time allowed after the end to mend the failure or to ask for another exception" }

[finding]
criteria = "An exception is renewed by a second person's decision, or what it tolerated is mended, before it ends."
impact = "A deviation that was approved for a time has become the rule without anybody deciding so."
action = "Mend what still fails, or ask for another exception with a reason, a compensating control and an end."
---*/
-- What it named counts as mended once an evaluation showed it; an item under another exception that holds does not count.
-- Nothing open is only good news once its check said pass or fail after the end.
SELECT exception AS subject,
       CASE
           WHEN until_at > :as_of THEN 'pass'
           WHEN open_items = 0 AND judged_at >= until_at THEN 'pass'
           WHEN open_items = 0 THEN 'unknown'
           WHEN :grace > 0 AND unixepoch(:as_of) - unixepoch(until_at) <= :grace THEN 'pass'
           ELSE 'fail'
       END AS verdict,
       CASE
           WHEN until_at > :as_of THEN 'it holds until ' || until_at
           WHEN open_items = 0 AND judged_at >= until_at THEN 'it ended, and no failure that it named is open'
           WHEN open_items = 0 THEN 'it ended at ' || until_at || ', and ' || check_name || ' has said neither pass nor fail since'
           WHEN :grace > 0 AND unixepoch(:as_of) - unixepoch(until_at) <= :grace THEN 'it ended at ' || until_at || ', and the time to mend what it named is not over'
           ELSE 'it ended at ' || until_at || ', and ' || open_items || ' of the failures of ' || check_name || ' that it named are still open'
       END AS reason,
       source, check_name, approved_by, until_at
FROM exception;
