//! A sealed table as CSV. Derived from the sealed lines alone, so the verifier derives it again and compares.

use crate::cells::value_cell;
use model::{Row, TableSpec};
#[cfg(feature = "write")]
use std::io::BufRead;
use std::io::Write;

/// Longest line a table may have: a row of JSON takes many times its length while it is read.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// Why lines could not be shown as CSV.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableCsvError {
    /// A line is not a row.
    #[error("line {line} is not a row: {problem}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Writing failed.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

/// CSV made from lines that come in pieces of any length.
pub(crate) struct TableCsv<'a, W: Write> {
    spec: &'a TableSpec,
    writer: csv::Writer<W>,
    line: Vec<u8>,
    count: u64,
}

impl<'a, W: Write> TableCsv<'a, W> {
    /// Begins with the header.
    pub(crate) fn new(spec: &'a TableSpec, out: W) -> Result<Self, TableCsvError> {
        let mut writer = csv::WriterBuilder::new().from_writer(out);
        writer.write_record(spec.columns.iter().map(|column| &column.name))?;
        Ok(Self { spec, writer, line: Vec::new(), count: 0 })
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), TableCsvError> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > MAX_LINE {
                let problem = format!("it is longer than {MAX_LINE} bytes");
                return Err(TableCsvError::Line { line: self.count + 1, problem });
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.row()?;
            }
        }
        Ok(())
    }

    fn row(&mut self) -> Result<(), TableCsvError> {
        self.count += 1;
        let row: Row = serde_json::from_slice(&self.line)
            .map_err(|error| TableCsvError::Line { line: self.count, problem: error.to_string() })?;
        self.line.clear();
        for column in &self.spec.columns {
            self.writer.write_field(value_cell(row.get(&column.name)))?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// Takes a last line without an end, and returns the number of rows.
    pub(crate) fn finish(mut self) -> Result<u64, TableCsvError> {
        if !self.line.is_empty() {
            self.row()?;
        }
        self.writer.flush()?;
        Ok(self.count)
    }
}

/// Writes `lines` as CSV with the columns of `spec`, one line at a time, and returns the number of rows.
#[cfg(feature = "write")]
pub(crate) fn write_csv<W: Write>(spec: &TableSpec, mut lines: impl BufRead, out: W) -> Result<u64, TableCsvError> {
    let mut sheet = TableCsv::new(spec, out)?;
    loop {
        let piece = lines.fill_buf()?;
        if piece.is_empty() {
            return sheet.finish();
        }
        sheet.feed(piece)?;
        let read = piece.len();
        lines.consume(read);
    }
}

#[cfg(test)]
#[cfg(feature = "write")]
mod tests {
    use super::*;

    fn spec() -> TableSpec {
        serde_json::from_value(serde_json::json!({
            "name": "t", "description": "", "key": ["b"],
            "columns": [
                { "name": "b", "kind": "text", "description": "" },
                { "name": "a", "kind": "integer", "description": "" },
                { "name": "j", "kind": "json", "description": "" },
            ],
        }))
        .unwrap()
    }

    #[test]
    fn rows_become_cells_in_the_order_of_the_columns() {
        let mut out = Vec::new();
        let lines = b"{\"a\":-1,\"b\":\"=x\"}\n{\"b\":\"y\",\"j\":[1,2]}\n";
        assert_eq!(write_csv(&spec(), &lines[..], &mut out).unwrap(), 2);
        assert_eq!(String::from_utf8(out.clone()).unwrap(), "b,a,j\n'=x,-1,\ny,,\"[1,2]\"\n");
        assert!(write_csv(&spec(), &b"nonsense\n"[..], Vec::new()).is_err());

        let spec = spec();
        let mut again = Vec::new();
        let mut sheet = TableCsv::new(&spec, &mut again).unwrap();
        lines.chunks(3).for_each(|piece| sheet.feed(piece).unwrap());
        assert_eq!(sheet.finish().unwrap(), 2);
        assert_eq!(again, out, "pieces of any length give the same sheet");
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let spec = spec();
        let mut sheet = TableCsv::new(&spec, std::io::sink()).unwrap();
        let blank = vec![b' '; 65_536];
        let endless = std::iter::repeat_with(|| sheet.feed(&blank)).take(100).find_map(Result::err);
        assert!(matches!(endless, Some(TableCsvError::Line { line: 1, .. })));
    }
}
