//! How inputs become an evaluation.

use crate::evaluation::evaluate_with;
use crate::inputs::{Inputs, SourceInput};
use crate::run::InProcess;
use crate::testing::{All, all, check, inputs, toy_source};
use crate::{Check, EvaluateError, identity_link_spec};
use jiff::SignedDuration;
use model::{Evaluation, InputState, Outcome, SnapshotStatus, Table, Verdict, canonical_json};
use serde_json::json;
use std::collections::BTreeMap;

const AS_OF: &str = "2026-03-10T12:00:00Z";

fn run(checks: &[&Check], inputs: &Inputs) -> All {
    all(|each| evaluate_with(&mut InProcess::default(), checks, &BTreeMap::new(), inputs, each)).unwrap()
}

fn one(check: &Check, inputs: &Inputs) -> Evaluation {
    run(&[check], inputs).evaluations.remove(0)
}

fn with(sources: Vec<SourceInput>) -> Inputs {
    Inputs { sources, ..inputs(AS_OF) }
}

/// Everybody passes but `mallory`.
fn everybody() -> Check {
    check(
        "everybody",
        "account = { monotone = true }",
        "SELECT account_key AS subject, CASE login WHEN 'mallory' THEN 'fail' ELSE 'pass' END AS verdict,
                'by rule' AS reason, source, login FROM account ORDER BY login DESC",
    )
}

#[test]
fn rows_are_mapped_judged_and_sorted() {
    let toy = toy_source("toy", AS_OF, &[("bob", "bob@acme.example"), ("ada", "ada@acme.example")]);
    let evaluation = one(&everybody(), &with(vec![toy]));
    assert_eq!(evaluation.outcome, Outcome::Pass);
    let subjects: Vec<&str> = evaluation.members.iter().map(|member| member.subject.as_str()).collect();
    assert_eq!(subjects, ["toy:ada", "toy:bob"]);
    assert_eq!(evaluation.members[0].detail.get("login"), Some(&json!("ada")));
    assert_eq!(evaluation.inputs[0].state, InputState::Good);
    assert_eq!(evaluation.inputs[0].tables, ["account"]);
    assert!(evaluation.engine.starts_with("sqlite 3."));
}

#[test]
fn two_sources_of_one_collector_are_mapped_once() {
    let a = toy_source("a", AS_OF, &[("ada", "")]);
    let b = toy_source("b", AS_OF, &[("ada", ""), ("mallory", "")]);
    let evaluation = one(&everybody(), &with(vec![b, a]));
    let subjects: Vec<&str> = evaluation.members.iter().map(|member| member.subject.as_str()).collect();
    assert_eq!(subjects, ["a:ada", "b:ada", "b:mallory"]);
    assert_eq!((evaluation.outcome, evaluation.verdicts.fail), (Outcome::Fail, 1));
}

#[test]
fn same_inputs_give_the_same_bytes_whatever_their_order() {
    let a = toy_source("a", AS_OF, &[("ada", "ada@acme.example"), ("bob", "x")]);
    let b = toy_source("b", AS_OF, &[("eve", "eve@acme.example")]);
    let bytes = |sources| canonical_json(&one(&everybody(), &with(sources))).unwrap();
    let first = bytes(vec![a.clone(), b.clone()]);
    assert_eq!(first, bytes(vec![a.clone(), b.clone()]));
    assert_eq!(first, bytes(vec![b, a]));
}

#[test]
fn evidence_is_stale_one_second_after_the_smaller_maximum_age() {
    let mut strict = everybody();
    strict.max_age = Some(SignedDuration::from_hours(1));
    let state = |check: &Check, seen_at: &str| {
        let evaluation = one(check, &with(vec![toy_source("toy", seen_at, &[("ada", "")])]));
        (evaluation.inputs[0].state, evaluation.outcome)
    };
    assert_eq!(state(&everybody(), "2026-03-09T12:00:00Z"), (InputState::Good, Outcome::Pass));
    assert_eq!(state(&everybody(), "2026-03-09T11:59:59Z"), (InputState::Stale, Outcome::Inconclusive));
    assert_eq!(state(&strict, "2026-03-10T11:00:00Z"), (InputState::Good, Outcome::Pass));
    assert_eq!(state(&strict, "2026-03-10T10:59:59Z"), (InputState::Stale, Outcome::Inconclusive));
}

