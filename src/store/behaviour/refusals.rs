//! When the store refuses, and that it then has written nothing.

use super::losses::files;
use super::support::{Scene, TOOL, at, copy_tree, finding, key, missed};
use crate::{Reader, Store, StoreError, StorePaths};
use ledger::SigningKey;
use rusqlite::Connection;
use std::fs;
use std::path::Path;

fn refused_unwritten(scene: &Scene) -> StoreError {
    let before = files(&scene.paths.dir);
    let error = scene.open().unwrap_err();
    assert_eq!(files(&scene.paths.dir), before, "{error}");
    assert!(error.help().is_some());
    error
}

#[test]
fn a_store_is_never_made_by_opening() {
    let scene = Scene::bare();
    for outcome in [scene.open().map(drop), Reader::open(&scene.paths, key().verifier()).map(drop)] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }));
        assert!(error.help().unwrap().contains("evidenced init"));
    }
    assert!(!scene.paths.dir.exists());
}

#[test]
fn init_leaves_a_store_as_it_is() {
    let scene = Scene::filled();
    let before = files(&scene.paths.dir);
    let error = Store::init(&scene.paths, &key(), at(0), TOOL).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }));
    assert_eq!(files(&scene.paths.dir), before);
}

#[test]
fn there_is_one_writer() {
    let scene = Scene::bare();
    let store = scene.init();
    let error = scene.open().unwrap_err();
    assert!(matches!(&error, StoreError::Busy { holder: Some(_), .. }), "{error}");
    assert!(!error.is_fail_stop());
    drop(store);
    scene.open().unwrap();
}

#[test]
fn another_key_is_refused() {
    let scene = Scene::filled();
    let other = SigningKey::from_seed("evidenced.example/test", &[8; 32]).unwrap();
    let before = files(&scene.paths.dir);
    let error = Store::open(&scene.paths, &other, at(1), TOOL).unwrap_err();
    assert!(matches!(error, StoreError::WrongKey { .. }), "{error}");
    assert_eq!(files(&scene.paths.dir), before);
}

#[test]
fn a_newer_schema_is_refused() {
    let scene = Scene::filled();
    Connection::open(scene.paths.database()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert!(matches!(refused_unwritten(&scene), StoreError::Newer { found: 7, known: 6, .. }));
    assert!(matches!(Reader::open(&scene.paths, key().verifier()), Err(StoreError::Newer { .. })));

    let scene = Scene::filled();
    Connection::open(scene.paths.dir.join("lock.sqlite")).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(refused_unwritten(&scene), StoreError::Newer { .. }));
}

/// Stores of the same log, one and several entries old.
fn older_and_newer() -> (Scene, Scene) {
    let older = Scene::filled();
    let newer = older.image();
    let mut store = newer.open().unwrap();
    store.append(at(100), vec![missed("a", 1), missed("a", 2)]).unwrap();
    drop(store);
    (older, newer)
}

#[test]
fn a_database_restored_below_the_lock_is_refused() {
    let (older, newer) = older_and_newer();
    fs::copy(older.paths.database(), newer.paths.database()).unwrap();
    let error = refused_unwritten(&newer);
    assert!(matches!(error, StoreError::Rollback { .. }), "{error}");
    assert!(error.to_string().contains("a log of 12 entries was signed, 10 are here"), "{error}");
}

#[test]
fn databases_restored_below_the_published_checkpoint_are_refused() {
    let (older, newer) = older_and_newer();
    for file in ["evidence.sqlite", "lock.sqlite"] {
        fs::copy(older.paths.dir.join(file), newer.paths.dir.join(file)).unwrap();
    }
    let error = refused_unwritten(&newer);
    assert!(matches!(error, StoreError::Rollback { .. }), "{error}");
    assert!(error.to_string().contains("a log of 12 entries was published"), "{error}");
}

#[test]
fn two_logs_of_one_size_are_told_apart() {
    let older = Scene::filled();
    let (one, two) = (older.image(), older.image());
    for (scene, seconds) in [(&one, 1), (&two, 2)] {
        scene.open().unwrap().append(at(100), vec![missed("a", seconds)]).unwrap();
    }
    fs::copy(two.paths.checkpoint(), one.paths.checkpoint()).unwrap();
    let error = refused_unwritten(&one);
    assert!(error.to_string().contains("two different logs of 11 entries"), "{error}");

    fs::copy(one.paths.database(), two.paths.database()).unwrap();
    assert!(matches!(refused_unwritten(&two), StoreError::Damaged { .. }));
}

#[test]
fn a_lost_lock_database_is_refused() {
    let scene = Scene::filled();
    fs::remove_file(scene.paths.dir.join("lock.sqlite")).unwrap();
    assert!(matches!(refused_unwritten(&scene), StoreError::Damaged { .. }));
}

