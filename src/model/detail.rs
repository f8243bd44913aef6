//! Further columns of a member, as a query returned them. The rows of one query share their names.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The names of the columns, in order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DetailNames(Arc<[Box<str>]>);

impl<T: Into<Box<str>>> FromIterator<T> for DetailNames {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }
}

impl DetailNames {
    /// They, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}

/// Columns by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    names: DetailNames,
    /// In the order of the names.
    cells: Box<[Value]>,
}

impl Detail {
    /// What `cell` gives for each of `names`.
    pub fn of(names: &DetailNames, cell: impl FnMut(&str) -> Value) -> Self {
        Self { names: names.clone(), cells: names.iter().map(cell).collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cell of a column.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = self.names.0.binary_search_by(|known| (**known).cmp(name)).ok()?;
        self.cells.get(place)
    }

    /// Each column and its cell, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.names.iter().zip(&*self.cells)
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Detail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;

        impl<'de> Visitor<'de> for Cells {
            type Value = Detail;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("columns by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Detail, A::Error> {
                let mut cells: Vec<(Box<str>, Value)> = Vec::new();
                while let Some(cell) = map.next_entry()? {
                    cells.push(cell);
                }
                // of a name that comes twice the last counts, as in every map
                cells.reverse();
                cells.sort_by(|(one, _), (other, _)| one.cmp(other));
                cells.dedup_by(|(later, _), (first, _)| later == first);
                let (names, cells): (Vec<Box<str>>, Vec<Value>) = cells.into_iter().unzip();
                Ok(Detail { names: DetailNames(names.into()), cells: cells.into() })
            }
        }

        deserializer.deserialize_map(Cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_found_by_name_and_written_in_order() {
        let names: DetailNames = ["b", "a", "c", "a"].into_iter().collect();
        let detail = Detail::of(&names, |name| if name == "c" { Value::Null } else { json!(name.to_uppercase()) });
        assert_eq!(detail.get("a"), Some(&json!("A")));
        assert_eq!((detail.get("c"), detail.get("d")), (Some(&Value::Null), None));
        let written = serde_json::to_string(&detail).unwrap();
        assert_eq!(written, r#"{"a":"A","b":"B","c":null}"#);
        assert_eq!(serde_json::from_str::<Detail>(&written).unwrap(), detail);
        let twice: Detail = serde_json::from_str(r#"{"b":1,"a":2,"b":3}"#).unwrap();
        assert_eq!(twice.iter().collect::<Vec<_>>(), [("a", &json!(2)), ("b", &json!(3))]);
        assert!(Detail::default().is_empty());
    }
}
