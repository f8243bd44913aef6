//! What directories share: the users they list, present and deleted.

use serde_json::Value;
use std::collections::BTreeSet;

/// Every user, by `id`. One that came twice is here twice, so that what differs shows.
pub(crate) struct Users {
    pub(crate) present: Vec<Value>,
    pub(crate) deleted: Vec<Value>,
    /// Of those that are not deleted.
    pub(crate) ids: BTreeSet<String>,
}

impl Users {
    /// Whether somebody has or had this id.
    pub(crate) fn is_known(&self, id: &str) -> bool {
        self.ids.contains(id) || self.deleted.iter().any(|user| user["id"] == id)
    }
}
