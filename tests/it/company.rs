//! A company that never was: people who join, move, leave and come back over two years, their accounts in five systems, and
//! faults on known days. Everything is known of it, so that every verdict of every check it reaches and every finding can be
//! held against the truth: no false pass, no false failure, and nothing inconclusive that is not explained.
//!
//! The systems answer through the real collectors, the program runs from its command line, and libfaketime moves its clock.

mod days;
mod faults;
mod generate;
mod lives;
mod run;
mod settings;
mod show;
mod truth;

use crate::support::long;
use days::{Day, YEARS};
use run::{Mutant, Plan, Report, What, live};
use std::collections::BTreeMap;

/// What was lived and judged, in a line.
fn figures(plan: &Plan, report: &Report) -> String {
    let Report { collections, evaluations, inconclusive, judged, findings, items, .. } = report;
    format!(
        "{} people, seed {}: {collections} collections, {evaluations} evaluations ({inconclusive} inconclusive), members \
         {judged:?}, {findings} findings with {items} items, differences {:?}",
        plan.people,
        plan.seed,
        counted(report)
    )
}

fn counted(report: &Report) -> BTreeMap<What, usize> {
    let mut counts = BTreeMap::new();
    for difference in &report.differences {
        *counts.entry(difference.what).or_default() += 1;
    }
    counts
}

/// Two mornings in a row every 48 days: what is collected once proves less than what is collected twice.
fn pairs() -> Vec<Day> {
    (0..YEARS).step_by(48).flat_map(|day| [day, day + 1]).collect()
}

/// `EVIDENCED_TEST_COMPANY="SEED PEOPLE DAYS"` lives another company: collected every so many days.
fn asked_for() -> Option<Plan> {
    let asked = std::env::var("EVIDENCED_TEST_COMPANY").ok()?;
    let words: Vec<usize> = asked.split(' ').map(|word| word.parse().unwrap()).collect();
    let [seed, people, every] = words[..] else { panic!("`{asked}` is not a seed, people and days") };
    Some(Plan { seed: seed as u64, people, days: (0..=YEARS).step_by(every).collect(), faulty: 6, mutants: Vec::new() })
}

#[test]
fn two_years_of_a_company_are_told_as_they_were() {
    let (seed, people, days, faulty) =
        if long() { (2, 2_000, (0..=YEARS).step_by(7).collect(), 6) } else { (1, 100, pairs(), 2) };
    let plan = asked_for().unwrap_or(Plan { seed, people, days, faulty, mutants: Vec::new() });
    let report = live(&plan);
    println!("{}", figures(&plan, &report));
    let shown: Vec<&str> = report.differences.iter().take(60).map(|difference| difference.text.as_str()).collect();
    assert!(shown.is_empty(), "{:?}\n{}", counted(&report), shown.join("\n"));
}

/// Each is a mistake that somebody might make in a check.
const MUTANTS: &[Mutant] = &[
    // a week of grace instead of a day
    Mutant { check: "leaver_still_active", from: "as_of <= deadline THEN", to: "as_of <= deadline + 604800 THEN" },
    // gone is gone, whenever
    Mutant {
        check: "leaver_removed_in_time",
        from: "WHEN closed <= deadline THEN",
        to: "WHEN closed IS NOT NULL THEN",
    },
    // a month of grace for credentials
    Mutant {
        check: "leaver_owns_credentials",
        from: "WHEN unixepoch(:as_of) <= e.at + :grace THEN",
        to: "WHEN unixepoch(:as_of) <= e.at + :grace + 2592000 THEN",
    },
    // what lies between two rosters was in time
    Mutant {
        check: "hr_recorded_leaver_late",
        from: "WHEN not_yet IS NULL THEN",
        to: "WHEN shown > 0 THEN 'shown' WHEN not_yet IS NULL THEN",
    },
    // what is nobody's may come back
    Mutant { check: "reactivated_account", from: "ELSE 'nobodys'", to: "ELSE 'employed'" },
    // a roster that was not seen whole excuses nobody
    Mutant {
        check: "account_without_person",
        from: "person = { monotone = false }",
        to: "person = { monotone = true }",
    },
    // evidence of last month is good enough
    Mutant { check: "account_never_used", from: "max_age = \"24h\"", to: "max_age = \"1440h\"" },
    // a key is as old as its last use
    Mutant {
        check: "access_key_too_old",
        from: "unixepoch(c.created_at) > :max_key_age",
        to: "unixepoch(coalesce(c.last_used_at, c.created_at)) > :max_key_age",
    },
    // no end of an approval
    Mutant {
        check: "shared_account_without_exception",
        from: "AND unixepoch(r.valid_to) > unixepoch(:as_of)",
        to: "AND r.valid_to IS NOT NULL",
    },
    // an owner is one for ever
    Mutant {
        check: "service_account_without_owner",
        from: "(s.open_spells > 0 OR s.at > unixepoch(:as_of))",
        to: "p.person_key IS NOT NULL",
    },
    // an administrator who has been one before is none that is new
    Mutant {
        check: "new_admin_without_approval",
        from: "max(p.is_admin = 1) AS was_one",
        to: "max(p.is_admin = 1 OR p.is_admin = 0) AS was_one",
    },
    // guests need no second factor
    Mutant {
        check: "mfa_missing",
        from: "WHEN a.kind = 'service' OR a.status IN ('disabled', 'absent', 'invited') OR",
        to: "WHEN a.kind IN ('service', 'guest') OR a.status IN ('disabled', 'absent', 'invited') OR",
    },
];

#[test]
fn a_check_that_is_wrong_does_not_agree_with_the_truth() {
    let days = pairs().into_iter().filter(|day| *day < 430).collect();
    let plan = Plan { seed: 1, people: 175, days, faulty: 2, mutants: MUTANTS.to_vec() };
    let report = live(&plan);
    let mut unnoticed = Vec::new();
    for (mutant, found) in MUTANTS.iter().zip(&report.of_mutants) {
        println!("{}: {} differences, first {:?}", mutant.check, found.len(), found.first());
        if found.is_empty() {
            unnoticed.push(mutant);
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices {unnoticed:#?}");
}
