//! The worker process: limits, deadlines, death. The tests start this very test binary as the worker.

use crate::evaluation::evaluate_with;
use crate::history::observe;
use crate::run::InProcess;
use crate::testing::{All, all, check, inputs, toy_source};
use crate::{
    Check, EvaluateError, Grid, History, Inputs, PastSnapshot, RegisteredAccount, Sandbox, Session, SourceInput,
    Worker, confinement, evaluate, history_tables, worker_main,
};
use model::{Digest, Outcome, canonical_json};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

const AS_OF: &str = "2026-03-10T12:00:00Z";

/// What the worker runs. The test harness writes on standard output, so the answers go to descriptor 3.
#[test]
#[ignore = "the other tests of this file start it as their worker process"]
fn entry() {
    if let Ok(output) = File::options().write(true).open("/proc/self/fd/3") {
        worker_main(std::io::stdin().lock(), output);
    }
}

/// Starts the test `name` of this binary with its descriptor 3 on standard output, which the harness writes on.
pub(super) fn script(name: &str) -> String {
    format!("exec \"$0\" --exact behaviour::{name} --ignored --nocapture 3>&1 1>/dev/null")
}

pub(super) fn worker() -> Worker {
    let test = std::env::current_exe().unwrap().display().to_string();
    Worker {
        memory_bytes: 1 << 30,
        deadline: Duration::from_secs(20),
        ..Worker::new("/bin/sh".into(), ["-c".to_owned(), script("worker::entry"), test].into())
    }
}

fn query(inputs: &Inputs, sql: &str, most: usize) -> Result<Grid, EvaluateError> {
    Session::new(&worker(), 1).query(inputs, sql, most)
}

pub(super) fn evidence() -> Inputs {
    Inputs { sources: vec![toy_source("toy", AS_OF, &[("ada", "ada@acme.example"), ("bob", "")])], ..inputs(AS_OF) }
}

pub(super) fn honest(name: &str) -> Check {
    check(
        name,
        "account = { monotone = true }",
        "SELECT account_key AS subject, 'pass' AS verdict, 'by rule' AS reason, source FROM account",
    )
}

fn bomb(name: &str, sql: &str) -> Check {
    check(name, "", &format!("SELECT ({sql}) AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source"))
}

pub(super) fn run(worker: &Worker, checks: &[&Check]) -> All {
    all(|each| evaluate(worker, checks, &BTreeMap::new(), &evidence(), each)).unwrap()
}

#[test]
fn worker_gives_the_bytes_that_the_engine_gives_in_process() {
    let check = honest("honest");
    let outside = run(&worker(), &[&check]);
    let mut here = InProcess::default();
    let inside = all(|each| evaluate_with(&mut here, &[&check], &BTreeMap::new(), &evidence(), each)).unwrap();
    assert_eq!(outside.evaluations[0].outcome, Outcome::Pass);
    assert_eq!(canonical_json(&outside.evaluations).unwrap(), canonical_json(&inside.evaluations).unwrap());
    assert_eq!(outside.orphans, inside.orphans);
}

#[test]
fn what_a_source_shows_is_what_it_shows_alone_and_the_same_worker_evaluates_then() {
    let toy = |name: &str, logins: &[(&str, &str)]| toy_source(name, AS_OF, logins);
    let (ours, theirs) = (toy("ours", &[("ada", "a@x.example"), ("bob", "")]), toy("theirs", &[("ada", "")]));
    // the register changes what the engine says of an account, and not what its source does
    let registered = RegisteredAccount {
        pattern: "ours:ada".to_owned(),
        kind: Some("service".to_owned()),
        ..RegisteredAccount::default()
    };
    let before = Inputs { sources: vec![ours.clone(), theirs], accounts: vec![registered], ..inputs(AS_OF) };
    let alone = Inputs { sources: vec![ours], ..inputs(AS_OF) };
    let limited = Worker { deadline: Duration::from_mins(1), ..worker() };
    let mut session = Session::new(&limited, 10);
    let shown = session.observe(&before, "ours").unwrap();
    assert_eq!(shown, observe(&mut InProcess::default(), &alone).unwrap());
    assert_ne!(Some(&shown), session.observe(&before, "theirs").as_ref());
    assert!(session.observe(&before, "nobody").is_none());

    let snapshot = PastSnapshot {
        id: "s-ours".to_owned(),
        manifest_sha256: before.sources[0].snapshot.as_ref().unwrap().manifest_sha256,
        seen_at: AS_OF.parse().unwrap(),
    };
    let mut history = History::new("ours", Digest::of(b"mapping"));
    history.push(&snapshot, Some(shown));
    let history = history_tables(&Arc::new(history), &[snapshot].into());
    let whole = Inputs { history, ..before };
    let reads = check(
        "reads",
        "account = { monotone = true }",
        "SELECT a.account_key AS subject, 'pass' AS verdict, coalesce(a.kind, '-') || ' ' || h.since_snapshot AS reason, a.source
           FROM account AS a JOIN account_history AS h USING (account_key)",
    );
    let outside = all(|each| session.evaluate(&[&reads, &honest("all")], &BTreeMap::new(), &whole, each)).unwrap();
    let mut here = InProcess::default();
    let inside = all(|each| evaluate_with(&mut here, &[&reads, &honest("all")], &BTreeMap::new(), &whole, each));
    let reasons: Vec<&str> = outside.evaluations[0].members.iter().map(|member| member.reason.as_str()).collect();
    assert_eq!(reasons, ["service s-ours", "- s-ours"]);
    let inside = inside.unwrap();
    assert_eq!(canonical_json(&outside.evaluations).unwrap(), canonical_json(&inside.evaluations).unwrap());
    assert_eq!(outside.identity_map, inside.identity_map);
}

