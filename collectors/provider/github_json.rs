//! Reading GitHub's JSON without assuming that it is whole, and errors of a part as reasons for the whole.

use crate::provider::github::malformed;
use jiff::Timestamp;
use model::{CollectError, Reason, ReasonCode};
use serde_json::Value;
use std::collections::BTreeSet;

/// A listing read to its end, or not.
pub(crate) enum Listing {
    Whole(Vec<Value>),
    Unseen,
}

/// A text member; null, absent and empty are *not reported*.
pub(crate) fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(crate) fn integer(object: &Value, name: &str) -> Option<i64> {
    object.get(name).and_then(Value::as_i64)
}

/// An instant, as tables write it.
pub(crate) fn instant(object: &Value, name: &str) -> Option<String> {
    let instant: Timestamp = object.get(name)?.as_str()?.parse().ok()?;
    Some(model::time::seconds_text(instant))
}

/// The logins of a listing of people. An element without one means that this is not the API it claims to be.
pub(crate) fn logins(operation: &str, elements: &[Value]) -> Result<BTreeSet<String>, CollectError> {
    elements
        .iter()
        .map(|element| text(element, "login").ok_or_else(|| malformed(operation, "an element has no `login`")))
        .collect()
}

/// Why a part was not seen. What concerns the whole run stays an error.
pub(crate) fn reason(error: CollectError) -> Result<Reason, CollectError> {
    let message = error.to_string();
    match error {
        CollectError::Denied { permission, .. } => Ok(Reason::new(ReasonCode::Denied, message).permission(&permission)),
        CollectError::Incomplete { code, .. } => Ok(Reason::new(code, message)),
        CollectError::Malformed { .. } => Ok(Reason::new(ReasonCode::Malformed, message)),
        CollectError::Transient { .. } | CollectError::Throttled { .. } => {
            Ok(Reason::new(ReasonCode::MemberFailed, message))
        }
        CollectError::Misconfigured { .. } => Err(error),
    }
}
