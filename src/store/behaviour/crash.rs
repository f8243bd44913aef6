//! A kill between any two steps leaves a batch wholly in or wholly out, and the next start finishes what was acknowledged.

use super::fsck::check;
use super::support::{Scene, at, fill, finding, key, missed, snapshot};
use crate::shelf::Hints;
use crate::{Draft, Reader, Store};
use model::{Digest, SnapshotStatus};

/// Runs the commit protocol by hand and takes an image of the disk before it, after each step, and at its end.
fn images(
    scene: &Scene,
    store: &mut Store,
    drafts: Vec<Draft>,
    blobs: &[(Digest, Vec<u8>)],
) -> Vec<(&'static str, Scene)> {
    let mut images = vec![("before", scene.image())];
    let mut prepared = store.prepare(at(100), drafts).unwrap();
    images.push(("prepared", scene.image()));
    store.store_documents(&mut prepared, blobs, &[], Hints::new()).unwrap();
    images.push(("documents stored", scene.image()));
    store.acknowledge(&prepared).unwrap();
    images.push(("acknowledged", scene.image()));
    store.integrate().unwrap();
    images.push(("integrated", scene.image()));
    store.sign().unwrap();
    images.push(("signed", scene.image()));
    store.show().unwrap();
    images.push(("shown", scene.image()));
    images
}

fn acknowledged(step: &str) -> bool {
    !["before", "prepared", "documents stored"].contains(&step)
}

#[test]
fn a_batch_is_in_or_out_after_a_kill_at_any_step() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    for (step, image) in images(&scene, &mut store, vec![missed("a", 1), finding("f-2", "raised", "draft")], &[]) {
        let expected = if acknowledged(step) { 12 } else { 10 };
        assert_eq!(check(&image).problems, [], "{step}");
        let mut reopened = image.open().unwrap_or_else(|error| panic!("{step}: {error}"));
        let reader = reopened.reader();
        assert_eq!(reader.checkpoint().unwrap().size(), expected, "{step}");
        assert_eq!(reader.findings().unwrap().len(), if acknowledged(step) { 2 } else { 1 }, "{step}");
        for index in 0..expected {
            reader.proof_file(index).unwrap();
        }
        // it goes on from there, whatever was lost can be done again
        if !acknowledged(step) {
            reopened.append(at(101), vec![missed("a", 1), finding("f-2", "raised", "draft")]).unwrap();
        }
        reopened.append(at(102), vec![missed("a", 2)]).unwrap();
        drop(reopened);
        assert_eq!(check(&image).problems, [], "{step}, recovered");
        assert_eq!(Reader::open(&image.paths, key().verifier()).unwrap().checkpoint().unwrap().size(), 13, "{step}");
    }
}

#[test]
fn a_second_kill_during_recovery_changes_nothing() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let images = images(&scene, &mut store, vec![missed("a", 1)], &[]);
    for (step, image) in images.iter().filter(|(step, _)| acknowledged(step)) {
        // recovery is the rest of the protocol: stop it after each of its steps too
        let lock = crate::writer_lock::WriterLock::take(&image.paths.dir, at(200)).unwrap();
        let mut second =
            Store::open_unpublished(&image.paths, &crate::Keeping::with(&key()), "evidenced/test", lock).unwrap();
        let mut again = vec![image.image()];
        second.integrate().unwrap();
        again.push(image.image());
        second.sign().unwrap();
        again.push(image.image());
        second.show().unwrap();
        again.push(image.image());
        for (n, image) in again.iter().enumerate() {
            let reopened = image.open().unwrap_or_else(|error| panic!("{step}, then {n}: {error}"));
            assert_eq!(reopened.reader().checkpoint().unwrap().size(), 11, "{step}, then {n}");
        }
    }
}

#[test]
fn a_snapshot_is_never_half_visible() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let (manifest, blobs) = snapshot("aws", 1, SnapshotStatus::Complete);
    let draft = Draft {
        body: ledger::Body::Snapshot {
            snapshot: manifest.id.clone(),
            source: manifest.source.clone(),
            collector: manifest.collector.clone(),
            status: manifest.status,
            slot: manifest.slot,
        },
        series: crate::snapshot_series("aws"),
        document: Some(super::support::json(&serde_json::to_value(&manifest).unwrap())),
    };
    for (step, image) in images(&scene, &mut store, vec![draft], &blobs) {
        // as a reader finds it before any writer has recovered it
        let reader = Reader::open(&image.paths, key().verifier()).unwrap();
        let visible = reader.snapshot(&manifest.id).unwrap();
        assert_eq!(visible.is_some(), step == "shown", "{step}");
        drop(reader);
        let reopened = image.open().unwrap();
        let reader = reopened.reader();
        match reader.snapshot(&manifest.id).unwrap() {
            Some(sealed) => {
                assert!(acknowledged(step), "{step}");
                assert_eq!(sealed.value(), &manifest);
                for (digest, bytes) in &blobs {
                    assert_eq!(&reader.blob(digest).unwrap(), bytes, "{step}");
                }
            }
            None => assert!(!acknowledged(step), "{step}"),
        }
    }
}

#[test]
fn leftovers_of_a_kill_are_swept_at_the_next_start() {
    let scene = Scene::filled();
    let leftovers: Vec<_> = [&scene.paths.blobs, &scene.paths.openings(), &scene.paths.log()]
        .iter()
        .map(|root| root.join(".tmp").join("99-1"))
        .collect();
    for path in &leftovers {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "half").unwrap();
    }
    scene.open().unwrap();
    assert!(leftovers.iter().all(|path| !path.exists()));
}

#[test]
fn an_init_that_was_killed_can_be_repeated() {
    let whole = Scene::bare();
    drop(whole.init());
    // killed before the database had its name
    let scene = whole.image();
    std::fs::rename(scene.paths.database(), scene.paths.dir.join("evidence.sqlite.new")).unwrap();
    std::fs::remove_dir_all(scene.paths.log()).unwrap();
    let lock = rusqlite::Connection::open(scene.paths.dir.join("lock.sqlite")).unwrap();
    lock.execute("DELETE FROM signed", []).unwrap();
    drop(lock);
    drop(scene.init());
    assert_eq!(scene.open().unwrap().reader().checkpoint().unwrap().size(), 1);

    // killed before the first checkpoint was signed: opening finishes it
    let scene = whole.image();
    std::fs::remove_dir_all(scene.paths.log()).unwrap();
    let lock = rusqlite::Connection::open(scene.paths.dir.join("lock.sqlite")).unwrap();
    lock.execute("DELETE FROM signed", []).unwrap();
    drop(lock);
    assert_eq!(scene.open().unwrap().reader().checkpoint().unwrap().size(), 1);
}
