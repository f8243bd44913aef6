//! A process killed at each of its mutating system calls in turn, and once more while it recovers; and one whose fsync fails.
//!
//! Both tests need `strace`, may trace their own children (in a container: `--cap-add=SYS_PTRACE`), and take some minutes:
//!
//!     cargo test -p store behaviour::killed::a_ -- --ignored --nocapture --test-threads=1
//!
//! They start this test binary again for the process that is to suffer. `full_disk` wants a small file system besides:
//!
//!     mount -t tmpfs -o size=4m tmpfs /mnt/small
//!     TMPDIR=/mnt/small cargo test -p store behaviour::full_disk -- --ignored --nocapture

use super::fsck::check;
use super::support::{Scene, at, fill, key, missed, snapshot};
use crate::shelf::Hints;
use crate::{Draft, Store, StoreError, StorePaths};
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

/// Seals until something fails, and sees that nothing can be sealed after that.
#[test]
#[ignore = "the part of the test below whose fsync fails"]
fn the_one_whose_fsync_fails() {
    let Some(dir) = std::env::var_os(STORE) else { return };
    let mut store = match Store::open(&StorePaths::new(PathBuf::from(dir)), &key(), at(100), "evidenced/test") {
        Ok(store) => store,
        Err(error) => {
            assert!(error.is_fail_stop(), "{error}");
            println!("STOPPED");
            return;
        }
    };
    // enough for the write-ahead log to be moved into the database on the way
    for round in 0..4 {
        let drafts = |first: i64| (first..first + 400).map(|n| Draft { document: None, ..missed("many", n) }).collect();
        if let Err(error) = store.append(at(200 + round), drafts(round * 1000)) {
            assert!(error.is_fail_stop(), "{error}");
            let again = store.append(at(300), drafts(9000)).unwrap_err();
            assert!(matches!(again, StoreError::Poisoned { .. }), "{again}");
            println!("STOPPED");
            return;
        }
        println!("SEALED {round}");
    }
    // as a kill would: what closing meets is not told to anybody, and loses nothing
    std::mem::forget(store);
}

#[test]
#[ignore = "needs strace, and some minutes"]
fn a_failed_fsync_is_seen_wherever_it_happens() {
    let closed = Scene::filled();
    let (mut stopped, mut unseen) = (0, 0);
    for errno in ["EIO", "ENOSPC"] {
        for nth in 1.. {
            let scene = closed.image();
            let name = format!("{errno} from fsync number {nth}");
            let log = scene.paths.dir.with_file_name("strace");
            let output = Command::new("strace")
                .args(["-f", "-y", "-qq", "-o", log.to_str().unwrap(), "-e", "trace=fsync,fdatasync"])
                .args(["-e", &format!("inject=fsync,fdatasync:error={errno}:when={nth}")])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "behaviour::killed::the_one_whose_fsync_fails"])
                .args(["--ignored", "--nocapture", "--test-threads=1"])
                .env(STORE, &scene.paths.dir)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name}: {said}");
            let trace = fs::read_to_string(&log).unwrap();
            let injected: Vec<&str> = trace.lines().filter(|line| line.contains("INJECTED")).collect();
            if said.contains("STOPPED") {
                assert!(!injected.is_empty(), "{name}");
                stopped += 1;
            } else {
                // SQLite itself makes nothing of it when the folder of a new journal cannot be synced
                let folder = format!("<{}>", scene.paths.dir.display());
                assert!(injected.iter().all(|line| line.contains(&folder)), "{name} went unseen: {injected:?}");
                unseen += injected.len();
            }
            let sealed = said.matches("SEALED").count() as u64;
            let store = scene.open().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(store.reader().checkpoint().unwrap().size() >= 10 + 400 * sealed, "{name}");
            drop(store);
            assert_eq!(check(&scene).problems, [], "{name}");
            if injected.is_empty() {
                break;
            }
        }
    }
    println!(
        "{stopped} failed fsyncs stopped the writer; SQLite did not tell of {unseen} on the folder of its journal"
    );
    assert!(stopped > 100);
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
    let mut prepared = store.prepare(at(50), vec![missed("late", 1)]).unwrap();
    store.store_documents::<Vec<u8>>(&mut prepared, &[], &[], Hints::new()).unwrap();
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
