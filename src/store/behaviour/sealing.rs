//! What is sealed is there, proven, in order, once.

use super::support::{Scene, at, evaluation, fill, finding, key, missed, snapshot};
use crate::{Reader, SnapshotFilter, Store, StoreError};
use ledger::{Body, Proof, tree::verify_consistency};
use model::{Digest, SnapshotStatus};

#[test]
fn a_snapshot_comes_back_sealed_with_everything_it_names() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let (manifest, blobs) = snapshot("aws-prod", 1, SnapshotStatus::Complete);
    let sealed = store.seal_snapshot(at(2), &manifest, &blobs).unwrap();
    assert_eq!(sealed.value(), &manifest);
    assert_eq!(sealed.index(), 1);
    drop(store);

    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    assert_eq!(reader.snapshot(&manifest.id).unwrap().unwrap().value(), &manifest);
    for (digest, bytes) in &blobs {
        assert_eq!(&reader.blob(digest).unwrap(), bytes);
    }
    assert_eq!(reader.snapshot("no-such").unwrap(), None);
    assert!(matches!(reader.blob(&Digest::of(b"absent")), Err(StoreError::Absent { .. })));
    assert!(matches!(reader.entry(99), Err(StoreError::Absent { .. })));
}

#[test]
fn every_entry_is_proven_against_the_published_checkpoint() {
    let scene = Scene::filled();
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    let size = reader.checkpoint().unwrap().size();
    assert_eq!(size, 10);
    for entry in reader.entries(0..size).unwrap() {
        let file = reader.proof_file(entry.index).unwrap();
        let proof: Proof = Proof::parse(file.as_bytes()).unwrap();
        proof.verify(entry.entry.bytes(), key().verifier()).unwrap();
    }
    assert!(matches!(reader.proof_file(size), Err(StoreError::Absent { .. })));
}

#[test]
fn the_log_only_grows() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let reader = store.reader();
    let mut before = reader.checkpoint().unwrap();
    for n in 0..60 {
        let drafts = (0..=n % 19).map(|m| missed("aws", n * 100 + m)).collect();
        store.append(at(n), drafts).unwrap();
        let after = reader.checkpoint().unwrap();
        let proof = reader.consistency(before.size()).unwrap();
        verify_consistency(before.size(), before.root(), &proof.path, after.size(), after.root()).unwrap();
        before = after;
    }
    assert_eq!(before.size(), 577);
    drop(store);
    assert_eq!(Reader::open(&scene.paths, key().verifier()).unwrap().entries(0..1000).unwrap().len(), 577);
}

#[test]
fn a_series_is_a_chain() {
    let scene = Scene::bare();
    let mut store = scene.init();
    store.append(at(1), vec![missed("a", 1), missed("b", 1), missed("a", 2)]).unwrap();
    store.append(at(2), vec![missed("a", 3)]).unwrap();
    let reader = store.reader();
    let series: Vec<_> =
        reader.entries(0..9).unwrap().into_iter().filter(|entry| entry.entry.series == "snapshot:a").collect();
    assert_eq!(series.iter().map(|entry| entry.entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
    for pair in series.windows(2) {
        assert_eq!(pair[1].entry.prev, Some(pair[0].entry.leaf()));
    }
    assert_eq!(reader.last_of_series("snapshot:a").unwrap().unwrap().index, 4);
    assert!(reader.last_of_series("snapshot:c").unwrap().is_none());
}

#[test]
fn projections_answer_what_was_sealed() {
    let scene = Scene::filled();
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    let ids = |filter: SnapshotFilter| -> Vec<String> {
        reader.snapshots(&filter).unwrap().into_iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(SnapshotFilter::default()), ["github-5", "aws-prod-1", "aws-prod-0"]);
    assert_eq!(ids(SnapshotFilter { limit: Some(1), ..SnapshotFilter::default() }), ["github-5"]);
    assert_eq!(ids(SnapshotFilter { as_of: Some(at(1)), ..SnapshotFilter::default() }), ["aws-prod-0"]);
    assert_eq!(ids(SnapshotFilter { source: Some("github".into()), ..SnapshotFilter::default() }), ["github-5"]);
    let suspect = SnapshotFilter { status: Some(SnapshotStatus::Suspect), ..SnapshotFilter::default() };
    assert_eq!(ids(suspect), ["github-5"]);

    let latest = |source: &str, seconds| {
        reader.latest_snapshot(source, at(seconds)).unwrap().map(|sealed| sealed.into_value().id)
    };
    assert_eq!(latest("aws-prod", 100).as_deref(), Some("aws-prod-1"));
    assert_eq!(latest("aws-prod", 1).as_deref(), Some("aws-prod-0"));
    assert_eq!(latest("aws-prod", 0), None);
    assert_eq!(latest("github", 100).as_deref(), Some("github-5"));
    assert_eq!(reader.last_complete_snapshot("github", at(100)).unwrap(), None);

    let slots = reader.slots(None, None, None).unwrap();
    let outcomes: Vec<_> = slots.iter().map(|slot| (slot.source.as_str(), slot.outcome.as_str())).collect();
    assert_eq!(
        outcomes,
        [
            ("aws-prod", "complete"),
            ("aws-prod", "complete"),
            ("aws-prod", "missed"),
            ("github", "suspect"),
            ("github", "missed")
        ]
    );
    assert_eq!(slots[2].reason.as_deref(), Some("the daemon was off"));
    assert_eq!(reader.last_slot("github").unwrap().unwrap().due_at, at(7200));
    assert_eq!(reader.slots(Some("aws-prod"), Some(at(1)), Some(at(1))).unwrap().len(), 1);

    let evaluations = reader.evaluations(Some("mfa_missing"), None).unwrap();
    assert_eq!(evaluations[0].verdicts.fail, 1);
    assert_eq!(reader.evaluation(evaluations[0].log_index).unwrap().value().check, "mfa_missing");
    assert!(reader.evaluations(Some("other"), None).unwrap().is_empty());
    assert_eq!(reader.evaluations(None, None).unwrap(), evaluations);
    assert!(reader.evaluations(None, Some(0)).unwrap().is_empty());

    let findings = reader.findings().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].state.as_str(), findings[0].log_index), ("open", 8));
    assert_eq!(reader.confirmation("github-5").unwrap().unwrap().at, at(23));
    assert_eq!(reader.confirmation("aws-prod-1").unwrap(), None);
}

