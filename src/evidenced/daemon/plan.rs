//! Decides what happens to every due slot of one source. Pure: no clock, no store, no task.

use super::schedule::Schedule;
use jiff::Timestamp;

/// Missed slots recorded one by one; more become one range, so that a million of them cost one record.
pub(crate) const LISTED_MISSES: usize = 100;

/// What happens to a due slot, or to a range of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotAction {
    /// Collect for this slot. At most one in a plan, and always the newest.
    Run(Timestamp),
    /// Nobody was there to collect: `count` slots from `first` to `last`, both included.
    Miss {
        /// The oldest slot missed.
        first: Timestamp,
        /// The newest slot missed.
        last: Timestamp,
        /// How many slots lie between them, both included.
        count: u64,
    },
    /// The run before was still going.
    Skip(Timestamp),
}

/// What becomes of every slot due after `cursor` and not after `now`, oldest first.
///
/// `cursor` is the newest slot that has an outcome already, or is being collected (`running`). The newest due slot runs
/// (this is also the one catch-up run after downtime), or is skipped while a run is going; older ones were missed.
/// A source without a cursor is new: the newest slot at or before `now` runs at once, and nothing counts as missed,
/// because nobody promised those slots. A clock set back makes nothing due: the slots after `now` are not looked at.
pub(crate) fn plan(now: Timestamp, cursor: Option<Timestamp>, schedule: &Schedule, running: bool) -> Vec<SlotAction> {
    let newest_action = |slot| if running { SlotAction::Skip(slot) } else { SlotAction::Run(slot) };
    let Some(cursor) = cursor else {
        return schedule.latest_until(now).map(newest_action).into_iter().collect();
    };
    let due = schedule.due_between(cursor, now, LISTED_MISSES + 1);
    let Some((newest, older)) = due.newest.split_last() else { return Vec::new() };
    let mut actions = Vec::with_capacity(older.len() + 1);
    match (due.first, older.last()) {
        (Some(first), Some(last)) if due.count > due.newest.len() as u64 => {
            actions.push(SlotAction::Miss { first, last: *last, count: due.count - 1 });
        }
        _ => actions.extend(older.iter().map(|slot| SlotAction::Miss { first: *slot, last: *slot, count: 1 })),
    }
    actions.push(newest_action(*newest));
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hourly() -> Schedule {
        Schedule::parse("0 * * * *", TimeZone::UTC).unwrap()
    }

    fn missed(slot: &str) -> SlotAction {
        SlotAction::Miss { first: at(slot), last: at(slot), count: 1 }
    }

    #[test]
    fn nothing_is_due_between_two_slots() {
        let cursor = Some(at("2026-01-01T10:00:00Z"));
        for running in [false, true] {
            assert_eq!(plan(at("2026-01-01T10:59:59.999Z"), cursor, &hourly(), running), []);
            assert_eq!(plan(at("2026-01-01T10:00:00Z"), cursor, &hourly(), running), [], "a slot has one outcome");
        }
    }

    #[test]
    fn a_due_slot_runs_at_its_instant() {
        let cursor = Some(at("2026-01-01T10:00:00Z"));
        let slot = at("2026-01-01T11:00:00Z");
        assert_eq!(plan(slot, cursor, &hourly(), false), [SlotAction::Run(slot)]);
    }

    #[test]
    fn a_slot_due_while_the_run_before_is_going_is_skipped() {
        let cursor = Some(at("2026-01-01T10:00:00Z"));
        let slot = at("2026-01-01T11:00:00Z");
        assert_eq!(plan(slot, cursor, &hourly(), true), [SlotAction::Skip(slot)]);
    }

    #[test]
    fn after_downtime_the_newest_slot_runs_once_and_the_others_are_missed() {
        let cursor = Some(at("2026-01-01T10:00:00Z"));
        assert_eq!(
            plan(at("2026-01-01T13:20:00Z"), cursor, &hourly(), false),
            [
                missed("2026-01-01T11:00:00Z"),
                missed("2026-01-01T12:00:00Z"),
                SlotAction::Run(at("2026-01-01T13:00:00Z"))
            ]
        );
    }

    #[test]
    fn a_suspend_during_a_run_misses_the_older_slots_and_skips_the_newest() {
        let cursor = Some(at("2026-01-01T10:00:00Z"));
        assert_eq!(
            plan(at("2026-01-01T12:20:00Z"), cursor, &hourly(), true),
            [missed("2026-01-01T11:00:00Z"), SlotAction::Skip(at("2026-01-01T12:00:00Z"))]
        );
    }

    #[test]
    fn a_new_source_runs_at_once_and_has_missed_nothing() {
        assert_eq!(
            plan(at("2026-01-01T13:20:00Z"), None, &hourly(), false),
            [SlotAction::Run(at("2026-01-01T13:00:00Z"))]
        );
    }

    #[test]
    fn a_clock_set_back_makes_nothing_due() {
        let cursor = Some(at("2026-01-01T10:00:00Z"));
        assert_eq!(plan(at("2026-01-01T08:30:00Z"), cursor, &hourly(), false), []);
        assert_eq!(plan(at("2020-01-01T08:30:00Z"), cursor, &hourly(), false), []);
    }

    #[test]
    fn more_misses_than_can_be_listed_become_one_range() {
        let minutely = Schedule::parse("* * * * *", TimeZone::UTC).unwrap();
        let cursor = at("2024-01-01T00:00:00Z");
        let now = at("2026-01-01T00:00:30Z");
        let minutes = now.duration_since(cursor).as_secs().unsigned_abs() / 60;
        assert!(minutes > 1_000_000);
        assert_eq!(
            plan(now, Some(cursor), &minutely, false),
            [
                SlotAction::Miss {
                    first: at("2024-01-01T00:01:00Z"),
                    last: at("2025-12-31T23:59:00Z"),
                    count: minutes - 1
                },
                SlotAction::Run(at("2026-01-01T00:00:00Z"))
            ]
        );
    }

    #[test]
    fn the_list_turns_into_a_range_at_the_limit() {
        let cursor = at("2026-01-01T00:00:00Z");
        for due in [1, 2, LISTED_MISSES, LISTED_MISSES + 1, LISTED_MISSES + 2, LISTED_MISSES + 50] {
            let now = cursor.checked_add(SignedDuration::from_hours(i64::try_from(due).unwrap())).unwrap();
            let actions = plan(now, Some(cursor), &hourly(), false);
            let listed = due <= LISTED_MISSES + 1;
            assert_eq!(actions.len(), if listed { due } else { 2 }, "{due} due");
            assert_eq!(covered(&actions), due as u64, "{due} due");
        }
    }

    fn covered(actions: &[SlotAction]) -> u64 {
        actions.iter().map(|action| if let SlotAction::Miss { count, .. } = action { *count } else { 1 }).sum()
    }

    /// Every cursor, now and running flag over two days around a jump of the clock, minute by minute of the cursor.
    #[test]
    fn every_due_slot_gets_exactly_one_outcome_and_at_most_one_run() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let from = at("2026-10-24T12:00:00Z");
        for expression in ["0 * * * *", "30 2 * * *", "*/20 * * * *", "0 2,3 * * *"] {
            let schedule = Schedule::parse(expression, zone.clone()).unwrap();
            for begin in 0..48 {
                let cursor = from.checked_add(SignedDuration::from_mins(begin * 30)).unwrap();
                for length in 0..48 {
                    let now = cursor.checked_add(SignedDuration::from_mins(length * 30)).unwrap();
                    for running in [false, true] {
                        let actions = plan(now, Some(cursor), &schedule, running);
                        let due = schedule.due_between(cursor, now, 1000);
                        assert_eq!(covered(&actions), due.count);
                        let slots: Vec<Timestamp> = actions
                            .iter()
                            .map(|action| match action {
                                SlotAction::Run(slot) | SlotAction::Skip(slot) => *slot,
                                SlotAction::Miss { last, .. } => *last,
                            })
                            .collect();
                        assert_eq!(slots, due.newest, "in order, none twice");
                        let runs = actions.iter().filter(|action| matches!(action, SlotAction::Run(_))).count();
                        assert_eq!(runs, usize::from(!running && due.count > 0));
                    }
                }
            }
        }
    }

    /// Polls at any rhythm, with restarts, sleeps and clock steps: no slot runs twice, none is forgotten.
    #[test]
    fn polling_at_any_rhythm_gives_every_slot_one_outcome() {
        let schedule = Schedule::parse("*/10 * * * *", TimeZone::get("America/New_York").unwrap()).unwrap();
        let start = at("2026-03-08T00:00:00Z");
        // seconds between polls: steady, a sleep, a step back, a step forward
        let rhythm = [1, 59, 61, 600, 1, 7200, -30, 1, -3700, 10, 3600, 5, 599, 601, 86_400, -86_400, 40, 90_000];
        let mut now = start;
        let mut recorded: Vec<Timestamp> = vec![start];
        let mut furthest = start;
        let mut outcomes = 0;
        for step in rhythm.iter().cycle().take(400) {
            now = now.checked_add(SignedDuration::from_secs(*step)).unwrap();
            furthest = furthest.max(now);
            let cursor = recorded.iter().copied().max();
            for action in plan(now, cursor, &schedule, false) {
                let (slot, count) = match action {
                    SlotAction::Run(slot) | SlotAction::Skip(slot) => (slot, 1),
                    SlotAction::Miss { last, count, .. } => (last, count),
                };
                assert!(!recorded.contains(&slot), "{slot} has two outcomes");
                recorded.push(slot);
                outcomes += count;
            }
        }
        assert_eq!(outcomes, schedule.due_between(start, furthest, 1).count);
    }
}
