//! What a snapshot costs on disk, and what becomes of stored bytes that change by themselves.

use crate::retention::with_own_check;
use crate::support::{Audit, files};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const ROSTER: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\nschedule = \"manual\"\n\
    columns = { employee_id = \"ID\", name = \"Name\", work_email = \"Mail\", start_date = \"Start\" }\n";

/// A roster of `rows` people; every twentieth of them from `changed` on has moved.
fn roster(audit: &Audit, rows: u32, changed: u32) {
    let row = |n: u32| {
        let since = if n % 20 == changed && changed > 0 { "2021-05-01" } else { "2020-01-01" };
        let code = n.wrapping_mul(2_654_435_761);
        format!("E{n},Person {code:08x},person{n}@acme.example,{since}\n")
    };
    audit.write("hr.csv", &format!("ID,Name,Mail,Start\n{}", (0..rows).map(row).collect::<Vec<_>>().concat()));
}

/// Bytes on disk below `folder`, as `du` counts them.
fn allocated(folder: &Path) -> u64 {
    let below = files(folder).iter().map(|file| fs::metadata(folder.join(file)).unwrap().blocks() * 512).sum::<u64>();
    below + fs::metadata(folder).unwrap().blocks() * 512
}

fn collect(audit: &Audit) {
    let collected = audit.run(&["collect"]);
    assert_eq!(collected.code, 0, "{collected:?}");
}

#[test]
fn an_unchanged_snapshot_costs_less_than_four_kib_and_a_changed_one_its_changes() {
    let audit = Audit::with(ROSTER);
    roster(&audit, 3000, 0);
    let store = audit.path("evidence");
    // the first ones also make what every store has
    (0..3).for_each(|_| collect(&audit));
    let before = allocated(&store);
    (0..20).for_each(|_| collect(&audit));
    let unchanged = (allocated(&store) - before) / 20;
    println!("{unchanged} bytes on disk for an unchanged snapshot");
    assert!(unchanged < 4096, "{unchanged} bytes");

    let before = allocated(&store);
    for round in 1..=10 {
        roster(&audit, 3000, round);
        collect(&audit);
    }
    let changed = (allocated(&store) - before) / 10;
    println!("{changed} bytes on disk for 300 changed rows of 3000, as the source sent them and as a table");
    assert!(changed < 24 << 10, "{changed} bytes");
    audit.assert_sound();
}

/// Blobs and databases of the audit's store.
fn stored(audit: &Audit) -> Vec<PathBuf> {
    let store = audit.path("evidence");
    files(&store)
        .into_iter()
        .filter(|file| file.extension() == Some("zst".as_ref()))
        .map(|file| store.join(file))
        .collect()
}

/// The outcome of the audit's own check, from an evaluation that is sealed.
fn judged(audit: &Audit, code: i32) -> Value {
    let answer = audit.json(code, &["check", "started_late"]);
    answer["evaluations"][0].clone()
}

