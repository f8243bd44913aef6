//! One store or pack for each kind of damage: `fsck` and `verify`, run from outside, name what is damaged and end as promised.
//!
//! `tests/corrupt/README.md` says what is kept there and why.

use crate::peers::tsa::{Authority, Issuer};
use crate::support::{Audit, files, program};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a store or a pack can suffer, by the design's list of faults. Each has its damages below.
const KINDS: [&str; 15] = [
    "blob",
    "database",
    "wal",
    "entry",
    "tile",
    "checkpoint",
    "opening",
    "token",
    "missing",
    "empty",
    "swapped",
    "symlinked",
    "older copy",
    "pack",
    "archive",
];

/// `tests/corrupt/damages.toml`.
#[derive(Deserialize)]
struct Table {
    damage: Vec<Damage>,
}

/// One damage, done to a fresh copy of a sound store or pack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Damage {
    what: String,
    kind: String,
    /// `closed`, `unclosed`, `pack` or `archive`.
    on: String,
    steps: Vec<Step>,
    /// What `fsck` ends with; of stores only.
    fsck: Option<i32>,
    /// What `verify` ends with.
    verify: i32,
    /// Files that have to be named, and a part of what is said of each.
    names: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Step {
    /// Turns the lowest bit of the first byte of `find`, or of the byte in the middle of the file.
    Flip { file: String, find: Option<String> },
    /// Takes a file or folder away.
    Remove(String),
    /// Leaves a file without content.
    Empty(String),
    /// Cuts a file to its first half.
    Cut(String),
    /// Exchanges two files.
    Swap([String; 2]),
    /// Puts a link to the same bytes, kept elsewhere, in the place of a file.
    Link(String),
    /// Puts a file's state in the earlier copy of the same store in its place.
    Older(Vec<String>),
    /// Writes a file that was not there.
    Add(String),
}

fn corrupt() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corrupt")
}

fn sh(folder: &Path, script: &str, arguments: &[&Path]) {
    let output =
        Command::new("bash").args(["-euc", script, "sh"]).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The golden stores, unpacked once.
fn golden() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    sh(folder.path(), "unzip -q \"$1\"; chmod 600 */evidenced.key", &[&corrupt().join("stores-v1.zip")]);
    sh(
        folder.path(),
        "unzip -q \"$1\" -d pack; mkdir archive; cp \"$1\" archive/pack.zip",
        &[&corrupt().join("../packs/v1/second.zip")],
    );
    folder
}

