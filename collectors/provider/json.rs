//! Reading JSON a source answered: what it leaves out is *not reported*, what is not as documented is an error.

use jiff::Timestamp;
use model::CollectError;
use serde_json::Value;
use std::collections::BTreeSet;

/// One object of an operation's answer.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    operation: &'a str,
    value: &'a Value,
}

impl<'a> Object<'a> {
    /// An element of a listing, or a whole answer.
    pub(crate) fn of(operation: &'a str, value: &'a Value) -> Result<Self, CollectError> {
        match value {
            Value::Object(_) => Ok(Self { operation, value }),
            _ => Err(malformed(operation, "an element is not a JSON object")),
        }
    }

    /// A member that is there and not null.
    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }

    /// Whether the answer tells it at all, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    /// The object under `name`; one that is left out has no members.
    pub(crate) fn object(&self, name: &str) -> Result<Self, CollectError> {
        const NOTHING: &Value = &Value::Null;
        match self.member(name) {
            None => Ok(Self { operation: self.operation, value: NOTHING }),
            Some(value @ Value::Object(_)) => Ok(Self { operation: self.operation, value }),
            Some(_) => Err(self.unfit(name, "an object")),
        }
    }

    /// A text; absent, null and empty are *not reported*.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, CollectError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.unfit(name, "a text")),
        }
    }

    /// A text without which this is not the API it claims to be.
    pub(crate) fn needed(&self, name: &str) -> Result<&'a str, CollectError> {
        self.text(name)?.ok_or_else(|| malformed(self.operation, &format!("an element has no `{name}`")))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, CollectError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.unfit(name, "true or false")),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, CollectError> {
        match self.member(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| self.unfit(name, "a whole number")),
        }
    }

    /// The elements of a list; one that is left out has none, which is not always the same as an empty one.
    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], CollectError> {
        match self.member(name) {
            None => Ok(&[]),
            Some(Value::Array(elements)) => Ok(elements),
            Some(_) => Err(self.unfit(name, "a list")),
        }
    }

    /// A list that is always there, be it empty.
    pub(crate) fn needed_list(&self, name: &str) -> Result<&'a [Value], CollectError> {
        match self.member(name) {
            None => Err(malformed(self.operation, &format!("an element has no `{name}`"))),
            Some(_) => self.list(name),
        }
    }

    /// The objects of a list.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Self>, CollectError> {
        self.list(name)?.iter().map(|element| Self::of(self.operation, element)).collect()
    }

    /// An instant, as tables write it.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<String>, CollectError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let instant: Timestamp = text.parse().map_err(|_| self.unfit(name, "an instant"))?;
        Ok(Some(model::time::seconds_text(instant)))
    }

    fn unfit(&self, name: &str, what: &str) -> CollectError {
        malformed(self.operation, &format!("`{name}` of an element is not {what}"))
    }
}

/// The ids of a listing's elements.
pub(crate) fn ids(operation: &str, elements: &[Value]) -> Result<BTreeSet<String>, CollectError> {
    elements.iter().map(|element| Ok(Object::of(operation, element)?.needed("id")?.to_owned())).collect()
}

pub(crate) fn malformed(operation: &str, message: &str) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message: message.to_owned() }
}
