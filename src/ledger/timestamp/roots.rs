//! The certificates an authority's signer must lead up to, and the path to them.

use super::certificate::Certificate;
use super::error::{RootsError, TimestampError};
use super::signature::chain_algorithms;
use super::{MAX_TOKEN, oid};
use jiff::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// A system's whole bundle fits; nothing larger is meant.
pub(super) const MAX_ROOTS: usize = 1024;

/// Roots that are trusted, and certificates that help to reach them.
///
/// As `openssl -CAfile` reads the same file: a certificate that names itself as its issuer is a root, any other only helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    anchors: Vec<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    pem: String,
}

impl Roots {
    /// Reads a PEM file of certificates; what stands between them is ignored.
    pub fn from_pem(pem: &str) -> Result<Self, RootsError> {
        let mut read = Self { anchors: Vec::new(), intermediates: Vec::new(), pem: pem.to_owned() };
        for (position, certificate) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
            let certificate = certificate.map_err(|error| RootsError::Pem(error.to_string()))?;
            if position == MAX_ROOTS || certificate.len() > MAX_TOKEN {
                return Err(RootsError::TooMany);
            }
            let unusable = |problem: String| RootsError::Certificate { number: position + 1, problem };
            let self_issued = {
                let fields = Certificate::read(&certificate).map_err(|error| unusable(error.to_string()))?;
                fields.issuer == fields.subject.whole
            };
            if self_issued {
                anchor_from_trusted_cert(&certificate).map_err(|error| unusable(error.to_string()))?;
                read.anchors.push(certificate);
            } else {
                read.intermediates.push(certificate);
            }
        }
        if read.anchors.is_empty() {
            return Err(RootsError::NoRoot);
        }
        Ok(read)
    }

    /// The PEM text they were read from.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Requires a path from `signer` to a root that was valid at `gen_time`, through `others` or the certificates given
    /// along with the roots.
    pub(super) fn require_chain(
        &self,
        signer: &[u8],
        others: &[Certificate<'_>],
        gen_time: Timestamp,
    ) -> Result<(), TimestampError> {
        let refused = |problem: String| TimestampError::Chain { gen_time, problem };
        let since_epoch = u64::try_from(gen_time.as_second()).map_err(|_| refused("before 1970".to_owned()))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(since_epoch));
        let valid = |root: &&CertificateDer<'_>| {
            Certificate::read(root).is_ok_and(|root| root.not_before <= gen_time && gen_time <= root.not_after)
        };
        let anchors: Vec<_> =
            self.anchors.iter().filter(valid).filter_map(|root| anchor_from_trusted_cert(root).ok()).collect();
        if anchors.is_empty() {
            return Err(refused("no root certificate was valid then".to_owned()));
        }
        let sent = others.iter().map(|certificate| CertificateDer::from(certificate.der));
        let intermediates: Vec<_> = sent.chain(self.intermediates.iter().cloned()).collect();
        let signer = CertificateDer::from(signer);
        let signer = EndEntityCert::try_from(&signer).map_err(|error| refused(describe(&error)))?;
        signer
            .verify_for_usage(
                &chain_algorithms(),
                &anchors,
                &intermediates,
                time,
                KeyUsage::required_if_present(oid::TIME_STAMPING),
                None,
                None,
            )
            .map(|_| ())
            .map_err(|error| refused(describe(&error)))
    }
}

fn describe(error: &webpki::Error) -> String {
    use webpki::Error;
    match error {
        Error::UnknownIssuer => "nobody among them issued it".to_owned(),
        Error::CertExpired { .. } => "a certificate of the chain had expired by then".to_owned(),
        Error::CertNotValidYet { .. } => "a certificate of the chain was not valid yet".to_owned(),
        Error::CaUsedAsEndEntity => "the signer's certificate is that of a certification authority".to_owned(),
        Error::EndEntityUsedAsCa => "a certificate in the chain may not issue others".to_owned(),
        Error::RequiredEkuNotFoundContext(_) => "a certificate in the chain is not for timestamps".to_owned(),
        other => format!("{other:?}").chars().take(200).collect(),
    }
}
