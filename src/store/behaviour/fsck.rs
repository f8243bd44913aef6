//! `fsck` is silent about a sound store, and names what is not sound.

use super::support::{Scene, at, fill, finding, key, missed, snapshot};
use crate::{FsckReport, StoreError, fsck};
use model::SnapshotStatus;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn check(scene: &Scene) -> FsckReport {
    fsck(&scene.paths, key().verifier(), &|_, _, _| {}).unwrap()
}

/// Asserts that something is wrong with `path`, in words that hold `word`.
fn named(report: &FsckReport, path: &Path, word: &str) {
    assert!(
        report.problems.iter().any(|problem| problem.path == path && problem.problem.contains(word)),
        "{} with `{word}` is not among {:#?}",
        path.display(),
        report.problems
    );
}

fn files(scene: &Scene) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![scene.paths.dir.clone()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap().flatten() {
            if item.path().is_dir() { folders.push(item.path()) } else { found.push(item.path()) }
        }
    }
    found.sort();
    found
}

/// A file of each kind: what its path says up to the digests.
fn with(scene: &Scene, part: &str) -> PathBuf {
    files(scene).into_iter().find(|path| path.to_string_lossy().contains(part)).unwrap()
}

#[test]
fn a_sound_store_is_clean_and_everything_in_it_is_counted() {
    let scene = Scene::filled();
    let before: Vec<_> = files(&scene).iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let report = check(&scene);
    assert_eq!(report.problems, []);
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!((report.entries, report.signed, report.snapshots), (10, 10, 3));
    // a body, rows and a manifest for each snapshot; one reason for two slots; an evaluation, two events, a confirmation
    assert_eq!((report.blobs, report.openings), (3 * 3 + 1 + 4, 9));
    assert!(report.tiles >= 2 && report.rows > 30);
    let after: Vec<_> = files(&scene).iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert!(before == after, "fsck changed a file");
}

#[test]
fn a_long_log_is_clean() {
    let scene = Scene::bare();
    let mut store = scene.init();
    for n in 0..3 {
        store.append(at(n), (0..250).map(|m| missed("a", n * 1000 + m)).collect()).unwrap();
    }
    drop(store);
    let report = check(&scene);
    assert_eq!(report.problems, []);
    assert_eq!(report.entries, 751);
}

#[test]
fn fsck_works_beside_a_writer() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    // of another process's files: what this process has open must not be opened twice
    let image = scene.image();
    let lock = crate::writer_lock::WriterLock::take(&image.paths.dir, at(1)).unwrap();
    let report = check(&image);
    assert_eq!(report.problems, []);
    assert!(report.notes.iter().any(|note| note.contains("a writer is at work")));
    drop(lock);
}

#[test]
fn a_store_that_was_not_closed_is_clean_and_says_so() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let report = check(&scene.image());
    assert_eq!(report.problems, []);
    assert!(report.notes.iter().any(|note| note.contains("did not close the store")), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("was killed: process")), "{:?}", report.notes);
}

#[test]
fn where_there_is_no_store_there_is_nothing_to_check() {
    let scene = Scene::bare();
    assert!(matches!(fsck(&scene.paths, key().verifier(), &|_, _, _| {}), Err(StoreError::NotAStore { .. })));
}

