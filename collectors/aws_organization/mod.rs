//! AWS Organizations: the accounts of one organisation in every state, and where each stands.
//!
//! They are read twice, in one listing and by walking the tree of units: AWS counts them nowhere. It decides nothing:
//! which of them must be watched is for checks.

mod read;

use crate::provider::aws::{Aws, AwsSettings, Service, instant, query_operation, reason_of, some, text};
use crate::provider::rows::{push, row, table};
use crate::settings::typed;
use aws_sdk_organizations::types::{
    Account, AccountJoinedMethod, AccountState, AccountStatus, Organization, OrganizationFeatureSet,
};
use egress::{Collector, Context, Policy};
use model::{CollectError, CollectorSpec, Completeness, Count, Observation, Reason, ReasonCode};
use read::Tree;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The collector.
pub(crate) struct AwsOrganization;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const BASIS: &str = "every listing ended where AWS gave no further token; the accounts of the one listing are those found under the roots and their units, the management account among them";

/// How the protocol names the service before the call, in the header `x-amz-target`.
const TARGET: &str = "AWSOrganizationsV20161128.";

#[async_trait::async_trait]
impl Collector for AwsOrganization {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        typed::<AwsSettings>(&SPEC, settings)?.policy(Service::Organizations, &SPEC)
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let aws = Aws::connect(ctx, typed::<AwsSettings>(&SPEC, &ctx.settings)?, operation_of).await?;
        let caller = aws.caller().await?;
        let client = aws_sdk_organizations::Client::new(&aws.config);

        let mut reasons = Vec::new();
        let organization = unless(read::organization(&client).await, &mut reasons, |error| {
            vec![reason_of(error, &["aws_organization"], &[]), reason_of(error, &["aws_account"], &["is_management"])]
        })?;
        let mut accounts = read::accounts(&client).await?;
        let mut tree = read::tree(&client).await;
        if let Ok(seen) = &tree
            && !agree(&accounts, seen)
        {
            // an account may have come or moved between the two readings; it does not do so twice
            let before: BTreeSet<String> = seen.parents.keys().cloned().chain(ids(&accounts)).collect();
            accounts = read::accounts(&client).await?;
            tree = read::tree(&client).await;
            if let Ok(seen) = &mut tree {
                seen.vanished = before.into_iter().filter(|id| !seen.parents.contains_key(id)).collect();
            }
        }
        let tree = unless(tree, &mut reasons, |error| {
            vec![
                reason_of(error, &["aws_organizational_unit"], &[]),
                reason_of(error, &["aws_account"], &["parent_id", "path"]),
            ]
        })?;

        if let Some(tree) = &tree {
            reasons.extend(differing(&accounts, tree));
        }
        let management = organization.as_ref().and_then(Organization::master_account_id);
        if let Some(management) = management.filter(|id| !ids(&accounts).contains(*id)) {
            let message = format!("the management account {management} is not among the accounts listed");
            reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("aws_account"));
        }
        let counted = ids(&accounts).len() as u64;
        let mut observation = Observation {
            tables: tables(organization.as_ref(), &accounts, tree.as_ref())?,
            completeness: Completeness::from_reasons(BASIS, reasons),
            counts: vec![Count {
                table: "aws_account".to_owned(),
                counted,
                declared: tree.as_ref().map(|tree| tree.parents.len() as u64),
                declared_by: tree.map(|_| "organizations:ListAccountsForParent of every root and unit".to_owned()),
            }],
            caller: Some(caller),
            observed_at: ctx.egress.last_answer_date(),
            redactions: ctx.egress.redactions(),
        };
        observation.settle();
        Ok(observation)
    }
}

/// The answer; or nothing, and why. A dead credential, or no organisation, ends the run instead.
fn unless<T>(
    answer: Result<T, CollectError>,
    reasons: &mut Vec<Reason>,
    missing: impl FnOnce(&CollectError) -> Vec<Reason>,
) -> Result<Option<T>, CollectError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ CollectError::Misconfigured { .. }) => Err(error),
        Err(error) => {
            reasons.extend(missing(&error));
            Ok(None)
        }
    }
}

fn ids(accounts: &[Account]) -> BTreeSet<String> {
    accounts.iter().filter_map(|account| account.id().map(str::to_owned)).collect()
}

fn agree(accounts: &[Account], tree: &Tree) -> bool {
    tree.twice.is_empty() && ids(accounts).iter().eq(tree.parents.keys())
}

/// How the two readings differ.
fn differing(accounts: &[Account], tree: &Tree) -> Vec<Reason> {
    let listed = ids(accounts);
    let one: BTreeSet<&str> = listed
        .iter()
        .filter(|id| !tree.parents.contains_key(*id))
        .chain(tree.parents.keys().filter(|id| !listed.contains(*id)))
        .chain(&tree.vanished)
        .map(String::as_str)
        .collect();
    let named = [
        (one, "accounts are in one of the two readings only"),
        (tree.twice.iter().map(String::as_str).collect(), "accounts came under several units"),
    ];
    let reasons = named.into_iter().filter(|(ids, _)| !ids.is_empty()).map(|(ids, what)| {
        let shown: Vec<&str> = ids.into_iter().collect();
        let message = format!("{} {what}: {}", shown.len(), some(&shown));
        Reason::new(ReasonCode::CountsDisagree, message).table("aws_account")
    });
    reasons.collect()
}

fn tables(
    organization: Option<&Organization>,
    accounts: &[Account],
    tree: Option<&Tree>,
) -> Result<Vec<model::Table>, CollectError> {
    let mut organizations = table(&SPEC, "aws_organization");
    if let Some(found) = organization {
        let cells = json!({
            "organization_id": text(found.id()),
            "arn": text(found.arn()),
            "feature_set": text(found.feature_set().map(OrganizationFeatureSet::as_str)),
            "management_account_id": text(found.master_account_id()),
        });
        push(&mut organizations, row(cells))?;
    }
    let mut units = table(&SPEC, "aws_organizational_unit");
    for unit in tree.iter().flat_map(|tree| tree.units.values()) {
        let cells = json!({
            "unit_id": unit.id,
            "arn": unit.arn,
            "name": unit.path.last(),
            "parent_id": unit.parent_id,
            "path": unit.path,
        });
        push(&mut units, row(cells))?;
    }
    let management = organization.and_then(Organization::master_account_id);
    let mut rows = table(&SPEC, "aws_account");
    for account in accounts {
        let id = account.id().unwrap_or_default();
        let parent = tree.and_then(|tree| tree.units.get(tree.parents.get(id)?));
        let state = account.state().map(AccountState::as_str);
        let cells = json!({
            "account_id": id,
            "arn": text(account.arn()),
            "name": text(account.name()),
            "email": text(account.email()),
            "state": text(state.or_else(|| account.status().map(AccountStatus::as_str))),
            "joined_method": text(account.joined_method().map(AccountJoinedMethod::as_str)),
            "joined_at": instant(account.joined_timestamp()),
            "parent_id": parent.map(|unit| &unit.id),
            "path": parent.map(|unit| &unit.path),
            "is_management": management.map(|management| management == id),
        });
        push(&mut rows, row(cells))?;
    }
    Ok(vec![organizations, units, rows])
}

/// Names the call of a request: STS by its form, Organizations by the header that names it.
fn operation_of(method: &str, path: &str, target: &str, body: &str) -> String {
    match target.strip_prefix(TARGET) {
        Some(call) => format!("organizations:{call}"),
        None => query_operation(body).unwrap_or_else(|| format!("{method} {path}")),
    }
}