#[test]
fn the_older_of_collection_and_observation_decides_the_age() {
    let mut toy = toy_source("toy", AS_OF, &[("ada", "")]);
    toy.snapshot.as_mut().unwrap().observed_at = Some("2026-03-08T00:00:00Z".parse().unwrap());
    let evaluation = one(&everybody(), &with(vec![toy.clone()]));
    assert_eq!(evaluation.why, ["source `toy` is stale: its evidence is 2 d old, and at most 24 h is allowed"]);
    // a source whose clock runs ahead does not make its evidence younger
    toy.snapshot.as_mut().unwrap().observed_at = Some("2027-01-01T00:00:00Z".parse().unwrap());
    toy.snapshot.as_mut().unwrap().finished_at = "2026-03-08T00:00:00Z".parse().unwrap();
    assert_eq!(one(&everybody(), &with(vec![toy])).inputs[0].state, InputState::Stale);
}

#[test]
fn suspect_snapshot_counts_once_a_person_confirmed_it() {
    let mut toy = toy_source("toy", AS_OF, &[("ada", "")]);
    toy.snapshot.as_mut().unwrap().status = SnapshotStatus::Suspect;
    toy.snapshot.as_mut().unwrap().reasons = vec!["members fell from 40 to 1".to_owned()];
    let evaluation = one(&everybody(), &with(vec![toy.clone()]));
    assert_eq!(evaluation.why, ["source `toy` is suspect: members fell from 40 to 1"]);
    toy.snapshot.as_mut().unwrap().confirmed = true;
    assert_eq!(one(&everybody(), &with(vec![toy])).outcome, Outcome::Pass);
}

#[test]
fn missing_and_unconfigured_are_two_things() {
    let mut toy = toy_source("toy", AS_OF, &[]);
    toy.snapshot = None;
    let evaluation = one(&everybody(), &with(vec![toy]));
    assert_eq!(evaluation.outcome, Outcome::Inconclusive);
    assert_eq!(evaluation.why[0], "source `toy` is missing: it was never collected");

    let evaluation = one(&everybody(), &inputs(AS_OF));
    assert_eq!(evaluation.outcome, Outcome::NotApplicable);
    assert_eq!(evaluation.why, ["no source is configured that provides `account`"]);
}

#[test]
fn empty_population_is_inconclusive_unless_declared() {
    let mut toy = toy_source("toy", AS_OF, &[]);
    let evaluation = one(&everybody(), &with(vec![toy.clone()]));
    assert_eq!(evaluation.why, ["the population is empty, and nobody declared that to be expected"]);
    assert_eq!(evaluation.outcome, Outcome::Inconclusive);
    toy.expect_empty = true;
    assert_eq!(one(&everybody(), &with(vec![toy.clone()])).outcome, Outcome::NotApplicable);

    // `expect_empty` does not excuse a query that finds nobody among rows there are
    let nobody = check(
        "nobody",
        "account = { monotone = true }",
        "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account WHERE login = 'nobody'",
    );
    let mut filled = toy_source("toy", AS_OF, &[("ada", "")]);
    filled.expect_empty = true;
    let evaluation = one(&nobody, &with(vec![filled]));
    assert_eq!(evaluation.outcome, Outcome::Inconclusive);
    assert!(evaluation.why[0].contains("hold 1 rows"), "{:?}", evaluation.why);

    let mut declared = everybody();
    declared.empty_is_not_applicable = true;
    toy.expect_empty = false;
    assert_eq!(one(&declared, &with(vec![toy])).outcome, Outcome::NotApplicable);
}

