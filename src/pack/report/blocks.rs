//! What a page is made of. One list of blocks gives the HTML and the PDF, so that both say the same.

use super::calendar::Calendar;
use model::{Outcome, Timestamp};

/// How something is to be taken. It is never told by colour alone: the words say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Unsure,
    Plain,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Span {
    Text(String),
    Strong(String),
    Code(String),
    Mark(Tone, String),
    /// To a file of the pack, by its path from the pack's root.
    Link(String, String),
}

/// A run of text.
pub(crate) type Line = Vec<Span>;

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Its part of the width.
    pub(crate) share: u16,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Line>>,
}

/// A number that is seen first.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) tone: Tone,
    pub(crate) number: String,
    pub(crate) label: String,
}

/// A block of a page.
#[derive(Debug, Clone)]
pub(crate) enum Block {
    /// Level 2 begins a chapter.
    Heading(u8, String),
    Text(Line),
    Notice(Line),
    List(Vec<Line>),
    Pairs(Vec<(String, Line)>),
    Figures(Vec<Figure>),
    Table(Table),
    Calendar(Calendar),
    Code(String),
}

/// A page or document.
pub(crate) struct Document {
    pub(crate) title: String,
    /// Under the title.
    pub(crate) subtitle: String,
    pub(crate) blocks: Vec<Block>,
}

pub(crate) fn text(text: impl Into<String>) -> Span {
    Span::Text(text.into())
}

pub(crate) fn strong(text: impl Into<String>) -> Span {
    Span::Strong(text.into())
}

pub(crate) fn code(text: impl Into<String>) -> Span {
    Span::Code(text.into())
}

pub(crate) fn link(text: impl Into<String>, path: impl Into<String>) -> Span {
    Span::Link(text.into(), path.into())
}

/// A line of one text.
pub(crate) fn plain(words: impl Into<String>) -> Line {
    vec![text(words)]
}

pub(crate) fn paragraph(words: impl Into<String>) -> Block {
    Block::Text(plain(words))
}

pub(crate) fn heading(level: u8, words: impl Into<String>) -> Block {
    Block::Heading(level, words.into())
}

pub(crate) fn table(columns: &[(&'static str, u16)], rows: Vec<Vec<Line>>) -> Block {
    let columns = columns.iter().map(|(title, share)| Column { title, share: *share }).collect();
    Block::Table(Table { columns, rows })
}

/// An instant as people read it; it breaks only between day and time.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The same for an instant as documents hold it; any other text stays as it is.
pub(crate) fn time_text(words: &str) -> String {
    words.parse::<Timestamp>().map_or_else(|_| words.to_owned(), time)
}

/// The word for an outcome, in its tone.
pub(crate) fn mark(outcome: &str) -> Span {
    let tone = match outcome {
        "pass" | "complete" | "resolved" | "closed" => Tone::Good,
        "fail" | "failed" | "missed" => Tone::Bad,
        "inconclusive" | "incomplete" | "suspect" | "skipped" | "unknown" => Tone::Unsure,
        _ => Tone::Plain,
    };
    Span::Mark(tone, outcome.replace('_', " "))
}

pub(crate) fn outcome(outcome: Outcome) -> Span {
    mark(outcome.as_str())
}
