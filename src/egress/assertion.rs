//! Signed assertions (RS256 JWT, RFC 7519) by which a program proves who it is: GitHub's Apps, Google's service accounts.

use crate::Egress;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

/// GitHub refuses an assertion that lasts longer than ten minutes, Google one of more than an hour.
/// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>
const VALID_SECONDS: i64 = 9 * 60;
/// Their clocks may be behind ours.
const CLOCK_SKEW_SECONDS: i64 = 60;

/// Why there is no assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// The key cannot be read.
    #[error("it is not an RSA private key in PEM")]
    NoKey,
    /// The key is one, and yet cannot sign.
    #[error("it cannot sign")]
    CannotSign,
}

impl Egress {
    /// An assertion of `claims`, beside the times of its validity, signed with an RSA private key in PEM. Its text is kept
    /// out of everything recorded.
    pub fn assertion(&self, claims: &[(&str, &str)], key: &SecretString) -> Result<SecretString, AssertionError> {
        let assertion = sign(claims, key, Timestamp::now())?;
        self.protect(&assertion);
        Ok(assertion)
    }
}

/// The assertion at `now`.
fn sign(claims: &[(&str, &str)], key: &SecretString, now: Timestamp) -> Result<SecretString, AssertionError> {
    let pair = key_pair(key).ok_or(AssertionError::NoKey)?;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut all: Map<String, Value> = claims.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    all.insert("iat".to_owned(), json!(now.as_second() - CLOCK_SKEW_SECONDS));
    all.insert("exp".to_owned(), json!(now.as_second() + VALID_SECONDS));
    let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(Value::Object(all)));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| AssertionError::CannotSign)?;
    Ok(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// GitHub hands out PKCS#1, Google PKCS#8.
fn key_pair(key: &SecretString) -> Option<KeyPair> {
    match PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).ok()? {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        _ => None,
    }
}