#[test]
fn rows_that_break_a_rule_make_the_check_inconclusive() {
    let broken = [
        ("SELECT 'a' AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account", "returned more than once"),
        ("SELECT login AS subject, NULL AS verdict, 'x' AS reason, source FROM account", "has no verdict"),
        ("SELECT login AS subject, 'PASS' AS verdict, 'x' AS reason, source FROM account", "unknown verdict `PASS`"),
        ("SELECT NULL AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account", "a row has no subject"),
        ("SELECT login AS subject, 'pass' AS verdict, NULL AS reason, source FROM account", "has no reason"),
        (
            "SELECT login AS subject, 'pass' AS verdict, 'x' AS reason, 'elsewhere' AS source FROM account",
            "no configured source",
        ),
        (
            "SELECT login AS subject, 'pass' AS verdict, 'x' AS reason, source, CAST(x'ff' AS TEXT) AS odd FROM account",
            "not UTF-8",
        ),
        (
            "SELECT login AS subject, 'pass' AS verdict, 'x' AS reason, source, CAST(login AS BLOB) AS odd FROM account",
            "holds bytes",
        ),
        (
            "SELECT login AS subject, 'pass' AS verdict, printf('%.*c', 20000000, 'x') AS reason, source FROM account",
            "",
        ),
    ];
    let toy = toy_source("toy", AS_OF, &[("ada", ""), ("bob", "")]);
    for (sql, why) in broken {
        let evaluation = one(&check("broken", "account = { monotone = true }", sql), &with(vec![toy.clone()]));
        assert_eq!(evaluation.outcome, Outcome::Inconclusive, "{sql}");
        assert!(evaluation.why[0].contains(why), "{sql}: {:?}", evaluation.why);
        assert!(evaluation.members.is_empty());
    }
}

#[test]
fn mapping_that_fails_spoils_its_own_sources_only() {
    let mut bad = toy_source("bad", AS_OF, &[("ada", "")]);
    bad.collector = "broken".to_owned();
    bad.specs[0].name = "broken_user".to_owned();
    bad.snapshot.as_mut().unwrap().tables.clear();
    bad.mapping_sql =
        "INSERT INTO account (account_key, source, status) VALUES ('bad:x', 'bad', 'perhaps');".to_owned();
    let good = toy_source("good", AS_OF, &[("mallory", "")]);
    let only_toy = {
        let mut check = everybody();
        check.inputs.get_mut("account").unwrap().collectors = vec!["toy".to_owned()];
        check
    };
    let inputs = with(vec![bad, good]);
    let evaluation = one(&everybody(), &inputs);
    assert_eq!(evaluation.outcome, Outcome::Fail, "mallory's failure is proven all the same");
    assert_eq!(evaluation.inputs[0].state, InputState::Failed);
    assert!(evaluation.inputs[0].why.as_ref().unwrap().contains("CHECK constraint"), "{:?}", evaluation.inputs[0].why);
    assert!(evaluation.members.iter().all(|member| member.source.as_deref() == Some("good")));
    assert_eq!(one(&only_toy, &inputs).inputs.len(), 1);
}

#[test]
fn mapping_may_fill_only_what_its_collector_provides() {
    let mut toy = toy_source("toy", AS_OF, &[("ada", "")]);
    toy.mapping_sql =
        "INSERT INTO identity_link (account_key, source, person_key, method, confidence) VALUES ('a','a','a','a','a');"
            .to_owned();
    let evaluation = one(&everybody(), &with(vec![toy.clone()]));
    assert_eq!(evaluation.inputs[0].state, InputState::Failed);
    assert!(evaluation.why[0].contains("mapping writes `identity_link`"), "{:?}", evaluation.why);
    toy.mapping_sql = "DELETE FROM toy_user;".to_owned();
    assert_eq!(one(&everybody(), &with(vec![toy])).inputs[0].state, InputState::Failed);
}

#[test]
fn snapshot_of_an_older_version_still_maps() {
    let mut toy = toy_source("toy", AS_OF, &[("ada", "")]);
    let mut newer = toy.specs[0].clone();
    newer.columns.push(model::Column {
        name: "nickname".to_owned(),
        kind: model::ColumnKind::Text,
        description: String::new(),
    });
    toy.specs = vec![newer];
    toy.mapping_sql = toy.mapping_sql.replace("login, email, 'enabled'", "coalesce(nickname, login), email, 'enabled'");
    assert_eq!(one(&everybody(), &with(vec![toy])).outcome, Outcome::Pass);
}

