//! What a check would have said over the stored past. Nothing is sealed by it: it judges evidence that is sealed already.

use super::check::{evaluation_failure, select};
use super::inputs::over_inputs;
use super::now;
use crate::failure::Failure;
use crate::settings::Settings;
use evaluate::CheckSet;
use jiff::SignedDuration;
use model::{Outcome, Timestamp, VerdictCounts};
use serde::Serialize;
use std::collections::BTreeSet;
use store::SnapshotFilter;

/// Evaluations at most; each loads the evidence as it was.
const MOST: usize = 2_000;

/// One evaluation of the past, and how it differs from the one before.
#[derive(Debug, Serialize)]
pub(crate) struct Retold {
    pub(crate) as_of: Timestamp,
    pub(crate) outcome: Outcome,
    pub(crate) why: Vec<String>,
    pub(crate) verdicts: VerdictCounts,
    /// Subjects that fail and did not in the one before.
    pub(crate) began: Vec<String>,
    /// Subjects that failed in the one before and do not.
    pub(crate) ended: Vec<String>,
    /// Snapshots it rests on.
    pub(crate) snapshots: Vec<String>,
}

/// Evaluates `name` as of every `every` from the beginning of `period` to its end, which is at most now.
pub(crate) fn backtest(
    settings: &Settings,
    checks: &CheckSet,
    name: &str,
    (from, to): (Timestamp, Option<Timestamp>),
    every: SignedDuration,
) -> Result<Vec<Retold>, Failure> {
    let chosen = select(checks, &[name.to_owned()])?;
    let reader = super::reader(settings)?;
    let to = to.unwrap_or_else(now).min(now());
    if every < SignedDuration::from_secs(1) {
        return Err(Failure::usage("--every is less than a second", "write it like 24h or 7d"));
    }
    // before the first snapshot there is nothing to say
    let first = reader.snapshots(&SnapshotFilter::default())?.last().map(|row| row.finished_at);
    let Some(first) = first else {
        return Err(Failure::usage("nothing was collected yet", "`evidenced collect` begins"));
    };
    let mut instants = Vec::new();
    let mut at = from;
    while at < to {
        if at >= first {
            instants.push(at);
        }
        let Ok(next) = at.checked_add(every) else { break };
        at = next;
        if instants.len() > MOST {
            return Err(Failure::usage(
                format!("the period has more than {MOST} evaluations"),
                "name a longer --every or a shorter period",
            ));
        }
    }
    if to >= first && to > from {
        instants.push(to);
    }
    if instants.is_empty() {
        return Err(Failure::usage(
            format!("the first snapshot finished at {}", model::time::seconds_text(first)),
            "name a period that ends after that",
        ));
    }
    let mut told: Vec<Retold> = Vec::new();
    let mut before: BTreeSet<String> = BTreeSet::new();
    for instant in instants {
        let instant = model::time::seconds_up(instant);
        let evaluation = over_inputs(settings, &reader, instant, chosen.len(), |inputs, session| {
            let mut made = None;
            session.evaluate(&chosen, &settings.checks.parameters, inputs, &mut |evaluation| {
                made = Some(evaluation);
                Ok(())
            })?;
            Ok(made)
        })?
        .map_err(|error| evaluation_failure(&error))?;
        let Some(evaluation) = evaluation else { continue };
        // of whom it cannot be said, nothing ended
        let said = evaluation.outcome != Outcome::Inconclusive;
        let failing: BTreeSet<String> = evaluation.failing().map(|member| member.subject.clone()).collect();
        told.push(Retold {
            as_of: instant,
            outcome: evaluation.outcome,
            began: failing.difference(&before).cloned().collect(),
            ended: if said { before.difference(&failing).cloned().collect() } else { Vec::new() },
            snapshots: evaluation.inputs.iter().filter_map(|input| input.snapshot.clone()).collect(),
            verdicts: evaluation.verdicts,
            why: evaluation.why,
        });
        if said {
            before = failing;
        }
    }
    Ok(told)
}
