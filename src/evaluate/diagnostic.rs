//! A problem in a check, case or catalogue file, with its place.

use std::fmt;
use std::ops::Range;

/// One problem, so that all of them can be shown at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, as it was given or as it is shipped.
    pub file: String,
    /// Line from 1.
    pub line: usize,
    /// Column in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub help: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.problem)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "\n  help: {}", self.help) }
    }
}

/// A text with its file name, from which diagnostics are made by byte offset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Place<'_> {
    /// A problem at byte `offset` of the text.
    pub(crate) fn at(&self, offset: usize, problem: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Diagnostic {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: problem.into(),
            help: help.into(),
        }
    }

    /// A TOML error; `base` is where the TOML begins in the text.
    pub(crate) fn toml(&self, base: usize, error: &toml::de::Error) -> Diagnostic {
        let Range { start, .. } = error.span().unwrap_or(0..0);
        self.at(base + start, error.message(), "")
    }
}

/// The closest of `known` to `word`, as a help text.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let closest = known.iter().map(|candidate| (distance(word, candidate), *candidate)).min();
    match closest {
        Some((steps, candidate)) if steps <= 1 + word.len() / 4 => format!("did you mean `{candidate}`?"),
        _ if known.is_empty() || known.len() > 30 => String::new(),
        _ => format!("one of: {}", known.join(", ")),
    }
}

/// Edit distance, for suggestions only.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_counts_lines_and_characters_from_one() {
        let place = Place { file: "x.sql", text: "a\nä€x\n" };
        let found = place.at("a\nä€".len(), "here", "");
        assert_eq!((found.line, found.column), (2, 3));
        assert_eq!((place.at(0, "", "").line, place.at(0, "", "").column), (1, 1));
        assert_eq!(place.at(999, "", "").line, 3, "an offset past the end points at the end");
    }

    #[test]
    fn near_miss_is_suggested() {
        assert_eq!(did_you_mean("acount", ["account", "person"]), "did you mean `account`?");
        assert_eq!(did_you_mean("zzz", ["account", "person"]), "one of: account, person");
    }
}
