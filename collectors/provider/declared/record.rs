//! One record as JSON. A field that stands in it twice says two things, and neither is taken.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// An object whose fields each stand once.
pub(crate) struct Record(pub(crate) Value);

/// The record that `text` is; an error ends a sentence that begins with its place.
pub(crate) fn record(text: &str) -> Result<Value, String> {
    serde_json::from_str::<Record>(text).map(|record| record.0).map_err(|error| format!("is no record: {error}"))
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if fields.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("the field `{name}` stands in it twice")));
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Value::Object).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        assert_eq!(record(r#"{"a":1,"b":{"a":2}}"#).unwrap()["b"]["a"], 2);
        assert!(record(r#"{"a":1,"a":1}"#).unwrap_err().contains("`a` stands in it twice"));
        assert!(record("[]").is_err());
    }
}
