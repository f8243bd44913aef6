//! Printing: aligned tables for people, JSON for programs. Knows nothing of what it prints.

use crate::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// One JSON document on stdout.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::store)?;
    text_line(&text)
}

/// A text on stdout, as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    written(anstream::stdout().write_all(text.as_bytes()))
}

/// A line on stdout.
pub(crate) fn text_line(line: &str) -> Result<(), Failure> {
    written(writeln!(anstream::stdout(), "{line}"))
}

/// Aligned columns on stdout, fitted to the terminal.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> Result<(), Failure> {
    text_line(&aligned(header, rows))
}

/// Aligned columns as text.
pub(crate) fn aligned<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    if !std::io::stdout().is_terminal() {
        // programs and logs get whole cells, whatever their width
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row.map(|cell| safe(&cell)));
    }
    table.trim_fmt()
}

/// `text` without control characters: what a source sent must not drive the terminal.
pub(crate) fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A line on stderr. Where even that fails there is nobody left to tell.
pub(crate) fn line_to_stderr(line: &impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Whether stderr is a terminal that wants colours.
pub(crate) fn colours_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Writing to stdout may fail (a full disk, a closed pipe); a closed pipe is the reader's business.
fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::store(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
