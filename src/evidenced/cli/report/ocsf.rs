//! OCSF Compliance Finding (class 2003): an event a check. `status_id` is 1 for pass, 2 where it is inconclusive, 3 for fail, and
//! other where the check does not apply.

use super::{Entry, Report, concerns, uuid, version};
use model::Outcome;
use serde_json::{Value, json};

/// The schema the events follow.
const SCHEMA: &str = "1.8.0";

pub(super) fn write(report: &Report) -> Vec<Value> {
    report.entries.iter().map(|entry| event(report, entry)).collect()
}

fn event(report: &Report, entry: &Entry) -> Value {
    let (status_id, status) = match entry.outcome {
        Outcome::Pass => (1, "Pass"),
        Outcome::Inconclusive => (2, "Warning"),
        Outcome::Fail => (3, "Fail"),
        Outcome::NotApplicable => (99, "Not applicable"),
    };
    let (severity_id, severity) = match (entry.outcome, entry.severity.as_str()) {
        (Outcome::Fail, "major") => (4, "High"),
        (Outcome::Fail, "minor") => (3, "Medium"),
        (Outcome::Fail, _) => (2, "Low"),
        _ => (1, "Informational"),
    };
    let mut standards: Vec<&str> =
        entry.controls.iter().filter_map(|control| control.split_once('/')).map(|(framework, _)| framework).collect();
    standards.dedup();
    let shown = entry.members.iter().filter(|member| concerns(member));
    let resources: Vec<Value> = shown
        .map(|member| {
            json!({"name": member.subject, "uid": member.subject, "labels": [member.verdict.as_str()],
                   "data": {"verdict": member.verdict, "reason": member.reason, "source": member.source,
                            "exception": member.exception}})
        })
        .collect();
    let time = entry.as_of.as_millisecond();
    let mut event = json!({
        "activity_id": 1, "activity_name": "Create", "category_uid": 2, "category_name": "Findings",
        "class_uid": 2003, "class_name": "Compliance Finding", "type_uid": 200_301,
        "type_name": "Compliance Finding: Create", "severity_id": severity_id, "severity": severity,
        "time": time, "message": entry.sentence(), "status_id": 1, "status": "New",
        "metadata": {
            "version": SCHEMA, "uid": uuid(&["event", &report.origin, &entry.log_index.to_string(), &entry.id]),
            "log_name": report.origin, "sequence": entry.log_index, "profiles": [],
            "product": {"name": "evidenced", "vendor_name": "evidenced", "version": version()},
        },
        "finding_info": {
            "uid": uuid(&["finding", &report.origin, &entry.id]), "title": entry.title, "desc": entry.criteria,
            "created_time": time, "types": [entry.check],
        },
        "compliance": {
            "status_id": status_id, "status": status, "status_details": status_details(entry),
            "control": entry.id, "standards": standards, "requirements": entry.controls,
        },
        "evidences": evidences(report, entry),
    });
    if !resources.is_empty() {
        event["resources"] = json!(resources);
    }
    if !entry.action.is_empty() {
        event["remediation"] = json!({"desc": entry.action});
    }
    event
}

fn status_details(entry: &Entry) -> Vec<String> {
    if entry.why.is_empty() { vec![entry.sentence()] } else { entry.why.clone() }
}

fn evidences(report: &Report, entry: &Entry) -> Vec<Value> {
    let cited = entry.citations(&report.origin).into_iter();
    let snapshots = entry.inputs.iter().map(|input| {
        json!({"source": input.source, "snapshot": input.snapshot, "sha256": input.sha256, "state": input.state})
    });
    let data = json!({"log": report.origin, "log_index": entry.log_index, "snapshots": snapshots.collect::<Vec<_>>()});
    vec![json!({"name": cited.collect::<Vec<_>>().join("; "), "data": data})]
}
