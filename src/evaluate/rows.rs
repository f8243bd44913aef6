//! Rows of source tables on their way into the scratch database: from the bytes that were sealed to cells, one line at a time.
//!
//! No table is held: the bytes come in pieces that end anywhere, and what is left of them is a row in SQLite.

use crate::history::HistoryInput;
use crate::inputs::TableInput;
use model::{Column, ColumnKind, Table, TableSpec};
use rusqlite::types::Null;
use rusqlite::{Connection, Statement, ToSql};
use serde::Deserialize as _;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// Takes pieces of a table; it may refuse to go on.
pub type Take<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Where the rows of a sealed table are.
pub trait Rows: fmt::Debug + Send + Sync {
    /// Gives the table's canonical JSON lines in pieces that end anywhere, as often as it is asked.
    fn pour(&self, take: &mut Take<'_>) -> Result<(), RowsError>;

    /// How many there are, as far as is known before they are read: the more there are, the longer a worker may take.
    fn count(&self) -> u64 {
        0
    }
}

/// Why rows did not come.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The stored bytes are not those that were sealed.
    #[error("{0}")]
    Damaged(String),
    /// They could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// Whoever took them went no further.
    #[error(transparent)]
    Refused(#[from] io::Error),
}

impl Rows for Table {
    fn pour(&self, take: &mut Take<'_>) -> Result<(), RowsError> {
        for line in self.lines() {
            take(line.as_bytes())?;
            take(b"\n")?;
        }
        Ok(())
    }
}

/// Gives the rows of one table after another; the tables are asked for in an order that both sides of a pipe know.
pub(crate) type Pour<'a> = dyn FnMut(&TableInput, &mut Take<'_>) -> Result<(), RowsError> + 'a;

/// Fills one source table.
pub(crate) struct Filling<'a> {
    spec: &'a TableSpec,
    places: BTreeMap<&'a str, usize>,
    keys: Vec<usize>,
    insert: Statement<'a>,
    seen: Vec<bool>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    line: usize,
}

/// Parameters before the first column: the source and the snapshot.
const OWN: usize = 2;

impl<'a> Filling<'a> {
    /// Of the table of `spec`, which `connection` has, with rows of one snapshot of `source`; an error is a sentence.
    pub(crate) fn new(
        connection: &'a Connection,
        spec: &'a TableSpec,
        source: &str,
        snapshot: &str,
    ) -> rusqlite::Result<Self> {
        Self::beside(connection, spec, [("_source", source), ("_snapshot", snapshot)])
    }

    /// Of a table of the engine's own.
    pub(crate) fn of_history(connection: &'a Connection, history: &'a HistoryInput) -> rusqlite::Result<Self> {
        let own = [("source", history.source.as_str()), ("newest_snapshot", history.newest_snapshot.as_str())];
        Self::beside(connection, &history.table.spec, own)
    }

