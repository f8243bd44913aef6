//! When a source is due: a cron expression of five fields in a time zone. It never reads a clock.
//!
//! The `cron` crate parses the fields; the days are walked here in local time and resolved by jiff, because the crate
//! loses a daily 02:30 in the spring gap and repeats it in the autumn fold. The rule kept instead:
//!
//! * a **fixed** schedule (hour and minute are plain numbers or lists of them) fires once for each of its times on every
//!   local day that exists: a time the clock jumps over fires at the first instant after the gap, a time the clock
//!   shows twice fires at the first of the two;
//! * an **interval** schedule (`*`, a step or a range in the hour or minute) fires in every real hour: twice where the
//!   clock shows an hour twice, and a time that does not exist fires when it would have without the jump.
//!
//! Day of month and day of week follow the Unix convention: when both are restricted, a day that matches either counts.

use cron::TimeUnitSpec as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// How far ahead a next slot is looked for; 29 February on a given weekday comes back within 40 years.
const HORIZON_DAYS: usize = 40 * 366;

/// A text that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ScheduleError {
    message: String,
    help: String,
}

impl ScheduleError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// How to mend it.
    pub(crate) fn help(&self) -> &str {
        &self.help
    }
}

/// A cron expression and the zone whose wall clock it is read on.
#[derive(Clone)]
pub(crate) struct Schedule {
    expression: String,
    fields: cron::Schedule,
    /// Times of day, ascending.
    times: Vec<Time>,
    fixed: bool,
    /// A matching day needs only one of day of month and day of week.
    either_day: bool,
    zone: TimeZone,
}

/// The slots of an interval: all of them counted, only the newest named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// How many slots there are.
    pub(crate) count: u64,
    /// The oldest of them.
    pub(crate) first: Option<Timestamp>,
    /// The newest of them, ascending, no more than were asked for.
    pub(crate) newest: Vec<Timestamp>,
}

impl Schedule {
    /// Reads five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    pub(crate) fn parse(expression: &str, zone: TimeZone) -> Result<Self, ScheduleError> {
        let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = five_fields(&expression)?;
        let [minute, hour, day, month, weekday] = &fields;
        for (field, limits) in fields.iter().zip(&LIMITS).take(4) {
            check_field(field, limits)?;
        }
        let weekdays = weekday_names(weekday)?;
        let six = format!("0 {minute} {hour} {day} {month} {weekdays}");
        let parsed: cron::Schedule =
            six.parse().map_err(|_| ScheduleError::new(format!("`{expression}` is not a cron expression"), FORM))?;

