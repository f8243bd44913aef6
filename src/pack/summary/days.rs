//! Since when there is evidence, and how many days of the period have none: a period is not covered because it is named.

use super::{Summary, instant};
use crate::plan::Plan;
use jiff::civil::Date;
use model::{SnapshotStatus, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The days of a source, or of all of them together.
#[derive(Debug, Default)]
pub(crate) struct Days {
    /// The end of the first complete snapshot in the period.
    pub(crate) first: Option<Timestamp>,
    /// The end of the last.
    pub(crate) last: Option<Timestamp>,
    with: BTreeSet<Date>,
    /// Days of the period.
    all: i32,
}

impl Days {
    fn seen(&mut self, at: Timestamp, day: Date) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        self.with.insert(day);
    }

    /// Whether a day of the period has no complete snapshot.
    pub(crate) fn lacking(&self) -> bool {
        self.without() > 0
    }

    fn without(&self) -> i32 {
        self.all - i32::try_from(self.with.len()).unwrap_or(self.all)
    }

    /// `30 of 31 days`.
    pub(crate) fn gap(&self) -> String {
        format!("{} of {} days", self.without(), self.all)
    }

    /// In a sentence.
    pub(crate) fn text(&self) -> String {
        match self.first {
            None => format!("none in the period: no complete snapshot on any of its {} days", self.all),
            Some(first) => format!(
                "first complete snapshot at {}; {} of the period have none, of any source",
                instant(first),
                self.gap()
            ),
        }
    }
}

/// All sources together, then each that is in the pack or was due.
pub(crate) fn days<'a>(plan: &'a Plan, summary: &'a Summary) -> (Days, BTreeMap<&'a str, Days>) {
    let (from, until) = (plan.first_day(), plan.last_day());
    let all = from.until(until).map_or(0, |span| span.get_days()) + 1;
    let none = || Days { all, ..Days::default() };
    let (mut over_all, mut sources) = (none(), BTreeMap::new());
    for slot in &plan.slots {
        sources.entry(slot.source.as_str()).or_insert_with(none);
    }
    for note in &summary.snapshots {
        let days = sources.entry(note.source.as_str()).or_insert_with(none);
        let day = plan.day(note.finished_at);
        if note.status == SnapshotStatus::Complete && from <= day && day <= until {
            days.seen(note.finished_at, day);
            over_all.seen(note.finished_at, day);
        }
    }
    (over_all, sources)
}
