//! Every single bit of a pack counts: bits are turned one by one, in the file itself, and the whole verification runs.

use super::fixture::pack;
use crate::{Form, VerifyError, VerifyOptions, verify};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Edits of a long run.
const MILLION: u64 = 1_000_000;

/// Turns `edits` bits spread over all of the pack, each alone, and counts those that were not found.
#[test]
fn a_single_turned_bit_anywhere_in_a_small_pack_is_found() {
    let edits = if std::env::var_os("EVIDENCED_TEST_LONG").is_some() { MILLION } else { 200 };
    let (_folder, golden) = pack(Form::Archive);
    let good = std::fs::read(&golden).unwrap();
    let bits = good.len() as u64 * 8;
    let missed = AtomicU64::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (good, missed) = (&good, &missed);
            scope.spawn(move || {
                // in memory where the machine has such a folder: a million files would wear a disk
                let shared = std::path::Path::new("/dev/shm");
                let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
                let path = folder.path().join("q1.zip");
                std::fs::write(&path, good).unwrap();
                let file = OpenOptions::new().write(true).open(&path).unwrap();
                for edit in (worker..edits).step_by(usize::try_from(workers).unwrap()) {
                    // evenly over the pack when there are fewer edits than bits, round and round when there are more
                    let bit = if edits < bits { edit * bits / edits } else { edit % bits };
                    let at = bit / 8;
                    let byte = good[usize::try_from(at).unwrap()];
                    file.write_all_at(&[byte ^ 1 << (bit % 8)], at).unwrap();
                    let found = match verify(&path, &VerifyOptions::default()) {
                        Ok(report) => !report.verified && !report.problems.is_empty(),
                        Err(error) => matches!(error, VerifyError::NotAPack(_)),
                    };
                    missed.fetch_add(u64::from(!found), Ordering::Relaxed);
                    file.write_all_at(&[byte], at).unwrap();
                }
                assert!(verify(&path, &VerifyOptions::default()).unwrap().verified, "the pack itself is whole");
            });
        }
    });
    println!(
        "{edits} single-bit edits over the {bits} bits of a pack of {} bytes, {} missed",
        good.len(),
        missed.load(Ordering::Relaxed)
    );
    assert_eq!(missed.load(Ordering::Relaxed), 0);
}
