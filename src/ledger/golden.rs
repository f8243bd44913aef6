//! The published example: it must verify, and be written again byte for byte, for ever.

use crate::{Body, Checkpoint, Entry, Proof, SignedCheckpoint, SigningKey, VerifierKey, WitnessKey, cosignature};
use model::Digest;

const ENTRY: &str = r#"{"account":"acct-7","at":"2026-01-01T00:00:05Z","check":"mfa-enforced","collector":"c-01","commit":"sha256:4140f38fb6fad0d53d094f12199a2700e0f1a25fb69e14c1f7223a22a66fba9e","kind":"snapshot","params":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","prev":null,"seq":1,"source":"okta","tool":"evidenced/0.1.0","v":1}"#;

const PROOF: &str = "\
c2sp.org/tlog-proof@v1
index 1
MAUo6wsPoiQ4fmEh7+VcLwT3/g101yuSkZBXZhrqKJ0=
Ffo6+iNinekKe2/pFm8LAGAcXkIQTuRJSd0g9icFd0g=

evidenced.example/demo
3
deqjVUdX0gXD6DATIiDgKuTIKMANxNA+F5g9zJtqxdQ=

— evidenced.example/demo kcL/iDWTOXf7jgWQySFLHvjVHXufo8SZ+Mem5BlQA1QxwFFOxFuq45CHcdvwAGEG7V6STJgbZ1gXfcZpC3ydEB3ifQo=
— witness.example/w1 3xwKNQAAAABpVblGX+WREGTxNjHc7901zedd96IboXw9TmxNnNc3d2d/0r36sZMcY+CyybYpxvLW8vzIUy9khYpLAxHe0zcfKFJ8Bw==
";

const LOG_KEY: &str = "evidenced.example/demo+91c2ff88+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const WITNESS_KEY: &str = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";

fn log_key() -> VerifierKey {
    LOG_KEY.parse().unwrap()
}

fn witness_key() -> VerifierKey {
    WITNESS_KEY.parse().unwrap()
}

#[test]
fn the_proof_verifies_under_both_keys() {
    let proof = Proof::parse(PROOF.as_bytes()).unwrap();
    let checkpoint = proof.verify(ENTRY.as_bytes(), &log_key()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size(), proof.inclusion.index), ("evidenced.example/demo", 3, 1));
    let seen = cosignature::verify(&checkpoint, &witness_key()).unwrap();
    assert_eq!(seen.to_string(), "2026-01-01T00:01:10Z");
}

#[test]
fn the_seeds_sign_the_same_bytes_again() {
    let log = SigningKey::from_seed("evidenced.example/demo", &[1; 32]).unwrap();
    let witness = WitnessKey::from_seed("witness.example/w1", &[2; 32]).unwrap();
    assert_eq!(log.verifier().to_string(), LOG_KEY);
    assert_eq!(witness.verifier().to_string(), WITNESS_KEY);

    let published = Proof::parse(PROOF.as_bytes()).unwrap();
    let before = SignedCheckpoint::open(&published.checkpoint, &log_key()).unwrap();
    let seen = cosignature::verify(&before, &witness_key()).unwrap();
    let checkpoint = Checkpoint { origin: before.origin().to_owned(), size: before.size(), root: before.root() };
    let mut signed = checkpoint.sign(&log).unwrap();
    assert_eq!(signed.text(), before.log_signed_text());
    signed.add(witness.cosign(&signed, seen).unwrap()).unwrap();
    assert_eq!(Proof::new(published.inclusion, &signed).to_string(), PROOF);
}

#[test]
fn the_entry_is_in_its_canonical_form() {
    let value: serde_json::Value = serde_json::from_str(ENTRY).unwrap();
    assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), ENTRY);
    assert_eq!(model::canonical_json(&value).unwrap(), ENTRY.as_bytes());
}

/// The example is older than the `series` field: its bytes are proven all the same, and a reader meets its fields as those of a
/// version it does not know.
#[test]
fn its_fields_are_read_where_they_are_the_same() {
    assert!(Entry::decode(ENTRY.as_bytes()).is_err());
    let newer = ENTRY.replace("\"v\":1", "\"series\":\"c-01\",\"v\":2");
    let entry = Entry::decode(newer.as_bytes()).unwrap();
    assert_eq!(entry.body, Body::Unknown { kind: "snapshot".into() });
    let commit = "4140f38fb6fad0d53d094f12199a2700e0f1a25fb69e14c1f7223a22a66fba9e";
    assert_eq!(entry.commit, commit.parse::<Digest>().ok());
    assert_eq!(entry.json()["account"], "acct-7");
}
