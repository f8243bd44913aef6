//! What is erased is gone for good, provably so, and takes nothing with it.

use super::fsck::check;
use super::support::{Scene, at, fill, json, key, missed, snapshot};
use crate::blobs::{Blobs, Form};
use crate::{Document, Draft, Reader, Store, StoreError};
use ledger::{Body, Proof};
use model::{Digest, SnapshotStatus};

fn why() -> Document {
    json(&serde_json::json!({"schema": "evidenced/erasure/v1", "by": "somebody", "reason": "asked for"}))
}

/// Seals versions of one table of `rows` rows, one snapshot each, and returns the tables. Entry n + 1 is version n.
fn versions(store: &mut Store, count: i64, rows: u64) -> Vec<Vec<u8>> {
    let mut tables = Vec::new();
    for n in 0..count {
        let row = |m: u64| {
            let changed = u64::try_from(n).unwrap().min(m % 50);
            format!("{{\"id\":{m},\"code\":\"{}\"}}\n", Digest::of(&(m * 1000 + changed).to_be_bytes()))
        };
        let table = (0..rows).map(row).collect::<Vec<_>>().concat().into_bytes();
        let (mut manifest, mut blobs) = snapshot("hr", 1, SnapshotStatus::Complete);
        manifest.id = format!("hr-{n}");
        manifest.slot = (n == 0).then(|| at(n));
        manifest.finished_at = at(n * 100);
        manifest.tables[0].sha256 = Digest::of(&table);
        blobs[1] = (Digest::of(&table), table.clone());
        store.seal_snapshot(at(n * 100 + 1), &manifest, &blobs).unwrap();
        tables.push(table);
    }
    tables
}

fn absent<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, StoreError::Absent { .. }), "{error}");
    assert!(error.to_string().contains("erased"), "{error}");
}

#[test]
fn an_erased_snapshot_is_gone_and_everything_else_is_as_it_was() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let tables = versions(&mut store, 6, 400);
    let reader = store.reader();
    let nonce = reader.opening(1).unwrap().unwrap().to_string().lines().nth(1).unwrap().as_bytes().to_vec();
    let files = Blobs::new(scene.paths.blobs.clone(), Form::Zstd);
    assert!(files.contains(&Digest::of(&tables[0])), "the first version is what the others are told from");
    // the first one, and one in the middle: both are bases of what follows them
    let entry = store.erase(at(1000), &[1, 3], why()).unwrap().unwrap();
    assert_eq!(entry.entry.body, Body::Erasure { entries: vec![1, 3] });

    absent(reader.document(1));
    absent(reader.evaluation(3));
    assert_eq!(reader.snapshot("hr-0").unwrap(), None);
    assert!(!files.contains(&Digest::of(&tables[0])));
    for (n, table) in tables.iter().enumerate() {
        if [0, 2].contains(&n) {
            assert!(matches!(reader.blob(&Digest::of(table)), Err(StoreError::Absent { .. })), "version {n}");
        } else {
            assert_eq!(&reader.blob(&Digest::of(table)).unwrap(), table, "version {n}");
            assert!(reader.snapshot(&format!("hr-{n}")).unwrap().is_some());
        }
    }
    for stored in reader.entries(0..entry.index + 1).unwrap() {
        let proof: Proof = Proof::parse(reader.proof_file(stored.index).unwrap().as_bytes()).unwrap();
        proof.verify(stored.entry.bytes(), key().verifier()).unwrap();
    }
    // the slot it filled has the outcome still
    assert_eq!(reader.slots(Some("hr"), None, None).unwrap()[0].outcome, "complete");
    drop((reader, store));
    assert_eq!(check(&scene).problems, []);
    let held = |needle: &[u8]| {
        super::losses::files(&scene.paths.dir)
            .into_iter()
            .filter(|(_, bytes)| bytes.windows(needle.len()).any(|window| window == needle))
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    assert!(held(&nonce).is_empty(), "the erased opening is still in {:?}", held(&nonce));
    assert!(!held(b"nonce ").is_empty(), "the others are in the database");

    // and the store goes on
    let mut store = scene.open().unwrap();
    store.append(at(2000), vec![missed("hr", 1_000_000)]).unwrap();
    assert!(matches!(store.erase(at(2001), &[1], why()), Err(StoreError::Unsealable { .. })));
    absent(store.reader().document(1));
}

