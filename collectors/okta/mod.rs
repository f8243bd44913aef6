//! Okta: everybody in an organisation whatever their status, how each may sign in, and what each is given.
//!
//! Nobody is left out for being suspended or deprovisioned, and a second factor that could not be read is never "none".

mod apps;
mod groups;
mod members;
mod policies;
mod users;

use crate::provider::json::{Object, malformed};
use crate::provider::rest::{Page, Rest, Scheme, authorization, below, policy};
use crate::provider::run::Run;
use crate::provider::web_link::Links;
use crate::settings::typed;
use egress::{Answer, Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Observation};
use serde::Deserialize;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const ME: &str = "GET /api/v1/users/me";

const BASIS: &str = "every listing was followed until Okta named no next page; the users listed at once are exactly those \
                     listed status by status, and deprovisioned ones were asked for by name; each group has as many \
                     members as Okta counts, where it counts them; the token's owner holds a role that sees every user";

/// Roles whose holders see every user: others see only those of groups they administer.
/// <https://help.okta.com/en-us/content/topics/security/administrators-admin-comparison.htm>
const SEEING_ROLES: &[&str] = &["SUPER_ADMIN", "ORG_ADMIN", "READ_ONLY_ADMIN"];

/// The collector.
pub(crate) struct Okta;

#[derive(Deserialize)]
struct Settings {
    api_url: Url,
    token_type: TokenType,
    apps: bool,
}

#[derive(Clone, Copy, Deserialize)]
enum TokenType {
    #[serde(rename = "SSWS")]
    Ssws,
    Bearer,
}

#[async_trait::async_trait]
impl Collector for Okta {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        Ok(Policy {
            // two calls a user, and Okta allows some hundred a minute
            deadline: Duration::from_hours(1),
            ..policy(&SPEC, vec![typed::<Settings>(&SPEC, settings)?.api_url])
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = typed(&SPEC, &ctx.settings)?;
        let word = match settings.token_type {
            TokenType::Ssws => "SSWS",
            TokenType::Bearer => "Bearer",
        };
        let credential = authorization(&ctx.egress, &Scheme::Word(word), ctx.secrets.get("token"))?;
        let base = below(&settings.api_url, &["api", "v1"])?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let mut run = Run::new(&SPEC, Rest::new(ctx, &SPEC, &base, max_pages, credential), page);
        let me = run.rest.object(ME, &run.url(&["users", "me"], &[])?).await?;
        let me = Object::of(ME, &me)?;
        let (my_id, my_login) = (me.needed("id")?, me.object("profile")?.needed("login")?);

        let users = users::read(&mut run).await?;
        let members = members::read(&mut run, &users, my_id).await?;
        users::rows(&mut run, &users, &members)?;
        groups::read(&mut run).await?;
        if settings.apps {
            apps::read(&mut run).await?;
        }
        policies::read(&mut run).await?;

        let tenant = settings.api_url.host_str().unwrap_or_default().to_owned();
        Ok(run.finish(ctx, BASIS, Some(Caller { identity: my_login.to_owned(), tenant })))
    }
}

/// A page of Okta's: an array, and the next page in the `link` header.
/// <https://developer.okta.com/docs/api/#pagination>
fn page(operation: &str, _: &Url, value: Value, answer: &Answer) -> Result<Page, CollectError> {
    let Value::Array(members) = value else {
        return Err(malformed(operation, "the answer is not a JSON array"));
    };
    let link = answer.headers.get("link").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(Page { members, next: Links::parse(link).next, declared: None })
}
