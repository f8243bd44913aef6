//! Dates in the declared format and no other. Nothing is guessed: not the order of day and month, not a century, not
//! whether a number is a spreadsheet's count of days. Pure.

use super::cell::Cell;
use jiff::civil::{Date, date};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::{Timestamp, Zoned};
use model::CollectError;
use std::collections::BTreeMap;

/// How one column's dates are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DateFormat {
    /// A strptime format.
    Written(String),
    /// A spreadsheet's count of days since its epoch; 1904 says which of the two.
    Excel { since_1904: bool },
}

/// The declared formats.
#[derive(Debug)]
pub(super) struct Dates {
    default: DateFormat,
    by_column: BTreeMap<String, DateFormat>,
}

impl DateFormat {
    /// Reads a declaration; refuses one that cannot say a date without doubt.
    fn declared(setting: &str, format: &str) -> Result<Self, CollectError> {
        match format {
            "excel" => return Ok(Self::Excel { since_1904: false }),
            "excel-1904" => return Ok(Self::Excel { since_1904: true }),
            _ => {}
        }
        let misconfigured =
            |message: String, help: &str| CollectError::Misconfigured { message, help: help.to_owned() };
        if specifiers(format).any(|letter| matches!(letter, 'y' | 'D' | 'g' | 'C' | 'x' | 'c')) {
            return Err(misconfigured(
                format!("`{setting}` is `{format}`, which has a two-digit year: ambiguous"),
                "export dates with four-digit years, and write `%Y`",
            ));
        }
        let sample = date(1987, 11, 23);
        let again = sample
            .to_zoned(jiff::tz::TimeZone::UTC)
            .and_then(|zoned: Zoned| jiff::fmt::strtime::format(format, &zoned))
            .and_then(|text| BrokenDownTime::parse(format, &text)?.to_date());
        if again.ok() != Some(sample) {
            return Err(misconfigured(
                format!("`{setting}` is `{format}`, which does not say year, month and day"),
                "write it like `%d.%m.%Y` (or `excel` for a spreadsheet's serial numbers)",
            ));
        }
        Ok(Self::Written(format.to_owned()))
    }

    /// The declaration, for messages.
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Written(format) => format,
            Self::Excel { since_1904: false } => "excel",
            Self::Excel { since_1904: true } => "excel-1904",
        }
    }
}

/// The letters after `%`, flags and widths skipped.
fn specifiers(format: &str) -> impl Iterator<Item = char> {
    format
        .replace("%%", "")
        .split('%')
        .skip(1)
        .filter_map(|rest| rest.chars().find(char::is_ascii_alphabetic))
        .collect::<Vec<_>>()
        .into_iter()
}

impl Dates {
    pub(super) fn declared(default: &str, by_column: &BTreeMap<String, String>) -> Result<Self, CollectError> {
        const DATED: [&str; 3] = ["start_date", "end_date", "end_recorded_at"];
        if let Some(other) = by_column.keys().find(|column| !DATED.contains(&column.as_str())) {
            return Err(CollectError::Misconfigured {
                message: format!("`date_formats` names `{other}`, which holds no date"),
                help: format!("columns with dates: {}", DATED.join(", ")),
            });
        }
        let by_column = by_column
            .iter()
            .map(|(column, format)| {
                Ok((column.clone(), DateFormat::declared(&format!("date_formats.{column}"), format)?))
            })
            .collect::<Result<_, CollectError>>()?;
        Ok(Self { default: DateFormat::declared("date_format", default)?, by_column })
    }

    pub(super) fn of(&self, column: &str) -> &DateFormat {
        self.by_column.get(column).unwrap_or(&self.default)
    }

