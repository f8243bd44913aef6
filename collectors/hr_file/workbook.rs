//! XLSX: one sheet of a workbook, every row of it, hidden ones too. The archive is measured before it is believed. Pure.

use super::cell::Cell;
use super::dates::workbook_date;
use super::roster::{Format, Intake, Roster};
use calamine::{DataRef, Dimensions, Reader as _, SheetType, SheetVisible, Xlsx};
use model::CollectError;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

/// Most bytes all parts of a workbook may unpack to together.
const MOST_UNPACKED: u64 = 512 * 1024 * 1024;
/// Most parts a workbook may have, and most merged ranges a sheet.
const MOST_PARTS: usize = 10_000;
/// A whole number is exact in a workbook below this.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Most columns a sheet can have.
const MOST_COLUMNS: u32 = 16_384;

fn malformed(message: String) -> CollectError {
    CollectError::Malformed { operation: super::READ.to_owned(), message }
}

/// Reads every row of the sheet.
pub(super) fn read(content: &[u8], format: &Format<'_>) -> Result<Roster, CollectError> {
    measure(content)?;
    let unreadable = |error: calamine::XlsxError| malformed(format!("not a workbook: {error}"));
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(content)).map_err(unreadable)?;
    let (sheet, how) = choose(&book, format.sheet)?;
    let merged = book.merge_cells_by_sheet_name(&sheet).map_err(unreadable)?;
    if merged.len() > MOST_PARTS {
        return Err(malformed(format!("a sheet of more than {MOST_PARTS} merged ranges")));
    }
    let since_1904 = book.has_1904_epoch();
    let mut cells = book.worksheet_cells_reader(&sheet).map_err(unreadable)?;

    let mut rows = Rows { format, how, merged, intake: None, row: 0, cells: BTreeMap::new() };
    while let Some(found) = cells.next_cell().map_err(unreadable)? {
        let (row, column) = found.get_position();
        rows.cell(row, column, cell(found.get_value(), since_1904))?;
    }
    rows.finish()
}

/// Unpacks every part once, into nothing: a part that is cut, damaged or huge ends the reading here.
fn measure(content: &[u8]) -> Result<(), CollectError> {
    let broken = |error: &dyn std::fmt::Display| malformed(format!("not a workbook: {error}"));
    let mut archive = zip::ZipArchive::new(Cursor::new(content)).map_err(|error| broken(&error))?;
    if archive.len() > MOST_PARTS {
        return Err(malformed(format!("a workbook of more than {MOST_PARTS} parts")));
    }
    let mut left = MOST_UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(&error))?;
        let taken = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|error| broken(&error))?;
        left = left
            .checked_sub(taken)
            .ok_or_else(|| malformed(format!("a workbook that unpacks to more than {MOST_UNPACKED} bytes")))?;
    }
    Ok(())
}

/// The sheet to read, and how that is said.
fn choose(book: &Xlsx<Cursor<&[u8]>>, wanted: Option<&str>) -> Result<(String, String), CollectError> {
    let sheets: Vec<_> = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).collect();
    let found = || sheets.iter().map(|sheet| format!("`{}`", sheet.name)).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        return match sheets.iter().find(|sheet| sheet.name == wanted) {
            Some(sheet) => Ok((sheet.name.clone(), format!("XLSX, sheet `{}`", sheet.name))),
            None => Err(CollectError::Misconfigured {
                message: format!("the workbook has no sheet `{wanted}`"),
                help: format!("sheets found: {}", found()),
            }),
        };
    }
    match sheets.iter().find(|sheet| sheet.visible == SheetVisible::Visible) {
        Some(sheet) if sheets.len() == 1 => Ok((sheet.name.clone(), format!("XLSX, sheet `{}`", sheet.name))),
        Some(sheet) => {
            Ok((sheet.name.clone(), format!("XLSX, sheet `{}` (the first shown of {})", sheet.name, sheets.len())))
        }
        None => Err(CollectError::Misconfigured {
            message: "the workbook shows no sheet".to_owned(),
            help: format!("name one: `sheet = \"…\"`; sheets found: {}", found()),
        }),
    }
}

