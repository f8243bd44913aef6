//! The calendar of the company. Whatever happens on a day happens at 15:00 UTC, people use accounts at 14:00, and what is
//! collected is collected at 09:00: what happens on a day is seen on the next.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// Days since the first of the two years; earlier ones are negative.
pub(super) type Day = i32;

/// How long the company is watched.
pub(super) const YEARS: Day = 730;

/// When accounts are used.
pub(super) const USED: i64 = 14;
/// When something is changed.
pub(super) const CHANGED: i64 = 15;
/// When evidence is collected.
pub(super) const COLLECTED: i64 = 9;

pub(super) fn on(day: Day) -> Date {
    date(2024, 1, 1).checked_add(day.days()).unwrap()
}

pub(super) fn at(day: Day, hour: i64) -> Timestamp {
    let midnight = on(day).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    midnight.checked_add(SignedDuration::from_hours(hour)).unwrap()
}

/// What `changes` left by the morning of `day`.
pub(super) fn by<T>(changes: &[(Day, T)], day: Day) -> Option<&T> {
    changes.iter().filter(|(when, _)| *when < day).max_by_key(|(when, _)| *when).map(|(_, what)| what)
}
