//! A command that is killed, or whose disk fails, at each of its system calls: nothing acknowledged is lost, `fsck` is
//! clean, the next run goes on. And what was told to anybody had reached the disk before.
//!
//! A kill leaves the page cache as it is, so it cannot show a missing fsync. [`power_loss`] reads the trace instead:
//! what was written and not synced when a caller was told is what a power cut takes. Its control leaves out one fsync
//! at a time, in the running program, and must see it.

use crate::support::{Audit, long};
use crate::traced::{self, Call, Fault, Point};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A command, the folder it is run in, and what it acknowledged.
struct Case {
    name: &'static str,
    template: Audit,
    arguments: Vec<String>,
    /// The exit codes of a run after one that went wrong: what is done already may be refused.
    again: &'static [i32],
    /// What a run that printed this has promised; checked in the folder after everything.
    acknowledged: fn(&str) -> Promise,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Promise {
    snapshots: BTreeSet<String>,
    /// Entries the log must have at least.
    entries: u64,
}

fn cases() -> Vec<Case> {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    let nothing: fn(&str) -> Promise = |_| Promise::default();
    let (erased, snapshot) = erasable();
    let pack = "pack create --from 2020-01-01 --to 2099-12-31 -o out.zip";
    let erase = format!("retention erase {snapshot} --by Ada --reason asked");
    let case = |name, template, line: &str, again, acknowledged| Case {
        name,
        template,
        arguments: words(line),
        again,
        acknowledged,
    };
    vec![
        case("collect", prepared(), "collect", &[0], snapshots),
        case("check", prepared(), "check --format json", &[3], entries),
        case("pack create", prepared(), pack, &[0], nothing),
        case("retention erase", erased, &erase, &[0, 2], nothing),
        case("log restore", rolled_back(), "log restore --by Ada --reason lost", &[0, 2], nothing),
    ]
}

/// A line is printed only after its snapshot is sealed.
fn snapshots(stdout: &str) -> Promise {
    let whole = stdout.split_inclusive('\n').filter(|line| line.ends_with(")\n"));
    let ids =
        whole.filter_map(|line| line.rsplit_once('(')).map(|(_, id)| id.trim_end().trim_end_matches(')').to_owned());
    Promise { snapshots: ids.collect(), entries: 0 }
}

fn entries(stdout: &str) -> Promise {
    let Ok(printed) = serde_json::from_str::<Value>(stdout) else { return Promise::default() };
    let indices = printed["evaluations"].as_array().unwrap().iter().filter_map(|one| one["log_index"].as_u64());
    Promise { snapshots: BTreeSet::new(), entries: indices.max().map_or(0, |last| last + 1) }
}

/// A store with a snapshot, an evaluation and something new to collect.
fn prepared() -> Audit {
    let audit = Audit::with(
        "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
         columns = { employee_id = \"ID\", name = \"Name\", start_date = \"Start\" }\n",
    );
    audit.write("hr.csv", "ID,Name,Start\nE1,Ada,2020-01-01\n");
    assert_eq!(audit.run(&["collect"]).code, 0);
    // a roster that was only ever collected by hand leaves something unsaid
    assert_eq!(audit.run(&["check"]).code, 3);
    audit.write("hr.csv", "ID,Name,Start\nE1,Ada,2020-01-01\nE2,Bo,2021-01-01\n");
    audit
}

/// A store with three snapshots, and the id of the first, which nothing refers to.
fn erasable() -> (Audit, String) {
    let audit = prepared();
    for start in ["2022-01-01", "2023-01-01"] {
        assert_eq!(audit.run(&["collect"]).code, 0);
        audit.write("hr.csv", &format!("ID,Name,Start\nE1,Ada,2020-01-01\nE2,Bo,{start}\n"));
    }
    assert_eq!(audit.run(&["check"]).code, 3);
    let listed = audit.json(0, &["snapshots", "list"]);
    let second = listed["snapshots"][1]["id"].as_str().unwrap().to_owned();
    (audit, second)
}

/// A store that was put back to what it was before its last collection, which the mirror remembers.
fn rolled_back() -> Audit {
    let audit = prepared();
    std::fs::create_dir(audit.path("mirror")).unwrap();
    let file = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    audit.write("evidenced.toml", &file.replacen("[log]\n", "[log]\nmirror = \"mirror\"\n", 1));
    let backup = audit.copy();
    assert_eq!(audit.run(&["collect"]).code, 0);
    std::fs::remove_dir_all(audit.path("evidence")).unwrap();
    std::fs::rename(backup.path("evidence"), audit.path("evidence")).unwrap();
    assert_eq!(audit.run(&["collect"]).code, 2, "a store that was rolled back writes nothing");
    audit
}

impl Case {
    fn words(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    /// A pack that a run left under its final name is whole; it makes way for the next.
    fn assert_pack_is_whole(audit: &Audit, name: &str) {
        let pack = audit.path("out.zip");
        if pack.exists() {
            let verified = audit.run(&["verify", "out.zip"]);
            assert_eq!(verified.code, 0, "{name}: a pack under its final name is whole: {verified:#?}");
            std::fs::remove_file(pack).unwrap();
        }
    }

    /// Runs went wrong after they printed `said`: what is there is sound, and the next run goes on.
    fn assert_recovers(&self, audit: &Audit, said: &[&str], name: &str) {
        Self::assert_pack_is_whole(audit, name);
        let again = audit.run(&self.words());
        assert!(self.again.contains(&again.code), "{name}, the next run: {again:#?}");
        let collected = audit.run(&["collect"]);
        assert_eq!(collected.code, 0, "{name}, a collection after it: {collected:#?}");
        audit.assert_sound();
        let listed = audit.json(0, &["snapshots", "list"]);
        let listed: BTreeSet<&str> =
            listed["snapshots"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
        let checkpoint = std::fs::read_to_string(audit.path("evidence/log/checkpoint")).unwrap();
        let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
        for promise in said.iter().map(|stdout| (self.acknowledged)(stdout)) {
            let lost: Vec<&String> = promise.snapshots.iter().filter(|id| !listed.contains(id.as_str())).collect();
            assert!(lost.is_empty(), "{name}: reported sealed and lost: {lost:?}");
            assert!(
                size >= promise.entries,
                "{name}: {} entries were acknowledged, the log has {size}",
                promise.entries
            );
        }
    }
}

/// Of many points some, evenly; in a long run all.
fn chosen<T: Clone>(points: &[T], most: usize) -> Vec<T> {
    if long() { points.to_vec() } else { spread(points, most) }
}

/// Of many points some, evenly.
fn spread<T: Clone>(points: &[T], most: usize) -> Vec<T> {
    let step = points.len().div_ceil(most).max(1);
    points.iter().skip(step / 2).step_by(step).cloned().collect()
}

#[test]
fn a_kill_at_any_system_call_of_any_command_loses_nothing() {
    if !traced::possible() {
        return;
    }
    for case in cases() {
        let (template, arguments) = (&case.template, &case.words()[..]);
        let clean = template.copy();
        let whole = traced::run(&clean, arguments, None);
        assert_eq!(whole.code, Some(case.again[0]), "{}: {}", case.name, whole.stderr);
        let points = traced::points(&whole.calls);
        let (mut killed, mut acknowledged) = (0, 0);
        let tried = chosen(&points, 8);
        for (at, Point { name, nth }) in tried.iter().enumerate() {
            let audit = template.copy();
            let run = traced::run(&audit, arguments, Some(&Fault::kill(name, *nth)));
            let name = format!("{}, killed at {name} number {nth}", case.name);
            killed += usize::from(run.code != Some(case.again[0]));
            acknowledged += usize::from((case.acknowledged)(&run.stdout) != Promise::default());
            // a second kill while the next run recovers, somewhere else each time
            let again = traced::run(&audit, arguments, Some(&Fault::kill("fsync", 1 + at % 9)));
            case.assert_recovers(&audit, &[&run.stdout, &again.stdout], &name);
        }
        println!(
            "{}: {} of {} points covered, {killed} runs killed there, {acknowledged} after something was acknowledged",
            case.name,
            tried.len(),
            points.len()
        );
        assert!(killed * 10 >= tried.len() * 8, "{}: the kills must hit", case.name);
    }
}

/// Runs that were killed, from whose stores the recovery is then killed everywhere.
const KILLED_FIRST: usize = 3;

#[test]
fn a_second_kill_at_any_system_call_of_the_recovery_loses_nothing() {
    if !traced::possible() {
        return;
    }
    for case in cases() {
        let arguments = &case.words()[..];
        let points = traced::points(&traced::run(&case.template.copy(), arguments, None).calls);
        let (mut covered, mut killed, mut of) = (0, 0, 0);
        for first in spread(&points, KILLED_FIRST) {
            let broken = case.template.copy();
            let before = traced::run(&broken, arguments, Some(&Fault::kill(&first.name, first.nth)));
            Case::assert_pack_is_whole(&broken, case.name);
            let recovery = traced::run(&broken.copy(), arguments, None);
            assert!(
                recovery.code.is_some_and(|code| case.again.contains(&code)),
                "{}, after a kill at {first:?}: {:?} {}",
                case.name,
                recovery.code,
                recovery.stderr
            );
            let points = traced::points(&recovery.calls);
            of += points.len();
            for Point { name, nth } in chosen(&points, 2) {
                let audit = broken.copy();
                let again = traced::run(&audit, arguments, Some(&Fault::kill(&name, nth)));
                covered += 1;
                killed += usize::from(again.code.is_none());
                let name = format!("{}, killed at {first:?} and in the recovery at {name} number {nth}", case.name);
                case.assert_recovers(&audit, &[&before.stdout, &again.stdout], &name);
            }
        }
        println!(
            "{}: the recovery from {KILLED_FIRST} kills, {covered} of {of} points covered, {killed} runs killed there",
            case.name
        );
        assert!(killed * 10 >= covered * 8, "{}: the kills must hit", case.name);
    }
}

/// The calls of which a full disk makes an error.
const GROWING: &[&str] = &["write", "pwrite64", "openat", "rename", "mkdir", "ftruncate", "fsync"];

#[test]
fn a_disk_that_fails_at_any_step_is_said_and_nothing_is_lost() {
    if !traced::possible() {
        return;
    }
    for case in cases() {
        let (template, arguments) = (&case.template, &case.words()[..]);
        let whole = traced::run(&template.copy(), arguments, None);
        let mut faults: Vec<(Point, &str, bool)> = Vec::new();
        for point in traced::points(&whole.calls) {
            if point.name == "fsync" {
                faults.push((point.clone(), "EIO", false));
            }
            if GROWING.contains(&point.name.as_str()) {
                faults.push((point.clone(), "ENOSPC", false));
                // what wakes a thread is a write too, and must go on working
                if point.name != "write" {
                    faults.push((point, "ENOSPC", true));
                }
            }
        }
        let tried = chosen(&faults, 8);
        let (mut stopped, mut unharmed) = (0, 0);
        for (Point { name: call, nth }, errno, for_ever) in &tried {
            let audit = template.copy();
            let run = traced::run(&audit, arguments, Some(&Fault::error(call, errno, *nth, *for_ever)));
            let name = format!(
                "{}, {errno} from {call} number {nth}{}",
                case.name,
                if *for_ever { " and all after it" } else { "" }
            );
            let met: Vec<&Call> = run.calls.iter().filter(|call| call.injected).collect();
            // the worker's own pipes, the terminal: what is not on the disk may fail otherwise
            let on_disk = met.iter().any(|call| call.path().is_some_and(|path| path.contains("/evidence/")));
            match run.code {
                Some(code) if code == case.again[0] => unharmed += 1,
                Some(74) => stopped += 1,
                // a worker that could not be started makes its checks inconclusive, and they say so
                Some(3) => assert!(!on_disk && run.stdout.contains("worker process"), "{name}: {} {met:?}", run.stdout),
                code => assert!(!on_disk && !run.stderr.is_empty(), "{name}: {code:?} {} {met:?}", run.stderr),
            }
            if *errno == "EIO" && on_disk {
                assert_eq!(run.code, Some(74), "{name}: {} {met:?}", run.stderr);
            }
            case.assert_recovers(&audit, &[&run.stdout], &name);
        }
        println!(
            "{}: {} of {} failures of the disk tried, {stopped} ended in 74, {unharmed} had done their work",
            case.name,
            tried.len(),
            faults.len()
        );
        assert!(stopped > 0, "{}", case.name);
    }
}

/// What a power cut would take, by the trace of a run in `folder`, where `known` were there before. The rules:
///
/// - when something is printed, all that was written is on the disk;
/// - a file gets its final name only when its content is on the disk;
/// - blobs and openings are on the disk before an entry that names them is written;
/// - everything is on the disk before a checkpoint that covers it is published.
fn power_loss(folder: &Path, known: &BTreeSet<PathBuf>, calls: &[Call]) -> Vec<String> {
    let mut disk = Disk { known: known.clone(), ..Disk::default() };
    let mut lost = Vec::new();
    for call in calls {
        let path = call.path().map(PathBuf::from);
        let inside = path.as_ref().filter(|path| path.starts_with(folder));
        if call.tells() {
            lost.extend(disk.unsynced(folder).into_iter().map(|what| format!("when something was printed: {what}")));
        }
        if !call.succeeded() {
            continue;
        }
        match (call.name.as_str(), inside) {
            ("openat", _) => disk.opened(call),
            // a write-ahead log that was moved into its database: if it comes back, it is moved again
            ("ftruncate", Some(path)) if path.ends_with("evidence.sqlite-wal") && call.text.contains(">, 0)") => {}
            ("write" | "writev" | "pwrite64" | "ftruncate" | "fallocate", Some(path)) => {
                if path.ends_with("evidence.sqlite-wal") {
                    for part in ["evidence/blobs", "evidence/openings"] {
                        let before = disk.unsynced(&folder.join(part));
                        lost.extend(before.into_iter().map(|what| format!("before the entry that names it: {what}")));
                    }
                }
                disk.contents.insert(path.clone());
            }
            ("fsync" | "fdatasync", Some(path)) => disk.synced(path),
            ("rename" | "renameat" | "renameat2" | "link" | "linkat", _) => {
                let [from, to] = call.paths()[..] else { panic!("{call:?}") };
                let (from, to) = (PathBuf::from(from), PathBuf::from(to));
                if disk.contents.remove(&from) {
                    lost.push(format!("the content of {} when it got that name", to.display()));
                }
                if to.ends_with("log/checkpoint") {
                    let before = disk.unsynced(&folder.join("evidence"));
                    lost.extend(before.into_iter().map(|what| format!("before the checkpoint that covers it: {what}")));
                }
                disk.removed(from);
                disk.made(to);
            }
            ("unlink" | "unlinkat", _) => call.paths().first().into_iter().for_each(|path| disk.removed(path.into())),
            ("mkdir" | "mkdirat", _) => call.paths().first().into_iter().for_each(|path| disk.made(path.into())),
            _ => {}
        }
    }
    lost
}

/// What the kernel knows and the disk may not.
#[derive(Default)]
struct Disk {
    known: BTreeSet<PathBuf>,
    /// Files whose content is not on the disk.
    contents: BTreeSet<PathBuf>,
    /// Names that were made or removed, by folder.
    names: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl Disk {
    fn opened(&mut self, call: &Call) {
        let Some(path) = call.paths().first().map(PathBuf::from) else { return };
        if call.text.contains("O_CREAT") && !self.known.contains(&path) {
            self.made(path.clone());
        }
        if call.text.contains("O_TRUNC") {
            self.contents.insert(path);
        }
    }

    fn made(&mut self, path: PathBuf) {
        self.names.entry(path.parent().unwrap().to_owned()).or_default().insert(path.clone());
        self.known.insert(path);
    }

    fn removed(&mut self, path: PathBuf) {
        self.contents.remove(&path);
        self.known.remove(&path);
        let folder = path.parent().unwrap().to_owned();
        // a partial tile that a power cut brings back is one that a larger one covers
        if folder.extension().is_some_and(|extension| extension == "p") {
            self.names.entry(folder).or_default().remove(&path);
        } else {
            self.names.entry(folder).or_default().insert(path);
        }
    }

    fn synced(&mut self, path: &Path) {
        self.contents.remove(path);
        self.names.remove(path);
    }

    /// What below `part` a power cut would take, but for what nobody needs after one.
    fn unsynced(&self, part: &Path) -> Vec<String> {
        let needed = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.starts_with(part)
                && !(name.ends_with("-shm") || name == "writer.lock" || name == "program.sha256")
                && !path.components().any(|part| part.as_os_str() == ".tmp")
        };
        let contents = self.contents.iter().filter(needed).map(|path| format!("the content of {}", path.display()));
        let names = self.names.values().flatten().filter(needed).map(|path| format!("the name {}", path.display()));
        contents.chain(names).collect()
    }
}

#[test]
fn what_was_told_had_reached_the_disk_and_a_missing_fsync_is_seen() {
    if !traced::possible() {
        return;
    }
    for case in cases() {
        let (template, arguments) = (&case.template, &case.words()[..]);
        let audit = template.copy();
        let known = audit.everything();
        let folder = audit.path("");
        let whole = traced::run(&audit, arguments, None);
        assert_eq!(power_loss(&folder, &known, &whole.calls), [] as [String; 0], "{}", case.name);

        // the control on paper: every fsync of a file's content before the last word counts
        let last_word = whole.calls.iter().rposition(Call::tells).unwrap();
        let (mut fsyncs, mut needed) = (0, Vec::new());
        let mut counted: BTreeMap<u32, usize> = BTreeMap::new();
        for (at, call) in whole.calls[..last_word].iter().enumerate().filter(|(_, call)| call.name == "fsync") {
            let nth = counted.entry(call.thread).or_default();
            *nth += 1;
            let mut without = whole.calls.clone();
            without.remove(at);
            fsyncs += 1;
            if !power_loss(&folder, &known, &without).is_empty() {
                needed.push(Point { name: call.name.clone(), nth: *nth });
            }
        }
        // and in the running program, which is told that it succeeded
        let tried = chosen(&needed, 4);
        let mut seen = 0;
        for Point { name, nth } in &tried {
            let audit = template.copy();
            let known = audit.everything();
            let run = traced::run(&audit, arguments, Some(&Fault::left_out(name, *nth)));
            assert!(run.calls.iter().any(|call| call.injected), "{name} {nth} was not left out");
            seen += usize::from(!power_loss(&audit.path(""), &known, &run.calls).is_empty());
        }
        println!(
            "{}: of {fsyncs} fsyncs before the last word, {} are missed when left out of the trace; of {} left out \
             of the running program, {seen}",
            case.name,
            needed.len(),
            tried.len()
        );
        assert!(seen > 0, "{}: the control sees nothing", case.name);
    }
}
