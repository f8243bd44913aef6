//! `github_repos`: the repositories of a GitHub organisation, what protects their default branches, and what was merged.
//!
//! It judges nothing: whether a branch must be protected, or a change approved, is for checks. What the caller may not
//! see is *not reported*, and a repository whose calls failed is still a repository.

mod changes;
mod operations;
mod queries;
mod repository;

use crate::provider::aws::Parts;
use crate::provider::files::permission;
use crate::provider::github::{GitHub, malformed};
use crate::provider::github_access::{Access, Asker, is_not_in_plan, not_owner};
use crate::provider::github_json::{instant, integer, reason, text};
use crate::provider::rows::{push, row, table};
use crate::settings;
use egress::{Collector, Context, Policy};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::SignedDuration;
use model::collector::CollectorSpec;
use model::time::{before, parse_duration, seconds_text};
use model::{Caller, CollectError, Completeness, Count, Observation, Reason, ReasonCode, Table, Timestamp};
use queries::{COUNT, COUNT_OPERATION, MERGED, MERGED_OPERATION};
use repository::{Listed, Reader, Seen};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const REPOS: &str = "GET /orgs/{org}/repos";
const RULESETS: &str = "GET /orgs/{org}/rulesets";
const RULESET: &str = "GET /orgs/{org}/rulesets/{ruleset_id}";

const REPOSITORY_TABLE: &str = "github_repository";
const BRANCH_TABLE: &str = "github_default_branch";
const RULE_TABLE: &str = "github_effective_rule";
const RULESET_TABLE: &str = "github_org_ruleset";
const CHANGE_TABLE: &str = "github_merged_pull_request";
const ACTIVITY_TABLE: &str = "github_branch_activity";
const KEY_TABLE: &str = "github_deploy_key";

const BASIS: &str = "every listing was followed to its last page; GitHub's own count of repositories and the repositories \
                     listed agree; the pull requests merged are as many as GitHub's search counts; the caller sees the \
                     whole organisation";

/// Repositories read side by side; egress bounds the calls themselves.
const SIDE_BY_SIDE: usize = 4;
/// GitHub's log of a branch goes back a year.
const LONGEST_LOOKBACK: SignedDuration = SignedDuration::from_hours(365 * 24);
/// GitHub's search knows of a merge a moment later than the pull request itself does.
const SEARCH_LAG: SignedDuration = SignedDuration::from_hours(1);
/// Half a dozen calls for each repository take their time.
const DEADLINE: Duration = Duration::from_mins(45);

/// Security settings a repository's `security_and_analysis` tells, and the column of each.
const SECURITY: &[&str] =
    &["secret_scanning", "secret_scanning_push_protection", "dependabot_security_updates", "advanced_security"];

pub(crate) struct GithubRepos;

#[derive(Deserialize)]
struct Settings {
    lookback: String,
}

fn read_settings(given: &Value) -> Result<(Access, Settings), CollectError> {
    let access: Access = settings::typed(&SPEC, given)?;
    access.validate()?;
    Ok((access, settings::typed(&SPEC, given)?))
}

/// Of which stretch of time changes are read.
struct Window {
    since: Timestamp,
    until: Timestamp,
    /// Until when GitHub's search can be expected to know of every merge.
    settled: Timestamp,
}

impl Window {
    fn of(settings: &Settings, started_at: Timestamp) -> Result<Self, CollectError> {
        let wrong = |message: String| CollectError::Misconfigured {
            message,
            help: "write `lookback` as a duration of at least a day and at most a year: `30d`".to_owned(),
        };
        let lookback = parse_duration(&settings.lookback).map_err(|error| wrong(error.to_string()))?;
        if lookback < SignedDuration::from_hours(24) || lookback > LONGEST_LOOKBACK {
            return Err(wrong(format!("a look-back of `{}` is beyond what GitHub tells", settings.lookback)));
        }
        // whole seconds, as GitHub's search takes them
        let whole = Timestamp::from_second(started_at.as_second()).unwrap_or(started_at);
        Ok(Self { since: before(whole, lookback), until: whole, settled: before(whole, SEARCH_LAG) })
    }

    /// The shortest period GitHub's log of a branch knows that holds the whole window.
    fn period(&self) -> &'static str {
        match self.until.duration_since(self.since).as_hours() / 24 {
            0..7 => "week",
            // a month of GitHub's may have 28 days
            7..28 => "month",
            28..90 => "quarter",
            _ => "year",
        }
    }
}

