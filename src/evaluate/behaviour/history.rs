//! What earlier snapshots showed, run by run.

use crate::evaluation::evaluate_with;
use crate::history::{History, Observed, PastSnapshot, for_links, history_tables, observe};
use crate::inputs::{Inputs, SourceInput};
use crate::run::{Grid, InProcess, LoadError, Question, Runner};
use crate::testing::{check, inputs, toy_source};
use model::{Digest, Outcome};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const AS_OF: &str = "2026-03-10T12:00:00Z";

fn at(day: u32) -> String {
    format!("2026-03-{day:02}T00:00:00Z")
}

fn snapshot(day: u32) -> PastSnapshot {
    let id = format!("s{day}");
    PastSnapshot { manifest_sha256: Digest::of(id.as_bytes()), id, seen_at: at(day).parse().unwrap() }
}

fn seen(source: SourceInput) -> Observed {
    observe(&mut InProcess::default(), &Inputs { sources: vec![source], ..inputs(AS_OF) }).unwrap()
}

/// The snapshots of the days 1 to 6: bob is gone on the third, comes back on the fifth, and the fourth cannot be read.
fn story() -> (History, Vec<PastSnapshot>) {
    let both = seen(toy_source("toy", AS_OF, &[("ada", "a@x.example"), ("bob", "b@x.example")]));
    let ada = seen(toy_source("toy", AS_OF, &[("ada", "a@x.example")]));
    let snapshots: Vec<PastSnapshot> = (1..=6).map(snapshot).collect();
    let mut history = History::new("toy", Digest::of(b"mapping"));
    for (snapshot, shown) in snapshots.iter().zip([Some(&both), None, Some(&ada), None, Some(&both), None]) {
        match snapshot.id.as_str() {
            "s4" => history.push(snapshot, None),
            _ if shown.is_none() => history.push_unchanged(snapshot),
            _ => history.push(snapshot, shown.cloned()),
        }
    }
    (history, snapshots)
}

