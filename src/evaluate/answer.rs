//! The rows of a query on their way out of the worker: JSON arrays, one a line, in messages that end where a line does, and an
//! empty message after the last. Neither side holds them all.

use crate::run::{TakeCells, TakeRows, Told};
use rusqlite::types::ValueRef;
use serde_json::Value;
use std::io::{self, Write};

/// Lines are sent when there is so much of them.
const PIECE_BYTES: usize = 64 << 10;

/// The worker's side: `begin` is given the columns before the first row, `send` a piece after the other.
pub(crate) struct Sending<S> {
    send: S,
    begun: bool,
    piece: Vec<u8>,
    /// The other side reads no more.
    gone: Option<io::Error>,
}

/// One part of an answer.
pub(crate) enum Part<'a> {
    Columns(&'a [String]),
    Piece(&'a [u8]),
}

impl<S: FnMut(Part<'_>) -> io::Result<()>> Sending<S> {
    pub(crate) fn new(send: S) -> Self {
        Self { send, begun: false, piece: Vec::new(), gone: None }
    }

    /// Sends what is left, if the rows came to their end, and says that no more come, where any were begun.
    pub(crate) fn finish(mut self, whole: bool) -> io::Result<()> {
        if let Some(gone) = self.gone.take() {
            return Err(gone);
        }
        if !self.begun {
            return Ok(());
        }
        if whole && !self.piece.is_empty() {
            (self.send)(Part::Piece(&self.piece))?;
        }
        (self.send)(Part::Piece(&[]))
    }

    fn sent(&mut self, sent: io::Result<()>) -> Result<(), String> {
        sent.map_err(|error| {
            let words = error.to_string();
            self.gone = Some(error);
            words
        })
    }
}

impl<S: FnMut(Part<'_>) -> io::Result<()>> TakeCells for Sending<S> {
    fn columns(&mut self, columns: &[String]) -> Result<(), String> {
        self.begun = true;
        let sent = (self.send)(Part::Columns(columns));
        self.sent(sent)
    }

    fn cell(&mut self, value: ValueRef<'_>) -> Result<(), String> {
        let told = Told::of(value)?;
        self.piece.push(if matches!(self.piece.last(), None | Some(b'\n')) { b'[' } else { b',' });
        let written = match told {
            Told::Nothing => self.piece.write_all(b"null"),
            Told::Number(number) => write!(self.piece, "{number}"),
            Told::Text(text) => serde_json::to_writer(&mut self.piece, &*text).map_err(io::Error::from),
        };
        written.map_err(|error| error.to_string())
    }

    fn end(&mut self) -> Result<(), String> {
        self.piece.extend_from_slice(b"]\n");
        if self.piece.len() < PIECE_BYTES {
            return Ok(());
        }
        let sent = (self.send)(Part::Piece(&self.piece));
        self.piece.clear();
        self.sent(sent)
    }
}

/// The other side: hands the rows of one piece over, at most `most`; how many there were. The worker is not believed to send
/// what it should.
pub(crate) fn receive(piece: &[u8], width: usize, most: usize, take: &mut dyn TakeRows) -> Result<usize, String> {
    let mut count = 0;
    for line in piece.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let cells: Vec<Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if cells.len() != width {
            return Err(format!("a row of {} cells under {width} columns", cells.len()));
        }
        count += 1;
        if count > most {
            return Err("more rows than were asked for".to_owned());
        }
        take.row(cells);
    }
    Ok(count)
}
