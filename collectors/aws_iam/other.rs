//! Credentials that neither the credential report nor the authorisation details tell of: service-specific ones, of which
//! AWS lists everybody's at once, and SSH public keys, of which it lists one user's at a time.
//!
//! SSH keys are asked for only of whom everything else says that they cannot act: of nobody else do they change what can
//! be said. A user who was not asked about is not one without a key.

use super::Facts;
use super::read::PAGE_SIZE;
use crate::provider::aws::{Page, Parts, call, instant, list, text};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{ServiceSpecificCredentialMetadata, SshPublicKeyMetadata, StatusType};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{CollectError, Reason};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SERVICE: &str = "iam:ListServiceSpecificCredentials";
const SSH: &str = "iam:ListSSHPublicKeys";

/// Users asked about at once; egress bounds the calls themselves.
const SIDE_BY_SIDE: usize = 8;

/// The service-specific credentials of the account, whoever's.
pub(super) struct ServiceCredentials(Vec<ServiceSpecificCredentialMetadata>);

impl ServiceCredentials {
    /// Users who have one that is neither inactive nor expired.
    pub(super) fn active(&self) -> BTreeSet<&str> {
        self.0.iter().filter(|one| is_active(one.status())).map(ServiceSpecificCredentialMetadata::user_name).collect()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Value> {
        self.0.iter().map(|one| {
            json!({
                "credential_id": one.service_specific_credential_id(),
                "user_name": one.user_name(),
                "service": one.service_name(),
                "status": one.status().as_str(),
                "created_at": instant(Some(one.create_date())),
                "expires_at": instant(one.expiration_date()),
            })
        })
    }
}

/// A word that is new here may mean that it can be used.
fn is_active(status: &StatusType) -> bool {
    !matches!(status, StatusType::Inactive | StatusType::Expired)
}

/// The SDK's word for a status that the answer does not have.
fn is_missing(status: &StatusType) -> bool {
    status.as_str() == "no value was set"
}

/// Reads the service-specific credentials of all users.
pub(super) async fn service_credentials(iam: &Client) -> Result<ServiceCredentials, CollectError> {
    let credentials = list(SERVICE, |marker| async move {
        let (answer, content) = call(SERVICE, |guard| {
            iam.list_service_specific_credentials()
                .all_users(true)
                .max_items(PAGE_SIZE)
                .set_marker(marker)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        // the call is older than its pages, so it may say nothing of them
        let truncated = answer.is_truncated().then_some(true);
        let items = answer.service_specific_credentials.unwrap_or_default();
        Ok((Page { truncated, next: answer.marker, items }, content))
    })
    .await
    .map_err(|failure| failure.error)?;
    let is_nameless = |one: &ServiceSpecificCredentialMetadata| {
        one.service_specific_credential_id().is_empty() || one.user_name().is_empty() || is_missing(one.status())
    };
    if credentials.iter().any(is_nameless) {
        let message = "a credential without an id, a user or a status".to_owned();
        return Err(CollectError::Malformed { operation: SERVICE.to_owned(), message });
    }
    Ok(ServiceCredentials(credentials))
}

/// The SSH public keys of those who were asked about.
pub(super) type SshKeys = BTreeMap<String, Result<Vec<SshPublicKeyMetadata>, CollectError>>;

/// Asks about every user of whom all else says that they cannot act. Fails as a whole only when the credential died.
pub(super) async fn ssh_keys(iam: &Client, facts: &Facts) -> Result<SshKeys, CollectError> {
    let Some(credentials) = &facts.service_credentials else { return Ok(SshKeys::new()) };
    let active = credentials.active();
    let idle: Vec<String> = facts
        .users
        .iter()
        .filter(|user| !active.contains(user.user_name()))
        .filter(|user| {
            let flag = |column| facts.report_row(user).and_then(|row| row.flag(column));
            let none = ["password_enabled", "access_key_1_active", "access_key_2_active"];
            none.iter().all(|column| flag(column) == Some(false))
                && ["cert_1_active", "cert_2_active"].iter().all(|column| flag(column) != Some(true))
        })
        .map(|user| user.user_name().to_owned())
        .collect();
    stream::iter(idle).map(|user| keys_of(iam, user)).buffered(SIDE_BY_SIDE).try_collect().await
}

async fn keys_of(
    iam: &Client,
    user: String,
) -> Result<(String, Result<Vec<SshPublicKeyMetadata>, CollectError>), CollectError> {
    let name = user.as_str();
    let keys = list(SSH, |marker| async move {
        let (answer, content) = call(SSH, |guard| {
            iam.list_ssh_public_keys()
                .user_name(name)
                .max_items(PAGE_SIZE)
                .set_marker(marker)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let items = answer.ssh_public_keys.unwrap_or_default();
        Ok((Page { truncated: Some(answer.is_truncated), next: answer.marker, items }, content))
    })
    .await
    .map_err(|failure| failure.error);
    let foreign = |keys: &Vec<SshPublicKeyMetadata>| {
        keys.iter().any(|key| key.user_name() != name || key.ssh_public_key_id().is_empty() || is_missing(key.status()))
    };
    match keys {
        Err(error @ CollectError::Misconfigured { .. }) => Err(error),
        Ok(keys) if foreign(&keys) => {
            let message = "a key without an id or a status, or of another user than was asked about".to_owned();
            Ok((user, Err(CollectError::Malformed { operation: SSH.to_owned(), message })))
        }
        keys => Ok((user, keys)),
    }
}

/// Adds what is known of a user to its row.
pub(super) fn complete(facts: &Facts, active: Option<&BTreeSet<&str>>, name: &str, row: &mut Value) {
    row["service_credentials_active"] = json!(active.map(|active| active.contains(name)));
    if let Some(Ok(keys)) = facts.ssh_keys.get(name) {
        row["ssh_keys_active"] = json!(keys.iter().any(|key| is_active(key.status())));
    }
}

/// A row for every SSH public key of those who were asked about.
pub(super) fn ssh_rows(keys: &SshKeys) -> impl Iterator<Item = Value> {
    keys.values().flatten().flatten().map(|key| {
        json!({
            "key_id": key.ssh_public_key_id(),
            "user_name": key.user_name(),
            "status": text(Some(key.status().as_str())),
            "uploaded_at": instant(Some(key.upload_date())),
        })
    })
}

/// Why something is not known of somebody.
pub(super) fn reasons(keys: &SshKeys) -> impl Iterator<Item = Reason> {
    let mut parts = Parts::default();
    for (name, error) in keys.iter().filter_map(|(name, keys)| Some((name, keys.as_ref().err()?))) {
        parts.note(name, error, "aws_iam_user", &["ssh_keys_active"]);
        parts.note(name, error, "aws_iam_ssh_public_key", &[]);
    }
    parts.reasons()
}
