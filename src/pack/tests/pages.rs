//! What the pages of a pack say to whoever reads them: the period, what was not seen, what a word means.

use super::fixture::{Log, at, contents, export};
use crate::{Damage, Form, Plan};
use model::{Count, Digest, Outcome, Reason, ReasonCode, SnapshotStatus};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The fixture's pack as a folder, after `change`.
fn changed(change: impl FnOnce(&mut Log, &mut Plan)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, mut plan) = contents(folder.path());
    change(&mut log, &mut plan);
    let target = folder.path().join("q1");
    export(&plan, &log, &target, Form::Folder).unwrap();
    (folder, target)
}

fn read(pack: &Path, name: &str) -> String {
    fs::read_to_string(pack.join(name)).unwrap()
}

/// The text without its line breaks and indents.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_period_is_told_in_the_days_that_were_asked_for() {
    let (_folder, pack) = changed(|_, plan| {
        plan.zone = jiff::tz::TimeZone::get("Europe/London").unwrap();
        (plan.from, plan.to) = (at("2026-06-30T23:00:00Z"), at("2026-07-31T23:00:00Z"));
    });
    let report = read(&pack, "report.html");
    assert!(report.contains("1 July 2026 to 31 July 2026, ISO/IEC 27001:2022"), "{report}");
    assert!(
        report.contains(
            "2026-07-01 to 2026-07-31, days of Europe/London: from 2026-06-30 23:00:00Z until 2026-07-31 23:00:00Z"
        ),
        "{report}"
    );
    assert!(!report.contains("2026-06<") && !report.contains("2026-08"), "the calendar is of the period's days");
    let readme = read(&pack, "00_README.txt");
    assert!(readme.starts_with("Evidence pack: Acme <Ltd>, 2026-07-01 to 2026-07-31\n"), "{readme}");
    assert!(
        flat(&readme).contains(
            "2026-07-01 to 2026-07-31, days of Europe/London: from 2026-06-30T23:00:00Z until 2026-07-31T23:00:00Z"
        ),
        "{readme}"
    );
    let scope: serde_json::Value = serde_json::from_str(&read(&pack, "01_SCOPE.json")).unwrap();
    assert_eq!(
        [&scope["first_day"], &scope["last_day"], &scope["time_zone"], &scope["to"]],
        ["2026-07-01", "2026-07-31", "Europe/London", "2026-07-31T23:00:00Z"]
    );
}

#[test]
fn a_table_that_was_not_seen_is_not_shown_as_empty() {
    let refused = Reason::new(ReasonCode::Denied, "backup:ListCopyJobs was refused").table("hr_copy");
    let partly = Reason::new(ReasonCode::RowRejected, "line 4 has no id").table("hr_person");
    let (_folder, pack) = changed(|log, plan| {
        log.manifest(plan, |manifest| {
            manifest.source = "backup".into();
            manifest.status = SnapshotStatus::Incomplete;
            manifest.completeness.basis = None;
            manifest.completeness.reasons = vec![refused, partly];
            let mut copies = manifest.tables[0].clone();
            (copies.name, copies.rows, copies.sha256) = ("hr_copy".into(), 0, Digest::of(b""));
            manifest.tables.push(copies);
            let count = Count { table: "hr_copy".into(), counted: 0, declared: None, declared_by: None };
            manifest.completeness.counts.push(count);
        });
        log.blobs.insert(Digest::of(b""), Vec::new());
    });
    let page = read(&pack, "populations/backup.html");
    assert!(page.contains("not reported: backup:ListCopyJobs was refused"), "{page}");
    assert!(page.contains("2, not all: line 4 has no id"), "{page}");
    assert!(!page.contains(&Digest::of(b"").to_string()), "the digest of nothing");
    let statement: serde_json::Value = serde_json::from_str(&read(&pack, "populations/backup.json")).unwrap();
    let (people, copies) = (&statement["rows"][0], &statement["rows"][1]);
    assert_eq!(people["rows"], 2);
    assert_eq!([&copies["rows"], &copies["sha256"]], [&Value::Null, &Value::Null]);
    assert_eq!(copies["seen"], "not reported");
    assert_eq!(statement["counts"][1]["counted"], Value::Null, "{statement:#}");
}

#[test]
fn a_source_whose_tables_the_configuration_declares_is_called_by_its_own_name() {
    let titled = |table_settings: Value| {
        let (_folder, pack) = changed(|log, plan| {
            log.manifest(plan, |manifest| manifest.source = "crm".into());
            let spec = serde_json::json!({
                "id": "hr_file", "version": "1", "title": "Any program", "population": "All.", "completeness": "Counted.",
                "schedule": "@hourly", "max_age": "24h", "provides": [], "tables": [], "operations": [],
                "table_settings": table_settings,
            });
            plan.collectors.push(serde_json::from_value(spec).unwrap());
        });
        let statement: Value = serde_json::from_str(&read(&pack, "populations/crm.json")).unwrap();
        statement["system_of_record"]["title"].clone()
    };
    assert_eq!(titled(serde_json::json!({})), "crm");
    assert_eq!(titled(Value::Null), "Any program");
}

