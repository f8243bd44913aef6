//! Spells of employment out of the employment status table. Pure.

use crate::provider::people::employment_type;
use jiff::civil::Date;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Status {
    pub(super) date: Date,
    /// As a number: rows of one day are in the order they were entered.
    pub(super) row: u64,
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) start: Option<Date>,
    pub(super) end: Option<Date>,
    pub(super) kind: Option<String>,
}

/// What the employee's record says beside the table.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Dates {
    pub(super) hired: Option<Date>,
    pub(super) terminated: Option<Date>,
}

/// The spells of one employee, earliest first.
pub(super) fn spells(mut statuses: Vec<Status>, terminated: &[String], dates: Dates) -> Vec<Spell> {
    statuses.sort();
    let mut spells: Vec<Spell> = Vec::new();
    for status in statuses {
        let ends = status.name.as_ref().is_some_and(|name| terminated.contains(name));
        let first = spells.is_empty();
        let open = spells.last_mut().filter(|spell| spell.end.is_none());
        match (open, ends) {
            (Some(spell), true) => spell.end = Some(status.date),
            // an end of what the table does not show the start of
            (None, true) if first => {
                spells.push(Spell { start: None, end: Some(status.date), kind: None });
            }
            // a second end changes nothing that a first one said
            (None, true) => {}
            (Some(spell), false) => spell.kind = status.name.as_deref().map(employment_type).or(spell.kind.take()),
            (None, false) => spells.push(Spell {
                start: Some(status.date),
                end: None,
                kind: status.name.as_deref().map(employment_type),
            }),
        }
    }
    if spells.is_empty() && (dates.hired.is_some() || dates.terminated.is_some()) {
        return vec![Spell { start: dates.hired, end: dates.terminated, kind: None }];
    }
    // a table that begins after the hire date does not say that nobody worked before
    if let [only] = spells.as_mut_slice()
        && let Some(hired) = dates.hired
        && only.start.is_none_or(|start| hired < start)
        && only.end.is_none_or(|end| hired <= end)
    {
        only.start = Some(hired);
    }
    if let Some(last) = spells.last_mut()
        && last.end.is_none()
        && let Some(terminated) = dates.terminated
        && last.start.is_none_or(|start| start <= terminated)
    {
        last.end = Some(terminated);
    }
    spells
}

#[cfg(test)]
mod tests {
    use super::{Dates, Spell, Status, spells};
    use jiff::civil::{Date, date};

    fn status(row: u64, date: Date, name: &str) -> Status {
        Status { date, row, name: Some(name.to_owned()) }
    }

    fn read(statuses: &[Status], dates: Dates) -> Vec<Spell> {
        spells(statuses.to_vec(), &["Terminated".to_owned(), "Left".to_owned()], dates)
    }

    fn spell(start: Option<Date>, end: Option<Date>, kind: &str) -> Spell {
        Spell { start, end, kind: Some(kind.to_owned()) }
    }

    const HIRED: Date = date(2018, 2, 1);
    const LEFT: Date = date(2020, 1, 31);
    const AGAIN: Date = date(2024, 5, 1);

    #[test]
    fn a_person_hired_again_has_two_spells_whatever_the_order_of_the_rows() {
        let mut rows = [status(3, AGAIN, "Contractor"), status(1, HIRED, "Full-Time"), status(2, LEFT, "Terminated")];
        let expected = [spell(Some(HIRED), Some(LEFT), "employee"), spell(Some(AGAIN), None, "contractor")];
        assert_eq!(read(&rows, Dates::default()), expected);
        rows.reverse();
        assert_eq!(read(&rows, Dates { hired: Some(AGAIN), terminated: None }), expected);
    }

    #[test]
    fn a_change_of_status_is_no_new_spell() {
        let rows = [status(1, HIRED, "Intern"), status(2, LEFT, "Full-Time")];
        assert_eq!(read(&rows, Dates::default()), [spell(Some(HIRED), None, "employee")]);
    }

    #[test]
    fn an_end_to_come_is_kept_and_a_second_end_changes_nothing() {
        let rows = [
            status(1, HIRED, "Full-Time"),
            status(2, date(2099, 1, 1), "Left"),
            status(3, date(2099, 2, 1), "Terminated"),
        ];
        assert_eq!(read(&rows, Dates::default()), [spell(Some(HIRED), Some(date(2099, 1, 1)), "employee")]);
    }

    #[test]
    fn the_record_fills_what_the_table_does_not_show() {
        let dates = Dates { hired: Some(HIRED), terminated: Some(LEFT) };
        assert_eq!(read(&[], dates), [Spell { start: Some(HIRED), end: Some(LEFT), kind: None }]);
        assert!(read(&[], Dates::default()).is_empty());
        let late = [status(1, date(2019, 1, 1), "Full-Time")];
        assert_eq!(read(&late, dates), [spell(Some(HIRED), Some(LEFT), "employee")]);
        let ended = [status(1, LEFT, "Terminated")];
        assert_eq!(read(&ended, Dates { hired: Some(HIRED), terminated: None })[0].start, Some(HIRED));
        // a date of an earlier employment ends no later one
        let again = [status(1, AGAIN, "Full-Time")];
        assert_eq!(read(&again, Dates { hired: Some(AGAIN), terminated: Some(LEFT) })[0].end, None);
    }
}
