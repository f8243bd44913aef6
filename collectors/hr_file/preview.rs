//! What `doctor` shows of a roster before anybody relies on it: which header feeds which column, the first rows as they
//! are read, and what is rejected. For a person's eyes; nothing is kept.

use super::Settings;
use super::headers::COLUMNS;
use super::roster::{Roster, Spell};

const FIRST_ROWS: usize = 3;
const FIRST_REJECTED: usize = 5;

/// The preview of `roster`, a line each.
pub(super) fn lines(roster: &Roster, settings: &Settings) -> Vec<String> {
    let mut lines = vec![format!("read as {}", roster.how)];
    lines.extend(mapping(roster, settings));
    lines.extend(roster.spells.iter().take(FIRST_ROWS).map(|spell| row(roster, spell)));
    if roster.spells.len() > FIRST_ROWS {
        lines.push(format!("and {} more rows kept", roster.spells.len() - FIRST_ROWS));
    }
    lines.extend(
        roster
            .rejected
            .iter()
            .take(FIRST_REJECTED)
            .map(|rejected| format!("rejected: {} {} {}", roster.unit, rejected.line, rejected.why)),
    );
    if roster.rejected.len() > FIRST_REJECTED {
        lines.push(format!("and {} more rows rejected", roster.rejected.len() - FIRST_REJECTED));
    }
    lines
}

/// Each header with what it feeds, then the headers that feed nothing and the columns nothing feeds.
fn mapping(roster: &Roster, settings: &Settings) -> Vec<String> {
    let headers = &roster.headers;
    let mut fed = Vec::new();
    let mut unread = Vec::new();
    for (place, name) in headers.names.iter().enumerate() {
        let columns = headers.feeds(place);
        if columns.is_empty() {
            unread.push(if name.is_empty() { format!("(column {})", place + 1) } else { format!("`{name}`") });
            continue;
        }
        let columns: Vec<String> = columns
            .into_iter()
            .map(|column| match settings.dates() {
                Ok(dates) if column.ends_with("_date") || column.ends_with("_at") => {
                    format!("{column} (`{}`)", dates.of(column).shown())
                }
                _ => column.to_owned(),
            })
            .collect();
        fed.push(format!("`{name}` → {}", columns.join(" and ")));
    }
    let absent: Vec<&str> = COLUMNS.iter().copied().filter(|column| headers.place(column).is_none()).collect();
    let mut lines = vec![fed.join(", ")];
    if !unread.is_empty() {
        lines.push(format!("headers that feed no column: {}", unread.join(", ")));
    }
    if !absent.is_empty() {
        lines.push(format!("columns that no header feeds, not reported: {}", absent.join(", ")));
    }
    lines
}

/// One row as it is read.
fn row(roster: &Roster, spell: &Spell) -> String {
    let date = |date: Option<jiff::civil::Date>| date.map(|date| date.to_string());
    let fields = [
        ("employee_id", Some(spell.employee_id.clone())),
        ("name", spell.name.clone()),
        ("work_email", spell.work_email.clone()),
        ("manager", spell.manager.clone()),
        ("department", spell.department.clone()),
        ("employment_type", spell.employment_type.clone()),
        ("start_date", date(spell.start_date)),
        ("end_date", date(spell.end_date)),
        ("end_recorded_at", spell.end_recorded_at.map(model::time::seconds_text)),
        ("status", spell.status.clone()),
    ];
    let shown: Vec<String> =
        fields.into_iter().filter_map(|(column, value)| value.map(|value| format!("{column} `{value}`"))).collect();
    format!("{} {}: {}", roster.unit, spell.line, shown.join(", "))
}
