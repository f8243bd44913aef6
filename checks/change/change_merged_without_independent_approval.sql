/*---
title = "Change reached the default branch without independent approval"
severity = "major"
controls = ["iso27001:2022/A.8.32", "iso27001:2022/A.5.3", "soc2/CC8.1"]
subject = "change"
population = "every change that reached a default branch within the window: merged pull requests, and pushes past them"
max_age = "48h"
empty = "not_applicable"

[inputs]
change = { monotone = true }

[parameters]
window = { type = "duration", default = "30d", help = "how far back changes are looked at; no longer than the source's `lookback`" }

[finding]
criteria = "A person who had no part in a change approves it before it reaches the branch that production is built from."
impact = "One person alone changed what runs in production, and nobody looked at it."
action = "Have the change reviewed now by somebody who had no part in it, record the result, and require approval from here on."
---*/
SELECT c.change_key AS subject,
       CASE
           WHEN c.merged_at IS NULL THEN 'unknown'
           WHEN c.independent_approval = 1 THEN 'pass'
           WHEN c.independent_approval = 0 THEN 'fail'
           ELSE 'unknown'
       END AS verdict,
       CASE
           WHEN c.merged_at IS NULL THEN 'the source does not say when the change was made'
           WHEN c.independent_approval = 1 THEN 'a person who had no part in it approved it'
           WHEN c.independent_approval = 0 AND c.kind = 'force_push' THEN 'history was rewritten by a forced push, which nobody approves'
           WHEN c.independent_approval = 0 AND c.kind = 'push' THEN 'it was pushed to the branch, past any review'
           WHEN c.independent_approval = 0 AND coalesce(c.approvers, '[]') = '[]' THEN 'nobody approved it'
           WHEN c.independent_approval = 0 THEN 'only people who had a part in it, or robots, approved it'
           ELSE 'it cannot be said whether an approver had a part in it, or the source does not report who approved it'
       END AS reason,
       c.source,
       c.repository_key,
       c.kind AS change_kind,
       c.author,
       c.approvers,
       c.merged_by,
       c.merged_at
FROM change AS c
WHERE c.merged_at IS NULL OR unixepoch(c.merged_at) >= unixepoch(:as_of) - :window;
