//! What a snapshot costs: nothing for what did not change, the difference for what did, and no chain without end.

use super::fsck::check;
use super::support::{Scene, at, key, snapshot};
use crate::blob_rows::{self, Stored};
use crate::{Reader, Store, container, delta};
use model::{Digest, Manifest, SnapshotStatus};
use rusqlite::Connection;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A snapshot number `n` whose one table holds `table`.
fn with_table(n: i64, table: &[u8]) -> (Manifest, Vec<(Digest, Vec<u8>)>) {
    let (mut manifest, mut blobs) = snapshot("hr", 1, SnapshotStatus::Complete);
    manifest.id = format!("hr-{n}");
    manifest.slot = None;
    manifest.started_at = at(n * 86_400);
    manifest.finished_at = at(n * 86_400 + 1);
    manifest.tables[0].sha256 = Digest::of(table);
    blobs[1] = (Digest::of(table), table.to_vec());
    (manifest, blobs)
}

fn seal(store: &mut Store, n: i64, table: &[u8]) {
    let (manifest, blobs) = with_table(n, table);
    store.seal_snapshot(at(n * 86_400 + 2), &manifest, &blobs).unwrap();
}

/// A table of `rows` rows, of which each round changes one in two hundred, others each time.
fn table(rows: u64, rounds: u64) -> Vec<u8> {
    let mut table = String::new();
    for n in 0..rows {
        let last = (1..=rounds).rev().find(|round| (n + round * 37).is_multiple_of(200)).unwrap_or_default();
        let code = (n * 1000 + last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(table, "{{\"id\":{n},\"mail\":\"person{n}@example.com\",\"code\":\"{code:016x}\"}}").unwrap();
    }
    table.into_bytes()
}

/// Bytes on disk below `dir`, as `du` counts them.
fn allocated(dir: &Path) -> u64 {
    let mut sum = fs::symlink_metadata(dir).unwrap().blocks() * 512;
    if dir.is_dir() {
        sum += fs::read_dir(dir).unwrap().flatten().map(|item| allocated(&item.path())).sum::<u64>();
    }
    sum
}

fn forms(scene: &Scene) -> Vec<(Stored, u64)> {
    let mut forms = Vec::new();
    let connection = Connection::open(scene.paths.database()).unwrap();
    blob_rows::each(&connection, |row| -> rusqlite::Result<()> {
        forms.push((row.stored, row.place));
        Ok(())
    })
    .unwrap();
    forms
}

#[test]
fn an_unchanged_snapshot_costs_less_than_four_kib_on_disk_in_all() {
    let scene = Scene::bare();
    let rows = table(3000, 0);
    let mut store = scene.init();
    // past the first bundle of entries, so that full tiles are part of it
    for n in 0..300 {
        seal(&mut store, n, &rows);
    }
    drop(store);
    let before = allocated(&scene.paths.dir);
    let mut store = scene.open().unwrap();
    for n in 300..400 {
        seal(&mut store, n, &rows);
    }
    drop(store);
    let each = (allocated(&scene.paths.dir) - before) / 100;
    println!("{each} bytes for an unchanged snapshot");
    assert!(each < 4096, "{each} bytes");
    assert_eq!(check(&scene).problems, []);
}

#[test]
fn a_slightly_changed_table_costs_its_changed_rows() {
    let scene = Scene::bare();
    let mut store = scene.init();
    seal(&mut store, 0, &table(10_000, 0));
    drop(store);
    let before = allocated(&scene.paths.dir);
    let whole = container::encode(&table(10_000, 0)).unwrap().len() as u64;
    let mut store = scene.open().unwrap();
    for n in 1..=20 {
        seal(&mut store, n, &table(10_000, n.unsigned_abs()));
    }
    drop(store);
    let each = (allocated(&scene.paths.dir) - before) / 20;
    println!("{each} bytes for 50 changed rows of 10,000; stored whole they take {whole}");
    assert!(each < 8 << 10, "{each} bytes");
    assert!(each < whole / 10);
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    for n in 0..=20 {
        let expected = table(10_000, n);
        assert_eq!(reader.blob(&Digest::of(&expected)).unwrap(), expected, "version {n}");
    }
    assert_eq!(check(&scene).problems, []);
}

#[test]
fn a_large_table_is_kept_in_pieces_and_only_the_pieces_that_changed_cost() {
    let scene = Scene::bare();
    let mut store = scene.init();
    let old = table(170_000, 0);
    assert!(old.len() > 10_000_000);
    seal(&mut store, 0, &old);
    let rows = |scene: &Scene| forms(&scene.image());
    let before = rows(&scene);
    assert!(before.iter().any(|(stored, _)| *stored == Stored::List));
    assert!(before.iter().filter(|(stored, _)| *stored == Stored::File).count() >= 4);

    // one row in the middle
    let mut new = old.clone();
    new[6_000_000..6_000_004].copy_from_slice(b"____");
    seal(&mut store, 1, &new);
    let added: Vec<_> = rows(&scene).split_off(before.len());
    let count = |form: Stored| added.iter().filter(|(stored, _)| *stored == form).count();
    // the changed piece and the manifest are told by their differences; the list of pieces is new
    assert_eq!((count(Stored::Delta), count(Stored::List), count(Stored::File)), (2, 1, 0), "{added:?}");
    let reader = store.reader();
    assert_eq!(reader.blob(&Digest::of(&new)).unwrap(), new);
    assert_eq!(reader.blob(&Digest::of(&old)).unwrap(), old);
    // and what is there whole is found there
    seal(&mut store, 2, &old);
    drop((reader, store));
    assert_eq!(check(&scene).problems, []);
}

#[test]
fn a_chain_of_differences_has_an_end() {
    let scene = Scene::bare();
    let mut store = scene.init();
    for n in 0..280 {
        // small, so that the chain and not the table is what takes the time
        seal(&mut store, n, &table(40, n.unsigned_abs()));
    }
    let image = scene.image();
    let connection = Connection::open(image.paths.database()).unwrap();
    let (mut longest, mut whole) = (0, 0);
    let mut digests = Vec::new();
    blob_rows::each(&connection, |row| -> rusqlite::Result<()> {
        digests.push((row.digest, row.stored));
        Ok(())
    })
    .unwrap();
    for (digest, stored) in digests {
        longest = longest.max(blob_rows::chain(&connection, &digest).unwrap().len());
        whole += usize::from(stored == Stored::Zstd || stored == Stored::File);
    }
    println!("the longest chain has {longest} links, {whole} blobs stand for themselves");
    assert!((17..=32).contains(&longest), "{longest} links");
    assert!((2..=9).contains(&whole), "{whole} stand for themselves");
    drop(store);
    assert_eq!(check(&scene).problems, []);
}

#[test]
fn damage_to_an_earlier_version_does_not_keep_a_new_one_out() {
    let scene = Scene::bare();
    let mut store = scene.init();
    seal(&mut store, 0, &table(10_000, 0));
    drop(store);
    let file = crate::blobs::Blobs::new(scene.paths.blobs.clone(), crate::blobs::Form::Zstd);
    fs::write(file.path(&Digest::of(&table(10_000, 0))), "rot").unwrap();
    let mut store = scene.open().unwrap();
    let new = table(10_000, 1);
    seal(&mut store, 1, &new);
    assert_eq!(store.reader().blob(&Digest::of(&new)).unwrap(), new);
}

/// A store as version 1 of the schema had it: every blob and opening a file, no table of them.
fn of_version_one(scene: &Scene) {
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    let connection = Connection::open(scene.paths.database()).unwrap();
    let mut rows = Vec::new();
    blob_rows::each(&connection, |row| -> rusqlite::Result<()> {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    for row in rows.iter().filter(|row| row.stored != Stored::File) {
        let content = reader.blob(&row.digest).unwrap();
        let name = row.digest.to_string();
        let (path, bytes) = if row.stored == Stored::Plain {
            (scene.paths.openings().join(&name[..2]).join(&name), content)
        } else {
            let path = scene.paths.blobs.join(&name[..2]).join(format!("{name}.zst"));
            (path, container::encode(&content).unwrap())
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    drop(reader);
    let later = [
        "blob",
        "damage",
        "hold",
        "erased",
        "erasing",
        "scrub",
        "record",
        "notice",
        "message",
        "told",
        "ticket",
        "session",
        "set_up_link",
        "user",
        "review_item",
    ];
    for table in later {
        connection.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    fs::remove_file(scene.paths.closed()).unwrap();
}

#[test]
fn a_store_of_the_first_version_is_read_as_it_is_and_goes_on() {
    let scene = Scene::bare();
    let mut store = scene.init();
    super::support::fill(&mut store);
    let (old, new) = (table(5000, 0), table(5000, 1));
    seal(&mut store, 0, &old);
    drop(store);
    of_version_one(&scene);
    let version = |scene: &Scene| -> i64 {
        Connection::open(scene.paths.database())
            .unwrap()
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(check(&scene).problems, []);
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    assert_eq!(reader.blob(&Digest::of(&old)).unwrap(), old);
    assert!(reader.snapshot("aws-prod-1").unwrap().is_some());
    assert_eq!(version(&scene), 1);
    drop(reader);

    let mut store = scene.open().unwrap();
    seal(&mut store, 1, &new);
    seal(&mut store, 2, &old);
    assert_eq!(store.reader().blob(&Digest::of(&new)).unwrap(), new);
    drop(store);
    assert_eq!(version(&scene), 6);
    assert!(forms(&scene).contains(&(Stored::Delta, 1)), "the new table is told from the file of the old one");
    assert_eq!(check(&scene).problems, []);
}

#[test]
fn what_zstd_tools_are_promised_of_a_difference_holds() {
    let (old, new) = (table(2000, 0), table(2000, 1));
    let told = delta::encode(&old, &new).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [("old", &old), ("told", &told)] {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let Ok(output) = std::process::Command::new("zstd")
        .args(["-q", "-d", "-c", "--patch-from=old", "told"])
        .current_dir(dir.path())
        .output()
    else {
        return;
    };
    assert_eq!(output.stdout, new);
}