#[test]
fn known_damage_of_the_store_is_told_first() {
    let (_folder, pack) = changed(|_, plan| {
        plan.damage = vec![
            Damage {
                what: "blobs/ab/<abc>".into(),
                problem: "its digest is another".into(),
                snapshot: Some("20260101T000000Z-hr-0".into()),
            },
            Damage { what: "openings/7".into(), problem: "it is gone".into(), snapshot: None },
        ];
    });
    let report = read(&pack, "report.html");
    let notice = report.find("DAMAGED STORE").unwrap();
    assert!(notice < report.find(">Summary<").unwrap(), "on the front page");
    for said in [
        "blobs/ab/&lt;abc&gt;: its digest is another (snapshot 20260101T000000Z-hr-0 rests on it)",
        "openings/7: it is gone",
    ] {
        assert!(report.contains(said), "{said}: {report}");
    }
    let readme = flat(&read(&pack, "00_README.txt"));
    assert!(readme.contains("DAMAGED STORE: ") && readme.contains("blobs/ab/<abc>: its digest is another"), "{readme}");
    let (_folder, whole) = changed(|_, _| ());
    assert!(!read(&whole, "report.html").contains("DAMAGED STORE"));
}

#[test]
fn evidence_that_began_late_is_told_on_the_front_pages() {
    let (_folder, pack) = changed(|_, plan| {
        // everything of the fixture is of the first of February
        (plan.from, plan.to) = (at("2026-01-02T00:00:00Z"), at("2026-02-02T00:00:00Z"));
    });
    let said = "first complete snapshot at 2026-02-01T00:00:02Z; 30 of 31 days of the period have none, of any source";
    let (report, readme) = (read(&pack, "report.html"), flat(&read(&pack, "00_README.txt")));
    assert!(report.contains(said), "{report}");
    assert!(readme.contains(said), "{readme}");
    let row = report.split("<tr>").find(|row| row.contains("none in the period")).unwrap();
    assert!(
        row.contains("../aws prod") && row.contains("31 of 31 days"),
        "an incomplete snapshot is no evidence: {row}"
    );

    let (_folder, pack) = changed(|_, plan| plan.to = at("2026-02-02T00:00:00Z"));
    assert!(read(&pack, "report.html").contains("0 of 1 days of the period have none"));
}

#[test]
fn every_step_of_the_verification_begins_a_paragraph() {
    let (_folder, pack) = changed(|_, _| ());
    let (readme, html) = (read(&pack, "00_README.txt"), read(&pack, "00_README.html"));
    for step in 1..=7 {
        assert!(readme.contains(&format!("\n\n{step}. ")), "{step}: {readme}");
        assert!(html.contains(&format!("<p>{step}. ")), "{step}: {html}");
    }
}

#[test]
fn a_check_that_is_not_applicable_satisfies_nothing_and_the_control_says_why() {
    let (_folder, pack) = changed(|log, plan| {
        log.evaluation(plan, |evaluation| {
            evaluation.check = "backup_job_failed".into();
            evaluation.outcome = Outcome::NotApplicable;
            evaluation.controls = vec!["iso27001:2022/A.7.1".into()];
            evaluation.why = vec!["no source is configured for backup_job".into()];
            evaluation.members.clear();
        });
    });
    let sheet = read(&pack, "controls/iso27001-2022.csv");
    assert!(sheet.contains("A.7.1,Boundaries,manual,inconclusive,backup_job_failed not_applicable,"), "{sheet}");
    let report = read(&pack, "report.html");
    let (_, unsure) = report.split_once("Controls that are inconclusive: 1").unwrap();
    assert!(unsure.contains("backup_job_failed is not applicable: no source is configured for backup_job"), "{unsure}");
    let said = "nothing to check: that is declared, or nothing fell into the population, or no source is configured for it; it \
                never counts as satisfied";
    assert!(report.contains(said), "{report}");
    assert!(flat(&read(&pack, "00_README.txt")).contains(said));
}

#[test]
fn sample_data_is_marked_wherever_it_is_shown() {
    let (_folder, pack) = changed(|log, plan| {
        log.evaluation(plan, |evaluation| {
            evaluation.controls = vec!["iso27001:2022/A.7.1".into()];
            evaluation.as_of += std::time::Duration::from_mins(1);
            evaluation.inputs[0].snapshot = Some("20260201T000000Z-sample-1".into());
        });
        log.finding(plan, "sample:1", &[("hr", "20260201T000000Z-hr-1"), ("sample", "20260201T000000Z-sample-1")]);
    });
    let page = |control: &str| read(&pack, &format!("controls/iso27001-2022/{control}/index.html"));
    assert!(page("A.7.1").contains("SAMPLE DATA"), "{}", page("A.7.1"));
    assert!(!page("A.5.18").contains("SAMPLE DATA"), "{}", page("A.5.18"));
    let sheet = read(&pack, "findings/findings.csv");
    let marks: Vec<(bool, bool)> =
        sheet.lines().skip(1).map(|row| (row.contains("-sample-1"), row.ends_with(",yes"))).collect();
    assert!(sheet.lines().next().unwrap().ends_with(",sample_data"), "{sheet}");
    assert_eq!(marks, [(false, false), (false, false), (true, true)], "{sheet}");
}
