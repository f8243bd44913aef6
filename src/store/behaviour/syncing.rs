//! What an fsync that fails leads to, and who may see the files.

use super::support::{Scene, at, fill, finding, key, missed};
use crate::{Reader, StoreError};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[test]
fn no_room_found_while_syncing_is_a_failed_sync() {
    for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
        for what in ["sync", "sync the folder"] {
            let error = StoreError::io(what, Path::new("/nowhere/x"), errno.into());
            assert!(error.is_fail_stop(), "{error}");
        }
        assert!(!StoreError::io("write", Path::new("/nowhere/x"), errno.into()).is_fail_stop());
    }
}

#[test]
fn the_write_ahead_log_is_checkpointed_where_its_failure_is_seen() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let automatic: i64 = store.evidence().pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0)).unwrap();
    assert_eq!(automatic, 0);
    let mut largest = 0;
    for n in 0..40 {
        store.append(at(n), (0..100).map(|m| missed("a", n * 1000 + m)).collect()).unwrap();
        largest = largest.max(fs::metadata(scene.paths.dir.join("evidence.sqlite-wal")).unwrap().len());
    }
    assert!((1 << 20..12 << 20).contains(&largest), "{largest}");
}

#[test]
fn nobody_else_can_read_a_store() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let _reader = store.reader().findings().unwrap();
    let mut folders = vec![scene.paths.dir.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for item in fs::read_dir(&folder).unwrap().flatten() {
            if item.path().is_dir() {
                folders.push(item.path());
            } else {
                assert_eq!(mode(&item.path()), 0o600, "{}", item.path().display());
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn a_failed_publication_is_told_apart_from_a_failed_sealing() {
    let scene = Scene::bare();
    let mut store = scene.init();
    for tile in ledger::tiles::new_tiles(1, 2) {
        let path = scene.paths.log().join(tile.to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "something else").unwrap();
    }
    let error = store.append(at(1), vec![missed("a", 1)]).unwrap_err();
    assert!(error.is_fail_stop());
    assert!(error.to_string().contains("in the log"), "{error}");
    let help = error.help().unwrap();
    assert!(help.contains("next start") && !help.contains("run the command again"), "{help}");
}

#[test]
fn databases_a_reader_of_this_process_has_open_are_not_read_beside_sqlite() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    drop(store);
    // its digests would have needed a second descriptor, whose closing drops the reader's locks
    assert!(!scene.paths.closed().exists());
    assert_eq!(reader.findings().unwrap().len(), 1);
    drop(reader);
    let mut store = scene.open().unwrap();
    let clone = store.reader();
    store.append(at(50), vec![finding("f-2", "raised", "draft")]).unwrap();
    assert_eq!(clone.findings().unwrap().len(), 2);
    drop(store);
    assert!(scene.paths.closed().exists());
    // nor by fsck
    let report = super::fsck::check(&scene);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!(clone.findings().unwrap().len(), 2);
    let report = super::fsck::check(&scene);
    assert_eq!(report.problems, []);
    assert!(report.notes.iter().any(|note| note.contains("this process has the databases open")), "{:?}", report.notes);
    drop(clone);
    assert_eq!(super::fsck::check(&scene).notes, Vec::<String>::new());
}
