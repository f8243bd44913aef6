//! SQL that tries to leave the scratch database, to change it, or to see the clock: refused, and never a pass.

use crate::evaluation::evaluate_with;
use crate::inputs::Inputs;
use crate::run::{InProcess, Question, Runner};
use crate::testing::{all, check, inputs, toy_source};
use model::Outcome;
use std::collections::BTreeMap;

const AS_OF: &str = "2026-03-10T12:00:00Z";

fn loaded() -> (InProcess, Inputs) {
    let inputs = Inputs { sources: vec![toy_source("toy", AS_OF, &[("ada", "")])], ..inputs(AS_OF) };
    let mut runner = InProcess::default();
    runner.load(&inputs).unwrap();
    (runner, inputs)
}

fn ask(sql: &str) -> Result<usize, String> {
    let (mut runner, _) = loaded();
    let question = Question { sql: sql.to_owned(), parameters: BTreeMap::new(), most: 10, whole: false, schema: false };
    runner.run(&question).map(|grid| grid.rows.len())
}

#[test]
fn positive_control_an_honest_query_is_answered() {
    assert_eq!(ask("SELECT account_key, json_extract('[1]', '$[0]') FROM account"), Ok(1));
    assert_eq!(
        ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n"),
        Ok(5)
    );
    assert_eq!(ask("SELECT value FROM json_each('[1, 2]')"), Ok(2));
    assert_eq!(ask("SELECT count(*) FROM (SELECT 1)"), Ok(1));
    assert_eq!(ask("SELECT unixepoch('2026-01-01', '+1 day'), strftime('%Y', 0, 'unixepoch')"), Ok(1));
}

#[test]
fn replaced_date_functions_say_what_sqlite_says() {
    let (mut runner, _) = loaded();
    let plain = rusqlite::Connection::open_in_memory().unwrap();
    let expressions = [
        "date('2024-02-29', '+1 year')",
        "datetime(1092941466, 'unixepoch')",
        "julianday('2000-01-01')",
        "strftime('%Y-%m-%dT%H:%M:%SZ', 1092941466, 'unixepoch')",
        "time('12:00', '-90 minutes')",
        "timediff('2023-02-15', '2023-03-15')",
        "unixepoch('2026-01-01T00:00:05Z')",
        "unixepoch('not a time')",
        "unixepoch(NULL)",
        "date('2026-01-31', 'start of month', '+1 month', '-1 day')",
        // what was asked before is not taken for what is asked now
        "date(0)",
        "date('0')",
        "date(x'30')",
        "date(0.5)",
        "date('2026-01-31', '+1 day')",
        "date('2026-01-31+1 day')",
        "date('2026-01-3', '1+1 day')",
    ];
    for expression in expressions.iter().chain(&expressions) {
        let sql = format!("SELECT CAST({expression} AS TEXT)");
        let question = Question { sql: sql.clone(), parameters: BTreeMap::new(), most: 1, whole: true, schema: false };
        let ours = runner.run(&question).unwrap().rows[0][0].clone();
        let theirs: Option<String> = plain.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(ours.as_str().map(str::to_owned), theirs, "{expression}");
    }
}

#[test]
fn refusal_while_running_makes_the_check_inconclusive() {
    let (mut runner, inputs) = loaded();
    let sly = check(
        "sly",
        "account = { monotone = true }",
        "SELECT login AS subject, CASE WHEN datetime('n' || 'ow') > '' THEN 'pass' END AS verdict, 'x' AS reason, source FROM account",
    );
    let evaluation =
        all(|each| evaluate_with(&mut runner, &[&sly], &BTreeMap::new(), &inputs, each)).unwrap().evaluations.remove(0);
    assert_eq!(evaluation.outcome, Outcome::Inconclusive);
    assert!(evaluation.why[0].contains("time enters only as `:as_of`"), "{:?}", evaluation.why);
}

#[test]
fn a_query_leaves_nothing_behind_for_the_next() {
    let (mut runner, _) = loaded();
    let question = |sql: &str| Question {
        sql: sql.to_owned(),
        parameters: BTreeMap::new(),
        most: 10,
        whole: false,
        schema: false,
    };
    assert!(runner.run(&question("CREATE TEMP TABLE account (x)")).is_err());
    assert!(runner.run(&question("DELETE FROM account")).is_err());
    assert_eq!(runner.run(&question("SELECT * FROM account")).unwrap().rows.len(), 1);
}