/// The rows of `account_history` after as many snapshots, a line each.
fn runs(history: &History, snapshots: &[PastSnapshot]) -> Vec<String> {
    let history = history_tables(&Arc::new(history.clone()), &snapshots.into());
    let inputs = Inputs { sources: vec![toy_source("toy", AS_OF, &[("ada", "")])], history, ..inputs(AS_OF) };
    let mut runner = InProcess::default();
    runner.load(&inputs).unwrap();
    let sql = "SELECT account_key || ' ' || listed || ' ' || coalesce(status, '-') || ' ' || coalesce(substr(before_at, 9, 2), '-') || ' '
                      || substr(since_at, 9, 2) || '..' || substr(until_at, 9, 2) || ' ' || newest_snapshot
                 FROM account_history ORDER BY account_key, since_at";
    let question = Question { sql: sql.to_owned(), parameters: BTreeMap::new(), most: 100, whole: true, schema: false };
    let Grid { rows, .. } = runner.run(&question).unwrap();
    rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_state_lasts_from_the_first_snapshot_that_shows_it_to_the_last() {
    let (history, snapshots) = story();
    assert_eq!(
        runs(&history, &snapshots),
        [
            "toy:ada 1 enabled - 01..06 s6",
            "toy:bob 1 enabled - 01..02 s6",
            "toy:bob 0 - 02 03..03 s6",
            "toy:bob 1 enabled 03 05..06 s6",
        ],
        "the fourth, which cannot be read, bounds nothing"
    );
}

#[test]
fn what_was_known_earlier_can_be_told_again() {
    let (history, snapshots) = story();
    let earlier: Vec<Vec<String>> = (0..=6).map(|count| runs(&history, &snapshots[..count])).collect();
    assert!(earlier[0].is_empty());
    assert_eq!(earlier[2], ["toy:ada 1 enabled - 01..02 s2", "toy:bob 1 enabled - 01..02 s2"]);
    assert_eq!(earlier[3][2], "toy:bob 0 - 02 03..03 s3");
    // and is what a history gives that goes no further
    let mut short = History::new("toy", Digest::of(b"mapping"));
    let both = seen(toy_source("toy", AS_OF, &[("ada", "a@x.example"), ("bob", "b@x.example")]));
    short.push(&snapshots[0], Some(both));
    short.push_unchanged(&snapshots[1]);
    assert_eq!(runs(&short, &snapshots[..2]), earlier[2]);
}

#[test]
fn history_is_of_exactly_the_snapshots_it_covers() {
    let (history, snapshots) = story();
    assert!(history.is_of(&snapshots));
    let mut more = snapshots.clone();
    more.push(snapshot(7));
    assert!(history.is_of(&more), "newer ones are added to it");
    assert!(!history.is_of(&snapshots[..5]));
    let mut erased = more.clone();
    erased.remove(1);
    assert!(!history.is_of(&erased));
    let mut other = snapshots;
    other[0].manifest_sha256 = Digest::of(b"another");
    assert!(!history.is_of(&other));
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
}

#[test]
fn an_evaluation_names_the_history_it_read_and_only_then() {
    let (history, snapshots) = story();
    let past = history_tables(&Arc::new(history), &snapshots.as_slice().into());
    let inputs = Inputs { sources: vec![toy_source("toy", AS_OF, &[("ada", "")])], history: past, ..inputs(AS_OF) };
    let reads = check(
        "reads",
        "account = { monotone = true }",
        "SELECT account_key AS subject, CASE WHEN max(listed) THEN 'pass' ELSE 'fail' END AS verdict, 'seen' AS reason, source
           FROM account_history GROUP BY account_key, source",
    );
    let other = check(
        "other",
        "account = { monotone = true }",
        "SELECT account_key AS subject, 'pass' AS verdict, 'listed' AS reason, source FROM account",
    );
    let evaluate = |inputs: &Inputs| {
        let mut evaluations = Vec::new();
        evaluate_with(&mut InProcess::default(), &[&reads, &other], &BTreeMap::new(), inputs, &mut |evaluation| {
            evaluations.push(evaluation);
            Ok(())
        })
        .unwrap();
        evaluations
    };
    let evaluations = evaluate(&inputs);
    assert_eq!((evaluations[0].outcome, evaluations[0].verdicts.pass), (Outcome::Pass, 2), "{:?}", evaluations[0]);
    let named = evaluations[0].history_sha256.unwrap();
    assert_eq!(evaluations[1].history_sha256, None);
    assert!(!json!(evaluations[1]).as_object().unwrap().contains_key("history_sha256"), "old readers find nothing new");
    let mut shorter = inputs;
    shorter.history = history_tables(&Arc::new(story().0), &snapshots[..2].into());
    assert_ne!(evaluate(&shorter)[0].history_sha256.unwrap(), named);
}

/// The identity map over `inputs`, for a check that reads all of history and for one that reads none of it.
fn map(inputs: &Inputs, all: bool) -> String {
    let table = if all { "account_history" } else { "account" };
    let check = check(
        "asks",
        "account = { monotone = true }",
        &format!("SELECT DISTINCT account_key AS subject, 'pass' AS verdict, 'there' AS reason, source FROM {table}"),
    );
    assert_eq!(check.reads_history, all);
    let evaluated =
        evaluate_with(&mut InProcess::default(), &[&check], &BTreeMap::new(), inputs, &mut |_| Ok(())).unwrap();
    String::from_utf8(evaluated.identity_map.unwrap()).unwrap()
}

/// A roster whose address `a@x.example` was ada's on the first day and is eve's since the second.
fn roster() -> (SourceInput, History) {
    let shown = |holder: &str| {
        let mut source = toy_source("hr", AS_OF, &[("ada", ""), ("eve", "")]);
        source.specs[0].name = "toy_person".to_owned();
        source.snapshot.as_mut().unwrap().tables[0].spec.name = "toy_person".to_owned();
        source.mapping_sql = format!(
            "INSERT INTO person (person_key, source, work_email)
             SELECT _source || ':' || login, _source, CASE login WHEN '{holder}' THEN 'a@x.example' END FROM toy_person;"
        );
        source.provides = vec!["person".to_owned()];
        source
    };
    let mut history = History::new("hr", Digest::of(b"mapping"));
    history.push(&snapshot(1), Some(seen(shown("ada"))));
    history.push(&snapshot(2), Some(seen(shown("eve"))));
    (shown("eve"), history)
}

#[test]
fn links_do_not_depend_on_how_much_of_history_is_loaded() {
    let (hr, of_hr) = roster();
    // `first` is older than eve's address, `second` is not; `gone` is no longer listed
    let first = [("first", "a@x.example"), ("gone", "a@x.example")];
    let second = [("first", "a@x.example"), ("second", "a@x.example")];
    let mut of_toy = History::new("toy", Digest::of(b"mapping"));
    of_toy.push(&snapshot(1), Some(seen(toy_source("toy", AS_OF, &first))));
    of_toy.push(&snapshot(2), Some(seen(toy_source("toy", AS_OF, &second))));
    let snapshots: Arc<[PastSnapshot]> = [snapshot(1), snapshot(2)].into();
    let mut toy = toy_source("toy", AS_OF, &second);
    toy.snapshot.as_mut().unwrap().id = "s2".to_owned();
    let history = [of_hr, of_toy].map(|history| history_tables(&Arc::new(history), &snapshots)).concat();
    let whole = Inputs { sources: vec![hr, toy], history, ..inputs(AS_OF) };

    let light = for_links(&whole);
    let left_out: Vec<u64> = light.history.iter().filter_map(|one| Some(one.left_out.as_ref()?.count)).collect();
    assert_eq!(left_out, [1], "of `first` alone nothing need be told");
    let links = map(&whole, true);
    assert!(links.contains("toy:second") && !links.contains("toy:first") && !links.contains("toy:gone"), "{links}");
    assert_eq!(map(&whole, false), links);

    // accounts that cannot be mapped are as if they were gone, whatever is left out
    let mut unmapped = whole;
    unmapped.sources[1].mapping_sql = "INSERT INTO account SELECT nothing FROM toy_user;".to_owned();
    assert!(matches!(InProcess::default().load(&for_links(&unmapped)), Err(LoadError::LeftOut)));
    assert_eq!(map(&unmapped, false), map(&unmapped, true));
}
