//! One field of a roster as its file holds it, before anything is made of it. Pure.

use jiff::civil::Date;
use std::borrow::Cow;

/// What a file holds in one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Nothing, or only blanks.
    Blank,
    /// Text without the blanks around it, otherwise as written.
    Text(String),
    /// A number of a workbook that is not formatted as a date.
    Number(f64),
    /// A cell the workbook itself formats as a date; the time of day is dropped.
    Date(Date),
    /// Something that is no value, and why: it rejects the row where its column is mapped.
    Bad(String),
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() { Self::Blank } else { Self::Text(text.to_owned()) }
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }

    /// The value as text: a whole number without a fraction, a date as `2026-01-31`.
    pub(super) fn as_text(&self) -> Result<Option<Cow<'_, str>>, String> {
        match self {
            Self::Blank => Ok(None),
            Self::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Number(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Self::Date(date) => Ok(Some(Cow::Owned(date.to_string()))),
            Self::Bad(why) => Err(why.clone()),
        }
    }
}
