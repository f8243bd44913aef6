//! A source that changed its answers: every field of every answer gone, renamed, retyped, and with a value nobody knows.
//!
//! A run over such answers is either not complete, or nobody is better off by it: no member is lost, none that failed or of
//! whom nothing could be said passes, and no check does. The drifts are made from the recorded runs of the fault matrix, so a
//! field that a collector begins to read is tried without a line here.

use crate::fault_matrix::{Clean, Judges, MATRIX, Row, Run};
use crate::faults::drift::{Drift, drifted, fields};
use crate::support::long;
use egress::Egress;
use model::{Digest, Evaluation, Exchange, Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// One in so many of the runs that are complete and not as before is put before the checks; in a long run every one.
const CHECKED: usize = 3;

/// How a list goes on. Where nothing else counts the list, an answer without it is an answer that ends.
const CURSORS: &[&str] = &["Marker", "NextToken", "nextPageToken", "nextToken"];

/// One drift in the answers of one operation.
struct Cell {
    operation: String,
    field: String,
    drift: Drift,
}

impl Cell {
    fn all(clean: &Clean, row: &Row) -> Vec<Self> {
        let mut by_operation: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for exchange in &clean.recorded {
            let operation = exchange.record.operation.as_str();
            let mut fields = fields(&exchange.body);
            if !row.counted.contains(&operation) {
                fields.retain(|field| !CURSORS.contains(&field.as_str()));
            }
            by_operation.entry(operation).or_default().extend(fields);
        }
        let each = |operation: &str, field: &String| {
            let (operation, field) = (operation.to_owned(), field.clone());
            Drift::ALL.map(|drift| Self { operation: operation.clone(), field: field.clone(), drift })
        };
        by_operation
            .iter()
            .flat_map(|(operation, fields)| fields.iter().flat_map(|field| each(operation, field)))
            .collect()
    }

    fn name(&self) -> String {
        format!("{}, `{}` {:?}", self.operation, self.field, self.drift)
    }

    /// The recording with the drift; none where no answer has such a field of such a kind.
    fn apply(&self, recorded: &[Exchange]) -> Option<Vec<Exchange>> {
        let mut changed = false;
        let mut after = recorded.to_vec();
        for exchange in after.iter_mut().filter(|exchange| exchange.record.operation == self.operation) {
            if let Some(body) = drifted(&exchange.body, &self.field, self.drift) {
                exchange.record.bytes = body.len() as u64;
                exchange.record.sha256 = Digest::of(&body);
                exchange.body = body.into();
                changed = true;
            }
        }
        changed.then_some(after)
    }
}

fn replayed(clean: &Clean, recorded: Vec<Exchange>) -> Run {
    let context = clean.context(clean.settings.clone(), Egress::replay(recorded));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let collected = runtime.block_on(clean.collector.collect(&context));
    let result = collected.map(|mut seen| {
        seen.settle();
        seen
    });
    Run { result: result.map_err(|error| error.to_string()), ended: true, injected: 1 }
}

/// What is better in `after` than in `before` though nothing got better.
fn better(before: &[Evaluation], after: &[Evaluation], drift: Drift) -> Vec<String> {
    let mut found = Vec::new();
    for now in after {
        let Some(then) = before.iter().find(|then| then.check == now.check) else { continue };
        if now.outcome == Outcome::Pass && then.outcome != Outcome::Pass {
            found.push(format!("`{}` passes, it was {:?}", now.check, then.outcome));
        }
        let members: BTreeMap<&str, Verdict> =
            now.members.iter().map(|member| (member.subject.as_str(), member.verdict)).collect();
        for member in &then.members {
            match (member.verdict, members.get(member.subject.as_str())) {
                (Verdict::Fail | Verdict::Unknown, Some(Verdict::Pass)) => {
                    found.push(format!("`{}`: {} passes", now.check, member.subject));
                }
                (Verdict::Fail, Some(Verdict::NotApplicable)) => {
                    found.push(format!("`{}`: {} is left out", now.check, member.subject));
                }
                // one whose name has become another is not lost
                (Verdict::Fail, None) if drift != Drift::Unheard && now.outcome != Outcome::Fail => {
                    found.push(format!("`{}`: {} is lost", now.check, member.subject));
                }
                _ => {}
            }
        }
    }
    found
}

#[expect(clippy::print_stdout, reason = "the counts are what whoever runs the matrix wants to know")]
fn drifts_of(row: &Row) {
    let clean = Clean::load(row.collector, row.case);
    let judges = Judges::new();
    let whole = replayed(&clean, clean.recorded.clone());
    let tables = &whole.result.as_ref().unwrap().tables;
    let before = judges.over(&clean, &whole);
    let (mut cells, mut complete, mut differing, mut checked) = (0, 0, 0, 0);
    let mut against = Vec::new();
    for cell in Cell::all(&clean, row) {
        let Some(recorded) = cell.apply(&clean.recorded) else { continue };
        cells += 1;
        let run = replayed(&clean, recorded);
        if !run.is_complete() {
            continue;
        }
        complete += 1;
        let seen = &run.result.as_ref().unwrap().tables;
        if seen == tables {
            continue;
        }
        differing += 1;
        if cell.drift != Drift::Unheard {
            let short = tables.iter().zip(seen).filter(|(then, now)| now.len() < then.len());
            against.extend(short.map(|(table, now)| {
                format!("{}: complete with {} rows of {} in {}", cell.name(), now.len(), table.len(), table.spec().name)
            }));
        }
        if long() || differing % CHECKED == 0 {
            checked += 1;
            let found = better(&before, &judges.over(&clean, &run), cell.drift);
            against.extend(found.into_iter().map(|what| format!("{}: {what}", cell.name())));
        }
    }
    println!(
        "{}: {cells} drifts, {} not complete, {} complete as before, {differing} complete with something not as before, \
         {checked} of them before the checks",
        row.collector,
        cells - complete,
        complete - differing
    );
    assert!(against.is_empty(), "{} of {cells}:\n{}", against.len(), against.join("\n"));
    assert!(cells > 20 && complete < cells, "{}: the drifts must reach the collector", row.collector);
}

#[test]
fn nobody_is_better_off_when_a_source_changes_its_answers() {
    let failed: Vec<String> = MATRIX
        .iter()
        .filter_map(|row| std::panic::catch_unwind(|| drifts_of(row)).err().map(|_| row.collector.to_owned()))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}
