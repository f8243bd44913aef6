//! Recorded exchanges as a file: one JSON object a line, the manifest's record with the body beside it.
//!
//! Fixtures and the sample organisation are kept this way. Reading never repairs: a digest that is written down must
//! match its body. What follows from the body (length, digest) or from the place in the file (number) may be left out.

use base64::Engine as _;
use bytes::Bytes;
use model::{Digest, Exchange, ExchangeRecord, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A recording that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the recording: {problem}")]
pub struct RecordingError {
    line: usize,
    problem: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u32>,
    operation: String,
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_body: Option<String>,
    #[serde(default = "first", skip_serializing_if = "is_first")]
    attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The body, where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

const fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

/// Reads the lines of a recording.
pub fn read(text: &str) -> Result<Vec<Exchange>, RecordingError> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let seq = u32::try_from(exchanges.len() + 1).unwrap_or(u32::MAX);
        let exchange = read_line(line, seq).map_err(|problem| RecordingError { line: index + 1, problem })?;
        exchanges.push(exchange);
    }
    Ok(exchanges)
}

fn read_line(text: &str, seq: u32) -> Result<Exchange, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let body = match (line.body, line.body_base64) {
        (Some(_), Some(_)) => return Err("has both `body` and `body_base64`".to_owned()),
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => {
            Bytes::from(base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| error.to_string())?)
        }
        (None, None) => Bytes::new(),
    };
    let sha256 = Digest::of(&body);
    if line.sha256.is_some_and(|written| written != sha256) {
        return Err(format!("the body's digest is {sha256}, not what is written beside it"));
    }
    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if line.bytes.is_some_and(|written| written != bytes) {
        return Err(format!("the body has {bytes} bytes, not what is written beside it"));
    }
    let started_at = line.started_at.unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Exchange {
        record: ExchangeRecord {
            seq: line.seq.unwrap_or(seq),
            operation: line.operation,
            method: line.method,
            url: line.url,
            request_body: line.request_body,
            attempt: line.attempt,
            status: line.status,
            headers: line.headers,
            bytes,
            sha256,
            started_at,
            finished_at: line.finished_at.unwrap_or(started_at),
            error: line.error,
        },
        body,
    })
}

/// Writes exchanges as the lines of a recording.
pub fn write(exchanges: &[Exchange]) -> String {
    let mut text = String::new();
    for exchange in exchanges {
        let record = exchange.record.clone();
        let (body, body_base64) = match std::str::from_utf8(&exchange.body) {
            Ok("") => (None, None),
            Ok(body) => (Some(body.to_owned()), None),
            Err(_) => (None, Some(base64::engine::general_purpose::STANDARD.encode(&exchange.body))),
        };
        let line = Line {
            seq: Some(record.seq),
            operation: record.operation,
            method: record.method,
            url: record.url,
            request_body: record.request_body,
            attempt: record.attempt,
            status: record.status,
            headers: record.headers,
            bytes: Some(record.bytes),
            sha256: Some(record.sha256),
            started_at: Some(record.started_at),
            finished_at: Some(record.finished_at),
            error: record.error,
            body,
            body_base64,
        };
        text.push_str(&serde_json::to_string(&line).expect("texts and numbers always serialise"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn a_recording_survives_writing_and_reading() {
        let text = r#"{"operation":"read","method":"READ","url":"file:///etc/hostname","status":200,"body":"host\n"}
{"operation":"read","method":"READ","url":"file:///var/log/lastlog","status":200,"body_base64":"/wD+"}"#;
        let exchanges = read(text).unwrap();
        assert_eq!(exchanges[1].record.seq, 2);
        assert_eq!(exchanges[1].body.as_ref(), [0xff, 0x00, 0xfe]);
        let again = read(&write(&exchanges)).unwrap();
        assert_eq!(again[0].record, exchanges[0].record);
        assert_eq!(again[1].body, exchanges[1].body);
    }

    #[test]
    fn a_body_that_does_not_match_its_digest_is_refused() {
        let digest = model::Digest::of(b"other");
        let text =
            format!(r#"{{"operation":"read","method":"READ","url":"file:///x","sha256":"{digest}","body":"host"}}"#);
        assert!(read(&text).unwrap_err().to_string().contains("line 1"));
    }
}
