//! Rows on their way into the scratch database: cut anywhere, damaged midway, or none of the table.

use crate::inputs::{Inputs, SourceInput, TableInput};
use crate::rows::{Rows, RowsError, Take};
use crate::testing::{All, all, check, inputs, toy_source};
use crate::{Check, EvaluateError};
use model::{InputState, Outcome, canonical_json};
use std::collections::BTreeMap;
use std::sync::Arc;

const AS_OF: &str = "2026-03-10T12:00:00Z";

/// Stored bytes that come in pieces of one size, and an end that may be an error.
#[derive(Debug)]
struct Stored {
    lines: String,
    piece: usize,
    ends_in: fn() -> Option<RowsError>,
}

impl Rows for Stored {
    fn pour(&self, take: &mut Take<'_>) -> Result<(), RowsError> {
        for piece in self.lines.as_bytes().chunks(self.piece) {
            take(piece)?;
        }
        (self.ends_in)().map_or(Ok(()), Err)
    }
}

fn source(name: &str, stored: Stored) -> SourceInput {
    let mut source = toy_source(name, AS_OF, &[]);
    let tables = &mut source.snapshot.as_mut().unwrap().tables;
    tables[0] = TableInput { spec: tables[0].spec.clone(), rows: Arc::new(stored) };
    source
}

fn everybody() -> Check {
    check(
        "everybody",
        "account = { monotone = true }",
        "SELECT account_key AS subject, 'pass' AS verdict, coalesce(email, 'none') AS reason, source FROM account",
    )
}

fn run(sources: Vec<SourceInput>) -> Result<All, EvaluateError> {
    let inputs = Inputs { sources, ..inputs(AS_OF) };
    all(|each| crate::evaluate(&super::worker::worker(), &[&everybody()], &BTreeMap::new(), &inputs, each))
}

const LINES: &str =
    "{\"email\":\"ada@acme.example\",\"login\":\"ada\"}\n{\"login\":\"bob\"}\n{\"login\":\"zoë \\\"z\\\"\"}\n";

#[test]
fn rows_are_the_same_wherever_their_bytes_are_cut() {
    let whole = |lines: &str, piece| Stored { lines: lines.to_owned(), piece, ends_in: || None };
    let once = run(vec![source("toy", whole(LINES, LINES.len()))]).unwrap();
    let reasons: Vec<(&str, &str)> =
        once.evaluations[0].members.iter().map(|member| (member.subject.as_str(), member.reason.as_str())).collect();
    assert_eq!(reasons, [("toy:ada", "ada@acme.example"), ("toy:bob", "none"), ("toy:zoë \"z\"", "none")]);
    let cut = [1, 2, 7, 41].map(|piece| (LINES, piece));
    for (lines, piece) in cut.into_iter().chain([(LINES.trim_end(), 5)]) {
        let again = run(vec![source("toy", whole(lines, piece))]).unwrap();
        assert_eq!(
            canonical_json(&again.evaluations).unwrap(),
            canonical_json(&once.evaluations).unwrap(),
            "pieces of {piece}"
        );
    }
}

#[test]
fn rows_that_turn_out_damaged_are_told_and_judge_nobody() {
    let damaged = || Some(RowsError::Damaged("it hashes to something else".to_owned()));
    let bad = source("bad", Stored { lines: LINES.to_owned(), piece: 9, ends_in: damaged });
    let error = run(vec![bad, toy_source("good", AS_OF, &[("eve", "")])]).err().unwrap();
    assert!(matches!(&error, EvaluateError::Damaged { snapshot, .. } if snapshot == "s-bad"), "{error}");
    let lost = || Some(RowsError::Unreadable("no such device".to_owned()));
    let error = run(vec![source("bad", Stored { lines: String::new(), piece: 9, ends_in: lost })]).err().unwrap();
    assert!(matches!(&error, EvaluateError::Unreadable { .. }), "{error}");
}

#[test]
fn line_that_is_no_row_of_its_table_spoils_its_own_source_only() {
    for (line, why) in [
        ("{\"login\":7}", "expected Text, found 7"),
        ("{\"login\":null}", "expected Text, found null"),
        ("{\"email\":\"x@acme.example\"}", "no value for its key column `login`"),
        ("{\"login\":\"x\",\"nick\":\"y\"}", "no column `nick`"),
        ("{\"login\":\"x\"", "line 2"),
        ("{\"login\":\"x\"}{}", "line 2"),
        ("[]", "line 2"),
    ] {
        let lines = format!("{{\"login\":\"ada\"}}\n{line}\n{{\"login\":\"bob\"}}\n");
        let bad = source("bad", Stored { lines, piece: 11, ends_in: || None });
        // mapped apart, or both would be spoilt
        let mut good = toy_source("good", AS_OF, &[("eve", "eve@acme.example")]);
        good.mapping_sql.push('\n');
        let evaluation = run(vec![bad, good]).unwrap().evaluations.remove(0);
        let input = &evaluation.inputs[0];
        assert_eq!((input.state, evaluation.outcome), (InputState::Failed, Outcome::Inconclusive), "{line}");
        assert!(input.why.as_ref().unwrap().contains(why), "{line}: {:?}", input.why);
        let subjects: Vec<&str> = evaluation.members.iter().map(|member| member.subject.as_str()).collect();
        assert_eq!(subjects, ["good:eve"], "{line}: what came before it is not left behind: {:?}", evaluation.why);
    }
}
