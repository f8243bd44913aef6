use super::*;
use proptest::prelude::*;

fn fields() -> EntryFields {
    EntryFields {
        v: 1,
        at: "2026-01-01T00:00:05.1239Z".parse().unwrap(),
        tool: "evidenced/0.1.0".into(),
        series: "snapshot:okta".into(),
        seq: 1,
        prev: None,
        anchor: None,
        commit: Some(Digest::of(b"opening")),
        body: Body::Snapshot {
            snapshot: "20260101T000005Z-okta-3f2a".into(),
            source: "okta".into(),
            collector: "okta_org".into(),
            status: SnapshotStatus::Complete,
            slot: None,
        },
    }
}

#[test]
fn an_entry_is_canonical_json_cut_to_milliseconds() {
    let entry = Entry::new(fields()).unwrap();
    let expected = format!(
        concat!(
            r#"{{"at":"2026-01-01T00:00:05.123Z","collector":"okta_org","commit":"sha256:{}","kind":"snapshot","#,
            r#""prev":null,"seq":1,"series":"snapshot:okta","slot":null,"snapshot":"20260101T000005Z-okta-3f2a","#,
            r#""source":"okta","status":"complete","tool":"evidenced/0.1.0","v":1}}"#,
        ),
        Digest::of(b"opening"),
    );
    assert_eq!(String::from_utf8(entry.encode()).unwrap(), expected);
    assert_eq!(Entry::decode(expected.as_bytes()).unwrap(), entry);
    assert_eq!(entry.leaf(), leaf_hash(expected.as_bytes()));
    assert_eq!(entry.seq, 1);
}

#[test]
fn every_kind_survives_encoding() {
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let bodies = [
        Body::Genesis { origin: "o".into(), log_key: "o+00+aa".into() },
        fields().body,
        Body::Evaluation { check: "mfa_missing".into(), outcome: Outcome::Inconclusive },
        Body::IdentityMap,
        Body::IdentityLink { link: "link-1".into(), decision: LinkDecision::Approved },
        Body::FindingEvent { finding: "mfa_missing:organisation".into(), event: "raised".into() },
        Body::Configuration { digest: Digest::of(b"c") },
        Body::Slot { source: "okta".into(), due_at: at, outcome: SlotOutcome::Missed },
        Body::Confirmation { snapshot: "s".into() },
        Body::Export { pack: Digest::of(b"p") },
        Body::Anchor {
            size: 3,
            checkpoint: Digest::of(b"k"),
            token: Digest::of(b"t"),
            gen_time: at,
            authority: "tsa.example".into(),
        },
        Body::KeyRotation { from: "o+00+aa".into(), to: "o+01+bb".into() },
        Body::Restore {
            size: 3,
            root: Digest::of(b"r"),
            held: vec![
                HeldElsewhere { by: "mirror".into(), size: 5, root: Some(Digest::of(b"m")) },
                HeldElsewhere { by: "witness.example/w1".into(), size: 4, root: None },
            ],
        },
        Body::Damage { damaged: 2, mended: 1 },
        Body::Hold { hold: "h-1".into(), source: Some("okta".into()), snapshot: None },
        Body::Release { hold: "h-1".into() },
        Body::Exception { exception: "exception-1".into(), event: "requested".into() },
        Body::Evidence { evidence: "evidence-1".into(), event: "file".into() },
        Body::Access { user: "u-3f2a1b0c".into(), event: "signed_in".into() },
        Body::AccessReview { review: "quarterly-1".into(), event: "opened".into() },
        Body::Erasure { entries: vec![1, 4] },
    ];
    let kinds: Vec<_> = bodies.iter().map(|body| body.kind().to_owned()).collect();
    assert_eq!(kinds, Body::KNOWN);
    for (position, body) in bodies.into_iter().enumerate() {
        let later = position > 0;
        let entry = Entry::new(EntryFields {
            body,
            seq: if later { 2 } else { 1 },
            prev: later.then(|| Digest::of(b"previous")),
            anchor: later.then(|| Digest::of(b"token")),
            commit: None,
            ..fields()
        })
        .unwrap();
        assert_eq!(entry.json()["kind"], *entry.body.kind());
        assert_eq!(Entry::decode(entry.bytes()).unwrap(), entry);
    }
}