#[test]
fn a_flipped_bit_in_any_blob_is_found_named_and_makes_its_check_inconclusive() {
    let audit = Audit::with(ROSTER);
    with_own_check(&audit);
    roster(&audit, 3000, 0);
    collect(&audit);
    // those of the snapshot; evaluations are stored too
    let blobs = stored(&audit);
    let sound = judged(&audit, 0);
    assert_eq!(sound["outcome"], "pass", "{sound}");
    assert_eq!(audit.json(0, &["scrub"])["damage"], serde_json::json!([]));
    assert!(blobs.len() >= 2, "{blobs:?}");
    for blob in &blobs {
        let before = fs::read(blob).unwrap();
        for position in [0, 20, before.len() / 2, before.len() - 1] {
            let mut bent = before.clone();
            bent[position] ^= 1 << (position % 8);
            fs::write(blob, &bent).unwrap();
            let found = audit.json(1, &["scrub", "--quiet"]);
            let damage = &found["damage"][0];
            assert!(blob.ends_with(Path::new(damage["path"].as_str().unwrap()).file_name().unwrap()), "{found}");
            assert_eq!(damage["snapshots"][0]["source"], "hr", "{found}");
        }
        // also the answer as the source sent it, from which no check reads: the snapshot as a whole is in doubt
        let found = judged(&audit, 3);
        assert_eq!(found["outcome"], "inconclusive", "{found}");
        assert!(found["why"].to_string().contains("damaged"), "{found}");
        let log = audit.json(1, &["check", "log_does_not_verify"])["evaluations"][0].clone();
        assert_eq!(log["failing"][0]["reason"], "1 stored things are not what was sealed", "{log}");
        let doctor = audit.json(2, &["doctor"]);
        assert!(doctor["findings"].to_string().contains("damaged"), "{doctor}");
        let sources = audit.json(0, &["sources"]);
        assert_eq!(sources["sources"][0]["evidence"], "damaged", "{sources}");

        // brought back from a backup, it counts again
        fs::write(blob, &before).unwrap();
        assert_eq!(audit.json(0, &["scrub"])["damage"], serde_json::json!([]));
        assert_eq!(judged(&audit, 0)["outcome"], "pass");
        assert_eq!(audit.json(0, &["check", "log_does_not_verify"])["evaluations"][0]["outcome"], "pass");
    }
    audit.assert_sound();
}

#[test]
fn a_missing_blob_and_one_in_the_place_of_another_are_found() {
    let audit = Audit::with(ROSTER);
    roster(&audit, 3000, 0);
    collect(&audit);
    let blobs = stored(&audit);
    let (one, two) = (fs::read(&blobs[0]).unwrap(), fs::read(&blobs[1]).unwrap());
    fs::remove_file(&blobs[0]).unwrap();
    fs::write(&blobs[1], &one).unwrap();
    let found = audit.json(1, &["scrub"]);
    let problems: Vec<&str> =
        found["damage"].as_array().unwrap().iter().map(|damage| damage["problem"].as_str().unwrap()).collect();
    assert!(problems.iter().any(|problem| problem.contains("missing")), "{found}");
    assert!(problems.iter().any(|problem| problem.contains("not the file that was stored")), "{found}");
    fs::write(&blobs[0], &one).unwrap();
    fs::write(&blobs[1], &two).unwrap();
    assert_eq!(audit.run(&["scrub"]).code, 0);
}

#[test]
fn a_disk_that_fails_is_told_apart_from_damage() {
    let audit = Audit::with(ROSTER);
    roster(&audit, 3000, 0);
    collect(&audit);
    let blob = stored(&audit).remove(0);
    // what the system says of a folder read as a file is as good an error of the disk as any
    let bytes = fs::read(&blob).unwrap();
    fs::remove_file(&blob).unwrap();
    fs::create_dir(&blob).unwrap();
    assert_eq!(audit.run(&["scrub"]).code, 74);
    fs::remove_dir(&blob).unwrap();
    fs::write(&blob, bytes).unwrap();
    assert_eq!(audit.run(&["scrub"]).code, 0);
}

#[test]
fn the_daemon_finds_damage_by_itself() {
    let audit = Audit::with(ROSTER);
    roster(&audit, 3000, 0);
    collect(&audit);
    let blob = stored(&audit).remove(0);
    let mut bytes = fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&blob, bytes).unwrap();
    let mut daemon = audit.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let known = |audit: &Audit| audit.json(0, &["sources"])["sources"][0]["evidence"] == "damaged";
    let until = Instant::now() + Duration::from_mins(1);
    while !known(&audit) {
        assert!(Instant::now() < until, "the daemon did not find it");
        std::thread::sleep(Duration::from_millis(200));
    }
    let scrubbed = audit.json(1, &["scrub"]);
    assert_eq!(scrubbed["damage"].as_array().unwrap().len(), 1);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let doctor = audit.json(2, &["doctor"]);
    assert!(doctor["findings"].to_string().contains("damaged"), "{doctor}");
}
