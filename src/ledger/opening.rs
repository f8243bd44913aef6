//! Openings: the small text between an entry and the document it commits to.
//!
//! A nonce keeps a guessable document from being found by its digest; deleting the opening erases the link and leaves
//! the log intact. An opening never says what the document is about.

use crate::text;
use model::Digest;
use std::fmt;
use std::str::FromStr;

/// The largest opening that is read, in bytes.
pub const MAX_OPENING: usize = 1024;

const HEADER: &str = "evidenced/opening/v1";

/// A text that is not an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// Larger than [`MAX_OPENING`], not UTF-8 or not the five lines.
    #[error("opening is not the five lines header, nonce, sha256, size and type")]
    Form,
    /// Another format or version.
    #[error("opening does not start with `{HEADER}`")]
    Header,
    /// A value that is not in its only spelling.
    #[error("opening has a malformed `{0}` line")]
    Line(&'static str),
}

/// What an entry's `commit` opens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    nonce: [u8; 32],
    sha256: Digest,
    size: u64,
    media_type: String,
}

impl Opening {
    /// An opening of a document; the caller draws `nonce` from the operating system's randomness, once for each opening.
    pub fn new(nonce: [u8; 32], sha256: Digest, size: u64, media_type: &str) -> Result<Self, OpeningError> {
        if !is_media_type(media_type) {
            return Err(OpeningError::Line("type"));
        }
        if size >= 1 << 63 {
            return Err(OpeningError::Line("size"));
        }
        Ok(Self { nonce, sha256, size, media_type: media_type.to_owned() })
    }

    /// An opening of these bytes.
    pub fn of(nonce: [u8; 32], document: &[u8], media_type: &str) -> Result<Self, OpeningError> {
        Self::new(nonce, Digest::of(document), document.len() as u64, media_type)
    }

    /// Reads the text form; every byte counts, because the entry commits to them.
    pub fn parse(bytes: &[u8]) -> Result<Self, OpeningError> {
        if bytes.len() > MAX_OPENING {
            return Err(OpeningError::Form);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| OpeningError::Form)?;
        let mut lines = text.strip_suffix('\n').ok_or(OpeningError::Form)?.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(OpeningError::Header);
        }
        let mut value = |label: &'static str| {
            let line = lines.next().ok_or(OpeningError::Form)?;
            line.strip_prefix(label).and_then(|rest| rest.strip_prefix(' ')).ok_or(OpeningError::Line(label))
        };
        let nonce: Digest = value("nonce")?.parse().map_err(|_| OpeningError::Line("nonce"))?;
        let sha256 = value("sha256")?.parse().map_err(|_| OpeningError::Line("sha256"))?;
        let size = text::decimal(value("size")?).ok_or(OpeningError::Line("size"))?;
        let media_type = value("type")?;
        let opening = Self::new(*nonce.as_bytes(), sha256, size, media_type)?;
        if lines.next().is_some() {
            return Err(OpeningError::Form);
        }
        Ok(opening)
    }

    /// The digest an entry's `commit` holds: that of the whole text.
    pub fn commit(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }

    /// 32 random bytes.
    pub const fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// SHA-256 of the document.
    pub const fn sha256(&self) -> Digest {
        self.sha256
    }

    /// Bytes in the document.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// What the document is.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        writeln!(f, "nonce {}", hex::encode(self.nonce))?;
        writeln!(f, "sha256 {}", self.sha256)?;
        writeln!(f, "size {}", self.size)?;
        writeln!(f, "type {}", self.media_type)
    }
}

impl FromStr for Opening {
    type Err = OpeningError;

    fn from_str(text: &str) -> Result<Self, OpeningError> {
        Self::parse(text.as_bytes())
    }
}

/// `type/subtype` of visible ASCII, without parameters.
fn is_media_type(text: &str) -> bool {
    text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty() && !rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_is_the_published_one() {
        let document = br#"{"b":2,"a":1,"text":"example"}"#;
        let opening = Opening::of([0xab; 32], document, "application/json").unwrap();
        let expected = format!(
            "evidenced/opening/v1\nnonce {}\nsha256 {}\nsize 30\ntype application/json\n",
            "ab".repeat(32),
            Digest::of(document),
        );
        assert_eq!(opening.to_string(), expected);
        assert_eq!(expected.parse(), Ok(opening.clone()));
        assert_eq!(opening.commit(), Digest::of(expected.as_bytes()));
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = Opening::of([1; 32], b"x", "text/plain").unwrap().to_string();
        for (refused, why) in [
            (String::new(), OpeningError::Form),
            (good.trim_end().to_owned(), OpeningError::Form),
            (format!("{good}more\n"), OpeningError::Form),
            (good.replace("v1", "v2"), OpeningError::Header),
            (good.replace("nonce ", "nonce  "), OpeningError::Line("nonce")),
            (good.replace("size 1", "size 01"), OpeningError::Line("size")),
            (good.replace("size 1\n", ""), OpeningError::Line("size")),
            (good.replace("text/plain", "text/plain "), OpeningError::Line("type")),
            (good.replace("text/plain", "text"), OpeningError::Line("type")),
            (good.replace('\n', "\r\n"), OpeningError::Header),
            ("x".repeat(MAX_OPENING + 1), OpeningError::Form),
        ] {
            assert_eq!(Opening::parse(refused.as_bytes()), Err(why), "{refused:?}");
        }
        assert!(Opening::parse(good.replace("01", "0A").as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(opening) = Opening::parse(&bytes) {
                prop_assert_eq!(opening.to_string().into_bytes(), bytes);
            }
        }

        #[test]
        fn a_damaged_opening_is_refused_or_commits_to_something_else(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            let good = Opening::of([1; 32], b"x", "text/plain").unwrap();
            let mut bytes = good.to_string().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            if let Ok(read) = Opening::parse(&bytes) {
                prop_assert_eq!(read.to_string().into_bytes(), bytes);
                prop_assert_ne!(read.commit(), good.commit());
            }
        }
    }
}
