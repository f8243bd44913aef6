//! Lines of an authorized_keys file (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"), reduced to what identifies a key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use model::Digest;

/// A key without its key material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) algorithm: String,
    /// `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it.
    pub(super) fingerprint: String,
    pub(super) restricted: bool,
    pub(super) comment: Option<String>,
}

const RESTRICTING: &[&str] = &["command=", "restrict", "from=", "expiry-time=", "no-pty", "no-port-forwarding"];

impl Key {
    /// The recorded form: `restricted ssh-ed25519 SHA256:… comment`.
    pub(super) fn to_line(&self) -> String {
        let restricted = if self.restricted { "restricted " } else { "" };
        let comment = self.comment.as_deref().map(|comment| format!(" {comment}")).unwrap_or_default();
        format!("{restricted}{} {}{comment}", self.algorithm, self.fingerprint)
    }

    /// Reads the recorded form back.
    pub(super) fn from_line(line: &str) -> Option<Self> {
        let (restricted, line) = line.strip_prefix("restricted ").map_or((false, line), |rest| (true, rest));
        let mut parts = line.splitn(3, ' ');
        let algorithm = parts.next()?.to_owned();
        let fingerprint = parts.next().filter(|text| text.starts_with("SHA256:"))?.to_owned();
        Some(Self { algorithm, fingerprint, restricted, comment: parts.next().map(str::to_owned) })
    }
}

/// Reads a line of the file itself: `[options] type base64 [comment]`.
pub(super) fn parse_full(line: &str) -> Option<Key> {
    parse_plain(line, false).or_else(|| {
        let (options, rest) = split_options(line)?;
        let restricted = RESTRICTING.iter().any(|option| options.to_ascii_lowercase().contains(option));
        parse_plain(rest.trim_start(), restricted)
    })
}

fn parse_plain(line: &str, restricted: bool) -> Option<Key> {
    let mut parts = line.splitn(3, [' ', '\t']);
    let algorithm = parts.next().filter(|text| is_type(text))?;
    let encoded = parts.next()?;
    let blob = STANDARD.decode(encoded).ok()?;
    // the blob repeats its type as an SSH string: what does not is no key, whatever it looks like
    let declared = blob.get(..4).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes)?;
    let declared = blob.get(4..4_usize.checked_add(usize::try_from(declared).ok()?)?)?;
    if declared != algorithm.as_bytes() {
        return None;
    }
    let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Digest::of(&blob).as_bytes()));
    let comment = parts.next().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Key { algorithm: algorithm.to_owned(), fingerprint, restricted, comment })
}

fn is_type(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| text.starts_with(prefix))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '@' | '.'))
}

/// Options end at the first blank outside quotes.
fn split_options(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Some((&line[..index], &line[index..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Key, parse_full};

    // made for this test; its private half was never kept
    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn options_type_and_comment_are_told_apart() {
        let key = parse_full(&format!(
            r#"from="10.0.0.0/8",command="say \"hi there\"" ssh-ed25519 {ED25519} ada@laptop one"#
        ))
        .unwrap();
        assert_eq!(key.algorithm, "ssh-ed25519");
        assert_eq!(key.comment.as_deref(), Some("ada@laptop one"));
        assert!(key.restricted);
        assert!(!parse_full(&format!("ssh-ed25519 {ED25519}")).unwrap().restricted);
        assert_eq!(Key::from_line(&key.to_line()), Some(key));
    }

    #[test]
    fn a_blob_of_another_type_is_no_key() {
        assert_eq!(parse_full(&format!("ssh-rsa {ED25519} ada@laptop")), None);
        assert_eq!(parse_full("ssh-ed25519 AAAA"), None);
        assert_eq!(parse_full("ssh-ed25519 /////w=="), None);
        assert_eq!(parse_full("command=\"x"), None);
    }
}
