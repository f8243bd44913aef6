//! The parts of an answer and of the token in it, as they came (RFC 3161 §2.4.2, RFC 5652 §5). Nothing is believed here.

use super::MAX_TOKEN;
use super::certificate::Certificate;
use super::der::{
    self, BIT_STRING, BOOLEAN, Element, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, context, context_primitive,
};
use super::error::TimestampError;
use super::{oid, text};
use jiff::{SignedDuration, Timestamp};

/// More certificates than any chain needs.
const MAX_CERTIFICATES: usize = 16;

/// The token in an answer that granted one.
pub(super) fn granted(response: &[u8]) -> Result<&[u8], TimestampError> {
    const WHAT: &str = "the answer's status";
    bounded(response)?;
    let mut response = der::only(response, SEQUENCE, "the answer is not a TimeStampResp")?;
    let mut status = response.expect(SEQUENCE, WHAT)?.inside();
    let code = der::small(status.expect(INTEGER, WHAT)?.content).ok_or(TimestampError::Malformed(WHAT))?;
    let said = match status.optional(SEQUENCE, WHAT)? {
        Some(lines) => {
            let lines = lines.inside().all(16, WHAT)?;
            lines.iter().map(|line| text::words(line.content)).collect::<Vec<_>>().join(" ")
        }
        None => String::new(),
    };
    let failure = status.optional(BIT_STRING, WHAT)?;
    status.end(WHAT)?;
    // granted, and granted with modifications, which the checks below then see
    if code > 1 {
        let reason = failure.and_then(|bits| failure_reason(bits.content));
        let name = match code {
            2 => "rejection",
            3 => "waiting",
            4 => "revocation warning",
            5 => "revocation notification",
            _ => "unknown status",
        };
        let status = reason.map_or_else(|| name.to_owned(), |reason| format!("{name}, {reason}"));
        return Err(TimestampError::NotGranted { status, text: said });
    }
    if response.is_empty() {
        return Err(TimestampError::NoToken);
    }
    let token = response.expect(SEQUENCE, "the token is not a SEQUENCE")?;
    response.end("there is more behind the token")?;
    Ok(token.whole)
}

/// `PKIFailureInfo`, RFC 3161 §2.4.2.
fn failure_reason(bits: &[u8]) -> Option<&'static str> {
    const REASONS: [(usize, &str); 8] = [
        (0, "badAlg"),
        (2, "badRequest"),
        (5, "badDataFormat"),
        (14, "timeNotAvailable"),
        (15, "unacceptedPolicy"),
        (16, "unacceptedExtension"),
        (17, "addInfoNotAvailable"),
        (25, "systemFailure"),
    ];
    let set = |bit: usize| bits.get(1 + bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
    REASONS.iter().find(|(bit, _)| set(*bit)).map(|(_, reason)| *reason)
}

fn bounded(bytes: &[u8]) -> Result<(), TimestampError> {
    if bytes.len() > MAX_TOKEN { Err(TimestampError::TooLarge(bytes.len())) } else { Ok(()) }
}

/// A token's parts.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The `TSTInfo` as signed.
    pub(super) content: &'a [u8],
    pub(super) info: Info<'a>,
    pub(super) certificates: Vec<Certificate<'a>>,
    pub(super) signer: Signer<'a>,
}

/// Who signed, as the token says.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    pub(super) id: SignerId<'a>,
    /// The digest algorithm's object identifier.
    pub(super) digest: &'a [u8],
    /// The signed attributes' content, in the order they came in.
    pub(super) attributes: Element<'a>,
    /// The content of the signature's AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
}

/// How the signer's certificate is named.
#[derive(Debug)]
pub(super) enum SignerId<'a> {
    /// Its issuer, as DER, and serial number.
    IssuerAndSerial(&'a [u8], &'a [u8]),
    /// Its subject key identifier.
    KeyIdentifier(&'a [u8]),
}

/// What the token states.
#[derive(Debug)]
pub(super) struct Info<'a> {
    pub(super) policy: String,
    /// The imprint's digest algorithm and the digest.
    pub(super) imprint: (&'a [u8], &'a [u8]),
    pub(super) serial: &'a [u8],
    pub(super) gen_time: Timestamp,
    pub(super) accuracy: Option<SignedDuration>,
    pub(super) nonce: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(token: &'a [u8]) -> Result<Self, TimestampError> {
        const WHAT: &str = "SignedData";
        bounded(token)?;
        let mut outer = der::only(token, SEQUENCE, "ContentInfo")?;
        if outer.expect(OID, "ContentInfo")?.content != oid::SIGNED_DATA {
            return Err(TimestampError::Malformed("the token is not SignedData"));
        }
        let explicit = outer.expect(context(0), "ContentInfo")?;
        outer.end("ContentInfo")?;

        let mut data = der::only(explicit.content, SEQUENCE, WHAT)?;
        data.expect(INTEGER, WHAT)?;
        data.expect(SET, WHAT)?;
        let mut encapsulated = data.expect(SEQUENCE, WHAT)?.inside();
        if encapsulated.expect(OID, WHAT)?.content != oid::TST_INFO {
            return Err(TimestampError::Malformed("what is signed is not a TSTInfo"));
        }
        let content = encapsulated.expect(context(0), "no TSTInfo in the token")?;
        encapsulated.end(WHAT)?;
        let mut octets = content.inside();
        let content = octets.expect(OCTET_STRING, WHAT)?.content;
        octets.end(WHAT)?;
        let certificates = match data.optional(context(0), WHAT)? {
            Some(set) => certificates(set.inside())?,
            None => Vec::new(),
        };
        data.optional(context(1), WHAT)?;
        let signers = data.expect(SET, WHAT)?.inside().all(16, "more than 16 signers")?;
        data.end(WHAT)?;
        let [signer] = signers.as_slice() else { return Err(TimestampError::Signers(signers.len())) };
        Ok(Self { content, info: Info::read(content)?, certificates, signer: Signer::read(*signer)? })
    }
}