#[test]
fn rows_that_cannot_be_mapped_show_nothing() {
    let broken = SourceInput {
        mapping_sql: "INSERT INTO account (account_key, source) SELECT nix, _source FROM toy_user".to_owned(),
        ..toy_source("toy", AS_OF, &[("ada", "")])
    };
    let inputs = Inputs { sources: vec![broken], ..inputs(AS_OF) };
    let limited = worker();
    let mut session = Session::new(&limited, 10);
    assert!(session.observe(&inputs, "toy").is_none());
    let evaluated = all(|each| session.evaluate(&[&honest("a")], &BTreeMap::new(), &inputs, each)).unwrap();
    assert_eq!(evaluated.evaluations[0].outcome, Outcome::Inconclusive);
}

#[test]
fn endless_query_is_killed_at_the_deadline_and_the_rest_is_evaluated() {
    let endless =
        bomb("endless", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    let (before, after) = (honest("before"), honest("later"));
    let worker = Worker { deadline: Duration::from_secs(3), ..worker() };
    let started = Instant::now();
    let evaluated = run(&worker, &[&before, &endless, &after]);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let outcomes: Vec<Outcome> = evaluated.evaluations.iter().map(|evaluation| evaluation.outcome).collect();
    assert_eq!(outcomes, [Outcome::Pass, Outcome::Inconclusive, Outcome::Pass]);
    assert_eq!(evaluated.evaluations[1].why, ["the worker process was killed at its deadline of 3s"]);
}

#[test]
fn memory_bombs_are_inconclusive_and_the_rest_is_evaluated() {
    // the sorter holds every row: 16 MB each
    let sorter = bomb(
        "sorter",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         SELECT group_concat(length(x)) FROM (SELECT printf('%016000000d', i) AS x FROM n ORDER BY 1)",
    );
    let doubling =
        bomb("doubling", "WITH RECURSIVE n(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM n) SELECT max(x) FROM n");
    let rows = check(
        "rows",
        "",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
         SELECT printf('%0100000d', i) AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source FROM n",
    );
    let after = honest("later");
    let worker = Worker { memory_bytes: 600 << 20, ..worker() };
    let evaluated = run(&worker, &[&sorter, &doubling, &rows, &after]);
    for evaluation in &evaluated.evaluations[..3] {
        assert_eq!(evaluation.outcome, Outcome::Inconclusive, "{}", evaluation.check);
        assert!(evaluation.members.is_empty());
    }
    assert!(evaluated.evaluations[0].why[0].contains("out of memory"), "{:?}", evaluated.evaluations[0].why);
    assert!(evaluated.evaluations[1].why[0].contains("too big"), "{:?}", evaluated.evaluations[1].why);
    assert_eq!(evaluated.evaluations[3].outcome, Outcome::Pass, "{:?}", evaluated.evaluations[3].why);
}

#[test]
fn worker_without_enough_memory_to_load_makes_every_check_inconclusive() {
    let worker = Worker { memory_bytes: 1 << 20, ..worker() };
    let long = "x".repeat(32 << 20);
    let inputs = Inputs { sources: vec![toy_source("toy", AS_OF, &[("ada", &long)])], ..inputs(AS_OF) };
    let checks = [&honest("a"), &honest("b")];
    let evaluated = all(|each| evaluate(&worker, &checks, &BTreeMap::new(), &inputs, each)).unwrap();
    assert!(evaluated.identity_map.is_none());
    for evaluation in &evaluated.evaluations {
        assert_eq!(evaluation.outcome, Outcome::Inconclusive);
        assert!(evaluation.why.iter().any(|why| why.contains("worker process died")), "{:?}", evaluation.why);
    }
}

#[test]
fn worker_that_cannot_start_answers_nonsense_or_says_nothing_is_inconclusive() {
    let starts = [
        ("/nonexistent/worker", Vec::new(), "cannot be started"),
        ("/bin/true", Vec::new(), "died"),
        ("/bin/sh", vec!["-c".to_owned(), "printf '\\000\\000\\000\\002{}'; sleep 5".to_owned()], "unreadable"),
        ("/bin/sh", vec!["-c".to_owned(), "printf '\\377\\377\\377\\377'; sleep 5".to_owned()], "died"),
        ("/bin/sh", vec!["-c".to_owned(), "exec sleep 60".to_owned()], "deadline"),
        ("/bin/sh", vec!["-c".to_owned(), "kill -SEGV $$".to_owned()], "died: signal: 11"),
    ];
    for (program, args, why) in starts {
        let worker = Worker { deadline: Duration::from_millis(500), ..Worker::new(program.into(), args) };
        let evaluation = run(&worker, &[&honest("a")]).evaluations.remove(0);
        assert_eq!(evaluation.outcome, Outcome::Inconclusive, "{program}");
        assert!(evaluation.why.iter().any(|said| said.contains(why)), "{program}: {:?}", evaluation.why);
    }
}

#[test]
fn query_reads_rows_and_the_schema_and_nothing_else() {
    let grid = query(&evidence(), "SELECT login, :as_of AS at FROM account ORDER BY 1", 1).unwrap();
    assert_eq!(grid.columns, ["login", "at"]);
    assert_eq!(grid.rows, [[serde_json::json!("ada"), serde_json::json!(AS_OF)]]);
    assert!(grid.truncated);
    let grid = query(&evidence(), "SELECT name FROM sqlite_schema WHERE name = 'toy_user'", 10).unwrap();
    assert_eq!(grid.rows.len(), 1);
    let refused = query(&evidence(), "DELETE FROM account", 10).unwrap_err();
    assert!(refused.to_string().contains("only SELECT"), "{refused}");
    let wrong = query(&evidence(), "SELECT login,\n  nix FROM account", 10).unwrap_err();
    assert_eq!(wrong.to_string(), "no such column: nix (line 2, column 3)");
}

#[test]
fn worker_that_was_not_told_its_limits_does_not_work() {
    let mut output = Vec::new();
    assert_eq!(worker_main(&b"short"[..], &mut output), 70, "limits that do not arrive are no licence to work");
    assert!(output.is_empty());
}

#[test]
fn worker_says_how_it_is_confined_before_it_is_asked_anything() {
    let confinement = confinement(&worker()).unwrap();
    assert_eq!(confinement.lacks, [""; 0], "the machines that test this have landlock and seccomp");
    assert_eq!(confinement.holds.len(), 2, "{confinement:?}");
    assert_eq!(run(&worker(), &[&honest("a")]).confinement, Some(confinement));
}

/// A worker that lacks a confinement and is asked for it: it says so first, as the real one would.
#[test]
fn worker_that_is_not_confined_as_required_is_asked_nothing() {
    let hello =
        r#"{"Confined":{"holds":[],"lacks":["no file and no network (landlock): this kernel has no landlock"]}}"#;
    let script = format!("printf '\\000\\000\\000\\{:03o}%s' '{hello}'; exec cat >/dev/null", hello.len());
    let bare =
        Worker { deadline: Duration::from_secs(2), ..Worker::new("/bin/sh".into(), ["-c".to_owned(), script].into()) };
    let refused = run(&Worker { sandbox: Sandbox::Required, ..bare.clone() }, &[&honest("a")]);
    assert_eq!(refused.evaluations[0].outcome, Outcome::Inconclusive);
    let why = &refused.evaluations[0].why[0];
    assert!(why.contains("`checks.sandbox` requires") && why.contains("this kernel has no landlock"), "{why}");
    // best effort goes on to ask, and says what was lacking; one that closed its output and lives on does not hold anybody up
    let asked = run(&bare, &[&honest("a")]);
    assert!(asked.evaluations[0].why[0].contains("died: signal: 9"), "{:?}", asked.evaluations[0].why);
    assert_eq!(asked.confinement.unwrap().lacks.len(), 1);
    assert_eq!(
        run(&Worker { sandbox: Sandbox::Required, ..worker() }, &[&honest("a")]).evaluations[0].outcome,
        Outcome::Pass
    );
}
