//! What only a call per user tells: key ids, hardware and FIDO devices, pending password resets.
//!
//! Calls run side by side and are kept in the order of the users, so that what is derived does not depend on which
//! answer came first. A call that fails leaves that user's part out and says so; it never shortens a list.

use super::Facts;
use super::read::none_if_absent;
use crate::provider::aws::{Page, Parts, call, list};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{AccessKeyLastUsed, AccessKeyMetadata, MfaDevice, User};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{CollectError, Reason};
use std::collections::BTreeMap;

/// Users asked about at once; egress bounds the calls themselves.
const SIDE_BY_SIDE: usize = 8;

/// One user's answers.
pub(super) struct Member {
    /// Whether a password reset is pending; none inside when there is no password.
    pub reset_required: Result<Option<bool>, CollectError>,
    pub devices: Result<Vec<MfaDevice>, CollectError>,
    pub keys: Result<Vec<Key>, CollectError>,
}

/// One access key.
pub(super) struct Key {
    pub metadata: AccessKeyMetadata,
    pub last_used: Result<Option<AccessKeyLastUsed>, CollectError>,
}

/// Asks about every user. Fails as a whole only when the credential died.
pub(super) async fn read(iam: &Client, users: &[User]) -> Result<BTreeMap<String, Member>, CollectError> {
    let names: Vec<String> = users.iter().map(|user| user.user_name().to_owned()).collect();
    stream::iter(names).map(|name| read_one(iam, name)).buffered(SIDE_BY_SIDE).try_collect().await
}

async fn read_one(iam: &Client, user: String) -> Result<(String, Member), CollectError> {
    let member = Member {
        reset_required: alive(reset_required(iam, &user).await)?,
        devices: alive(devices(iam, &user).await)?,
        keys: alive(keys(iam, &user).await)?,
    };
    Ok((user, member))
}

/// A failed call is that user's loss; a dead credential is everybody's.
fn alive<T>(answer: Result<T, CollectError>) -> Result<Result<T, CollectError>, CollectError> {
    match answer {
        Err(error @ CollectError::Misconfigured { .. }) => Err(error),
        other => Ok(other),
    }
}

async fn reset_required(iam: &Client, user: &str) -> Result<Option<bool>, CollectError> {
    const OPERATION: &str = "iam:GetLoginProfile";
    match call(OPERATION, |guard| iam.get_login_profile().user_name(user).customize().interceptor(guard).send()).await {
        Ok((answer, _)) => Ok(answer.login_profile().map(|profile| profile.password_reset_required)),
        Err(failure) => none_if_absent(failure).map(|()| None),
    }
}

async fn devices(iam: &Client, user: &str) -> Result<Vec<MfaDevice>, CollectError> {
    const OPERATION: &str = "iam:ListMFADevices";
    list(OPERATION, |marker| async move {
        let (answer, content) = call(OPERATION, |guard| {
            iam.list_mfa_devices().user_name(user).set_marker(marker).customize().interceptor(guard).send()
        })
        .await?;
        Ok((Page { truncated: Some(answer.is_truncated), next: answer.marker, items: answer.mfa_devices }, content))
    })
    .await
    .map_err(|failure| failure.error)
}

async fn keys(iam: &Client, user: &str) -> Result<Vec<Key>, CollectError> {
    const OPERATION: &str = "iam:ListAccessKeys";
    let listed = list(OPERATION, |marker| async move {
        let (answer, content) = call(OPERATION, |guard| {
            iam.list_access_keys().user_name(user).set_marker(marker).customize().interceptor(guard).send()
        })
        .await?;
        let page =
            Page { truncated: Some(answer.is_truncated), next: answer.marker, items: answer.access_key_metadata };
        Ok((page, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    let mut keys = Vec::new();
    for metadata in listed {
        let Some(id) = metadata.access_key_id().filter(|id| !id.is_empty()) else {
            let message = "an access key without an id".to_owned();
            return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
        };
        let last_used = alive(last_used(iam, id).await)?;
        keys.push(Key { metadata, last_used });
    }
    Ok(keys)
}

async fn last_used(iam: &Client, id: &str) -> Result<Option<AccessKeyLastUsed>, CollectError> {
    const OPERATION: &str = "iam:GetAccessKeyLastUsed";
    call(OPERATION, |guard| iam.get_access_key_last_used().access_key_id(id).customize().interceptor(guard).send())
        .await
        .map(|(answer, _)| answer.access_key_last_used)
        .map_err(|failure| failure.error)
}

/// Why parts of users were not seen.
pub(super) fn reasons(facts: &Facts) -> impl Iterator<Item = Reason> {
    const KEYS: &str = "aws_iam_access_key_detail";
    let mut parts = Parts::default();
    for (name, member) in &facts.members {
        if let Err(error) = &member.reset_required {
            parts.note(name, error, "aws_iam_user", &["password_reset_required"]);
        }
        if let Err(error) = &member.devices {
            parts.note(name, error, "aws_iam_mfa_device", &[]);
        }
        if let Err(error) = &member.keys {
            parts.note(name, error, KEYS, &[]);
        }
        for error in member.keys.iter().flatten().filter_map(|key| key.last_used.as_ref().err()) {
            parts.note(name, error, KEYS, &["last_used_at", "last_used_region", "last_used_service"]);
        }
    }
    parts.reasons()
}
