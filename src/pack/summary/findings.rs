//! `findings/`: every finding as its last shipped event left it, item by item.

use super::last::Last;
use super::{SnapshotNote, pretty};
use crate::cells::{Sheet, value_cell};
use serde_json::Value;
use std::collections::BTreeSet;

/// Findings, each as its last event left it.
#[derive(Default)]
pub(crate) struct Findings(Last);

impl Findings {
    /// Takes the finding out of a sealed event. Later events replace earlier ones.
    pub(crate) fn add(&mut self, log_index: u64, id: &str, event: &Value) {
        self.0.add(log_index, id, event.get("finding"));
    }

    /// Findings and those that are not closed or resolved.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let done = |finding: &Value| matches!(text(finding, "state").as_str(), "closed" | "resolved" | "dismissed");
        (self.0.iter().count(), self.0.iter().filter(|(.., finding)| !done(finding)).count())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For programs: the findings as they were sealed.
    pub(crate) fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let findings: Vec<&Value> = self.0.iter().map(|(.., finding)| finding).collect();
        pretty(&serde_json::json!({ "schema": "evidenced/findings/v1", "findings": findings }))
    }

    /// For people: a row per failing subject.
    pub(crate) fn csv(&self, snapshots: &[SnapshotNote]) -> Result<Vec<u8>, csv::Error> {
        let mut sheet = Sheet::new(&[
            "finding",
            "title",
            "check",
            "controls",
            "state",
            "class",
            "proposed_class",
            "owner",
            "due",
            "subject",
            "source",
            "reason",
            "first_seen",
            "last_seen",
            "resolved_at",
            "shown_by",
            "together_with",
            "log_index",
            "sample_data",
        ])?;
        let samples: BTreeSet<&str> = snapshots
            .iter()
            .filter(|note| note.sample)
            .flat_map(|note| [note.id.as_str(), note.source.as_str()])
            .collect();
        for (id, log_index, finding) in self.0.iter() {
            let none = [Value::Null];
            let items = finding.get("items").and_then(Value::as_array).filter(|items| !items.is_empty());
            for item in items.map_or(&none[..], Vec::as_slice) {
                let (own, others) = shown_by(item);
                let source = text(item, "source");
                // one invented input makes what is said of a member invented
                let sample = own.iter().chain(&others).chain([&source]).any(|name| samples.contains(name.as_str()));
                sheet.row([
                    id.to_owned(),
                    text(finding, "title"),
                    text(finding, "check"),
                    texts(finding, "controls").join(" "),
                    text(finding, "state"),
                    text(finding, "class"),
                    text(finding, "proposed_class"),
                    text(finding, "owner"),
                    text(finding, "due"),
                    text(item, "subject"),
                    source,
                    text(item, "reason"),
                    text(item, "first_seen"),
                    text(item, "last_seen"),
                    text(item, "resolved_at"),
                    own.join(" "),
                    others.join(" "),
                    log_index.to_string(),
                    if sample { "yes" } else { "no" }.to_owned(),
                ])?;
            }
        }
        sheet.finish()
    }

    /// Every finding: its id, the log position of its last event, and the finding after it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64, &Value)> {
        self.0.iter()
    }
}

/// The snapshots an item's state rests on: those of the member's own source, and the check's other inputs.
fn shown_by(item: &Value) -> (Vec<String>, Vec<String>) {
    let resolved = item.get("resolved_at").is_some_and(|at| !at.is_null());
    let all = texts(item, if resolved { "resolved_on" } else { "failed_on" });
    let source = text(item, "source");
    // a snapshot's id is its start, its source and a part of a digest
    let of_source = |id: &String| {
        id.split_once('-').and_then(|(_, rest)| rest.rsplit_once('-')).is_some_and(|(found, _)| found == source)
    };
    all.into_iter().partition(of_source)
}

/// A list of texts.
pub(crate) fn texts(value: &Value, field: &str) -> Vec<String> {
    let items = value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

/// A field as plain text; the sheet makes it safe.
pub(crate) fn text(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        other => value_cell(other),
    }
}
