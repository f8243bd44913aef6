//! What an authority is asked (RFC 3161 §2.4.1).

use super::der::{self, BOOLEAN, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE};
use super::oid;
use model::Digest;

/// A number that ties an answer to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(u64);

impl Nonce {
    /// From eight bytes of randomness, which the caller draws.
    pub const fn from_random(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }

    /// As the content of an INTEGER.
    pub(super) fn content(self) -> Vec<u8> {
        der::unsigned(self.0)
    }
}

/// A request for a timestamp over a SHA-256 digest, the signer's certificate included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    imprint: Digest,
    nonce: Option<Nonce>,
}

impl Request {
    /// The media type it is posted as.
    pub const MEDIA_TYPE: &str = "application/timestamp-query";

    /// The media type of the answer.
    pub const ANSWER_MEDIA_TYPE: &str = "application/timestamp-reply";

    /// Asks about the data whose SHA-256 is `imprint`.
    pub const fn new(imprint: Digest, nonce: Option<Nonce>) -> Self {
        Self { imprint, nonce }
    }

    /// The `TimeStampReq`.
    pub fn to_der(&self) -> Vec<u8> {
        let algorithm = [der::write(OID, oid::SHA256), der::write(NULL, &[])].concat();
        let imprint = [der::write(SEQUENCE, &algorithm), der::write(OCTET_STRING, self.imprint.as_bytes())].concat();
        let mut request = [der::write(INTEGER, &[1]), der::write(SEQUENCE, &imprint)].concat();
        if let Some(nonce) = self.nonce {
            request.extend(der::write(INTEGER, &nonce.content()));
        }
        // certReq
        request.extend(der::write(BOOLEAN, &[0xff]));
        der::write(SEQUENCE, &request)
    }
}