fn step(scene: &Path, root: &Path, early: &Path, step: &Step) {
    let at = |name: &String| root.join(name);
    match step {
        Step::Flip { file, find } => {
            let mut bytes = fs::read(at(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            let place = find.as_ref().map_or(bytes.len() / 2, |find| {
                let found = bytes.windows(find.len()).position(|window| window == find.as_bytes());
                found.unwrap_or_else(|| panic!("{find} is not in {file}"))
            });
            bytes[place] ^= 1;
            fs::write(at(file), bytes).unwrap();
        }
        Step::Remove(file) if at(file).is_dir() => fs::remove_dir_all(at(file)).unwrap(),
        Step::Remove(file) => fs::remove_file(at(file)).unwrap(),
        Step::Empty(file) => {
            assert!(at(file).is_file(), "{file}");
            fs::write(at(file), "").unwrap();
        }
        Step::Cut(file) => {
            let bytes = fs::read(at(file)).unwrap();
            fs::write(at(file), &bytes[..bytes.len() / 2]).unwrap();
        }
        Step::Swap([one, other]) => {
            let (first, second) = (fs::read(at(one)).unwrap(), fs::read(at(other)).unwrap());
            assert_ne!(first, second);
            fs::write(at(one), second).unwrap();
            fs::write(at(other), first).unwrap();
        }
        Step::Link(file) => {
            let aside = scene.join("aside");
            fs::rename(at(file), &aside).unwrap();
            std::os::unix::fs::symlink(&aside, at(file)).unwrap();
        }
        Step::Older(files) => {
            for file in files {
                fs::copy(early.join("evidence").join(file), at(file)).unwrap();
            }
        }
        Step::Add(file) => fs::write(at(file), "somebody else's").unwrap(),
    }
}

/// Runs a command to its end; its exit code, and its problems by path.
fn judged(folder: &Path, arguments: &[&str]) -> (i32, Vec<(String, String)>) {
    let output = Command::new(program())
        .current_dir(folder)
        .args(arguments)
        .args(["--format", "json"])
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code().unwrap_or(-1);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        return (code, vec![(String::new(), errors.into_owned())]);
    };
    let text = |problem: &Value, field: &str| problem[field].as_str().unwrap().to_owned();
    let problems = report["problems"].as_array().unwrap();
    (code, problems.iter().map(|one| (text(one, "path"), text(one, "problem"))).collect())
}

impl Damage {
    /// Does it to a copy, and gives back everything that is not as the table says.
    fn done(&self, golden: &Path) -> Vec<String> {
        let scene = tempfile::tempdir().unwrap();
        sh(scene.path(), "cp -a \"$1/$2\" it", &[golden, Path::new(&self.on)]);
        let folder = scene.path().join("it");
        let is_store = matches!(self.on.as_str(), "closed" | "unclosed");
        let root = if is_store { folder.join("evidence") } else { folder.clone() };
        for one in &self.steps {
            step(scene.path(), &root, &golden.join("early"), one);
        }
        let target = match self.on.as_str() {
            "archive" => "pack.zip",
            "pack" => ".",
            _ => "evidence",
        };
        let mut wrong = Vec::new();
        let mut found = Vec::new();
        let (code, problems) = judged(&folder, &["verify", target]);
        if code != self.verify {
            wrong.push(format!("{}: verify ended in {code}, not {}: {problems:?}", self.what, self.verify));
        }
        found.extend(problems);
        assert_eq!(self.fsck.is_some(), is_store, "{}", self.what);
        if let Some(expected) = self.fsck {
            let (code, problems) = judged(&folder, &["--config", "evidenced.toml", "fsck"]);
            if code != expected {
                wrong.push(format!("{}: fsck ended in {code}, not {expected}: {problems:?}", self.what));
            }
            found.extend(problems);
        }
        for (name, says) in &self.names {
            if !found.iter().any(|(path, problem)| path.ends_with(name) && problem.contains(says)) {
                wrong.push(format!("{}: nothing says of {name} that {says}: {found:#?}", self.what));
            }
        }
        wrong
    }
}

#[test]
fn every_kind_of_damage_is_found_and_what_is_damaged_is_named() {
    let golden = golden();
    let table: Table = toml::from_str(&fs::read_to_string(corrupt().join("damages.toml")).unwrap()).unwrap();
    let kinds: BTreeSet<&str> = table.damage.iter().map(|damage| damage.kind.as_str()).collect();
    assert_eq!(kinds, KINDS.into_iter().collect(), "every kind has a damage, and every damage a kind");
    // the control: without a step nothing is found
    for (on, arguments) in [
        ("closed", &["--config", "evidenced.toml", "fsck"][..]),
        ("closed", &["verify", "evidence"]),
        ("unclosed", &["--config", "evidenced.toml", "fsck"]),
        ("unclosed", &["verify", "evidence"]),
        ("pack", &["verify", "."]),
        ("archive", &["verify", "pack.zip"]),
    ] {
        let scene = tempfile::tempdir().unwrap();
        sh(scene.path(), "cp -a \"$1/$2\" it", &[golden.path(), Path::new(on)]);
        assert_eq!(judged(&scene.path().join("it"), arguments), (0, Vec::new()), "{on}: {arguments:?}");
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(damage) = table.damage.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            wrong.extend(damage.done(golden.path()));
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} damages of {} kinds, each found and named", table.damage.len(), KINDS.len());
}

#[test]
fn a_store_of_an_earlier_program_is_sound_is_read_and_goes_on() {
    let golden = golden();
    for state in ["early", "closed", "unclosed"] {
        let folder = golden.path().join(state);
        let run = |code: i32, arguments: &[&str]| {
            let output = Command::new(program())
                .current_dir(&folder)
                .args(["--config", "evidenced.toml"])
                .args(arguments)
                .env_clear()
                .env("HOME", &folder)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(code), "{state}: {arguments:?}: {output:#?}");
            String::from_utf8(output.stdout).unwrap()
        };
        run(0, &["fsck", "--derive"]);
        run(0, &["snapshots", "list"]);
        run(0, &["log", "checkpoint"]);
        let before: Value = serde_json::from_str(&run(0, &["snapshots", "list", "--format", "json"])).unwrap();
        run(0, &["collect"]);
        let after: Value = serde_json::from_str(&run(0, &["snapshots", "list", "--format", "json"])).unwrap();
        let count = |list: &Value| list["snapshots"].as_array().unwrap().len();
        assert_eq!(count(&after), count(&before) + 1, "{state}");
        run(0, &["fsck", "--derive"]);
    }
}

/// Makes the golden stores, once for a format: `TMPDIR=/srv UPDATE=1`, because what is sealed names the folder.
#[test]
fn the_golden_stores_are_there() {
    let target = corrupt().join("stores-v1.zip");
    if target.exists() {
        return;
    }
    assert!(std::env::var_os("UPDATE").is_some(), "the golden stores are missing");
    let issuer = Arc::new(Issuer::new());
    let authority = Authority::of(&issuer, issuer.signer("one", "P-256", "root"), "sha256");
    let sources = format!(
        "{}[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n",
        authority.section("one", Path::new("roots.pem"))
    );
    let audit = Audit::with("");
    fs::copy(issuer.path("root.pem"), audit.path("roots.pem")).unwrap();
    audit.add(&sources);
    let kept = tempfile::tempdir().unwrap();
    let keep = |name: &str| {
        sh(kept.path(), "cp -a \"$1\" \"$2\"; rm -f \"$2\"/evidence/*-shm", &[&audit.path(""), Path::new(name)]);
    };
    // enough of what does not compress that answers and tables are files
    let people: String = (0..400_u64)
        .map(|number| {
            let odd = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (number << 7);
            format!("E{number},Person {odd:x},p{odd:x}@test.example,2020-01-01,\n")
        })
        .collect();
    let roster =
        |more: &str| audit.write("hr.csv", &format!("employee_id,name,work_email,start_date,end_date\n{people}{more}"));
    roster("");
    audit.json(0, &["collect"]);
    audit.json(0, &["log", "timestamp"]);
    keep("early");
    // a table that is told as a difference
    roster("E900,Ada Example,ada@test.example,2020-01-01,\n");
    audit.json(0, &["collect"]);
    audit.run(&["check"]);
    audit.json(0, &["log", "timestamp"]);
    keep("closed");
    let size = || audit.json(0, &["log", "checkpoint"])["size"].as_u64().unwrap();
    let before = size();
    let mut daemon = audit.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while size() == before {
        assert!(started.elapsed() < Duration::from_mins(2), "the daemon seals nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    keep("unclosed");
    sh(kept.path(), "python3 -m zipfile -c \"$1\" early closed unclosed", &[&target]);
    println!("{:?}", files(kept.path()));
}
