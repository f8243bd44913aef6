//! The whole line over a roster and a fake host: collect, seal, check, findings, pack, verify.

use crate::support::{Audit, files, long};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const SOURCES: &str = r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
columns = { employee_id = "ID", name = "Name", work_email = "Email", employment_type = "Type", start_date = "Start", end_date = "End" }

[sources.host]
collector = "linux_accounts"
root = "host"
hostname = "build-1"

[[links]]
account = "host:ada"
person = "hr:E1"
approved_by = "Grace"

[[links]]
account = "host:bob"
person = "hr:E2"
approved_by = "Grace"
"#;

const HEADER: &str = "ID,Name,Email,Type,Start,End\n";
const STAFF: &str =
    "E1,Ada Example,ada@example.org,employee,2020-01-01,\nE2,Bob Example,bob@example.org,employee,2020-01-01,";

/// An organisation of two people with accounts on one host.
pub(crate) fn audit() -> Audit {
    let audit = Audit::with(SOURCES);
    audit.write("hr.csv", &format!("{HEADER}{STAFF}\n"));
    host(&audit, &["ada", "bob", "carol", "dan"]);
    audit
}

/// A fake host with root and the `accounts`.
fn host(audit: &Audit, accounts: &[&str]) {
    let etc = audit.path("host/etc");
    fs::create_dir_all(&etc).unwrap();
    let mut passwd = "root:x:0:0:root:/root:/bin/bash\n".to_owned();
    let mut shadow = "root:*:19000:0:99999:7:::\n".to_owned();
    for (number, account) in accounts.iter().enumerate() {
        passwd += &format!("{account}:x:{0}:{0}:{account}:/home/{account}:/bin/bash\n", 1000 + number);
        shadow += &format!("{account}:$6$salt$notarealhash:19000:0:99999:7:::\n");
    }
    fs::write(etc.join("passwd"), passwd).unwrap();
    fs::write(etc.join("shadow"), shadow).unwrap();
    fs::write(etc.join("group"), "root:x:0:\nsudo:x:27:\n").unwrap();
    fs::write(etc.join("sudoers"), "root ALL=(ALL:ALL) ALL\n").unwrap();
    fs::write(etc.join("hostname"), "build-1\n").unwrap();
}

pub(crate) fn bob_leaves(audit: &Audit) {
    audit.write("hr.csv", &format!("{HEADER}{STAFF}2024-03-31\n"));
}

fn evaluation<'a>(report: &'a Value, check: &str) -> &'a Value {
    report["evaluations"].as_array().unwrap().iter().find(|evaluation| evaluation["check"] == check).unwrap()
}

#[test]
fn a_leaver_becomes_a_finding_and_is_resolved_by_a_later_complete_snapshot_only() {
    let audit = audit();
    bob_leaves(&audit);
    let collected = audit.json(0, &["collect"]);
    let statuses: Vec<&Value> = collected["snapshots"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["complete", "complete"]);

    let checked = audit.json(1, &["check", "leaver_still_active"]);
    let leaver = evaluation(&checked, "leaver_still_active");
    assert_eq!(leaver["outcome"], "fail");
    assert_eq!(leaver["failing"][0]["subject"], "host:bob");
    let findings = audit.json(0, &["findings", "list"]);
    assert_eq!(findings["findings"][0]["state"], "draft");
    assert_eq!(findings["findings"][0]["items"][0]["subject"], "host:bob");

    // the account is gone, but the run that could show it is broken: nothing is resolved
    host(&audit, &["ada", "carol", "dan"]);
    fs::remove_file(audit.path("host/etc/shadow")).unwrap();
    audit.json(3, &["collect", "host"]);
    let broken = audit.json(3, &["check", "leaver_still_active"]);
    assert_eq!(evaluation(&broken, "leaver_still_active")["outcome"], "inconclusive");
    let findings = audit.json(0, &["findings", "list"]);
    assert_eq!(findings["findings"][0]["items"][0]["resolved_at"], Value::Null);

    // a later complete snapshot shows it
    host(&audit, &["ada", "carol", "dan"]);
    audit.json(0, &["collect", "host"]);
    audit.run(&["check", "leaver_still_active"]);
    let findings = audit.json(0, &["findings", "list"]);
    assert_eq!(findings["findings"][0]["state"], "resolved");
    assert_ne!(findings["findings"][0]["items"][0]["resolved_at"], Value::Null);
    audit.assert_sound();
    let derived = audit.run(&["fsck", "--derive"]);
    assert_eq!(derived.code, 0, "{derived:#?}");
}

