//! Random secrets that are handed out once and kept only as a digest: sessions and set-up links.

use crate::failure::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Digest;

/// 32 random bytes, as text that fits a link and a cookie.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    const BYTES: usize = 32;

    /// A new one.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<{ Self::BYTES }>()?)))
    }

    /// What somebody shows, if it can be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == Self::BYTES).then(|| Self(text.to_owned()))
    }

    /// As it is handed out.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// Another secret that follows from this one and gives nothing of it away.
    pub(crate) fn derived(&self, purpose: &str) -> String {
        Digest::of(format!("{purpose}\n{}", self.0).as_bytes()).to_string()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Bytes nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::store(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_new_each_time_and_read_back_only_whole() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert_ne!(one.text(), other.text());
        assert_eq!(Secret::parse(one.text()).unwrap().digest(), one.digest());
        assert!(Secret::parse(&one.text()[1..]).is_none() && Secret::parse("").is_none());
        assert_ne!(one.derived("a"), one.derived("b"));
        assert!(!format!("{one:?}").contains(one.text()));
    }
}
