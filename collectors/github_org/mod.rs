//! `github_org`: who belongs to a GitHub organisation, who is a guest or invited, and how the organisation is set.
//! A refused or missing listing is never an empty one, and a caller who is not an owner never sees a whole population.

mod credentials;
mod operations;
mod saml;

use crate::provider::files::permission;
use crate::provider::github::{GitHub, malformed};
use crate::provider::github_access::{Access, Asker, ORG, not_owner};
use crate::provider::github_json::{Listing, instant, integer, logins, reason, text};
use crate::provider::rows::{push, row, table};
use crate::settings;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Completeness, Count, Observation, Reason, ReasonCode, Table};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const MEMBERS: &str = "GET /orgs/{org}/members";
const ADMINS: &str = "GET /orgs/{org}/members?role=admin";
const PLAIN_MEMBERS: &str = "GET /orgs/{org}/members?role=member";
const MEMBERS_WITHOUT_2FA: &str = "GET /orgs/{org}/members?filter=2fa_disabled";
const MEMBERS_INSECURE_2FA: &str = "GET /orgs/{org}/members?filter=2fa_insecure";
const OUTSIDE_INSECURE_2FA: &str = "GET /orgs/{org}/outside_collaborators?filter=2fa_insecure";
const COUNT_OPERATION: &str = "POST /graphql organization.membersWithRole";
const COUNT: &str = "query($org: String!) { organization(login: $org) { membersWithRole { totalCount } } }";
const OUTSIDE: &str = "GET /orgs/{org}/outside_collaborators";
const OUTSIDE_WITHOUT_2FA: &str = "GET /orgs/{org}/outside_collaborators?filter=2fa_disabled";
const INVITATIONS: &str = "GET /orgs/{org}/invitations";
const TEAMS: &str = "GET /orgs/{org}/teams";
const TEAM_MEMBERS: &str = "GET /orgs/{org}/teams/{team_slug}/members";
const TEAM_MAINTAINERS: &str = "GET /orgs/{org}/teams/{team_slug}/members?role=maintainer";
const PROFILE: &str = "GET /users/{username}";

/// Settings GitHub tells only owners.
const OWNER_SETTINGS: &[&str] = &[
    "two_factor_requirement_enabled",
    "default_repository_permission",
    "members_can_create_repositories",
    "members_can_create_public_repositories",
    "members_can_fork_private_repositories",
];

pub(crate) struct GithubOrg;

#[derive(Deserialize)]
struct Settings {
    profiles: bool,
}

fn read_settings(given: &Value) -> Result<(Access, Settings), CollectError> {
    let access: Access = settings::typed(&SPEC, given)?;
    access.validate()?;
    Ok((access, settings::typed(&SPEC, given)?))
}

#[async_trait::async_trait]
impl Collector for GithubOrg {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        Ok(Policy {
            origins: read_settings(settings)?.0.origins()?,
            operations: SPEC.operations.iter().map(|operation| operation.name.clone()).collect(),
            conditional: true,
            ..Policy::default()
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let (access, settings) = read_settings(&ctx.settings)?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let permission_of = |operation: &str| permission(&SPEC, operation);
        let (github, asker) = access.connect(ctx, max_pages, operations::operation_of, permission_of).await?;
        let run =
            Run { github, asker, access, settings, tables: Tables::new(), reasons: Vec::new(), counts: Vec::new() };
        let mut observation = run.collect().await?;
        observation.observed_at = ctx.egress.last_answer_date();
        observation.redactions = ctx.egress.redactions();
        observation.settle();
        Ok(observation)
    }
}

struct Tables {
    org: Table,
    members: Table,
    outside: Table,
    invitations: Table,
    teams: Table,
    team_members: Table,
    installations: Table,
    saml: Table,
    authorizations: Table,
    tokens: Table,
}

impl Tables {
    fn new() -> Self {
        Self {
            org: table(&SPEC, "github_org"),
            members: table(&SPEC, "github_member"),
            outside: table(&SPEC, "github_outside_collaborator"),
            invitations: table(&SPEC, "github_invitation"),
            teams: table(&SPEC, "github_team"),
            team_members: table(&SPEC, "github_team_member"),
            installations: table(&SPEC, "github_app_installation"),
            saml: table(&SPEC, "github_saml_identity"),
            authorizations: table(&SPEC, "github_credential_authorization"),
            tokens: table(&SPEC, "github_fine_grained_token"),
        }
    }

