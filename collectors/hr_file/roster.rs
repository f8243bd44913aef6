//! A CSV roster, read strictly: every record is a row or a named rejection. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use model::CollectError;
use std::collections::{BTreeMap, BTreeSet};

/// Columns a roster can hold; the keys of the setting `columns`.
pub(super) const COLUMNS: &[&str] = &[
    "employee_id",
    "name",
    "work_email",
    "manager",
    "department",
    "employment_type",
    "start_date",
    "end_date",
    "end_recorded_at",
    "status",
];

/// How the file is written.
pub(super) struct Format<'a> {
    pub(super) delimiter: u8,
    pub(super) dates: &'a str,
    pub(super) columns: &'a BTreeMap<String, String>,
}

/// One row of the file: one spell of one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spell {
    pub(super) employee_id: String,
    pub(super) start_date: Option<Date>,
    pub(super) end_date: Option<Date>,
    pub(super) end_recorded_at: Option<Timestamp>,
    pub(super) name: Option<String>,
    pub(super) work_email: Option<String>,
    pub(super) manager: Option<String>,
    pub(super) department: Option<String>,
    pub(super) employment_type: Option<String>,
    pub(super) status: Option<String>,
    /// Last, so that two spells that differ only in their line sort together.
    pub(super) line: u64,
}

/// A row that is no spell, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) line: u64,
    pub(super) why: String,
}

#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) spells: Vec<Spell>,
    pub(super) rejected: Vec<Rejected>,
    /// Records after the headers.
    pub(super) records: u64,
    /// An odd number of quotation marks: one field swallowed what follows it.
    pub(super) unbalanced_quotes: bool,
}

fn misconfigured(message: String, help: String) -> CollectError {
    CollectError::Misconfigured { message, help }
}

/// Reads the whole file.
pub(super) fn read(content: &[u8], format: &Format<'_>) -> Result<Roster, CollectError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
        return Err(misconfigured(
            "the roster is UTF-16".to_owned(),
            "export it as UTF-8 (in a spreadsheet: `CSV UTF-8`)".to_owned(),
        ));
    }
    std::str::from_utf8(content).map_err(|error| {
        misconfigured(
            format!("the roster is not UTF-8: byte {} cannot be read", error.valid_up_to() + 1),
            "export it as UTF-8 (in a spreadsheet: `CSV UTF-8`)".to_owned(),
        )
    })?;

    let mut reader =
        csv::ReaderBuilder::new().delimiter(format.delimiter).has_headers(false).flexible(true).from_reader(content);
    let mut records = reader.records();
    let headers: Vec<String> = match records.next() {
        Some(Ok(record)) => record.iter().map(|header| header.trim().to_owned()).collect(),
        Some(Err(error)) => {
            return Err(misconfigured(format!("the roster's headers cannot be read: {error}"), String::new()));
        }
        None => {
            return Err(misconfigured(
                "the roster is an empty file, without even headers".to_owned(),
                "look at the export: a roster of nobody still has its header line".to_owned(),
            ));
        }
    };
    let places = places(&headers, format)?;

    let unbalanced_quotes = content.iter().fold(false, |open, byte| open ^ (*byte == b'"'));
    let mut roster = Roster { unbalanced_quotes, ..Roster::default() };
    let lines = Lines::of(content);
    for record in records {
        roster.records += 1;
        match record {
            Err(error) => roster.rejected.push(Rejected {
                line: error.position().map_or(0, |position| lines.number(content, position)),
                why: format!("cannot be read: {error}"),
            }),
            Ok(record) => {
                let line = record.position().map_or(0, |position| lines.number(content, position));
                match spell(&record, line, headers.len(), &places, format.dates) {
                    Ok(spell) => roster.spells.push(spell),
                    Err(why) => roster.rejected.push(Rejected { line, why }),
                }
            }
        }
    }
    Ok(roster)
}

/// Where lines end, to name the line of a record: the reader's own count is one short after `\r\n`.
struct Lines(Vec<usize>);

impl Lines {
    fn of(content: &[u8]) -> Self {
        Self(content.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect())
    }

