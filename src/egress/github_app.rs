//! A GitHub App's credential: a signed assertion, and the installation token it is exchanged for.
//!
//! Both are credentials and not evidence, so the exchange is not recorded; both are kept out of everything that is. In
//! replay nothing is asked. What the app may see is another call, with the assertion, and that one is recorded.

use crate::policy::is_within;
use crate::{Egress, Mode};
use model::CollectError;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// An answer with a token and its permissions has a few kilobytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 3;

/// As `collector.toml` names it.
const EXCHANGE: &str = "POST /app/installations/{installation_id}/access_tokens";

impl Egress {
    /// An assertion (RS256 JWT) by which the app `app_id` proves who it is, signed with its private key in PEM.
    pub fn github_app_assertion(&self, app_id: &str, key: &SecretString) -> Result<SecretString, CollectError> {
        self.assertion(&[("iss", app_id)], key).map_err(|error| {
            refused(
                &format!("`app_key` cannot be used: {error}"),
                "point it to the file GitHub gave when the app's private key was generated",
            )
        })
    }

    /// The token of an installation, valid for an hour, from the API at `base`.
    pub async fn github_installation_token(
        &self,
        base: &Url,
        installation_id: &str,
        assertion: &SecretString,
    ) -> Result<SecretString, CollectError> {
        let Mode::Live(live) = &*self.mode else {
            return Err(refused("a replay needs no credential", "this is a mistake in the collector"));
        };
        let url = exchange_url(base, installation_id)?;
        if !live.origins().iter().any(|origin| is_within(origin, &url)) {
            let place = url.host_str().unwrap_or("?");
            return Err(refused(
                &format!("{place} is outside the places this source may talk to"),
                "look at `api_url`",
            ));
        }
        let mut attempt = 1;
        let (status, body) = loop {
            match post(live.client(), &url, assertion).await {
                Ok((500..=599, _)) | Err(_) if attempt < ATTEMPTS => {}
                Ok(answer) => break answer,
                Err(message) => return Err(CollectError::Transient { operation: EXCHANGE.to_owned(), message }),
            }
            tokio::time::sleep(live.first_wait() * attempt).await;
            attempt += 1;
        };
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (status, said["token"].as_str().filter(|token| !token.is_empty())) {
            (201, Some(token)) => {
                let token = SecretString::from(token);
                self.protect(&token);
                Ok(token)
            }
            (201, None) => {
                let message = "the answer holds no token".to_owned();
                Err(CollectError::Malformed { operation: EXCHANGE.to_owned(), message })
            }
            (429 | 500..=599, _) => {
                let message = format!("tried {attempt} times, last answer {status}");
                Err(CollectError::Transient { operation: EXCHANGE.to_owned(), message })
            }
            _ => {
                let said: String = said["message"].as_str().unwrap_or("no message").chars().take(200).collect();
                Err(refused(
                    &format!("GitHub gives the app no token for installation {installation_id}: HTTP {status}: {said}"),
                    "look at `app_id`, `app_installation_id` and `app_key`, whether the installation is suspended, and \
                     at the host's clock",
                ))
            }
        }
    }
}

fn refused(message: &str, help: &str) -> CollectError {
    CollectError::Misconfigured { message: message.to_owned(), help: help.to_owned() }
}

fn exchange_url(base: &Url, installation_id: &str) -> Result<Url, CollectError> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| {
            refused(&format!("`{base}` is no base of an API"), "write `api_url` like `https://api.github.com`")
        })?
        .pop_if_empty()
        .extend(["app", "installations", installation_id, "access_tokens"]);
    Ok(url)
}

async fn post(client: &reqwest::Client, url: &Url, assertion: &SecretString) -> Result<(u16, Vec<u8>), String> {
    let told = |error: reqwest::Error| crate::live::causes(&error.without_url());
    let asked = async {
        let request = client
            .post(url.clone())
            .header(http::header::ACCEPT, "application/vnd.github+json")
            .bearer_auth(assertion.expose_secret());
        let mut response = request.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err("the answer is too large for a token".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    };
    tokio::time::timeout(LONGEST_WAIT, asked).await.map_err(|_| "no answer in time".to_owned())?
}