fn cell(value: &DataRef<'_>, since_1904: bool) -> Cell {
    match value {
        DataRef::Empty => Cell::Blank,
        DataRef::String(text) | DataRef::DurationIso(text) | DataRef::DateTimeIso(text) => Cell::text(text),
        DataRef::SharedString(text) => Cell::text(text),
        DataRef::Bool(flag) => Cell::Text(flag.to_string()),
        DataRef::Int(number) => Cell::Text(number.to_string()),
        DataRef::Float(number) if number.abs() < EXACT => Cell::Number(*number),
        DataRef::Float(number) => Cell::Bad(format!("is the number {number}, which a workbook does not keep exactly")),
        DataRef::DateTime(stamp) if stamp.is_datetime() => {
            workbook_date(stamp.as_f64(), since_1904).map_or_else(Cell::Bad, Cell::Date)
        }
        DataRef::DateTime(stamp) => Cell::Bad(format!("is the duration {}", stamp.as_f64())),
        DataRef::Error(error) => Cell::Bad(format!("is the error `{error}`")),
    }
}

/// Gathers cells into rows; the first row that holds anything is the headers.
struct Rows<'a> {
    format: &'a Format<'a>,
    how: String,
    merged: Vec<Dimensions>,
    intake: Option<Intake<'a>>,
    row: u32,
    cells: BTreeMap<u32, Cell>,
}

impl Rows<'_> {
    fn cell(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), CollectError> {
        if row < self.row {
            return Err(malformed(format!("row {} of the sheet comes after row {}", row + 1, self.row + 1)));
        }
        if column >= MOST_COLUMNS {
            return Err(malformed(format!("row {} of the sheet has a column {}", row + 1, column + 1)));
        }
        if row > self.row {
            self.end_row()?;
            self.row = row;
        }
        if self.cells.insert(column, cell).is_some() {
            return Err(malformed(format!("row {} of the sheet has column {} twice", row + 1, column + 1)));
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), CollectError> {
        let cells = std::mem::take(&mut self.cells);
        let Some((last, _)) = cells.iter().rfind(|(_, cell)| !cell.is_blank()) else { return Ok(()) };
        let line = u64::from(self.row) + 1;
        let width = match &self.intake {
            Some(intake) => intake.width(),
            None => *last as usize + 1,
        };
        if *last as usize >= width {
            let why = format!("has a value in column {}, the headers end at {width}", last + 1);
            return self.intake.as_mut().map_or(Ok(()), |intake| intake.record(line, Err(why)));
        }
        let mut row = vec![Cell::Blank; width];
        for (column, cell) in cells {
            if let Some(place) = row.get_mut(column as usize) {
                *place = cell;
            }
        }
        let Some(intake) = &mut self.intake else {
            let headers = row
                .iter()
                .map(|header| header.as_text().map(|text| text.unwrap_or_default().into_owned()))
                .collect::<Result<_, _>>()
                .map_err(|why| malformed(format!("a header in row {line} {why}")))?;
            self.intake = Some(Intake::new(self.format, "row", self.how.clone(), headers)?);
            return Ok(());
        };
        // only the first cell of a merged range holds its value: the others must not pass for blank
        for range in self.merged.iter().filter(|range| (range.start.0..=range.end.0).contains(&self.row)) {
            for column in range.start.1..=range.end.1.min(MOST_COLUMNS) {
                if (self.row, column) != range.start
                    && let Some(place) = row.get_mut(column as usize)
                {
                    *place = Cell::Bad(format!(
                        "is merged with the cell in row {}, column {}",
                        range.start.0 + 1,
                        range.start.1 + 1
                    ));
                }
            }
        }
        intake.record(line, Ok(&row))
    }

    fn finish(mut self) -> Result<Roster, CollectError> {
        self.end_row()?;
        self.intake.map(Intake::finish).ok_or_else(|| CollectError::Misconfigured {
            message: format!("the roster has nothing in it, not even headers ({})", self.how),
            help: "name another sheet, or look at the export: a roster of nobody still has its headers".to_owned(),
        })
    }
}