#[async_trait::async_trait]
impl Collector for GithubRepos {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let (access, settings) = read_settings(settings)?;
        Window::of(&settings, Timestamp::UNIX_EPOCH)?;
        Ok(Policy {
            origins: access.origins()?,
            operations: SPEC.operations.iter().map(|operation| operation.name.clone()).collect(),
            deadline: DEADLINE,
            conditional: true,
            ..Policy::default()
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let (access, settings) = read_settings(&ctx.settings)?;
        let window = Window::of(&settings, ctx.started_at)?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let permission_of = |operation: &str| permission(&SPEC, operation);
        let (github, asker) = access.connect(ctx, max_pages, operations::operation_of, permission_of).await?;
        let mut run = Run::new(&github, &access);
        run.read(&asker, &window).await?;
        run.reasons.extend(run.parts.reasons());
        let mut observation = Observation {
            completeness: Completeness::from_reasons(BASIS, run.reasons),
            counts: run.counts,
            caller: Some(Caller { identity: asker.identity(), tenant: access.org.clone() }),
            tables: SPEC.tables.iter().filter_map(|declared| run.tables.remove(declared.name.as_str())).collect(),
            observed_at: ctx.egress.last_answer_date(),
            redactions: ctx.egress.redactions(),
        };
        observation.settle();
        Ok(observation)
    }
}

/// What a run has gathered so far.
struct Run<'a> {
    github: &'a GitHub,
    access: &'a Access,
    tables: BTreeMap<&'static str, Table>,
    counts: Vec<Count>,
    reasons: Vec<Reason>,
    parts: Parts,
}

impl<'a> Run<'a> {
    fn new(github: &'a GitHub, access: &'a Access) -> Self {
        let tables =
            SPEC.tables.iter().map(|declared| (declared.name.as_str(), table(&SPEC, &declared.name))).collect();
        Self { github, access, tables, counts: Vec::new(), reasons: Vec::new(), parts: Parts::default() }
    }

    fn add(&mut self, name: &str, object: Value) -> Result<(), CollectError> {
        match self.tables.get_mut(name) {
            Some(table) => push(table, row(object)),
            None => Ok(()),
        }
    }

    async fn read(&mut self, asker: &Asker, window: &Window) -> Result<(), CollectError> {
        let org = asker.organisation(self.github, self.access).await?;
        let listed = self.github.listing(REPOS, self.repos_url()?).await?;
        self.count_repositories(listed.len() as u64).await?;
        self.standing(asker, &org, listed.len() as u64).await?;
        self.rulesets().await?;

        let repositories = listed.iter().map(listed_repository).collect::<Result<Vec<_>, _>>()?;
        let reader = Reader { github: self.github, org: &self.access.org, window };
        let seen: Vec<Seen> =
            stream::iter(repositories.clone()).map(|one| reader.read(one)).buffered(SIDE_BY_SIDE).try_collect().await?;
        let mut merges = Some(Vec::new());
        let mut untold_security = Vec::new();
        for ((listed, repository), seen) in listed.iter().zip(&repositories).zip(seen) {
            let security = listed.get("security_and_analysis").filter(|security| security.is_object());
            if security.is_none() && !repository.is_archived {
                untold_security.push(repository.name.clone());
            }
            self.add(REPOSITORY_TABLE, repository_row(listed, repository, security, seen.vulnerability_alerts))?;
            for (error, table, columns) in &seen.lost {
                self.parts.note(&repository.name, error, table, columns);
            }
            if let Some(branch) = seen.branch {
                self.add(BRANCH_TABLE, branch)?;
            }
            for (table, object) in seen.rows {
                self.add(table, object)?;
            }
            merges = merges.zip(seen.merges).map(|(mut all, some): (Vec<Timestamp>, _)| {
                all.extend(some);
                all
            });
        }
        if !untold_security.is_empty() {
            let denied = CollectError::Denied {
                operation: REPOS.to_owned(),
                permission: "Repository administration: read".to_owned(),
                message: "GitHub left the security settings out".to_owned(),
            };
            for name in &untold_security {
                self.parts.note(name, &denied, REPOSITORY_TABLE, SECURITY);
            }
        }
        // without them there is nothing to compare, and a reason says so already
        if let Some(merges) = merges {
            self.count_merges(&merges, window).await?;
        }
        Ok(())
    }