    fn into_vec(self) -> Vec<Table> {
        vec![
            self.org,
            self.members,
            self.outside,
            self.invitations,
            self.teams,
            self.team_members,
            self.installations,
            self.saml,
            self.authorizations,
            self.tokens,
        ]
    }
}

struct Run {
    github: GitHub,
    asker: Asker,
    access: Access,
    settings: Settings,
    tables: Tables,
    reasons: Vec<Reason>,
    counts: Vec<Count>,
}

impl Run {
    async fn collect(mut self) -> Result<Observation, CollectError> {
        let (mut org, is_owner) = self.organisation().await?;
        let count = self.members(is_owner).await?;
        self.counts.insert(0, count);
        if is_owner {
            self.outside_collaborators().await?;
            self.invitations().await?;
            self.installations().await?;
            let has_saml = self.saml_identities().await?;
            org["has_saml"] = json!(has_saml);
            if has_saml == Some(true) {
                self.credential_authorizations().await?;
            }
            let tells_tokens = self.asker.has("organization_personal_access_tokens");
            org["tells_fine_grained_tokens"] = json!(tells_tokens);
            if tells_tokens {
                self.fine_grained_tokens().await?;
            }
        } else {
            let message = "only owners may list outside collaborators, invitations, apps and identities";
            for name in
                ["github_outside_collaborator", "github_invitation", "github_app_installation", "github_saml_identity"]
            {
                self.reasons.push(not_owner(message).table(name));
            }
        }
        self.teams(is_owner).await?;
        push(&mut self.tables.org, row(org))?;

        let basis = "every listing was followed to its last page; owners and other members together are exactly the \
                     members, who are as many as GraphQL counts; the caller sees all that owners see";
        Ok(Observation {
            completeness: Completeness::from_reasons(basis, self.reasons),
            counts: self.counts,
            caller: Some(Caller { identity: self.asker.identity(), tenant: self.access.org }),
            tables: self.tables.into_vec(),
            observed_at: None,
            redactions: Vec::new(),
        })
    }

    fn org_url(&self, rest: &[&str]) -> Result<Url, CollectError> {
        self.github.url(&[&["orgs", &self.access.org], rest].concat())
    }

    /// The organisation's row as far as this answer tells it; whether the caller is shown all that owners are.
    async fn organisation(&mut self) -> Result<(Value, bool), CollectError> {
        let org = self.asker.organisation(&self.github, &self.access).await?;
        let role = self.asker.role(&self.github, &self.access).await?;
        // an app that may read members is shown concealed ones too, and secret teams
        let is_owner = role.as_deref() == Some("admin") || self.asker.has("members");

        let mut cells = json!({
            "login": text(&org, "login"),
            "id": integer(&org, "id"),
            "name": text(&org, "name"),
            "created_at": instant(&org, "created_at"),
            "web_commit_signoff_required": org.get("web_commit_signoff_required").filter(|value| value.is_boolean()),
            "caller_role": role,
        });
        for name in OWNER_SETTINGS {
            cells[*name] =
                org.get(*name).filter(|value| value.is_boolean() || value.is_string()).cloned().unwrap_or_default();
        }
        let untold: Vec<&str> = ["two_factor_requirement_enabled", "default_repository_permission"]
            .into_iter()
            .filter(|name| cells[*name].is_null())
            .collect();
        if !untold.is_empty() {
            let message = "GitHub left settings out that it tells only owners with the right permission";
            self.reasons.push(
                Reason::new(if is_owner { ReasonCode::Denied } else { ReasonCode::NotOwner }, message)
                    .table("github_org")
                    .columns(&untold)
                    .permission(&permission(&SPEC, ORG)),
            );
        }
        Ok((cells, is_owner))
    }

