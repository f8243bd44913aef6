//! What a signer signed beside the content: content type, message digest, and which certificate is meant.

use super::certificate::Certificate;
use super::der::{self, Element, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, context};
use super::error::TimestampError;
use super::oid;
use super::signature::{self, Hash};

/// The attributes of a signer, each there once.
pub(super) struct Attributes<'a> {
    all: Vec<(&'a [u8], Element<'a>)>,
}

const CONTENT_TYPE: &str = "content-type";
const MESSAGE_DIGEST: &str = "message-digest";
const SIGNING_CERTIFICATE: &str = "signing-certificate";
const WHAT: &str = "signed attributes";

impl<'a> Attributes<'a> {
    pub(super) fn read(attributes: Element<'a>) -> Result<Self, TimestampError> {
        let mut all: Vec<(&[u8], Element<'_>)> = Vec::new();
        for attribute in attributes.inside().all(32, WHAT)? {
            if attribute.tag != SEQUENCE {
                return Err(TimestampError::Malformed(WHAT));
            }
            let mut reader = attribute.inside();
            let id = reader.expect(OID, WHAT)?.content;
            let values = reader.expect(SET, WHAT)?;
            reader.end(WHAT)?;
            if all.iter().any(|(earlier, _)| *earlier == id) {
                return Err(TimestampError::Malformed("a signed attribute comes twice"));
            }
            all.push((id, values));
        }
        Ok(Self { all })
    }

    /// The one value of an attribute.
    fn value(&self, id: &[u8], name: &'static str) -> Result<Option<Element<'a>>, TimestampError> {
        let Some((_, values)) = self.all.iter().find(|(found, _)| *found == id) else { return Ok(None) };
        let mut values = values.inside();
        let value = values.any(WHAT)?;
        values.end(WHAT).map_err(|_| TimestampError::Attribute { name, problem: "has several values" })?;
        Ok(Some(value))
    }

    fn required(&self, id: &[u8], tag: u8, name: &'static str) -> Result<&'a [u8], TimestampError> {
        let value = self.value(id, name)?.ok_or(TimestampError::Attribute { name, problem: "is missing" })?;
        if value.tag == tag { Ok(value.content) } else { Err(TimestampError::Malformed(WHAT)) }
    }

    /// RFC 5652 §5.6: the attributes speak of this content.
    pub(super) fn require_content(&self, content: &[u8], hash: Hash) -> Result<(), TimestampError> {
        if self.required(oid::CONTENT_TYPE, OID, CONTENT_TYPE)? != oid::TST_INFO {
            return Err(TimestampError::Attribute { name: CONTENT_TYPE, problem: "is not that of a timestamp" });
        }
        if self.required(oid::MESSAGE_DIGEST, OCTET_STRING, MESSAGE_DIGEST)? != hash.of(content).as_ref() {
            return Err(TimestampError::Attribute { name: MESSAGE_DIGEST, problem: "is not that of the content" });
        }
        Ok(())
    }

    /// RFC 5816 §2.2.1: the signature is tied to one certificate, so that no other with the same key can take its place.
    /// Where both versions are there, both must name it; the first one, by SHA-1, is enough, as RFC 5816 keeps it: to
    /// take its place somebody would need a second preimage.
    pub(super) fn require_certificate(&self, certificate: &Certificate<'_>) -> Result<(), TimestampError> {
        let first = self.value(oid::SIGNING_CERTIFICATE, SIGNING_CERTIFICATE)?;
        let second = self.value(oid::SIGNING_CERTIFICATE_V2, SIGNING_CERTIFICATE)?;
        if first.is_none() && second.is_none() {
            return Err(TimestampError::Attribute { name: SIGNING_CERTIFICATE, problem: "is missing" });
        }
        for (value, version_two) in [(first, false), (second, true)] {
            if let Some(value) = value
                && !names(value, version_two, certificate)?
            {
                return Err(TimestampError::Attribute {
                    name: SIGNING_CERTIFICATE,
                    problem: "names another certificate",
                });
            }
        }
        Ok(())
    }
}

/// Whether the first `ESSCertID` or `ESSCertIDv2` of the attribute names `certificate`.
fn names(value: Element<'_>, version_two: bool, certificate: &Certificate<'_>) -> Result<bool, TimestampError> {
    let mut value = value.inside();
    let mut identifier = value.expect(SEQUENCE, WHAT)?.inside().expect(SEQUENCE, WHAT)?.inside();
    let hash = match identifier.optional(SEQUENCE, WHAT)? {
        Some(algorithm) if version_two => signature::hash(algorithm.inside().expect(OID, WHAT)?.content)?,
        Some(_) => return Err(TimestampError::Malformed(WHAT)),
        None if version_two => Hash::Sha256,
        None => Hash::Sha1,
    };
    if identifier.expect(OCTET_STRING, WHAT)?.content != hash.of(certificate.der).as_ref() {
        return Ok(false);
    }
    let Some(issuer_and_serial) = identifier.optional(SEQUENCE, WHAT)? else { return Ok(true) };
    identifier.end(WHAT)?;
    let mut parts = issuer_and_serial.inside();
    let names = parts.expect(SEQUENCE, WHAT)?.inside().all(8, WHAT)?;
    let serial = parts.expect(INTEGER, WHAT)?.content;
    parts.end(WHAT)?;
    // the issuer is a directory name, explicitly tagged, one among the general names
    let issuer = names.iter().any(|name| name.tag == context(4) && name.content == certificate.issuer);
    Ok(issuer && serial == certificate.serial)
}

/// The attributes as they are signed: a SET in the order they came in, and sorted as DER sorts, if that differs.
pub(super) fn signed_forms(attributes: Element<'_>) -> Result<Vec<Vec<u8>>, TimestampError> {
    let as_sent = der::write(SET, attributes.content);
    let mut elements = Reader::new(attributes.content).all(32, WHAT)?;
    elements.sort_by_key(|element| element.whole);
    let sorted = der::write(SET, &elements.iter().flat_map(|element| element.whole).copied().collect::<Vec<_>>());
    Ok(if sorted == as_sent { vec![as_sent] } else { vec![as_sent, sorted] })
}
