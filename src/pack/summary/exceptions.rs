//! `05_EXCEPTIONS.csv`: approved decisions to tolerate named failures.
//!
//! This version cannot approve an exception, so the sheet has no row; an evaluation that counts excepted members, as a
//! later version may seal it, is listed all the same.

use super::{Summary, instant};
use crate::cells::Sheet;

/// What an empty sheet means, for pages that show it.
pub(crate) const NONE: &str =
    "No exception was in force: every failing member counts as failing. This version records no exceptions.";

/// The sheet.
pub(crate) fn exceptions_csv(summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let mut sheet =
        Sheet::new(&["check", "as_of", "excepted_members", "approved_by", "reason", "expires_at", "log_index"])?;
    for evaluation in summary.evaluations.iter().filter(|evaluation| evaluation.verdicts.excepted > 0) {
        sheet.row([
            evaluation.check.as_str(),
            &instant(evaluation.as_of),
            &evaluation.verdicts.excepted.to_string(),
            "",
            "",
            "",
            &evaluation.log_index.to_string(),
        ])?;
    }
    sheet.finish()
}