    fn beside(connection: &'a Connection, spec: &'a TableSpec, own: [(&str, &str); OWN]) -> rusqlite::Result<Self> {
        let mut names: Vec<String> = own.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(spec.columns.iter().map(|column| crate::scratch::quoted(&column.name)));
        let marks = vec!["?"; names.len()].join(", ");
        let table = crate::scratch::quoted(&spec.name);
        let mut insert = connection.prepare(&format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", ")))?;
        for (place, (_, value)) in own.iter().enumerate() {
            insert.raw_bind_parameter(place + 1, *value)?;
        }
        let places: BTreeMap<&str, usize> =
            spec.columns.iter().enumerate().map(|(place, column)| (column.name.as_str(), place)).collect();
        let keys = spec.key.iter().filter_map(|key| places.get(key.as_str()).copied()).collect();
        Ok(Self { spec, places, keys, insert, seen: vec![false; spec.columns.len()], rest: Vec::new(), line: 0 })
    }

    /// Takes the next piece; an error is a sentence.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        let mut piece = piece;
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (line, after) = (&piece[..end], &piece[end + 1..]);
            if self.rest.is_empty() {
                self.add(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.add(&whole)?;
                whole.clear();
                self.rest = whole;
            }
            piece = after;
        }
        self.rest.extend_from_slice(piece);
        Ok(())
    }

    /// Takes the last line, if no newline ended it; an error is a sentence.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        let rest = std::mem::take(&mut self.rest);
        self.add(&rest)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), String> {
        self.line += 1;
        if line.is_empty() {
            return Ok(());
        }
        self.bind(line).map_err(|problem| self.refusal(line, &problem))?;
        self.insert.raw_execute().map(drop).map_err(|error| crate::scratch::sentence(&error))
    }

    fn bind(&mut self, line: &[u8]) -> Result<(), serde_json::Error> {
        self.seen.fill(false);
        let Self { spec, places, insert, seen, .. } = self;
        let mut json = serde_json::Deserializer::from_slice(line);
        json.deserialize_map(Cells { columns: &spec.columns, places, insert, seen })?;
        json.end()?;
        for place in (0..self.seen.len()).filter(|place| !self.seen[*place]) {
            if self.keys.contains(&place) {
                return Err(serde_json::Error::custom("a row without its key"));
            }
            self.insert.raw_bind_parameter(place + OWN + 1, Null).map_err(serde_json::Error::custom)?;
        }
        Ok(())
    }

    /// What is wrong with `line`, in the words in which a table refuses it.
    fn refusal(&self, line: &[u8], problem: &serde_json::Error) -> String {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string());
        let refused = text.map(|text| Table::new(self.spec.clone()).push_line(self.line, text).err());
        let words = match refused {
            Ok(refused) => refused.map_or_else(|| problem.to_string(), |error| error.to_string()),
            Err(words) => words,
        };
        format!("sealed table {}, line {}: {words}", self.spec.name, self.line)
    }
}

/// Binds the cells of one row.
struct Cells<'a, 'b> {
    columns: &'a [Column],
    places: &'a BTreeMap<&'a str, usize>,
    insert: &'a mut Statement<'b>,
    seen: &'a mut [bool],
}

impl<'de> Visitor<'de> for Cells<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        while let Some(place) = row.next_key_seed(Name { places: self.places })? {
            row.next_value_seed(Cell { kind: self.columns[place].kind, at: place + OWN + 1, insert: self.insert })?;
            self.seen[place] = true;
        }
        Ok(())
    }
}

/// Finds the column of a name.
struct Name<'a> {
    places: &'a BTreeMap<&'a str, usize>,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<usize, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a column")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        self.places.get(name).copied().ok_or_else(|| E::custom("no such column"))
    }
}

/// Binds a cell if it is of its column's kind: booleans as 1 and 0, arrays and objects as text.
struct Cell<'a, 'b> {
    kind: ColumnKind,
    at: usize,
    insert: &'a mut Statement<'b>,
}

impl Cell<'_, '_> {
    fn bind<E: Error>(self, value: impl ToSql) -> Result<(), E> {
        self.insert.raw_bind_parameter(self.at, value).map_err(E::custom)
    }

    fn bind_json<E: Error>(self, value: Result<Value, E>) -> Result<(), E> {
        match (self.kind, value?) {
            (ColumnKind::Json, value) => self.bind(value.to_string()),
            (_, value) => Err(E::custom(format!("{value} is not of the column's kind"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, cell: D) -> Result<(), D::Error> {
        cell.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a cell of its column's kind")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.kind.fits_text(text) { self.bind(text) } else { Err(E::custom("text of another kind")) }
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        if self.kind == ColumnKind::Boolean { self.bind(i64::from(flag)) } else { Err(E::custom("a boolean")) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        if self.kind.fits_integer(number) { self.bind(number) } else { Err(E::custom("a number")) }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_i64(i64::try_from(number).map_err(E::custom)?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.bind_json(Value::deserialize(SeqAccessDeserializer::new(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.bind_json(Value::deserialize(MapAccessDeserializer::new(members)))
    }
}
