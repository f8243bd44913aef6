//! Packs as the command line makes them: the same slice twice, kills, failures, and what an auditor opens.

use crate::peers::tlog;
use crate::support::{Audit, Outcome, files, long};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROSTER: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
     columns = { employee_id = \"ID\", name = \"Name\", work_email = \"Email\", start_date = \"Start\", end_date = \"End\" }\n\
     [[exclusions]]\nwhat = \"payroll\"\nreason = \"run by a processor\"\n\
     [[applicability]]\ncontrol = \"iso27001:2022/A.7.4\"\napplicable = false\njustification = \"no premises\"\n\
     [[requests]]\nid = \"R-1\"\ntext = \"=Leavers of the period\"\nsources = [\"hr\"]\nour_status = \"submitted\"\n";

/// An audit with one collected roster, whose names no one alphabet holds.
fn audit() -> Audit {
    let audit = Audit::with(ROSTER);
    audit.write(
        "hr.csv",
        "ID,Name,Email,Start,End\n1,Łukasz Ångström,l@test.example,2020-01-01,\n2,李 小龙,li@test.example,2020-01-01,2021-01-01\n\
         3,Zoë =1+1,zoe@test.example,2020-01-01,\n4,محمد,m@test.example,2020-01-01,\n",
    );
    assert_eq!(audit.run(&["collect"]).code, 0);
    audit
}

/// An instant after everything collected so far, that is past.
fn an_end(audit: &Audit) -> String {
    let listed = audit.json(0, &["snapshots", "list"]);
    let finished = listed["snapshots"][0]["finished_at"].as_str().unwrap();
    let end = finished.get(..19).unwrap().to_owned() + "Z";
    let started = Instant::now();
    // the next whole second, so that the snapshot lies before it
    while started.elapsed() < Duration::from_millis(2100) {
        std::thread::yield_now();
        std::thread::sleep(Duration::from_millis(100));
    }
    let seconds: u32 = end[17..19].parse().unwrap();
    if seconds < 59 { format!("{}{:02}Z", &end[..17], seconds + 1) } else { format!("{}59.999Z", &end[..17]) }
}

fn create(audit: &Audit, to: &str, name: &str) -> Outcome {
    audit.run(&["pack", "create", "--from", "2020-01-01", "--to", to, "-o", name])
}

fn unpacked(audit: &Audit, name: &str) -> std::path::PathBuf {
    let folder = audit.path(&format!("{name}.d"));
    let output = Command::new("unzip").arg("-q").arg(audit.path(name)).arg("-d").arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

#[test]
fn the_same_slice_gives_the_same_files_but_for_the_log_and_what_signs_it() {
    let audit = audit();
    let to = an_end(&audit);
    assert_eq!(create(&audit, &to, "one.zip").code, 0);
    let entries = || audit.json(0, &["pack", "list"])["packs"].as_array().unwrap().len();
    assert_eq!(entries(), 1);
    assert_eq!(create(&audit, &to, "two.zip").code, 0);
    assert_eq!(entries(), 2);
    let (one, two) = (unpacked(&audit, "one.zip"), unpacked(&audit, "two.zip"));
    let apart_from_log =
        |folder: &Path| -> Vec<_> { files(folder).into_iter().filter(|path| !path.starts_with("log")).collect() };
    assert_eq!(apart_from_log(&one), apart_from_log(&two), "no evaluation was sealed again, so no file is new");
    let differ: Vec<String> = apart_from_log(&one)
        .into_iter()
        .filter(|path| std::fs::read(one.join(path)).unwrap() != std::fs::read(two.join(path)).unwrap())
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    assert_eq!(differ, ["MANIFEST.json", "MANIFEST.json.sig", "SHA256SUMS"]);
    let lines = |folder: &Path| std::fs::read_to_string(folder.join("log/entries.jsonl")).unwrap();
    let (first, second) = (lines(&one), lines(&two));
    let added = second.strip_prefix(&first).unwrap();
    assert_eq!(added.lines().count(), 1, "{added}");
    assert!(added.contains("\"kind\":\"export\""), "{added}");

    // and the second shows that, without the first and without us
    let new: Vec<_> = files(&two).into_iter().filter(|path| !one.join(path).exists()).collect();
    assert_eq!(new, ["log/previous/consistency", "log/previous/pack.json"].map(std::path::PathBuf::from));
    let json = |path: std::path::PathBuf| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let (manifest, previous) = (json(one.join("MANIFEST.json")), json(two.join("log/previous/pack.json")));
    for field in ["log_size", "log_root"] {
        assert_eq!(previous[field], manifest[field], "{previous:#}");
    }
    assert_eq!(previous["manifest_sha256"], sha256_of_manifest(&audit, "one.zip"));
    assert_eq!(previous["log_size_from"], "its export");
    let verified = audit.json(0, &["verify", "two.zip"]);
    assert!(verified["proven"].to_string().contains("only grew since the pack before this one"), "{verified:#}");
    let (old, growth) = (one.join("log/checkpoint"), two.join("log/previous/consistency"));
    let key = std::fs::read_to_string(two.join("log/log-key.vkey")).unwrap();
    let arguments = [key.trim(), "--growth", old.to_str().unwrap(), growth.to_str().unwrap()];
    for judge in [Some(tlog::go as tlog::Judge), tlog::python()].into_iter().flatten() {
        assert_eq!(judge(&arguments), Ok("1 consistency files".to_owned()));
    }
    let verify = ["verify.sh", "--checkpoint", old.to_str().unwrap()];
    let output = Command::new("bash").args(verify).current_dir(&two).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("of the checkpoint you kept, unchanged"), "{said}");
    assert!(said.contains("the log only grew since the pack before this one"), "{said}");
}

#[test]
fn a_pack_of_the_present_seals_nothing_twice_either() {
    let audit = audit();
    audit.run(&["check"]);
    let evaluations = || {
        audit.json(0, &["checks", "list"])["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["as_of"].to_string())
            .collect::<BTreeSet<_>>()
    };
    let before = evaluations();
    assert_eq!(audit.run(&["pack", "create", "-o", "now.zip"]).code, 0);
    assert_eq!(evaluations(), before, "nothing changed since the checks ran, so their evaluations are shipped");
}

#[test]
fn what_an_auditor_opens_is_there_and_inert() {
    let audit = audit();
    assert_eq!(audit.run(&["pack", "create", "--framework", "iso27001:2022", "-o", "q1.zip"]).code, 0);
    let folder = unpacked(&audit, "q1.zip");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for name in [
        "00_README.html",
        "00_README.txt",
        "01_SCOPE.json",
        "02_EVIDENCE_INDEX.csv",
        "02_EVIDENCE_INDEX.json",
        "02_EVIDENCE_INDEX.xlsx",
        "03_REQUESTS.csv",
        "04_COVERAGE.csv",
        "05_EXCEPTIONS.csv",
        "06_CHECK_CHANGES.csv",
        "report.html",
        "report.pdf",
        "controls/iso27001-2022.csv",
        "controls/iso27001-2022/A.5.18/index.html",
        "populations/hr.html",
        "populations/hr.json",
        "evidence.sqlite",
        "verify.sh",
        "log/checkpoint",
        "SHA256SUMS",
    ] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    assert!(read("01_SCOPE.json").contains("run by a processor") && read("01_SCOPE.json").contains("no premises"));
    let requests = read("03_REQUESTS.csv");
    assert!(requests.contains("R-1,'=Leavers of the period,,hr,,submitted,,,,1\n"), "{requests}");
    let population: serde_json::Value = serde_json::from_str(&read("populations/hr.json")).unwrap();
    assert_eq!(population["status"], "complete");
    assert_eq!(population["counts"][0]["counted"], 4);
    assert!(population["logic"].as_str().unwrap().contains("read to its end"), "{population}");
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|extension| extension == "html")) {
        let html = read(path.to_str().unwrap());
        for forbidden in ["<script", "javascript:", "http://", "https://", "onload", "<img", "<iframe"] {
            assert!(!html.contains(forbidden) || path.starts_with("populations"), "{forbidden} in {}", path.display());
        }
        // every link leads to a file of the pack
        for target in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let leads_to = path.parent().unwrap().join(target);
            assert!(target.starts_with('#') || folder.join(&leads_to).is_file(), "{target} in {}", path.display());
        }
    }
    let output = Command::new("bash").arg("verify.sh").current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_hidden_column_is_nowhere_in_the_pack_and_each_field_opens_by_itself() {
    let audit = audit();
    let outcome = audit.run(&["pack", "create", "--redact", "hr_person.name", "-o", "q1.zip"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let verified = audit.json(0, &["verify", "q1.zip"]);
    assert!(verified["not_proven"].to_string().contains("hr_person.name"), "{verified}");
    let folder = unpacked(&audit, "q1.zip");
    for path in files(&folder) {
        let bytes = std::fs::read(folder.join(&path)).unwrap();
        for name in ["Łukasz", "李 小龙", "محمد"] {
            let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!found, "{name} in {}", path.display());
        }
    }
    assert!(!folder.join("evidence.sqlite").exists());
    let output = Command::new("bash").arg("verify.sh").current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("redacted tables"), "{said}");

    let table = files(&folder).into_iter().find(|path| path.ends_with("tables/hr_person.redacted.jsonl")).unwrap();
    let lines = std::fs::read_to_string(folder.join(&table)).unwrap();
    let second: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    let id = audit.json(0, &["snapshots", "list"])["snapshots"][0]["id"].as_str().unwrap().to_owned();
    let opened = audit.json(0, &["pack", "reveal", &id, "hr_person.name", "2"]);
    assert_eq!(opened["value"], "\"李 小龙\"");
    assert_eq!(opened["commitment"], second["name"]["redacted"]);
    // as a stranger computes it: the salt's bytes, then the value
    let salt = opened["salt"].as_str().unwrap();
    let escaped: String =
        salt.as_bytes().chunks(2).map(|pair| format!("\\x{}", std::str::from_utf8(pair).unwrap())).collect();
    let script = format!("{{ printf '{escaped}'; printf '%s' '\"李 小龙\"'; }} | sha256sum | cut -c-64");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), opened["commitment"].as_str().unwrap());
    assert_eq!(audit.run(&["pack", "reveal", &id, "hr_person.name", "9"]).code, 2);
    assert_eq!(audit.run(&["pack", "create", "--redact", "name", "-o", "q2.zip"]).code, 2);
}

