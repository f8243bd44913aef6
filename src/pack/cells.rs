//! CSV for people: cells that no spreadsheet takes for a formula.
//!
//! The exact values are in the JSON beside every CSV file; a leading `'` here may be ours.

use serde_json::Value;
use std::borrow::Cow;

/// `text` as a cell. What a spreadsheet would run gets a leading apostrophe.
pub fn text_cell(text: &str) -> Cow<'_, str> {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if runs { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A JSON value as a cell; null and absent are empty.
pub(crate) fn value_cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text_cell(text).into_owned(),
        // a number or a boolean cannot be a formula; arrays and objects begin with a bracket
        Some(other) => other.to_string(),
    }
}

/// CSV under construction in memory.
#[cfg(feature = "write")]
pub(crate) struct Sheet(csv::Writer<Vec<u8>>);

#[cfg(feature = "write")]
impl Sheet {
    /// A sheet with a header row.
    pub(crate) fn new(header: &[&str]) -> Result<Self, csv::Error> {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        writer.write_record(header)?;
        Ok(Self(writer))
    }

    /// Adds a row of texts, each made safe.
    pub(crate) fn row<I, T>(&mut self, cells: I) -> Result<(), csv::Error>
    where
        I: IntoIterator<Item = T>,
        T: AsRef<str>,
    {
        for cell in cells {
            self.0.write_field(text_cell(cell.as_ref()).as_bytes())?;
        }
        self.0.write_record(None::<&[u8]>)
    }

    /// The bytes.
    pub(crate) fn finish(self) -> Result<Vec<u8>, csv::Error> {
        self.0.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
    }
}

#[cfg(test)]
#[cfg(feature = "write")]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_disarmed() {
        for formula in ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(text_cell(formula), format!("'{formula}"));
        }
        assert_eq!(text_cell("ada@acme.example"), "ada@acme.example");
        assert_eq!(value_cell(Some(&serde_json::json!(-5))), "-5");
        assert_eq!(value_cell(None), "");
    }

    #[test]
    fn a_sheet_quotes_what_needs_it() {
        let mut sheet = Sheet::new(&["a", "b"]).unwrap();
        sheet.row(["x,y", "=1"]).unwrap();
        assert_eq!(sheet.finish().unwrap(), b"a,b\n\"x,y\",'=1\n");
    }
}
