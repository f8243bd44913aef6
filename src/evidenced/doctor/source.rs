//! One source: a whole run into memory, then what each call was granted. Nothing is sealed or kept.

use super::host::counted;
use super::validity::validity;
use super::{Finding, Level};
use crate::line::{self, Capture};
use crate::settings::{Settings, Source};
use egress::{Means, NoProgress};
use model::collector::Operation;
use model::{CollectorSpec, Completeness, Exchange, ExchangeRecord, Observation, Timestamp};
use std::sync::Arc;

/// What a trial run showed.
pub(super) struct Examination {
    pub(super) findings: Vec<Finding>,
    /// Host time minus the source's, the largest seen.
    pub(super) skew_seconds: Option<i64>,
}

/// Runs the collector of `source` once and judges the answers.
pub(super) async fn examine(source: &Source, settings: &Settings, started_at: Timestamp) -> Examination {
    let Some(collector) = collectors::find(&source.collector) else {
        let finding =
            Finding::fail(&source.name, format!("there is no collector `{}`", source.collector), "name another");
        return Examination { findings: vec![finding], skew_seconds: None };
    };
    let by = (Means::default(), None);
    let capture = line::capture(collector, source, started_at, settings, by, Arc::new(NoProgress)).await;
    let mut examination = judge(&source.name, collector.spec(), &capture, started_at);
    // without a folder to lay them aside all bodies are in memory
    let exchanges: Vec<Exchange> = capture.exchanges.iter().filter_map(|recorded| recorded.exchange().ok()).collect();
    let preview = collector.preview(&source.settings, &exchanges);
    examination.findings.extend(preview.into_iter().map(|line| Finding::ok(&source.name, line)));
    examination
}

fn judge(source: &str, spec: &CollectorSpec, capture: &Capture, now: Timestamp) -> Examination {
    let records: Vec<&ExchangeRecord> = capture.exchanges.iter().map(|exchange| &exchange.record).collect();
    let mut findings: Vec<Finding> = match &capture.outcome {
        Ok(observation) => vec![outcome(source, observation)],
        Err(error) => vec![Finding {
            area: source.to_owned(),
            level: Level::Fail,
            message: error.to_string(),
            help: error.help(),
        }],
    };
    findings.extend(validity(source, &records, now));
    findings.extend(spec.operations.iter().filter_map(|operation| call(source, operation, &records, capture)));
    let skew_seconds = records.iter().filter_map(|record| skew(record)).max_by_key(|skew| skew.abs());
    Examination { findings, skew_seconds }
}

fn outcome(source: &str, observation: &Observation) -> Finding {
    let counted = observation
        .counts
        .first()
        .map_or_else(String::new, |count| format!("{}, ", counted(count.counted, "member", "members")));
    let caller = observation
        .caller
        .as_ref()
        .map_or_else(String::new, |caller| format!("; asked as {} of {}", caller.identity, caller.tenant));
    match &observation.completeness {
        Completeness::Complete { basis } => Finding::ok(source, format!("{counted}complete: {basis}{caller}")),
        Completeness::Incomplete { reasons } => {
            let why: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
            let permissions: Vec<&str> = reasons.iter().filter_map(|reason| reason.permission.as_deref()).collect();
            let help = if permissions.is_empty() {
                "what was not seen passes no check; collect again once it is mended".to_owned()
            } else {
                format!("grant {}", permissions.join(", "))
            };
            Finding::warn(source, format!("{counted}incomplete: {}{caller}", why.join("; ")), help)
        }
    }
}

/// How one declared call went; none when there was no cause to make it.
fn call(source: &str, operation: &Operation, records: &[&ExchangeRecord], capture: &Capture) -> Option<Finding> {
    let made: Vec<&&ExchangeRecord> = records.iter().filter(|record| record.operation == operation.name).collect();
    let last = made.last()?;
    let denials = made.iter().filter(|record| is_refusal(record)).count();
    let Operation { name, permission, reason, feeds } = operation;
    if denials > 0 {
        // a run that got its population all the same goes on without these columns
        let level = if capture.outcome.is_ok() { Level::Warn } else { Level::Fail };
        let unseen = if feeds.is_empty() { "nothing else".to_owned() } else { feeds.join(", ") };
        return Some(Finding {
            area: source.to_owned(),
            level,
            message: format!(
                "{name}: refused ({denials} of {}); not reported: {unseen}",
                counted(made.len() as u64, "call", "calls")
            ),
            help: Some(format!("grant `{permission}`: {reason}")),
        });
    }
    if let Some(error) = &last.error {
        return Some(Finding::fail(
            source,
            format!("{name}: {error}"),
            "check the network, a proxy, and the source's address",
        ));
    }
    let status = last.status.unwrap_or(0);
    if status >= 500 || status == 429 {
        return Some(Finding::fail(
            source,
            format!("{name}: answered {status}"),
            "the source is in trouble or throttles: try later",
        ));
    }
    let calls = counted(made.len() as u64, "call", "calls");
    // what is not there may be optional: what it cost the run is said above
    let went = unsuccessful(last).map_or_else(|| "granted".to_owned(), |how| format!("failed, {how}"));
    Some(Finding::ok(source, format!("{name}: {went} ({calls})")))
}

