//! A disk that fills up at every step of the commit protocol.

use super::fsck::check;
use super::support::{Scene, at, fill, missed, snapshot};
use crate::StoreError;
use model::SnapshotStatus;
use std::fs;

/// Leaves a little more room each time, so that each write in turn is the one that fails.
#[test]
#[ignore = "fills the file system of TMPDIR: give it a tmpfs of 4 MiB"]
fn whatever_does_not_fit_is_wholly_out_or_wholly_in() {
    let stat = rustix::fs::statvfs(std::env::temp_dir()).unwrap();
    assert!(stat.f_blocks * stat.f_frsize <= 16 << 20, "the file system of TMPDIR is too large to fill");
    let (mut refused, mut completed, mut sealed) = (0, 0, 0);
    for room in 0..60 {
        let scene = Scene::bare();
        let mut store = scene.init();
        fill(&mut store);
        let ballast = scene.paths.dir.join("ballast");
        let stat = rustix::fs::statvfs(&scene.paths.dir).unwrap();
        let left = (stat.f_bavail * stat.f_frsize).saturating_sub(room * 4096);
        fs::write(&ballast, vec![7; usize::try_from(left).unwrap()]).unwrap();

        let (manifest, blobs) = snapshot("full", 1, SnapshotStatus::Complete);
        let outcome = store.seal_snapshot(at(50), &manifest, &blobs).map(drop);
        if let Err(error) = &outcome {
            assert!(
                match error {
                    StoreError::Unpublished { source } => matches!(**source, StoreError::DiskFull { .. }),
                    error => matches!(error, StoreError::DiskFull { .. } | StoreError::Poisoned { .. }),
                },
                "room for {room}: {error}"
            );
        }
        drop(store);
        let while_full = scene.open().map(drop);
        assert!(matches!(while_full, Ok(()) | Err(StoreError::DiskFull { .. })), "room for {room}: {while_full:?}");

        fs::remove_file(&ballast).unwrap();
        let mut store = scene.open().unwrap_or_else(|error| panic!("room for {room}: {error}"));
        let there = store.reader().snapshot(&manifest.id).unwrap().is_some();
        match (&outcome, there) {
            (Ok(()), true) => sealed += 1,
            (Ok(()), false) => panic!("room for {room}: a sealed snapshot is gone"),
            (Err(_), true) => completed += 1,
            (Err(_), false) => refused += 1,
        }
        store.append(at(60), vec![missed("after", 1)]).unwrap();
        drop(store);
        assert_eq!(check(&scene).problems, [], "room for {room}");
    }
    println!(
        "60 sizes of room: {refused} refused, {completed} acknowledged and completed at the next start, {sealed} sealed"
    );
    assert!(refused > 0 && completed > 0 && sealed > 0);
}
