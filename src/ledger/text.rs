//! The few lexical forms every text format here shares, read strictly: one spelling per value.

use crate::tree::MAX_PROOF;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Digest;

/// Padded standard Base64, as RFC 4648 §4 writes it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads padded standard Base64; stray trailing bits, white space and missing padding are refused.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads a digest written in Base64.
pub(crate) fn digest_from_base64(text: &str) -> Option<Digest> {
    // 32 bytes are 44 characters: nothing longer is decoded.
    if text.len() != 44 {
        return None;
    }
    let bytes: [u8; 32] = from_base64(text)?.try_into().ok()?;
    Some(Digest::from_bytes(bytes))
}

/// Reads a decimal number below 2^63 without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    if !plain || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number < 1 << 63)
}

/// Reads the lines of a Merkle proof, one Base64 digest each, up to the blank line that ends them; returns what follows it.
pub(crate) fn proof_lines(mut text: &str) -> Option<(Vec<Digest>, &str)> {
    let mut path = Vec::new();
    loop {
        let (line, rest) = text.split_once('\n')?;
        text = rest;
        if line.is_empty() {
            return Some((path, text));
        }
        if path.len() == MAX_PROOF {
            return None;
        }
        path.push(digest_from_base64(line)?);
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("9223372036854775807"), Some((1 << 63) - 1));
        for refused in
            ["", "00", "01", "+1", "-1", " 1", "1 ", "0x1", "9223372036854775808", "99999999999999999999", "١"]
        {
            assert_eq!(decimal(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(from_base64("AA=="), Some(vec![0]));
        for refused in ["AA", "AA=", "AB==", "AA==\n", " AA==", "A-==", "AA==AA=="] {
            assert_eq!(from_base64(refused), None, "{refused:?}");
        }
    }
}
