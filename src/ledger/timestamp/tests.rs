//! Tokens of three authorities made by openssl, tokens wrong in one thing each, and any bytes at all. `fixtures/make` says how.

use super::der::{self, INTEGER, SEQUENCE, context};
use super::*;
use model::Digest;
use proptest::prelude::*;

const CHECKPOINT: &[u8] = include_bytes!("fixtures/checkpoint");
const RSA: &[u8] = include_bytes!("fixtures/rsa.tsr");
const P256: &[u8] = include_bytes!("fixtures/p256.tsr");
const P384: &[u8] = include_bytes!("fixtures/p384.tsr");

fn imprint() -> Digest {
    Digest::of(CHECKPOINT)
}

fn roots() -> Roots {
    Roots::from_pem(include_str!("fixtures/root.pem")).unwrap()
}

fn verify(response: &[u8]) -> Result<Timestamped, TimestampError> {
    Token::from_response(response)?.verify(imprint(), None, &roots())
}

fn verify_token(token: &[u8]) -> Result<Timestamped, TimestampError> {
    Token::from_der(token)?.verify(imprint(), None, &roots())
}

/// A `TimeStampResp` around what `openssl` made.
fn response(status: &[u8], token: &[u8]) -> Vec<u8> {
    der::write(SEQUENCE, &[der::write(SEQUENCE, status), token.to_vec()].concat())
}

