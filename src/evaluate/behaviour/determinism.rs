//! The same checks, inputs and instant give the same bytes: whatever the order, the process, the locale, the zone of the host.

use super::worker::{evidence, script, worker};
use crate::testing::{all, check, shipped, toy_source};
use crate::{Check, Inputs, Worker, evaluate};
use jiff::tz::TimeZoneDatabase;
use model::canonical_json;
use std::collections::BTreeMap;

/// Two sources with people, accounts, and employment that ends on a day; their rows the other way round.
fn inputs(turned: bool) -> Inputs {
    let mut names = ["ada", "bob", "eve", "zoë", "Åsa", "ångström", "éva", "İnci"];
    if turned {
        names.reverse();
    }
    let logins: Vec<(String, String)> = names.map(|name| (name.to_owned(), format!("{name}@acme.example"))).into();
    let logins: Vec<(&str, &str)> = logins.iter().map(|(login, email)| (login.as_str(), email.as_str())).collect();
    let mut inputs = evidence();
    inputs.timezone = TimeZoneDatabase::bundled().get("America/New_York").unwrap();
    inputs.sources = ["beta", "alpha"].map(|name| toy_source(name, "2026-03-10T12:00:00Z", &logins)).into();
    for source in &mut inputs.sources {
        source.provides.extend(["person".to_owned(), "employment".to_owned()]);
        source.mapping_sql += "INSERT INTO person (person_key, source, work_email, name)
              SELECT _source || ':p' || login, _source, email, upper(login) FROM toy_user;
            INSERT INTO employment (person_key, source, spell, end_date)
              SELECT _source || ':p' || login, _source, 1, CASE WHEN login < 'c' THEN '2026-03-08' END FROM toy_user;";
    }
    if turned {
        inputs.sources.reverse();
    }
    inputs
}

/// The shipped checks that these tables feed, and one that sorts, folds case and formats numbers.
fn checks() -> Vec<Check> {
    let feeds = ["account", "person", "employment"];
    let mut checks: Vec<Check> = shipped()
        .checks()
        .iter()
        .filter(|check| check.inputs.keys().all(|table| feeds.contains(&table.as_str())))
        .cloned()
        .collect();
    checks.push(check(
        "sorted",
        "account = { monotone = true }\nperson = { monotone = true }",
        "SELECT a.account_key AS subject, 'pass' AS verdict, a.source,
                row_number() OVER (ORDER BY a.login DESC) || ' ' || lower(p.name) || ' ' || (a.login LIKE 'é%') || ' ' || (0.1 * length(a.login))
                  || ' ' || strftime('%H', :as_of) || ' ' || group_concat(p.person_key) OVER (ORDER BY p.person_key) AS reason
         FROM account AS a JOIN person AS p ON p.work_email = a.email AND p.source = a.source",
    ));
    checks
}

/// The bytes of every evaluation, by check.
fn bytes(worker: &Worker, checks: &[&Check], inputs: &Inputs) -> BTreeMap<String, Vec<u8>> {
    let evaluated = all(|each| evaluate(worker, checks, &BTreeMap::new(), inputs, each)).unwrap();
    let bytes = |evaluation: &model::Evaluation| (evaluation.check.clone(), canonical_json(evaluation).unwrap());
    evaluated.evaluations.iter().map(bytes).collect()
}

#[test]
fn evaluations_are_the_same_bytes_on_every_host() {
    let (checks, inputs) = (checks(), inputs(false));
    assert!(checks.len() >= 8, "{}", checks.len());
    let straight: Vec<&Check> = checks.iter().collect();
    let expected = bytes(&worker(), &straight, &inputs);
    let sorted = String::from_utf8(expected["sorted"].clone()).unwrap();
    assert!(sorted.contains("\"outcome\":\"pass\""), "{sorted}");

    let turned: Vec<&Check> = checks.iter().rev().collect();
    assert_eq!(bytes(&worker(), &turned, &self::inputs(true)), expected, "checks, sources and rows in another order");
    for check in &checks {
        assert_eq!(bytes(&worker(), &[check], &inputs)[&check.name], expected[&check.name], "alone in a fresh process");
    }

    let test = std::env::current_exe().unwrap().display().to_string();
    for environment in [
        "TZ=Pacific/Apia LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8",
        "TZ=America/New_York LC_ALL=de_DE.ISO-8859-1",
        "TZ=:/nonexistent LC_ALL=C HOME=/nonexistent TMPDIR=/nonexistent",
    ] {
        let script = format!("export {environment}; umask 0; {}", script("worker::entry"));
        let elsewhere = Worker { args: ["-c".to_owned(), script, test.clone()].into(), ..worker() };
        assert_eq!(bytes(&elsewhere, &straight, &inputs), expected, "{environment}");
    }
}
