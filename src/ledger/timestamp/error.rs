//! Why a timestamp is not believed, and how that is mended.

use jiff::Timestamp;
use model::Digest;

/// A timestamp token that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Larger than [`MAX_TOKEN`](super::MAX_TOKEN).
    #[error("timestamp token has {0} bytes, at most {limit} are read", limit = super::MAX_TOKEN)]
    TooLarge(usize),
    /// Not what RFC 3161 and RFC 5652 describe.
    #[error("timestamp token is not the DER of RFC 3161: {0}")]
    Malformed(&'static str),
    /// The authority answered without granting.
    #[error("the authority did not grant the timestamp: {status}{}", words(.text))]
    NotGranted {
        /// `rejection`, `revocation notification` …
        status: String,
        /// What it says beside, cut and without control characters.
        text: String,
    },
    /// Granted, and no token in the answer.
    #[error("the authority granted a timestamp and sent none")]
    NoToken,
    /// Not exactly one signer.
    #[error("timestamp token has {0} signers, exactly one is required")]
    Signers(usize),
    /// A digest other than SHA-256 of the data.
    #[error("timestamp token is over a digest that is not SHA-256")]
    ImprintAlgorithm,
    /// Over other data.
    #[error("timestamp token is over other data: its imprint is {found}, expected {expected}")]
    Imprint {
        /// The digest asked about.
        expected: Digest,
        /// The digest in the token.
        found: Digest,
    },
    /// An answer to another question.
    #[error("timestamp token does not carry the nonce of the request: it answers another one")]
    Nonce,
    /// A signed attribute is absent, twice there, or wrong.
    #[error("timestamp token's signed attribute {name} {problem}")]
    Attribute {
        /// `content-type`, `message-digest` …
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The signer's certificate was not sent along.
    #[error("timestamp token does not include the certificate of its signer")]
    NoCertificate,
    /// The certificate may not sign timestamps.
    #[error("the certificate of the timestamp's signer must not sign timestamps: {0}")]
    Usage(&'static str),
    /// Digest or signature algorithm nobody here knows.
    #[error("timestamp token is signed with an unsupported algorithm: {0}")]
    Algorithm(&'static str),
    /// Altered, or never signed by this key.
    #[error("the signature of the timestamp token does not hold: the token was altered")]
    Signature,
    /// No path to a root at the time the token states.
    #[error("the timestamp's signer has no chain to the given roots at {gen_time}: {problem}")]
    Chain {
        /// What the token states as its time.
        gen_time: Timestamp,
        /// Why not.
        problem: String,
    },
}

fn words(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (it says `{text}`)") }
}

impl TimestampError {
    /// How to mend it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Chain { .. } => {
                "put the authority's root certificate, from the authority itself, into the PEM file `roots` names; if its signer has expired, the authority must renew it"
            }
            Self::NotGranted { .. } => "ask the authority why, or configure another one",
            Self::Usage(_) | Self::Algorithm(_) | Self::NoCertificate | Self::ImprintAlgorithm => {
                "this authority cannot be used; configure one that follows RFC 3161 and RFC 5816"
            }
            _ => {
                "the token proves nothing: do not rely on it, and ask who altered it or answered in the authority's place"
            }
        }
    }
}

/// A file of root certificates that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// Not PEM.
    #[error("not a PEM file of certificates: {0}")]
    Pem(String),
    /// Too many or too large.
    #[error("more than {} certificates, or one of more than 64 KiB", super::roots::MAX_ROOTS)]
    TooMany,
    /// One of them is no certificate.
    #[error("certificate {number} of the file cannot be read: {problem}")]
    Certificate {
        /// Its position, from 1.
        number: usize,
        /// Why.
        problem: String,
    },
    /// No self-issued certificate among them.
    #[error("no root certificate in it: a root names itself as its issuer")]
    NoRoot,
}