#[test]
fn an_entry_of_a_newer_version_keeps_its_bytes_and_its_leaf() {
    for text in [
        // an unknown kind; an unknown field; a later version of a known kind with other fields
        r#"{"at":"2027-01-01T00:00:00Z","authority":"x","kind":"attestation","prev":null,"seq":1,"series":"attestation","tool":"evidenced/9","v":1}"#,
        r#"{"at":"2027-01-01T00:00:00Z","kind":"identity_map","new":[1.5,{"a":null}],"prev":null,"seq":1,"series":"i","tool":"t","v":1}"#,
        r#"{"at":"2027-01-01T00:00:00Z","kind":"evaluation","prev":null,"seq":1,"series":"e","tool":"t","v":2,"verdict":"sixth"}"#,
        // not canonical: white space and another order
        "{ \"v\": 1, \"kind\": \"identity_map\", \"at\":\"2027-01-01T00:00:00Z\",\"prev\":null,\"seq\":1,\"series\":\"i\",\"tool\":\"t\"}\n",
    ] {
        let entry = Entry::decode(text.as_bytes()).unwrap();
        assert_eq!(entry.bytes(), text.as_bytes());
        assert_eq!(entry.leaf(), leaf_hash(text.as_bytes()));
        assert_eq!(entry.json(), serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
    let later =
        br#"{"at":"2027-01-01T00:00:00Z","kind":"attestation","prev":null,"seq":1,"series":"a","tool":"t","v":1}"#;
    let later = Entry::decode(later).unwrap();
    assert_eq!(later.body, Body::Unknown { kind: "attestation".into() });
    assert!(matches!(Entry::new(later.fields().clone()), Err(EntryError::Malformed(_))));
}

#[test]
fn what_is_not_an_entry_is_refused() {
    let good = String::from_utf8(Entry::new(fields()).unwrap().encode()).unwrap();
    for refused in [
        String::new(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        good.replace("\"seq\":1", "\"seq\":0"),
        good.replace("\"seq\":1", "\"seq\":2"),
        good.replace("\"seq\":1", "\"seq\":-1"),
        good.replace("\"seq\":1", "\"seq\":1.5"),
        good.replace("\"v\":1", "\"v\":0"),
        good.replace("\"v\":1", "\"v\":1,\"v\":1"),
        good.replace("\"v\":1", "\"v\":1,\"x\":{\"a\":1,\"a\":2}"),
        good.replace("\"prev\":null,", ""),
        good.replace("\"prev\":null", "\"prev\":\"sha256:00\""),
        good.replace("sha256:", "sha512:"),
        good.replace("\"complete\"", "\"splendid\""),
        good.replace("\"kind\":\"snapshot\",", ""),
        good.replace("snapshot:okta", ""),
        format!("{good}{good}"),
        format!("{}{}", "[".repeat(60_000), "]".repeat(5_000)),
        format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_ENTRY)),
    ] {
        assert!(Entry::decode(refused.as_bytes()).is_err(), "{:?}", &refused[..refused.len().min(300)]);
    }
}

#[test]
fn an_entry_no_bundle_could_hold_is_not_made() {
    let too_long = EntryFields { tool: "t".repeat(MAX_ENTRY), ..fields() };
    assert!(matches!(Entry::new(too_long), Err(EntryError::TooLarge(_))));
    assert!(matches!(Entry::new(EntryFields { v: 2, ..fields() }), Err(EntryError::Malformed(_))));
    assert!(matches!(Entry::new(EntryFields { seq: 1 << 53, ..fields() }), Err(EntryError::Malformed(_))));
    assert!(matches!(Entry::new(EntryFields { seq: 2, ..fields() }), Err(EntryError::Malformed(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Entry::decode(&bytes);
    }

    #[test]
    fn a_damaged_entry_is_refused_or_has_another_leaf(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let good = Entry::new(fields()).unwrap();
        let mut bytes = good.encode();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(read) = Entry::decode(&bytes) {
            prop_assert_eq!(read.bytes(), &bytes[..]);
            prop_assert_ne!(read.leaf(), good.leaf());
        }
    }

    #[test]
    fn any_text_in_any_field_survives(tool in any::<String>(), series in ".+", event in any::<String>(), seq in 2_u64..MAX_INTEGER) {
        let body = Body::FindingEvent { finding: tool.clone(), event };
        let entry = Entry::new(EntryFields { tool, series, seq, prev: Some(Digest::of(b"p")), body, ..fields() }).unwrap();
        prop_assert_eq!(Entry::decode(entry.bytes()).unwrap(), entry);
    }
}
