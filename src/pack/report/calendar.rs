//! A cell a source and day: whether what was due was seen.
//!
//! Days are the organisation's, as the period is. A day counts as seen only when every due run ended complete.

use crate::plan::Plan;
use crate::summary::{SnapshotNote, Summary};
use jiff::civil::Date;
use model::SnapshotStatus;
use std::collections::{BTreeMap, BTreeSet};

/// Months drawn; the sheet has every run.
const MOST_MONTHS: usize = 36;

/// What a day of a source came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    /// Every due run complete.
    Whole,
    /// Some due runs complete.
    Partly,
    /// Runs were due or made, and none was complete.
    Gap,
    /// Nothing was due; somebody ran it, and it was complete.
    Unscheduled,
}

impl Day {
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Partly, Self::Gap, Self::Unscheduled];

    /// What the legend says.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Whole => "every due run complete",
            Self::Partly => "some due runs complete",
            Self::Gap => "gap: none complete",
            Self::Unscheduled => "nothing due, a complete run",
        }
    }
}

/// Runs of a day.
#[derive(Debug, Clone, Copy, Default)]
struct Runs {
    due: u64,
    due_complete: u64,
    other: u64,
    other_complete: u64,
}

impl Runs {
    const fn day(self) -> Day {
        if self.due > 0 {
            match self.due_complete {
                0 => Day::Gap,
                complete if complete == self.due => Day::Whole,
                _ => Day::Partly,
            }
        } else if self.other_complete > 0 {
            Day::Unscheduled
        } else {
            Day::Gap
        }
    }

    fn words(self) -> String {
        let mut words = Vec::new();
        if self.due > 0 {
            words.push(format!("{} of {} due runs complete", self.due_complete, self.due));
        }
        if self.other > 0 {
            words.push(format!("{} of {} other runs complete", self.other_complete, self.other));
        }
        words.join(", ")
    }
}

/// A day with something to show.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Of the month, from 1.
    pub(crate) day: u8,
    pub(crate) what: Day,
    pub(crate) words: String,
}

/// A month of all sources.
#[derive(Debug, Clone)]
pub(crate) struct Month {
    /// `2026-02`.
    pub(crate) name: String,
    pub(crate) days: u8,
    /// Cells by source, in the order of [`Calendar::sources`].
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// The calendar.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub(crate) sources: Vec<String>,
    pub(crate) months: Vec<Month>,
    /// Months of the period that are not drawn.
    pub(crate) left_out: usize,
}

/// The calendar of the period.
pub(crate) fn calendar(plan: &Plan, summary: &Summary) -> Calendar {
    let mut sources: BTreeMap<&str, BTreeMap<Date, Runs>> = BTreeMap::new();
    let filled: BTreeSet<&str> = plan.slots.iter().filter_map(|slot| slot.snapshot.as_deref()).collect();
    for slot in &plan.slots {
        let runs = sources.entry(&slot.source).or_default().entry(plan.day(slot.due_at)).or_default();
        runs.due += 1;
        runs.due_complete += u64::from(slot.outcome == "complete");
    }
    let within = |note: &&SnapshotNote| plan.from <= note.finished_at && note.finished_at <= plan.to;
    for note in summary.snapshots.iter().filter(within) {
        // a source whose every run lies before the period still gets its row
        let days = sources.entry(&note.source).or_default();
        if !filled.contains(note.id.as_str()) {
            let runs = days.entry(plan.day(note.slot.unwrap_or(note.started_at))).or_default();
            runs.other += 1;
            runs.other_complete += u64::from(note.status == SnapshotStatus::Complete);
        }
    }
    let names: Vec<String> = sources.keys().map(|name| (*name).to_owned()).collect();
    let mut months = Vec::new();
    let mut left_out = 0;
    let (mut first, last) = (plan.first_day().first_of_month(), plan.last_day());
    while first <= last {
        if months.len() == MOST_MONTHS {
            left_out += 1;
        } else {
            let end = first.last_of_month();
            let rows = sources
                .values()
                .map(|days| {
                    days.range(first..=end)
                        .map(|(date, runs)| Cell {
                            day: date.day().unsigned_abs(),
                            what: runs.day(),
                            words: runs.words(),
                        })
                        .collect()
                })
                .collect();
            months.push(Month { name: first.strftime("%Y-%m").to_string(), days: end.day().unsigned_abs(), rows });
        }
        match end_of(first) {
            Some(next) => first = next,
            None => break,
        }
    }
    Calendar { sources: names, months, left_out }
}

/// The first day of the next month.
fn end_of(first: Date) -> Option<Date> {
    first.last_of_month().tomorrow().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_whole_only_when_every_due_run_was_complete() {
        let runs = |due, due_complete, other, other_complete| Runs { due, due_complete, other, other_complete }.day();
        assert_eq!(runs(2, 2, 0, 0), Day::Whole);
        assert_eq!(runs(2, 1, 1, 1), Day::Partly);
        assert_eq!(runs(2, 0, 1, 1), Day::Gap, "a run by hand does not fill a slot");
        assert_eq!(runs(0, 0, 3, 1), Day::Unscheduled);
        assert_eq!(runs(0, 0, 3, 0), Day::Gap);
    }
}
