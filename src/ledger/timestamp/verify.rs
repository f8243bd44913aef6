//! The judgement over a token: everything RFC 3161 §2.2 asks of the requester, and RFC 5652 and RFC 5816 of a verifier.

use super::attributes::{Attributes, signed_forms};
use super::error::TimestampError;
use super::request::Nonce;
use super::roots::Roots;
use super::token::{self, Parts, SignerId};
use super::{oid, signature, text};
use jiff::{SignedDuration, Timestamp};
use model::Digest;

/// A timestamp token: its bytes, whose form has been read and whose word is not believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    der: Vec<u8>,
}

/// What a token proves, once it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamped {
    /// The data existed at this time, by the authority's clock.
    pub gen_time: Timestamp,
    /// How far its clock may be off, where it says so.
    pub accuracy: Option<SignedDuration>,
    /// The token's serial number, in hexadecimal.
    pub serial: String,
    /// The policy it was issued under: `1.2.3.4.1`.
    pub policy: String,
    /// The subject of the signer's certificate, for people: `CN=Time, O=Example`.
    pub signer: String,
    /// When the signer's certificate expires; a new token is needed before that.
    pub not_after: Timestamp,
}

/// A token that is intact and over the right data, signed by the certificate inside it. Whether that certificate is the
/// authority's, nobody has looked at yet.
#[derive(Debug)]
pub struct Claim<'a> {
    stated: Timestamped,
    parts: Parts<'a>,
    signer: usize,
}

impl Token {
    /// The token in an authority's answer (`TimeStampResp`, a `.tsr` file), if it granted one.
    pub fn from_response(response: &[u8]) -> Result<Self, TimestampError> {
        Self::from_der(token::granted(response)?)
    }

    /// A bare token (`TimeStampToken`, a `ContentInfo`).
    pub fn from_der(der: &[u8]) -> Result<Self, TimestampError> {
        Parts::read(der)?;
        Ok(Self { der: der.to_vec() })
    }

    /// The token's bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Verifies everything: that the token is over `imprint`, answers the request of `nonce` where one is given, is intact,
    /// was signed by a certificate for timestamps, and that this leads up to one of `roots` at the time the token states.
    pub fn verify(&self, imprint: Digest, nonce: Option<Nonce>, roots: &Roots) -> Result<Timestamped, TimestampError> {
        self.examine(imprint, nonce)?.chain(roots)
    }

    /// Verifies all of it but the chain.
    pub fn examine(&self, imprint: Digest, nonce: Option<Nonce>) -> Result<Claim<'_>, TimestampError> {
        let parts = Parts::read(&self.der)?;
        let (algorithm, found) = parts.info.imprint;
        let found = <[u8; 32]>::try_from(found).map_err(|_| TimestampError::ImprintAlgorithm)?;
        if algorithm != oid::SHA256 {
            return Err(TimestampError::ImprintAlgorithm);
        }
        let found = Digest::from_bytes(found);
        if found != imprint {
            return Err(TimestampError::Imprint { expected: imprint, found });
        }
        if nonce.is_some_and(|nonce| parts.info.nonce != Some(nonce.content().as_slice())) {
            return Err(TimestampError::Nonce);
        }

        let hash = signature::hash(parts.signer.digest)?;
        let attributes = Attributes::read(parts.signer.attributes)?;
        attributes.require_content(parts.content, hash)?;
        let signer = parts.find_signer()?.ok_or(TimestampError::NoCertificate)?;
        let certificate = &parts.certificates[signer];
        attributes.require_certificate(certificate)?;
        certificate.require_time_stamping()?;
        let messages = signed_forms(parts.signer.attributes)?;
        signature::verify(certificate.der, parts.signer.algorithm, hash, &messages, parts.signer.signature)?;

        let stated = Timestamped {
            gen_time: parts.info.gen_time,
            accuracy: parts.info.accuracy,
            serial: hex::encode(&parts.info.serial[..parts.info.serial.len().min(64)]),
            policy: parts.info.policy.clone(),
            signer: text::name(certificate.subject)?,
            not_after: certificate.not_after,
        };
        Ok(Claim { stated, parts, signer })
    }
}

impl Claim<'_> {
    /// The time the token states, which somebody signed.
    pub const fn gen_time(&self) -> Timestamp {
        self.stated.gen_time
    }

    /// The subject in the certificate of whoever signed.
    pub fn signer(&self) -> &str {
        &self.stated.signer
    }

    /// Verifies that the signer's certificate led up to one of `roots` at the time the token states.
    pub fn chain(self, roots: &Roots) -> Result<Timestamped, TimestampError> {
        let certificates = &self.parts.certificates;
        roots.require_chain(certificates[self.signer].der, certificates, self.stated.gen_time)?;
        Ok(self.stated)
    }
}

impl Parts<'_> {
    /// Where the signer's certificate is among those sent along.
    fn find_signer(&self) -> Result<Option<usize>, TimestampError> {
        for (position, certificate) in self.certificates.iter().enumerate() {
            let found = match self.signer.id {
                SignerId::IssuerAndSerial(issuer, serial) => {
                    certificate.issuer == issuer && certificate.serial == serial
                }
                SignerId::KeyIdentifier(id) => certificate.key_identifier()? == Some(id),
            };
            if found {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}
