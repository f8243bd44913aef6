//! Google's APIs: the key of a service account, the token it is exchanged for, and pages.

use crate::provider::json::{Object, malformed};
use crate::provider::oauth::Grant;
use crate::provider::rest::Page;
use egress::{Answer, Context};
use model::CollectError;
use model::collector::CollectorSpec;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// What of a service account's key file is used. Where tokens come from is said by the settings, not by the file.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
}

/// Who a token is for.
pub(crate) struct Delegation<'a> {
    pub(crate) spec: &'a CollectorSpec,
    pub(crate) operation: &'a str,
    pub(crate) token_url: &'a Url,
    /// The setting with the key file.
    pub(crate) key: &'a str,
    /// The user whose rights the service account borrows (domain-wide delegation).
    pub(crate) subject: &'a str,
    pub(crate) scopes: &'a [&'a str],
}

impl Delegation<'_> {
    /// The token of this run.
    /// <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>
    pub(crate) async fn token(&self, ctx: &Context) -> Result<SecretString, CollectError> {
        let assertion = ctx.secrets.get(self.key).map(|key| self.assertion(ctx, key)).transpose()?;
        let grant = Grant {
            spec: self.spec,
            operation: self.operation,
            url: self.token_url,
            parameters: &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")],
            secret: ("assertion", assertion.as_ref()),
            help: "look at the key, whether the service account may act for this administrator (domain-wide delegation) with \
                   exactly the scopes of the README, and at the host's clock",
        };
        grant.ask(ctx).await
    }

    fn assertion(&self, ctx: &Context, key: &SecretString) -> Result<SecretString, CollectError> {
        let unusable = |what: String| CollectError::Misconfigured {
            message: format!("`{}` cannot be used: {what}", self.key),
            help: "point it to the JSON file Google gave when the service account's key was made".to_owned(),
        };
        let file: KeyFile = serde_json::from_str(key.expose_secret())
            // the error may quote the file
            .map_err(|_| unusable("it is no JSON with `client_email` and `private_key`".to_owned()))?;
        let private_key = SecretString::from(file.private_key);
        ctx.egress.protect(&private_key);
        let scope = self.scopes.join(" ");
        let claims = [
            ("iss", file.client_email.as_str()),
            ("sub", self.subject),
            ("scope", &scope),
            ("aud", self.token_url.as_str()),
        ];
        ctx.egress.assertion(&claims, &private_key).map_err(|error| unusable(format!("of its `private_key`, {error}")))
    }
}

/// Where each kind of answer keeps what it lists. A list without elements is left out.
const LISTS: &[(&str, &str)] = &[
    ("admin#directory#users", "users"),
    ("admin#directory#groups", "groups"),
    ("admin#directory#members", "members"),
    ("admin#directory#roles", "items"),
    ("admin#directory#roleAssignments", "items"),
];

/// A page of the Directory API.
pub(crate) fn page(operation: &str, url: &Url, mut value: Value, _: &Answer) -> Result<Page, CollectError> {
    let answer = Object::of(operation, &value)?;
    let kind = answer.needed("kind")?;
    let list = LISTS.iter().find(|(known, _)| *known == kind).map(|(_, list)| *list);
    let list = list.ok_or_else(|| malformed(operation, &format!("the answer is a `{kind}`")))?;
    answer.list(list)?;
    let next = answer.text("nextPageToken")?.map(|token| {
        let mut next = url.clone();
        let others: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(name, _)| name != "pageToken").collect();
        next.query_pairs_mut().clear().extend_pairs(others).append_pair("pageToken", token);
        next.into()
    });
    let members = value[list].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(Page { members, next, declared: None })
}