    fn number(&self, content: &[u8], position: &csv::Position) -> u64 {
        let from = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(content.len());
        let blank = content[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.0.partition_point(|end| *end < from + blank) as u64 + 1
    }
}

/// Where each mapped column is.
fn places(headers: &[String], format: &Format<'_>) -> Result<BTreeMap<&'static str, usize>, CollectError> {
    let found = || headers.iter().map(|header| format!("`{header}`")).collect::<Vec<_>>().join(", ");
    let mut seen = BTreeSet::new();
    if let Some(twice) = headers.iter().find(|header| !header.is_empty() && !seen.insert(header.as_str())) {
        return Err(misconfigured(
            format!("the roster has the header `{twice}` twice"),
            format!("give each column a header of its own; found: {}", found()),
        ));
    }
    let mut places = BTreeMap::new();
    for (column, header) in format.columns {
        let Some(known) = COLUMNS.iter().find(|known| *known == column) else {
            return Err(misconfigured(
                format!("`columns` maps `{column}`, which is no column of a roster"),
                format!("the columns are: {}", COLUMNS.join(", ")),
            ));
        };
        let Some(place) = headers.iter().position(|found| found == header.trim()) else {
            let guess = nearest(header, headers)
                .map_or_else(String::new, |guess| format!("did you mean `{column} = \"{guess}\"`? "));
            let delimiter =
                if headers.len() == 1 { "; only one column was found, so `delimiter` may be wrong" } else { "" };
            return Err(misconfigured(
                format!("the roster has no header `{header}`, which `columns.{column}` names"),
                format!("{guess}headers found: {}{delimiter}", found()),
            ));
        };
        places.insert(*known, place);
    }
    if !places.contains_key("employee_id") {
        return Err(misconfigured(
            "`columns` does not map `employee_id`".to_owned(),
            format!("name the header that identifies a person; headers found: {}", found()),
        ));
    }
    Ok(places)
}

/// The header that differs from `wanted` only in case, blanks and punctuation, or contains it.
fn nearest<'a>(wanted: &str, headers: &'a [String]) -> Option<&'a String> {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(wanted);
    headers.iter().find(|header| plain(header) == wanted).or_else(|| {
        headers.iter().find(|header| {
            let header = plain(header);
            !header.is_empty() && !wanted.is_empty() && (header.contains(&wanted) || wanted.contains(&header))
        })
    })
}

fn spell(
    record: &csv::StringRecord,
    line: u64,
    width: usize,
    places: &BTreeMap<&'static str, usize>,
    date_format: &str,
) -> Result<Spell, String> {
    if record.len() != width {
        return Err(format!("has {} fields, the headers have {width}", record.len()));
    }
    let text = |column: &str| -> Result<Option<String>, String> {
        let Some(value) = places.get(column).and_then(|place| record.get(*place)) else { return Ok(None) };
        let value = value.trim();
        if value.contains(['\n', '\r']) {
            return Err(format!("`{column}` runs over several lines; a quotation mark may not be closed"));
        }
        Ok(Some(value).filter(|value| !value.is_empty()).map(str::to_owned))
    };
    let date = |column: &str| text(column)?.map(|value| read_date(column, &value, date_format)).transpose();

    let employee_id = text("employee_id")?.ok_or_else(|| "has no employee id".to_owned())?;
    let start_date = date("start_date")?;
    let end_date = date("end_date")?;
    if let (Some(start), Some(end)) = (start_date, end_date)
        && end < start
    {
        return Err(format!("ends on {end}, before it starts on {start}"));
    }
    let end_recorded_at = text("end_recorded_at")?.map(|value| read_instant(&value, date_format)).transpose()?;
    Ok(Spell {
        employee_id,
        start_date,
        end_date,
        end_recorded_at,
        name: text("name")?,
        work_email: text("work_email")?,
        manager: text("manager")?,
        department: text("department")?,
        employment_type: text("employment_type")?.map(|value| employment_type(&value)),
        status: text("status")?.map(|value| value.to_lowercase()),
        line,
    })
}

fn read_date(column: &str, value: &str, format: &str) -> Result<Date, String> {
    let date = Date::strptime(format, value)
        .map_err(|_| format!("`{column}` is `{value}`, which is no date in the format `{format}`"))?;
    // `%Y` also reads two digits
    if (1900..=2999).contains(&date.year()) {
        Ok(date)
    } else {
        Err(format!("`{column}` is `{value}`, whose year {} is implausible", date.year()))
    }
}