#[test]
fn an_export_that_fails_is_not_in_the_log() {
    let audit = audit();
    // the hidden name it is written under has no room in a folder
    let name = format!("{}.zip", "x".repeat(245));
    let outcome = audit.run(&["pack", "create", "-o", &name]);
    assert_eq!(outcome.code, 74, "{outcome:?}");
    assert!(audit.json(0, &["pack", "list"])["packs"].as_array().unwrap().is_empty());
    assert!(!audit.path(&name).exists());
    audit.assert_sound();
}

#[test]
fn a_kill_leaves_no_pack_under_its_name_that_is_not_whole_and_in_the_log() {
    let audit = audit();
    audit.run(&["check"]);
    let started = Instant::now();
    assert_eq!(audit.run(&["pack", "create", "-o", "whole.zip"]).code, 0);
    let whole = started.elapsed();
    let kills = if long() { 200 } else { 12 };
    let (mut named, mut interrupted) = (0, 0);
    for round in 0..kills {
        let name = format!("{round}.zip");
        let mut child = audit
            .command(&["pack", "create", "-o", &name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // spread over the whole run, and a little beyond it
        std::thread::sleep(whole.mul_f64(1.1 * (f64::from(round) + 0.5) / f64::from(kills)));
        let _ = child.kill();
        interrupted += u32::from(!child.wait().unwrap().success());
        if audit.path(&name).exists() {
            named += 1;
            assert_eq!(audit.run(&["verify", &name]).code, 0, "{name}");
            let (manifest, packs) = (sha256_of_manifest(&audit, &name), audit.json(0, &["pack", "list"]));
            assert!(packs.to_string().contains(&manifest), "{name} is not in the log: {packs}");
        }
    }
    audit.assert_sound();
    println!("{interrupted} of {kills} runs interrupted, {named} packs got their name, each whole and in the log");
    assert!(interrupted > kills / 3, "{interrupted} of {kills}");
}

fn sha256_of_manifest(audit: &Audit, name: &str) -> String {
    let script = format!("unzip -p {name} MANIFEST.json | sha256sum | cut -c-64");
    let output = Command::new("sh").args(["-c", &script]).current_dir(audit.path(".")).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_index_says_who_answers_for_evidence_and_how_long_it_is_kept_where_anybody_said_so() {
    const SAID: &str =
        "owner = \"=Head of People\"\nreviewer = \"Internal audit\"\nclassification = \"confidential\"\n";
    let audit =
        Audit::with(&ROSTER.replacen("[sources.hr]\n", &format!("[sources.hr]\n{SAID}retention = \"730d\"\n"), 1));
    audit.write("hr.csv", "ID,Name,Email,Start,End\n1,Ada Example,ada@test.example,2020-01-01,\n");
    audit.add("[sources.other]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
         columns = { employee_id = \"ID\", name = \"Name\", work_email = \"Email\", start_date = \"Start\", end_date = \"End\" }\n\
         [checks]\nowner = \"Security\"\n");
    assert_eq!(audit.run(&["collect"]).code, 0);
    audit.run(&["check"]);
    let index = |name: &str| -> Vec<serde_json::Value> {
        assert_eq!(audit.run(&["pack", "create", "-o", &format!("{name}.zip")]).code, 0);
        let folder = unpacked(&audit, &format!("{name}.zip"));
        let text = std::fs::read_to_string(folder.join("02_EVIDENCE_INDEX.json")).unwrap();
        let index: serde_json::Value = serde_json::from_str(&text).unwrap();
        index["evidence"].as_array().unwrap().clone()
    };
    let of = |rows: &[serde_json::Value], kind: &str, source: &str| -> serde_json::Value {
        rows.iter().find(|row| row["type"] == kind && row["source"] == source).unwrap().clone()
    };
    let after = |instant: &serde_json::Value, days: i64| {
        let instant: model::Timestamp = instant.as_str().unwrap().parse().unwrap();
        model::time::seconds_text(instant + std::time::Duration::from_secs(86_400 * u64::try_from(days).unwrap()))
    };
    let columns = ["owner", "reviewer", "classification", "retain_until"];
    let said = |row: &serde_json::Value| columns.map(|column| row[column].as_str().unwrap().to_owned());

    let rows = index("one");
    let hr = of(&rows, "snapshot", "hr");
    let until = after(&hr["collected_at"], 730);
    assert_eq!(said(&hr), ["=Head of People", "Internal audit", "confidential", &until]);
    assert_eq!(said(&of(&rows, "snapshot", "other")), ["", "", "", ""], "nobody said anything of it");
    assert_eq!(said(&of(&rows, "evaluation", "")), ["Security", "", "", ""], "kept for ever, and no time was set");

    // the same in the sheets, inert
    let folder = audit.path("one.zip.d");
    let sheet = std::fs::read_to_string(folder.join("02_EVIDENCE_INDEX.csv")).unwrap();
    let line = sheet.lines().find(|line| line.starts_with(hr["evidence_id"].as_str().unwrap())).unwrap();
    assert!(line.ends_with(&format!(",'=Head of People,Internal audit,confidential,,,{until},false")), "{line}");
    let script = "unzip -p 02_EVIDENCE_INDEX.xlsx xl/worksheets/sheet1.xml";
    let output = Command::new("sh").args(["-c", script]).current_dir(&folder).output().unwrap();
    let book = String::from_utf8(output.stdout).unwrap();
    for cell in ["=Head of People", "Internal audit", "confidential", &until, "Security"] {
        assert!(book.contains(&format!("<t xml:space=\"preserve\">{cell}</t>")), "{cell}: {book}");
    }

    // a default for the rest, and a hold that keeps one source and what was concluded from it
    audit.add("[retention]\ndefault = \"90d\"\nevaluations = \"365d\"\n");
    let hold = ["retention", "hold", "add", "--source", "hr", "--by", "Pat", "--reason", "a dispute"];
    assert_eq!(audit.run(&hold).code, 0);
    let rows = index("two");
    let hr = of(&rows, "snapshot", "hr");
    assert_eq!(hr["retain_until"], format!("hold (hold-1), and not before {until}"));
    let other = of(&rows, "snapshot", "other");
    assert_eq!(other["retain_until"], after(&other["collected_at"], 90));
    let evaluations: Vec<_> = rows.iter().filter(|row| row["type"] == "evaluation").collect();
    let keeps = |row: &&&serde_json::Value| row["retain_until"].as_str().unwrap().starts_with("hold (hold-1), and not");
    assert!(evaluations.iter().any(|row| keeps(&row)), "{rows:#?}");
    for row in evaluations.iter().filter(|row| !keeps(row)) {
        assert_eq!(row["retain_until"], after(&row["observed_at"], 365));
    }
    let release = ["retention", "hold", "release", "hold-1", "--by", "Pat", "--reason", "settled"];
    assert_eq!(audit.run(&release).code, 0);
    assert_eq!(of(&index("three"), "snapshot", "hr")["retain_until"], until.as_str());
}
