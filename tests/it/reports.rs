//! Results in the formats of other programs, read by programs that are not ours.

use crate::line::{audit, bob_leaves};
use crate::peers::{folder, installed};
use crate::support::Audit;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

const FORMATS: [&str; 5] = ["csv", "sarif", "junit", "ocsf", "oscal"];

/// What a stranger reads in `text`; none where the reader is not installed.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn read(format: &str, text: &str) -> Option<Value> {
    let python = installed("schemas/bin/python");
    if !python.exists() {
        eprintln!("NOT RUN: the readers of reports are not installed");
        return None;
    }
    let mut child = Command::new(python)
        .arg(folder().join("reports.py"))
        .arg(format)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{format}: {text}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn names<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    values.into_iter().map(|value| value.as_str().unwrap()).collect()
}

/// The checks by outcome, from the documented JSON.
fn with<'a>(report: &'a Value, outcomes: &[&str]) -> BTreeSet<&'a str> {
    let evaluations = report["evaluations"].as_array().unwrap().iter();
    evaluations
        .filter(|evaluation| outcomes.contains(&evaluation["outcome"].as_str().unwrap()))
        .map(|evaluation| evaluation["check"].as_str().unwrap())
        .collect()
}

fn left() -> Audit {
    let audit = audit();
    bob_leaves(&audit);
    audit.json(0, &["collect"]);
    audit
}

#[test]
fn every_format_fits_its_published_schema_and_passes_only_what_passed() {
    let audit = left();
    let checked = audit.json(1, &["check"]);
    let (passed, all) =
        (with(&checked, &["pass"]), with(&checked, &["pass", "fail", "inconclusive", "not_applicable"]));
    assert!(
        !passed.is_empty() && !with(&checked, &["inconclusive"]).is_empty() && !with(&checked, &["fail"]).is_empty()
    );
    let index = checked["evaluations"][0]["log_index"].to_string();
    for format in FORMATS {
        let stored = audit.run(&["check", "--stored", "--format", format]);
        assert_eq!(stored.code, 1, "{format}: {}", stored.stderr);
        assert_eq!(
            audit.run(&["check", "--stored", "--format", format]).stdout,
            stored.stdout,
            "{format}: the same bytes"
        );
        assert!(stored.stdout.contains(&index), "{format} cites the log");
        let sha256 = audit.json(0, &["snapshots", "list"])["snapshots"][0]["id"].as_str().unwrap().to_owned();
        assert!(stored.stdout.contains(&sha256), "{format} cites the snapshots");
        let Some(read) = read(format, &stored.stdout) else { return };
        assert_eq!(read["problems"], serde_json::json!([]), "{format}");
        assert_eq!(names(read["seen"].as_array().unwrap()), all, "{format} names every check");
        let taken = names(read["passed"].as_array().unwrap());
        assert!(taken.is_subset(&passed), "{format} passes {:?}", taken.difference(&passed));
        // OSCAL speaks of whole controls, the others of each check
        assert!(format == "oscal" || taken == passed, "{format} passes {taken:?}");
    }
}

#[test]
fn a_fresh_evaluation_and_findings_come_in_every_format_too() {
    let audit = left();
    for format in FORMATS {
        let fresh = audit.run(&["check", "leaver_still_active", "mfa_missing", "--format", format]);
        assert_eq!(fresh.code, 1, "{format}: {}", fresh.stderr);
        let findings = audit.run(&["findings", "list", "--format", format]);
        assert_eq!(findings.code, 0, "{format}: {}", findings.stderr);
        for text in [&fresh.stdout, &findings.stdout] {
            assert!(text.contains("host:bob"), "{format}: {text}");
            let Some(read) = read(format, text) else { return };
            assert_eq!(read["problems"], serde_json::json!([]), "{format}");
            assert_eq!(read["passed"], serde_json::json!([]), "{format}");
        }
    }
    let refused = audit.run(&["sources", "list", "--format", "sarif"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("findings list"), "{}", refused.stderr);
}

#[test]
fn what_was_never_evaluated_is_told_and_is_no_pass() {
    let audit = left();
    let stored = audit.run(&["check", "--stored", "--format", "junit"]);
    assert_eq!(stored.code, 3, "{}", stored.stdout);
    assert!(
        stored.stderr.contains("never evaluated: ") && stored.stderr.contains("leaver_still_active"),
        "{}",
        stored.stderr
    );
}

#[test]
fn a_new_check_passes_its_cases_and_runs() {
    let audit = left();
    let nowhere = audit.run(&["check", "new", "password_too_old"]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(nowhere.stderr.contains("paths = [\"./checks\"]"), "{}", nowhere.stderr);
    let made = audit.run(&["check", "new", "password_too_old", "--in", "checks"]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.stderr.contains("evidenced check test") && made.stderr.contains("paths = "), "{}", made.stderr);
    let again = audit.run(&["check", "new", "password_too_old", "--in", "checks"]);
    assert!(again.code == 2 && again.stderr.contains("exists already"), "{again:?}");
    let taken = audit.run(&["check", "new", "mfa_missing", "--in", "checks"]);
    assert!(taken.code == 2 && taken.stderr.contains("built in"), "{taken:?}");

    assert_eq!(audit.run(&["check", "test", "checks"]).stdout, "5 passed, 0 failed\n");
    audit.add("[checks]\npaths = [\"./checks\"]\n");
    assert_eq!(audit.run(&["check", "test", "password_too_old"]).stdout, "5 passed, 0 failed\n");
    let checked = audit.json(1, &["check", "password_too_old"]);
    assert_eq!(checked["evaluations"][0]["verdicts"]["fail"], 4, "passwords of 2022 on the host");

    // what differs stands row by row, expected above found
    let cases = audit.path("checks/password_too_old.cases.toml");
    let text = std::fs::read_to_string(&cases).unwrap();
    std::fs::write(&cases, text.replacen("verdict = \"pass\" }", "verdict = \"pass\", reason = \"other\" }", 1))
        .unwrap();
    let differs = audit.run(&["check", "test", "checks"]);
    assert_eq!(differs.code, 1);
    let expected = "FAIL password_too_old / a password changed lately passes (checks/password_too_old.cases.toml:7)\n  \
                    idp:ada\n      expected  pass: other\n      found     pass: the password was changed 2026-03-01T00:00:00Z\n";
    assert!(differs.stdout.starts_with(expected), "{}", differs.stdout);

    // and a slip in the SQL is pointed at
    let sql = audit.path("checks/password_too_old.sql");
    let text = std::fs::read_to_string(&sql).unwrap();
    std::fs::write(&sql, text.replacen("unixepoch(a.password_changed_at)", "unixepoch(a.password_changed)", 1))
        .unwrap();
    let slip = audit.run(&["check", "test", "checks"]);
    assert_eq!(slip.code, 2);
    assert!(slip.stderr.contains("checks/password_too_old.sql:25:47"), "{}", slip.stderr);
    assert!(slip.stderr.contains("did you mean `password_changed_at`?"), "{}", slip.stderr);
}
