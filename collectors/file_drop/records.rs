//! The records of a file that was left, as the rows of a declared table: CSV with headers, or a JSON array of objects.

use super::Own;
use crate::provider::declared::Gather;
use model::ReasonCode;
use serde_json::{Map, Value};

/// Adds the records of `content` to `gather`; what cannot be read is said there.
pub(super) fn read(file: &str, content: &[u8], gather: &mut Gather<'_, Own>) {
    let read = match file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
        Some("csv") => delimited(content, gather),
        Some("json") => objects(content, gather),
        _ => Err("is neither `.csv` nor `.json`".to_owned()),
    };
    if let Err(problem) = read {
        gather.miss(ReasonCode::Malformed, format!("`{file}` {problem}"));
    }
}

fn objects(content: &[u8], gather: &mut Gather<'_, Own>) -> Result<(), String> {
    let records: Vec<Value> = serde_json::from_slice(content).map_err(|error| format!("is no JSON array: {error}"))?;
    for (index, record) in records.iter().enumerate() {
        gather.add(&format!("element {}", index + 1), record);
    }
    Ok(())
}

fn delimited(content: &[u8], gather: &mut Gather<'_, Own>) -> Result<(), String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    if !content.ends_with(b"\n") {
        return Err("has a last line without its end: it may be cut".to_owned());
    }
    // a record with more or fewer fields than there are headers is an error of the reader
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let headers = reader.headers().map_err(|error| format!("has no headers that can be read: {error}"))?.clone();
    let mut seen: Vec<&str> = headers.iter().collect();
    seen.sort_unstable();
    if let Some([twice, ..]) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("has the header `{twice}` twice"));
    }
    for record in reader.records() {
        let record = record.map_err(|error| format!("cannot be read to its end: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        // an empty field is one that says nothing
        let fields = headers.iter().zip(&record).map(|(header, field)| {
            let value = if field.is_empty() { Value::Null } else { Value::from(field) };
            (header.to_owned(), value)
        });
        gather.add(&format!("line {line}"), &Value::Object(fields.collect::<Map<String, Value>>()));
    }
    Ok(())
}
