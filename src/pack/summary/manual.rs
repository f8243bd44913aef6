//! Evidence that people added: the file, and what was last said of it.

use super::{said, text, texts};
use model::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One of them.
#[derive(Default)]
pub(crate) struct Added {
    /// Where its file lies in the pack; empty when it is not in it.
    pub(crate) path: String,
    /// Log position of the last word about it, and what that says.
    last: Option<(u64, Value)>,
}

/// All of them, by id.
#[derive(Default)]
pub(crate) struct Manual(BTreeMap<String, Added>);

impl Manual {
    /// Takes note of where a file lies.
    pub(crate) fn file(&mut self, id: &str, path: &str) {
        path.clone_into(&mut self.0.entry(id.to_owned()).or_default().path);
    }

    /// Takes what a sealed event says. Later events replace earlier ones.
    pub(crate) fn add(&mut self, log_index: u64, id: &str, event: &Value) {
        let Some(evidence) = event.get("evidence") else { return };
        let added = self.0.entry(id.to_owned()).or_default();
        if added.last.as_ref().is_none_or(|(before, _)| log_index > *before) {
            added.last = Some((log_index, evidence.clone()));
        }
    }

    /// One of them: where its file lies, and what was last said of it.
    pub(crate) fn get(&self, id: &str) -> Option<(&str, &Value)> {
        let added = self.0.get(id)?;
        added.last.as_ref().map(|(_, evidence)| (added.path.as_str(), evidence))
    }

    /// Those that speak for `control`: id, where its file lies, and what was last said of it.
    pub(crate) fn of<'a>(&'a self, control: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        self.0.iter().filter_map(move |(id, added)| {
            let (_, evidence) = added.last.as_ref()?;
            let speaks = texts(evidence, "controls").iter().any(|one| one == control);
            speaks.then_some((id.as_str(), added.path.as_str(), evidence))
        })
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