#[test]
fn one_flipped_bit_in_any_file_is_found_and_named() {
    let scene = Scene::filled();
    let mut flips = 0;
    for path in files(&scene) {
        let sound = fs::read(&path).unwrap();
        // the databases are gone through more thoroughly below
        let step = (sound.len() / 9).max(1);
        for position in (0..sound.len()).step_by(step).chain(sound.len().checked_sub(1)) {
            let mut bent = sound.clone();
            bent[position] ^= 1 << (position % 8);
            fs::write(&path, &bent).unwrap();
            let report = check(&scene);
            let twin = scene.paths.closed();
            // a digest and what it is of accuse each other
            let accused =
                |named: &Path| named == path || (path == twin && named.extension() == Some("sqlite".as_ref()));
            assert!(
                report.problems.iter().any(|problem| accused(&problem.path)),
                "{} at byte {position}: {:#?}",
                path.display(),
                report.problems
            );
            flips += 1;
        }
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!(check(&scene).problems, []);
    assert!(flips > 100, "{flips}");
}

/// Without the digests of a clean close, a flip in the evidence database is either found or changes nothing that can be read.
#[test]
fn after_a_kill_no_flipped_bit_in_the_database_changes_what_is_read() {
    let scene = Scene::filled();
    fs::remove_file(scene.paths.closed()).unwrap();
    let path = scene.paths.database();
    let sound = fs::read(&path).unwrap();
    let dump = |connection: &Connection| -> Vec<String> {
        crate::tables::TABLES
            .iter()
            .chain(&[("blob", "id")])
            .flat_map(|(table, key)| {
                let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}")).unwrap();
                let width = statement.column_count();
                let rows = statement.query_map([], |row| {
                    (0..width).map(|column| row.get::<_, rusqlite::types::Value>(column)).collect::<Result<Vec<_>, _>>()
                });
                rows.unwrap().map(|row| format!("{table} {:?}", row.unwrap())).collect::<Vec<_>>()
            })
            .collect()
    };
    let expected = dump(&Connection::open(&path).unwrap());
    let (mut found, mut idle) = (0, 0);
    for position in (0..sound.len()).step_by(997) {
        let mut bent = sound.clone();
        bent[position] ^= 1 << (position % 8);
        fs::write(&path, &bent).unwrap();
        if check(&scene).is_clean() {
            assert_eq!(dump(&Connection::open(&path).unwrap()), expected, "byte {position}");
            idle += 1;
        } else {
            found += 1;
        }
    }
    println!("{found} flips found, {idle} in bytes that hold nothing");
    assert!(found > 5 && idle > 5, "{found} found, {idle} idle");
}

/// A kill leaves a write-ahead log. A flip there is found, or concerns bytes no longer part of anything.
#[test]
fn after_a_kill_no_flipped_bit_in_the_write_ahead_log_changes_what_is_read() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let image = scene.image();
    let path = image.paths.dir.join("evidence.sqlite-wal");
    let sound = fs::read(&path).unwrap();
    assert!(sound.len() > 50_000);
    let mut found = 0;
    for position in (0..sound.len()).step_by(sound.len() / 60) {
        let scene = image.image();
        let mut bent = sound.clone();
        bent[position] ^= 1 << (position % 8);
        fs::write(scene.paths.dir.join("evidence.sqlite-wal"), &bent).unwrap();
        if check(&scene).is_clean() {
            let store = scene.open().unwrap();
            assert_eq!(store.reader().entries(0..99).unwrap().len(), 10, "byte {position}");
            drop(store);
            assert_eq!(check(&scene).problems, [], "byte {position}");
        } else {
            found += 1;
        }
    }
    println!("{found} flips found, the others in frames no longer part of anything");
    assert!(found > 30, "{found}");
}

#[test]
fn missing_files_are_named_with_what_they_held() {
    for (part, word) in [
        ("blobs/", "the file is missing"),
        ("log/tile/entries/000.p/10", "missing"),
        ("lock.sqlite", "missing"),
        ("evidence.sqlite", "missing, and a log was published from it"),
    ] {
        let scene = Scene::filled();
        let path = with(&scene, part);
        fs::remove_file(&path).unwrap();
        named(&check(&scene), &path, word);
    }
    let scene = Scene::filled();
    let (_, blobs) = snapshot("aws-prod", 0, SnapshotStatus::Complete);
    let blobs_of = crate::blobs::Blobs::new(scene.paths.blobs.clone(), crate::blobs::Form::Zstd);
    let (body, rows) = (blobs[0].0, blobs[1].0);
    fs::remove_file(blobs_of.path(&body)).unwrap();
    let connection = Connection::open(scene.paths.database()).unwrap();
    connection.execute("DELETE FROM blob WHERE digest = ?1", [rows.as_bytes()]).unwrap();
    connection.execute("DELETE FROM blob WHERE id = (SELECT max(id) FROM blob WHERE form = 0)", []).unwrap();
    drop(connection);
    let report = check(&scene);
    named(&report, &blobs_of.path(&body), "the body of exchange 1 of snapshot aws-prod-0");
    named(&report, &blobs_of.path(&rows), "the rows of table user");
    assert!(report.problems.iter().any(|problem| problem.path.starts_with(scene.paths.dir.join("openings"))));
}

