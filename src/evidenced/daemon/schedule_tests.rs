//! What a schedule does where the clock jumps, and how expressions are read.

use super::*;
use jiff::tz;
use std::collections::BTreeMap;

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, TimeZone::get(zone).unwrap()).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The slots in `from < slot <= to`, as the zone's wall clock and offset show them.
fn local(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
    let due = schedule.due_between(at(from), at(to), 10_000);
    assert_eq!(due.count, due.newest.len() as u64, "the count and the list agree");
    assert_eq!(due.first, due.newest.first().copied());
    due.newest.iter().map(|slot| slot.to_zoned(schedule.zone.clone()).strftime("%m-%d %H:%M%:z").to_string()).collect()
}

#[test]
fn a_daily_time_in_the_spring_gap_fires_once_at_the_first_instant_after_it() {
    for (zone, from, to, expected) in [
        ("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "03-29 03:00+02:00"),
        ("America/New_York", "2026-03-07T17:00:00Z", "2026-03-08T17:00:00Z", "03-08 03:00-04:00"),
        // a jump of thirty minutes: 02:00 to 02:30, so 02:15 does not exist and 02:30 does
        ("Australia/Lord_Howe", "2026-10-03T02:00:00Z", "2026-10-04T02:00:00Z", "10-04 02:30+11:00"),
        // Morocco goes back to +01 when Ramadan ends: 02:00 to 03:00
        ("Africa/Casablanca", "2026-03-21T12:00:00Z", "2026-03-22T12:00:00Z", "03-22 03:00+01:00"),
    ] {
        assert_eq!(local(&schedule("15 2 * * *", zone), from, to), [expected], "{zone}");
    }
    // jumps at midnight
    assert_eq!(
        local(&schedule("0 0 * * *", "Africa/Cairo"), "2026-04-23T12:00:00Z", "2026-04-24T12:00:00Z"),
        ["04-24 01:00+03:00"]
    );
    assert_eq!(
        local(&schedule("30 0 * * *", "America/Sao_Paulo"), "2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z"),
        ["11-04 01:00-02:00", "11-05 00:30-02:00"]
    );
}

#[test]
fn a_daily_time_in_the_autumn_fold_fires_once_at_the_first_of_the_two() {
    for (zone, from, to, expected) in [
        ("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "10-25 02:30+02:00"),
        ("America/New_York", "2026-10-31T17:00:00Z", "2026-11-01T17:00:00Z", "11-01 02:30-05:00"),
        ("Australia/Lord_Howe", "2026-04-04T02:00:00Z", "2026-04-05T02:00:00Z", "04-05 02:30+10:30"),
        ("Africa/Casablanca", "2026-02-14T12:00:00Z", "2026-02-15T12:00:00Z", "02-15 02:30+01:00"),
    ] {
        assert_eq!(local(&schedule("30 2 * * *", zone), from, to), [expected], "{zone}");
    }
    assert_eq!(
        local(&schedule("30 1 * * *", "America/New_York"), "2026-10-31T17:00:00Z", "2026-11-01T17:00:00Z"),
        ["11-01 01:30-04:00"]
    );
    assert_eq!(
        local(&schedule("45 1 * * *", "Australia/Lord_Howe"), "2026-04-04T02:00:00Z", "2026-04-05T02:00:00Z"),
        ["04-05 01:45+11:00"]
    );
    assert_eq!(
        local(&schedule("30 23 * * *", "America/Sao_Paulo"), "2018-02-17T12:00:00Z", "2018-02-18T12:00:00Z"),
        ["02-17 23:30-02:00"]
    );
}

#[test]
fn an_interval_fires_in_every_real_hour() {
    // spring: 01:30, then 03:30, one real hour apart
    assert_eq!(
        local(&schedule("30 * * * *", "Europe/Berlin"), "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"),
        ["03-29 01:30+01:00", "03-29 03:30+02:00"]
    );
    // autumn: both 02:30
    assert_eq!(
        local(&schedule("30 * * * *", "Europe/Berlin"), "2026-10-24T23:00:00Z", "2026-10-25T02:00:00Z"),
        ["10-25 01:30+02:00", "10-25 02:30+02:00", "10-25 02:30+01:00"]
    );
    // half an hour left out: 02:15 fires when it would have, an hour after 01:15
    assert_eq!(
        local(&schedule("15 * * * *", "Australia/Lord_Howe"), "2026-10-03T14:30:00Z", "2026-10-03T16:30:00Z"),
        ["10-04 01:15+10:30", "10-04 02:45+11:00", "10-04 03:15+11:00"]
    );
    // every four hours where midnight does not exist
    assert_eq!(
        local(&schedule("0 */4 * * *", "Africa/Cairo"), "2026-04-23T17:00:00Z", "2026-04-24T04:00:00Z"),
        ["04-23 20:00+02:00", "04-24 01:00+03:00", "04-24 04:00+03:00"]
    );
    // a range of hours is an interval too
    assert_eq!(
        local(&schedule("0 1-3 * * *", "Europe/Berlin"), "2026-10-24T22:30:00Z", "2026-10-25T12:00:00Z").len(),
        4
    );
}

#[test]
fn several_fixed_times_in_one_gap_fire_once() {
    assert_eq!(
        local(&schedule("0,30 2,3 * * *", "Europe/Berlin"), "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
        ["03-29 03:00+02:00", "03-29 03:30+02:00"]
    );
}

#[test]
fn zones_without_daylight_saving_are_plain() {
    assert_eq!(
        local(&schedule("30 2 * * *", "Asia/Kolkata"), "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"),
        ["03-29 02:30+05:30", "03-30 02:30+05:30"]
    );
    assert_eq!(
        local(&schedule("30 2 * * *", "UTC"), "2026-03-28T02:30:00Z", "2026-03-30T02:30:00Z"),
        ["03-29 02:30+00:00", "03-30 02:30+00:00"],
        "the start is excluded, the end included"
    );
}

#[test]
fn a_day_that_was_left_out_has_no_slot() {
    // Samoa went from 29 to 31 December 2011
    assert_eq!(
        local(&schedule("30 2 * * *", "Pacific/Apia"), "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z"),
        ["12-29 02:30-10:00", "12-31 02:30+14:00", "01-01 02:30+14:00"]
    );
    let hours =
        schedule("0 * * * *", "Pacific/Apia").due_between(at("2011-12-29T00:00:00Z"), at("2012-01-01T00:00:00Z"), 100);
    assert_eq!(hours.count, 72);
    assert!(hours.newest.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() == 3600));
}

#[test]
fn a_gap_over_midnight_moves_a_fixed_time_into_the_next_day_and_keeps_the_order() {
    // Toronto, 30 March 1919: 23:30 to 00:30
    let late = schedule("45 23 * * *", "America/Toronto");
    assert_eq!(local(&late, "1919-03-30T12:00:00Z", "1919-03-31T12:00:00Z"), ["03-31 00:30-04:00"]);
    assert_eq!(late.next_after(at("1919-03-30T12:00:00Z")), Some(at("1919-03-31T04:30:00Z")));
    let quarters = schedule("*/15 * * * *", "America/Toronto");
    let slots = quarters.due_between(at("1919-03-31T03:00:00Z"), at("1919-03-31T07:00:00Z"), 100).newest;
    assert!(slots.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() == 900), "{slots:?}");
}

/// Local days that exist in `zone` with noon in the interval, by walking real time.
fn existing_days(zone: &TimeZone, from: Timestamp, to: Timestamp) -> BTreeSet<Date> {
    let mut days = BTreeSet::new();
    let mut instant = from;
    while instant <= to {
        days.insert(zone.to_datetime(instant).date());
        instant = instant.checked_add(SignedDuration::from_hours(6)).unwrap();
    }
    days
}

#[test]
fn in_every_zone_a_daily_time_fires_once_a_day_and_an_hourly_one_every_hour() {
    let (from, to) = (at("2024-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let mut clocks = BTreeSet::new();
    let mut zones = 0;
    let mut jumps = 0;
    for name in tz::db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        zones += 1;
        let changes: Vec<Timestamp> = zone
            .following(from.checked_sub(SignedDuration::from_hours(72)).unwrap())
            .map(|change| change.timestamp())
            .take_while(|change| *change < to)
            .collect();
        jumps += changes.len();
        // names that share one wall clock over the three years share the result
        let clock: Vec<(Timestamp, i32)> =
            changes.iter().chain([&from]).map(|change| (*change, zone.to_offset(*change).seconds())).collect();
        if !clocks.insert(clock) {
            continue;
        }
        let mut days = existing_days(&zone, from, to);
        // the first and last local day are cut by the interval
        let edges = [days.pop_first().unwrap(), days.pop_last().unwrap()];

        for expression in ["30 2 * * *", "30 1 * * *", "0 0 * * *", "15 3 * * *"] {
            let daily = Schedule::parse(expression, zone.clone()).unwrap();
            let due = daily.due_between(from, to, 10_000);
            assert_eq!(due.count, due.newest.len() as u64, "{name} {expression}");
            let mut per_day: BTreeMap<Date, u32> = BTreeMap::new();
            for slot in &due.newest {
                *per_day.entry(zone.to_datetime(*slot).date()).or_default() += 1;
            }
            per_day.retain(|day, _| !edges.contains(day));
            assert_eq!(per_day.keys().copied().collect::<BTreeSet<_>>(), days, "{name} {expression}");
            assert!(per_day.values().all(|count| *count == 1), "{name} {expression}");
        }

        let hourly = Schedule::parse("30 * * * *", zone.clone()).unwrap();
        let due = hourly.due_between(from, to, 100_000);
        assert_eq!(due.count, due.newest.len() as u64, "{name}");
        for pair in due.newest.windows(2) {
            let apart = pair[1].duration_since(pair[0]).as_secs();
            if apart != 3600 {
                // only a jump that is not of whole hours makes the distance another one
                let change = changes.iter().find(|change| **change > pair[0] && **change <= pair[1] + 3600.secs());
                let change = change.unwrap_or_else(|| panic!("{name}: {} and {} without a jump", pair[0], pair[1]));
                let moved = zone.to_offset(*change).seconds()
                    - zone.to_offset(change.checked_sub(SignedDuration::from_secs(1)).unwrap()).seconds();
                assert!(moved % 3600 != 0 && apart < 7200, "{name}: {apart} s apart at a jump of {moved} s");
            }
        }
    }
    assert!(zones > 400 && jumps > 500 && clocks.len() > 40, "{zones} zones, {jumps} jumps, {} clocks", clocks.len());
}

trait Seconds {
    fn secs(self) -> SignedDuration;
}

impl Seconds for i64 {
    fn secs(self) -> SignedDuration {
        SignedDuration::from_secs(self)
    }
}

#[test]
fn next_after_walks_the_same_slots_as_the_list() {
    for (expression, zone) in [
        ("30 2 * * *", "Europe/Berlin"),
        ("*/20 * * * *", "Australia/Lord_Howe"),
        ("0 */4 * * mon-fri", "Africa/Cairo"),
        ("0 0 1,15 * *", "America/New_York"),
    ] {
        let schedule = schedule(expression, zone);
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-12-31T00:00:00Z"));
        let mut walked = Vec::new();
        let mut cursor = from;
        while let Some(next) = schedule.next_after(cursor).filter(|next| *next <= to) {
            assert!(next > cursor);
            walked.push(next);
            cursor = next;
        }
        let due = schedule.due_between(from, to, usize::MAX);
        assert_eq!(walked, due.newest, "{expression} {zone}");
        assert_eq!(due.count, walked.len() as u64, "{expression} {zone}");
        let tail = schedule.due_between(from, to, 7).newest;
        assert_eq!(tail, walked[walked.len() - 7..], "{expression} {zone}");
    }
}

#[test]
fn a_million_slots_are_counted_without_being_listed() {
    let minutes = schedule("* * * * *", "Europe/Berlin");
    let (from, to) = (at("1971-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    let due = minutes.due_between(from, to, 3);
    assert_eq!(due.count, to.duration_since(from).as_secs().unsigned_abs() / 60);
    assert_eq!(due.newest, [at("2025-12-31T23:58:00Z"), at("2025-12-31T23:59:00Z"), to]);
}

#[test]
fn days_of_the_week_are_numbered_as_in_unix() {
    let day = |expression: &str| -> Vec<String> {
        let schedule = schedule(&format!("0 12 * * {expression}"), "UTC");
        schedule
            .due_between(at("2026-01-04T00:00:00Z"), at("2026-01-11T00:00:00Z"), 10)
            .newest
            .iter()
            .map(|slot| slot.to_zoned(TimeZone::UTC).strftime("%a").to_string())
            .collect()
    };
    assert_eq!(day("0"), ["Sun"]);
    assert_eq!(day("7"), ["Sun"]);
    assert_eq!(day("1"), ["Mon"]);
    assert_eq!(day("1-5"), ["Mon", "Tue", "Wed", "Thu", "Fri"]);
    assert_eq!(day("mon-fri"), day("1-5"));
    assert_eq!(day("5-7"), ["Sun", "Fri", "Sat"]);
    assert_eq!(day("sat-sun"), ["Sun", "Sat"]);
    assert_eq!(day("1,3"), ["Mon", "Wed"]);
    assert_eq!(day("1-5/2"), ["Mon", "Wed", "Fri"]);
    assert_eq!(day("*/2"), ["Sun", "Tue", "Thu", "Sat"]);
    assert_eq!(day("0-7").len(), 7);
    assert_eq!(day("*").len(), 7);
}

#[test]
fn a_day_that_matches_either_of_two_restrictions_counts() {
    let either = schedule("0 0 13 * fri", "UTC");
    let days = local(&either, "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z");
    assert_eq!(days.len(), 4, "{days:?}");
    let both = schedule("0 0 */2 * fri", "UTC");
    assert_eq!(
        local(&both, "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"),
        ["02-13 00:00+00:00", "02-27 00:00+00:00"]
    );
}

#[test]
fn shorthands_and_month_names_are_read() {
    assert_eq!(schedule("@hourly", "UTC").next_after(at("2026-01-01T00:30:00Z")), Some(at("2026-01-01T01:00:00Z")));
    assert_eq!(schedule("@daily", "UTC").next_after(at("2026-01-01T00:30:00Z")), Some(at("2026-01-02T00:00:00Z")));
    assert_eq!(
        schedule("0 0 29 feb *", "UTC").next_after(at("2097-01-01T00:00:00Z")),
        Some(at("2104-02-29T00:00:00Z"))
    );
    assert_eq!(schedule("  0   6 * *  * ", "UTC").expression, "0 6 * * *");
}

#[test]
fn what_is_not_a_schedule_is_refused_with_a_mend() {
    for (expression, says) in [
        ("", "has 0 fields"),
        ("0 0 * *", "has 4 fields"),
        ("0 0 0 * * *", "has 6 fields"),
        ("60 * * * *", "minute `60`"),
        ("0 24 * * *", "hour `24`"),
        ("0 0 32 * *", "day of month `32`"),
        ("0 0 * 13 *", "month `13`"),
        ("0 0 * * 8", "day of week `8`"),
        ("0 0 * * 5-2", "runs backwards"),
        ("0 0 * * mon-", "day of week `mon-`"),
        ("0 0 * * 1/0", "a step outside"),
        ("*/0 * * * *", "minute `*/0`"),
        ("0 0 L * *", "uses `L`"),
        ("0 0 15W * *", "uses `L`"),
        ("0 0 * * 5#2", "uses `L`"),
        ("0 0 * * 5L", "uses `L`"),
        ("0 0 30 2 *", "never comes"),
        ("@reboot", "not a known shorthand"),
        ("every hour on the hour", "minute `every`"),
        ("0 -1 * * *", "hour `-1`"),
        ("99999999999999999999 * * * *", "minute `99999999999999999999`"),
    ] {
        let error = Schedule::parse(expression, TimeZone::UTC).unwrap_err();
        assert!(error.to_string().contains(says), "`{expression}`: {error}");
        assert!(!error.help().is_empty(), "`{expression}`");
    }
}
