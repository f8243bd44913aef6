//! Entra ID: every user of a tenant, guests, disabled and deleted ones too, how each may sign in, and what each is given.
//!
//! Who holds a role through a group holds it, who may take one when needed is an administrator too, and a second factor is
//! *enforced* only where a policy leaves no way around it.

mod apps;
mod groups;
mod policies;
mod roles;
mod sign_in;
mod users;

use crate::provider::json::{Object, malformed};
use crate::provider::oauth::Grant;
use crate::provider::rest::{Page, Rest, Scheme, authorization, below, policy};
use crate::provider::run::Run;
use crate::settings::typed;
use egress::{Answer, Collector, Context, Policy};
use http::HeaderName;
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Observation};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const TOKEN: &str = "POST /{tenant}/oauth2/v2.0/token";
const ORGANIZATION: &str = "GET /organization";

const BASIS: &str = "every listing was followed until Microsoft Graph named no next page; there are as many users and groups as \
                     it counts, each group has as many members, and every holder of a role is known";

/// Microsoft Graph's largest page.
const TOP: &str = "999";

/// The collector.
pub(crate) struct EntraId;

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "one for each part that can be left out, as the settings name them")]
struct Settings {
    tenant_id: String,
    client_id: String,
    api_url: Url,
    login_url: Url,
    scope: String,
    sign_in_activity: bool,
    registered_methods: bool,
    eligible_roles: bool,
    applications: bool,
}

impl Settings {
    /// Where tokens of this tenant come from.
    fn tenant_url(&self) -> Result<Url, CollectError> {
        below(&self.login_url, &[&self.tenant_id, "oauth2", "v2.0", "token"])
    }
}

#[async_trait::async_trait]
impl Collector for EntraId {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = typed(&SPEC, settings)?;
        Ok(Policy {
            // one call a group, and one an application
            deadline: Duration::from_hours(1),
            ..policy(&SPEC, vec![settings.tenant_url()?, settings.api_url])
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = typed(&SPEC, &ctx.settings)?;
        let grant = Grant {
            spec: &SPEC,
            operation: TOKEN,
            url: &settings.tenant_url()?,
            parameters: &[
                ("grant_type", "client_credentials"),
                ("client_id", &settings.client_id),
                ("scope", &settings.scope),
            ],
            secret: ("client_secret", ctx.secrets.get("client_secret")),
            help: "look at `tenant_id`, `client_id` and `client_secret`; client secrets expire",
        };
        let token = grant.ask(ctx).await?;
        let credential = authorization(&ctx.egress, &Scheme::Word("Bearer"), Some(&token))?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let rest = Rest::new(ctx, &SPEC, &settings.api_url, max_pages, credential);
        // counts are given only by what may lag behind by seconds
        let rest = rest.with(HeaderName::from_static("consistencylevel"), "eventual");
        let mut run = Run::new(&SPEC, rest, page);

        tenant(&mut run, &settings.tenant_id).await?;
        let users = users::read(&mut run).await?;
        let groups = groups::read(&mut run, &users).await?;
        let services = if settings.applications { apps::read(&mut run).await? } else { apps::Services::default() };
        let roles = roles::read(&mut run, settings.eligible_roles, &users, &groups).await?;
        let sign_ins = if settings.sign_in_activity { sign_in::activity(&mut run, &users).await? } else { None };
        let registered = if settings.registered_methods { sign_in::registered(&mut run).await? } else { None };
        let required = policies::read(&mut run).await?;
        users::rows(&mut run, &users, &users::Details { roles: &roles, sign_ins, registered, required })?;
        apps::rows(&mut run, &services, &roles)?;

        let caller = Caller { identity: settings.client_id, tenant: settings.tenant_id };
        Ok(run.finish(ctx, BASIS, Some(caller)))
    }
}

/// The one organisation that this token is of; another one than configured is an error.
async fn tenant(run: &mut Run, tenant_id: &str) -> Result<(), CollectError> {
    let url = run.url(&["organization"], &[("$select", "id,displayName,createdDateTime,tenantType")])?;
    let found = run.listing(ORGANIZATION, url).await?;
    let [organization] = found.as_slice() else {
        return Err(malformed(ORGANIZATION, &format!("a token is of one organisation, and not of {}", found.len())));
    };
    let organization = Object::of(ORGANIZATION, organization)?;
    let id = organization.needed("id")?;
    if !id.eq_ignore_ascii_case(tenant_id) {
        return Err(CollectError::Misconfigured {
            message: format!("the token is of tenant {id}, but `tenant_id` is {tenant_id}"),
            help: "write the tenant whose evidence this is, by its id and not by a domain".to_owned(),
        });
    }
    run.push(
        "entra_tenant",
        json!({
            "id": id,
            "display_name": organization.text("displayName")?,
            "type": organization.text("tenantType")?,
            "created_at": organization.instant("createdDateTime")?,
        }),
    )
}

/// A page of Microsoft Graph's.
/// <https://learn.microsoft.com/en-us/graph/paging>
fn page(operation: &str, _: &Url, mut value: Value, _: &Answer) -> Result<Page, CollectError> {
    let answer = Object::of(operation, &value)?;
    answer.needed_list("value")?;
    let declared = answer.integer("@odata.count")?.and_then(|declared| u64::try_from(declared).ok());
    let next = answer.text("@odata.nextLink")?.map(str::to_owned);
    let members = value["value"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(Page { members, next, declared })
}

/// The word for what a directory object is, as Microsoft Graph writes it behind `#microsoft.graph.`.
fn kind<'a>(object: &Object<'a>) -> Result<Option<&'a str>, CollectError> {
    Ok(object.text("@odata.type")?.map(|kind| kind.trim_start_matches("#microsoft.graph.")))
}
