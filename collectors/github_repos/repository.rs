//! One repository: what protects its default branch, what was merged into it, who pushed to it, which keys open it.
//!
//! A call that fails leaves its part *not reported* and says so; that GitHub says "Branch not protected" is an answer.

use super::changes::{self, Parts};
use super::queries::{CHANGES, CHANGES_OPERATION, COMMITS, COMMITS_OPERATION, REVIEWS, REVIEWS_OPERATION};
use super::{ACTIVITY_TABLE, BRANCH_TABLE, CHANGE_TABLE, KEY_TABLE, REPOSITORY_TABLE, RULE_TABLE, Window};
use crate::provider::github::{GitHub, Page, malformed};
use crate::provider::github_access::is_not_in_plan;
use crate::provider::github_json::{instant, integer, text};
use model::{CollectError, Timestamp};
use serde_json::{Value, json};

const BRANCH: &str = "GET /repos/{owner}/{repo}/branches/{branch}";
const PROTECTION: &str = "GET /repos/{owner}/{repo}/branches/{branch}/protection";
const RULES: &str = "GET /repos/{owner}/{repo}/rules/branches/{branch}";
const ACTIVITY: &str = "GET /repos/{owner}/{repo}/activity";
const KEYS: &str = "GET /repos/{owner}/{repo}/keys";

/// Columns of a branch that only the classic protection tells.
const CLASSIC_COLUMNS: &[&str] = &[
    "classic",
    "classic_required_approvals",
    "classic_dismiss_stale",
    "classic_code_owner_review",
    "classic_last_push_approval",
    "classic_status_checks",
    "classic_enforce_admins",
    "classic_allow_force_pushes",
    "classic_allow_deletions",
    "classic_may_bypass_review",
];

/// A repository as the listing has it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) default_branch: String,
    pub(super) is_archived: bool,
}

/// What was read of one repository.
#[derive(Default)]
pub(super) struct Seen {
    /// Rows, each with its table.
    pub(super) rows: Vec<(&'static str, Value)>,
    /// What failed: the error, its table and columns.
    pub(super) lost: Vec<(CollectError, &'static str, &'static [&'static str])>,
    /// When each pull request of the window was merged; none when they could not be read.
    pub(super) merges: Option<Vec<Timestamp>>,
    pub(super) vulnerability_alerts: Option<bool>,
    /// The branch, once its own call and those about its protection were made.
    pub(super) branch: Option<Value>,
}

impl Seen {
    /// Keeps what a call gave, or why it gave nothing. A dead credential ends the run.
    fn take<T>(
        &mut self,
        answer: Result<T, CollectError>,
        table: &'static str,
        columns: &'static [&'static str],
    ) -> Result<Option<T>, CollectError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error @ CollectError::Misconfigured { .. }) => Err(error),
            Err(error) => {
                self.lost.push((error, table, columns));
                Ok(None)
            }
        }
    }
}

/// Reads all that is wanted of one repository.
pub(super) struct Reader<'a> {
    pub(super) github: &'a GitHub,
    pub(super) org: &'a str,
    pub(super) window: &'a Window,
}

