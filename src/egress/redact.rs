//! What is taken out of a request before it is recorded, and out of an answer: a credential the source echoes, and
//! secrets it tells.
//!
//! Request headers are never recorded at all; this is about URLs, request bodies, echoes and secret fields.

use bytes::Bytes;
use memchr::{memchr, memmem};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

const REDACTED: &str = "REDACTED";

/// Stands in a recorded body or header where a protected secret was. Plain ASCII: valid inside JSON, XML and CSV.
const MARKER: &str = "[credential removed by evidenced]";

/// Stands in a recorded JSON body where the source told a secret of its own. Plain ASCII: valid inside JSON.
pub(crate) const SECRET_MARKER: &str = "[secret removed by evidenced]";

/// Stands behind it where the secret was no text that JSON knows.
const UNREADABLE: &str = " it could not be read";

/// Fields of a JSON answer that hold a credential whatever the source: a granted token, an application's secret. Their
/// texts are kept out of everything else that is recorded, too.
const CREDENTIAL_FIELDS: &[&str] = &["access_token", "client_secret", "id_token", "refresh_token"];

/// Fields that hold somebody else's secret. What stands there may be a word like `required`, which elsewhere is none:
/// it goes here and nowhere else.
const SECRET_FIELDS: &[&str] =
    &["password", "passwd", "passphrase", "private_key", "privateKey", "clientSecret", "secretText", "refreshToken"];

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

/// A JSON body without the texts of its secret fields, and the credentials among these by field, in order. The rest keeps
/// its own spelling.
pub(crate) fn secret_fields(body: Bytes) -> (Bytes, Vec<(&'static str, SecretString)>) {
    let mut found = Vec::new();
    if !body.trim_ascii_start().starts_with(b"{") && !body.trim_ascii_start().starts_with(b"[") {
        return (body, found);
    }
    let mut clean: Option<Vec<u8>> = None;
    let (mut at, mut kept) = (0, 0);
    while let Some(quote) = memchr(b'"', &body[at..]) {
        let start = at + quote + 1;
        at = start;
        let fields = CREDENTIAL_FIELDS.iter().chain(SECRET_FIELDS);
        let Some((name, text)) = fields.into_iter().find_map(|name| Some((*name, text_of(&body, start, name)?))) else {
            continue;
        };
        let literal = [b"\"", &body[text.clone()], b"\""].concat();
        // what cannot be read as a text goes all the same, and is no token
        let (secret, marker) = match serde_json::from_slice::<String>(&literal) {
            Ok(secret) => (secret, SECRET_MARKER.to_owned()),
            Err(_) => {
                (String::from_utf8_lossy(&body[text.clone()]).into_owned(), format!("{SECRET_MARKER}{UNREADABLE}"))
            }
        };
        let into = clean.get_or_insert_default();
        into.extend_from_slice(&body[kept..text.start]);
        into.extend_from_slice(marker.as_bytes());
        if CREDENTIAL_FIELDS.contains(&name) {
            found.push((name, SecretString::from(secret)));
        }
        (at, kept) = (text.end, text.end);
    }
    let body = match clean {
        None => body,
        Some(mut clean) => {
            clean.extend_from_slice(&body[kept..]);
            Bytes::from(clean)
        }
    };
    (body, found)
}

/// Where the text of the field `name` stands, if its name starts at `start`, behind the quote.
fn text_of(body: &[u8], start: usize, name: &str) -> Option<std::ops::Range<usize>> {
    let blank = |at: usize| at + body[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let after = body.get(start..)?.strip_prefix(name.as_bytes())?.strip_prefix(b"\"")?;
    let colon = blank(body.len() - after.len());
    if body.get(colon) != Some(&b':') {
        return None;
    }
    let quote = blank(colon + 1);
    if body.get(quote) != Some(&b'"') {
        return None;
    }
    let mut end = quote + 1;
    while let Some(byte) = body.get(end) {
        match byte {
            b'"' => break,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let end = end.min(body.len());
    (end > quote + 1).then_some(quote + 1..end)
}

/// Whether the recorded answer of a token endpoint granted a token.
pub(crate) fn has_granted(body: &[u8]) -> bool {
    let granted = serde_json::from_slice::<Value>(body).ok();
    granted.and_then(|body| Some(body.get("access_token")? == SECRET_MARKER)).unwrap_or(false)
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

/// Whether a protected secret was replaced.
pub(crate) fn is_marked(body: &[u8]) -> bool {
    find(body, MARKER.as_bytes()).is_some()
}

/// Whether a secret field was replaced.
pub(crate) fn has_secret_field(body: &[u8]) -> bool {
    find(body, SECRET_MARKER.as_bytes()).is_some()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memmem::find(haystack, needle)
}
