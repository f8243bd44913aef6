//! A store that has lost a part, or holds a part of another one: nothing is begun anew over what is left.

use super::support::{Scene, TOOL, at, key, missed, snapshot};
use crate::shelf::Hints;
use crate::{Reader, Store, StoreError};
use model::SnapshotStatus;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below `dir` with its bytes, but for the note of who holds the lock.
pub(super) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap().flatten() {
            if item.path().is_dir() {
                folders.push(item.path());
            } else if item.file_name() != "writer.lock" {
                found.insert(item.path(), fs::read(item.path()).unwrap());
            }
        }
    }
    found
}

fn init_refused(scene: &Scene, case: &str) {
    let before = files(&scene.paths.dir);
    let error = Store::init(&scene.paths, &key(), at(0), TOOL).map(drop).expect_err(case);
    assert!(matches!(error, StoreError::Damaged { .. }), "{case}: {error}");
    assert!(error.help().is_some());
    assert_eq!(files(&scene.paths.dir), before, "{case}");
}

#[test]
fn init_begins_no_second_log_over_what_is_left_of_a_first() {
    // everything that says a log was begun, one part at a time
    for kept in ["lock.sqlite", "log", "blobs"] {
        let scene = Scene::filled();
        for item in fs::read_dir(&scene.paths.dir).unwrap().flatten() {
            match item.path() {
                path if item.file_name() == kept => assert!(path.exists()),
                path if path.is_dir() => fs::remove_dir_all(path).unwrap(),
                path => fs::remove_file(path).unwrap(),
            }
        }
        init_refused(&scene, kept);
    }
    // the reviewer's case: the last signed checkpoint is all that keeps a second history from being signed
    let scene = Scene::filled();
    fs::remove_file(scene.paths.database()).unwrap();
    fs::remove_file(scene.paths.checkpoint()).unwrap();
    init_refused(&scene, "no database, no published checkpoint");
    assert!(!matches!(scene.open().unwrap_err(), StoreError::NotAStore { .. }));

    // a lock that cannot be read may hold one
    let scene = Scene::bare();
    fs::create_dir(&scene.paths.dir).unwrap();
    fs::write(scene.paths.dir.join("lock.sqlite"), "no database, but long enough to be looked at as one").unwrap();
    init_refused(&scene, "an unreadable lock");
}

#[test]
fn an_init_killed_at_any_of_its_steps_can_be_repeated() {
    let empty_lock = "CREATE TABLE signed (one INTEGER PRIMARY KEY CHECK (one = 1), checkpoint TEXT NOT NULL) STRICT;";
    for step in 0..6 {
        let scene = Scene::bare();
        let dir = &scene.paths.dir;
        for folder in [dir, &scene.paths.blobs, &scene.paths.openings(), &scene.paths.log()].iter().take(1 + step) {
            fs::create_dir(folder).unwrap();
        }
        match step {
            3 => fs::write(dir.join("lock.sqlite"), "").unwrap(),
            4 => Connection::open(dir.join("lock.sqlite")).unwrap().execute_batch(empty_lock).unwrap(),
            5 => fs::write(dir.join("evidence.sqlite.new"), "half").unwrap(),
            _ => {}
        }
        drop(scene.init());
        assert_eq!(scene.open().unwrap().reader().checkpoint().unwrap().size(), 1, "step {step}");
    }
}

#[test]
fn a_published_checkpoint_of_another_log_is_evidence_and_is_kept() {
    let older = Scene::filled();
    let (one, two) = (older.image(), older.image());
    one.open().unwrap().append(at(100), vec![missed("a", 1)]).unwrap();
    two.open().unwrap().append(at(100), vec![missed("a", 2), missed("a", 3)]).unwrap();
    // what was shown is smaller than what was signed here, and no part of it
    fs::copy(one.paths.checkpoint(), two.paths.checkpoint()).unwrap();
    let before = files(&two.paths.dir);
    let error = two.open().unwrap_err();
    assert!(matches!(error, StoreError::Rollback { .. }), "{error}");
    assert!(error.to_string().contains("11 entries"), "{error}");
    assert_eq!(files(&two.paths.dir), before);
    let report = super::fsck::check(&two);
    assert!(report.problems.iter().any(|problem| problem.problem.contains("11 entries")), "{:#?}", report.problems);

    // one of its own is no more than a publication that was cut short
    let three = older.image();
    three.open().unwrap().append(at(100), vec![missed("a", 1)]).unwrap();
    fs::copy(older.paths.checkpoint(), three.paths.checkpoint()).unwrap();
    assert_eq!(three.open().unwrap().reader().checkpoint().unwrap().size(), 11);
}

#[test]
fn a_lost_publication_is_derived_again() {
    let scene = Scene::filled();
    fs::remove_dir_all(scene.paths.log()).unwrap();
    scene.open().unwrap();
    assert_eq!(super::fsck::check(&scene).problems, []);
}

#[test]
fn a_store_whose_blobs_are_not_mounted_is_refused() {
    for mount_point in [false, true] {
        let scene = Scene::filled();
        let away = scene.paths.dir.with_file_name("away");
        fs::rename(&scene.paths.blobs, &away).unwrap();
        if mount_point {
            fs::create_dir(&scene.paths.blobs).unwrap();
        }
        let before = files(&scene.paths.dir);
        let error = scene.open().unwrap_err();
        assert!(error.to_string().contains("blobs"), "{error}");
        assert!(error.help().unwrap().contains("mount"), "{error}");
        assert_eq!(files(&scene.paths.dir), before);
        assert_eq!(scene.paths.blobs.exists(), mount_point);
        assert!(!super::fsck::check(&scene).is_clean());

        let _ = fs::remove_dir(&scene.paths.blobs);
        fs::rename(&away, &scene.paths.blobs).unwrap();
        scene.open().unwrap();
        assert_eq!(super::fsck::check(&scene).problems, []);
    }
}