#[test]
fn a_lost_evidence_database_is_neither_a_missing_store_nor_a_fresh_start() {
    let scene = Scene::filled();
    fs::remove_file(scene.paths.database()).unwrap();
    assert!(matches!(refused_unwritten(&scene), StoreError::Damaged { .. }));
    let before = files(&scene.paths.dir);
    let error = Store::init(&scene.paths, &key(), at(0), TOOL).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(files(&scene.paths.dir), before);
}

#[test]
fn a_full_disk_seals_nothing_and_can_be_mended() {
    let scene = Scene::bare();
    let mut store = scene.init();
    // as SQLite says it when the file system has no room
    let pages: i64 = store.evidence().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.evidence().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let many = || (0..200).map(|n| missed("a", n)).collect();
    let error = store.append(at(1), many()).unwrap_err();
    assert!(matches!(&error, StoreError::DiskFull { path, .. } if *path == scene.paths.database()), "{error}");
    assert!(!error.is_fail_stop());
    assert_eq!(store.reader().checkpoint().unwrap().size(), 1);

    store.evidence().pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    assert_eq!(store.append(at(2), many()).unwrap().len(), 200);
    drop(store);
    assert_eq!(super::fsck::check(&scene).problems, []);
}

#[test]
fn no_room_for_a_file_is_told_with_what_where_and_how_much_is_free() {
    for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
        let error = StoreError::io("write", Path::new("/nowhere/blobs/x"), errno.into());
        let StoreError::DiskFull { free_bytes, .. } = &error else { panic!("{error}") };
        assert!(*free_bytes > 0);
        assert!(error.to_string().contains("could not write /nowhere/blobs/x"), "{error}");
        assert!(error.help().unwrap().contains("free space"));
    }
    let error = StoreError::io("sync", Path::new("x"), rustix::io::Errno::IO.into());
    assert!(error.is_fail_stop());
}

#[test]
fn after_a_failure_of_unknown_outcome_nothing_more_is_written() {
    let scene = Scene::bare();
    let mut store = scene.init();
    // the first write of the batch meets a file where a folder has to be
    fs::remove_dir_all(&scene.paths.blobs).unwrap();
    fs::write(&scene.paths.blobs, "").unwrap();
    let error = store.append(at(1), vec![missed("a", 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    fs::remove_file(&scene.paths.blobs).unwrap();
    let error = store.append(at(1), vec![missed("a", 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
    assert!(!scene.paths.blobs.exists());
}

#[test]
fn the_writer_can_be_handed_over_and_readers_shared() {
    fn sent<T: Send>() {}
    fn shared<T: Send + Sync + Clone>() {}
    sent::<Store>();
    shared::<Reader>();
}

#[test]
fn a_tile_that_differs_stops_the_writer_for_good() {
    let scene = Scene::bare();
    let mut store = scene.init();
    // the tiles that the next entry will make are there already, with other bytes
    for tile in ledger::tiles::new_tiles(1, 2) {
        let path = scene.paths.log().join(tile.to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "something else").unwrap();
    }
    let error = store.append(at(1), vec![missed("a", 1)]).unwrap_err();
    let StoreError::Unpublished { source } = &error else { panic!("{error}") };
    assert!(matches!(**source, StoreError::Damaged { .. }), "{error}");
    assert!(error.is_fail_stop());
    let error = store.append(at(2), vec![missed("a", 2)]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
    assert_eq!(store.reader().checkpoint().unwrap().size(), 1);
    drop(store);
    assert!(matches!(scene.open(), Err(StoreError::Damaged { .. })));
}

#[test]
fn entries_and_nodes_cannot_be_changed_or_removed() {
    let scene = Scene::filled();
    let connection = Connection::open(scene.paths.database()).unwrap();
    connection.pragma_update(None, "recursive_triggers", true).unwrap();
    for statement in [
        "UPDATE entry SET at = 0 WHERE idx = 1",
        "DELETE FROM entry WHERE idx = 1",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE idx = 1",
        "UPDATE node SET hash = zeroblob(32)",
        "DELETE FROM node",
        "INSERT OR REPLACE INTO node SELECT * FROM node",
    ] {
        let error = connection.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains("never"), "{statement}: {error}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_says_which() {
    let scene = Scene::bare();
    fs::write(&scene.paths.dir, "a file where the folder should be").unwrap();
    let error = Store::init(&scene.paths, &key(), at(0), TOOL).unwrap_err();
    assert!(error.to_string().contains(&scene.paths.dir.display().to_string()), "{error}");
}

#[test]
fn a_moved_store_is_the_same_store() {
    let scene = Scene::filled();
    let elsewhere = Scene::bare();
    copy_tree(&scene.paths.dir, &elsewhere.paths.dir);
    let mut store = elsewhere.open().unwrap();
    store.append(at(100), vec![finding("f-9", "raised", "draft")]).unwrap();
    assert_eq!(store.reader().findings().unwrap().len(), 2);
    assert_eq!(StorePaths::new(&elsewhere.paths.dir), elsewhere.paths);
}
