//! SARIF 2.1.0: a rule a check, a result a failing or unknown member; a failure under an exception is suppressed. A check without such members is one result: `pass`, or
//! `open` where it is inconclusive, or `notApplicable`.

use super::{Entry, Report, uuid, version};
use model::time::seconds_text;
use model::{Outcome, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn write(report: &Report) -> Value {
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    for entry in &report.entries {
        rules.entry(&entry.check).or_insert_with(|| rule(entry));
    }
    let index = |check: &str| rules.keys().position(|known| *known == check);
    let results: Vec<Value> =
        report.entries.iter().flat_map(|entry| results(report, entry, index(&entry.check))).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "evidenced", "version": version(), "semanticVersion": version(),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "properties": {"organisation": report.organisation, "log": report.origin},
            "results": results,
        }],
    })
}

fn level(severity: &str) -> &'static str {
    match severity {
        "major" => "error",
        "minor" => "warning",
        _ => "note",
    }
}

fn rule(entry: &Entry) -> Value {
    let texts = [&entry.criteria, &entry.impact, &entry.action].map(String::as_str);
    let mut rule = json!({
        "id": entry.check, "name": entry.check, "shortDescription": {"text": entry.title},
        "defaultConfiguration": {"level": level(&entry.severity)},
        "properties": {"severity": entry.severity, "controls": entry.controls, "tags": entry.controls},
    });
    if texts.iter().any(|text| !text.is_empty()) {
        rule["fullDescription"] = json!({"text": format!("{} {}", entry.criteria, entry.impact)});
        rule["help"] = json!({"text": entry.action});
    }
    rule
}

/// Failing and unknown members; one result for the whole where there is none.
fn results(report: &Report, entry: &Entry, rule: Option<usize>) -> Vec<Value> {
    let snapshots: Vec<Value> = entry
        .inputs
        .iter()
        .map(|input| {
            json!({"source": input.source, "snapshot": input.snapshot, "sha256": input.sha256, "state": input.state})
        })
        .collect();
    let result = |kind: &str, level: &str, subject: Option<&str>, text: String| {
        let subject_text = subject.unwrap_or_default();
        let mut result = json!({
            "ruleId": entry.check, "ruleIndex": rule, "kind": kind, "level": level, "message": {"text": text},
            "guid": uuid(&["result", &report.origin, &entry.log_index.to_string(), &entry.id, subject_text]),
            "partialFingerprints": {"member/v1": uuid(&["member", &report.origin, &entry.id, subject_text])},
            "properties": {
                "outcome": entry.outcome, "why": entry.why, "as_of": seconds_text(entry.as_of),
                "log_index": entry.log_index, "snapshots": snapshots, "id": entry.id,
            },
        });
        if let Some(subject) = subject {
            result["locations"] = json!([{"logicalLocations": [{"fullyQualifiedName": subject, "kind": "resource"}]}]);
        }
        result
    };
    let mut results: Vec<Value> = Vec::new();
    for member in &entry.members {
        let text = format!("{}: {}", member.subject, member.reason);
        match member.verdict {
            Verdict::Excepted => {
                let mut excepted = result("fail", level(&entry.severity), Some(&member.subject), text);
                let by = member.exception.as_deref().unwrap_or("exception");
                excepted["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": by}]);
                results.push(excepted);
            }
            Verdict::Fail => results.push(result("fail", level(&entry.severity), Some(&member.subject), text)),
            Verdict::Unknown => results.push(result("open", "none", Some(&member.subject), text)),
            Verdict::Pass | Verdict::NotApplicable => {}
        }
    }
    let whole = match entry.outcome {
        Outcome::Pass => Some("pass"),
        // beside its members: it is the whole that is open, and it may have no members
        Outcome::Inconclusive => Some("open"),
        Outcome::NotApplicable => Some("notApplicable"),
        Outcome::Fail => None,
    };
    if let Some(kind) = whole {
        results.push(result(kind, "none", None, entry.sentence()));
    }
    results
}
