//! `[[exclusions]]`, `[[applicability]]` and `[[requests]]`: what an auditor is told that no source tells.

use super::fields::Reading;
use super::keys::{APPLICABILITY, EXCLUSION, REQUEST};
use super::register::{items, open};
use super::suggest::did_you_mean;
use serde_json::Value;

/// What goes into packs beside the evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Handover {
    /// What is left out on purpose.
    pub(crate) exclusions: Vec<Exclusion>,
    /// The Statement of Applicability.
    pub(crate) applicability: Vec<Applicability>,
    /// The auditor's requests.
    pub(crate) requests: Vec<Request>,
}

/// Something left out on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exclusion {
    pub(crate) what: String,
    pub(crate) reason: String,
}

/// Whether a control applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applicability {
    pub(crate) control: String,
    pub(crate) applicable: bool,
    pub(crate) justification: String,
}

/// Something the auditor asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) controls: Vec<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) due: Option<String>,
    pub(crate) our_status: Option<String>,
    pub(crate) our_note: Option<String>,
    pub(crate) auditor_status: Option<String>,
    pub(crate) auditor_note: Option<String>,
}

impl From<&Exclusion> for pack::Exclusion {
    fn from(one: &Exclusion) -> Self {
        Self { what: one.what.clone(), reason: one.reason.clone() }
    }
}

impl From<&Applicability> for pack::Applicability {
    fn from(one: &Applicability) -> Self {
        Self { control: one.control.clone(), applicable: one.applicable, justification: one.justification.clone() }
    }
}

impl From<&Request> for pack::Request {
    fn from(one: &Request) -> Self {
        Self {
            id: one.id.clone(),
            text: one.text.clone(),
            controls: one.controls.clone(),
            sources: one.sources.clone(),
            due: one.due.clone(),
            our_status: one.our_status.clone(),
            our_note: one.our_note.clone(),
            auditor_status: one.auditor_status.clone(),
            auditor_note: one.auditor_note.clone(),
        }
    }
}

/// The three sections; each is missing where nothing was written.
pub(super) fn handover<'a>(
    reading: &'a Reading<'a>,
    section: impl Fn(&str) -> Option<&'a Value>,
    sources: &[&str],
) -> Handover {
    let mut handover = Handover::default();
    for (index, value) in items(reading, section("exclusions"), "exclusions") {
        let fields = open(reading, "exclusions", index, value, EXCLUSION);
        if let (Some(what), Some(reason)) = (fields.text("what"), fields.text("reason")) {
            handover.exclusions.push(Exclusion { what, reason });
        }
    }
    for (index, value) in items(reading, section("applicability"), "applicability") {
        let fields = open(reading, "applicability", index, value, APPLICABILITY);
        let (control, applicable) = (fields.text("control"), fields.boolean("applicable"));
        let (Some(control), Some(applicable), Some(justification)) =
            (control, applicable, fields.text("justification"))
        else {
            continue;
        };
        if handover.applicability.iter().any(|known| known.control == control) {
            fields.problem("control", format!("`{control}` is stated twice"), "keep one of the two entries");
        }
        handover.applicability.push(Applicability { control, applicable, justification });
    }
    for (index, value) in items(reading, section("requests"), "requests") {
        let fields = open(reading, "requests", index, value, REQUEST);
        let asked_of = fields.texts("sources").unwrap_or_default();
        for source in asked_of.iter().filter(|source| !sources.contains(&source.as_str())) {
            fields.problem(
                "sources",
                format!("`{source}` is not a configured source"),
                did_you_mean(source, sources.iter().copied()),
            );
        }
        let (Some(id), Some(text)) = (fields.text("id"), fields.text("text")) else { continue };
        if handover.requests.iter().any(|known| known.id == id) {
            fields.problem("id", format!("`{id}` is requested twice"), "keep one of the two entries");
        }
        handover.requests.push(Request {
            id,
            text,
            controls: fields.texts("controls").unwrap_or_default(),
            sources: asked_of,
            due: fields.text("due"),
            our_status: fields.text("our_status"),
            our_note: fields.text("our_note"),
            auditor_status: fields.text("auditor_status"),
            auditor_note: fields.text("auditor_note"),
        });
    }
    handover
}