/// How a call ended that was no success.
fn unsuccessful(record: &ExchangeRecord) -> Option<String> {
    match (record.method.as_str(), record.status) {
        // an exit code may be 200 too
        ("EXEC", Some(code @ 1..=255)) => Some(format!("exit code {code}")),
        ("EXEC", Some(404)) => Some("the program is not there".to_owned()),
        ("EXEC", Some(0)) | (_, Some(200..=299 | 304)) => None,
        (_, Some(status)) => Some(format!("answered {status}")),
        (_, None) => Some("no answer".to_owned()),
    }
}

/// 401 and 403; AWS JSON services refuse with 400 and name the error in a header.
fn is_refusal(record: &ExchangeRecord) -> bool {
    let named = |prefix: &str| record.headers.get("x-amzn-errortype").is_some_and(|kind| kind.starts_with(prefix));
    let throttled = record.headers.contains_key("retry-after");
    match record.status {
        Some(401) => true,
        Some(403) => !throttled,
        Some(400) => named("AccessDenied") || named("UnrecognizedClient"),
        _ => false,
    }
}

fn skew(record: &ExchangeRecord) -> Option<i64> {
    let date = jiff::fmt::rfc2822::parse(record.headers.get("date")?).ok()?;
    Some(record.finished_at.as_second() - date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use egress::Recorded;
    use model::{CollectError, Count, Digest, Exchange, Reason, ReasonCode};
    use std::collections::BTreeMap;

    fn spec() -> CollectorSpec {
        let operation = |name: &str, feeds: &[&str]| -> serde_json::Value {
            serde_json::json!({ "name": name, "permission": format!("{name}:read"), "reason": "list them", "feeds": feeds })
        };
        serde_json::from_value(serde_json::json!({
            "id": "x", "version": "1", "title": "X", "population": "All.", "completeness": "Counted.",
            "schedule": "@hourly", "max_age": "24h", "provides": [], "tables": [],
            "operations": [operation("users", &["x_user"]), operation("devices", &["x_user.mfa"]), operation("keys", &[])],
        }))
        .unwrap()
    }

    fn exchange(operation: &str, status: Option<u16>, headers: &[(&str, &str)]) -> Recorded {
        let at = "2026-01-01T00:00:05Z".parse().unwrap();
        let record = ExchangeRecord {
            seq: 1,
            operation: operation.to_owned(),
            method: "GET".to_owned(),
            url: "https://x.example/".to_owned(),
            request_body: None,
            attempt: 1,
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            bytes: 0,
            sha256: Digest::of(b""),
            started_at: at,
            finished_at: at,
            error: status.is_none().then(|| "connection reset".to_owned()),
        };
        Exchange { record, body: Bytes::new() }.into()
    }

    fn observation(completeness: Completeness) -> Observation {
        Observation {
            tables: vec![],
            completeness,
            counts: vec![Count { table: "x_user".into(), counted: 3, declared: None, declared_by: None }],
            caller: None,
            observed_at: None,
            redactions: vec![],
        }
    }

    fn seen(capture: &Capture) -> BTreeMap<String, Level> {
        let findings = judge("x", &spec(), capture, Timestamp::UNIX_EPOCH).findings;
        findings.into_iter().map(|finding| (finding.message, finding.level)).collect()
    }

    #[test]
    fn a_complete_run_lists_every_call_that_was_made() {
        let capture = Capture {
            exchanges: vec![
                exchange("users", Some(200), &[]),
                exchange("users", Some(200), &[]),
                exchange("devices", Some(404), &[]),
            ],
            outcome: Ok(observation(Completeness::Complete { basis: "last page".into() })),
        };
        let expected = [
            ("3 members, complete: last page", Level::Ok),
            ("devices: failed, answered 404 (1 call)", Level::Ok),
            ("users: granted (2 calls)", Level::Ok),
        ];
        assert_eq!(seen(&capture), expected.map(|(message, level)| (message.to_owned(), level)).into());
    }

    #[test]
    fn only_a_success_is_called_granted() {
        for (method, status, expected) in [
            ("GET", 204, "granted (1 call)"),
            ("GET", 304, "granted (1 call)"),
            ("GET", 302, "failed, answered 302 (1 call)"),
            ("READ", 200, "granted (1 call)"),
            ("LIST", 404, "failed, answered 404 (1 call)"),
            ("EXEC", 0, "granted (1 call)"),
            ("EXEC", 200, "failed, exit code 200 (1 call)"),
            ("EXEC", 255, "failed, exit code 255 (1 call)"),
            ("EXEC", 404, "failed, the program is not there (1 call)"),
        ] {
            let mut made = exchange("users", Some(status), &[]);
            made.record.method = method.to_owned();
            let error = CollectError::Malformed { operation: "users".into(), message: "no".into() };
            let capture = Capture { exchanges: vec![made], outcome: Err(error) };
            assert_eq!(seen(&capture).get(&format!("users: {expected}")), Some(&Level::Ok), "{method} {status}");
        }
        // the last answer counts
        let exchanges = vec![exchange("users", Some(404), &[]), exchange("users", Some(200), &[])];
        let outcome = Ok(observation(Completeness::Complete { basis: "last page".into() }));
        assert!(seen(&Capture { exchanges, outcome }).contains_key("users: granted (2 calls)"));
    }

    #[test]
    fn a_refused_sub_call_names_the_permission_and_the_columns() {
        let reason = Reason::new(ReasonCode::Denied, "devices were refused").permission("devices:read");
        for refusal in [
            exchange("devices", Some(403), &[]),
            exchange("devices", Some(401), &[]),
            exchange("devices", Some(400), &[("x-amzn-errortype", "AccessDeniedException:http://internal/")]),
        ] {
            let capture = Capture {
                exchanges: vec![exchange("users", Some(200), &[]), refusal],
                outcome: Ok(observation(Completeness::Incomplete { reasons: vec![reason.clone()] })),
            };
            let findings = judge("x", &spec(), &capture, Timestamp::UNIX_EPOCH).findings;
            let refused = findings.iter().find(|finding| finding.message.starts_with("devices")).unwrap();
            assert_eq!(refused.message, "devices: refused (1 of 1 call); not reported: x_user.mfa");
            assert_eq!(refused.level, Level::Warn);
            assert_eq!(refused.help.as_deref(), Some("grant `devices:read`: list them"));
            assert_eq!(findings[0].message, "3 members, incomplete: devices were refused");
            assert_eq!(findings[0].help.as_deref(), Some("grant devices:read"));
        }
    }

    #[test]
    fn without_a_population_a_refusal_fails() {
        let error =
            CollectError::Denied { operation: "users".into(), permission: "users:read".into(), message: "no".into() };
        let capture = Capture { exchanges: vec![exchange("users", Some(403), &[])], outcome: Err(error) };
        let levels: Vec<Level> = seen(&capture).into_values().collect();
        assert_eq!(levels, [Level::Fail, Level::Fail]);
    }

    #[test]
    fn trouble_that_is_no_refusal_is_not_called_one() {
        for trouble in
            [exchange("users", Some(503), &[]), exchange("users", Some(429), &[]), exchange("users", None, &[])]
        {
            let error = CollectError::Transient { operation: "users".into(), message: "gone".into() };
            let capture = Capture { exchanges: vec![trouble], outcome: Err(error) };
            assert!(seen(&capture).keys().all(|message| !message.contains("refused")));
            assert!(seen(&capture).values().all(|level| *level == Level::Fail));
        }
    }

    #[test]
    fn the_largest_difference_to_the_source_s_clock_is_kept() {
        let capture = Capture {
            exchanges: vec![
                exchange("users", Some(200), &[("date", "Thu, 01 Jan 2026 00:00:05 GMT")]),
                exchange("users", Some(200), &[("date", "Thu, 01 Jan 2026 00:01:05 GMT")]),
            ],
            outcome: Ok(observation(Completeness::Complete { basis: "b".into() })),
        };
        assert_eq!(judge("x", &spec(), &capture, Timestamp::UNIX_EPOCH).skew_seconds, Some(-60));
    }
}