/// In whatever order they came: authorities do not sort them.
fn certificates(set: Reader<'_>) -> Result<Vec<Certificate<'_>>, TimestampError> {
    let elements = set.all(MAX_CERTIFICATES, "more than 16 certificates")?;
    // the other choices are attribute certificates and obsolete forms, which sign nothing here
    elements.iter().filter(|element| element.tag == SEQUENCE).map(|element| Certificate::read(element.whole)).collect()
}

impl<'a> Signer<'a> {
    fn read(signer: Element<'a>) -> Result<Self, TimestampError> {
        const WHAT: &str = "SignerInfo";
        if signer.tag != SEQUENCE {
            return Err(TimestampError::Malformed(WHAT));
        }
        let mut reader = signer.inside();
        reader.expect(INTEGER, WHAT)?;
        let id = reader.any(WHAT)?;
        let id = match id.tag {
            SEQUENCE => {
                let mut parts = id.inside();
                let issuer = parts.expect(SEQUENCE, WHAT)?.whole;
                let serial = parts.expect(INTEGER, WHAT)?.content;
                parts.end(WHAT)?;
                SignerId::IssuerAndSerial(issuer, serial)
            }
            tag if tag == context_primitive(0) => SignerId::KeyIdentifier(id.content),
            _ => return Err(TimestampError::Malformed(WHAT)),
        };
        let digest = algorithm(reader.expect(SEQUENCE, WHAT)?, WHAT)?;
        let attributes = reader.expect(context(0), "no signed attributes")?;
        let algorithm = reader.expect(SEQUENCE, WHAT)?.content;
        let signature = reader.expect(OCTET_STRING, WHAT)?.content;
        reader.optional(context(1), WHAT)?;
        reader.end(WHAT)?;
        Ok(Self { id, digest, attributes, algorithm, signature })
    }
}

/// The object identifier of an AlgorithmIdentifier that takes no parameters, or NULL.
fn algorithm<'a>(identifier: Element<'a>, what: &'static str) -> Result<&'a [u8], TimestampError> {
    let mut reader = identifier.inside();
    let id = reader.expect(OID, what)?.content;
    reader.optional(der::NULL, what)?;
    reader.end(what)?;
    Ok(id)
}

impl<'a> Info<'a> {
    fn read(content: &'a [u8]) -> Result<Self, TimestampError> {
        const WHAT: &str = "TSTInfo";
        let mut reader = der::only(content, SEQUENCE, WHAT)?;
        if reader.expect(INTEGER, WHAT)?.content != [1] {
            return Err(TimestampError::Malformed("TSTInfo is not version 1"));
        }
        let policy = der::dotted(reader.expect(OID, WHAT)?.content).ok_or(TimestampError::Malformed(WHAT))?;
        let mut imprint = reader.expect(SEQUENCE, WHAT)?.inside();
        let hash = algorithm(imprint.expect(SEQUENCE, WHAT)?, WHAT)?;
        let digest = imprint.expect(OCTET_STRING, WHAT)?.content;
        imprint.end(WHAT)?;
        let serial = reader.expect(INTEGER, WHAT)?.content;
        let gen_time = reader.expect(der::GENERALIZED_TIME, "genTime")?;
        let gen_time = text::time(gen_time, "genTime is not a time in UTC with seconds")?;
        let accuracy = reader.optional(SEQUENCE, WHAT)?.map(accuracy).transpose()?;
        reader.optional(BOOLEAN, WHAT)?;
        let nonce = reader.optional(INTEGER, WHAT)?.map(|nonce| nonce.content);
        reader.optional(context(0), WHAT)?;
        if let Some(extensions) = reader.optional(context(1), WHAT)? {
            refuse_critical(extensions.inside())?;
        }
        reader.end(WHAT)?;
        Ok(Self { policy, imprint: (hash, digest), serial, gen_time, accuracy, nonce })
    }
}

/// An extension that must be understood, and is not: none is defined.
fn refuse_critical(extensions: Reader<'_>) -> Result<(), TimestampError> {
    const WHAT: &str = "TSTInfo extensions";
    for extension in extensions.all(16, WHAT)? {
        let mut reader = extension.inside();
        reader.expect(OID, WHAT)?;
        if reader.optional(BOOLEAN, WHAT)?.is_some_and(|critical| critical.content != [0]) {
            return Err(TimestampError::Malformed("TSTInfo has a critical extension, and none is known"));
        }
    }
    Ok(())
}

fn accuracy(sequence: Element<'_>) -> Result<SignedDuration, TimestampError> {
    const WHAT: &str = "accuracy";
    let mut reader = sequence.inside();
    let mut number = |tag: u8| -> Result<i64, TimestampError> {
        let Some(element) = reader.optional(tag, WHAT)? else { return Ok(0) };
        der::small(element.content).map(i64::from).ok_or(TimestampError::Malformed(WHAT))
    };
    let (seconds, millis, micros) = (number(INTEGER)?, number(context_primitive(0))?, number(context_primitive(1))?);
    reader.end(WHAT)?;
    if millis > 999 || micros > 999 {
        return Err(TimestampError::Malformed(WHAT));
    }
    Ok(SignedDuration::from_secs(seconds) + SignedDuration::from_millis(millis) + SignedDuration::from_micros(micros))
}
