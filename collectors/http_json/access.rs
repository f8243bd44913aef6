//! How the credential goes along. It is never recorded, nor is anything that is derived from it.

use super::{RECORDS, SPEC, TOKEN, misconfigured};
use crate::provider::oauth::Grant;
use crate::provider::rest::{Rest, Scheme, authorization};
use egress::Context;
use http::header::{HeaderName, HeaderValue};
use model::CollectError;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// Parameters that egress takes out of an address before it is recorded.
const PARAMETERS: &[&str] = &["access_token", "api_key", "apikey", "key", "token"];

#[derive(Deserialize)]
pub(super) struct Access {
    auth: String,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    credential_name: Option<String>,
    #[serde(default)]
    pub(super) token_url: Option<Url>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    headers: BTreeMap<String, String>,
}

/// The settings of one kind of credential, all there.
enum Kind<'a> {
    None,
    Bearer,
    Basic(&'a str),
    Header(HeaderName),
    Query(&'a str),
    OAuth2 { url: &'a Url, client: &'a str, scope: Option<&'a str> },
}

/// Whether a parameter or header of this name would hold a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let folded = name.to_ascii_lowercase().replace(['-', '_'], "");
    ["authorization", "cookie", "password", "secret", "token", "apikey"].iter().any(|part| folded.contains(part))
        || folded == "key"
}

impl Access {
    fn kind(&self) -> Result<Kind<'_>, CollectError> {
        let needed = |name: &str, value: &'_ Option<String>| {
            value.as_deref().map(str::to_owned).ok_or_else(|| {
                misconfigured(format!("`auth` is `{}`, and there is no `{name}`", self.auth), "add it to the source")
            })
        };
        match self.auth.as_str() {
            "none" => Ok(Kind::None),
            "bearer" => Ok(Kind::Bearer),
            "basic" => {
                needed("username", &self.username)?;
                Ok(Kind::Basic(self.username.as_deref().unwrap_or_default()))
            }
            "header" => {
                let name = needed("credential_name", &self.credential_name)?;
                let name =
                    name.parse().map_err(|_| misconfigured(format!("`{name}` is no header"), "look at its name"))?;
                Ok(Kind::Header(name))
            }
            "query" => {
                needed("credential_name", &self.credential_name)?;
                let name = self.credential_name.as_deref().unwrap_or_default();
                if PARAMETERS.contains(&name) {
                    return Ok(Kind::Query(name));
                }
                let help = "use another kind of `auth`; a parameter can only be one of `access_token`, `api_key`, `apikey`, \
                            `key` and `token`";
                Err(misconfigured(format!("the parameter `{name}` would be recorded with every address"), help))
            }
            "oauth2" => {
                let missing = |name: &str| {
                    misconfigured(format!("`auth` is `oauth2`, and there is no `{name}`"), "add it to the source")
                };
                Ok(Kind::OAuth2 {
                    url: self.token_url.as_ref().ok_or_else(|| missing("token_url"))?,
                    client: self.client_id.as_deref().ok_or_else(|| missing("client_id"))?,
                    scope: self.scope.as_deref(),
                })
            }
            other => {
                let help = "write `none`, `bearer`, `basic`, `header`, `query` or `oauth2`";
                Err(misconfigured(format!("`auth` is `{other}`, which there is not"), help))
            }
        }
    }

    /// Whether the settings fit each other.
    pub(super) fn check(&self) -> Result<(), CollectError> {
        self.kind()?;
        self.headers().map(drop)
    }

    fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, CollectError> {
        let header = |(name, value): (&String, &String)| {
            if is_secret(name) {
                let help = "hand it over as `credential`";
                return Err(misconfigured(
                    format!("`headers.{name}` looks like a secret, and settings are recorded"),
                    help,
                ));
            }
            let parsed = (name.parse(), value.parse());
            let (Ok(name), Ok(value)) = parsed else {
                return Err(misconfigured(format!("`headers.{name}` is no header"), "look at its name and value"));
            };
            Ok((name, value))
        };
        self.headers.iter().map(header).collect()
    }

    /// The API with the credential in every request.
    pub(super) async fn open(&self, ctx: &Context, base: &Url, max_pages: u32) -> Result<Rest, CollectError> {
        let secret = ctx.secrets.get("credential");
        let kind = self.kind()?;
        if secret.is_none() && !ctx.egress.is_replay() && !matches!(kind, Kind::None) {
            let help = "add `credential = { env = \"…\" }` to the source";
            return Err(misconfigured(format!("`auth` is `{}`, and there is no `credential`", self.auth), help));
        }
        let granted = match kind {
            Kind::OAuth2 { url, client, scope } => {
                let mut parameters = vec![("grant_type", "client_credentials"), ("client_id", client)];
                parameters.extend(scope.map(|scope| ("scope", scope)));
                let grant = Grant {
                    spec: &SPEC,
                    operation: TOKEN,
                    url,
                    parameters: &parameters,
                    secret: ("client_secret", secret),
                    help: "look at `client_id` and `credential`; the credential may have been revoked",
                };
                Some(grant.ask(ctx).await?)
            }
            _ => None,
        };
        let scheme = match &kind {
            Kind::Bearer | Kind::OAuth2 { .. } => Some((Scheme::Word("Bearer"), granted.as_ref().or(secret))),
            Kind::Basic(username) => Some((Scheme::Basic { before: &format!("{username}:"), after: "" }, secret)),
            Kind::None | Kind::Header(_) | Kind::Query(_) => None,
        };
        let value = scheme.map(|(scheme, secret)| authorization(&ctx.egress, &scheme, secret)).transpose()?.flatten();
        let mut rest = Rest::new(ctx, &SPEC, base, max_pages, value);
        for (name, value) in self.headers()? {
            rest = rest.with_header(name, value);
        }
        let Some(secret) = secret else { return Ok(rest) };
        ctx.egress.protect(secret);
        Ok(match kind {
            Kind::Header(name) => {
                let unfit = |_| {
                    misconfigured(
                        format!("{RECORDS}: the credential holds characters no header can"),
                        "look at the secret",
                    )
                };
                let mut value = HeaderValue::from_str(secret.expose_secret().trim()).map_err(unfit)?;
                value.set_sensitive(true);
                rest.with_header(name, value)
            }
            Kind::Query(name) => rest.with_parameter(name, secret.clone()),
            _ => rest,
        })
    }
}
