//! Evidence that people added: the file, and what was last said of it.

use super::last::Last;
use super::{said, text, texts};
use model::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// All of them.
#[derive(Default)]
pub(crate) struct Manual {
    /// Where the file of each lies in the pack.
    files: BTreeMap<String, String>,
    /// What was last said of each.
    words: Last,
}

impl Manual {
    /// Takes note of where a file lies.
    pub(crate) fn file(&mut self, id: &str, path: &str) {
        self.files.insert(id.to_owned(), path.to_owned());
    }

    /// Takes what a sealed event says. Later events replace earlier ones.
    pub(crate) fn add(&mut self, log_index: u64, id: &str, event: &Value) {
        self.words.add(log_index, id, event.get("evidence"));
    }

    /// One of them: where its file lies, empty when it is not in the pack, and what was last said of it.
    pub(crate) fn get(&self, id: &str) -> Option<(&str, &Value)> {
        self.words.get(id).map(|evidence| (self.path(id), evidence))
    }

    /// Those that speak for `control`: id, where its file lies, and what was last said of it.
    pub(crate) fn of<'a>(&'a self, control: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        let speaks = move |evidence: &Value| texts(evidence, "controls").iter().any(|one| one == control);
        let words = self.words.iter().filter(move |(.., evidence)| speaks(evidence));
        words.map(|(id, _, evidence)| (id, self.path(id), evidence))
    }

    fn path(&self, id: &str) -> &str {
        self.files.get(id).map_or("", String::as_str)
    }
}

/// How it stood at `end`, in words.
pub(crate) fn standing(evidence: &Value, end: Timestamp) -> String {
    let expires = text(evidence, "expires");
    let by = said(evidence, "withdrawn", "by");
    match expires.parse::<Timestamp>() {
        _ if !by.is_empty() => format!("withdrawn by {by}: {}", said(evidence, "withdrawn", "note")),
        Ok(instant) if instant <= end => format!("expired {expires}"),
        Ok(_) => format!("valid until {expires}"),
        Err(_) => "does not expire".to_owned(),
    }
}