/// An instant, or a date: then the end of that day in UTC, the reading that accuses nobody early.
fn read_instant(value: &str, date_format: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = value.parse::<Timestamp>() {
        return Ok(instant);
    }
    let date = read_date("end_recorded_at", value, date_format)
        .map_err(|problem| format!("{problem}, nor an instant with its offset (RFC 3339)"))?;
    date.at(23, 59, 59, 0)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map(|zoned| zoned.timestamp())
        .map_err(|error| format!("`end_recorded_at` is `{value}`: {error}"))
}

/// The usual words for the two types that checks know; others stay as they are, lower-case.
fn employment_type(value: &str) -> String {
    let lower = value.to_lowercase();
    let plain: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.as_str() {
        "employee" | "employed" | "permanent" | "fulltime" | "parttime" | "fte" | "regular" | "staff" => {
            "employee".to_owned()
        }
        "contractor" | "contract" | "freelance" | "freelancer" | "consultant" | "contingent" | "external"
        | "agency" => "contractor".to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Roster, employment_type, read};
    use model::CollectError;
    use std::collections::BTreeMap;

    fn columns(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(column, header)| ((*column).to_owned(), (*header).to_owned())).collect()
    }

    fn read_with(content: &[u8], delimiter: u8, date_format: &str) -> Result<Roster, CollectError> {
        let columns = columns(&[("employee_id", "ID"), ("name", "Name"), ("start_date", "Start"), ("end_date", "End")]);
        read(content, &Format { delimiter, dates: date_format, columns: &columns })
    }

    #[test]
    fn records_are_rows_kept_plus_rows_rejected() {
        let content =
            b"\xef\xbb\xbfID,Name,Start,End\r\n1,Ada,2020-01-01,\r\n2,Grace\r\n3,Linus,01/02/2020,\r\n,Nobody,,\r\n\
            4,Ken,2020-01-01,2019-01-01\r\n5,\"Den\nnis\",2020-01-01,\r\n6,Radia,20-01-01,";
        let roster = read_with(content, b',', "%Y-%m-%d").unwrap();
        assert_eq!(roster.records, 7);
        assert_eq!(roster.spells.iter().map(|spell| spell.employee_id.as_str()).collect::<Vec<_>>(), ["1"]);
        let lines: Vec<u64> = roster.rejected.iter().map(|rejected| rejected.line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 9]);
        assert!(roster.rejected[1].why.contains("`%Y-%m-%d`"), "{:?}", roster.rejected[1]);
    }

    #[test]
    fn a_quotation_mark_left_open_is_noticed() {
        let roster =
            read_with(b"ID,Name,Start,End\n1,\"Ada,2020-01-01,\n2,Grace,2020-01-01,\n", b',', "%Y-%m-%d").unwrap();
        assert!(roster.unbalanced_quotes);
        assert!(roster.spells.is_empty());
    }

    #[test]
    fn a_missing_header_is_named_with_what_was_found() {
        let error = read_with(b"id;Name;Start;End\n", b';', "%Y-%m-%d").unwrap_err();
        assert!(error.help().unwrap().contains("did you mean `employee_id = \"id\"`"), "{:?}", error.help());
        let error = read_with(b"ID;Name;Start;End\n", b',', "%Y-%m-%d").unwrap_err();
        assert!(error.help().unwrap().contains("`delimiter` may be wrong"), "{:?}", error.help());
        let error = read_with(b"ID,Name,Start,Name,End\n", b',', "%Y-%m-%d").unwrap_err();
        assert!(error.to_string().contains("`Name` twice"));
        for content in [&b""[..], b"\xff\xfeI\0D\0", b"ID,N\xe9\n"] {
            assert_eq!(read_with(content, b',', "%Y-%m-%d").unwrap_err().kind(), "misconfigured");
        }
    }

    #[test]
    fn dates_are_read_in_the_declared_format_only() {
        let roster =
            read_with(b"ID;Name;Start;End\n1;Ada;31/01/2020;\n2;Grace;01/31/2020;\n", b';', "%d/%m/%Y").unwrap();
        assert_eq!(roster.spells[0].start_date.unwrap().to_string(), "2020-01-31");
        assert_eq!(roster.rejected.len(), 1);
    }

    #[test]
    fn the_usual_words_for_employment_types_are_understood() {
        assert_eq!(employment_type("Full-Time"), "employee");
        assert_eq!(employment_type("Freelancer"), "contractor");
        assert_eq!(employment_type("Board Member"), "board member");
    }
}