#[test]
fn files_that_do_not_belong_are_named() {
    for place in [
        "blobs/ab/notes.txt",
        "blobs/ab/cd/deep",
        "openings/12/readme",
        "log/tile/0/999",
        "log/tile/x",
        "log/index.html",
    ] {
        let scene = Scene::filled();
        let path = scene.paths.dir.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "hello").unwrap();
        let report = check(&scene);
        assert!(report.problems.iter().any(|problem| problem.path == path), "{place}: {:#?}", report.problems);
    }
    let scene = Scene::filled();
    fs::write(scene.paths.dir.join("evidenced.toml"), "").unwrap();
    let report = check(&scene);
    assert!(report.is_clean() && report.notes.iter().any(|note| note.contains("evidenced.toml")));
    std::os::unix::fs::symlink("/etc/passwd", scene.paths.blobs.join("link")).unwrap();
    named(&check(&scene), &scene.paths.blobs.join("link"), "neither");
}

#[test]
fn two_blobs_swapped_are_both_named() {
    let scene = Scene::filled();
    let blobs: Vec<_> = files(&scene).into_iter().filter(|path| path.extension() == Some("zst".as_ref())).collect();
    let (one, two) = (fs::read(&blobs[0]).unwrap(), fs::read(&blobs[1]).unwrap());
    fs::write(&blobs[0], two).unwrap();
    fs::write(&blobs[1], one).unwrap();
    let report = check(&scene);
    named(&report, &blobs[0], "hashes to");
    named(&report, &blobs[1], "hashes to");
}

#[test]
fn what_people_decide_is_as_its_last_event_left_it_and_is_replayed() {
    let scene = Scene::bare();
    let mut store = scene.init();
    super::support::decide(&mut store);
    let rows = store.reader().records("exception").unwrap();
    assert_eq!((rows.len(), rows[0].since, rows[0].log_index), (1, 1, 2));
    assert_eq!(rows[0].body["state"], "approved");
    let rows = store.reader().records("evidence").unwrap();
    assert_eq!((rows.len(), rows[0].log_index, rows[0].body["by"].as_str()), (1, 4, Some("somebody")));
    let rows = store.reader().records("access_review").unwrap();
    assert_eq!((rows.len(), rows[0].since, rows[0].log_index), (1, 5, 6), "a report is a file and no state");
    let items = store.reader().review_items("quarterly-1", None).unwrap();
    let states: Vec<_> =
        items.iter().map(|row| (&*row.account, &*row.state, row.reviewer.as_deref(), row.log_index)).collect();
    assert_eq!(states, [("git:ada", "decided", Some("hr:1"), 6), ("git:bot", "pending", None, 5)]);
    assert_eq!(store.reader().review_items("quarterly-1", Some("git:bot")).unwrap(), items[1..]);
    drop(store);
    assert_eq!(check(&scene).problems, []);
    fs::remove_file(scene.paths.closed()).unwrap();
    let edit = "UPDATE review_item SET state = 'decided' WHERE account = 'git:bot'";
    Connection::open(scene.paths.database()).unwrap().execute_batch(edit).unwrap();
    named(&check(&scene), &scene.paths.database(), "row of `review_item` review=quarterly-1 account=git:bot: `state`");
    let edit = "UPDATE record SET body = replace(body, 'approved', 'refused') WHERE kind = 'exception'";
    Connection::open(scene.paths.database()).unwrap().execute_batch(edit).unwrap();
    named(&check(&scene), &scene.paths.database(), "row of `record` kind=exception id=exception-1: `body`");
}

