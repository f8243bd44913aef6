//! Google Workspace: every user of a customer, suspended, archived and lately deleted ones too, who administers, and who is in
//! which group.
//!
//! Google counts nothing, so a list is whole when Google says it ends. Who may administer through a group that could not be
//! read, or somebody through such a group, is never said to be no administrator.

mod groups;
mod roles;
mod users;

use crate::provider::google::{Delegation, page};
use crate::provider::json::Object;
use crate::provider::rest::{Rest, Scheme, authorization, policy};
use crate::provider::run::Run;
use crate::settings::typed;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Observation};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const TOKEN: &str = "POST /token";
const CUSTOMER: &str = "GET /admin/directory/v1/customers/{customerKey}";

const BASIS: &str = "every listing was followed until Google named no next page; Google counts neither users nor roles, so \
                     nothing else shows that they are all; each group has as many members as Google counts; every user is of \
                     the customer";

/// Reading alone. What a user's security keys and tokens are, Google tells only to who may also take them away.
const SCOPES: &[&str] = &[
    "https://www.googleapis.com/auth/admin.directory.customer.readonly",
    "https://www.googleapis.com/auth/admin.directory.group.readonly",
    "https://www.googleapis.com/auth/admin.directory.rolemanagement.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
];

/// The collector.
pub(crate) struct GoogleWorkspace;

#[derive(Deserialize)]
struct Settings {
    customer_id: String,
    admin: String,
    api_url: Url,
    token_url: Url,
    groups: bool,
}

#[async_trait::async_trait]
impl Collector for GoogleWorkspace {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = typed(&SPEC, settings)?;
        Ok(Policy {
            // one call a group
            deadline: Duration::from_hours(1),
            ..policy(&SPEC, vec![settings.token_url, settings.api_url])
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = typed(&SPEC, &ctx.settings)?;
        let delegation = Delegation {
            spec: &SPEC,
            operation: TOKEN,
            token_url: &settings.token_url,
            key: "service_account_key",
            subject: &settings.admin,
            scopes: SCOPES,
        };
        let token = delegation.token(ctx).await?;
        let credential = authorization(&ctx.egress, &Scheme::Word("Bearer"), Some(&token))?;
        let max_pages = self.policy(&ctx.settings)?.max_pages;
        let rest = Rest::new(ctx, &SPEC, &settings.api_url, max_pages, credential);
        let mut run = Run::new(&SPEC, rest, page);

        customer(&mut run, &settings.customer_id).await?;
        let users = users::read(&mut run, &settings.customer_id).await?;
        let groups = groups::read(&mut run, settings.groups, &users).await?;
        let roles = roles::read(&mut run, &settings.customer_id, &users, &groups).await?;
        users::rows(&mut run, &users, &roles)?;

        let caller = Caller { identity: settings.admin, tenant: settings.customer_id };
        Ok(run.finish(ctx, BASIS, Some(caller)))
    }
}

/// The customer that this token is of; another one than configured is an error.
async fn customer(run: &mut Run, customer_id: &str) -> Result<(), CollectError> {
    let customer = run.rest.object(CUSTOMER, &run.url(&["customers", "my_customer"], &[])?).await?;
    let customer = Object::of(CUSTOMER, &customer)?;
    let id = customer.needed("id")?;
    if id != customer_id {
        return Err(CollectError::Misconfigured {
            message: format!("the administrator is of customer {id}, but `customer_id` is {customer_id}"),
            help: "write the customer whose evidence this is; the Admin console shows it under account settings"
                .to_owned(),
        });
    }
    run.push(
        "google_customer",
        json!({
            "id": id,
            "domain": customer.text("customerDomain")?,
            "created_at": customer.instant("customerCreationTime")?,
        }),
    )
}