        let plain = |field: &str| field.chars().all(|c| c.is_ascii_digit() || c == ',');
        let fixed = plain(minute) && plain(hour) && !parsed.hours().is_all();
        let times = parsed
            .hours()
            .iter()
            .flat_map(|hour| parsed.minutes().iter().map(move |minute| (hour, minute)))
            .filter_map(|(hour, minute)| Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok())
            .collect();
        let either_day = !day.starts_with('*') && !weekday.starts_with('*');
        let schedule = Self { expression, fields: parsed, times, fixed, either_day, zone };
        // a leap year, so that 29 February counts
        let start = Date::constant(2024, 1, 1);
        if !start.series(jiff::Span::new().days(1)).take(HORIZON_DAYS).any(|date| schedule.matches(date)) {
            return Err(ScheduleError::new(
                format!("`{}` never comes", schedule.expression),
                "the day of the month does not exist in that month",
            ));
        }
        Ok(schedule)
    }

    /// The first slot later than `after`; none within forty years only at the end of the calendar.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let start = self.local_date(after).yesterday().unwrap_or(Date::MIN);
        let mut found: Option<Timestamp> = None;
        for date in start.series(jiff::Span::new().days(1)).take(HORIZON_DAYS) {
            let before_this_day = found;
            if self.matches(date) {
                let slot = self.on(date).into_iter().find(|slot| *slot > after);
                found = match (found, slot) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            // a slot moved out of a gap at midnight can lie behind the first of the following day
            if before_this_day.is_some() {
                break;
            }
        }
        found
    }

    /// The slots in `after < slot <= until`: counted without being listed, the newest `limit` named.
    pub(crate) fn due_between(&self, after: Timestamp, until: Timestamp, limit: usize) -> Due {
        let first = self.next_after(after).filter(|slot| *slot <= until);
        if first.is_none() {
            return Due { count: 0, first, newest: Vec::new() };
        }
        Due { count: self.count(after, until), first, newest: self.newest(after, until, limit) }
    }

    /// The newest slot at or before `instant`.
    pub(crate) fn latest_until(&self, instant: Timestamp) -> Option<Timestamp> {
        let horizon = SignedDuration::from_hours(24 * i64::try_from(HORIZON_DAYS).unwrap_or(i64::MAX));
        let from = instant.checked_sub(horizon).unwrap_or(Timestamp::MIN);
        self.newest(from, instant, 1).pop()
    }

    fn newest(&self, after: Timestamp, until: Timestamp, limit: usize) -> Vec<Timestamp> {
        let start = self.local_date(until).tomorrow().unwrap_or(Date::MAX);
        let stop = self.local_date(after).yesterday().unwrap_or(Date::MIN);
        let mut slots = BTreeSet::new();
        let mut enough = false;
        for date in start.series(jiff::Span::new().days(-1)).take_while(|date| *date >= stop) {
            if self.matches(date) {
                slots.extend(self.on(date).into_iter().filter(|slot| *slot > after && *slot <= until));
            }
            // one day more than needed: its slots can be moved into the day after it
            if enough {
                break;
            }
            enough = slots.len() >= limit;
        }
        let mut newest: VecDeque<Timestamp> = slots.into_iter().collect();
        while newest.len() > limit {
            newest.pop_front();
        }
        newest.into()
    }

    /// Days on which the clock does not change are counted, not listed: years of missed minutes cost microseconds a day.
    fn count(&self, after: Timestamp, until: Timestamp) -> u64 {
        const MARGIN: SignedDuration = SignedDuration::from_hours(4 * 24);
        let start = self.local_date(after).yesterday().unwrap_or(Date::MIN);
        let stop = self.local_date(until).tomorrow().unwrap_or(Date::MAX);
        let mut changes = self
            .zone
            .following(after.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN))
            .map(|change| change.timestamp())
            .peekable();
        let mut listed = BTreeSet::new();
        let mut counted = 0;
        for date in start.series(jiff::Span::new().days(1)).take_while(|date| *date <= stop) {
            if !self.matches(date) {
                continue;
            }
            let Ok(noon) = TimeZone::UTC.to_timestamp(date.at(12, 0, 0, 0)) else { continue };
            let [early, late] =
                [noon.saturating_sub(MARGIN), noon.saturating_add(MARGIN)].map(|instant| instant.unwrap_or(noon));
            while changes.next_if(|change| *change < early).is_some() {}
            let changing = changes.peek().is_some_and(|change| *change <= late);
            if !changing && early > after && late < until {
                counted += self.times.len() as u64;
            } else {
                listed.extend(self.on(date).into_iter().filter(|slot| *slot > after && *slot <= until));
            }
        }
        counted + listed.len() as u64
    }

    fn local_date(&self, instant: Timestamp) -> Date {
        self.zone.to_datetime(instant).date()
    }

    fn matches(&self, date: Date) -> bool {
        let month = u32::from(date.month().unsigned_abs());
        let day = self.fields.days_of_month().includes(u32::from(date.day().unsigned_abs()));
        let sunday_first = u32::from(date.weekday().to_sunday_one_offset().unsigned_abs());
        let weekday = self.fields.days_of_week().includes(sunday_first);
        self.fields.months().includes(month) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// The slots of one matching local date, ascending. In a gap at midnight they can lie on the date after it.
    fn on(&self, date: Date) -> Vec<Timestamp> {
        let mut slots = Vec::with_capacity(self.times.len());
        for time in &self.times {
            let local = date.to_datetime(*time);
            match self.zone.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Unambiguous { offset } => slots.extend(offset.to_timestamp(local).ok()),
                AmbiguousOffset::Fold { before, after } => {
                    slots.extend(before.to_timestamp(local).ok());
                    if !self.fixed {
                        slots.extend(after.to_timestamp(local).ok());
                    }
                }
                AmbiguousOffset::Gap { before, .. } => {
                    let Ok(unshifted) = before.to_timestamp(local) else { continue };
                    let Some(jump) = self.jump_at_or_before(unshifted) else { continue };
                    let (from, to) = (before.to_datetime(jump), self.zone.to_datetime(jump));
                    if !swallows_day(from, to, date) {
                        slots.push(if self.fixed { jump } else { unshifted });
                    }
                }
            }
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The latest change of the zone's offset at or before `instant`.
    fn jump_at_or_before(&self, instant: Timestamp) -> Option<Timestamp> {
        let just_after = instant.checked_add(SignedDuration::from_nanos(1)).unwrap_or(instant);
        self.zone.preceding(just_after).map(|change| change.timestamp()).find(|change| {
            let before = change.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(*change);
            self.zone.to_offset(before) != self.zone.to_offset(*change)
        })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("a fixed offset");
        write!(f, "{} ({zone})", self.expression)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.zone == other.zone
    }
}

/// Samoa left out 30 December 2011 altogether: such a day has no slot.
fn swallows_day(from: DateTime, to: DateTime, date: Date) -> bool {
    from <= date.at(0, 0, 0, 0) && to.date() > date
}

const FORM: &str = "write five fields: minute hour day-of-month month day-of-week, for example `0 */4 * * *` \
                    (every four hours) or `30 2 * * mon-fri`";

/// A field's name and what it accepts, for messages.
struct Limits {
    name: &'static str,
    accepts: &'static str,
}

const LIMITS: [Limits; 5] = [
    Limits { name: "minute", accepts: "0-59" },
    Limits { name: "hour", accepts: "0-23" },
    Limits { name: "day of month", accepts: "1-31" },
    Limits { name: "month", accepts: "1-12 or jan-dec" },
    Limits { name: "day of week", accepts: "0-7 (0 and 7 are Sunday) or sun-sat" },
];

fn five_fields(expression: &str) -> Result<[&str; 5], ScheduleError> {
    let expanded = match expression {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other if other.starts_with('@') => {
            return Err(ScheduleError::new(
                format!("`{other}` is not a known shorthand"),
                "the shorthands are `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`",
            ));
        }
        other => other,
    };
    let fields: Vec<&str> = expanded.split(' ').filter(|field| !field.is_empty()).collect();
    let count = fields.len();
    fields.try_into().map_err(|_| {
        let help = if count == 6 { "there is no field for seconds; leave the first one out" } else { FORM };
        ScheduleError::new(format!("`{expression}` has {count} fields instead of five"), help)
    })
}

fn check_field(field: &str, limits: &Limits) -> Result<(), ScheduleError> {
    let error = |why: String| {
        ScheduleError::new(
            format!("{} `{field}` {why}", limits.name),
            format!("the {} takes {}, `*`, lists `1,2`, ranges `1-5` and steps `*/5`", limits.name, limits.accepts),
        )
    };
    let upper = field.to_ascii_uppercase();
    let special = match limits.name {
        "day of month" => upper.contains(['L', 'W', '#', '?']),
        "month" => upper.contains(['#', '?']),
        _ => upper.contains(['L', 'W', '#', '?']) && limits.name != "day of week",
    };
    if special {
        return Err(error("uses `L`, `W`, `#` or `?`, which this program does not have".to_owned()));
    }
    let mut six = ["0", "*", "*", "*", "*", "*"];
    let position = LIMITS.iter().position(|known| known.name == limits.name).unwrap_or_default();
    six[position + 1] = field;
    six.join(" ").parse::<cron::Schedule>().map(drop).map_err(|_| error("is not valid".to_owned()))
}

/// Unix numbers days of the week from 0 = Sunday (7 too); the `cron` crate from 1. Names mean the same to both.
fn weekday_names(field: &str) -> Result<String, ScheduleError> {
    const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let limits = &LIMITS[4];
    let error = |why: &str| {
        ScheduleError::new(
            format!("{} `{field}` {why}", limits.name),
            format!("the {} takes {}, `*`, lists `1,3`, ranges `mon-fri` and steps `*/2`", limits.name, limits.accepts),
        )
    };
    if field == "*" {
        return Ok(field.to_owned());
    }
    let day = |text: &str| -> Result<usize, ScheduleError> {
        let lower = text.to_ascii_lowercase();
        if let Some(index) = NAMES.iter().position(|name| *name == lower) {
            return Ok(index);
        }
        if lower.contains('#') || lower.ends_with('l') || lower.contains('?') {
            return Err(error("uses `L`, `#` or `?`, which this program does not have"));
        }
        let single_digit = lower.len() == 1;
        lower.parse().ok().filter(|day| single_digit && *day <= 7).ok_or_else(|| error("is not valid"))
    };
    let mut days = BTreeSet::new();
    for item in field.split(',') {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => {
                let (from, to) = (day(from)?, day(to)?);
                // `sat-sun`, `5-0`: Sunday ends the week as well as beginning it
                (from, if to == 0 && from > 0 { 7 } else { to })
            }
            None if step.is_some() => (day(range)?, 6),
            None => {
                let single = day(range)?;
                (single, single)
            }
        };
        let step = match step {
            None => 1,
            Some(step) => step
                .parse()
                .ok()
                .filter(|step| (1..=7).contains(step))
                .ok_or_else(|| error("has a step outside 1-7"))?,
        };
        if from > to {
            return Err(error("has a range that runs backwards"));
        }
        days.extend((from..=to).step_by(step).map(|day| day % 7));
    }
    Ok(days.into_iter().map(|day| NAMES[day]).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