/// What a person with write access to the database might try; the digests of the clean close are taken away as they would.
#[test]
fn edited_rows_are_named() {
    let drop_triggers = "DROP TRIGGER entry_is_never_changed; DROP TRIGGER entry_is_never_removed; \
                         DROP TRIGGER node_is_never_changed; DROP TRIGGER node_is_never_removed;";
    for (edit, word) in [
        (
            "UPDATE entry SET bytes = CAST(replace(bytes, 'raised', 'solved') AS BLOB) WHERE idx = 7",
            "entry 7 does not hash to its leaf",
        ),
        ("UPDATE entry SET kind = 'x' WHERE idx = 3", "row of `entry` idx=3: `kind`"),
        ("UPDATE entry SET leaf = zeroblob(32) WHERE idx = 3", "entry 3 does not hash to its leaf"),
        ("UPDATE entry SET opening = NULL WHERE idx = 3", "row of `entry` idx=3: `opening`"),
        ("DELETE FROM entry WHERE idx = 4", "entry 4 is missing"),
        ("DELETE FROM entry WHERE idx = 9", "a log of 10 entries was signed, 9 are here"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 1", "row of `node` level=1 idx=1: `hash`"),
        ("DELETE FROM node WHERE level = 2", "row of `node` level=2 idx=0 is missing"),
        ("UPDATE snapshot SET status = 'complete' WHERE id = 'github-5'", "row of `snapshot` id=github-5: `status`"),
        ("DELETE FROM slot WHERE outcome = 'missed' AND source = 'github'", "is missing"),
        ("UPDATE evaluation SET outcome = 'pass'", "`outcome` is not what the log gives"),
        ("UPDATE finding SET state = 'closed'", "row of `finding` id=f-1: `state`"),
        (
            "INSERT INTO confirmation VALUES ('aws-prod-0', 1, 1)",
            "row of `confirmation` snapshot=aws-prod-0 is not in the log",
        ),
        ("UPDATE blob SET data = zeroblob(9) WHERE form = 0", "are not those that were stored"),
        ("UPDATE blob SET data = zeroblob(9) WHERE form = 1", "are not those that were stored"),
        ("UPDATE blob SET data = zeroblob(9) WHERE form = 2", "are not those that were stored"),
        ("UPDATE blob SET base = (SELECT min(id) FROM blob WHERE form = 1) WHERE form = 2", "blob "),
        ("UPDATE blob SET digest = zeroblob(32) WHERE id = (SELECT max(id) FROM blob WHERE form = 1)", "hashes to"),
        ("SELECT 1", "the trigger `entry_is_never_changed` is not as this program makes it"),
        ("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM finding; END", "the trigger `t`"),
    ] {
        let scene = Scene::filled();
        fs::remove_file(scene.paths.closed()).unwrap();
        Connection::open(scene.paths.database()).unwrap().execute_batch(&format!("{drop_triggers}{edit}")).unwrap();
        named(&check(&scene), &scene.paths.database(), word);
    }
}

#[test]
fn an_older_database_beside_a_newer_lock_is_named() {
    let older = Scene::filled();
    let newer = older.image();
    newer.open().unwrap().append(at(100), vec![finding("f-2", "raised", "draft")]).unwrap();
    fs::copy(older.paths.database(), newer.paths.database()).unwrap();
    named(&check(&newer), &newer.paths.database(), "a log of 11 entries was signed, 10 are here");

    let newer = older.image();
    newer.open().unwrap().append(at(100), vec![finding("f-2", "raised", "draft")]).unwrap();
    for file in ["evidence.sqlite", "lock.sqlite"] {
        fs::copy(older.paths.dir.join(file), newer.paths.dir.join(file)).unwrap();
    }
    named(&check(&newer), &newer.paths.dir.join("lock.sqlite"), "restored or copied store");
}

#[test]
fn a_database_that_is_none_does_not_hide_the_rest() {
    let scene = Scene::filled();
    fs::write(scene.paths.database(), "not a database, and long enough to be looked at as one").unwrap();
    let blob = with(&scene, "blobs/");
    fs::write(&blob, "rot").unwrap();
    let report = check(&scene);
    named(&report, &scene.paths.database(), "");
    named(&report, &blob, "3 bytes");
}
