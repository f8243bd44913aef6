//! What is refused when checks and cases are loaded, and where the message points.

use crate::catalogue::Catalogues;
use crate::scaffold::scaffold;
use crate::set::CheckSet;
use crate::testing::{collectors, parse};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

const GOOD: &str = r#"/*---
title = "T"
severity = "minor"
controls = ["iso27001:2022/A.5.18"]
subject = "account"
population = "all"
max_age = "24h"
[inputs]
account = { monotone = true }
[parameters]
limit = { type = "duration", default = "2d", help = "how long" }
[finding]
criteria = "c"
impact = "i"
action = "a"
---*/
SELECT account_key AS subject, 'pass' AS verdict, 'because' AS reason, source
FROM account WHERE unixepoch(created_at) > unixepoch(:as_of) - :limit;
"#;

/// The problems of `GOOD` after `from` was replaced by `to`, each as `line:column problem`.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let problems = parse(&GOOD.replace(from, to)).unwrap_err();
    problems.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.problem)).collect()
}

#[test]
fn good_check_loads() {
    let check = parse(GOOD).unwrap();
    assert_eq!(check.parameters["limit"].default, json!(172_800));
    assert!(check.inputs["account"].monotone);
    assert!(!check.reads_identity_map);
}

#[test]
fn each_problem_is_found_at_its_place() {
    let expected = [
        ("iso27001:2022/A.5.18", "iso27001:2022/A.5.81", "4:13 no catalogue has the control `iso27001:2022/A.5.81`"),
        ("controls = [\"iso27001:2022/A.5.18\"]", "controls = []", "2:1 the check tests no control"),
        ("FROM account", "FROM acount", "18:6 no such table: acount"),
        ("created_at", "created", "18:30 no such column: created"),
        ("FROM account", "FROM account AS a JOIN person AS p", "17:72 ambiguous column name: source"),
        (
            "\"24h\"",
            "\"24 hours\"",
            "7:11 not a duration: `24 hours` (write a whole number and a unit: `90s`, `15m`, `24h`, `30d`)",
        ),
        ("default = \"2d\"", "default = true", "11:40 expected a duration such as `24h`, found true"),
        (":limit", ":limits", "18:64 parameter `:limits` is not declared"),
        ("'because' AS reason, ", "", "17:1 the query returns no column `reason`"),
        (
            "account = { monotone = true }",
            "account = { monotone = true }\nperson = { monotone = true }",
            "10:1 input `person` is declared but not read",
        ),
        (
            "account = { monotone = true }",
            "source = { monotone = true }",
            "9:1 input `source` is filled by the engine and needs no declaration",
        ),
        ("account = { monotone = true }", "", "18:6 table `account` is read but not declared"),
        (
            "monotone = true }",
            "monotone = true, collectors = [\"aws_iamm\"] }",
            "9:44 there is no collector `aws_iamm`",
        ),
        ("max_age = \"24h\"", "empty = \"pass\"", "7:9 `empty` cannot be `pass`"),
        (
            "severity = \"minor\"",
            "severity = \"huge\"",
            "3:12 unknown variant `huge`, expected one of `major`, `minor`, `opportunity`, `observation`",
        ),
        ("title = \"T\"", "title = \"T\"\ncolour = \"red\"", "3:1 unknown field `colour`"),
        (
            "FROM account",
            "FROM account, pragma_database_list",
            "18:15 table `pragma_database_list` is not part of the vocabulary",
        ),
        ("- :limit;", "- :limit; DELETE FROM account;", "18:72 only SELECT is allowed"),
        // SQLite says nothing of where a table or a refused function is, and the first mention is no comment and no text
        (
            "'because' AS reason",
            "'random' /* random */ || random() AS reason",
            "17:76 function `random` is not one of those a check may call",
        ),
        ("unixepoch(created_at)", "unixepock(created_at)", "18:20 no such function: unixepock"),
    ];
    let mut failed = Vec::new();
    for (from, to, problem) in expected {
        let found = problems(from, to);
        if !found.iter().any(|found| found.starts_with(problem)) {
            failed.push(format!("{to}\n   expected {problem}\n   found    {found:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn several_problems_are_reported_at_once() {
    let text = GOOD.replace("A.5.18", "A.5.81").replace("\"24h\"", "\"soon\"").replace("created_at", "created");
    assert_eq!(parse(&text).unwrap_err().len(), 3);
}

#[test]
fn suggestion_names_the_nearest_word() {
    let problems = parse(&GOOD.replace("FROM account", "FROM acount")).unwrap_err();
    assert_eq!(problems[0].help, "did you mean `account`?");
    for (from, to, meant) in [
        ("created_at)", "creatd_at)", "created_at"),
        ("FROM account WHERE unixepoch(created_at)", "FROM account AS a WHERE unixepoch(a.createdat)", "created_at"),
        ("unixepoch(created_at)", "unixepock(created_at)", "unixepoch"),
    ] {
        assert_eq!(parse(&GOOD.replace(from, to)).unwrap_err()[0].help, format!("did you mean `{meant}`?"), "{to}");
    }
    let problems = parse(&GOOD.replace(":limit", ":limt")).unwrap_err();
    assert!(problems.iter().any(|problem| problem.help == "did you mean `limit`?"), "{problems:?}");
}

#[test]
fn text_without_front_matter_is_refused() {
    for text in ["", "SELECT 1", "/*---\ntitle = 1\n", "/* --- */ SELECT 1"] {
        assert_eq!(parse(text).unwrap_err()[0].problem, "no front matter");
    }
    let early = GOOD.replace("population = \"all\"", "population = \"*/ SELECT 1; /*\"");
    assert_eq!(parse(&early).unwrap_err()[0].problem, "the comment ends inside the front matter");
}

#[test]
fn identity_map_needs_both_tables_it_is_made_from() {
    let text = GOOD
        .replace("FROM account WHERE", "FROM account WHERE account_key IN (SELECT account_key FROM identity_link) AND");
    let found = parse(&text).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].problem, "table `person` is read but not declared");
}

#[test]
fn parameters_are_bound_by_their_type() {
    let check = parse(GOOD).unwrap();
    let bind = |value| check.bind(Some(&BTreeMap::from([("limit".to_owned(), value)])));
    assert_eq!(bind(json!("90s")).unwrap()["limit"], json!(90));
    assert_eq!(bind(json!(7)).unwrap()["limit"], json!(7));
    for wrong in [json!("soon"), json!(true), json!(1.5), json!(null)] {
        assert!(bind(wrong).is_err());
    }
    let error = check.bind(Some(&BTreeMap::from([("limmit".to_owned(), json!("1d"))]))).unwrap_err();
    assert_eq!(error.help, "did you mean `limit`?");
}

const CASES: &str = r#"
as_of = "2026-03-10T12:00:00Z"
[sources.aws]
collector = "aws_iam"
[[case]]
name = "all"
covers = ["pass", "boundary"]
outcome = "pass"
tables.account = [{ account_key = "aws:ada", created_at = "2026-03-10T00:00:00Z" }]
expect = [{ subject = "aws:ada", verdict = "pass" }]
"#;

/// Loads `sql` and `cases` from a folder beside the shipped checks.
fn load(sql: &str, cases: Option<&str>) -> Result<CheckSet, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("own")).unwrap();
    fs::write(dir.path().join("own/my_check.sql"), sql).unwrap();
    if let Some(cases) = cases {
        fs::write(dir.path().join("own/my_check.cases.toml"), cases).unwrap();
    }
    CheckSet::load(&[dir.path().to_owned()], &Catalogues::builtin().unwrap(), &collectors())
        .map_err(|problems| problems.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.problem)).collect())
}

