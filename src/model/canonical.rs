//! Canonical JSON (RFC 8785): the bytes that are hashed and sealed.

use serde::Serialize;

/// A value that has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("value has no canonical JSON form: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

/// Serialises `value` as RFC 8785 canonical JSON.
///
/// Only typed structs go in: integers beyond 2^53 and duplicate keys, which canonicalisers
/// round or drop silently, cannot arise from the types of this crate.
pub fn canonical_json<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}