impl Reader<'_> {
    fn url(&self, repository: &str, rest: &[&str]) -> Result<url::Url, CollectError> {
        self.github.url(&[&["repos", self.org, repository], rest].concat())
    }

    pub(super) async fn read(&self, listed: Listed) -> Result<Seen, CollectError> {
        let listed = &listed;
        let mut seen = Seen::default();
        let branch = &listed.default_branch;
        if !listed.is_archived {
            self.branch(listed, branch, &mut seen).await?;
        }
        self.merges(listed, &mut seen).await?;
        self.activity(listed, branch, &mut seen).await?;
        if !listed.is_archived {
            self.keys(listed, &mut seen).await?;
        }
        Ok(seen)
    }

    /// The default branch and what protects it. A repository without a commit has none.
    async fn branch(&self, listed: &Listed, branch: &str, seen: &mut Seen) -> Result<(), CollectError> {
        let answer = self.github.get(BRANCH, &self.url(&listed.name, &["branches", branch])?).await;
        let Some(answer) = seen.take(answer, BRANCH_TABLE, &[])? else { return Ok(()) };
        if answer.status == 404 && answer.said().as_deref() == Some("Branch not found") {
            return Ok(());
        }
        let found = self.github.object_of(BRANCH, &answer);
        let Some(found) = seen.take(found, BRANCH_TABLE, &[])? else { return Ok(()) };
        let Some(head) = found.get("commit").and_then(|commit| text(commit, "sha")) else {
            let error = malformed(BRANCH, "the branch has no commit");
            seen.lost.push((error, BRANCH_TABLE, &[]));
            return Ok(());
        };
        let mut cells = json!({ "repository": listed.name, "branch": branch, "head_commit": head });
        let classic = self.classic(&listed.name, branch).await;
        if let Some(classic) = seen.take(classic, BRANCH_TABLE, CLASSIC_COLUMNS)?
            && let (Some(cells), Some(classic)) = (cells.as_object_mut(), classic.as_object())
        {
            cells.extend(classic.clone());
        }
        let rules = self.rules(&listed.name, branch).await;
        if let Some(rules) = seen.take(rules, BRANCH_TABLE, &["rules"])? {
            cells["rules"] = json!(rules.len());
            seen.rows.extend(rules.into_iter().map(|rule| (RULE_TABLE, rule)));
        }
        seen.branch = Some(cells);
        Ok(())
    }

    /// The classic protection; that there is none is an answer.
    async fn classic(&self, repository: &str, branch: &str) -> Result<Value, CollectError> {
        let answer = self.github.get(PROTECTION, &self.url(repository, &["branches", branch, "protection"])?).await?;
        let said = answer.said();
        let is_none = answer.status == 404 && said.as_deref() == Some("Branch not protected");
        if is_none || (answer.status == 403 && is_not_in_plan(said.as_deref())) {
            return Ok(json!({ "classic": false }));
        }
        let found = self.github.object_of(PROTECTION, &answer)?;
        // the switches GitHub always tells of a protection; without them this is something else
        let enabled = |name: &str| {
            let value = found.get(name).and_then(|value| value.get("enabled")).and_then(Value::as_bool);
            value.ok_or_else(|| malformed(PROTECTION, &format!("the protection does not say `{name}`")))
        };
        let reviews = found.get("required_pull_request_reviews").filter(|reviews| reviews.is_object());
        let of_reviews = |name: &str| reviews.and_then(|reviews| reviews.get(name)).and_then(Value::as_bool);
        // GitHub leaves the count out of an old protection, which then asks for one
        let approvals = reviews.map_or(0, |reviews| integer(reviews, "required_approving_review_count").unwrap_or(1));
        let checks = found.get("required_status_checks").filter(|checks| checks.is_object());
        let named =
            |name: &str| checks.and_then(|checks| checks.get(name)).and_then(Value::as_array).map_or(0, Vec::len);
        let bypass = reviews.and_then(|reviews| reviews.get("bypass_pull_request_allowances"));
        Ok(json!({
            "classic": true,
            "classic_required_approvals": approvals,
            "classic_dismiss_stale": of_reviews("dismiss_stale_reviews").unwrap_or(false),
            "classic_code_owner_review": of_reviews("require_code_owner_reviews").unwrap_or(false),
            "classic_last_push_approval": of_reviews("require_last_push_approval").unwrap_or(false),
            "classic_status_checks": named("checks").max(named("contexts")) > 0,
            "classic_enforce_admins": enabled("enforce_admins")?,
            "classic_allow_force_pushes": enabled("allow_force_pushes")?,
            "classic_allow_deletions": enabled("allow_deletions")?,
            "classic_may_bypass_review": bypass.map_or_else(|| json!([]), bypassers),
        }))
    }

    /// The active rules of all rulesets, the organisation's included, that hold for the branch.
    async fn rules(&self, repository: &str, branch: &str) -> Result<Vec<Value>, CollectError> {
        let url = self.url(repository, &["rules", "branches", branch])?;
        let rules = match self.github.listing(RULES, url).await {
            Err(CollectError::Denied { message, .. }) if message.starts_with("HTTP 403: Upgrade to GitHub") => {
                Vec::new()
            }
            answer => answer?,
        };
        let row = |rule: &Value| {
            let (Some(kind), Some(ruleset)) = (text(rule, "type"), integer(rule, "ruleset_id")) else {
                return Err(malformed(RULES, "a rule without a type or a ruleset"));
            };
            Ok(json!({
                "repository": repository,
                "branch": branch,
                "ruleset_id": ruleset,
                "type": kind,
                "ruleset_source_type": text(rule, "ruleset_source_type"),
                "ruleset_source": text(rule, "ruleset_source"),
                "parameters": rule.get("parameters").filter(|parameters| parameters.is_object()),
            }))
        };
        rules.iter().map(row).collect()
    }

    /// Pull requests merged within the window, with their reviews and commits.
    async fn merges(&self, listed: &Listed, seen: &mut Seen) -> Result<(), CollectError> {
        let variables = json!({ "after": null, "name": listed.name, "owner": self.org });
        let is_older = |node: &Value| changes::updated_at(node).is_some_and(|updated| updated < self.window.since);
        let place = ["repository", "pullRequests"];
        let read = self.github.connection(CHANGES_OPERATION, CHANGES, variables, &place, is_older).await;
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                // what was asked in the same query is lost with it
                seen.take::<()>(Err(error.clone()), CHANGE_TABLE, &[])?;
                seen.lost.push((error, REPOSITORY_TABLE, &["vulnerability_alerts"]));
                return Ok(());
            }
        };
        let beside = read.first_page.as_ref().and_then(|data| data.get("repository"));
        seen.vulnerability_alerts =
            beside.and_then(|repository| repository.get("hasVulnerabilityAlertsEnabled")).and_then(Value::as_bool);
        if seen.vulnerability_alerts.is_none() {
            let error = malformed(CHANGES_OPERATION, "the repository does not say whether it has vulnerability alerts");
            seen.lost.push((error, REPOSITORY_TABLE, &["vulnerability_alerts"]));
        }
        let rows = self.merged(listed, &read.nodes, seen).await;
        seen.merges = seen.take(rows, CHANGE_TABLE, &[])?;
        Ok(())
    }

    async fn merged(&self, listed: &Listed, nodes: &[Value], seen: &mut Seen) -> Result<Vec<Timestamp>, CollectError> {
        const PARTS: &[&str] =
            &["contributors", "contributors_unknown", "commits", "approvals", "independent_approval"];
        let mut merges = Vec::new();
        for node in nodes {
            let at = changes::merged_at(CHANGES_OPERATION, node)?;
            if at < self.window.since || at >= self.window.until {
                continue;
            }
            let parts = self.parts(&listed.name, node).await;
            let read = seen.take(parts, CHANGE_TABLE, PARTS)?;
            let row = changes::row(CHANGES_OPERATION, &listed.name, node, read.as_ref());
            let Some(row) = seen.take(row, CHANGE_TABLE, &[])? else { continue };
            seen.rows.push((CHANGE_TABLE, row));
            merges.push(at);
        }
        Ok(merges)
    }

    /// Reviews and commits of one pull request, also those beyond the first page.
    async fn parts(&self, repository: &str, node: &Value) -> Result<Parts, CollectError> {
        let number = node.get("number").and_then(Value::as_i64);
        let mut read = Vec::new();
        for (name, operation, query) in
            [("reviews", REVIEWS_OPERATION, REVIEWS), ("commits", COMMITS_OPERATION, COMMITS)]
        {
            let mut page = Page::of(CHANGES_OPERATION, node.get(name).unwrap_or(&Value::Null))?;
            if let Some(after) = page.next.take() {
                let variables = json!({ "after": after, "name": repository, "number": number, "owner": self.org });
                let place = ["repository", "pullRequest", name];
                let further = self.github.connection(operation, query, variables, &place, |_| false).await?;
                page.nodes.extend(further.nodes);
            }
            read.push(page);
        }
        let (Some(commits), Some(reviews)) = (read.pop(), read.pop()) else {
            return Err(malformed(CHANGES_OPERATION, "neither reviews nor commits"));
        };
        let parts = Parts { reviews: reviews.nodes, declared_commits: commits.total, commits: commits.nodes };
        match parts.declared_commits {
            Some(declared) if declared == parts.commits.len() as u64 => Ok(parts),
            declared => Err(malformed(
                CHANGES_OPERATION,
                &format!("{} commits were listed, GitHub counts {declared:?}", parts.commits.len()),
            )),
        }
    }

    /// What GitHub itself logged of the default branch: pushes, forced ones, merges.
    async fn activity(&self, listed: &Listed, branch: &str, seen: &mut Seen) -> Result<(), CollectError> {
        let reference = format!("refs/heads/{branch}");
        let mut url = self.url(&listed.name, &["activity"])?;
        url.query_pairs_mut().append_pair("ref", &reference).append_pair("time_period", self.window.period());
        let mut oldest = url.clone();
        oldest.query_pairs_mut().append_pair("direction", "asc");
        let read = self.github.listing_by_cursor(ACTIVITY, url, oldest).await;
        let Some(read) = seen.take(read, ACTIVITY_TABLE, &[])? else { return Ok(()) };
        for event in &read {
            let at = event.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
            let named = text(event, "activity_type").zip(text(event, "ref"));
            let (Some(id), Some((kind, of)), Some(at)) = (integer(event, "id"), named, at) else {
                let error = malformed(ACTIVITY, "an event without an id, a kind, a branch or a time");
                seen.lost.push((error, ACTIVITY_TABLE, &[]));
                return Ok(());
            };
            // what GitHub gives beyond the stretch of time that was asked for
            if at < self.window.since || at >= self.window.until || of != reference {
                continue;
            }
            let actor = event.get("actor").filter(|actor| actor.is_object());
            let row = json!({
                "id": id,
                "repository": listed.name,
                "branch": branch,
                "kind": kind,
                "at": model::time::seconds_text(at),
                "actor": actor.and_then(|actor| text(actor, "login")),
                "actor_kind": actor.and_then(|actor| text(actor, "type")),
                "before_commit": text(event, "before"),
                "after_commit": text(event, "after"),
            });
            seen.rows.push((ACTIVITY_TABLE, row));
        }
        Ok(())
    }

    /// Deploy keys: SSH keys that open this one repository and belong to nobody.
    async fn keys(&self, listed: &Listed, seen: &mut Seen) -> Result<(), CollectError> {
        let read = self.github.listing(KEYS, self.url(&listed.name, &["keys"])?).await;
        let Some(read) = seen.take(read, KEY_TABLE, &[])? else { return Ok(()) };
        for key in &read {
            let row = json!({
                "repository": listed.name,
                "id": integer(key, "id"),
                "title": text(key, "title"),
                "read_only": key.get("read_only").and_then(Value::as_bool),
                "added_by": text(key, "added_by"),
                "created_at": instant(key, "created_at"),
                "last_used_at": instant(key, "last_used"),
            });
            seen.rows.push((KEY_TABLE, row));
        }
        Ok(())
    }
}

/// People, teams and apps that may merge without the reviews.
fn bypassers(allowances: &Value) -> Value {
    let mut names: Vec<String> = Vec::new();
    for (list, name, mark) in [("users", "login", ""), ("teams", "slug", "team "), ("apps", "slug", "app ")] {
        let members = allowances.get(list).and_then(Value::as_array);
        names.extend(members.into_iter().flatten().filter_map(|one| Some(format!("{mark}{}", text(one, name)?))));
    }
    names.sort();
    json!(names)
}
