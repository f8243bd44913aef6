//! Named Ed25519 keys in the text forms of C2SP signed-note and of `golang.org/x/mod/sumdb/note`.
//!
//! Secret material is wiped when dropped and never shown by `Debug` or by an error.

use crate::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use model::Hasher;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The longest key text that is read, in bytes.
const MAX_KEY_TEXT: usize = 1024;

/// Start of the text form of a signing key.
const PRIVATE: &str = "PRIVATE+KEY+";

/// A key text that cannot be read. The text itself is not repeated: it may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, too long, or has a space, a plus or a control character.
    #[error("key name is empty, longer than 255 bytes, or holds a space, `+` or control character")]
    Name,
    /// Not `name+id+key`.
    #[error("verifier key is not of the form `name+hexid+base64`")]
    VerifierForm,
    /// Not `PRIVATE+KEY+name+id+key`.
    #[error("signing key is not of the form `PRIVATE+KEY+name+hexid+base64`")]
    SigningForm,
    /// A key type this program does not know.
    #[error("key is of a type other than Ed25519 log (01) or Ed25519 witness (04)")]
    Kind,
    /// Not a point of the curve, or one of small order.
    #[error("key is not a usable Ed25519 public key")]
    Point,
    /// The identifier is not that of this name and key.
    #[error("key identifier does not belong to this name and key: one of them was altered")]
    Identifier,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Type 01: note texts, here a log's checkpoints.
    Log,
    /// Type 04: timestamped cosignatures of a witness.
    Witness,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// A public key with the name it signs under: `name+hexid+base64(type ‖ key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: [u8; 4],
    public: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    pub(crate) fn new(name: &str, kind: KeyKind, public: ed25519_dalek::VerifyingKey) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let mut hasher = Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(&[b'\n', kind.byte()]);
        hasher.update(public.as_bytes());
        let digest = hasher.finish();
        let [a, b, c, d, ..] = *digest.as_bytes();
        Ok(Self { name: name.to_owned(), kind, id: [a, b, c, d], public })
    }

    /// The name it signs under; a log's is its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// `SHA-256(name ‖ 0A ‖ type ‖ key)[:4]`: finds a signature, proves nothing.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The 32 bytes of the Ed25519 public key (RFC 8032), for other tools' key formats.
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// Whether `signature` is this key's over exactly `message`; keys and points of small order are refused.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.public.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(self.public.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), text::base64(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_TEXT {
            return Err(KeyError::VerifierForm);
        }
        // Base64 has `+` too, so only the first two separate.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::VerifierForm);
        };
        let key = text::from_base64(key).ok_or(KeyError::VerifierForm)?;
        let (kind, public) = key.split_first().ok_or(KeyError::VerifierForm)?;
        let kind = match kind {
            1 => KeyKind::Log,
            4 => KeyKind::Witness,
            _ => return Err(KeyError::Kind),
        };
        let public: &[u8; 32] = public.try_into().map_err(|_| KeyError::VerifierForm)?;
        let public = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| KeyError::Point)?;
        if public.is_weak() {
            return Err(KeyError::Point);
        }
        let key = Self::new(name, kind, public)?;
        if hex::encode(key.id) == id { Ok(key) } else { Err(KeyError::Identifier) }
    }
}

