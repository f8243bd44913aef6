//! A corpus of attacks on time, memory and stack, run as checks in the worker: each ends inconclusive within the limits, and
//! the next honest check is right. A worker is killed at its deadline, so most of the time this takes is the deadlines.

use super::worker::{honest, run, worker};
use crate::{Check, Worker};
use model::{Outcome, canonical_json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A number without end.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
/// A thousand numbers, without a loop that the planner could see through.
const THOUSAND: &str = "t AS MATERIALIZED (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n)";

/// What is computed over numbers without end.
const OVER_ENDLESS: &[&str] = &[
    "SELECT count(*) FROM n",
    "SELECT sum(i) FROM n",
    "SELECT max(i) FROM n",
    "SELECT avg(i) FROM n",
    "SELECT total(i) FROM n WHERE i % 2",
    "SELECT i FROM n WHERE i < 0 LIMIT 1",
    "SELECT i FROM n LIMIT 1 OFFSET 9000000000000",
    "SELECT count(*) FROM n AS a, n AS b",
    "SELECT count(DISTINCT i) FROM n",
    "SELECT group_concat(i) FROM n",
    "SELECT json_group_array(i) FROM n",
    "SELECT json_group_object(i, i) FROM n",
    "SELECT string_agg(i, ',' ORDER BY i DESC) FROM n",
    "SELECT i FROM n ORDER BY i DESC LIMIT 1",
    "SELECT i FROM n GROUP BY i LIMIT 1",
    "SELECT i FROM n EXCEPT SELECT i FROM n LIMIT 1",
    "SELECT sum(i) OVER (ORDER BY i) FROM n LIMIT 1 OFFSET 900000000",
    "SELECT max(printf('%01000d', i)) FROM n",
    "SELECT 1 WHERE 0 IN (SELECT i FROM n)",
    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM n WHERE i = 0)",
    "SELECT ntile(7) OVER (ORDER BY i) FROM n LIMIT 1",
    "SELECT count(*) FROM n WHERE glob('*a*b*c*', hex(i))",
    "SELECT count(*) FROM n WHERE datetime(i, 'unixepoch') = ''",
    "SELECT count(*) FROM n, json_each('[1,2,3]')",
];

/// Joins of a thousand rows with themselves, and what is asked of the product.
const JOINS: &[&str] = &["count(*)", "sum(a.i * b.i)", "max(a.i || b.i || c.i)", "count(DISTINCT a.i)"];
const JOINED: &[&str] = &[
    "t AS a, t AS b, t AS c, t AS d",
    "t AS a JOIN t AS b ON a.i <> b.i JOIN t AS c ON b.i <> c.i JOIN t AS d ON c.i <> d.i",
    "t AS a LEFT JOIN t AS b ON a.i % 2 = b.i % 2 LEFT JOIN t AS c ON b.i % 2 = c.i % 2 LEFT JOIN t AS d ON c.i % 2 = d.i % 2",
];

