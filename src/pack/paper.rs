//! Papers of their own, such as the report of an access review: the same blocks, sheets and cells as in a pack.
//!
//! One description gives HTML and PDF, one set of rows CSV and a workbook, so that all of them say the same. None holds anything
//! that acts: no script, no formula, no link.

use crate::cells::Sheet;
use crate::error::PackError;
use crate::report::{Block, Document, html, mark, paragraph, pdf, plain, table};
use crate::summary::{XlsxColumn, workbook};

/// A piece of a paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The title of a chapter.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A paragraph that must not be overlooked.
    Notice(String),
    /// Lines, one after the other.
    List(Vec<String>),
    /// Names with their values.
    Pairs(Vec<(String, String)>),
    /// A table: titles with their part of the width, and rows. A cell of the first column is shown as a mark where `marked`.
    Table {
        /// Titles, and their part of the width.
        columns: Vec<(&'static str, u16)>,
        /// Cells.
        rows: Vec<Vec<String>>,
        /// Whether the first column is an outcome.
        marked: bool,
    },
}

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// Its title.
    pub title: String,
    /// Under the title.
    pub subtitle: String,
    /// Its pieces.
    pub parts: Vec<Part>,
}

impl Paper {
    fn document(&self) -> Document {
        let blocks = self.parts.iter().map(|part| match part {
            Part::Heading(words) => Block::Heading(2, words.clone()),
            Part::Text(words) => paragraph(words),
            Part::Notice(words) => Block::Notice(plain(words)),
            Part::List(lines) => Block::List(lines.iter().map(plain).collect()),
            Part::Pairs(pairs) => {
                Block::Pairs(pairs.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
            }
            Part::Table { columns, rows, marked } => {
                let line =
                    |(at, cell): (usize, &String)| if *marked && at == 0 { vec![mark(cell)] } else { plain(cell) };
                table(columns, rows.iter().map(|row| row.iter().enumerate().map(line).collect()).collect())
            }
        });
        Document { title: self.title.clone(), subtitle: self.subtitle.clone(), blocks: blocks.collect() }
    }

    /// As one HTML file that loads nothing.
    pub fn html(&self) -> String {
        html::page(&self.document(), "")
    }

    /// As a PDF; `author` is the organisation. The same paper gives the same bytes.
    pub fn pdf(&self, author: &str) -> Result<Vec<u8>, PackError> {
        pdf::pdf(&self.document(), author)
    }
}

/// A column of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetColumn {
    /// Its header.
    pub title: &'static str,
    /// Its width in characters.
    pub width: u32,
    /// Whether its cells are whole numbers.
    pub number: bool,
}

/// Rows as CSV that no spreadsheet takes for formulas.
pub fn csv(columns: &[SheetColumn], rows: &[Vec<String>]) -> Result<Vec<u8>, PackError> {
    let header: Vec<&str> = columns.iter().map(|column| column.title).collect();
    let failed = |error: csv::Error| PackError::Plan(format!("the rows cannot be written as CSV: {error}"));
    let mut sheet = Sheet::new(&header).map_err(failed)?;
    for row in rows {
        sheet.row(row).map_err(failed)?;
    }
    sheet.finish().map_err(failed)
}

/// Rows as a workbook of one sheet called `name` (plain letters, at most 31), whose cells are texts and whole numbers only.
pub fn xlsx(name: &str, columns: &[SheetColumn], rows: &[Vec<String>]) -> Result<Vec<u8>, PackError> {
    let columns: Vec<XlsxColumn> = columns
        .iter()
        .map(|column| XlsxColumn { title: column.title, width: column.width, number: column.number })
        .collect();
    workbook(name, &columns, rows).map_err(|error| PackError::Plan(format!("the workbook cannot be written: {error}")))
}
