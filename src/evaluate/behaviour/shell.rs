//! The checks' files re-performed by the `sqlite3` shell, a program that is not ours.

use crate::database::write_database;
use crate::evaluation::question;
use crate::run::{InProcess, Runner};
use crate::testing::{check, inputs, shipped, toy_source};
use crate::{Check, cases};
use jiff::Timestamp;
use model::time::{seconds_text, seconds_up};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The rows that the shell gives for `script` over the database `file`.
fn shell(file: &Path, script: &str) -> Vec<BTreeMap<String, Value>> {
    let mut child = Command::new("sqlite3")
        .args(["-batch", "-bail", "-json", "-readonly"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the sqlite3 shell is installed (tests/run installs it)");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if output.stdout.is_empty() {
        return Vec::new();
    }
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The check's file with its parameters set in front, as the shell reads them.
fn script(check: &Check, parameters: &BTreeMap<String, Value>, as_of: Timestamp) -> String {
    let mut script = String::from(".parameter init\n");
    let mut set = |name: &str, value: &str| {
        // the shell reads the value as a double-quoted word, then as an SQL literal
        let word = value.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(script, ".parameter set :{name} \"{word}\"");
    };
    set("as_of", &sql_literal(&json!(seconds_text(seconds_up(as_of)))));
    for (name, value) in parameters {
        set(name, &sql_literal(value));
    }
    script + &check.text
}

fn sql_literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bool(flag) => i64::from(*flag).to_string(),
        other => other.to_string(),
    }
}

#[test]
fn every_case_gives_the_same_rows_in_the_shell() {
    let set = shipped();
    let dir = tempfile::tempdir().unwrap();
    let mut rows = 0;
    for check in set.checks() {
        for (number, case) in set.cases(&check.name).iter().enumerate() {
            let scratch = cases::scratch(case, &case.inputs).unwrap();
            let file = dir.path().join(format!("{}-{number}.sqlite", check.name));
            scratch.connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_ATTACHED, 1).unwrap();
            scratch.connection.execute("VACUUM INTO ?", [file.to_str().unwrap()]).unwrap();
            let mut runner = InProcess { scratch: Some(scratch), ..InProcess::default() };
            let grid = runner.run(&question(check, &case.parameters, &case.inputs)).unwrap();
            let mut ours: Vec<BTreeMap<String, Value>> =
                grid.rows.into_iter().map(|row| grid.columns.iter().cloned().zip(row).collect()).collect();
            let mut theirs = shell(&file, &script(check, &case.parameters, case.inputs.as_of));
            // a newer SQLite may choose another plan, and with it another order
            for rows in [&mut ours, &mut theirs] {
                rows.sort_by_key(|row| row["subject"].to_string());
            }
            assert_eq!(ours, theirs, "{} / {}", check.name, case.name);
            rows += ours.len();
        }
    }
    assert!(rows > 100, "{rows} rows");
}

#[test]
fn parameters_reach_the_shell_whatever_they_hold() {
    let odd = r#"a'b"c\d $e `f` :as_of -- /* é"#;
    let declared = "[parameters]\ntext = { type = \"text\", default = \"\", help = \"\" }\n\
                    n = { type = \"integer\", default = 0, help = \"\" }";
    let sql = "SELECT :text AS subject, 'pass' AS verdict, :as_of AS reason, NULL AS source, typeof(:n) AS n;";
    let check = check("odd", declared, sql);
    let parameters = BTreeMap::from([("text".to_owned(), json!(odd)), ("n".to_owned(), json!(-5))]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("e.sqlite");
    write_database(&inputs("2026-03-10T12:00:00Z"), &[], &BTreeMap::new(), &file).unwrap();
    let rows = shell(&file, &script(&check, &parameters, "2026-03-10T12:00:00Z".parse().unwrap()));
    assert_eq!(rows[0]["subject"], json!(odd));
    assert_eq!(rows[0]["reason"], json!("2026-03-10T12:00:00Z"));
    assert_eq!(rows[0]["n"], json!("integer"));
}

#[test]
fn database_holds_every_table_the_parameters_and_the_same_bytes_each_time() {
    let set = shipped();
    let mut inputs = inputs("2026-03-10T12:00:00Z");
    inputs.sources = vec![toy_source("toy", "2026-03-10T12:00:00Z", &[("ada", "ada@acme.example")])];
    let checks: Vec<&crate::Check> = set.checks().iter().collect();
    let given =
        BTreeMap::from([("leaver_still_active".to_owned(), BTreeMap::from([("grace".to_owned(), json!("2h"))]))]);
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["a.sqlite", "b.sqlite"].map(|name| dir.path().join(name));
    write_database(&inputs, &checks, &given, &first).unwrap();
    write_database(&inputs, &checks, &given, &second).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    assert!(write_database(&inputs, &checks, &given, &first).is_err(), "an existing file is never overwritten");

    let rows = shell(&first, "SELECT account_key, status FROM account; ");
    assert_eq!(rows, [BTreeMap::from([("account_key".into(), json!("toy:ada")), ("status".into(), json!("enabled"))])]);
    let rows =
        shell(&first, "SELECT value FROM check_parameter WHERE check_name = 'leaver_still_active' AND name = 'grace';");
    assert_eq!(rows[0]["value"], json!(7200));
    let rows = shell(&first, "SELECT login, _snapshot FROM toy_user;");
    assert_eq!(rows[0]["_snapshot"], json!("s-toy"));
    let rows = shell(&first, "SELECT source, seen_at FROM source;");
    assert_eq!(rows[0]["seen_at"], json!("2026-03-10T12:00:00Z"));
}