/// A log's private key with the name it signs under.
pub struct SigningKey {
    verifier: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key of a 32-byte seed, which the caller draws from the operating system's randomness.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { verifier: VerifierKey::new(name, KeyKind::Log, secret.verifying_key())?, secret })
    }

    /// The name it signs under: the log's origin.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public half.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// `PRIVATE+KEY+name+hexid+base64(01 ‖ seed)`, without a newline: the content of the key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut key = Zeroizing::new([KeyKind::Log.byte(); 33]);
        key[1..].copy_from_slice(self.secret.as_bytes());
        let name = self.name();
        // Room for everything beforehand: growing would leave copies of the seed behind.
        let mut text = Zeroizing::new(String::with_capacity(PRIVATE.len() + name.len() + 10 + 44));
        text.push_str(PRIVATE);
        text.push_str(name);
        text.push('+');
        text.push_str(&hex::encode(self.verifier.id()));
        text.push('+');
        STANDARD.encode_string(key.as_slice(), &mut text);
        text
    }

    /// Reads [`Self::to_text`]; white space around it is ignored.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.len() > MAX_KEY_TEXT {
            return Err(KeyError::SigningForm);
        }
        let rest = text.strip_prefix(PRIVATE).ok_or(KeyError::SigningForm)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::SigningForm);
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_TEXT));
        STANDARD.decode_vec(key, &mut bytes).map_err(|_| KeyError::SigningForm)?;
        let (kind, seed) = bytes.split_first().ok_or(KeyError::SigningForm)?;
        if *kind != KeyKind::Log.byte() {
            return Err(KeyError::Kind);
        }
        let seed: &[u8; 32] = seed.try_into().map_err(|_| KeyError::SigningForm)?;
        let key = Self::from_seed(name, seed)?;
        if hex::encode(key.verifier.id()) == id { Ok(key) } else { Err(KeyError::Identifier) }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.verifier)
    }
}

/// Whether a note signature line could carry this name.
pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.chars().any(|character| character == '+' || character.is_whitespace() || character.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/a", &[7; 32]).unwrap()
    }

    #[test]
    fn a_signing_key_survives_its_text_form() {
        let text = key().to_text();
        let read = SigningKey::from_text(&format!("{}\n", text.as_str())).unwrap();
        assert_eq!(read.verifier(), key().verifier());
        assert_eq!(read.sign(b"x"), key().sign(b"x"));
    }

    #[test]
    fn a_signing_key_is_read_as_the_go_tools_write_it() {
        // From the package documentation of golang.org/x/mod/sumdb/note (published example, not a secret).
        let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let key = SigningKey::from_text(text).unwrap();
        assert_eq!(key.to_text().as_str(), text);
        assert_eq!(key.verifier().to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    }

    #[test]
    fn a_verifier_key_splits_on_the_first_two_plus_signs_only() {
        // Its Base64 part holds a `+`.
        let text = (0..=255_u8)
            .map(|seed| SigningKey::from_seed("n", &[seed; 32]).unwrap().verifier().to_string())
            .find(|text| text.matches('+').count() > 2)
            .unwrap();
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }

    #[test]
    fn debug_never_shows_the_secret() {
        let text = key().to_text();
        let (_, seed) = text.rsplit_once('+').unwrap();
        let shown = format!("{:?}", key());
        assert!(!shown.contains(seed) && !shown.contains("0707") && !shown.contains("[7"), "{shown}");
    }

    #[test]
    fn an_altered_key_text_is_refused() {
        let good = key().verifier().to_string();
        assert_eq!(good.replace("log.", "lag.").parse::<VerifierKey>(), Err(KeyError::Identifier));
        assert_eq!("".parse::<VerifierKey>(), Err(KeyError::VerifierForm));
        assert_eq!("a+b".parse::<VerifierKey>(), Err(KeyError::VerifierForm));
        assert_eq!(format!("{good}\n").parse::<VerifierKey>(), Err(KeyError::VerifierForm));
        let weak = text::base64(&[&[1_u8][..], &[0; 32]].concat());
        assert_eq!(format!("n+00000000+{weak}").parse::<VerifierKey>(), Err(KeyError::Point));
        let other_kind = text::base64(&[2_u8; 33]);
        assert_eq!(format!("n+00000000+{other_kind}").parse::<VerifierKey>(), Err(KeyError::Kind));
        for name in ["", "a b", "a\u{a0}b", "a\n", &"a".repeat(256)] {
            assert_eq!(SigningKey::from_seed(name, &[0; 32]).map(|_| ()), Err(KeyError::Name), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(text in any::<String>()) {
            let _ = text.parse::<VerifierKey>();
            let _ = SigningKey::from_text(&text);
            let _ = SigningKey::from_text(&format!("{PRIVATE}{text}"));
        }
    }
}
