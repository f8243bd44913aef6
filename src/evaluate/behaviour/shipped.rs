//! The shipped checks and their cases.

use crate::CheckSet;
use crate::cases::{evaluation, run_cases};
use crate::testing::shipped;
use jiff::SignedDuration;
use model::{Outcome, SnapshotStatus, Verdict};

#[test]
fn twelve_checks_are_shipped_under_their_names() {
    let set = shipped();
    let names: Vec<&str> = set.checks().iter().map(|check| check.name.as_str()).collect();
    let expected = [
        "access_key_too_old",
        "account_dormant",
        "account_without_person",
        "aws_console_user_without_mfa",
        "aws_root_without_mfa",
        "backup_job_failed",
        "contractor_past_end_date",
        "evidence_gap",
        "github_member_without_2fa",
        "github_org_2fa_not_required",
        "leaver_still_active",
        "mfa_missing",
    ];
    for name in expected {
        assert!(names.contains(&name), "{name} is missing");
    }
}

#[test]
fn every_case_of_every_shipped_check_holds() {
    let set = shipped();
    let mut failed = Vec::new();
    let mut ran = 0;
    for check in set.checks() {
        for result in run_cases(check, set.cases(&check.name)) {
            ran += 1;
            if let Some(difference) = result.difference {
                failed.push(format!("{}:{} {}\n{difference}", check.name, result.line, result.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {ran} cases differ\n{}", failed.len(), failed.join("\n"));
    assert!(ran >= 3 * set.checks().len());
}

#[test]
fn spoiling_any_input_of_any_case_never_leaves_a_pass() {
    let set = shipped();
    let mut cells = 0;
    for check in set.checks().iter().filter(|check| !check.inputs.is_empty()) {
        for case in set.cases(&check.name) {
            let before = evaluation(check, case, &case.inputs).unwrap();
            for (position, input) in before.inputs.iter().enumerate() {
                for spoil in ["incomplete", "stale", "suspect", "failed", "missing"] {
                    let mut inputs = case.inputs.clone();
                    let source = inputs.sources.iter_mut().find(|source| source.name == input.source).unwrap();
                    let snapshot = source.snapshot.as_mut().unwrap();
                    match spoil {
                        "incomplete" => snapshot.status = SnapshotStatus::Incomplete,
                        "stale" => snapshot.finished_at = inputs.as_of - SignedDuration::from_hours(24 * 400),
                        "suspect" => snapshot.status = SnapshotStatus::Suspect,
                        "failed" => snapshot.status = SnapshotStatus::Failed,
                        _ => source.snapshot = None,
                    }
                    let after = evaluation(check, case, &inputs).unwrap();
                    let what = format!("{} / {} with {} {spoil}", check.name, case.name, input.source);
                    assert!(matches!(after.outcome, Outcome::Inconclusive | Outcome::Fail), "{what}: {after:?}");
                    let rests = |verdict| matches!(verdict, Verdict::Fail | Verdict::Unknown);
                    assert!(after.members.iter().all(|member| rests(member.verdict)), "{what}: {after:?}");
                    assert_ne!(after.inputs[position].state, model::InputState::Good, "{what}");
                    assert!(after.why.iter().any(|why| why.contains(&input.source)), "{what}: {:?}", after.why);
                    cells += 1;
                }
            }
        }
    }
    assert!(cells > 300, "{cells} cells");
}

#[test]
fn cases_that_expect_otherwise_are_told_what_differs() {
    let set = shipped();
    let check = set.get("aws_root_without_mfa").unwrap();
    let mut cases = set.cases(&check.name).to_vec();
    let case = cases.iter_mut().find(|case| case.outcome == Outcome::Fail).unwrap();
    case.outcome = Outcome::Pass;
    let subject = case.expected[0].subject.clone();
    case.expected[0].subject = "aws:nobody".to_owned();
    let difference = run_cases(check, std::slice::from_ref(case))[0].difference.clone().unwrap();
    let lines: Vec<&str> = difference.lines().collect();
    assert_eq!(lines[..4], ["outcome", "    expected  pass", "    found     fail", "aws:nobody"], "{difference}");
    assert_eq!(lines[4..6], ["    expected  fail", "    found     no row"], "{difference}");
    assert_eq!(lines[6..8], [subject.as_str(), "    expected  no row"], "{difference}");
    assert!(lines[8].starts_with("    found     fail: "), "{difference}");
}

/// What a run takes on trust is what was proven here.
#[test]
fn a_run_reads_the_shipped_checks_as_they_were_proven() {
    let proven = shipped();
    let run = CheckSet::load_to_run(&[], || panic!("nothing but the shipped checks is looked at")).unwrap();
    assert!(proven.checks().iter().any(|check| check.reads_history && check.reads_identity_map));
    for (proven, run) in proven.checks().iter().zip(run.checks()) {
        assert_eq!(format!("{proven:?}"), format!("{run:?}"));
    }
}
