//! JSON: an array of objects, one object a record. Pure.

use super::cell::Cell;
use super::decode::Text;
use super::roster::{Format, Intake, Roster};
use model::CollectError;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// An object with more keys than this is no record of a person.
const MOST_KEYS: usize = 4096;

/// Reads every object of the array. The headers are the keys of all objects, in the order of their first appearance; a
/// key that an object lacks is a value it does not report.
pub(super) fn read(text: &Text<'_>, format: &Format<'_>) -> Result<Roster, CollectError> {
    let mut keys = Keys::default();
    each(&text.text, &mut keys)?;
    let how = format!("{}, a JSON array of objects", text.how);
    let mut intake = Intake::new(format, "record", how, keys.names)?;
    let mut records = Records { intake: &mut intake, problem: None };
    each(&text.text, &mut records)?;
    if let Some(problem) = records.problem {
        return Err(problem);
    }
    Ok(intake.finish())
}

/// Hands every element of the array to `taker`.
fn each<T: Taker>(text: &str, taker: &mut T) -> Result<(), CollectError> {
    let mut source = serde_json::Deserializer::from_str(text);
    Elements(taker).deserialize(&mut source).and_then(|()| source.end()).map_err(|error| CollectError::Malformed {
        operation: super::READ.to_owned(),
        message: format!("not a JSON array of objects: {error}"),
    })
}

/// What takes the elements of the array, in order.
trait Taker {
    /// Takes element `number`, from 1.
    fn take<'de, A: SeqAccess<'de>>(&mut self, number: u64, elements: &mut A) -> Result<bool, A::Error>;
}

struct Elements<'a, T>(&'a mut T);

impl<'de, T: Taker> DeserializeSeed<'de> for Elements<'_, T> {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Taker> Visitor<'de> for Elements<'_, T> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 1;
        while self.0.take(number, &mut elements)? {
            number += 1;
        }
        Ok(())
    }
}

/// The keys of all objects.
#[derive(Default)]
struct Keys {
    names: Vec<String>,
    seen: BTreeSet<String>,
}

impl Taker for Keys {
    fn take<'de, A: SeqAccess<'de>>(&mut self, _: u64, elements: &mut A) -> Result<bool, A::Error> {
        elements.next_element_seed(KeysOf(self)).map(|taken| taken.is_some())
    }
}

struct KeysOf<'a>(&'a mut Keys);

impl<'de> DeserializeSeed<'de> for KeysOf<'_> {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeysOf<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            members.next_value::<IgnoredAny>()?;
            if !self.0.seen.contains(&key) {
                if self.0.names.len() == MOST_KEYS {
                    return Err(de::Error::custom(format!("the objects have more than {MOST_KEYS} different keys")));
                }
                self.0.names.push(key.clone());
                self.0.seen.insert(key);
            }
        }
        Ok(())
    }
}

/// The records.
struct Records<'a, 'f> {
    intake: &'a mut Intake<'f>,
    problem: Option<CollectError>,
}

impl Taker for Records<'_, '_> {
    fn take<'de, A: SeqAccess<'de>>(&mut self, number: u64, elements: &mut A) -> Result<bool, A::Error> {
        let Some(cells) = elements.next_element_seed(CellsOf(self.intake))? else { return Ok(false) };
        if self.problem.is_none() {
            self.problem = self.intake.record(number, cells.as_deref().map_err(Clone::clone)).err();
        }
        Ok(true)
    }
}

struct CellsOf<'a, 'f>(&'a Intake<'f>);

impl<'de> DeserializeSeed<'de> for CellsOf<'_, '_> {
    type Value = Result<Vec<Cell>, String>;
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CellsOf<'_, '_> {
    type Value = Result<Vec<Cell>, String>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let headers = self.0.headers();
        let mut cells = vec![Cell::Blank; self.0.width()];
        let mut seen = BTreeSet::new();
        let mut twice = None;
        while let Some(key) = members.next_key::<String>()? {
            let value: Value = members.next_value()?;
            if let Some(place) = headers.names.iter().position(|name| *name == key) {
                cells[place] = cell(&value);
            }
            if seen.contains(&key) {
                twice = Some(key);
            } else {
                seen.insert(key);
            }
        }
        Ok(twice.map_or(Ok(cells), |key| Err(format!("has the key `{key}` twice"))))
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Blank,
        Value::String(text) => Cell::text(text),
        Value::Bool(flag) => Cell::Text(flag.to_string()),
        Value::Number(number) if number.is_f64() => Cell::Bad(format!("is the number {number}, which is not whole")),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::Array(_) => Cell::Bad("is an array".to_owned()),
        Value::Object(_) => Cell::Bad("is an object".to_owned()),
    }
}