    /// The date in `cell`.
    pub(super) fn date(&self, column: &str, cell: &Cell) -> Result<Option<Date>, String> {
        let format = self.of(column);
        let date = match (cell, format) {
            (Cell::Blank, _) => return Ok(None),
            (Cell::Bad(why), _) => return Err(format!("`{column}` {why}")),
            // the workbook says itself that this is a date
            (Cell::Date(date), _) => *date,
            (Cell::Number(number), DateFormat::Excel { since_1904 }) => serial(column, *number, *since_1904)?,
            (Cell::Text(text), DateFormat::Excel { since_1904 }) => {
                let number = text.parse::<u32>().map_err(|_| {
                    format!("`{column}` is `{text}`, which is no serial date (`{}` is declared)", format.shown())
                })?;
                serial(column, f64::from(number), *since_1904)?
            }
            (Cell::Number(number), DateFormat::Written(_)) => return Err(looks_serial(column, &number.to_string())),
            (Cell::Text(text), DateFormat::Written(written)) => {
                Date::strptime(written, text).map_err(|_| unreadable(column, text, written))?
            }
        };
        plausible(column, cell, date).map(Some)
    }

    /// The instant in `cell`; a date, or a time without its offset, means the end of that day in UTC.
    pub(super) fn instant(&self, column: &str, cell: &Cell) -> Result<Option<Timestamp>, String> {
        if let Cell::Text(text) = cell {
            if let Ok(instant) = text.parse::<Timestamp>() {
                return Ok(Some(instant));
            }
            if let DateFormat::Written(format) = self.of(column)
                && let Ok(parts) = BrokenDownTime::parse(format, text)
                && parts.offset().is_some()
                && let Ok(instant) = parts.to_timestamp()
            {
                plausible(column, cell, instant.to_zoned(jiff::tz::TimeZone::UTC).date())?;
                return Ok(Some(instant));
            }
        }
        let date = self
            .date(column, cell)
            .map_err(|problem| format!("{problem}, nor an instant with its offset (RFC 3339)"))?;
        date.map(end_of_day).transpose().map_err(|error| format!("`{column}`: {error}"))
    }
}

/// The reading that accuses nobody early.
fn end_of_day(date: Date) -> Result<Timestamp, jiff::Error> {
    Ok(date.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
}

/// `%Y` also reads two digits.
fn plausible(column: &str, cell: &Cell, date: Date) -> Result<Date, String> {
    if (1900..=2999).contains(&date.year()) {
        return Ok(date);
    }
    let value = cell.as_text().ok().flatten().unwrap_or_default();
    Err(format!("`{column}` is `{value}`, whose year {} is implausible", date.year()))
}

fn unreadable(column: &str, text: &str, format: &str) -> String {
    if text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return looks_serial(column, text);
    }
    format!("`{column}` is `{text}`, which is no date in the format `{format}`")
}

fn looks_serial(column: &str, value: &str) -> String {
    format!(
        "`{column}` is the number `{value}`: a spreadsheet's serial date is read only where `date_format` or \
         `date_formats.{column}` says `excel`"
    )
}

