//! Signing what a webhook is told, by the Standard Webhooks specification: HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// Bytes a secret may have.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Another form.
    #[error("the webhook's secret is not `whsec_` and base64")]
    Form,
    /// Too short to be one, or longer than any.
    #[error("the webhook's secret has {0} bytes, not 24 to 64")]
    Length(usize),
}

/// The headers that go with `body`: its id, the time it is sent, and the signature by `secret`.
pub fn signed(
    secret: &SecretString,
    id: &str,
    at: Timestamp,
    body: &[u8],
) -> Result<Vec<(HeaderName, SecretString)>, SecretError> {
    let encoded = secret.expose_secret().trim().strip_prefix("whsec_").ok_or(SecretError::Form)?;
    let key = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| SecretError::Form)?);
    if !SECRET_BYTES.contains(&key.len()) {
        return Err(SecretError::Length(key.len()));
    }
    let seconds = at.as_second().to_string();
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        signing.update(part);
    }
    let signature = format!("v1,{}", STANDARD.encode(signing.sign()));
    let header = |name, value: String| (HeaderName::from_static(name), SecretString::from(value));
    Ok(vec![
        header("webhook-id", id.to_owned()),
        header("webhook-timestamp", seconds),
        header("webhook-signature", signature),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = signed(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#).unwrap();
        let values: Vec<&str> = headers.iter().map(|(_, value)| value.expose_secret()).collect();
        assert_eq!(
            values,
            ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]
        );
    }

    #[test]
    fn what_is_no_secret_signs_nothing_and_is_not_shown() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        for (text, expected) in [
            ("canary", SecretError::Form),
            ("whsec_canary!", SecretError::Form),
            (short.as_str(), SecretError::Length(23)),
        ] {
            let error = signed(&SecretString::from(text), "id", Timestamp::UNIX_EPOCH, b"{}").unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("canary"));
        }
    }
}