/// Expressions that alone take too much memory, time or stack.
fn expressions() -> Vec<(&'static str, String)> {
    let repeat = |text: &str, times: usize| text.repeat(times);
    let nested = |before: &str, middle: &str, after: &str, depth| {
        format!("{}{middle}{}", before.repeat(depth), after.repeat(depth))
    };
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    let long = |bytes: usize| format!("printf('%.*c', {bytes}, 'a')");
    let mut all: Vec<(&str, String)> = Vec::new();
    // longer than a value may be
    for width in ["17000000", "100000000", "2000000000", "2147483647"] {
        all.push(("width", format!("printf('%.*c', {width}, 'x')")));
        all.push(("width", format!("printf('%{width}d', 1)")));
        all.push(("width", format!("printf('%0{width}d', 1)")));
        all.push(("width", format!("format('%-{width}s', 'x')")));
    }
    all.push(("width", "printf('%*d', 2147483647, 1)".to_owned()));
    all.push(("width", "printf('%!.*f', 400000000, 1.5)".to_owned()));
    let sixteen = long(16_000_000);
    for over in [
        format!("{sixteen} || {sixteen}"),
        format!("hex({sixteen})"),
        format!("quote({sixteen}) || quote({sixteen})"),
        format!("replace({sixteen}, 'a', 'bb')"),
        format!("json_quote({sixteen}) || 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx' || {sixteen}"),
        format!("json_array({sixteen}, {sixteen})"),
        format!("concat({sixteen}, {sixteen})"),
        format!("concat_ws({sixteen}, 1, 2, 3)"),
        format!("json_object('a', {sixteen}, 'b', {sixteen})"),
        format!("upper({sixteen}) || lower({sixteen})"),
    ] {
        all.push(("long", over));
    }
    // one call that compares for seconds, with no instruction of SQLite's machine in between
    for length in [600, 900] {
        let (a, set) = (repeat("a", length), repeat("[ab]", length / 4));
        all.push(("comparing", format!("{sixteen} GLOB '*{a}b'")));
        all.push(("comparing", format!("{sixteen} GLOB '*{set}c'")));
        all.push(("comparing", format!("{sixteen} LIKE '%{a}b'")));
        all.push(("comparing", format!("{sixteen} LIKE '%{a}_b' ESCAPE '!'")));
    }
    let needle = format!("{} || 'b'", long(4_000_000));
    all.push(("comparing", format!("instr({sixteen}, {needle})")));
    all.push(("comparing", format!("length(replace({sixteen}, {needle}, 'x'))")));
    all.push(("comparing", format!("trim({sixteen}, 'b' || {} || 'a')", long(100_000).replace("'a'", "'c'"))));
    // deeper or wider than a statement may be
    for depth in [2_000, 20_000, 200_000] {
        all.push(("depth", nested("(", "1", ")", depth * 10)));
        all.push(("depth", nested("NOT ", "1", "", depth)));
        all.push(("depth", nested("-", "1", "", depth).replace("--", "- -")));
        all.push(("depth", nested("abs(", "1", ")", depth)));
        all.push(("depth", nested("(SELECT ", "1", ")", depth)));
        all.push(("depth", nested("CASE WHEN 1 THEN ", "1", " END", depth)));
        all.push(("depth", format!("1{}", repeat(" + 1", depth))));
        all.push(("depth", format!("1{}", repeat(" || 'x'", depth))));
    }
    all.push(("width", format!("coalesce({})", list("NULL", 100_000))));
    all.push(("width", format!("(SELECT 1 UNION {} SELECT 2)", repeat("SELECT 1 UNION ", 600))));
    all.push(("width", format!("(SELECT count(*) FROM {})", list("account", 70))));
    all.push(("width", format!("(SELECT 1 FROM (SELECT {}))", list("1", 5_000))));
    all.push(("width", format!("(SELECT 1 FROM account GROUP BY {})", list("login", 5_000))));
    all.push(("width", "?32767".to_owned()));
    all.push(("width", format!("'{}'", repeat("x", 2_000_000))));
    // JSON that is deep or long
    all.push(("json", "json(printf('%.*c', 100000, '[') || printf('%.*c', 100000, ']'))".to_owned()));
    all.push(("json", "(SELECT count(*) FROM json_tree(replace(printf('%.*c', 5000, 'x'), 'x', '{\"a\":') || '1' || printf('%.*c', 5000, '}')))".to_owned()));
    all.push(("json", "json_extract(printf('%.*c', 20000, '[') || printf('%.*c', 20000, ']'), '$' || replace(printf('%.*c', 20000, 'x'), 'x', '[0]'))".to_owned()));
    all
}

/// Queries of several rows or tables that take too much.
fn queries() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    // a subquery that is written twice, again and again: it doubles when it is planned or when it is run
    for depth in [24, 40, 60] {
        for kind in ["", "MATERIALIZED", "NOT MATERIALIZED"] {
            let ctes: Vec<String> = (1..=depth)
                .map(|index| format!("c{index} AS {kind} (SELECT x FROM c{0} UNION ALL SELECT x FROM c{0})", index - 1))
                .collect();
            all.push((
                "doubling",
                format!("WITH c0 AS (SELECT 1 AS x), {} SELECT count(*) FROM c{depth}", ctes.join(", ")),
            ));
        }
    }
    // an answer with more rows or bytes than an answer may have
    let answer = |reason: &str, most: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n {most}) SELECT 's' || i AS subject, 'pass' AS verdict, {reason} AS reason, NULL AS source FROM n"
        )
    };
    all.push(("answer", answer("'x'", "")));
    all.push(("answer", answer("'x'", "WHERE i < 1000001")));
    all.push(("answer", answer("printf('%.*c', 1000000, 'x')", "WHERE i < 300")));
    all.push(("answer", answer("printf('%.*c', 16000000, 'x')", "")));
    // memory: rows kept to be sorted, told apart, joined
    for kept in [
        "SELECT group_concat(length(x)) FROM (SELECT printf('%016000000d', i) AS x FROM n ORDER BY 1)",
        "SELECT count(*) FROM (SELECT DISTINCT printf('%01000000d', i) FROM n)",
        "SELECT count(*) FROM (SELECT printf('%01000000d', i) AS x FROM n GROUP BY x)",
        "SELECT count(*) FROM (SELECT printf('%01000000d', i) FROM n UNION SELECT printf('%01000001d', i) FROM n)",
        "SELECT max(lead(x, 1000) OVER (ORDER BY i)) FROM (SELECT i, printf('%01000000d', i) AS x FROM n)",
        "SELECT count(*) FROM (SELECT printf('%01000000d', i) AS x FROM n) AS a JOIN (SELECT 1 AS y) AS b ON a.x = b.y",
        "SELECT json_group_array(printf('%01000000d', i)) FROM n",
        "SELECT group_concat(printf('%01000000d', i)) FROM n",
    ] {
        all.push(("memory", format!("{ENDLESS} {kept}")));
    }
    all.push((
        "memory",
        "WITH RECURSIVE n(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM n) SELECT max(x) FROM n".to_owned(),
    ));
    all.push((
        "memory",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x * 3 % 2147483647 FROM n) SELECT count(*) FROM n".to_owned(),
    ));
    all
}