/// The date a spreadsheet counts as `number`. Its first weeks are refused: the 1900 count has a day that never was.
fn serial(column: &str, number: f64, since_1904: bool) -> Result<Date, String> {
    const LAST: f64 = 2_958_465.0;
    let (epoch, first) = if since_1904 { (date(1904, 1, 1), 0.0) } else { (date(1899, 12, 30), 61.0) };
    let refused = || format!("`{column}` is the number `{number}`, which is no serial date");
    if !(first..=LAST).contains(&number) {
        return Err(refused());
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds above; the fraction is the time of day")]
    let days = number.floor() as i64;
    epoch.checked_add(jiff::Span::new().days(days)).map_err(|_| refused())
}

/// The date of a workbook's date cell.
pub(super) fn workbook_date(number: f64, since_1904: bool) -> Result<Date, String> {
    serial("cell", number, since_1904).map_err(|_| format!("is the number {number} shown as a date, and is none"))
}

#[cfg(test)]
mod tests {
    use super::{Cell, DateFormat, Dates};
    use jiff::civil::date;
    use std::collections::BTreeMap;

    fn dates(default: &str) -> Dates {
        Dates::declared(default, &BTreeMap::new()).unwrap()
    }

    fn read(format: &str, value: &str) -> Result<Option<jiff::civil::Date>, String> {
        dates(format).date("start_date", &Cell::text(value))
    }

    #[test]
    fn only_the_declared_format_is_read() {
        assert_eq!(read("%d/%m/%Y", "31/01/2020"), Ok(Some(date(2020, 1, 31))));
        assert_eq!(read("%d/%m/%Y", "1/2/2020"), Ok(Some(date(2020, 2, 1))));
        assert_eq!(read("%Y-%m-%d", ""), Ok(None));
        for (format, value) in [
            ("%d/%m/%Y", "01/31/2020"),
            ("%d/%m/%Y", "31.01.2020"),
            ("%d/%m/%Y", "31/01/20"),
            ("%Y-%m-%d", "2020-02-30"),
            ("%Y-%m-%d", "2020-01-31 12:00"),
            ("%Y-%m-%d", "tomorrow"),
        ] {
            assert!(read(format, value).is_err(), "{value} as {format}");
        }
    }

    #[test]
    fn formats_that_leave_a_doubt_are_refused() {
        for format in ["%d/%m/%y", "%D", "%m/%Y", "%d.%m", "%H:%M", "", "%-y-%m-%d", "%q", "dd.mm.yyyy"] {
            let refused = Dates::declared(format, &BTreeMap::new());
            assert_eq!(refused.unwrap_err().kind(), "misconfigured", "{format}");
        }
        for format in ["%d.%m.%Y", "%F", "%b %d, %Y", "%Y%m%d", "%Y-%m-%dT%H:%M:%S%z", "%d/%m/%Y %H:%M"] {
            assert!(matches!(dates(format).of("start_date"), DateFormat::Written(_)), "{format}");
        }
        let elsewhere = BTreeMap::from([("name".to_owned(), "%Y-%m-%d".to_owned())]);
        assert!(Dates::declared("%F", &elsewhere).unwrap_err().to_string().contains("`name`"));
    }

    #[test]
    fn a_serial_date_needs_its_declaration() {
        for cell in [Cell::Number(45292.0), Cell::text("45292")] {
            let refused = dates("%Y-%m-%d").date("end_date", &cell).unwrap_err();
            assert!(refused.contains("says `excel`"), "{refused}");
            assert_eq!(dates("excel").date("end_date", &cell), Ok(Some(date(2024, 1, 1))));
            assert_eq!(dates("excel-1904").date("end_date", &cell), Ok(Some(date(2028, 1, 2))));
        }
        assert_eq!(dates("excel").date("end_date", &Cell::Number(45292.75)), Ok(Some(date(2024, 1, 1))));
        for value in [0.0, 59.0, 60.0, -1.0, 3e6, f64::NAN, f64::INFINITY] {
            assert!(dates("excel").date("end_date", &Cell::Number(value)).is_err(), "{value}");
        }
        assert!(dates("excel").date("end_date", &Cell::text("2024-01-01")).is_err());
    }

    #[test]
    fn a_column_may_have_a_format_of_its_own() {
        let by_column = BTreeMap::from([("end_date".to_owned(), "%d.%m.%Y".to_owned())]);
        let dates = Dates::declared("%Y-%m-%d", &by_column).unwrap();
        assert_eq!(dates.date("start_date", &Cell::text("2024-01-31")), Ok(Some(date(2024, 1, 31))));
        assert_eq!(dates.date("end_date", &Cell::text("31.01.2024")), Ok(Some(date(2024, 1, 31))));
        assert!(dates.date("end_date", &Cell::text("2024-01-31")).is_err());
    }

    #[test]
    fn an_instant_keeps_its_offset_and_a_date_means_the_end_of_its_day() {
        let instant = |format: &str, value: &str| {
            dates(format).instant("end_recorded_at", &Cell::text(value)).unwrap().unwrap().to_string()
        };
        assert_eq!(instant("%Y-%m-%d", "2024-01-31T10:00:00+01:00"), "2024-01-31T09:00:00Z");
        assert_eq!(instant("%d.%m.%Y %H:%M %z", "31.01.2024 10:00 +0100"), "2024-01-31T09:00:00Z");
        assert_eq!(instant("%d.%m.%Y %H:%M", "31.01.2024 10:00"), "2024-01-31T23:59:59Z");
        assert_eq!(instant("%Y-%m-%d", "2024-01-31"), "2024-01-31T23:59:59Z");
        assert!(dates("%Y-%m-%d").instant("end_recorded_at", &Cell::text("soon")).unwrap_err().contains("RFC 3339"));
    }
}
