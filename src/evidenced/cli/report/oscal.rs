//! OSCAL assessment results 1.1: an observation a check, and a finding for each control of which something is proven.
//!
//! The state of a finding is *satisfied* or *not-satisfied* and nothing else. Of a control whose checks are inconclusive, do not
//! apply or are not all reported, neither is true, so it has observations that say why, and no finding.

use super::{Entry, Input, Report, uuid, version};
use model::time::seconds_text;
use model::{Outcome, Verdict, roll_up};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const VERSION: &str = "1.1.3";
/// Names of our own properties stand under it.
const NAMESPACE: &str = "urn:evidenced:oscal";

pub(super) fn write(report: &Report) -> Value {
    let times = || report.entries.iter().map(|entry| entry.as_of);
    let (start, end) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let indexes: Vec<String> = report.entries.iter().map(|entry| entry.log_index.to_string()).collect();
    let document = uuid(&["assessment-results", &report.origin, &indexes.join(",")]);
    let controls: BTreeSet<&String> = report.entries.iter().flat_map(|entry| &entry.controls).collect();
    let selection = if controls.is_empty() {
        json!({"include-all": {}})
    } else {
        json!({"include-controls": controls.iter().map(|control| json!({"control-id": token(control)})).collect::<Vec<_>>()})
    };
    let findings: Vec<Value> = controls.iter().filter_map(|control| finding(report, &document, control)).collect();
    let mut result = json!({
        "uuid": uuid(&["result", &document]), "title": "Checks over sealed evidence",
        "description": "Automated checks evaluated over snapshots that are sealed in an append-only log.",
        "start": seconds_text(start), "end": seconds_text(end),
        "props": [property("log-origin", &report.origin, None)],
        "reviewed-controls": {"control-selections": [selection]},
    });
    if !report.entries.is_empty() {
        result["observations"] =
            json!(report.entries.iter().map(|entry| observation(report, &document, entry)).collect::<Vec<_>>());
    }
    if !findings.is_empty() {
        result["findings"] = json!(findings);
    }
    json!({"assessment-results": {
        "uuid": document,
        "metadata": {
            "title": format!("Results of checks: {}", report.organisation), "last-modified": seconds_text(end),
            "version": format!("{}", report.entries.iter().map(|entry| entry.log_index).max().unwrap_or_default()),
            "oscal-version": VERSION,
            "props": [property("tool", &format!("evidenced {}", version()), None)],
        },
        // checks are their own plan: what is assessed and how stands in their files, which the log commits to
        "import-ap": {"href": "#", "remarks": "The checks themselves are the plan: each file states population, criteria and query."},
        "results": [result],
    }})
}

fn property(name: &str, value: &str, remarks: Option<&str>) -> Value {
    // a value is one line without space around it
    let value: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let value = if value.is_empty() { "none" } else { &value };
    let mut property = json!({"name": name, "ns": NAMESPACE, "value": value});
    if let Some(remarks) = remarks {
        property["remarks"] = json!(remarks);
    }
    property
}

fn observation_id(document: &str, entry: &Entry) -> String {
    uuid(&["observation", document, &entry.id, &entry.log_index.to_string()])
}

fn observation(report: &Report, document: &str, entry: &Entry) -> Value {
    let mut props = vec![
        property("check", &entry.check, None),
        property("outcome", entry.outcome.as_str(), None),
        property("log-index", &entry.log_index.to_string(), None),
        property("severity", &entry.severity, None),
    ];
    for member in entry.with(Verdict::Fail) {
        props.push(property("failing-member", &member.subject, Some(&member.reason)));
    }
    for member in entry.with(Verdict::Excepted) {
        props.push(property("excepted-member", &member.subject, Some(&member.reason)));
    }
    for member in entry.with(Verdict::Unknown) {
        props.push(property("unknown-member", &member.subject, Some(&member.reason)));
    }
    let mut remarks = vec![entry.population.clone(), entry.why.join("; "), entry.citations(&report.origin).join("; ")];
    remarks.retain(|text| !text.is_empty());
    let mut observation = json!({
        "uuid": observation_id(document, entry), "title": entry.title, "description": entry.sentence(),
        "props": props, "methods": ["TEST"], "types": ["control-objective"], "collected": seconds_text(entry.as_of),
        "remarks": remarks.join("\n\n"),
    });
    let evidence: Vec<Value> = entry.inputs.iter().filter_map(relevant).collect();
    if !evidence.is_empty() {
        observation["relevant-evidence"] = json!(evidence);
    }
    observation
}

fn relevant(input: &Input) -> Option<Value> {
    let snapshot = input.snapshot.as_ref()?;
    let mut props = vec![property("snapshot", snapshot, None), property("source", &input.source, None)];
    props.extend(input.sha256.map(|sha256| property("sha256", &sha256.to_string(), None)));
    props.extend(input.state.as_ref().map(|state| property("state", state, None)));
    Some(json!({"description": format!("Sealed snapshot {snapshot} of source {}", input.source), "props": props}))
}

/// What the reported checks prove of `control`: none where that is nothing.
fn finding(report: &Report, document: &str, control: &str) -> Option<Value> {
    let of: Vec<&Entry> =
        report.entries.iter().filter(|entry| entry.controls.iter().any(|own| own == control)).collect();
    let reported = of.iter().map(|entry| Some(entry.outcome));
    // a check of the control that is not reported could fail
    let unsaid = match report.covering.get(control) {
        Some(checks) => checks.iter().filter(|check| !of.iter().any(|entry| entry.check == **check)).count(),
        None => 1,
    };
    let outcome = roll_up(reported.chain(std::iter::repeat_n(None, unsaid)))?;
    let (state, reason) = match outcome {
        Outcome::Fail => ("not-satisfied", "fail"),
        Outcome::Pass => ("satisfied", "pass"),
        Outcome::Inconclusive | Outcome::NotApplicable => return None,
    };
    let bearing: Vec<&&Entry> = of.iter().filter(|entry| entry.outcome == outcome).collect();
    let names: Vec<&str> = bearing.iter().map(|entry| entry.id.as_str()).collect();
    let description = match outcome {
        Outcome::Fail => format!("{control} is not met: {}", names.join(", ")),
        _ => format!(
            "Every automated check of {control} passes: {}. A check tests a part of its control.",
            names.join(", ")
        ),
    };
    let related: Vec<Value> =
        bearing.iter().map(|entry| json!({"observation-uuid": observation_id(document, entry)})).collect();
    Some(json!({
        "uuid": uuid(&["finding", document, control]), "title": control, "description": description,
        "target": {"type": "statement-id", "target-id": token(control), "status": {"state": state, "reason": reason}},
        "related-observations": related,
    }))
}

/// `iso27001:2022/A.5.18` as a token: `iso27001-2022_A.5.18`.
fn token(control: &str) -> String {
    control.replace('/', "_").chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}