    fn repos_url(&self) -> Result<url::Url, CollectError> {
        let mut url = self.github.url(&["orgs", &self.access.org, "repos"])?;
        url.query_pairs_mut().append_pair("type", "all").append_pair("sort", "full_name");
        Ok(url)
    }

    /// GitHub's own count of the organisation's repositories, in another API than the listing.
    async fn count_repositories(&mut self, counted: u64) -> Result<(), CollectError> {
        let variables = json!({ "org": self.access.org });
        let declared = self.github.graphql(COUNT_OPERATION, COUNT, &variables).await.and_then(|data| {
            let count = data.pointer("/organization/repositories/totalCount").and_then(Value::as_u64);
            count.ok_or_else(|| malformed(COUNT_OPERATION, "the answer holds no count"))
        });
        match declared {
            Ok(declared) => self.count(REPOSITORY_TABLE, counted, Some(declared), "GraphQL repositories.totalCount"),
            Err(error) => {
                let reason = reason(error)?.table(REPOSITORY_TABLE);
                self.reasons.push(reason);
                self.count(REPOSITORY_TABLE, counted, None, "");
            }
        }
        Ok(())
    }

    /// Whether the caller sees every repository. Both listing and count hold only what a token may see, so a token for
    /// some of the repositories would look whole: the organisation's own figures, or the app's installation, tell.
    async fn standing(&mut self, asker: &Asker, org: &Value, counted: u64) -> Result<(), CollectError> {
        let private = integer(org, "total_private_repos").and_then(|count| u64::try_from(count).ok());
        let public = integer(org, "public_repos").and_then(|count| u64::try_from(count).ok());
        if let (Some(public), Some(private)) = (public, private) {
            let by = "GET /orgs/{org} public_repos + total_private_repos";
            self.count(REPOSITORY_TABLE, counted, Some(public + private), by);
        }
        let why = match asker {
            Asker::App { is_everywhere: true, .. } => return Ok(()),
            Asker::App { .. } => "the app is installed for some of the repositories only",
            Asker::User { .. } => {
                let role = asker.role(self.github, self.access).await?;
                match (role.as_deref(), private) {
                    (Some("admin"), Some(_)) => return Ok(()),
                    (Some("admin"), None) => {
                        "GitHub does not tell this token how many private repositories there are, so one that is \
                         limited to some of them would look the same"
                    }
                    _ => "the caller is not an owner: GitHub shows it only some of the repositories",
                }
            }
        };
        self.reasons.push(not_owner(why).table(REPOSITORY_TABLE));
        Ok(())
    }