#[test]
fn unreadable_date_of_employment_never_looks_like_employment_without_end() {
    let mut toy = toy_source("toy", AS_OF, &[("ada", "")]);
    toy.provides.push("employment".to_owned());
    toy.mapping_sql.push_str(
        "INSERT INTO employment (person_key, source, spell, end_date) VALUES ('toy:1', 'toy', 1, '31.12.2025');",
    );
    let evaluated = run(&[&everybody()], &with(vec![toy]));
    assert_eq!(evaluated.evaluations[0].outcome, Outcome::Inconclusive);
    assert!(evaluated.evaluations[0].why[0].contains("31.12.2025"));
    assert!(evaluated.identity_map.is_none());
}

#[test]
fn day_ends_where_the_organisation_is() {
    let mut toy = toy_source("toy", AS_OF, &[]);
    toy.provides = vec!["employment".to_owned()];
    toy.mapping_sql = "INSERT INTO employment (person_key, source, spell, start_date, end_date)
                       VALUES ('toy:1', 'toy', 1, '2026-03-29', '2026-03-28'), ('toy:2', 'toy', 1, NULL, '2011-12-29');"
        .to_owned();
    let list = check(
        "list",
        "employment = { monotone = true }",
        "SELECT person_key AS subject, 'pass' AS verdict, coalesce(start_at, '-') || ' ' || end_at AS reason, source FROM employment",
    );
    let reasons = |zone: &str| -> Vec<String> {
        let mut inputs = with(vec![toy.clone()]);
        inputs.timezone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        one(&list, &inputs).members.into_iter().map(|member| member.reason).collect()
    };
    assert_eq!(reasons("Europe/London")[0], "2026-03-29T00:00:00Z 2026-03-29T00:00:00Z");
    assert_eq!(reasons("America/New_York")[0], "2026-03-29T04:00:00Z 2026-03-29T04:00:00Z");
    // Samoa skipped 30 December 2011 altogether: the day after the 29th begins on the 31st
    assert_eq!(reasons("Pacific/Apia")[1], "- 2011-12-30T10:00:00Z");

    // or where it says that work ends: on the last day itself, which begins employment as before
    let mut inputs = with(vec![toy.clone()]);
    inputs.timezone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/London").unwrap();
    inputs.last_day_ends = Some(jiff::civil::time(18, 30, 0, 0));
    assert_eq!(one(&list, &inputs).members[0].reason, "2026-03-29T00:00:00Z 2026-03-28T18:30:00Z");
}

#[test]
fn identity_map_is_a_table_with_a_digest_and_its_orphans() {
    let mut toy = toy_source("toy", AS_OF, &[("ada", "ada@acme.example"), ("eve", "eve@acme.example")]);
    toy.provides.push("person".to_owned());
    toy.mapping_sql
        .push_str("INSERT INTO person (person_key, source, work_email) VALUES ('toy:1', 'toy', 'ada@acme.example');");
    let linked = check(
        "linked",
        "account = { monotone = true }\nperson = { monotone = false }",
        "SELECT account_key AS subject, 'pass' AS verdict, person_key AS reason, source FROM identity_link",
    );
    let evaluated = run(&[&linked, &everybody()], &with(vec![toy]));
    let lines = evaluated.identity_map.unwrap();
    let map = Table::from_lines(identity_link_spec(), &lines).unwrap();
    assert_eq!((map.len(), map.to_lines()), (1, lines));
    assert_eq!(evaluated.evaluations[0].identity_map_sha256, Some(map.digest()));
    assert_eq!(
        evaluated.evaluations[1].identity_map_sha256, None,
        "a check that does not read the map does not cite it"
    );
    assert_eq!(evaluated.orphans.len(), 1);
    assert_eq!(evaluated.orphans[0].account_key, "toy:eve");
    assert_eq!(evaluated.evaluations[0].members[0].verdict, Verdict::Pass);
}

#[test]
fn wrong_parameter_stops_before_anything_is_evaluated() {
    let parameters = BTreeMap::from([("everybody".to_owned(), BTreeMap::from([("no".to_owned(), json!(1))]))]);
    let each = &mut |_| Ok(());
    let error =
        evaluate_with(&mut InProcess::default(), &[&everybody()], &parameters, &inputs(AS_OF), each).unwrap_err();
    assert!(matches!(error, EvaluateError::Parameter(_)), "{error}");
}
