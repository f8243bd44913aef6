//! How a source of GitHub authenticates, who that makes the caller, and whether the caller sees the organisation whole.
//!
//! A credential is looked for in a live run only; a replay derives the same from the recorded answers.

use crate::provider::github::{GitHub, malformed};
use crate::provider::github_json::text;
use egress::Context;
use model::{CollectError, Reason, ReasonCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub(crate) const USER: &str = "GET /user";
pub(crate) const ORG: &str = "GET /orgs/{org}";
pub(crate) const MEMBERSHIP: &str = "GET /orgs/{org}/memberships/{username}";
pub(crate) const INSTALLATION: &str = "GET /app/installations/{installation_id}";

/// Which organisation, where, and as whom.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Access {
    pub(crate) org: String,
    pub(crate) api_url: Url,
    app_id: Option<String>,
    app_installation_id: Option<String>,
}

fn misconfigured(message: impl Into<String>, help: &str) -> CollectError {
    CollectError::Misconfigured { message: message.into(), help: help.to_owned() }
}

impl Access {
    /// Refuses what cannot work before anything is sent.
    pub(crate) fn validate(&self) -> Result<(), CollectError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.org.is_empty() || !self.org.chars().all(plain) {
            let message = format!("`{}` is no login of an organisation", self.org);
            return Err(misconfigured(message, "write `org` as it stands in the organisation's URL"));
        }
        match (&self.app_id, &self.app_installation_id) {
            (None, None) => Ok(()),
            (Some(_), Some(id)) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            (Some(_), Some(id)) => Err(misconfigured(
                format!("`app_installation_id` is not a number: `{id}`"),
                "it is the last part of the installation's URL",
            )),
            _ => Err(misconfigured(
                "only one of `app_id` and `app_installation_id` is set",
                "set both and `app_key` to read as a GitHub App, or neither and `token`",
            )),
        }
    }

    /// Where GraphQL is: beside the REST API, which on GitHub Enterprise Server has a version in its path.
    pub(crate) fn graphql_url(&self) -> Url {
        let mut url = self.api_url.clone();
        let path = self.api_url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v3").unwrap_or(path);
        url.set_path(&format!("{path}/graphql"));
        url
    }

    /// What a run may talk to.
    pub(crate) fn origins(&self) -> Result<Vec<Url>, CollectError> {
        self.validate()?;
        Ok(vec![self.api_url.clone(), self.graphql_url()])
    }

    /// A client, and who it is for GitHub.
    pub(crate) async fn connect(
        &self,
        ctx: &Context,
        max_pages: u32,
        operation_of: fn(&str, &str) -> String,
        permission_of: fn(&str) -> String,
    ) -> Result<(GitHub, Asker), CollectError> {
        self.validate()?;
        let client = |credential: Option<&SecretString>| {
            GitHub::new(ctx, self, credential, max_pages, operation_of, permission_of)
        };
        let (Some(app), Some(installation)) = (&self.app_id, &self.app_installation_id) else {
            let token = ctx.secrets.get("token");
            if token.is_none() && !ctx.egress.is_replay() {
                return Err(misconfigured(
                    "this source has no credential",
                    "set `token`, or `app_id`, `app_installation_id` and `app_key`",
                ));
            }
            let github = client(token)?;
            let user = github.object(USER, &github.url(&["user"])?).await?;
            let login = text(&user, "login").ok_or_else(|| malformed(USER, "the calling user has no `login`"))?;
            return Ok((github, Asker::User { login }));
        };
        if ctx.secrets.contains_key("token") && ctx.secrets.contains_key("app_key") {
            return Err(misconfigured("both `token` and `app_key` are set", "keep one of the two"));
        }
        let assertion = match (ctx.egress.is_replay(), ctx.secrets.get("app_key")) {
            (true, _) => None,
            (false, Some(key)) => Some(ctx.egress.github_app_assertion(app, key)?),
            (false, None) => {
                return Err(misconfigured(
                    "`app_id` is set, but `app_key` is not",
                    "point `app_key` to the app's private key",
                ));
            }
        };
        // what the app may see, in GitHub's words, before its token is made
        let as_app = client(assertion.as_ref())?;
        let seen = as_app.object(INSTALLATION, &as_app.url(&["app", "installations", installation])?).await?;
        let asker = self.installation(&seen)?;
        let token = match &assertion {
            None => None,
            Some(assertion) => {
                Some(ctx.egress.github_installation_token(&self.api_url, installation, assertion).await?)
            }
        };
        Ok((client(token.as_ref())?, asker))
    }

    fn installation(&self, seen: &Value) -> Result<Asker, CollectError> {
        let account = seen.get("account").and_then(|account| text(account, "login"));
        let (Some(account), Some(slug)) = (account, text(seen, "app_slug")) else {
            return Err(malformed(INSTALLATION, "the installation names no account or no app"));
        };
        if !account.eq_ignore_ascii_case(&self.org) {
            return Err(misconfigured(
                format!("the app is installed for `{account}`, this source is configured for `{}`", self.org),
                "correct `org` or `app_installation_id`, so that both name one organisation",
            ));
        }
        let Some(Value::Object(permissions)) = seen.get("permissions") else {
            return Err(malformed(INSTALLATION, "the installation names no permissions"));
        };
        Ok(Asker::App {
            slug,
            permissions: permissions.keys().cloned().collect(),
            is_everywhere: text(seen, "repository_selection").as_deref() == Some("all"),
        })
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    User { login: String },
    App { slug: String, permissions: Vec<String>, is_everywhere: bool },
}

