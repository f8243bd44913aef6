//! Things by id, each as the last shipped event of it left it.

use serde_json::Value;
use std::collections::BTreeMap;

/// By id: the log position of the last event, and the thing after it.
#[derive(Default)]
pub(super) struct Last(BTreeMap<String, (u64, Value)>);

impl Last {
    /// Takes what an event left, where it says so; an event of a later position replaces one of an earlier.
    pub(super) fn add(&mut self, log_index: u64, id: &str, left: Option<&Value>) {
        let Some(left) = left else { return };
        let last = self.0.entry(id.to_owned()).or_insert_with(|| (log_index, left.clone()));
        if log_index > last.0 {
            *last = (log_index, left.clone());
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        self.0.get(id).map(|(_, left)| left)
    }

    /// Every one: its id, the log position of its last event, and what that left.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64, &Value)> {
        self.0.iter().map(|(id, (log_index, left))| (id.as_str(), *log_index, left))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
