//! What else opens the organisation: installed apps, credentials authorised for single sign-on, fine-grained tokens.
//!
//! No part of a secret is kept in a table, also not the last characters GitHub shows of a token.

use super::Run;
use crate::provider::github::malformed;
use crate::provider::github_json::{Listing, instant, integer, reason, text};
use crate::provider::rows::{push, row};
use model::CollectError;
use serde_json::{Value, json};

const INSTALLATIONS: &str = "GET /orgs/{org}/installations";
const AUTHORIZATIONS: &str = "GET /orgs/{org}/credential-authorizations";
const TOKENS: &str = "GET /orgs/{org}/personal-access-tokens";

impl Run {
    /// GitHub Apps installed in the organisation, and what each may do.
    pub(super) async fn installations(&mut self) -> Result<(), CollectError> {
        const TABLE: &str = "github_app_installation";
        let url = self.org_url(&["installations"])?;
        let (installations, total) = match self.github.listing_in(INSTALLATIONS, url, "installations").await {
            Ok(read) => read,
            Err(error) => {
                let reason = reason(error)?.table(TABLE);
                self.reasons.push(reason);
                return Ok(());
            }
        };
        let Some(total) = total else {
            let reason = reason(malformed(INSTALLATIONS, "the answer holds no `total_count`"))?.table(TABLE);
            self.reasons.push(reason);
            return Ok(());
        };
        self.count(TABLE, installations.len() as u64, total, "GET /orgs/{org}/installations total_count");
        for installation in &installations {
            let cells = json!({
                "id": integer(installation, "id"),
                "app_id": integer(installation, "app_id"),
                "app_slug": text(installation, "app_slug"),
                "repository_selection": text(installation, "repository_selection"),
                "permissions": installation.get("permissions").filter(|permissions| permissions.is_object()),
                "created_at": instant(installation, "created_at"),
                "updated_at": instant(installation, "updated_at"),
                "suspended_at": instant(installation, "suspended_at"),
            });
            push(&mut self.tables.installations, row(cells))?;
        }
        Ok(())
    }

    /// Tokens and keys that members authorised for an organisation with single sign-on.
    pub(super) async fn credential_authorizations(&mut self) -> Result<(), CollectError> {
        let path = ["credential-authorizations"];
        let Listing::Whole(all) = self.listing(&["github_credential_authorization"], AUTHORIZATIONS, &path).await?
        else {
            return Ok(());
        };
        for credential in &all {
            let cells = json!({
                "credential_id": integer(credential, "credential_id"),
                "login": holder(credential)?,
                "kind": text(credential, "credential_type"),
                "title": text(credential, "authorized_credential_title")
                    .or_else(|| text(credential, "authorized_credential_note")),
                "scopes": credential.get("scopes").filter(|scopes| scopes.is_array()),
                "authorized_at": instant(credential, "credential_authorized_at"),
                "last_used_at": instant(credential, "credential_accessed_at"),
                "expires_at": instant(credential, "authorized_credential_expires_at"),
            });
            push(&mut self.tables.authorizations, row(cells))?;
        }
        Ok(())
    }

    /// Fine-grained tokens of members that reach the organisation; GitHub tells them to apps only.
    pub(super) async fn fine_grained_tokens(&mut self) -> Result<(), CollectError> {
        let path = ["personal-access-tokens"];
        let Listing::Whole(all) = self.listing(&["github_fine_grained_token"], TOKENS, &path).await? else {
            return Ok(());
        };
        for token in &all {
            let cells = json!({
                "id": integer(token, "id"),
                "login": token.get("owner").and_then(|owner| text(owner, "login")),
                "name": text(token, "token_name"),
                "repository_selection": text(token, "repository_selection"),
                "permissions": token.get("permissions").filter(|permissions| permissions.is_object()),
                "granted_at": instant(token, "access_granted_at"),
                "expired": token.get("token_expired").and_then(Value::as_bool),
                "expires_at": instant(token, "token_expires_at"),
                "last_used_at": instant(token, "token_last_used_at"),
            });
            push(&mut self.tables.tokens, row(cells))?;
        }
        Ok(())
    }
}

/// Whose an authorised credential is. One of nobody any more is told as such; one that does not say may be anybody's.
fn holder(credential: &Value) -> Result<Option<String>, CollectError> {
    match credential.get("login") {
        Some(Value::Null) => Ok(None),
        Some(Value::String(login)) => Ok(Some(login.clone())),
        _ => Err(malformed(AUTHORIZATIONS, "an authorised credential does not say whose it is (`login`)")),
    }
}