impl Asker {
    /// The name GitHub knows it by.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::User { login } => login.clone(),
            Self::App { slug, .. } => format!("{slug}[bot]"),
        }
    }

    /// The organisation as GitHub describes it to this caller. One of another name is refused.
    pub(crate) async fn organisation(&self, github: &GitHub, access: &Access) -> Result<Value, CollectError> {
        let org = match github.object(ORG, &github.url(&["orgs", &access.org])?).await {
            Err(CollectError::Denied { message, .. }) if message.starts_with("HTTP 404") => {
                return Err(misconfigured(
                    format!("the token sees no organisation `{}` at {}", access.org, access.api_url),
                    "look at `org` and `api_url`, and let the token see this organisation",
                ));
            }
            answer => answer?,
        };
        let login = text(&org, "login").ok_or_else(|| malformed(ORG, "the organisation has no `login`"))?;
        if !login.eq_ignore_ascii_case(&access.org) {
            return Err(misconfigured(
                format!("asked for the organisation `{}`, GitHub answered for `{login}`", access.org),
                "it may have been renamed: correct `org` of this source",
            ));
        }
        Ok(org)
    }

    /// The caller's role in the organisation: `admin` for an owner. None for an app, and for who is no member.
    pub(crate) async fn role(&self, github: &GitHub, access: &Access) -> Result<Option<String>, CollectError> {
        let Self::User { login } = self else { return Ok(None) };
        match github.object(MEMBERSHIP, &github.url(&["orgs", &access.org, "memberships", login])?).await {
            Ok(membership) if text(&membership, "state").is_none_or(|state| state == "active") => {
                Ok(text(&membership, "role"))
            }
            // somebody who is not a member at all may still see what is public
            Ok(_) | Err(CollectError::Denied { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether an app was granted `permission`.
    pub(crate) fn has(&self, permission: &str) -> bool {
        matches!(self, Self::App { permissions, .. } if permissions.iter().any(|granted| granted == permission))
    }
}

/// A reason for what a caller with this standing is not shown.
pub(crate) fn not_owner(message: &str) -> Reason {
    Reason::new(ReasonCode::NotOwner, message).permission("a token of an owner of the organisation")
}

/// Whether a refusal says that the organisation's plan does not have the feature: then nothing of the kind is in force.
pub(crate) fn is_not_in_plan(said: Option<&str>) -> bool {
    said.is_some_and(|said| said.starts_with("Upgrade to GitHub"))
}

#[cfg(test)]
mod tests {
    use super::Access;
    use serde_json::json;

    fn access(settings: serde_json::Value) -> Access {
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn graphql_stands_beside_rest_also_on_a_server_of_ones_own() {
        let url = |api: &str| access(json!({ "org": "acme", "api_url": api })).graphql_url().to_string();
        assert_eq!(url("https://api.github.com"), "https://api.github.com/graphql");
        assert_eq!(url("https://git.example.org/api/v3"), "https://git.example.org/api/graphql");
        assert_eq!(url("https://git.example.org/api/v3/"), "https://git.example.org/api/graphql");
    }

    #[test]
    fn an_app_needs_both_its_numbers() {
        let api = "https://api.github.com";
        for (settings, fits) in [
            (json!({ "org": "acme", "api_url": api }), true),
            (json!({ "org": "acme", "api_url": api, "app_id": "1", "app_installation_id": "2" }), true),
            (json!({ "org": "acme", "api_url": api, "app_id": "1" }), false),
            (json!({ "org": "acme", "api_url": api, "app_installation_id": "2" }), false),
            (json!({ "org": "acme", "api_url": api, "app_id": "1", "app_installation_id": "../2" }), false),
            (json!({ "org": "acme/../x", "api_url": api }), false),
        ] {
            assert_eq!(access(settings.clone()).validate().is_ok(), fits, "{settings}");
        }
    }
}
