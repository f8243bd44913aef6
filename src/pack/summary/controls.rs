//! `controls/<framework>.csv`: what the shipped evaluations say about each control.

use super::{EvaluationNote, Summary, instant};
use crate::cells::Sheet;
use crate::plan::Framework;
use model::Outcome;

/// Any fail is a fail; all pass is a pass; anything else is inconclusive; without an evaluation nothing is claimed.
pub(crate) fn roll_up(evaluations: &[&EvaluationNote], coverage: &str) -> &'static str {
    let all = |outcome| evaluations.iter().all(|evaluation| evaluation.outcome == outcome);
    if evaluations.is_empty() {
        return match coverage {
            "check" => "not evaluated",
            "review" => "review evidence",
            _ => "manual evidence",
        };
    }
    if evaluations.iter().any(|evaluation| evaluation.outcome == Outcome::Fail) {
        "fail"
    } else if all(Outcome::Pass) {
        "pass"
    } else if all(Outcome::NotApplicable) {
        "not_applicable"
    } else {
        "inconclusive"
    }
}

/// One row a control, in the catalogue's order; the last evaluation of each check counts.
pub(crate) fn controls_csv(framework: &Framework, summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let latest = summary.latest();
    let mut sheet =
        Sheet::new(&["control", "title", "coverage", "outcome", "checks", "evaluated_at", "evaluations_in_period"])?;
    for control in &framework.controls {
        let name = format!("{}/{}", framework.id, control.id);
        let evaluations: Vec<&EvaluationNote> =
            latest.values().copied().filter(|evaluation| evaluation.controls.contains(&name)).collect();
        let checks: Vec<String> =
            evaluations.iter().map(|one| format!("{} {}", one.check, one.outcome.as_str())).collect();
        let evaluated_at = evaluations.iter().map(|one| one.as_of).max().map(instant).unwrap_or_default();
        let count = summary.evaluations.iter().filter(|evaluation| evaluation.controls.contains(&name)).count();
        let outcome = roll_up(&evaluations, &control.coverage);
        sheet.row([
            control.id.as_str(),
            &control.title,
            &control.coverage,
            outcome,
            &checks.join("; "),
            &evaluated_at,
            &count.to_string(),
        ])?;
    }
    sheet.finish()
}
