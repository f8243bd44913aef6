//! What is read of a certificate here: enough to find the signer and to see what it may sign. The chain is `roots.rs`.

use super::der::{self, BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, OID, SEQUENCE, context, context_primitive};
use super::error::TimestampError;
use super::{oid, text};
use jiff::Timestamp;

/// A certificate whose outer form has been read (RFC 5280 §4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Certificate<'a> {
    /// All of it.
    pub(super) der: &'a [u8],
    /// The serial number's content.
    pub(super) serial: &'a [u8],
    /// The issuer's name, as DER.
    pub(super) issuer: &'a [u8],
    /// The subject's name, as DER.
    pub(super) subject: der::Element<'a>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    extensions: Option<der::Element<'a>>,
}

const WHAT: &str = "a certificate";

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self, TimestampError> {
        let mut certificate = der::only(der, SEQUENCE, WHAT)?;
        let mut body = certificate.expect(SEQUENCE, WHAT)?.inside();
        body.optional(context(0), WHAT)?;
        let serial = body.expect(INTEGER, WHAT)?.content;
        body.expect(SEQUENCE, WHAT)?;
        let issuer = body.expect(SEQUENCE, WHAT)?.whole;
        let mut validity = body.expect(SEQUENCE, WHAT)?.inside();
        let not_before = text::time(validity.any(WHAT)?, WHAT)?;
        let not_after = text::time(validity.any(WHAT)?, WHAT)?;
        let subject = body.expect(SEQUENCE, WHAT)?;
        body.expect(SEQUENCE, WHAT)?;
        body.optional(context_primitive(1), WHAT)?;
        body.optional(context_primitive(2), WHAT)?;
        let extensions = body.optional(context(3), WHAT)?;
        body.end(WHAT)?;
        Ok(Self { der, serial, issuer, subject, not_before, not_after, extensions })
    }

    /// The value of an extension and whether it is critical.
    fn extension(&self, id: &[u8]) -> Result<Option<(&'a [u8], bool)>, TimestampError> {
        let Some(extensions) = self.extensions else { return Ok(None) };
        let mut found = None;
        for extension in der::only(extensions.content, SEQUENCE, WHAT)?.all(64, WHAT)? {
            let mut reader = extension.inside();
            let matches = reader.expect(OID, WHAT)?.content == id;
            let critical = reader.optional(BOOLEAN, WHAT)?.is_some_and(|flag| flag.content == [0xff]);
            let value = reader.expect(OCTET_STRING, WHAT)?.content;
            if matches && found.replace((value, critical)).is_some() {
                return Err(TimestampError::Malformed("a certificate with an extension twice"));
            }
        }
        Ok(found)
    }

    /// The subject key identifier.
    pub(super) fn key_identifier(&self) -> Result<Option<&'a [u8]>, TimestampError> {
        let Some((value, _)) = self.extension(oid::SUBJECT_KEY_IDENTIFIER)? else { return Ok(None) };
        let mut reader = der::Reader::new(value);
        Ok(Some(reader.expect(OCTET_STRING, WHAT)?.content))
    }

    /// RFC 3161 §2.3: signing timestamps is the one thing the certificate is for, and it says so critically.
    pub(super) fn require_time_stamping(&self) -> Result<(), TimestampError> {
        let Some((value, critical)) = self.extension(oid::EXTENDED_KEY_USAGE)? else {
            return Err(TimestampError::Usage("it names no extended key usage"));
        };
        let purposes = der::only(value, SEQUENCE, WHAT)?.all(64, WHAT)?;
        match purposes.as_slice() {
            [only] if only.tag == OID && only.content == oid::TIME_STAMPING => {}
            _ => return Err(TimestampError::Usage("its extended key usage is not timeStamping alone")),
        }
        if !critical {
            return Err(TimestampError::Usage("its extended key usage is not critical"));
        }
        let Some((value, _)) = self.extension(oid::KEY_USAGE)? else { return Ok(()) };
        let mut reader = der::Reader::new(value);
        let bits = reader.expect(BIT_STRING, WHAT)?.content;
        // digitalSignature or nonRepudiation, the two highest bits
        if bits.get(1).is_none_or(|bits| bits & 0xc0 == 0) {
            return Err(TimestampError::Usage("its key usage does not include signatures"));
        }
        Ok(())
    }
}
