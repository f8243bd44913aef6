//! `05_EXCEPTIONS.csv`: approved decisions to tolerate named failures, each as its last shipped event left it.

use super::last::Last;
use super::{Summary, text, texts};
use crate::cells::Sheet;
use serde_json::Value;
use std::collections::BTreeSet;

/// What an empty sheet means, for pages that show it.
pub(crate) const NONE: &str = "No exception was in force in the period: every failing member counts as failing.";

/// Exceptions, each as its last event left it.
#[derive(Default)]
pub(crate) struct Exceptions(Last);

impl Exceptions {
    /// Takes the exception out of a sealed event. Later events replace earlier ones.
    pub(crate) fn add(&mut self, log_index: u64, id: &str, event: &Value) {
        self.0.add(log_index, id, event.get("exception"));
    }

    /// Every exception: its id, the log position of its last event, and the exception after it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64, &Value)> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Who said something, and when.
pub(crate) fn said(exception: &Value, what: &str, field: &str) -> String {
    exception.get(what).map_or_else(String::new, |word| text(word, field))
}

/// Members that the last evaluation of a check counts under `exception`.
pub(crate) fn members(summary: &Summary, check: &str, exception: &str) -> u64 {
    let of_check = summary.evaluations.iter().filter(|one| one.check == check);
    let last = of_check.max_by_key(|one| (one.as_of, one.log_index));
    last.and_then(|one| one.exceptions.get(exception)).copied().unwrap_or_default()
}

/// The sheet.
pub(crate) fn exceptions_csv(summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let mut sheet = Sheet::new(&[
        "exception",
        "state",
        "check",
        "subjects",
        "source",
        "reason",
        "compensating_control",
        "requested_by",
        "requested_at",
        "approved_by",
        "approved_at",
        "from",
        "until",
        "ended_by",
        "ended_at",
        "ended_because",
        "excepted_members",
        "log_index",
    ])?;
    for (id, log_index, exception) in summary.exceptions.iter() {
        let check = text(exception, "check");
        sheet.row([
            id.to_owned(),
            text(exception, "state"),
            check.clone(),
            texts(exception, "subjects").join(" "),
            text(exception, "source"),
            text(exception, "reason"),
            text(exception, "compensating_control"),
            said(exception, "requested", "by"),
            said(exception, "requested", "at"),
            said(exception, "approved", "by"),
            said(exception, "approved", "at"),
            text(exception, "from"),
            text(exception, "until"),
            said(exception, "ended", "by"),
            said(exception, "ended", "at"),
            said(exception, "ended", "note"),
            members(summary, &check, id).to_string(),
            log_index.to_string(),
        ])?;
    }
    // an exception whose own document is withheld is still named
    let named: BTreeSet<(&str, &str)> = summary
        .evaluations
        .iter()
        .flat_map(|one| one.exceptions.keys().map(|exception| (one.check.as_str(), exception.as_str())))
        .filter(|(_, exception)| summary.exceptions.0.get(exception).is_none())
        .collect();
    for (check, exception) in named {
        let mut row = vec![String::new(); 18];
        let cells =
            [(0, exception.to_owned()), (2, check.to_owned()), (16, members(summary, check, exception).to_string())];
        for (at, cell) in cells {
            if let Some(place) = row.get_mut(at) {
                *place = cell;
            }
        }
        sheet.row(row)?;
    }
    sheet.finish()
}
