//! CSV, TSV and their like: fields between delimiters, one record after another. Pure.

use super::cell::Cell;
use super::decode::Text;
use super::headers::Headers;
use super::roster::{Format, Intake, Roster};
use model::CollectError;

/// The delimiters that are tried where none is declared.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

fn misconfigured(message: &str, help: &str) -> CollectError {
    CollectError::Misconfigured { message: message.to_owned(), help: help.to_owned() }
}

/// How a delimiter is written in a message.
fn shown(delimiter: u8) -> String {
    if delimiter == b'\t' { "tab".to_owned() } else { format!("`{}`", char::from(delimiter)) }
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

/// Reads every record of `text`.
pub(super) fn read(text: &Text<'_>, format: &Format<'_>) -> Result<Roster, CollectError> {
    let whole: &str = &text.text;
    // a spreadsheet's own first line: `sep=;`
    let (own, skipped) = own_delimiter(whole);
    let content = &whole[skipped..];
    let (delimiter, why) = match (format.delimiter, own) {
        (Some(declared), Some(own)) if declared != own => {
            return Err(misconfigured(
                &format!(
                    "the roster's first line says {} is between fields, `delimiter` says {}",
                    shown(own),
                    shown(declared)
                ),
                "remove `delimiter`, or the line",
            ));
        }
        (Some(declared), _) => (declared, ""),
        (None, Some(own)) => (own, " (its first line says so)"),
        (None, None) => (detect(content, format)?, " (detected)"),
    };

    let mut reader = reader(content, delimiter);
    let mut records = reader.records();
    let headers: Vec<String> = match records.next() {
        Some(Ok(record)) => record.iter().map(|header| header.trim().to_owned()).collect(),
        Some(Err(error)) => {
            return Err(misconfigured(
                &format!("the roster's headers cannot be read: {error}"),
                "look at its first line",
            ));
        }
        None => {
            return Err(misconfigured(
                "the roster is an empty file, without even headers",
                "look at the export: a roster of nobody still has its header line",
            ));
        }
    };
    let is_page = |header: &String| ["<html", "<table"].iter().any(|tag| header.to_ascii_lowercase().contains(tag));
    if headers.iter().any(is_page) {
        return Err(misconfigured(
            "the roster is a web page",
            "export it as CSV or XLSX; some systems call a web page `.xls`",
        ));
    }
    let how = format!("{}, {} between fields{why}", text.how, shown(delimiter));
    let mut intake = Intake::new(format, "line", how, headers)?;
    let lines = Lines::of(whole);
    for record in records {
        let line = |position: Option<&csv::Position>| {
            position.map_or(0, |position| {
                lines.number(whole, skipped + usize::try_from(position.byte()).unwrap_or(usize::MAX))
            })
        };
        match record {
            Err(error) => intake.record(line(error.position()), Err(format!("cannot be read: {error}")))?,
            Ok(record) => {
                let cells: Vec<Cell> = record.iter().map(Cell::text).collect();
                intake.record(line(record.position()), Ok(&cells))?;
            }
        }
    }
    let mut roster = intake.finish();
    roster.last_line_open = !content.ends_with(['\n', '\r']);
    roster.unbalanced_quotes = content.bytes().fold(false, |open, byte| open ^ (byte == b'"'));
    Ok(roster)
}

/// The delimiter that `sep=;` names, and where the line after it begins.
fn own_delimiter(text: &str) -> (Option<u8>, usize) {
    let end = text.find(['\r', '\n']).unwrap_or(text.len());
    let Some([delimiter]) = text[..end].strip_prefix("sep=").map(str::as_bytes) else { return (None, 0) };
    let rest = &text[end..];
    let skipped = if rest.starts_with("\r\n") { 2 } else { rest.len().min(1) };
    (Some(*delimiter), end + skipped)
}

/// The one delimiter that gives the headers `columns` names; where none gives all of them, the one that gives the most.
fn detect(text: &str, format: &Format<'_>) -> Result<u8, CollectError> {
    let mut found: Vec<(usize, usize, u8)> = DELIMITERS
        .iter()
        .map(|delimiter| {
            let headers: Vec<String> = match reader(text, *delimiter).records().next() {
                Some(Ok(record)) => record.iter().map(|header| header.trim().to_owned()).collect(),
                _ => Vec::new(),
            };
            (Headers::matched(&headers, format.columns), headers.len(), *delimiter)
        })
        .collect();
    found.sort_by_key(|(matched, width, _)| std::cmp::Reverse((*matched, *width)));
    match found.as_slice() {
        // one column, whatever is between fields
        [(_, 0 | 1, _), (_, 0 | 1, _), ..] => Ok(b','),
        [(matched, width, first), (other_matched, other_width, second), ..] => {
            let plain = matched > other_matched || (*width > 1 && *other_width <= 1);
            if plain {
                return Ok(*first);
            }
            Err(misconfigured(
                &format!("the roster's fields may be between {} or {}", shown(*first), shown(*second)),
                "say which: `delimiter = \";\"`",
            ))
        }
        _ => Ok(b','),
    }
}

/// Where lines end (`\n`, `\r\n` or `\r`), to name the line on which a record begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        Self(ends.map(|(at, _)| at).collect())
    }

    fn number(&self, text: &str, from: usize) -> u64 {
        let from = from.min(text.len());
        let blank = text.as_bytes()[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.0.partition_point(|end| *end < from + blank) as u64 + 1
    }
}
