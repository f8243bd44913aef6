//! Other people's tools judge what we publish: a store's log and a pack. None of them shares a line with us.

use crate::peers::tlog::{self, Judge};
use crate::support::{Audit, files};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: usize = 65;
const RUNS: usize = 4;

/// A store whose log has more than one tile, and the checkpoints it had on the way.
struct Log {
    audit: Audit,
    old: Vec<PathBuf>,
}

impl Log {
    fn new() -> Self {
        let mut sources = String::new();
        for number in 0..SOURCES {
            sources += &format!(
                "[sources.hr{number}]\ncollector = \"hr_file\"\npath = \"hr.csv\"\ncolumns = {{ employee_id = \"ID\", name = \"Name\", work_email = \"Email\", start_date = \"Start\" }}\n"
            );
        }
        let audit = Audit::with(&sources);
        audit.write("hr.csv", "ID,Name,Email,Start\nE1,Ada Example,ada@example.org,2020-01-01\n");
        let mut log = Self { audit, old: Vec::new() };
        log.keep();
        for _ in 0..RUNS {
            log.audit.json(0, &["collect"]);
            log.keep();
        }
        log
    }

    fn folder(&self) -> PathBuf {
        self.audit.path("evidence/log")
    }

    fn keep(&mut self) {
        let old = self.audit.path(&format!("checkpoint-{}", self.old.len()));
        fs::copy(self.folder().join("checkpoint"), &old).unwrap();
        self.old.push(old);
    }

    fn key(&self) -> String {
        fs::read_to_string(self.audit.path("evidence/blobs/log.vkey")).unwrap().trim().to_owned()
    }

    fn size(&self) -> u64 {
        let checkpoint = fs::read_to_string(self.folder().join("checkpoint")).unwrap();
        checkpoint.lines().nth(1).unwrap().parse().unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn go_and_a_third_partys_python_verify_a_real_log_and_the_proofs_of_a_pack() {
    let log = Log::new();
    assert!(log.size() > 256, "more than one tile");
    let pack = log.audit.path("pack");
    assert_eq!(log.audit.run(&["pack", "create", "--quiet", "-o", "pack"]).code, 0);
    println!("{}", log.judged_by("Go's sumdb/note and sumdb/tlog", tlog::go, &pack));
    match tlog::python() {
        Some(judge) => println!("{}", log.judged_by("aics-tlog", judge, &pack)),
        None => println!("NOT RUN: there is no Python 3.12 or newer for aics-tlog"),
    }
}

impl Log {
    fn judged_by(&self, name: &str, judge: Judge, pack: &Path) -> String {
        let (key, folder, size) = (self.key(), self.folder(), self.size());
        let old: Vec<&str> = self.old.iter().map(|path| text(path)).collect();
        let ask = |folder: &Path| judge(&[&[key.as_str(), text(folder)][..], &old].concat());
        assert_eq!(ask(&folder), Ok(format!("{size} entries, {} old checkpoints", old.len())));

        let proofs = files(&pack.join("log/proofs"));
        let paths: Vec<PathBuf> = proofs.iter().map(|name| pack.join("log/proofs").join(name)).collect();
        let entries = pack.join("log/entries.jsonl");
        let ask_proofs = |key: &str, paths: &[PathBuf]| {
            let paths: Vec<&str> = paths.iter().map(|path| text(path)).collect();
            judge(&[&[key, "--proof", text(&entries)][..], &paths].concat())
        };
        assert_eq!(ask_proofs(&key, &paths), Ok(format!("{} inclusion proofs", paths.len())));
        assert!(paths.len() >= RUNS * SOURCES);

        // the judge judges: what is not so, it does not let pass
        let other = key.replacen("test.example", "best.example", 1);
        assert!(ask_proofs(&other, &paths[..1]).is_err(), "another key");
        let before = fs::read(&entries).unwrap();
        fs::write(&entries, String::from_utf8_lossy(&before).replacen("hr7", "hr8", 1)).unwrap();
        assert!(ask_proofs(&key, &paths).is_err(), "an altered entry");
        fs::write(&entries, before).unwrap();
        let edge = format!("tile/0/001.p/{}", size - 256);
        for path in ["checkpoint", "tile/entries/000", "tile/0/000", &edge, "tile/1/000.p/1"] {
            let file = folder.join(path);
            let good = fs::read(&file).unwrap();
            let mut bad = good.clone();
            let middle = bad.len() / 2;
            bad[middle] ^= 1;
            fs::write(&file, &bad).unwrap();
            assert!(ask(&folder).is_err(), "{path} altered");
            fs::write(&file, &good).unwrap();
        }
        assert!(ask(&folder).is_ok());
        format!("{name}: {size} entries, {} old checkpoints, {} proofs of a pack", old.len(), paths.len())
    }
}

#[test]
fn bash_openssl_and_coreutils_verify_a_pack_down_to_every_proof() {
    let audit = Audit::with(
        "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\ncolumns = { employee_id = \"ID\", name = \"Name\", work_email = \"Email\", start_date = \"Start\" }\n",
    );
    audit.write("hr.csv", "ID,Name,Email,Start\nE1,Ada Example,ada@example.org,2020-01-01\n");
    for _ in 0..3 {
        audit.json(0, &["collect"]);
    }
    audit.run(&["check"]);
    assert_eq!(audit.run(&["pack", "create", "--quiet", "-o", "q1.zip"]).code, 0);
    let unzip = Command::new("unzip").args(["-q", "q1.zip", "-d", "q1"]).current_dir(audit.path(".")).status();
    assert!(unzip.unwrap().success());
    let pack = audit.path("q1");
    let judged = tlog::shell(&pack).unwrap();
    let proofs = files(&pack.join("log/proofs")).len();
    assert!(proofs > 10 && judged.ends_with(&format!(" 2 signatures, {proofs} inclusion proofs")), "{judged}");

    for path in ["MANIFEST.json.sig", "log/checkpoint", "log/entries.jsonl", "log/proofs/2.tlog-proof", "00_README.txt"]
    {
        let file = pack.join(path);
        let good = fs::read(&file).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] = if bad[middle] == b'A' { b'B' } else { b'A' };
        fs::write(&file, &bad).unwrap();
        assert!(tlog::shell(&pack).is_err(), "{path} altered");
        fs::write(&file, &good).unwrap();
    }
    println!("{judged}");
}