    /// Everyone in the organisation, with the independent count.
    async fn members(&mut self, is_owner: bool) -> Result<Count, CollectError> {
        let mut all_url = self.org_url(&["members"])?;
        all_url.query_pairs_mut().append_pair("role", "all");
        let all = self.github.listing(MEMBERS, all_url).await?;
        let everyone = logins(MEMBERS, &all)?;
        let mut count = Count {
            table: "github_member".to_owned(),
            counted: everyone.len() as u64,
            declared: None,
            declared_by: None,
        };

        let mut admins = None;
        let mut without_2fa = None;
        let mut insecure_2fa = None;
        if is_owner {
            self.count_members(count.counted).await?;
            admins = self.part("github_member", "role", ADMINS, &["members"], ("role", "admin")).await?;
            let plain = self.part("github_member", "role", PLAIN_MEMBERS, &["members"], ("role", "member")).await?;
            if let (Some(admins), Some(plain)) = (&admins, &plain) {
                count.declared = Some((admins.len() + plain.len()) as u64);
                count.declared_by = Some("owners and other members, listed separately".to_owned());
                self.compare(&everyone, admins, plain);
            } else {
                admins = None;
            }
            without_2fa = self
                .part("github_member", "two_factor", MEMBERS_WITHOUT_2FA, &["members"], ("filter", "2fa_disabled"))
                .await?;
            self.within("github_member", MEMBERS_WITHOUT_2FA, without_2fa.as_ref(), &everyone);
            insecure_2fa = self
                .part(
                    "github_member",
                    "two_factor_secure",
                    MEMBERS_INSECURE_2FA,
                    &["members"],
                    ("filter", "2fa_insecure"),
                )
                .await?;
            self.within("github_member", MEMBERS_INSECURE_2FA, insecure_2fa.as_ref(), &everyone);
        } else {
            self.reasons.push(
                not_owner("the caller is not an owner: GitHub shows it only some of the members")
                    .table("github_member"),
            );
            self.reasons.push(
                not_owner("only owners are told who is an owner and who has a second factor")
                    .table("github_member")
                    .columns(&["role", "two_factor", "two_factor_secure"]),
            );
        }

        let mut unseen_profiles = Vec::new();
        for member in &all {
            let Some(login) = text(member, "login") else { continue };
            let profile = if self.settings.profiles { self.profile(&login, &mut unseen_profiles).await? } else { None };
            let role = admins.as_ref().map(|admins| if admins.contains(&login) { "admin" } else { "member" });
            let cells = json!({
                "login": login,
                "id": integer(member, "id"),
                "type": kind(MEMBERS, member)?,
                "site_admin": member.get("site_admin").and_then(Value::as_bool),
                "role": role,
                "two_factor": without_2fa.as_ref().map(|without| !without.contains(&login)),
                "two_factor_secure": secure(&login, without_2fa.as_ref(), insecure_2fa.as_ref()),
                "name": profile.as_ref().and_then(|profile| text(profile, "name")),
                "email": profile.as_ref().and_then(|profile| text(profile, "email"))
                    .or_else(|| text(member, "email")),
            });
            push(&mut self.tables.members, row(cells))?;
        }
        if !unseen_profiles.is_empty() {
            let shown = unseen_profiles.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let message = format!("the profiles of {} members could not be read: {shown}", unseen_profiles.len());
            self.reasons.push(
                Reason::new(ReasonCode::MemberFailed, message).table("github_member").columns(&["name", "email"]),
            );
        }
        Ok(count)
    }

    /// GitHub's own count of the members, in another API than the listings.
    async fn count_members(&mut self, counted: u64) -> Result<(), CollectError> {
        let variables = json!({ "org": self.access.org });
        let declared = self.github.graphql(COUNT_OPERATION, COUNT, &variables).await.and_then(|data| {
            let count = data.pointer("/organization/membersWithRole/totalCount").and_then(Value::as_u64);
            count.ok_or_else(|| malformed(COUNT_OPERATION, "the answer holds no count"))
        });
        match declared {
            Ok(declared) => self.count("github_member", counted, declared, "GraphQL membersWithRole.totalCount"),
            Err(error) => self.reasons.push(reason(error)?.table("github_member")),
        }
        Ok(())
    }

