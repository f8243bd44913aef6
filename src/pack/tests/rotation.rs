//! A log whose key changed: whoever has either key gets to the other only where the former one agreed.

use super::fixture::*;
use crate::*;
use ledger::{Body, SignedCheckpoint, SigningKey, VerifierKey};
use std::path::Path;

fn new_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[77; 32]).unwrap()
}

/// A pack of a log that changed its key, with what is to show it; the index of the entry.
fn rotated(folder: &Path, handover: impl FnOnce(&Log, u64) -> Option<String>) -> u64 {
    let (mut log, mut plan) = contents(folder);
    let (from, to) = (key().verifier().to_string(), new_key().verifier().to_string());
    let entry = log.append("log", Body::KeyRotation { from, to }, None);
    plan.rotations.extend(handover(&log, entry).map(|text| (entry, text)));
    log.append("identity_map", Body::IdentityMap, Some((b"{}\n".to_vec(), "application/jsonl")));
    plan.log_key = new_key().verifier().clone();
    plan.checkpoint = log.checkpoint(&new_key());
    let prepared = prepare(&plan, &log, &new_key(), &folder.join("pack"), Form::Folder, &mut |_: Progress<'_>| ());
    prepared.unwrap().publish().unwrap();
    entry
}

/// The checkpoint right after the entry, signed by both.
fn both(log: &Log, entry: u64) -> String {
    let text = log.checkpoint_at(usize::try_from(entry).unwrap() + 1, &new_key());
    let mut checkpoint = SignedCheckpoint::open(text, new_key().verifier()).unwrap();
    checkpoint.sign_also(&key()).unwrap();
    checkpoint.text()
}

fn verified(folder: &Path, expected: &VerifierKey, pinned: Option<String>) -> VerifyReport {
    let options =
        VerifyOptions { expected_key: Some(expected.clone()), pinned_checkpoint: pinned, ..VerifyOptions::default() };
    verify(&folder.join("pack"), &options).unwrap()
}

#[test]
fn a_pack_after_a_change_verifies_from_either_key_and_from_a_checkpoint_of_the_former() {
    let folder = tempfile::tempdir().unwrap();
    let mut pinned = None;
    rotated(folder.path(), |log, entry| {
        pinned = Some(log.checkpoint_at(4, &key()));
        Some(both(log, entry))
    });
    for expected in [key(), new_key()] {
        let report = verified(folder.path(), expected.verifier(), pinned.clone());
        assert_eq!(report.problems, []);
        let proven = report.proven.join("\n");
        assert!(proven.contains("whoever has only that one gets to this one"), "{proven}");
        assert!(proven.contains("continues the one you pinned"), "{proven}");
    }
    let stranger = SigningKey::from_seed(ORIGIN, &[78; 32]).unwrap();
    assert!(!verified(folder.path(), stranger.verifier(), None).verified);
}

#[test]
fn a_change_that_the_former_key_did_not_sign_is_a_claim_and_no_proof() {
    type Handover = fn(&Log, u64) -> Option<String>;
    let cases: [(Handover, &str); 4] = [
        (|_, _| None, "it is missing"),
        // somebody's own key, on a history that is the log's up to there
        (|log, entry| Some(log.checkpoint_at(usize::try_from(entry).unwrap() + 1, &new_key())), "not signed by"),
        // what the former key did sign: the log before that
        (|log, entry| Some(log.checkpoint_at(usize::try_from(entry).unwrap(), &key())), "does not cover an entry"),
        (|_, _| Some("no checkpoint".to_owned()), "nothing shows"),
    ];
    for (handover, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        let entry = rotated(folder.path(), handover);
        for expected in [key(), new_key()] {
            let report = verified(folder.path(), expected.verifier(), None);
            assert!(!report.verified, "{says}");
            let problem = report.problems.iter().find(|problem| problem.path == format!("log/rotation/{entry}"));
            assert!(problem.is_some_and(|problem| problem.problem.contains(says)), "{says}: {:?}", report.problems);
        }
    }
}
