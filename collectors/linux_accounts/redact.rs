//! Takes secrets out of files before anything is hashed or kept, and says which.
//!
//! What remains is what the tables need. Whatever is not understood is treated as a secret.

use crate::linux_accounts::keys;
use bytes::Bytes;

/// What stands in the place of a secret.
pub(super) const MARK: &str = "REDACTED";

/// /etc/passwd, /etc/group and /etc/shadow: the second field, where it holds a hash.
pub(super) fn second_field(content: &[u8]) -> (Bytes, Vec<String>) {
    let mut fields = Vec::new();
    let mut kept: Vec<u8> = Vec::with_capacity(content.len());
    for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let mut parts = line.splitn(3, |byte| *byte == b':');
        let (Some(name), Some(secret), rest) = (parts.next(), parts.next(), parts.next()) else {
            kept.extend_from_slice(line);
            continue;
        };
        let safe = without_hash(secret);
        if safe.as_bytes() != secret {
            fields.push(format!("line {} (password hash)", index + 1));
        }
        kept.extend_from_slice(name);
        kept.push(b':');
        kept.extend_from_slice(safe.as_bytes());
        match rest {
            Some(rest) => {
                kept.push(b':');
                kept.extend_from_slice(rest);
            }
            // a broken line that ends in the second field: keep its line end
            None if secret.ends_with(b"\n") && !safe.ends_with('\n') => kept.push(b'\n'),
            None => {}
        }
    }
    (kept.into(), fields)
}

/// Keeps the marks crypt(5) and passwd(5) give a meaning to, and the algorithm's name; never the salt or the hash.
fn without_hash(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    let text = text.trim_end_matches('\n');
    let marks: String = text.chars().take_while(|c| matches!(c, '!' | '*')).collect();
    let secret = &text[marks.len()..];
    if secret.is_empty() || (marks.is_empty() && secret == "x") {
        return text.to_owned();
    }
    let algorithm = secret.strip_prefix('$').and_then(|rest| rest.split_once('$')).map(|(algorithm, _)| algorithm);
    match algorithm {
        Some(name) if name.len() <= 10 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            format!("{marks}${name}${MARK}")
        }
        _ => format!("{marks}{MARK}"),
    }
}

/// authorized_keys: each key becomes its type, fingerprint and comment. The file may be a link to anything
/// its owner chose, so lines that are not keys are not kept.
pub(super) fn authorized_keys(content: &[u8]) -> (Bytes, Vec<String>) {
    let mut fields = Vec::new();
    let mut kept = String::new();
    for (index, line) in String::from_utf8_lossy(content).lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            kept.push('\n');
            continue;
        }
        if let Some(key) = keys::parse_full(line) {
            kept.push_str(&key.to_line());
            fields.push(format!(
                "line {} (key replaced by its fingerprint, options by whether they restrict)",
                index + 1
            ));
        } else {
            kept.push_str(MARK);
            fields.push(format!("line {} (not a key)", index + 1));
        }
        kept.push('\n');
    }
    (kept.into(), fields)
}

#[cfg(test)]
mod tests {
    use super::{authorized_keys, second_field};

    #[test]
    fn hashes_leave_no_trace_but_their_algorithm() {
        let shadow = b"root:*:20000:0:99999:7:::\nada:$6$saltsalt$hashhash:20100:0:99999:7:::\n\
            grace:!$y$j9T$saltsalt$hashhash:20100::::20200:\nold:abJnggxhB/yWI:1::::::\nfree::1::::::\nlocked:!!:1::::::\nshort:$6$salt";
        let (kept, fields) = second_field(shadow);
        let kept = String::from_utf8(kept.to_vec()).unwrap();
        assert_eq!(
            kept,
            "root:*:20000:0:99999:7:::\nada:$6$REDACTED:20100:0:99999:7:::\n\
             grace:!$y$REDACTED:20100::::20200:\nold:REDACTED:1::::::\nfree::1::::::\nlocked:!!:1::::::\nshort:$6$REDACTED"
        );
        assert_eq!(fields.len(), 4);
    }

    #[test]
    fn passwd_keeps_its_reference_to_shadow() {
        let passwd = b"root:x:0:0:root:/root:/bin/bash\nold:abJnggxhB/yWI:5:5::/:/bin/sh\n";
        let (kept, fields) = second_field(passwd);
        assert_eq!(kept.as_ref(), b"root:x:0:0:root:/root:/bin/bash\nold:REDACTED:5:5::/:/bin/sh\n");
        assert_eq!(fields, ["line 2 (password hash)"]);
    }

    #[test]
    fn a_link_to_a_private_file_shows_nothing_of_it() {
        let (kept, fields) = authorized_keys(b"-----BEGIN SOMETHING-----\nc2VjcmV0\n");
        assert_eq!(kept.as_ref(), b"REDACTED\nREDACTED\n");
        assert_eq!(fields.len(), 2);
    }
}
