//! Trusted time: RFC 3161 timestamps over a log's signed checkpoint, asked for and verified whole.
//!
//! Pure like the rest of the crate: it builds the bytes of a request and judges the bytes of an answer. It opens no
//! connection, reads no clock, draws no nonce, and consults no revocation list.
//!
//! What a token is over: the SHA-256 of [`SignedCheckpoint::log_signed_text`](crate::SignedCheckpoint::log_signed_text),
//! the checkpoint with the log's signature and without those of witnesses, so that
//! `openssl ts -verify -data checkpoint -in <authority>.tsr -CAfile roots.pem` accepts the same files.
//!
//! ```no_run
//! # fn example(checkpoint: &str, answer: &[u8], pem: &str, random: [u8; 8]) -> Result<(), Box<dyn std::error::Error>> {
//! use ledger::timestamp::{Nonce, Request, Roots, Token};
//! let imprint = model::Digest::of(checkpoint.as_bytes());
//! let nonce = Nonce::from_random(random);
//! let _to_be_posted = Request::new(imprint, Some(nonce)).to_der();
//! let token = Token::from_response(answer)?;
//! let stamped = token.verify(imprint, Some(nonce), &Roots::from_pem(pem)?)?;
//! println!("the log was this far at {}", stamped.gen_time);
//! # Ok(())
//! # }
//! ```
//!
//! A token is believed only after [`Token::verify`]. Where no roots are at hand, [`Token::examine`] says whether it is
//! intact and over the right data; who made it then stays open, and the type says so.
//!
//! # Where tokens are kept
//!
//! In a store below `anchors/`, in a pack below `log/anchors/`:
//!
//! | path | what it is |
//! |---|---|
//! | `<size>/checkpoint` | the stamped text: the checkpoint of that size, with the log's signature alone |
//! | `<size>/<authority>.tsr` | the authority's whole answer: [`Token::from_response`] |
//! | `<size>/consistency` | packs only: a [`ConsistencyFile`](crate::ConsistencyFile) from that size to the pack's checkpoint |
//! | `roots/<authority>.pem` | packs only: the roots the operator trusts; an auditor should get them from the authority |
//!
//! `<authority>` is a name that [`is_authority_name`] accepts. Each token has an [`anchor`](crate::Body::Anchor) entry
//! that names its digest, the digest of the stamped text, the size and the time; the entries after it carry the token's
//! digest in their `anchor` field.
//!
//! The reader of DER is written here, and not taken from `cms` and `x509-tsp`: signatures are over bytes as they were
//! sent, sets arrive unsorted, and both are lost on the way through those types. Signatures and paths are verified by
//! `rustls-webpki` over `aws-lc-rs`, which the TLS stack brings anyway.

mod attributes;
mod certificate;
mod der;
mod error;
mod oid;
mod request;
mod roots;
mod signature;
mod text;
mod token;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{RootsError, TimestampError};
pub use request::{Nonce, Request};
pub use roots::Roots;
pub use verify::{Claim, Timestamped, Token};

/// The most bytes an answer or a token may have; real ones have some 2 to 8 KiB.
pub const MAX_TOKEN: usize = 64 * 1024;

/// Whether `name` may name an authority: it becomes the name of a file, on every system.
pub fn is_authority_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_' || byte == b'.')
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
        && !name.contains("..")
        && name != "roots"
}
