//! A year of daily snapshots of a large table, beside a git repository that gets the same files. `tests/bench/daily-snapshots` runs it.

use super::support::{Scene, at, key, snapshot};
use crate::Reader;
use model::{Digest, SnapshotStatus};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

/// A small xorshift generator: the same table on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

fn row(n: usize, random: &mut Random) -> String {
    let (manager, month, day, hour) =
        (random.below(70_000), random.below(12) + 1, random.below(28) + 1, random.below(24));
    let status = ["active", "leave"][random.below(2)];
    format!(
        "{{\"email\":\"user{n:06}@example.com\",\"employee_id\":\"E{n:06}\",\"manager\":\"E{manager:06}\",\"name\":\"Person {n}\",\
         \"status\":\"{status}\",\"updated\":\"2026-{month:02}-{day:02}T{hour:02}:00:00Z\"}}\n"
    )
}

/// CPU seconds of this process, and of its children that have ended.
fn cpu() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|field| field.parse().unwrap())
        .collect();
    ((fields[0] + fields[1]) / 100.0, (fields[2] + fields[3]) / 100.0)
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Bytes below `dir`: as their files say, and as `du` counts them.
fn size(dir: &Path) -> (u64, u64) {
    let metadata = fs::symlink_metadata(dir).unwrap();
    if !dir.is_dir() {
        return (metadata.len(), metadata.blocks() * 512);
    }
    let parts = fs::read_dir(dir).unwrap().flatten().map(|item| size(&item.path()));
    parts.fold((0, metadata.blocks() * 512), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

fn git(dir: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"])
        .args(arguments)
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success(), "git {arguments:?}");
}

#[test]
#[ignore = "takes minutes; tests/bench/daily-snapshots runs it"]
fn a_year_of_daily_snapshots() {
    let number = |name: &str, default: usize| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (days, rows) = (number("DAYS", 365), number("ROWS", 70_000));
    let mut random = Random(0x5eed);
    let mut table: Vec<String> = (0..rows).map(|n| row(n, &mut random)).collect();
    let scene = Scene::bare();
    let repository = tempfile::tempdir().unwrap();
    git(repository.path(), &["init", "-q"]);
    drop(scene.init());
    let (mut ours, mut first_day, mut last_day) = (0.0, 0.0, 0.0);
    let (mut own_peak, mut last) = (0, Digest::of(b""));
    for day in 0..days {
        for _ in 0..if day == 0 { 0 } else { rows / 200 } {
            let n = random.below(rows);
            table[n] = row(n, &mut random);
        }
        let text = table.concat().into_bytes();
        last = Digest::of(&text);
        let (mut manifest, mut blobs) = snapshot("hr", 1, SnapshotStatus::Complete);
        manifest.id = format!("hr-{day}");
        manifest.slot = None;
        manifest.finished_at = at(i64::try_from(day).unwrap() * 86_400 + 1);
        manifest.tables[0].sha256 = last;
        fs::write(repository.path().join("table.jsonl"), &text).unwrap();
        blobs[1] = (last, text);
        // opened and closed each day, as `evidenced collect` does
        let before = cpu().0;
        let mut store = scene.open().unwrap();
        store.seal_snapshot(at(i64::try_from(day).unwrap() * 86_400 + 2), &manifest, &blobs).unwrap();
        drop(store);
        let cost = cpu().0 - before;
        ours += cost;
        if day == 0 {
            first_day = cost;
        }
        last_day = cost;
        own_peak = peak_mib();
        git(repository.path(), &["add", "table.jsonl"]);
        git(repository.path(), &["commit", "-q", "-m", "a day"]);
    }
    let commits = cpu().1;
    let loose = size(&repository.path().join(".git"));
    git(repository.path(), &["gc", "-q"]);
    let gc = cpu().1 - commits;
    let packed = size(&repository.path().join(".git"));
    let store = size(&scene.paths.dir);
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    let before = cpu().0;
    let bytes = reader.blob(&last).unwrap().len();
    let reading = cpu().0 - before;
    let mut report = String::new();
    let kib = |bytes: u64| f64::from(u32::try_from(bytes >> 10).unwrap());
    let mib = |bytes: u64| kib(bytes) / 1024.0;
    writeln!(
        report,
        "{days} daily snapshots of a table of {rows} rows and {bytes} bytes, {} rows changed each day",
        rows / 200
    )
    .unwrap();
    writeln!(report, "                 on disk MiB  apparent MiB  CPU s").unwrap();
    for (name, size, cpu) in
        [("evidenced", store, ours), ("git, loose", loose, commits), ("git, after gc", packed, commits + gc)]
    {
        writeln!(report, "{name:<16} {:>11.1}  {:>12.1}  {cpu:>5.1}", mib(size.1), mib(size.0)).unwrap();
    }
    writeln!(
        report,
        "evidenced / git after gc: {:.2} of the disk, {:.2} of the CPU",
        kib(store.1) / kib(packed.1),
        ours / (commits + gc)
    )
    .unwrap();
    writeln!(report, "first day {first_day:.2} s, last day {last_day:.2} s; the last table is read in {reading:.2} s; peak of the whole test process {own_peak} MiB").unwrap();
    println!("{report}");
    assert!(store.1 < loose.1);
}