/// Every attack as a whole query that passes when it is answered.
fn corpus() -> Vec<(&'static str, String)> {
    let passing = |expression: &str| {
        format!("SELECT 'x' AS subject, 'pass' AS verdict, 'x' || ({expression}) AS reason, NULL AS source")
    };
    let mut corpus: Vec<(&str, String)> =
        OVER_ENDLESS.iter().map(|query| ("endless", passing(&format!("{ENDLESS} {query}")))).collect();
    for joined in JOINED {
        corpus.extend(
            JOINS.iter().map(|what| ("join", passing(&format!("WITH {THOUSAND} SELECT {what} FROM {joined}")))),
        );
    }
    corpus.extend(expressions().into_iter().map(|(family, expression)| (family, passing(&expression))));
    corpus.extend(queries().into_iter().map(|(family, sql)| {
        let whole = sql.contains(" AS subject");
        (family, if whole { sql } else { passing(&sql) })
    }));
    corpus
}

/// Attacks that did not end inconclusive. One that was not run, because the machine was too busy to load in time, is run again
/// with more of it.
fn successes(worker: &Worker, attacks: &[(&str, String)]) -> Vec<String> {
    let hostile: Vec<Check> = attacks.iter().map(|(_, sql)| Check { text: sql.clone(), ..honest("hostile") }).collect();
    let evaluations = run(worker, &hostile.iter().collect::<Vec<_>>()).evaluations;
    let mut told = Vec::new();
    for (evaluation, attack) in evaluations.iter().zip(attacks) {
        let says = |words: &str| evaluation.why.iter().any(|why| why.contains(words));
        if says("loading again") {
            let patient = Worker { deadline: worker.deadline * 2, ..worker.clone() };
            told.extend(successes(&patient, std::slice::from_ref(attack)));
        } else if evaluation.outcome != Outcome::Inconclusive || says("returned no column") {
            let (family, sql) = attack;
            told.push(format!("{family}: {sql:.200}: {} {:?}", evaluation.outcome.as_str(), evaluation.why));
        }
    }
    told
}

#[test]
fn every_attack_on_time_memory_or_stack_ends_inconclusive() {
    let long = std::env::var_os("EVIDENCED_TEST_LONG").is_some();
    let (deadline, memory_bytes) = if long { (5_000, 1 << 30) } else { (300, 256 << 20) };
    let hasty = Worker { deadline: Duration::from_millis(deadline), memory_bytes, ..worker() };
    let right = canonical_json(&run(&worker(), &[&honest("honest")]).evaluations).unwrap();
    let attacks = corpus();
    let started = Instant::now();
    let mut through = Vec::new();
    for some in attacks.chunks(12) {
        through.extend(successes(&hasty, some));
        let after = run(&worker(), &[&honest("honest")]);
        assert_eq!(canonical_json(&after.evaluations).unwrap(), right, "the next honest check is right");
    }
    assert!(through.is_empty(), "{} of {} went through\n{}", through.len(), attacks.len(), through.join("\n"));
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    for (family, _) in &attacks {
        *families.entry(family).or_default() += 1;
    }
    println!("resource attacks: {} tried, 0 went through, in {:?}; {families:?}", attacks.len(), started.elapsed());
    assert!(attacks.len() >= 100, "{}", attacks.len());
}

#[test]
fn positive_control_what_fits_the_limits_is_answered() {
    let modest = [
        ("control", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT 'x' AS subject, 'pass' AS verdict, 'x' || count(*) AS reason, NULL AS source FROM n".to_owned()),
        ("control", "SELECT 'x' AS subject, 'pass' AS verdict, printf('%.*c', 1000000, 'x') AS reason, NULL AS source".to_owned()),
        ("control", format!("SELECT 'x' AS subject, 'pass' AS verdict, 'x' || {}1{} AS reason, NULL AS source", "(".repeat(50), ")".repeat(50))),
    ];
    assert_eq!(successes(&worker(), &modest).len(), modest.len());
}
