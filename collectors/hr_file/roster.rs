//! A roster, read strictly: every record is a row kept or a named rejection. Pure.

use super::cell::Cell;
use super::dates::Dates;
use super::decode::{self, Encoding};
use super::headers::Headers;
use super::{delimited, objects, workbook};
use crate::provider::people::employment_type;
use jiff::Timestamp;
use jiff::civil::Date;
use model::{CollectError, ReasonCode};
use std::collections::BTreeMap;

/// A roster with more records than this is none.
const MOST_RECORDS: u64 = 1_000_000;

/// The setting `format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// By the file's first bytes.
    Auto,
    /// Fields between delimiters.
    Csv,
    Xlsx,
    /// An array of objects.
    Json,
}

/// How the file is written, as the settings declare it.
pub(super) struct Format<'a> {
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    /// None: detected.
    pub(super) delimiter: Option<u8>,
    /// None: the first that is shown.
    pub(super) sheet: Option<&'a str>,
    pub(super) dates: &'a Dates,
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

/// A record that is no spell, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) line: u64,
    pub(super) why: String,
}

/// What a file gave.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) headers: Headers,
    pub(super) spells: Vec<Spell>,
    pub(super) rejected: Vec<Rejected>,
    /// Records after the headers; those without any value are not counted here.
    pub(super) records: u64,
    /// Records without any value.
    pub(super) blank: u64,
    /// How the file was read, stated where it was detected: `UTF-8, \`;\` between fields (detected)`.
    pub(super) how: String,
    /// What a place in the file is called: `line`, `row`, `record`.
    pub(super) unit: &'static str,
    /// An odd number of quotation marks: one field swallowed what follows it.
    pub(super) unbalanced_quotes: bool,
    /// The last line has no end: the file may have been cut in it.
    pub(super) last_line_open: bool,
}

/// Reads the whole file.
pub(super) fn read(content: &[u8], format: &Format<'_>) -> Result<Roster, CollectError> {
    let kind = if format.kind == Kind::Auto { recognise(content)? } else { format.kind };
    if kind == Kind::Xlsx {
        return workbook::read(content, format);
    }
    let text = decode::decode(content, format.encoding)?;
    let is_json = match kind {
        Kind::Json => true,
        Kind::Csv | Kind::Xlsx => false,
        Kind::Auto => text.text.trim_start().starts_with(['[', '{']),
    };
    if is_json { objects::read(&text, format) } else { delimited::read(&text, format) }
}

/// By the first bytes; `Auto` stays where they are text that has yet to be decoded.
fn recognise(content: &[u8]) -> Result<Kind, CollectError> {
    if content.starts_with(b"PK\x03\x04") {
        return Ok(Kind::Xlsx);
    }
    if content.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Err(CollectError::Misconfigured {
            message: "the roster is an old `.xls` workbook, or one with a password".to_owned(),
            help: "save it as `.xlsx` without a password, or as `CSV UTF-8`".to_owned(),
        });
    }
    Ok(Kind::Auto)
}

/// Takes the headers and then every record of a file, and makes a roster of them.
pub(super) struct Intake<'a> {
    format: &'a Format<'a>,
    roster: Roster,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        format: &'a Format<'a>,
        unit: &'static str,
        how: String,
        headers: Vec<String>,
    ) -> Result<Self, CollectError> {
        let roster = Roster {
            headers: Headers::match_up(headers, format.columns)?,
            spells: Vec::new(),
            rejected: Vec::new(),
            records: 0,
            blank: 0,
            how,
            unit,
            unbalanced_quotes: false,
            last_line_open: false,
        };
        Ok(Self { format, roster })
    }

    pub(super) fn width(&self) -> usize {
        self.roster.headers.names.len()
    }

    pub(super) fn headers(&self) -> &Headers {
        &self.roster.headers
    }

    /// One record: its cells under the headers, or why it cannot be read.
    pub(super) fn record(&mut self, line: u64, cells: Result<&[Cell], String>) -> Result<(), CollectError> {
        if cells.as_ref().is_ok_and(|cells| cells.iter().all(Cell::is_blank)) {
            self.roster.blank += 1;
            return Ok(());
        }
        self.roster.records += 1;
        if self.roster.records > MOST_RECORDS {
            return Err(CollectError::Incomplete {
                operation: super::READ.to_owned(),
                message: format!("it has more than {MOST_RECORDS} records"),
                code: ReasonCode::PageCap,
            });
        }
        match cells.and_then(|cells| self.spell(line, cells)) {
            Ok(spell) => self.roster.spells.push(spell),
            Err(why) => self.roster.rejected.push(Rejected { line, why }),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Roster {
        self.roster
    }

    fn spell(&self, line: u64, cells: &[Cell]) -> Result<Spell, String> {
        let width = self.width();
        if cells.len() != width {
            return Err(format!("has {} fields, the headers have {width}", cells.len()));
        }
        let cell =
            |column: &str| self.roster.headers.place(column).and_then(|place| cells.get(place)).unwrap_or(&Cell::Blank);
        let text = |column: &str| -> Result<Option<String>, String> {
            let Some(text) = cell(column).as_text().map_err(|why| format!("`{column}` {why}"))? else {
                return Ok(None);
            };
            if text.contains(['\n', '\r']) {
                return Err(format!("`{column}` runs over several lines; a quotation mark may not be closed"));
            }
            Ok(Some(text.into_owned()))
        };
        let dates = self.format.dates;

        let employee_id = text("employee_id")?.ok_or_else(|| "has no employee id".to_owned())?;
        let start_date = dates.date("start_date", cell("start_date"))?;
        let end_date = dates.date("end_date", cell("end_date"))?;
        if let (Some(start), Some(end)) = (start_date, end_date)
            && end < start
        {
            return Err(format!("ends on {end}, before it starts on {start}"));
        }
        Ok(Spell {
            employee_id,
            start_date,
            end_date,
            end_recorded_at: dates.instant("end_recorded_at", cell("end_recorded_at"))?,
            name: text("name")?,
            work_email: text("work_email")?,
            manager: text("manager")?,
            department: text("department")?,
            employment_type: text("employment_type")?.map(|value| employment_type(&value)),
            status: text("status")?.map(|value| value.to_lowercase()),
            line,
        })
    }
}
