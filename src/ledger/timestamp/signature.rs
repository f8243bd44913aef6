//! Which algorithms are known, and by what they are verified: the TLS stack's own provider.

use super::der::{self, NULL, OID};
use super::error::TimestampError;
use super::oid;
use aws_lc_rs::digest;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::aws_lc_rs as algorithm;

/// A hash function a token may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// In the first version of the signing-certificate attribute only.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn of(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

/// The hash function of an object identifier; SHA-1 is not among them.
pub(super) fn hash(id: &[u8]) -> Result<Hash, TimestampError> {
    match id {
        id if id == oid::SHA256 => Ok(Hash::Sha256),
        id if id == oid::SHA384 => Ok(Hash::Sha384),
        id if id == oid::SHA512 => Ok(Hash::Sha512),
        _ => Err(TimestampError::Algorithm("its digest is not SHA-256, SHA-384 or SHA-512")),
    }
}

/// What verifies signatures, by the hash they are made with.
const ALGORITHMS: &[(Hash, &dyn SignatureVerificationAlgorithm)] = &[
    (Hash::Sha256, algorithm::RSA_PKCS1_2048_8192_SHA256),
    (Hash::Sha384, algorithm::RSA_PKCS1_2048_8192_SHA384),
    (Hash::Sha512, algorithm::RSA_PKCS1_2048_8192_SHA512),
    (Hash::Sha256, algorithm::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS),
    (Hash::Sha384, algorithm::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS),
    (Hash::Sha512, algorithm::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS),
    (Hash::Sha256, algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    (Hash::Sha384, algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    (Hash::Sha512, algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
    (Hash::Sha256, algorithm::ECDSA_P256_SHA256),
    (Hash::Sha384, algorithm::ECDSA_P256_SHA384),
    (Hash::Sha512, algorithm::ECDSA_P256_SHA512),
    (Hash::Sha256, algorithm::ECDSA_P384_SHA256),
    (Hash::Sha384, algorithm::ECDSA_P384_SHA384),
    (Hash::Sha512, algorithm::ECDSA_P384_SHA512),
];

/// The same, for the certificates above the signer.
pub(super) fn chain_algorithms() -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    ALGORITHMS.iter().map(|(_, algorithm)| *algorithm).collect()
}

/// Verifies that the key of `certificate` signed one of `messages`. `identifier` is the content of the signature's
/// AlgorithmIdentifier, `hash` the digest algorithm named beside it, which the signature must be made with.
pub(super) fn verify(
    certificate: &[u8],
    identifier: &[u8],
    hash: Hash,
    messages: &[Vec<u8>],
    signature: &[u8],
) -> Result<(), TimestampError> {
    let plain_rsa = [der::write(OID, oid::RSA), der::write(NULL, &[])].concat();
    let known = |algorithm: &dyn SignatureVerificationAlgorithm| {
        let id = algorithm.signature_alg_id();
        let id: &[u8] = id.as_ref();
        let by_digest = identifier == plain_rsa && algorithm_is_pkcs1(id, hash);
        id == identifier || by_digest
    };
    let candidates: Vec<_> =
        ALGORITHMS.iter().filter(|(its_hash, algorithm)| *its_hash == hash && known(*algorithm)).collect();
    if candidates.is_empty() {
        return Err(TimestampError::Algorithm("not RSA, P-256 or P-384 with the digest it names"));
    }
    let certificate = CertificateDer::from(certificate);
    let certificate = webpki::EndEntityCert::try_from(&certificate)
        .map_err(|_| TimestampError::Malformed("the signer's certificate is not X.509 version 3"))?;
    let holds = candidates.iter().any(|(_, algorithm)| {
        messages.iter().any(|message| certificate.verify_signature(*algorithm, message, signature).is_ok())
    });
    if holds { Ok(()) } else { Err(TimestampError::Signature) }
}

fn algorithm_is_pkcs1(id: &[u8], hash: Hash) -> bool {
    let of = match hash {
        Hash::Sha1 => return false,
        Hash::Sha256 => algorithm::RSA_PKCS1_2048_8192_SHA256,
        Hash::Sha384 => algorithm::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => algorithm::RSA_PKCS1_2048_8192_SHA512,
    };
    of.signature_alg_id().as_ref() == id
}
