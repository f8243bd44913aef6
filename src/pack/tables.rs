//! A sealed table as CSV. Derived from the sealed lines alone, so the verifier derives it again and compares.

use crate::cells::value_cell;
use model::{Row, TableSpec};
use std::io::{BufRead, Write};

/// Longest line a table may have.
const MAX_LINE: u64 = 16 * 1024 * 1024;

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

/// Writes `lines` as CSV with the columns of `spec`, one line at a time, and returns the number of rows.
pub(crate) fn write_csv<W: Write>(spec: &TableSpec, mut lines: impl BufRead, out: W) -> Result<u64, TableCsvError> {
    let mut writer = csv::WriterBuilder::new().from_writer(out);
    writer.write_record(spec.columns.iter().map(|column| &column.name))?;
    let (mut count, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let read = std::io::Read::take(&mut lines, MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        count += 1;
        let row: Row = serde_json::from_slice(&line)
            .map_err(|error| TableCsvError::Line { line: count, problem: error.to_string() })?;
        for column in &spec.columns {
            writer.write_field(value_cell(row.get(&column.name)))?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_cells_in_the_order_of_the_columns() {
        let spec: TableSpec = serde_json::from_value(serde_json::json!({
            "name": "t", "description": "", "key": ["b"],
            "columns": [
                { "name": "b", "kind": "text", "description": "" },
                { "name": "a", "kind": "integer", "description": "" },
                { "name": "j", "kind": "json", "description": "" },
            ],
        }))
        .unwrap();
        let mut out = Vec::new();
        let rows = write_csv(&spec, &b"{\"a\":-1,\"b\":\"=x\"}\n{\"b\":\"y\",\"j\":[1,2]}\n"[..], &mut out).unwrap();
        assert_eq!(rows, 2);
        assert_eq!(String::from_utf8(out).unwrap(), "b,a,j\n'=x,-1,\ny,,\"[1,2]\"\n");
        assert!(write_csv(&spec, &b"nonsense\n"[..], Vec::new()).is_err());
    }
}