#[test]
fn what_contradicts_itself_is_not_sealed() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let reader = store.reader();
    let before = reader.checkpoint().unwrap();
    let (manifest, blobs) = snapshot("aws-prod", 9, SnapshotStatus::Complete);

    let refused = |outcome: Result<(), StoreError>, word: &str| {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Unsealable { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(store.seal_snapshot(at(30), &manifest, &blobs[1..]).map(drop), "exchange 1 is missing");
    refused(store.seal_snapshot(at(30), &manifest, &blobs[..1]).map(drop), "rows of table user");
    let mut shorter = manifest.clone();
    shorter.exchanges[0].bytes += 1;
    refused(store.seal_snapshot(at(30), &shorter, &blobs).map(drop), "its record says");
    let mut renamed = blobs.clone();
    renamed[0].1[0] ^= 1;
    refused(store.seal_snapshot(at(30), &manifest, &renamed).map(drop), "hash to");

    let mut other = evaluation("mfa_missing", at(30));
    other.body = Body::Evaluation { check: "other".into(), outcome: model::Outcome::Fail };
    refused(store.append(at(30), vec![other]).map(drop), "check is `other`");
    let mut without = finding("f-2", "raised", "draft");
    without.document = None;
    refused(store.append(at(30), vec![without]).map(drop), "there is none");

    assert_eq!(reader.checkpoint().unwrap(), before);
    // and a good one after them is
    store.seal_snapshot(at(30), &manifest, &blobs).unwrap();
}

#[test]
fn a_slot_has_one_outcome() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let (manifest, blobs) = snapshot("aws", 1, SnapshotStatus::Failed);
    store.seal_snapshot(at(2), &manifest, &blobs).unwrap();
    let taken = |outcome: Result<Vec<_>, _>| assert!(matches!(outcome, Err(StoreError::SlotTaken { .. })));
    taken(store.append(at(3), vec![missed("aws", 1)]));
    taken(store.append(at(3), vec![missed("aws", 5), missed("aws", 5)]));
    store.append(at(3), vec![missed("aws", 5), missed("other", 1)]).unwrap();
    let again = store.seal_snapshot(at(4), &manifest, &blobs).unwrap_err();
    assert!(again.to_string().contains("sealed already"), "{again}");
}

#[test]
fn readers_work_beside_the_writer_and_make_no_file() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    fill(&mut store);
    assert_eq!(reader.checkpoint().unwrap().size(), 10);
    assert_eq!(reader.snapshots(&SnapshotFilter::default()).unwrap().len(), 3);
    drop(reader);
    drop(store);

    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(&scene.paths.dir).unwrap().flatten().map(|item| item.file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let expected = ["blobs", "databases.sha256", "evidence.sqlite", "lock.sqlite", "log", "openings", "writer.lock"];
    assert_eq!(before, expected);
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    assert_eq!(reader.findings().unwrap().len(), 1);
    assert_eq!(names(), before);
}

#[test]
fn the_writer_can_follow_a_reader_that_stays() {
    let scene = Scene::filled();
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    assert_eq!(reader.findings().unwrap().len(), 1);
    let mut store: Store = scene.open().unwrap();
    store.append(at(50), vec![finding("f-2", "raised", "draft")]).unwrap();
    assert_eq!(reader.findings().unwrap().len(), 2);
    drop(store);
    assert_eq!(reader.findings().unwrap().len(), 2);
    drop(reader);
    let mut store = scene.open().unwrap();
    store.append(at(60), vec![finding("f-3", "raised", "draft")]).unwrap();
    assert_eq!(store.reader().findings().unwrap().len(), 3);
}

#[test]
fn the_evaluation_of_the_latest_instant_is_not_always_the_last_in_the_log() {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    let made = [("keys", 90), ("keys", 70), ("other", 95), ("keys", 90), ("keys", 80)];
    let drafts = made.map(|(check, as_of)| evaluation(check, at(as_of))).to_vec();
    let first = store.append(at(100), drafts).unwrap()[0].index;
    let reader = store.reader();
    let latest = reader.latest_evaluation("keys").unwrap().unwrap();
    assert_eq!((latest.as_of, latest.log_index), (at(90), first + 3));
    let newest: Vec<u64> = reader.evaluations(Some("keys"), Some(2)).unwrap().iter().map(|row| row.log_index).collect();
    assert_eq!(newest, [first + 4, first + 3]);
    assert!(reader.latest_evaluation("none").unwrap().is_none());
}

#[test]
fn entries_after_an_instant_are_told_from_those_before() {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    let before = store.append(at(100), vec![finding("f-8", "raised", "draft")]).unwrap()[0].index;
    let after = store.append(at(101), vec![finding("f-9", "raised", "draft")]).unwrap()[0].index;
    let reader = store.reader();
    assert_eq!(reader.written_after([before, after], at(100)).unwrap().into_iter().collect::<Vec<_>>(), [after]);
    assert!(reader.written_after([before, after], at(101)).unwrap().is_empty());
    assert!(reader.written_after([after + 1], at(0)).is_err());
}