/// `bytes` with the one place where `from` stands replaced; the lengths are equal, so that all else stays as it is.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert_eq!(places.len(), 1, "places of what is replaced");
    let mut bytes = bytes.to_vec();
    bytes[places[0]..places[0] + to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn the_tokens_of_rsa_p256_and_p384_authorities_are_verified_to_the_root() {
    for (response, name) in [(RSA, "rsa"), (P256, "p256"), (P384, "p384")] {
        let stamped = verify(response).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(stamped.signer, format!("CN={name}, O=Example Time"));
        assert_eq!(stamped.policy, "1.3.6.1.4.1.99999.1");
        assert_eq!(stamped.serial, "02");
        assert_eq!(stamped.accuracy.unwrap().as_millis(), 1500);
        assert_eq!(
            stamped.not_after.to_string(),
            "2120-01-01T00:00:00Z",
            "a century, so that this test does not expire"
        );
        assert!(stamped.gen_time.to_string().starts_with("2026-"), "{}", stamped.gen_time);
    }
}

#[test]
fn pss_signatures_and_signers_named_by_their_key_are_verified() {
    verify_token(include_bytes!("fixtures/pss.der")).unwrap();
    verify_token(include_bytes!("fixtures/key-identifier.der")).unwrap();
}

#[test]
fn a_chain_that_was_valid_when_the_token_was_made_holds_after_it_expired() {
    let past = Token::from_der(include_bytes!("fixtures/past.der")).unwrap();
    let old = Roots::from_pem(include_str!("fixtures/old-root.pem")).unwrap();
    let stamped = past.verify(imprint(), None, &old).unwrap();
    assert_eq!(stamped.gen_time.to_string(), "2020-06-01T00:00:00Z");
    assert_eq!(stamped.not_after.to_string(), "2021-01-01T00:00:00Z");
    // and a root that was not valid then proves nothing
    let refused = past.verify(imprint(), None, &Roots::from_pem(include_str!("fixtures/other-root.pem")).unwrap());
    assert!(matches!(refused, Err(TimestampError::Chain { .. })), "{refused:?}");
}

#[test]
fn a_token_over_other_data_is_refused() {
    let other = Digest::of(b"another checkpoint");
    let refused = Token::from_response(RSA).unwrap().verify(other, None, &roots());
    assert_eq!(refused, Err(TimestampError::Imprint { expected: other, found: imprint() }));
}

#[test]
fn the_answer_to_another_request_is_refused() {
    // the nonce openssl drew for `checkpoint.tsq`
    let query = include_bytes!("fixtures/checkpoint.tsq");
    let at = query.len() - 3 - 8;
    let nonce: [u8; 8] = query[at..at + 8].try_into().unwrap();
    let token = Token::from_response(P256).unwrap();
    token.verify(imprint(), Some(Nonce::from_random(nonce)), &roots()).unwrap();
    let other = Nonce::from_random([7; 8]);
    assert_eq!(token.verify(imprint(), Some(other), &roots()), Err(TimestampError::Nonce));
}

#[test]
fn a_request_is_what_openssl_asks_byte_for_byte() {
    let query = include_bytes!("fixtures/checkpoint.tsq");
    let at = query.len() - 3 - 8;
    let nonce = Nonce::from_random(query[at..at + 8].try_into().unwrap());
    let request = Request::new(imprint(), Some(nonce)).to_der();
    assert_eq!(hex::encode(request), hex::encode(query));
}

#[test]
fn a_signer_that_may_not_sign_timestamps_is_refused() {
    for (token, reason) in [
        (&include_bytes!("fixtures/not_critical.der")[..], "its extended key usage is not critical"),
        (include_bytes!("fixtures/two_purposes.der"), "its extended key usage is not timeStamping alone"),
        (include_bytes!("fixtures/no_purpose.der"), "it names no extended key usage"),
        (include_bytes!("fixtures/no_signatures.der"), "its key usage does not include signatures"),
    ] {
        assert_eq!(verify_token(token), Err(TimestampError::Usage(reason)));
    }
}

#[test]
fn a_signer_without_a_chain_at_that_time_is_refused() {
    for (token, reason) in [
        (&include_bytes!("fixtures/expired.der")[..], "had expired by then"),
        (include_bytes!("fixtures/leaf-issued.der"), "may not issue others"),
        (include_bytes!("fixtures/authority.der"), "that of a certification authority"),
    ] {
        match verify_token(token) {
            Err(TimestampError::Chain { problem, .. }) => assert!(problem.contains(reason), "{problem}"),
            other => panic!("{other:?}"),
        }
    }
    let other = Roots::from_pem(include_str!("fixtures/other-root.pem")).unwrap();
    let refused = Token::from_response(RSA).unwrap().verify(imprint(), None, &other);
    assert!(matches!(refused, Err(TimestampError::Chain { .. })), "{refused:?}");
}

#[test]
fn tokens_that_are_not_those_of_rfc_3161_are_refused() {
    let missing = TimestampError::Attribute { name: "signing-certificate", problem: "is missing" };
    assert_eq!(verify_token(include_bytes!("fixtures/no-signing-certificate.der")), Err(missing));
    assert_eq!(verify_token(include_bytes!("fixtures/no-certificate.der")), Err(TimestampError::NoCertificate));
    assert_eq!(verify_token(include_bytes!("fixtures/two-signers.der")), Err(TimestampError::Signers(2)));
    let refused = verify_token(include_bytes!("fixtures/sha1.der"));
    assert!(matches!(refused, Err(TimestampError::Algorithm(_))), "{refused:?}");
}

#[test]
fn an_answer_that_grants_nothing_is_refused_with_what_it_says() {
    let rejection = [
        der::write(INTEGER, &[2]),
        der::write(SEQUENCE, &der::write(0x0c, b"no\x07way")),
        vec![0x03, 0x02, 0x07, 0x80],
    ]
    .concat();
    let refused = verify(&response(&rejection, &[])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the authority did not grant the timestamp: rejection, badAlg (it says `no\u{fffd}way`)"
    );
    for (code, name) in [(3, "waiting"), (4, "revocation warning"), (5, "revocation notification"), (9, "unknown")] {
        // also with a token that is good
        let token = Token::from_response(RSA).unwrap();
        let refused = verify(&response(&der::write(INTEGER, &[code]), token.der())).unwrap_err();
        assert!(refused.to_string().contains(name), "{refused}");
    }
    assert_eq!(verify(&response(&der::write(INTEGER, &[0]), &[])), Err(TimestampError::NoToken));
}

#[test]
fn what_is_altered_is_named() {
    let token = Token::from_response(RSA).unwrap();
    let altered = replaced(token.der(), imprint().as_bytes(), Digest::of(b"other").as_bytes());
    let refused = Token::from_der(&altered).unwrap().verify(Digest::of(b"other"), None, &roots());
    assert_eq!(
        refused,
        Err(TimestampError::Attribute { name: "message-digest", problem: "is not that of the content" })
    );
    let mut altered = token.der().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(verify_token(&altered), Err(TimestampError::Signature));
}

#[test]
fn certificates_in_another_order_change_nothing() {
    let token = Token::from_response(P384).unwrap();
    // the two certificates of the set, which is the only `[0]` of that length
    let parts = token::Parts::read(token.der()).unwrap();
    let [first, second] = [parts.certificates[0].der, parts.certificates[1].der];
    let swapped = replaced(token.der(), &[first, second].concat(), &[second, first].concat());
    assert_ne!(swapped, token.der());
    verify_token(&swapped).unwrap();
}

#[test]
fn attributes_signed_sorted_and_sent_unsorted_are_accepted() {
    let token = Token::from_response(P256).unwrap();
    let parts = token::Parts::read(token.der()).unwrap();
    let elements: Vec<&[u8]> =
        parts.signer.attributes.inside().all(32, "attributes").unwrap().iter().map(|element| element.whole).collect();
    let reversed: Vec<u8> = elements.iter().rev().flat_map(|element| element.iter()).copied().collect();
    let sent = replaced(token.der(), parts.signer.attributes.content, &reversed);
    assert_ne!(sent, token.der());
    verify_token(&sent).unwrap();
}

#[test]
fn an_attribute_that_comes_twice_is_refused() {
    // openssl's attributes, one of them renamed so that it equals another
    let token = Token::from_response(RSA).unwrap();
    let parts = token::Parts::read(token.der()).unwrap();
    let mut attributes = parts.signer.attributes.content.to_vec();
    let first = der::Reader::new(&attributes).all(32, "attributes").unwrap()[0].whole.to_vec();
    attributes.extend(first);
    let bytes = der::write(context(0), &attributes);
    let element = der::Reader::new(&bytes).any("attributes").unwrap();
    assert!(attributes::Attributes::read(element).is_err());
}

#[test]
fn roots_are_self_issued_and_everything_else_only_helps() {
    assert_eq!(Roots::from_pem("").unwrap_err(), RootsError::NoRoot);
    assert!(matches!(
        Roots::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        Err(RootsError::Certificate { number: 1, .. })
    ));
    assert!(matches!(Roots::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n"), Err(RootsError::Pem(_))));
    let many = include_str!("fixtures/root.pem").repeat(roots::MAX_ROOTS + 1);
    assert_eq!(Roots::from_pem(&many).unwrap_err(), RootsError::TooMany);
}

#[test]
fn an_authority_is_named_so_that_its_file_can_be() {
    for name in ["a", "freetsa.org", "tsa-2026_b", "0"] {
        assert!(is_authority_name(name), "{name}");
    }
    let long = "a".repeat(65);
    for name in ["", ".", "..", "a/b", "a..b", ".a", "a.", "A", "ä", "a b", "roots", long.as_str()] {
        assert!(!is_authority_name(name), "{name}");
    }
}

#[test]
fn too_much_is_not_read() {
    let refused = Token::from_response(&vec![0x30; MAX_TOKEN + 1]);
    assert_eq!(refused, Err(TimestampError::TooLarge(MAX_TOKEN + 1)));
}

/// Every single bit of a token decides, apart from those nothing is said about: the response's wrapping is not signed, nor
/// are certificates that the chain does not need, nor a version number.
#[test]
fn no_single_bit_of_a_token_makes_it_say_something_else() {
    let long = std::env::var_os("EVIDENCED_TEST_LONG").is_some();
    for (response, step) in [(RSA, 11), (P256, 1), (P384, 29)] {
        let genuine = verify(response).unwrap();
        for bit in (0..response.len() * 8).step_by(if long { 1 } else { step }) {
            let mut altered = response.to_vec();
            altered[bit / 8] ^= 1 << (bit % 8);
            if let Ok(stamped) = verify(&altered) {
                assert_eq!(stamped, genuine, "bit {bit}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Token::from_response(&bytes);
        let _ = Token::from_der(&bytes);
        let _ = Roots::from_pem(&String::from_utf8_lossy(&bytes));
    }

    /// Cuts, insertions and overwritten runs of real tokens: never a panic, and never another statement.
    #[test]
    fn no_mutation_panics_or_lies(
        which in 0_usize..3,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4, 0_usize..9), 1..5),
    ) {
        let original = [RSA, P256, P384][which];
        let genuine = verify(original).unwrap();
        let mut bytes = original.to_vec();
        for (place, byte, kind, length) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.drain(at..(at + length).min(bytes.len())); }
                _ => {
                    let run = bytes[at..(at + length).min(bytes.len())].to_vec();
                    bytes.splice(at..at, run);
                }
            }
            if bytes.is_empty() { bytes.push(0); }
        }
        if let Ok(stamped) = verify(&bytes) {
            prop_assert_eq!(stamped, genuine);
        }
    }
}