    fn count(&mut self, table: &str, counted: u64, declared: Option<u64>, by: &str) {
        if let Some(declared) = declared.filter(|declared| *declared != counted) {
            let message = format!("{by}: {declared}; counted in the answers: {counted}");
            self.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(table));
        }
        let declared_by = declared.map(|_| by.to_owned());
        self.counts.push(Count { table: table.to_owned(), counted, declared, declared_by });
    }

    /// Rulesets of the organisation, for who may bypass them.
    async fn rulesets(&mut self) -> Result<(), CollectError> {
        let url = self.github.url(&["orgs", &self.access.org, "rulesets"])?;
        let listed = match self.github.listing(RULESETS, url).await {
            Err(CollectError::Denied { message, .. }) if is_not_in_plan(message.strip_prefix("HTTP 403: ")) => {
                Vec::new()
            }
            Err(error) => {
                let reason = reason(error)?.table(RULESET_TABLE);
                self.reasons.push(reason);
                return Ok(());
            }
            Ok(listed) => listed,
        };
        for ruleset in &listed {
            let id = integer(ruleset, "id").ok_or_else(|| malformed(RULESETS, "a ruleset without an id"))?;
            let url = self.github.url(&["orgs", &self.access.org, "rulesets", &id.to_string()])?;
            let name = text(ruleset, "name").unwrap_or_else(|| id.to_string());
            let detail = match self.github.object(RULESET, &url).await {
                Ok(detail) => Some(detail),
                Err(error @ CollectError::Misconfigured { .. }) => return Err(error),
                Err(error) => {
                    self.parts.note(&name, &error, RULESET_TABLE, &["bypass_actors", "conditions"]);
                    None
                }
            };
            if detail.as_ref().is_some_and(|detail| integer(detail, "id") != Some(id)) {
                let error = malformed(RULESET, "the answer is about another ruleset");
                self.parts.note(&name, &error, RULESET_TABLE, &["bypass_actors", "conditions"]);
            }
            let part = |name: &str| detail.as_ref().and_then(|detail| detail.get(name)).cloned();
            let object = json!({
                "id": id,
                "name": name,
                "target": text(ruleset, "target"),
                "enforcement": text(ruleset, "enforcement"),
                // told only to who may change it
                "bypass_actors": part("bypass_actors").filter(Value::is_array),
                "conditions": part("conditions").filter(Value::is_object),
            });
            self.add(RULESET_TABLE, object)?;
        }
        Ok(())
    }

    /// The merges that were read beside those GitHub's search counts.
    async fn count_merges(&mut self, merges: &[Timestamp], window: &Window) -> Result<(), CollectError> {
        let last = before(window.settled, SignedDuration::from_secs(1));
        let query = format!(
            "org:{} is:pr is:merged merged:{}..{}",
            self.access.org,
            seconds_text(window.since),
            seconds_text(last)
        );
        let variables = json!({ "query": query });
        let declared = self.github.graphql(MERGED_OPERATION, MERGED, &variables).await.and_then(|data| {
            let count = data.pointer("/search/issueCount").and_then(Value::as_u64);
            count.ok_or_else(|| malformed(MERGED_OPERATION, "the answer holds no count"))
        });
        let counted = merges.iter().filter(|merged| **merged < window.settled).count() as u64;
        match declared {
            Ok(declared) => self.count(CHANGE_TABLE, counted, Some(declared), "GraphQL search issueCount"),
            Err(error) => {
                let reason = reason(error)?.table(CHANGE_TABLE);
                self.reasons.push(reason);
            }
        }
        Ok(())
    }
}

fn listed_repository(listed: &Value) -> Result<Listed, CollectError> {
    let name = text(listed, "name").ok_or_else(|| malformed(REPOS, "a repository without a name"))?;
    let archived = listed.get("archived").and_then(Value::as_bool);
    let is_archived = archived.ok_or_else(|| malformed(REPOS, "a repository does not say whether it is archived"))?;
    // GitHub names one also where nothing was committed yet
    let branch = text(listed, "default_branch");
    let default_branch = branch.ok_or_else(|| malformed(REPOS, "a repository does not name its default branch"))?;
    Ok(Listed { name, default_branch, is_archived })
}

fn repository_row(listed: &Value, repository: &Listed, security: Option<&Value>, alerts: Option<bool>) -> Value {
    let flag = |name: &str| listed.get(name).and_then(Value::as_bool);
    // an answer older than the word `visibility` says only whether it is private
    let visibility = text(listed, "visibility")
        .or_else(|| flag("private").map(|private| if private { "private" } else { "public" }.to_owned()));
    let mut cells = json!({
        "name": repository.name,
        "id": integer(listed, "id"),
        "visibility": visibility,
        "archived": repository.is_archived,
        "disabled": flag("disabled"),
        "fork": flag("fork"),
        "default_branch": repository.default_branch,
        "created_at": instant(listed, "created_at"),
        "pushed_at": instant(listed, "pushed_at"),
        "vulnerability_alerts": alerts,
    });
    for name in SECURITY {
        let status = security.and_then(|security| security.get(*name)).and_then(|one| text(one, "status"));
        cells[*name] = json!(status);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::{Settings, Window};
    use model::Timestamp;

    #[test]
    fn a_look_back_is_a_day_to_a_year_and_its_period_holds_it() {
        let started: Timestamp = "2026-03-01T00:00:00.5Z".parse().unwrap();
        let window = |lookback: &str| Window::of(&Settings { lookback: lookback.to_owned() }, started);
        for (lookback, period) in
            [("24h", "week"), ("6d", "week"), ("7d", "month"), ("30d", "quarter"), ("90d", "year"), ("365d", "year")]
        {
            assert_eq!(window(lookback).unwrap().period(), period, "{lookback}");
        }
        for lookback in ["23h", "366d", "a month"] {
            assert_eq!(window(lookback).err().unwrap().kind(), "misconfigured", "{lookback}");
        }
    }
}