/// What the one evaluation of a check says, without what changes with its instant.
fn judged(audit: &Audit, code: i32, check: &str) -> Vec<(String, String)> {
    let checked = audit.json(code, &["check", check]);
    let failing = evaluation(&checked, check)["failing"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failing.iter().map(|one| (text(&one["subject"]), text(&one["reason"]))).collect()
}

#[test]
fn what_earlier_snapshots_showed_bounds_a_removal_and_is_worked_out_again_from_them() {
    let audit = audit();
    let window = "window = \"36500d\"";
    audit.add(&format!("\n[checks.parameters]\nleaver_removed_in_time.{window}\nhr_recorded_leaver_late.{window}\n"));
    audit.json(0, &["collect"]);
    bob_leaves(&audit);
    audit.json(0, &["collect"]);
    host(&audit, &["ada", "carol", "dan"]);
    audit.json(0, &["collect"]);

    // gone now, and seen active long after the last day: no removal makes that undone
    let late = judged(&audit, 1, "leaver_removed_in_time");
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!(late[0].0, "host:bob");
    assert!(
        late[0].1.starts_with("employment ended 2024-04-01T00:00:00Z and the account was still active"),
        "{late:?}"
    );
    // the end was recorded only by the second roster
    let recorded = judged(&audit, 1, "hr_recorded_leaver_late");
    assert_eq!(recorded[0].0, "hr:E2 spell 1");

    let sql =
        "SELECT account_key, listed, status, since_snapshot, until_snapshot FROM account_history ORDER BY 1, since_at";
    let runs = audit.json(0, &["query", sql])["rows"].clone();
    let bobs = |rows: &Value| rows.as_array().unwrap().iter().filter(|row| row[0] == "host:bob").count();
    assert_eq!(bobs(&runs), 2, "{runs:#}");
    let kept = audit.path("evidence/history");
    assert!(kept.join("host.json").exists() && kept.join("hr.json").exists());
    fs::remove_dir_all(&kept).unwrap();
    assert_eq!(audit.json(0, &["query", sql])["rows"], runs, "it follows from the sealed snapshots alone");
    fs::write(kept.join("host.json"), "{}").unwrap();
    assert_eq!(audit.json(0, &["query", sql])["rows"], runs, "what lies there and is not of them is not read");
    audit.assert_sound();
    let forged = fs::read_to_string(kept.join("host.json")).unwrap();
    let (_, forged) = forged.split_once('\n').unwrap();
    let forged = forged.replace("enabled", "disabled");
    fs::write(kept.join("host.json"), format!("{}\n{forged}", model::Digest::of(forged.as_bytes()))).unwrap();
    let derived = audit.run(&["fsck", "--derive"]);
    assert!(derived.code == 1 && derived.stdout.contains("does not follow from the sealed snapshots"), "{derived:#?}");

    // an erased snapshot leaves no trace there
    let snapshots = audit.json(0, &["snapshots", "list", "--source", "host"]);
    let oldest = snapshots["snapshots"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let erased = audit.run(&["retention", "erase", &oldest, "--by", "Grace", "--reason", "asked for"]);
    assert_eq!(erased.code, 0, "{erased:#?}");
    assert!(!kept.exists());
    let runs = audit.json(0, &["query", sql])["rows"].clone();
    assert!(!runs.to_string().contains(&oldest), "{runs:#}");
}

#[test]
fn the_statement_of_applicability_stands_beside_each_control_and_what_it_leaves_out_is_told() {
    let audit = audit();
    assert_eq!(audit.run(&["controls", "list"]).stderr, "", "who states nothing has nothing to complete");
    audit.add(
        "\n[[applicability]]\ncontrol = \"iso27001:2022/A.7.4\"\napplicable = false\njustification = \"no premises\"\n",
    );
    let listed = audit.json(0, &["controls", "list"]);
    let of = |id: &str| listed["controls"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    let [stated, other] = [of("iso27001:2022/A.7.4"), of("iso27001:2022/A.5.18")];
    assert_eq!((&stated["applicable"], &stated["justification"]), (&json!(false), &json!("no premises")));
    assert_eq!((&other["applicable"], &other["outcome"]), (&Value::Null, &json!("inconclusive")));
    let table = audit.run(&["controls", "list"]);
    assert!(table.stdout.contains("no: no premises"), "{table:#?}");
    assert!(table.stderr.contains("says nothing of 92 controls of Annex A"), "{table:#?}");
}

#[test]
fn a_roster_whose_stored_rows_are_damaged_is_told_and_judges_nobody() {
    let audit = audit();
    // so many names that differ, that their table is a file
    let mut word = 1_u64;
    let staff = (0..700).map(|number| {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("P{number},{word:x},{word:x}@example.org,employee,2020-01-01,\n")
    });
    audit.write("hr.csv", &(format!("{HEADER}{STAFF}2024-03-31\n") + &staff.collect::<String>()));
    let collected = audit.json(0, &["collect"]);
    assert_eq!(evaluation(&audit.json(1, &["check", "leaver_still_active"]), "leaver_still_active")["outcome"], "fail");

    let snapshots = collected["snapshots"].as_array().unwrap();
    let roster = snapshots.iter().find(|snapshot| snapshot["source"] == "hr").unwrap();
    let shown = audit.json(0, &["snapshots", "show", roster["id"].as_str().unwrap()]);
    let tables = shown["manifest"]["tables"].as_array().unwrap();
    let digest = tables.iter().find(|table| table["rows"] == 702).unwrap()["sha256"].as_str().unwrap().to_owned();
    let stored = files(&audit.path(".")).into_iter().find(|path| path.to_string_lossy().contains(&digest)).unwrap();
    let stored = audit.path(".").join(stored);
    let mut bytes = fs::read(&stored).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&stored, bytes).unwrap();

    let checked = audit.json(3, &["check", "leaver_still_active"]);
    let leaver = evaluation(&checked, "leaver_still_active");
    assert_eq!(leaver["outcome"], "inconclusive");
    assert_eq!(leaver["failing"].as_array().unwrap().len(), 0);
    let input = leaver["inputs"].as_array().unwrap().iter().find(|input| input["source"] == "hr").unwrap();
    assert_eq!((&input["state"], &input["snapshot"]), (&json!("failed"), &roster["id"]));
    assert!(input["why"].as_str().unwrap().contains("the stored evidence is damaged"), "{input}");
    // nor is anything else read from what is left of it
    let rows = audit.json(0, &["query", "SELECT count(*) AS people FROM person"]);
    assert_eq!(rows["rows"], json!([[0]]));
}

#[test]
fn a_pack_is_checked_with_public_tools_and_gives_the_sealed_rows_again() {
    let audit = audit();
    bob_leaves(&audit);
    audit.json(0, &["collect"]);
    let checked = audit.json(1, &["check"]);
    let packed = audit.run(&["pack", "create", "-o", "q1.zip"]);
    assert_eq!(packed.code, 0, "{packed:#?}");
    let verified = audit.json(0, &["verify", "q1.zip"]);
    assert_eq!(verified["verified"], true);
    assert!(!verified["not_proven"].as_array().unwrap().is_empty());

    let shell = |script: &str| {
        let output = Command::new("bash").args(["-euc", script]).current_dir(audit.path(".")).output().unwrap();
        assert!(output.status.success(), "{script}\n{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    shell("unzip -q q1.zip -d q1 && cd q1 && sha256sum --quiet --check SHA256SUMS");
    let csv = shell("cd q1 && sqlite3 -readonly evidence.sqlite < checks/leaver_still_active.sql");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let failing: Vec<csv::StringRecord> =
        rows.records().map(Result::unwrap).filter(|row| row.iter().any(|cell| cell == "fail")).collect();
    let sealed = evaluation(&checked, "leaver_still_active");
    assert_eq!(failing.len(), sealed["failing"].as_array().unwrap().len());
    assert!(failing[0].iter().any(|cell| cell == sealed["failing"][0]["subject"]));

    // the folder form is the same and verifies too
    assert_eq!(audit.run(&["pack", "create", "-o", "q1-folder"]).code, 0);
    assert_eq!(audit.json(0, &["verify", "q1-folder"])["verified"], true);
}

#[test]
fn one_flipped_bit_in_any_file_of_a_pack_or_of_the_store_is_found_and_named() {
    let audit = audit();
    audit.json(0, &["collect"]);
    audit.run(&["check"]);
    assert_eq!(audit.run(&["pack", "create", "-o", "pack"]).code, 0);

    let mut flips = 0;
    for (folder, command) in [("pack", vec!["verify", "pack"]), ("evidence", vec!["fsck"])] {
        let root = audit.path(folder);
        for file in files(&root) {
            // the writer's lock file holds no evidence: who has the store open, for a message
            if file.ends_with("writer.lock") {
                continue;
            }
            let path = root.join(&file);
            let sound = fs::read(&path).unwrap();
            let everywhere = [0, sound.len() / 2, sound.len().saturating_sub(1)];
            // a bounded run takes the first, middle and last byte of files by turns
            let turn = [everywhere[flips % 3]];
            let positions: &[usize] = if long() { &everywhere } else { &turn };
            for &position in positions.iter().filter(|position| **position < sound.len()) {
                let mut damaged = sound.clone();
                damaged[position] ^= 0x10;
                fs::write(&path, &damaged).unwrap();
                let outcome = audit.run(&[command.as_slice(), &["--format", "json"]].concat());
                let place = format!("{folder}/{} byte {position}", file.display());
                assert!(
                    outcome.code == 1 || outcome.code == 2 || outcome.code == 74,
                    "{place} not found: {outcome:#?}"
                );
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                let named = format!("{}{}", outcome.stdout, outcome.stderr);
                assert!(named.contains(&name) || named.contains("log/entries"), "{place} not named: {outcome:#?}");
                flips += 1;
            }
            fs::write(&path, &sound).unwrap();
        }
    }
    println!("{flips} flipped bits found and named");
    assert!(flips > 100);
    assert_eq!(audit.run(&["verify", "pack"]).code, 0);
    audit.assert_sound();
}

#[test]
fn every_configuration_problem_is_told_at_once_with_its_place() {
    let audit = Audit::with(
        r#"
[sources.hr]
collector = "hr_fil"
shedule = "0 4 * * *"

[sources.gh]
collector = "github_org"
org = "acme"
schedule = "61 * * * *"
token = "ghp_inline"
"#,
    );
    let outcome = audit.run(&["collect"]);
    assert_eq!(outcome.code, 2);
    for expected in ["evidenced.toml:", "hr_file", "schedule", "61", "token"] {
        assert!(outcome.stderr.contains(expected), "no `{expected}` in {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("ghp_inline"), "a secret is never printed");
}

#[test]
fn a_missing_credential_fails_the_run_and_the_failure_is_sealed() {
    let audit = Audit::with(
        "[sources.gh]\ncollector = \"github_org\"\norg = \"acme\"\napi_url = \"http://127.0.0.1:9\"\ntoken = { env = \"GITHUB_TOKEN\" }\n",
    );
    let collected = audit.json(3, &["collect"]);
    assert_eq!(collected["snapshots"][0]["status"], "failed");
    assert_eq!(collected["snapshots"][0]["errors"][0]["kind"], "transient");
    assert!(collected["snapshots"][0]["errors"][0]["help"].is_string());
    let checked = audit.json(3, &["check", "github_member_without_2fa"]);
    assert_eq!(evaluation(&checked, "github_member_without_2fa")["outcome"], "inconclusive");
    assert_eq!(json!([]), evaluation(&checked, "github_member_without_2fa")["failing"]);
    // the gap itself is a failure of the programme
    let gap = audit.json(1, &["check", "evidence_gap"]);
    assert_eq!(evaluation(&gap, "evidence_gap")["failing"][0]["subject"], "gh");
    audit.assert_sound();
}
