-- GitHub repositories -> the vocabulary. Every column of the source tables stays queryable under its own name.

INSERT INTO repository (repository_key, source, system, native_id, name, visibility, archived, fork, default_branch,
                        created_at, last_pushed_at)
SELECT _source || ':' || name, _source, _source, CAST(id AS TEXT), name,
       CASE WHEN visibility IN ('public', 'private', 'internal') THEN visibility END, archived, fork, default_branch,
       created_at, pushed_at
  FROM github_repository;

-- What holds for a default branch, whichever of the two kinds of protection says so. Where one kind was not seen, the
-- other can still prove that something is protected, and never that it is not.
INSERT INTO branch_rule (repository_key, source, branch, protected, required_approvals, stale_approvals_dismissed,
                         code_owner_review, last_push_approval, status_checks_required, force_push_allowed,
                         deletion_allowed, admins_exempt)
WITH rule AS (
    SELECT _snapshot, repository,
           max(CASE WHEN type = 'pull_request' THEN coalesce(json_extract(parameters, '$.required_approving_review_count'), 0) END) AS approvals,
           max(type = 'pull_request' AND coalesce(json_extract(parameters, '$.dismiss_stale_reviews_on_push'), 0)) AS dismiss_stale,
           max(type = 'pull_request' AND coalesce(json_extract(parameters, '$.require_code_owner_review'), 0)) AS code_owner,
           max(type = 'pull_request' AND coalesce(json_extract(parameters, '$.require_last_push_approval'), 0)) AS last_push,
           max(type = 'required_status_checks') AS status_checks,
           max(type = 'non_fast_forward') AS no_force_push,
           max(type = 'deletion') AS no_deletion
      FROM github_effective_rule GROUP BY _snapshot, repository
),
seen AS (
    SELECT b._source, b.repository, b.branch, b.classic, b.rules, b.classic_enforce_admins,
           -- 1, 0, or NULL where that kind was not seen
           CASE WHEN b.classic IS NOT NULL THEN coalesce(b.classic_required_approvals, 0) END AS classic_approvals,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.approvals, 0) END AS rule_approvals,
           CASE WHEN b.classic IS NOT NULL THEN coalesce(b.classic_dismiss_stale, 0) END AS classic_stale,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.dismiss_stale, 0) END AS rule_stale,
           CASE WHEN b.classic IS NOT NULL THEN coalesce(b.classic_code_owner_review, 0) END AS classic_owner,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.code_owner, 0) END AS rule_owner,
           CASE WHEN b.classic IS NOT NULL THEN coalesce(b.classic_last_push_approval, 0) END AS classic_last_push,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.last_push, 0) END AS rule_last_push,
           CASE WHEN b.classic IS NOT NULL THEN coalesce(b.classic_status_checks, 0) END AS classic_checks,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.status_checks, 0) END AS rule_checks,
           CASE WHEN b.classic = 1 THEN 1 - b.classic_allow_force_pushes WHEN b.classic = 0 THEN 0 END AS classic_no_force,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.no_force_push, 0) END AS rule_no_force,
           CASE WHEN b.classic = 1 THEN 1 - b.classic_allow_deletions WHEN b.classic = 0 THEN 0 END AS classic_no_deletion,
           CASE WHEN b.rules IS NOT NULL THEN coalesce(r.no_deletion, 0) END AS rule_no_deletion
      FROM github_default_branch AS b
      LEFT JOIN rule AS r ON r._snapshot = b._snapshot AND r.repository = b.repository
)
SELECT _source || ':' || repository, _source, branch,
       CASE WHEN classic = 1 OR rules > 0 THEN 1 WHEN classic = 0 AND rules = 0 THEN 0 END,
       CASE WHEN classic_approvals IS NOT NULL AND rule_approvals IS NOT NULL THEN max(classic_approvals, rule_approvals)
            WHEN coalesce(classic_approvals, rule_approvals) > 0 THEN coalesce(classic_approvals, rule_approvals) END,
       CASE WHEN classic_stale = 1 OR rule_stale = 1 THEN 1 WHEN classic_stale = 0 AND rule_stale = 0 THEN 0 END,
       CASE WHEN classic_owner = 1 OR rule_owner = 1 THEN 1 WHEN classic_owner = 0 AND rule_owner = 0 THEN 0 END,
       CASE WHEN classic_last_push = 1 OR rule_last_push = 1 THEN 1
            WHEN classic_last_push = 0 AND rule_last_push = 0 THEN 0 END,
       CASE WHEN classic_checks = 1 OR rule_checks = 1 THEN 1 WHEN classic_checks = 0 AND rule_checks = 0 THEN 0 END,
       CASE WHEN classic_no_force = 1 OR rule_no_force = 1 THEN 0
            WHEN classic_no_force = 0 AND rule_no_force = 0 THEN 1 END,
       CASE WHEN classic_no_deletion = 1 OR rule_no_deletion = 1 THEN 0
            WHEN classic_no_deletion = 0 AND rule_no_deletion = 0 THEN 1 END,
       CASE WHEN classic = 1 THEN 1 - classic_enforce_admins END
  FROM seen;

-- Pull requests merged into the default branch.
INSERT INTO change (change_key, source, repository_key, kind, number, branch, author, contributors, approvers, merged_by,
                    merged_at, commit_id, independent_approval)
SELECT p._source || ':' || p.repository || '#' || p.number, p._source, p._source || ':' || p.repository, 'pull_request',
       p.number, p.base, p.author, p.contributors,
       CASE WHEN p.approvals IS NOT NULL THEN
           (SELECT json_group_array(login) FROM (
               SELECT json_extract(approval.value, '$.login') AS login FROM json_each(p.approvals) AS approval
                WHERE json_extract(approval.value, '$.login') IS NOT NULL ORDER BY login)) END,
       p.merged_by, p.merged_at, p.merge_commit, p.independent_approval
  FROM github_merged_pull_request AS p
  JOIN github_repository AS r ON r._snapshot = p._snapshot AND r.name = p.repository AND r.default_branch = p.base;

-- Pushes to the default branch that are no merge of a pull request: nobody approved them there.
INSERT INTO change (change_key, source, repository_key, kind, branch, author, approvers, merged_by, merged_at, commit_id,
                    independent_approval)
SELECT a._source || ':' || a.repository || '@' || a.id, a._source, a._source || ':' || a.repository, a.kind, a.branch,
       a.actor, json_array(), a.actor, a.at, a.after_commit, 0
  FROM github_branch_activity AS a
 WHERE a.kind IN ('push', 'force_push')
   AND (a.after_commit IS NULL
        OR (a._snapshot, a.repository, a.after_commit)
           NOT IN (SELECT _snapshot, repository, merge_commit FROM github_merged_pull_request WHERE merge_commit IS NOT NULL));

-- Security settings; what GitHub did not tell has no value.
INSERT INTO setting (source, system, scope, name, value)
SELECT _source, _source, 'repository:' || name, 'vulnerability_alerts', CASE vulnerability_alerts WHEN 1 THEN 'enabled' WHEN 0 THEN 'disabled' END FROM github_repository
UNION ALL
SELECT _source, _source, 'repository:' || name, 'secret_scanning', secret_scanning FROM github_repository
UNION ALL
SELECT _source, _source, 'repository:' || name, 'secret_scanning_push_protection', secret_scanning_push_protection FROM github_repository
UNION ALL
SELECT _source, _source, 'repository:' || name, 'dependabot_security_updates', dependabot_security_updates FROM github_repository;
