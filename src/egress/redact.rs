//! What is taken out of a request before it is recorded, and a credential the source echoes out of its answer.
//!
//! Request headers are never recorded at all; this is about URLs, request bodies and echoes.

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

const REDACTED: &str = "REDACTED";

/// Stands in a recorded body or header where a protected secret was. Plain ASCII: valid inside JSON, XML and CSV.
const MARKER: &str = "[credential removed by evidenced]";

/// A shorter secret would be found by chance.
const SHORTEST_SECRET: usize = 8;

/// Names that hold a credential, without case, `-` and `_`. Page tokens (`nextToken`, `pageToken`, `Marker`) are not.
const SECRET_NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "assertion",
    "auth",
    "authorization",
    "authorizationrequest",
    "authtoken",
    "bearer",
    "clientassertion",
    "credential",
    "credentials",
    "idtoken",
    "key",
    "passwd",
    "refreshtoken",
    "securitytoken",
    "sessiontoken",
    "sig",
    "signature",
    "token",
    "xamzcredential",
    "xamzsecuritytoken",
    "xamzsignature",
];

fn is_secret_name(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.contains(&plain.as_str())
        || ["secret", "password", "passphrase", "privatekey"].iter().any(|part| plain.contains(part))
}

/// `url` without user, fragment and credential parameters.
pub(crate) fn url(url: &Url) -> String {
    let mut clean = url.clone();
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean.set_fragment(None);
    // the query's own spelling is kept: only whole parameters go
    if let Some(query) = url.query() {
        let kept: Vec<&str> = query.split('&').filter(|pair| !is_secret_name(&form_name(pair))).collect();
        if kept.len() != query.split('&').count() {
            clean.set_query((!kept.is_empty()).then(|| kept.join("&")).as_deref());
        }
    }
    clean.to_string()
}

/// The body of a request as it is recorded: none when there is none or it is not text.
pub(crate) fn request_body(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.is_empty())?;
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        return Some(if redact_json(&mut value) { value.to_string() } else { text.to_owned() });
    }
    if is_form(text) {
        let fields: Vec<String> = text
            .split('&')
            .map(|pair| {
                let name = form_name(pair);
                if is_secret_name(&name) && pair.contains('=') {
                    format!("{}={REDACTED}", pair.split('=').next().unwrap_or_default())
                } else {
                    pair.to_owned()
                }
            })
            .collect();
        return Some(fields.join("&"));
    }
    Some(text.to_owned())
}

fn is_form(text: &str) -> bool {
    text.contains('=') && !text.contains(char::is_whitespace) && !text.starts_with(['<', '{', '['])
}

fn form_name(pair: &str) -> String {
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn redact_json(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            let mut changed = false;
            for (name, field) in fields.iter_mut() {
                if is_secret_name(name) && !field.is_null() {
                    *field = Value::String(REDACTED.to_owned());
                    changed = true;
                } else {
                    changed |= redact_json(field);
                }
            }
            changed
        }
        Value::Array(items) => {
            let mut changed = false;
            for item in items {
                changed |= redact_json(item);
            }
            changed
        }
        _ => false,
    }
}

/// A header value that holds addresses (`link`, `location`, `x-github-sso`), each without credential parameters.
pub(crate) fn addresses(value: &str) -> String {
    let is_boundary = |c: char| matches!(c, '<' | '>' | ',' | ';' | ' ' | '"');
    let mut clean = String::with_capacity(value.len());
    for piece in value.split_inclusive(is_boundary) {
        let (body, boundary) = match piece.char_indices().next_back() {
            Some((at, last)) if is_boundary(last) => piece.split_at(at),
            _ => (piece, ""),
        };
        match body.split_once('?') {
            Some((place, query)) if query.split('&').any(|pair| is_secret_name(&form_name(pair))) => {
                let kept: Vec<&str> = query.split('&').filter(|pair| !is_secret_name(&form_name(pair))).collect();
                clean.push_str(place);
                if !kept.is_empty() {
                    clean.push('?');
                    clean.push_str(&kept.join("&"));
                }
            }
            _ => clean.push_str(body),
        }
        clean.push_str(boundary);
    }
    clean
}

/// Replaces the protected `secrets` wherever they stand in `bytes`.
pub(crate) fn echoes(bytes: Bytes, secrets: &[SecretString]) -> Bytes {
    let mut bytes = bytes;
    for secret in secrets {
        let needle = secret.expose_secret().as_bytes();
        if needle.len() < SHORTEST_SECRET {
            continue;
        }
        let mut rest = &bytes[..];
        let mut clean: Option<Vec<u8>> = None;
        while let Some(at) = find(rest, needle) {
            let into = clean.get_or_insert_default();
            into.extend_from_slice(&rest[..at]);
            into.extend_from_slice(MARKER.as_bytes());
            rest = &rest[at + needle.len()..];
        }
        if let Some(mut clean) = clean {
            clean.extend_from_slice(rest);
            bytes = Bytes::from(clean);
        }
    }
    bytes
}

/// The same for text.
pub(crate) fn echoes_text(text: String, secrets: &[SecretString]) -> String {
    secrets
        .iter()
        .map(ExposeSecret::expose_secret)
        .filter(|secret| secret.len() >= SHORTEST_SECRET)
        .fold(text, |text, secret| if text.contains(secret) { text.replace(secret, MARKER) } else { text })
}

pub(crate) fn is_marked(body: &[u8]) -> bool {
    find(body, MARKER.as_bytes()).is_some()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