#[test]
fn the_blobs_of_another_log_are_refused() {
    let (one, two) = (Scene::filled(), Scene::bare());
    let other = ledger::SigningKey::from_seed("evidenced.example/other", &[9; 32]).unwrap();
    drop(Store::init(&two.paths, &other, at(0), TOOL).unwrap());
    fs::remove_dir_all(&one.paths.blobs).unwrap();
    fs::rename(&two.paths.blobs, &one.paths.blobs).unwrap();
    let error = one.open().unwrap_err();
    assert!(error.to_string().contains("evidenced.example/other"), "{error}");
}

#[test]
fn blobs_that_go_away_while_the_store_is_open_stop_it() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let away = scene.paths.dir.with_file_name("away");
    fs::rename(&scene.paths.blobs, &away).unwrap();
    fs::create_dir(&scene.paths.blobs).unwrap();
    let (manifest, blobs) = snapshot("aws", 1, SnapshotStatus::Complete);
    store.seal_snapshot(at(2), &manifest, &blobs).unwrap_err();
    assert_eq!(fs::read_dir(&scene.paths.blobs).unwrap().count(), 0);
    assert!(matches!(store.seal_snapshot(at(2), &manifest, &blobs), Err(StoreError::Poisoned { .. })));
    drop(store);
    fs::remove_dir(&scene.paths.blobs).unwrap();
    fs::rename(&away, &scene.paths.blobs).unwrap();
    scene.open().unwrap().seal_snapshot(at(3), &manifest, &blobs).unwrap();
}

/// A store with two entries acknowledged and not yet signed, as a kill leaves it.
fn acknowledged() -> Scene {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    let mut prepared = store.prepare(at(100), vec![missed("a", 1), missed("a", 2)]).unwrap();
    store.store_documents::<Vec<u8>>(&mut prepared, &[], &[], Hints::new()).unwrap();
    store.acknowledge(&prepared).unwrap();
    scene.image()
}

#[test]
fn an_acknowledged_entry_is_hashed_again_before_it_is_signed() {
    assert_eq!(acknowledged().open().unwrap().reader().checkpoint().unwrap().size(), 12);
    for (edit, word) in [
        ("UPDATE entry SET bytes = CAST(replace(bytes, 'missed', 'skippd') AS BLOB) WHERE idx = 10", "entry 10"),
        ("UPDATE entry SET leaf = zeroblob(32) WHERE idx = 11", "entry 11"),
        ("UPDATE entry SET opening = NULL WHERE idx = 11", "entry 11"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 0 AND idx = 10", "node 10 of level 0"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 5", "node 5 of level 1"),
        ("DELETE FROM node WHERE level = 2 AND idx = 2", "node 2 of level 2"),
        ("DELETE FROM entry WHERE idx = 10", "entry 10"),
    ] {
        let scene = acknowledged();
        let connection = Connection::open(scene.paths.database()).unwrap();
        for table in ["entry", "node"] {
            let triggers = format!("DROP TRIGGER {table}_is_never_changed; DROP TRIGGER {table}_is_never_removed;");
            connection.execute_batch(&triggers).unwrap();
        }
        connection.execute_batch(edit).unwrap();
        drop(connection);
        let published = || files(&scene.paths.log());
        let before = published();
        let error = scene.open().map(drop).expect_err(edit);
        assert!(matches!(error, StoreError::Damaged { .. }), "{edit}: {error}");
        assert!(error.to_string().contains(word), "{edit}: {error}");
        assert_eq!(published(), before, "{edit}");
    }
}

#[test]
fn an_entry_altered_after_it_was_signed_is_not_published_in_a_wider_bundle() {
    let scene = Scene::filled();
    let connection = Connection::open(scene.paths.database()).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER entry_is_never_changed;
             UPDATE entry SET bytes = CAST(replace(bytes, 'raised', 'solved') AS BLOB) WHERE idx = 7",
        )
        .unwrap();
    drop(connection);
    let mut store = scene.open().unwrap();
    let error = store.append(at(100), vec![missed("a", 1)]).unwrap_err();
    assert!(error.to_string().contains("entry 7 does not hash to its leaf"), "{error}");
    assert_eq!(Reader::open(&scene.paths, key().verifier()).unwrap().checkpoint().unwrap().size(), 10);
}

#[test]
fn damage_met_while_preparing_stops_the_writer() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let (manifest, blobs) = snapshot("aws", 1, SnapshotStatus::Complete);
    store.seal_snapshot(at(2), &manifest, &blobs).unwrap();
    // a body it names and does not bring along is rotten
    let path = crate::blobs::Blobs::new(scene.paths.blobs.clone(), crate::blobs::Form::Zstd).path(&blobs[0].0);
    fs::write(path, "rot").unwrap();
    let mut again = manifest;
    again.id = "aws-again".into();
    again.slot = None;
    let error = store.seal_snapshot::<Vec<u8>>(at(3), &again, &[]).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let error = store.append(at(4), vec![missed("a", 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");

    let scene = Scene::bare();
    let mut store = scene.init();
    store.evidence().execute_batch("ALTER TABLE slot RENAME TO gone").unwrap();
    let error = store.append(at(1), vec![missed("a", 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error}");
    store.evidence().execute_batch("ALTER TABLE gone RENAME TO slot").unwrap();
    let error = store.append(at(1), vec![missed("a", 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
}
