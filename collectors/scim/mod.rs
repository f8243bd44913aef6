//! `scim`: the users and groups of any provider that speaks SCIM 2.0 (RFC 7643, RFC 7644), active or not.
//!
//! SCIM knows no second factor and no administrator: the one is never reported, the other only where the settings name
//! who is one.

mod groups;
mod users;

use crate::provider::json::{Object, malformed};
use crate::provider::rest::{Page, Rest, Scheme, authorization, page_size, policy};
use crate::provider::run::Run;
use crate::provider::stepped::Step;
use crate::settings;
use egress::{Answer, Collector, Context, Policy};
use http::header::ACCEPT;
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Observation};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const CONFIG: &str = "GET /ServiceProviderConfig";

/// What makes a run complete; totals that were not asked for alone prove nothing.
fn basis(total_alone: bool) -> String {
    let alone =
        if total_alone { " and when it was asked for alone" } else { ", and was not asked for apart from them" };
    format!(
        "each listing was read until as many members had come as its `totalResults`, each once; that total was the same on \
         every page{alone}; every member of a group is a user or a group, and the groups that users name are those that have \
         them as members"
    )
}

/// What every service provider says of itself (RFC 7643, section 5).
const FEATURES: &[&str] = &["patch", "bulk", "filter", "changePassword", "sort", "etag"];

/// Larger ones are cut by any provider.
const LARGEST_PAGE: u64 = 10_000;

pub(crate) struct Scim;

#[derive(Deserialize)]
struct Settings {
    api_url: Url,
    username: Option<String>,
    page_size: u64,
    total_alone: bool,
    groups: bool,
    provider_config: bool,
    admin_roles: BTreeSet<String>,
    admin_groups: BTreeSet<String>,
}

impl Settings {
    fn read(settings: &Value) -> Result<Self, CollectError> {
        let read: Self = settings::typed(&SPEC, settings)?;
        page_size(read.page_size, LARGEST_PAGE)?;
        if !read.groups && !read.admin_groups.is_empty() {
            return Err(CollectError::Misconfigured {
                message: "`admin_groups` names groups, but `groups` is false".to_owned(),
                help: "remove `groups = false`, or name administrators by `admin_roles`".to_owned(),
            });
        }
        Ok(read)
    }
}

#[async_trait::async_trait]
impl Collector for Scim {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        Ok(policy(&SPEC, vec![Settings::read(settings)?.api_url]))
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings = Settings::read(&ctx.settings)?;
        let credential = credential(ctx, &settings)?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let rest = Rest::new(ctx, &SPEC, &settings.api_url, max_pages, credential);
        let mut run = Run::new(&SPEC, rest.with(ACCEPT, "application/scim+json, application/json"), single);

        let users = users::read(&mut run, &settings).await?;
        let groups = if settings.groups { groups::read(&mut run, &settings, &users).await? } else { None };
        users::rows(&mut run, &settings, &users, groups.as_ref())?;
        if settings.provider_config
            && let Err(error) = provider(&mut run).await
        {
            run.unseen(error, &["scim_setting"])?;
        }
        // who asks, SCIM does not say; with basic authentication it is who signs in
        let tenant = settings.api_url.host_str().unwrap_or_default().to_owned();
        Ok(run.finish(ctx, &basis(settings.total_alone), settings.username.map(|identity| Caller { identity, tenant })))
    }
}

fn credential(ctx: &Context, settings: &Settings) -> Result<Option<http::HeaderValue>, CollectError> {
    let (token, password) = (ctx.secrets.get("token"), ctx.secrets.get("password"));
    match &settings.username {
        None if token.is_some() || password.is_none() => authorization(&ctx.egress, &Scheme::Word("Bearer"), token),
        Some(name) if token.is_none() => {
            let before = format!("{name}:");
            authorization(&ctx.egress, &Scheme::Basic { before: &before, after: "" }, password)
        }
        _ => Err(CollectError::Misconfigured {
            message: "it is not clear how to sign in".to_owned(),
            help: "give this source a `token`, or a `username` and a `password`, and not both".to_owned(),
        }),
    }
}

/// No listing of SCIM's names its next page.
fn single(operation: &str, _: &Url, _: Value, _: &Answer) -> Result<Page, CollectError> {
    Err(malformed(operation, "a SCIM listing is stepped through"))
}

/// The address of `count` resources behind the first `offset`; the first has number 1 (RFC 7644, section 3.4.2.4).
fn step(rest: &Rest, resource: &str, offset: u64, count: u64) -> Result<Url, CollectError> {
    let mut url = rest.url(&[resource])?;
    url.query_pairs_mut().append_pair("startIndex", &(offset + 1).to_string()).append_pair("count", &count.to_string());
    Ok(url)
}

/// How many resources there are, asked for alone: none are returned beside it (RFC 7644, table 6). None where the settings
/// say that it cannot be.
async fn total_alone(
    rest: &Rest,
    settings: &Settings,
    operation: &str,
    resource: &str,
) -> Result<Option<u64>, CollectError> {
    if !settings.total_alone {
        return Ok(None);
    }
    let mut url = rest.url(&[resource])?;
    url.query_pairs_mut().append_pair("count", "0");
    Ok(Some(read_step(operation, &rest.object(operation, &url).await?)?.total))
}

fn read_step(operation: &str, value: &Value) -> Result<Step, CollectError> {
    let answer = Object::of(operation, value)?;
    let total = answer.integer("totalResults")?.and_then(|total| u64::try_from(total).ok());
    let total = total.ok_or_else(|| malformed(operation, "the answer has no `totalResults`"))?;
    // left out where there is nothing (RFC 7644, section 3.4.2)
    Ok(Step { total, members: answer.list("Resources")?.to_vec() })
}

/// What the provider says it can do.
async fn provider(run: &mut Run) -> Result<(), CollectError> {
    let config = run.rest.object(CONFIG, &run.url(&["ServiceProviderConfig"], &[])?).await?;
    let config = Object::of(CONFIG, &config)?;
    let mut rows = Vec::new();
    for feature in FEATURES {
        let supported = config.object(feature)?.boolean("supported")?;
        let supported =
            supported.ok_or_else(|| malformed(CONFIG, &format!("it does not say `{feature}.supported`")))?;
        rows.push((format!("{feature}.supported"), supported.to_string()));
    }
    if config.member("authenticationSchemes").is_none() {
        return Err(malformed(CONFIG, "it does not say `authenticationSchemes`"));
    }
    for scheme in config.objects("authenticationSchemes")? {
        let kind = scheme.needed("type")?;
        rows.push((format!("authenticationSchemes.{kind}"), "true".to_owned()));
    }
    for (name, value) in rows {
        run.push("scim_setting", json!({ "name": name, "value": value }))?;
    }
    Ok(())
}
