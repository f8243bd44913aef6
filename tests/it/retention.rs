//! Erasing: what is due goes and stays provable, what anybody refers to stays.

use crate::support::{Audit, files};
use serde_json::Value;
use std::fs;

const ROSTER: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\nschedule = \"manual\"\n\
    columns = { employee_id = \"ID\", name = \"Name\", start_date = \"Start\" }\n";

const BY: [&str; 4] = ["--by", "Pat", "--reason", "asked for"];

/// A check over the roster alone, and its cases.
const CHECK: &str = r#"/*---
title = "Somebody began after 2024"
severity = "minor"
controls = ["iso27001:2022/A.6.1"]
subject = "person"
population = "every person on the roster"
max_age = "24h"

[inputs]
employment = { monotone = false }

[finding]
criteria = "Nobody begins after 2024."
impact = "It is a test."
action = "Mend the roster."
---*/
SELECT person_key AS subject,
       CASE WHEN start_date IS NULL THEN 'unknown' WHEN start_date > '2024-12-31' THEN 'fail' ELSE 'pass' END AS verdict,
       'begins ' || coalesce(start_date, 'some time') AS reason,
       source
FROM employment
"#;
const CASES: &str = r#"as_of = "2026-03-10T12:00:00Z"

[sources.hr]
collector = "hr_file"

[[case]]
name = "each verdict, and the last day that passes"
covers = ["pass", "fail", "unknown", "boundary"]
outcome = "fail"
tables.person = [
    { person_key = "hr:1", source = "hr" },
    { person_key = "hr:2", source = "hr" },
    { person_key = "hr:3", source = "hr" },
]
tables.employment = [
    { person_key = "hr:1", source = "hr", spell = 1, start_date = "2024-12-31" },
    { person_key = "hr:2", source = "hr", spell = 1, start_date = "2025-01-01" },
    { person_key = "hr:3", source = "hr", spell = 1 },
]
expect = [
    { subject = "hr:1", verdict = "pass" },
    { subject = "hr:2", verdict = "fail" },
    { subject = "hr:3", verdict = "unknown" },
]
"#;

/// Adds the check to an audit.
pub(crate) fn with_own_check(audit: &Audit) {
    fs::create_dir(audit.path("own")).unwrap();
    audit.write("own/started_late.sql", CHECK);
    audit.write("own/started_late.cases.toml", CASES);
    audit.add("[checks]\npaths = [\"own\"]\n");
}

fn audit() -> Audit {
    let audit = Audit::with(ROSTER);
    with_own_check(&audit);
    audit
}

/// Collects a roster in which everybody is called `name`, and returns the snapshot's id.
fn collect(audit: &Audit, name: &str, start: &str) -> String {
    let row = |n: u32| format!("E{n},{name} {n},{}\n", if n == 7 { start } else { "2020-01-01" });
    audit.write("hr.csv", &format!("ID,Name,Start\n{}", (0..300).map(row).collect::<Vec<_>>().concat()));
    let collected = audit.run(&["collect"]);
    assert_eq!(collected.code, 0, "{collected:?}");
    let listed = audit.json(0, &["snapshots", "list"]);
    listed["snapshots"][0]["id"].as_str().unwrap().to_owned()
}

fn erase(audit: &Audit, code: i32, snapshot: &str) -> String {
    let outcome = audit.run(&[&["retention", "erase", snapshot][..], &BY].concat());
    assert_eq!(outcome.code, code, "{outcome:?}");
    outcome.stdout + &outcome.stderr
}

