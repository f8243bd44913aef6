//! `controls/<framework>.csv`: what the shipped evaluations say about each control.

use super::{EvaluationNote, Summary, instant};
use crate::cells::Sheet;
use crate::plan::Framework;

/// The word for what the checks of a control come to; without an evaluation nothing is claimed.
pub(crate) fn roll_up(evaluations: &[&EvaluationNote], coverage: &str) -> &'static str {
    match (model::roll_up(evaluations.iter().map(|evaluation| Some(evaluation.outcome))), coverage) {
        (Some(outcome), _) => outcome.as_str(),
        (None, "check") => "not evaluated",
        (None, "review") => "review evidence",
        (None, _) => "manual evidence",
    }
}

/// One row a control, in the catalogue's order; the last evaluation of each check counts.
pub(crate) fn controls_csv(framework: &Framework, summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let latest = summary.latest();
    let mut sheet = Sheet::new(&[
        "control",
        "title",
        "coverage",
        "outcome",
        "checks",
        "evaluated_at",
        "evaluations_in_period",
        "added_evidence",
    ])?;
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
            &summary.manual.of(&name).map(|(id, ..)| id).collect::<Vec<_>>().join(" "),
        ])?;
    }
    sheet.finish()
}
