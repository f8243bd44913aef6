//! Okta: everybody in an organisation whatever their status, how each may sign in, and what each is given.
//!
//! Nobody is left out for being suspended or deprovisioned, and a second factor that could not be read is never "none".

mod apps;
mod groups;
mod members;
mod policies;
mod users;

use crate::provider::json::Object;
use crate::provider::rest::{Page, Rest, Scheme, authorization, reason};
use crate::provider::rows::table;
use crate::provider::web_link::Links;
use crate::settings::typed;
use egress::{Answer, Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Completeness, Observation, Reason, ReasonCode, Table};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
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
            origins: vec![typed::<Settings>(&SPEC, settings)?.api_url],
            operations: SPEC.operations.iter().map(|operation| operation.name.clone()).collect(),
            // two calls a user, and Okta allows some hundred a minute
            deadline: Duration::from_hours(1),
            ..Policy::default()
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = typed(&SPEC, &ctx.settings)?;
        let word = match settings.token_type {
            TokenType::Ssws => "SSWS",
            TokenType::Bearer => "Bearer",
        };
        let credential = authorization(&ctx.egress, &Scheme::Word(word), ctx.secrets.get("token"))?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let mut run = Run {
            rest: Rest::new(ctx, &SPEC, &settings.api_url, max_pages, credential),
            tables: SPEC.tables.iter().map(|spec| (spec.name.clone(), table(&SPEC, &spec.name))).collect(),
            reasons: Vec::new(),
            counts: Vec::new(),
        };
        let me = run.rest.object(ME, &run.rest.url(&["api", "v1", "users", "me"])?).await?;
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

        let mut observation = Observation {
            completeness: Completeness::from_reasons(BASIS, run.reasons),
            counts: run.counts,
            caller: Some(Caller {
                identity: my_login.to_owned(),
                tenant: settings.api_url.host_str().unwrap_or_default().to_owned(),
            }),
            tables: run.tables.into_values().collect(),
            observed_at: ctx.egress.last_answer_date(),
            redactions: ctx.egress.redactions(),
        };
        observation.settle();
        Ok(observation)
    }
}

/// What one run has read so far.
struct Run {
    rest: Rest,
    tables: BTreeMap<String, Table>,
    reasons: Vec<Reason>,
    counts: Vec<model::Count>,
}

impl Run {
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, CollectError> {
        let mut url = self.rest.url(&[&["api", "v1"], path].concat())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn push(&mut self, table: &str, row: Value) -> Result<(), CollectError> {
        let into = self.tables.get_mut(table).expect("a declared table");
        crate::provider::rows::push(into, crate::provider::rows::row(row))
    }

    /// Why a listing that feeds `tables` was not read whole.
    fn unseen(&mut self, error: CollectError, tables: &[&str]) -> Result<(), CollectError> {
        let reason = reason(error)?;
        self.reasons.extend(tables.iter().map(|table| reason.clone().table(table)));
        Ok(())
    }

    fn not_all_seen(&mut self, message: &str) {
        let reason = Reason::new(ReasonCode::NotOwner, message).permission("the role Read Only Administrator");
        self.reasons.push(reason);
    }
}

/// A page of Okta's: an array, and the next page in the `link` header.
/// <https://developer.okta.com/docs/api/#pagination>
fn page(operation: &str, value: Value, answer: &Answer) -> Result<Page, CollectError> {
    let Value::Array(members) = value else {
        return Err(crate::provider::json::malformed(operation, "the answer is not a JSON array"));
    };
    let link = answer.headers.get("link").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(Page { members, next: Links::parse(link).next })
}

/// Every member of one of Okta's listings.
async fn listing(rest: &Rest, operation: &str, url: Url) -> Result<Vec<Value>, CollectError> {
    rest.listing(operation, url, |_, value, answer| page(operation, value, answer)).await
}

/// The same listing of each member.
fn listings<'a>(
    rest: &'a Rest,
    operation: &'a str,
    urls: &[Url],
) -> Vec<impl Future<Output = Result<Vec<Value>, CollectError>> + use<'a>> {
    urls.iter().map(|url| listing(rest, operation, url.clone())).collect()
}
