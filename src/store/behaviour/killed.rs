//! A process killed at each of its mutating system calls in turn, and once more while it recovers.

use super::fsck::check;
use super::support::{Scene, at, fill, key, missed, snapshot};
use crate::{Store, StorePaths};
use model::SnapshotStatus;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const STORE: &str = "EVIDENCED_TEST_STORE";

/// The system calls after which the disk differs.
const MUTATING: [&str; 8] =
    ["fsync,fdatasync", "rename", "unlink", "openat", "write", "pwrite64", "ftruncate", "mkdir"];

/// Does one sealing in the store that the environment names, and says so when it has returned.
#[test]
#[ignore = "the part of the test below that is killed"]
fn the_one_that_is_killed() {
    let Some(dir) = std::env::var_os(STORE) else { return };
    let mut store = Store::open(&StorePaths::new(PathBuf::from(dir)), &key(), at(100), "evidenced/test").unwrap();
    let (manifest, blobs) = snapshot("killed", 1, SnapshotStatus::Complete);
    store.seal_snapshot(at(101), &manifest, &blobs).unwrap();
    println!("SEALED");
}

/// Runs it under strace, killed at the `nth` call of `calls`. Says whether it lived, and whether it reported the snapshot sealed.
fn run(store: &Path, calls: &str, nth: usize) -> (bool, bool) {
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={calls}:signal=KILL:when={nth}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "behaviour::killed::the_one_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(STORE, store)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).contains("SEALED"))
}

#[test]
#[ignore = "needs strace, and some minutes"]
fn a_kill_at_any_system_call_loses_nothing_that_was_reported() {
    let template = Scene::bare();
    let mut store = template.init();
    fill(&mut store);
    // one store as a clean close leaves it, one as a kill between acknowledging and publishing does
    let prepared = store.prepare(at(50), vec![missed("late", 1)]).unwrap();
    store.store_documents::<Vec<u8>>(&prepared, &[]).unwrap();
    store.acknowledge(&prepared).unwrap();
    let broken = template.image();
    drop(store);
    let closed = Scene::filled();

    let (mut points, mut reported, mut inside) = (0, 0, 0);
    for start in [&closed, &broken] {
        for calls in MUTATING {
            for nth in 1.. {
                let scene = start.image();
                let (lived, sealed) = run(&scene.paths.dir, calls, nth);
                let name = format!("{calls} number {nth}");
                if lived {
                    assert!(sealed, "{name}");
                    break;
                }
                points += 1;
                reported += usize::from(sealed);
                assert_eq!(check(&scene.image()).problems, [], "{name}, before recovery");
                // a second kill while it recovers, somewhere else each time
                let (_, again) = run(&scene.paths.dir, "fsync,fdatasync", 1 + points % 7);
                let reopened = scene.open().unwrap_or_else(|error| panic!("{name}: {error}"));
                let there = reopened.reader().snapshot("killed-1").unwrap().is_some();
                inside += usize::from(there);
                assert!(there || !(sealed || again), "{name}: a snapshot reported sealed is gone");
                drop(reopened);
                assert_eq!(check(&scene).problems, [], "{name}, recovered");
                assert!(fs::metadata(scene.paths.closed()).is_ok());
            }
        }
    }
    println!("{points} kills, {reported} after the snapshot was reported sealed, {inside} with it in the log");
    assert!(points > 100 && inside > 0 && reported > 0);
}