#[test]
fn what_has_no_document_to_erase_is_refused() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let before = store.reader().checkpoint().unwrap();
    for entries in [vec![0], vec![99], vec![9]] {
        let error = store.erase(at(50), &entries, why()).unwrap_err();
        assert!(matches!(error, StoreError::Unsealable { .. }), "{entries:?}: {error}");
    }
    assert_eq!(store.reader().checkpoint().unwrap(), before);
    assert!(store.erase(at(50), &[], why()).unwrap().is_none());
}

#[test]
fn bytes_that_others_need_stay() {
    let scene = Scene::bare();
    let mut store = scene.init();
    // the same answer in all of them, and the first and last tables are the same
    let (mut manifest, blobs) = snapshot("hr", 1, SnapshotStatus::Complete);
    for n in 0..3 {
        manifest.id = format!("hr-{n}");
        manifest.slot = None;
        store.seal_snapshot(at(n), &manifest, &blobs).unwrap();
    }
    store.erase(at(10), &[1, 2], why()).unwrap();
    for (digest, bytes) in &blobs {
        assert_eq!(&store.reader().blob(digest).unwrap(), bytes);
    }
    store.erase(at(11), &[3], why()).unwrap();
    for (digest, _) in &blobs {
        assert!(matches!(store.reader().blob(digest), Err(StoreError::Absent { .. })));
    }
    drop(store);
    assert_eq!(check(&scene).problems, []);
}

#[test]
fn the_pieces_of_a_large_table_go_but_for_those_of_another() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let tables = versions(&mut store, 3, 60_000);
    assert!(tables[0].len() > 5_000_000);
    store.erase(at(1000), &[1, 2], why()).unwrap();
    assert_eq!(store.reader().blob(&Digest::of(&tables[2])).unwrap(), tables[2]);
    drop(store);
    let report = check(&scene);
    assert_eq!(report.problems, []);
    assert!(report.notes.iter().all(|note| !note.contains("no entry refers")), "{:?}", report.notes);
}

#[test]
fn an_erasure_cut_short_is_finished_by_the_next_start() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let tables = versions(&mut store, 4, 400);
    let digest = Digest::of(&tables[0]);
    // sealed, and nothing removed yet: what a kill leaves
    let doomed = store.doomed_by(&[1]).unwrap();
    assert!(doomed.contains(&digest));
    let draft = Draft { body: Body::Erasure { entries: vec![1] }, series: "erasure".into(), document: Some(why()) };
    store.append_erasure(at(1000), draft, doomed).unwrap();
    let image = scene.image();
    assert_eq!(check(&image).problems, []);
    absent(Reader::open(&image.paths, key().verifier()).unwrap().document(1));
    let files = Blobs::new(image.paths.blobs.clone(), Form::Zstd);
    assert!(files.contains(&digest));
    let reopened = image.open().unwrap();
    assert!(!files.contains(&digest));
    assert_eq!(reopened.reader().blob(&Digest::of(&tables[3])).unwrap(), tables[3]);
    drop(reopened);
    assert_eq!(check(&image).problems, []);
}

#[test]
fn nothing_is_erased_while_it_is_unknown_what_stays() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let tables = versions(&mut store, 3, 400);
    // the manifest of a snapshot that stays cannot be read: it might name anything
    let opening = store.reader().opening(2).unwrap().unwrap();
    store
        .evidence()
        .execute("UPDATE blob SET data = zeroblob(9) WHERE digest = ?1", [opening.sha256().as_bytes()])
        .unwrap();
    let error = store.erase(at(1000), &[1], why()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(store.reader().blob(&Digest::of(&tables[0])).unwrap(), tables[0]);
}
