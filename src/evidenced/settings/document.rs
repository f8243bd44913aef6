//! The configuration file's text: syntax problems, and where each key and value stands.

use super::problem::{Place, Problem};
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The way to a value: table names, and positions in lists.
pub(super) type KeyPath = Vec<String>;

/// Where a key and its value stand, in bytes of the text.
struct Spot {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// The positions of everything in the file.
pub(super) struct Document {
    file: PathBuf,
    line_starts: Vec<usize>,
    text: String,
    spots: HashMap<KeyPath, Spot>,
}

impl Document {
    /// Parses `text`; on bad syntax every place where it is bad.
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut document = Self { file: file.to_owned(), line_starts, text: text.to_owned(), spots: HashMap::new() };
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            document.note_table(&mut Vec::new(), table.get_ref());
            return Ok(document);
        }
        let mut problems: Vec<Problem> = errors
            .iter()
            .map(|error| Problem {
                place: error.span().map_or_else(|| Place::Whole(file.to_owned()), |span| document.place(span.start)),
                message: format!("not valid TOML: {}", error.message().trim().replace('\n', ", ")),
                help: None,
            })
            .collect();
        problems.sort();
        Err(problems)
    }

    fn note_table(&mut self, path: &mut KeyPath, table: &DeTable<'_>) {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.note_value(path, Some(key.span()), value);
            path.pop();
        }
    }

    fn note_value(&mut self, path: &mut KeyPath, key: Option<Range<usize>>, value: &Spanned<DeValue<'_>>) {
        self.spots.insert(path.clone(), Spot { key, value: value.span() });
        match value.get_ref() {
            DeValue::Table(table) => self.note_table(path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.note_value(path, None, item);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// Where the key of `path` stands; for something absent, where the nearest table around it does.
    pub(super) fn key_place(&self, path: &[String]) -> Place {
        self.nearest(path, |spot| spot.key.as_ref().unwrap_or(&spot.value).start)
    }

    /// Where the value of `path` stands; for something absent, where the nearest table around it does.
    pub(super) fn value_place(&self, path: &[String]) -> Place {
        match self.spots.get(path) {
            Some(spot) => self.place(spot.value.start),
            None => self.key_place(path),
        }
    }

    /// Whether the file says anything at `path`.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.spots.contains_key(path)
    }

    /// The names in the table at `path`.
    pub(super) fn names(&self, path: &[String]) -> impl Iterator<Item = &str> {
        self.spots
            .keys()
            .filter(move |known| known.len() == path.len() + 1 && known.starts_with(path))
            .filter_map(|known| known.last().map(String::as_str))
    }

    fn nearest(&self, path: &[String], start: impl Fn(&Spot) -> usize) -> Place {
        (1..=path.len())
            .rev()
            .find_map(|length| self.spots.get(&path[..length]))
            .map_or_else(|| Place::Whole(self.file.clone()), |spot| self.place(start(spot)))
    }

    fn place(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        Place::File { file: self.file.clone(), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> KeyPath {
        text.split('.').map(ToOwned::to_owned).collect()
    }

    fn at(place: &Place) -> (usize, usize) {
        match place {
            Place::File { line, column, .. } => (*line, *column),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn keys_and_values_are_found_where_they_stand() {
        let text = "[organisation]\nname = \"Ä\" # é\n\n[sources.hr]\npath =   \"hr.csv\"\ncolumns = { id = \"ID\" }\n\
                    [[links]]\naccount = \"a\"\n[[links]]\naccount = \"b\"\n";
        let document = Document::parse(Path::new("evidenced.toml"), text).unwrap();
        assert_eq!(at(&document.key_place(&path("organisation.name"))), (2, 1));
        assert_eq!(at(&document.value_place(&path("organisation.name"))), (2, 8));
        assert_eq!(at(&document.key_place(&path("sources.hr"))), (4, 10));
        assert_eq!(at(&document.value_place(&path("sources.hr.path"))), (5, 10));
        assert_eq!(at(&document.key_place(&path("sources.hr.columns.id"))), (6, 13));
        assert_eq!(at(&document.key_place(&path("links.1.account"))), (10, 1));
        assert_eq!(at(&document.key_place(&path("links.1"))).0, 9);
        // absent: the nearest table around it
        assert_eq!(at(&document.key_place(&path("sources.hr.schedule"))), (4, 10));
        assert_eq!(document.key_place(&path("log.origin")), Place::Whole("evidenced.toml".into()));
    }

    #[test]
    fn columns_count_characters() {
        let document = Document::parse(Path::new("f"), "a = { \"é\" = \"ü\", b = 1 }\n").unwrap();
        assert!(document.has(&path("a.b")));
        assert_eq!(at(&document.value_place(&path("a.b"))), (1, 22));
    }

    #[test]
    fn every_place_of_bad_syntax_is_reported() {
        let problems = Document::parse(Path::new("f"), "a = \nb = 2\nc = [1,\n").err().unwrap();
        assert!(problems.len() >= 2, "{problems:?}");
        assert_eq!(at(&problems[0].place).0, 1);
    }
}
