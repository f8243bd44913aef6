//! A GitHub App's credential: a signed assertion, and the installation token it is exchanged for.
//!
//! Both are credentials and not evidence, so the exchange is not recorded; both are kept out of everything that is. In
//! replay nothing is asked. What the app may see is another call, with the assertion, and that one is recorded.

use crate::policy::is_within;
use crate::{Egress, Mode};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use model::CollectError;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// GitHub refuses an assertion that lasts longer than ten minutes, and its clock may be behind ours.
/// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>
const VALID_SECONDS: i64 = 9 * 60;
const CLOCK_SKEW_SECONDS: i64 = 60;
/// An answer with a token and its permissions has a few kilobytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 3;

/// As `collector.toml` names it.
const EXCHANGE: &str = "POST /app/installations/{installation_id}/access_tokens";

impl Egress {
    /// An assertion (RS256 JWT) by which the app `app_id` proves who it is, signed with its private key in PEM.
    pub fn github_app_assertion(&self, app_id: &str, key: &SecretString) -> Result<SecretString, CollectError> {
        let assertion = sign(app_id, key, Timestamp::now())?;
        self.protect(&assertion);
        Ok(assertion)
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

/// The assertion at `now`.
fn sign(app_id: &str, key: &SecretString, now: Timestamp) -> Result<SecretString, CollectError> {
    let pair = key_pair(key).ok_or_else(|| {
        refused(
            "`app_key` is not an RSA private key in PEM",
            "point it to the file GitHub gave when the app's private key was generated",
        )
    })?;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iat": now.as_second() - CLOCK_SKEW_SECONDS,
        "exp": now.as_second() + VALID_SECONDS,
        "iss": app_id,
    });
    let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| refused("`app_key` cannot sign", "generate a new private key for the app"))?;
    Ok(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// GitHub hands out PKCS#1; PKCS#8 is what tools convert it to.
fn key_pair(key: &SecretString) -> Option<KeyPair> {
    match PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).ok()? {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        _ => None,
    }
}
