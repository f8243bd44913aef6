//! The bulk calls of IAM that give a listing or a single document.

use crate::provider::aws::{Failure, Page, call, list};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{AssignmentStatusType, User, VirtualMfaDevice};
use model::CollectError;
use std::collections::{BTreeMap, BTreeSet};

/// Members in a page: the most IAM gives.
pub(super) const PAGE_SIZE: i32 = 1000;

/// The figures of the account summary.
pub(super) type Summary = BTreeMap<String, i32>;

/// The account's password policy; `None` inside: AWS says there is none.
pub(super) struct PasswordPolicy(pub Option<aws_sdk_iam::types::PasswordPolicy>);

/// Every user.
pub(super) async fn users(iam: &Client) -> Result<Vec<User>, CollectError> {
    const OPERATION: &str = "iam:ListUsers";
    let users = list(OPERATION, |marker| async move {
        let (answer, content) = call(OPERATION, |guard| {
            iam.list_users().max_items(PAGE_SIZE).set_marker(marker).customize().interceptor(guard).send()
        })
        .await?;
        let page = Page { truncated: Some(answer.is_truncated), next: answer.marker, items: answer.users };
        Ok((page, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    // the SDK fills a missing element with the empty text
    if users.iter().any(|user| user.user_name.is_empty() || user.user_id.is_empty() || user.arn.is_empty()) {
        let message = "a user without a name, an id or an ARN".to_owned();
        return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
    }
    Ok(users)
}

/// AWS's own figures.
pub(super) async fn summary(iam: &Client) -> Result<Summary, CollectError> {
    const OPERATION: &str = "iam:GetAccountSummary";
    let (answer, _) = call(OPERATION, |guard| iam.get_account_summary().customize().interceptor(guard).send())
        .await
        .map_err(|failure| failure.error)?;
    let figures: Summary = answer
        .summary_map
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect();
    if !figures.contains_key("Users") {
        let message = "the summary does not say how many users there are".to_owned();
        return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
    }
    Ok(figures)
}

/// Virtual MFA devices: all of them, and beside them the serial numbers AWS lists as assigned.
pub(super) struct Devices {
    pub all: Vec<VirtualMfaDevice>,
    pub assigned: BTreeSet<String>,
}

impl Devices {
    /// Serial numbers of the devices that are in somebody's hands.
    pub(super) fn in_use(&self) -> BTreeSet<String> {
        let in_use = self.all.iter().filter(|device| device.enable_date().is_some());
        in_use.map(|device| device.serial_number().to_owned()).collect()
    }
}

/// Virtual MFA devices. AWS counts them nowhere apart from other devices, so those in use are listed a second time.
pub(super) async fn virtual_mfa_devices(iam: &Client) -> Result<Devices, CollectError> {
    let first = both(iam).await?;
    if first.in_use() == first.assigned {
        return Ok(first);
    }
    // a device may have been enabled between the two listings; what was seen once must be there still
    let mut again = both(iam).await?;
    again.assigned.extend(first.in_use());
    again.assigned.extend(first.assigned);
    Ok(again)
}

async fn both(iam: &Client) -> Result<Devices, CollectError> {
    let all = listed(iam, AssignmentStatusType::Any).await?;
    let assigned = listed(iam, AssignmentStatusType::Assigned).await?;
    Ok(Devices { all, assigned: assigned.into_iter().map(|device| device.serial_number).collect() })
}

async fn listed(iam: &Client, status: AssignmentStatusType) -> Result<Vec<VirtualMfaDevice>, CollectError> {
    const OPERATION: &str = "iam:ListVirtualMFADevices";
    let status = &status;
    let devices = list(OPERATION, |marker| async move {
        let (answer, content) = call(OPERATION, |guard| {
            iam.list_virtual_mfa_devices()
                .assignment_status(status.clone())
                .max_items(PAGE_SIZE)
                .set_marker(marker)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let page =
            Page { truncated: Some(answer.is_truncated), next: answer.marker, items: answer.virtual_mfa_devices };
        Ok((page, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    if devices.iter().any(|device| device.serial_number().is_empty()) {
        let message = "a device without a serial number".to_owned();
        return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
    }
    Ok(devices)
}

/// Names of every role. The details of roles come with the authorisation details, which nothing else counts.
pub(super) async fn roles(iam: &Client) -> Result<BTreeSet<String>, CollectError> {
    const OPERATION: &str = "iam:ListRoles";
    let roles = list(OPERATION, |marker| async move {
        let (answer, content) = call(OPERATION, |guard| {
            iam.list_roles().max_items(PAGE_SIZE).set_marker(marker).customize().interceptor(guard).send()
        })
        .await?;
        Ok((Page { truncated: Some(answer.is_truncated), next: answer.marker, items: answer.roles }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    if roles.iter().any(|role| role.role_name.is_empty()) {
        let message = "a role without a name".to_owned();
        return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
    }
    Ok(roles.into_iter().map(|role| role.role_name).collect())
}

/// The password policy, or that there is none.
pub(super) async fn password_policy(iam: &Client) -> Result<PasswordPolicy, CollectError> {
    const OPERATION: &str = "iam:GetAccountPasswordPolicy";
    match call(OPERATION, |guard| iam.get_account_password_policy().customize().interceptor(guard).send()).await {
        Ok((answer, _)) => Ok(PasswordPolicy(answer.password_policy)),
        Err(failure) => none_if_absent(failure).map(|()| PasswordPolicy(None)),
    }
}

/// AWS's plain word that a thing does not exist, which is an answer and not an error.
pub(super) fn none_if_absent(failure: Failure) -> Result<(), CollectError> {
    if failure.is("NoSuchEntity") { Ok(()) } else { Err(failure.error) }
}