    /// Keeps a count, and a reason where the two figures differ.
    fn count(&mut self, table: &str, counted: u64, declared: u64, by: &str) {
        if declared != counted {
            let message = format!("{by}: {declared}; counted in the answers: {counted}");
            self.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(table));
        }
        let (table, declared_by) = (table.to_owned(), Some(by.to_owned()));
        self.counts.push(Count { table, counted, declared: Some(declared), declared_by });
    }

    fn compare(&mut self, everyone: &BTreeSet<String>, admins: &BTreeSet<String>, plain: &BTreeSet<String>) {
        let union: BTreeSet<String> = admins.union(plain).cloned().collect();
        let both: Vec<&String> = admins.intersection(plain).collect();
        if &union != everyone || !both.is_empty() {
            let differing: Vec<&String> = union.symmetric_difference(everyone).chain(both).take(5).collect();
            let message = format!(
                "{} members are listed at once, but {} owners and {} other members separately; they differ in {}",
                everyone.len(),
                admins.len(),
                plain.len(),
                differing.iter().map(|login| login.as_str()).collect::<Vec<_>>().join(", "),
            );
            self.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("github_member"));
        }
    }

    /// People in a partial listing must be in the whole one.
    fn within(&mut self, table: &str, operation: &str, part: Option<&BTreeSet<String>>, whole: &BTreeSet<String>) {
        let strangers: Vec<&str> =
            part.into_iter().flat_map(|part| part.difference(whole)).map(String::as_str).take(5).collect();
        if !strangers.is_empty() {
            let message = format!("{operation} names people the whole listing does not: {}", strangers.join(", "));
            self.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(table));
        }
    }

    async fn profile(&self, login: &str, unseen: &mut Vec<String>) -> Result<Option<Value>, CollectError> {
        match self.github.object(PROFILE, &self.github.url(&["users", login])?).await {
            Ok(profile) => Ok(Some(profile)),
            Err(error @ CollectError::Misconfigured { .. }) => Err(error),
            Err(_) => {
                unseen.push(login.to_owned());
                Ok(None)
            }
        }
    }

    /// The logins of a partial listing that feeds one column; none, with a reason, when it could not be read whole.
    async fn part(
        &mut self,
        table: &str,
        column: &str,
        operation: &str,
        path: &[&str],
        (name, value): (&str, &str),
    ) -> Result<Option<BTreeSet<String>>, CollectError> {
        let mut url = self.org_url(path)?;
        url.query_pairs_mut().append_pair(name, value);
        let read = self.github.listing(operation, url).await.and_then(|elements| logins(operation, &elements));
        match read {
            Ok(logins) => Ok(Some(logins)),
            Err(error) => {
                let reason = reason(error)?.table(table).columns(&[column]);
                self.reasons.push(reason);
                Ok(None)
            }
        }
    }

    /// A listing that feeds whole tables; what could not be read makes these tables incomplete.
    async fn listing(&mut self, tables: &[&str], operation: &str, path: &[&str]) -> Result<Listing, CollectError> {
        match self.github.listing(operation, self.org_url(path)?).await {
            Ok(elements) => Ok(Listing::Whole(elements)),
            Err(error) => {
                let reason = reason(error)?;
                self.reasons.extend(tables.iter().map(|table| reason.clone().table(table)));
                Ok(Listing::Unseen)
            }
        }
    }

    async fn outside_collaborators(&mut self) -> Result<(), CollectError> {
        const TABLE: &str = "github_outside_collaborator";
        let Listing::Whole(all) = self.listing(&[TABLE], OUTSIDE, &["outside_collaborators"]).await? else {
            return Ok(());
        };
        let everyone = logins(OUTSIDE, &all)?;
        let without_2fa = self
            .part(TABLE, "two_factor", OUTSIDE_WITHOUT_2FA, &["outside_collaborators"], ("filter", "2fa_disabled"))
            .await?;
        self.within(TABLE, OUTSIDE_WITHOUT_2FA, without_2fa.as_ref(), &everyone);
        let path = ["outside_collaborators"];
        let insecure_2fa =
            self.part(TABLE, "two_factor_secure", OUTSIDE_INSECURE_2FA, &path, ("filter", "2fa_insecure")).await?;
        self.within(TABLE, OUTSIDE_INSECURE_2FA, insecure_2fa.as_ref(), &everyone);
        for person in &all {
            let Some(login) = text(person, "login") else { continue };
            let cells = json!({
                "login": login,
                "id": integer(person, "id"),
                "type": kind(OUTSIDE, person)?,
                "two_factor": without_2fa.as_ref().map(|without| !without.contains(&login)),
                "two_factor_secure": secure(&login, without_2fa.as_ref(), insecure_2fa.as_ref()),
            });
            push(&mut self.tables.outside, row(cells))?;
        }
        Ok(())
    }

    async fn invitations(&mut self) -> Result<(), CollectError> {
        let Listing::Whole(all) = self.listing(&["github_invitation"], INVITATIONS, &["invitations"]).await? else {
            return Ok(());
        };
        for invitation in &all {
            let cells = json!({
                "id": integer(invitation, "id"),
                "login": text(invitation, "login"),
                "email": text(invitation, "email"),
                "role": text(invitation, "role"),
                "created_at": instant(invitation, "created_at"),
                "inviter": invitation.get("inviter").and_then(|inviter| text(inviter, "login")),
            });
            push(&mut self.tables.invitations, row(cells))?;
        }
        Ok(())
    }

    async fn teams(&mut self, is_owner: bool) -> Result<(), CollectError> {
        const TABLES: &[&str] = &["github_team", "github_team_member"];
        if !is_owner {
            let message = "a caller who is not an owner does not see secret teams of others";
            self.reasons.extend(TABLES.iter().map(|table| not_owner(message).table(table)));
        }
        let Listing::Whole(all) = self.listing(TABLES, TEAMS, &["teams"]).await? else { return Ok(()) };
        for team in &all {
            let Some(slug) = text(team, "slug") else { return Err(malformed(TEAMS, "a team has no `slug`")) };
            let cells = json!({
                "slug": slug,
                "id": integer(team, "id"),
                "name": text(team, "name"),
                "privacy": text(team, "privacy"),
                "parent": team.get("parent").and_then(|parent| text(parent, "slug")),
            });
            push(&mut self.tables.teams, row(cells))?;
            self.team_members(&slug).await?;
        }
        Ok(())
    }

    async fn team_members(&mut self, slug: &str) -> Result<(), CollectError> {
        const TABLE: &str = "github_team_member";
        let path = ["teams", slug, "members"];
        let Listing::Whole(all) = self.listing(&[TABLE], TEAM_MEMBERS, &path).await? else { return Ok(()) };
        let everyone = logins(TEAM_MEMBERS, &all)?;
        let maintainers = self.part(TABLE, "role", TEAM_MAINTAINERS, &path, ("role", "maintainer")).await?;
        self.within(TABLE, TEAM_MAINTAINERS, maintainers.as_ref(), &everyone);
        for member in &all {
            let Some(login) = text(member, "login") else { continue };
            let role = maintainers.as_ref().map(|them| if them.contains(&login) { "maintainer" } else { "member" });
            let cells = json!({ "team": slug, "login": login, "id": integer(member, "id"), "role": role });
            push(&mut self.tables.team_members, row(cells))?;
        }
        Ok(())
    }
}

/// Whether `login` has a second factor and none that GitHub calls insecure (text messages).
fn secure(login: &str, without: Option<&BTreeSet<String>>, insecure: Option<&BTreeSet<String>>) -> Option<bool> {
    match (without?.contains(login), insecure?.contains(login)) {
        (true, _) | (_, true) => Some(false),
        (false, false) => Some(true),
    }
}
/// Whether somebody is a person or a program: without it a service account would be taken for neither, and nobody's.
fn kind(operation: &str, somebody: &Value) -> Result<String, CollectError> {
    text(somebody, "type").ok_or_else(|| malformed(operation, "an account has no `type`"))
}
