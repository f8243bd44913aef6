//! From the last recorded attempt at a request to what the collector gets. The one place that decides it, live and
//! in replay; it looks at the record and nothing else.

use crate::Answer;
use crate::earlier;
use crate::failure::{Failure, Kind};
use crate::record::header_map;
use crate::throttle::{Judgement, judge};
use bytes::Bytes;
use model::{CollectError, Exchange, ExchangeRecord};
use std::path::Path;

/// No source says this. A proxy may cut what it answers with, and has said it all the same.
const PROXY_REFUSES: u16 = 407;

/// Whether this attempt's outcome is worth another.
pub(crate) fn is_passing(exchange: &Exchange) -> bool {
    let record = &exchange.record;
    match (&record.error, record.status) {
        (_, Some(PROXY_REFUSES)) | (None, None) => false,
        (Some(error), _) => Failure::parse(error).is_passing(),
        (None, Some(status)) => judge(status, &record.headers, &exchange.body) != Judgement::Final,
    }
}

/// Whether the source asked to slow down.
pub(crate) fn is_throttled(exchange: &Exchange) -> bool {
    let record = &exchange.record;
    let status = record.status.filter(|_| record.error.is_none());
    status.is_some_and(|status| judge(status, &record.headers, &exchange.body) == Judgement::Throttled)
}

/// What the collector gets after `attempts`, the last of which is `exchange`.
pub(crate) fn conclude(exchange: &Exchange, attempts: usize) -> Result<Answer, CollectError> {
    let record = &exchange.record;
    let operation = record.operation.clone();
    if record.status == Some(PROXY_REFUSES) {
        let detail = "proxy authorization required";
        return Err(Failure::new(Kind::Proxy, detail).into_error(&operation, attempts));
    }
    if let Some(error) = &record.error {
        return Err(Failure::parse(error).into_error(&operation, attempts));
    }
    let Some(status) = record.status else {
        let message = "the recording has neither a status nor an error".to_owned();
        return Err(CollectError::Malformed { operation, message });
    };
    match judge(status, &record.headers, &exchange.body) {
        Judgement::Final => {
            let status = earlier::status(exchange, status);
            Ok(Answer { status, headers: header_map(&record.headers), body: exchange.body.clone() })
        }
        Judgement::Throttled => Err(CollectError::Throttled { operation, message: spent(status, record, attempts) }),
        Judgement::Trouble => Err(CollectError::Transient { operation, message: spent(status, record, attempts) }),
    }
}

fn spent(status: u16, record: &ExchangeRecord, attempts: usize) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let times = if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
    let asked = record.headers.get("retry-after").map(|value| {
        let value: String = value.chars().take(40).collect();
        format!(", asking to wait `{value}`")
    });
    format!("tried {times}, last answer {status} {reason}{}", asked.unwrap_or_default())
}

/// What the collector gets of a path that was read as `exchange`: status 200, 403 or 404.
pub(crate) fn conclude_path(exchange: &Exchange) -> Result<Answer, CollectError> {
    let record = &exchange.record;
    let operation = record.operation.clone();
    if let Some(error) = &record.error {
        return Err(Failure::parse(error).into_error(&operation, 1));
    }
    match record.status {
        Some(status @ (200 | 403 | 404)) => {
            Ok(Answer { status, headers: header_map(&record.headers), body: exchange.body.clone() })
        }
        other => Err(CollectError::Malformed { operation, message: format!("the recording says {other:?} of a file") }),
    }
}

/// The content of a file without which the collector cannot go on.
pub(crate) fn content(operation: &str, path: &Path, answer: Answer) -> Result<Bytes, CollectError> {
    match answer.status {
        200 => Ok(answer.body),
        403 => Err(CollectError::Denied {
            operation: operation.to_owned(),
            permission: format!("read {}", path.display()),
            message: "this process may not read it".to_owned(),
        }),
        _ => Err(CollectError::Misconfigured {
            message: format!("`{}` does not exist", path.display()),
            help: "look at the path in the source's settings; relative ones start at the configuration file".to_owned(),
        }),
    }
}