fn ids(audit: &Audit) -> Vec<String> {
    let listed = audit.json(0, &["snapshots", "list"]);
    listed["snapshots"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_snapshot_erased_on_purpose_is_gone_and_the_log_still_proves_the_rest() {
    let audit = audit();
    let [first, second, third] = ["Alpha", "Beta", "Gamma"].map(|name| collect(&audit, name, "2020-01-01"));
    // the present status rests on the latest one
    assert!(erase(&audit, 1, &third).contains("the latest"), "the latest snapshot is kept");
    let told = erase(&audit, 0, &first);
    assert!(told.contains("sealed as entry"), "{told}");
    assert_eq!(ids(&audit), [third, second.clone()]);
    assert_eq!(audit.run(&["snapshots", "show", &first]).code, 2);
    assert_eq!(erase_again(&audit, &first), 2);
    audit.assert_sound();
    assert_eq!(audit.run(&["scrub"]).code, 0);
    // who and why is sealed, and not in the entry itself
    let size = audit.json(0, &["log", "checkpoint"]);
    assert!(size.is_object());
    let pack = audit.run(&["pack", "create", "-o", "after.zip"]);
    assert_eq!(pack.code, 0, "{pack:?}");
    let verified = audit.run(&["verify", "after.zip"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    // what the pack refers to stays from here on
    assert!(erase(&audit, 1, &second).contains("the pack exported as entry"));
    audit.assert_sound();
}

fn erase_again(audit: &Audit, snapshot: &str) -> i32 {
    audit.run(&[&["retention", "erase", snapshot][..], &BY].concat()).code
}

#[test]
fn a_hold_keeps_until_it_is_released() {
    let audit = audit();
    let [first, second, _third] = ["Alpha", "Beta", "Gamma"].map(|name| collect(&audit, name, "2020-01-01"));
    let one = audit.run(&[&["retention", "hold", "add", "--snapshot", &first][..], &BY].concat());
    assert_eq!(one.code, 0, "{one:?}");
    let all = audit.json(0, &[&["retention", "hold", "add", "--source", "hr"][..], &BY].concat());
    assert!(erase(&audit, 1, &first).contains("legal hold hold-1"));
    assert!(erase(&audit, 1, &second).contains("legal hold hold-2"));
    let release = |hold: &str| audit.run(&[&["retention", "hold", "release", hold][..], &BY].concat()).code;
    assert_eq!(release(all["hold"].as_str().unwrap()), 0);
    assert_eq!(release("hold-2"), 2, "released already");
    assert_eq!(release("hold-9"), 2, "never made");
    assert!(erase(&audit, 1, &first).contains("legal hold hold-1"));
    erase(&audit, 0, &second);
    let holds = audit.json(0, &["retention", "hold", "list"]);
    assert_eq!(holds["holds"].as_array().unwrap().len(), 2);
    assert!(holds["holds"][1]["released"].is_string(), "{holds}");
    audit.assert_sound();
    let nothing = audit.run(&[&["retention", "hold", "add", "--source", "nobody"][..], &BY].concat());
    assert_eq!(nothing.code, 2, "{nothing:?}");
}

#[test]
fn a_finding_that_is_not_over_keeps_what_it_rests_on() {
    let audit = audit();
    let failing = collect(&audit, "Alpha", "2025-05-01");
    assert_eq!(audit.run(&["check", "started_late"]).code, 1);
    let between = collect(&audit, "Beta", "2025-05-01");
    let latest = collect(&audit, "Gamma", "2025-05-01");
    assert!(erase(&audit, 1, &failing).contains("which is not over"));
    // nobody concluded anything from this one
    erase(&audit, 0, &between);
    // the failure is gone, and with it what kept its evidence, once the check looked again
    let mended = collect(&audit, "Delta", "2020-01-01");
    assert_eq!(audit.run(&["check", "started_late"]).code, 0);
    erase(&audit, 0, &failing);
    erase(&audit, 0, &latest);
    assert_eq!(ids(&audit), [mended]);
    audit.assert_sound();
}

#[test]
fn an_erased_snapshot_is_never_a_pass() {
    let audit = audit();
    let first = collect(&audit, "Alpha", "2020-01-01");
    // so that instants between the two differ in whole seconds
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let second = collect(&audit, "Beta", "2020-01-01");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let as_of = audit.json(0, &["snapshots", "list"])["snapshots"][0]["finished_at"].as_str().unwrap().to_owned();
    let judged = |code: i32| -> Value {
        audit.json(code, &["check", "started_late", "--as-of", &as_of])["evaluations"][0].clone()
    };
    assert_eq!(judged(0)["outcome"], "pass");
    collect(&audit, "Gamma", "2020-01-01");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(audit.run(&["check", "started_late"]).code, 0);
    erase(&audit, 0, &second);
    // the first one is there still, and does not stand in for it
    assert!(ids(&audit).contains(&first));
    assert_eq!(judged(3)["outcome"], "inconclusive");
}

#[test]
fn what_is_due_is_planned_with_what_keeps_it_and_goes_when_asked() {
    let audit = audit();
    let [first, second, third] = ["Alpha", "Beta", "Gamma"].map(|name| collect(&audit, name, "2020-01-01"));
    let plan = audit.json(0, &["retention", "plan"]);
    assert_eq!(plan["due"], serde_json::json!([]), "nothing is due where nothing says for how long to keep it");
    audit.add("[retention]\ndefault = \"1s\"\nevaluations = \"1s\"\n");
    let held = audit.run(&[&["retention", "hold", "add", "--snapshot", &second][..], &BY].concat());
    assert_eq!(held.code, 0, "{held:?}");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let plan = audit.json(0, &["retention", "plan"]);
    let of = |id: &str| {
        let due = plan["due"].as_array().unwrap().iter().find(|due| due["id"] == id).unwrap();
        due["held"].to_string()
    };
    assert_eq!(of(&first), "[]");
    assert!(of(&second).contains("legal hold hold-1"));
    assert!(of(&third).contains("the latest"));
    let done = audit.json(0, &["retention", "run", "--by", "Pat"]);
    assert_eq!(done["erased"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(ids(&audit), [third, second]);
    audit.assert_sound();
    // neither names nor rows of what went are in any file; those of what stayed are compressed
    let store = audit.path("evidence");
    for file in files(&store) {
        let bytes = fs::read(store.join(&file)).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"Alpha "), "{}", file.display());
    }
    let again = audit.json(0, &["retention", "run", "--by", "Pat"]);
    assert_eq!(again["erased"], serde_json::json!([]));
}

#[test]
fn settings_of_retention_are_checked_when_they_are_read() {
    let audit = audit();
    audit.add("[retention]\ndefault = \"soon\"\n");
    let refused = audit.run(&["retention", "plan"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("is not a duration"), "{refused:?}");
}
