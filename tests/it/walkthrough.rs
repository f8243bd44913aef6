//! A new collector, added to a copy of the repository as `tests/walkthrough/README.md` says: its folder, two lines, and
//! what is generated. The copy is built anew, so this runs with `--long` only.

use crate::support::{files, long};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is written by `UPDATE=1`, beside what is in the collector's own folder.
const GENERATED: &[&str] = &[
    "collectors/README.md",
    "config/evidenced.schema.json",
    "config/evidenced.toml",
    "deploy/permissions/badge_file.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Copies what the repository holds, without what is built or installed.
fn copy(from: &Path, to: &Path) {
    let listed = Command::new("git").current_dir(from).args(["ls-files", "-z", "-co", "--exclude-standard"]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    for path in listed.split('\0').filter(|path| !path.is_empty() && from.join(path).is_file()) {
        let target = to.join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(path), target).unwrap();
    }
}

fn nextest(folder: &Path, target: &Path, update: bool) {
    let mut command = Command::new("cargo");
    command.current_dir(folder).env("CARGO_TARGET_DIR", target).args(["nextest", "run", "--workspace", "--locked"]);
    command.args(["--lib", "--bins", "--status-level", "fail", "--no-fail-fast"]);
    command.args(["-E", "package(collectors) | (package(evidenced) & kind(bin) & test(settings))"]);
    if update {
        command.env("UPDATE", "1");
    }
    let output = command.output().unwrap();
    assert!(output.status.success() || update, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_new_collector_is_its_folder_and_two_lines() {
    if !long() {
        println!("not run: it builds the workspace anew; `tests/run --long` runs it");
        return;
    }
    let folder = root().join("target/walkthrough");
    let (source, target) = (folder.join("source"), folder.join("target"));
    // somebody may be at work on the repository meanwhile
    let before = tempfile::tempdir().unwrap();
    copy(&root(), before.path());
    let _ = std::fs::remove_dir_all(&source);
    copy(&root(), &source);

    let ours = root().join("tests/walkthrough/badge_file");
    for path in files(&ours) {
        let place = source.join("collectors/badge_file").join(&path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(ours.join(&path), place).unwrap();
    }
    let registry = std::fs::read_to_string(source.join("collectors/lib.rs")).unwrap();
    let added = registry
        .replace("mod bamboohr;\n", "mod badge_file;\nmod bamboohr;\n")
        .replace("    &bamboohr::BambooHr,\n", "    &badge_file::BadgeFile,\n    &bamboohr::BambooHr,\n");
    assert_eq!(added.lines().count(), registry.lines().count() + 2);
    std::fs::write(source.join("collectors/lib.rs"), added).unwrap();

    nextest(&source, &target, true);
    nextest(&source, &target, false);

    let changed: BTreeSet<String> = files(&source)
        .into_iter()
        .filter(|path| std::fs::read(before.path().join(path)).ok() != std::fs::read(source.join(path)).ok())
        .map(|path| path.to_str().unwrap().to_owned())
        .filter(|path| !path.starts_with("collectors/badge_file/") && path != "collectors/lib.rs")
        .collect();
    assert_eq!(changed, GENERATED.iter().map(|path| (*path).to_owned()).collect(), "nothing else has to change");

    // and a person uses it
    let built = Command::new("cargo")
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", &target)
        .args(["build", "--workspace", "--bin", "evidenced", "--locked", "--quiet"])
        .status();
    assert!(built.unwrap().success());
    let work = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(target.join("debug/evidenced")).current_dir(&work).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run(&["init", ".", "--name", "Test Ltd", "--origin", "test.example/evidence"]).0, Some(0));
    let starter = std::fs::read_to_string(work.path().join("evidenced.toml")).unwrap();
    let (general, _) = starter.split_once("# This host's own accounts").unwrap();
    let sources = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\n\
                   [sources.doors]\ncollector = \"badge_file\"\npath = \"badges.jsonl\"\n";
    std::fs::write(work.path().join("evidenced.toml"), format!("{general}\n{sources}")).unwrap();
    std::fs::write(
        work.path().join("hr.csv"),
        "employee_id,name,work_email,start_date,end_date\n1,Ada Example,ada@test.example,2020-01-01,2021-01-01\n",
    )
    .unwrap();
    let badge = "{\"number\":\"0017\",\"holder\":\"ada@test.example\",\"blocked\":false}\n";
    std::fs::write(work.path().join("badges.jsonl"), format!("{badge}{{\"badges\":1}}\n")).unwrap();
    assert_eq!(run(&["collect"]).0, Some(0));
    let (code, shown) = run(&["check", "leaver_still_active"]);
    assert_eq!(code, Some(1), "a leaver's badge still opens doors: {shown}");
    std::fs::write(work.path().join("badges.jsonl"), badge).unwrap();
    assert_eq!(run(&["collect", "doors"]).0, Some(3), "an export that was cut is incomplete");
}
