//! The calls: the organisation, its accounts in one listing, and the same accounts by way of the units they are in.

use crate::provider::aws::{Page, call, list};
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{Account, Organization};
use model::{CollectError, ReasonCode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const ORGANIZATION: &str = "organizations:DescribeOrganization";
const ACCOUNTS: &str = "organizations:ListAccounts";
const ROOTS: &str = "organizations:ListRoots";
const UNITS: &str = "organizations:ListOrganizationalUnitsForParent";
const MEMBERS: &str = "organizations:ListAccountsForParent";

/// More units than AWS lets an organisation have by far.
const MOST_UNITS: usize = 20_000;

/// A root or an organizational unit.
pub(super) struct Unit {
    pub id: String,
    pub arn: Option<String>,
    pub parent_id: Option<String>,
    /// Names from the root to it.
    pub path: Vec<String>,
}

/// Every unit, and in which one each account is.
#[derive(Default)]
pub(super) struct Tree {
    pub units: BTreeMap<String, Unit>,
    pub parents: BTreeMap<String, String>,
    /// Accounts that came under more than one unit.
    pub twice: BTreeSet<String>,
    /// Accounts that an earlier reading of the same run saw and this one did not.
    pub vanished: BTreeSet<String>,
}

fn malformed(operation: &str, message: &str) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message: message.to_owned() }
}

/// The organisation the caller's account belongs to.
pub(super) async fn organization(client: &Client) -> Result<Organization, CollectError> {
    let (answer, _) = call(ORGANIZATION, |guard| client.describe_organization().customize().interceptor(guard).send())
        .await
        .map_err(|failure| {
            if failure.is("AWSOrganizationsNotInUseException") {
                return CollectError::Misconfigured {
                    message: "this account belongs to no organisation".to_owned(),
                    help: "set `account_id` to the management account of the organisation, or remove this source"
                        .to_owned(),
                };
            }
            failure.error
        })?;
    answer
        .organization
        .filter(|organization| organization.id().is_some() && organization.master_account_id().is_some())
        .ok_or_else(|| malformed(ORGANIZATION, "an organisation without an id or a management account"))
}

/// Every account, in one listing.
pub(super) async fn accounts(client: &Client) -> Result<Vec<Account>, CollectError> {
    let accounts = list(ACCOUNTS, |token| async move {
        let (answer, content) =
            call(ACCOUNTS, |guard| client.list_accounts().set_next_token(token).customize().interceptor(guard).send())
                .await?;
        Ok((Page { items: answer.accounts.unwrap_or_default(), truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    named(accounts, ACCOUNTS)
}

fn named(accounts: Vec<Account>, operation: &str) -> Result<Vec<Account>, CollectError> {
    if accounts.iter().any(|account| account.id().is_none_or(str::is_empty)) {
        return Err(malformed(operation, "an account without an id"));
    }
    Ok(accounts)
}

/// Every account, found by walking down from the roots.
pub(super) async fn tree(client: &Client) -> Result<Tree, CollectError> {
    let mut tree = Tree::default();
    let mut waiting: VecDeque<Unit> = roots(client).await?.into();
    if waiting.is_empty() {
        return Err(malformed(ROOTS, "an organisation without a root"));
    }
    while let Some(unit) = waiting.pop_front() {
        if tree.units.len() >= MOST_UNITS {
            return Err(CollectError::Incomplete {
                operation: UNITS.to_owned(),
                message: format!("there are more than {MOST_UNITS} units"),
                code: ReasonCode::PageCap,
            });
        }
        for account in members(client, &unit.id).await? {
            let id = account.id.unwrap_or_default();
            if tree.parents.insert(id.clone(), unit.id.clone()).is_some() {
                tree.twice.insert(id);
            }
        }
        waiting.extend(units(client, &unit).await?);
        if let Some(other) = tree.units.insert(unit.id.clone(), unit) {
            return Err(malformed(UNITS, &format!("the unit {} comes under two others", other.id)));
        }
    }
    Ok(tree)
}

async fn roots(client: &Client) -> Result<Vec<Unit>, CollectError> {
    let roots = list(ROOTS, |token| async move {
        let (answer, content) =
            call(ROOTS, |guard| client.list_roots().set_next_token(token).customize().interceptor(guard).send())
                .await?;
        Ok((Page { items: answer.roots.unwrap_or_default(), truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    let unit = |root: aws_sdk_organizations::types::Root| {
        let (id, name) = (root.id?, root.name?);
        Some(Unit { id, arn: root.arn, parent_id: None, path: vec![name] })
    };
    let units = roots.into_iter().map(|root| unit(root).ok_or_else(|| malformed(ROOTS, "a root without id or name")));
    units.collect()
}

async fn units(client: &Client, parent: &Unit) -> Result<Vec<Unit>, CollectError> {
    let parent_id = parent.id.as_str();
    let found = list(UNITS, |token| async move {
        let (answer, content) = call(UNITS, |guard| {
            client
                .list_organizational_units_for_parent()
                .parent_id(parent_id)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let items = answer.organizational_units.unwrap_or_default();
        Ok((Page { items, truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    let unit = |found: aws_sdk_organizations::types::OrganizationalUnit| {
        let (id, name) = (found.id?, found.name?);
        let path = [parent.path.as_slice(), &[name]].concat();
        Some(Unit { id, arn: found.arn, parent_id: Some(parent.id.clone()), path })
    };
    let units = found.into_iter().map(|found| unit(found).ok_or_else(|| malformed(UNITS, "a unit without id or name")));
    units.collect()
}

async fn members(client: &Client, parent: &str) -> Result<Vec<Account>, CollectError> {
    let accounts = list(MEMBERS, |token| async move {
        let (answer, content) = call(MEMBERS, |guard| {
            client
                .list_accounts_for_parent()
                .parent_id(parent)
                .set_next_token(token)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        Ok((Page { items: answer.accounts.unwrap_or_default(), truncated: None, next: answer.next_token }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    named(accounts, MEMBERS)
}