#[test]
fn a_check_without_cases_is_refused() {
    assert_eq!(load(GOOD, None).unwrap_err(), ["1:1 the check has no cases"]);
}

#[test]
fn cases_must_cover_pass_fail_unknown_and_boundary_and_show_what_they_cover() {
    assert_eq!(load(GOOD, Some(CASES)).unwrap_err(), ["1:1 no case covers `fail`", "1:1 no case covers `unknown`"]);
    let claimed = CASES.replace("[\"pass\", \"boundary\"]", "[\"pass\", \"boundary\", \"fail\", \"unknown\"]");
    assert_eq!(
        load(GOOD, Some(&claimed)).unwrap_err(),
        [
            "7:31 the case says it covers `fail` but expects no such row",
            "7:39 the case says it covers `unknown` but expects no such row"
        ]
    );
}

#[test]
fn unknown_tables_and_columns_in_cases_are_found_at_their_place() {
    let found = load(GOOD, Some(&CASES.replace("tables.account", "tables.acount"))).unwrap_err();
    assert!(found.contains(&"9:8 there is no table `acount`".to_owned()), "{found:?}");
    let found = load(GOOD, Some(&CASES.replace("created_at", "created"))).unwrap_err();
    assert!(found.contains(&"9:46 table `account` has no column `created`".to_owned()), "{found:?}");
}

#[test]
fn own_check_joins_the_shipped_ones_and_may_not_take_their_name() {
    let more = r#"
[[case]]
name = "the other verdicts"
covers = ["fail", "unknown"]
outcome = "fail"
tables.account = [{ account_key = "aws:f", status = "enabled" }, { account_key = "aws:u" }]
expect = [{ subject = "aws:f", verdict = "fail" }, { subject = "aws:u", verdict = "unknown" }]
"#;
    let sql = GOOD.replace(
        "'pass' AS",
        "CASE WHEN created_at > '' THEN 'pass' WHEN status = 'enabled' THEN 'fail' ELSE 'unknown' END AS",
    );
    let sql = sql.replace("WHERE unixepoch(created_at) >", "WHERE created_at IS NULL OR unixepoch(created_at) >");
    let set = load(&sql, Some(&format!("{CASES}{more}"))).unwrap();
    let check = set.get("my_check").unwrap();
    let results = crate::cases::run_cases(check, set.cases("my_check"));
    assert!(results.iter().all(|result| result.difference.is_none()), "{results:?}");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mfa_missing.sql"), &sql).unwrap();
    fs::write(dir.path().join("mfa_missing.cases.toml"), format!("{CASES}{more}")).unwrap();
    let problems =
        CheckSet::load(&[dir.path().to_owned()], &Catalogues::builtin().unwrap(), &collectors()).unwrap_err();
    assert_eq!(problems[0].problem, "check `mfa_missing` exists already in checks/authentication/mfa_missing.sql");
}

#[test]
fn scaffolded_check_loads_and_its_cases_hold() {
    let folder = tempfile::tempdir().unwrap();
    let files = scaffold("password_too_old").unwrap();
    for (name, text) in [&files.sql, &files.cases] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut collectors = collectors();
    collectors.push(crate::CollectorTables { id: "scim".to_owned(), tables: Vec::new() });
    let set = CheckSet::load(&[folder.path().to_owned()], &Catalogues::builtin().unwrap(), &collectors).unwrap();
    let check = set.get("password_too_old").unwrap();
    let results = crate::run_cases(check, set.cases("password_too_old"));
    assert!(results.len() >= 4);
    for result in results {
        assert_eq!(result.difference, None, "{}", result.name);
    }
    for name in ["", "Password", "7days", "../up", "a-b", "a b", "a.sql", "_a"] {
        assert!(crate::scaffold(name).is_err(), "{name}");
    }
}
