//! The messages of a tap (<https://hub.meltano.com/singer/spec>) and what it counts of them itself.

use super::{Own, RUN};
use crate::provider::declared::{Declared, Gather, Record, observe};
use crate::provider::tool::malformed;
use bytes::Bytes;
use egress::Context;
use model::{CollectError, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
enum Message {
    Schema { stream: String },
    Record { stream: String, record: Record },
    State {},
    ActivateVersion {},
    Batch {},
}

/// What the tap's log counts: the sums of all `record_count`s.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Of those that name a stream.
    by_stream: BTreeMap<String, u64>,
    /// Of those that name none; none: there is none.
    unnamed: Option<u64>,
}

/// Reads the counts from the tap's log.
///
/// singer-python writes `METRIC: {"type": "counter", "metric": "record_count", "value": 7, "tags": {"endpoint": "users"}}`, the
/// Meltano SDK the same with `tags.stream`; each counts what came since the one before.
pub(super) fn counts(log: &str) -> Counts {
    #[derive(Deserialize)]
    struct Metric {
        #[serde(rename = "metric")]
        name: String,
        value: Value,
        tags: BTreeMap<String, Value>,
    }
    let mut counts = Counts::default();
    for (at, _) in log.match_indices("METRIC: ") {
        let text = &log[at + "METRIC: ".len()..];
        let Some(Ok(metric)) = serde_json::Deserializer::from_str(text).into_iter::<Metric>().next() else { continue };
        let stream = ["stream", "endpoint"].iter().find_map(|tag| metric.tags.get(*tag)?.as_str());
        match (metric.name.as_str(), metric.value.as_u64(), stream) {
            ("record_count", Some(value), Some(stream)) => {
                *counts.by_stream.entry(stream.to_owned()).or_default() += value;
            }
            ("record_count", Some(value), None) => *counts.unnamed.get_or_insert(0) += value,
            _ => {}
        }
    }
    counts
}

/// What `output` says of `tables`, held against what the tap counts.
pub(super) fn read(
    ctx: &Context,
    output: &Bytes,
    tables: &[Declared<Own>],
    counts: &Counts,
) -> Result<Observation, CollectError> {
    let wrong = |number: usize, problem: &str| malformed(RUN, format!("line {number} of its output {problem}"));
    let text = std::str::from_utf8(output).map_err(|error| malformed(RUN, error.to_string()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(malformed(RUN, "the last line of its output has no end: it is cut".to_owned()));
    }
    let mut gathered: Vec<Gather<'_, Own>> = tables.iter().map(Gather::new).collect();
    let mut announced = BTreeSet::new();
    let mut all = 0;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let message = serde_json::from_str(line).map_err(|error| wrong(number, &format!("is no message: {error}")))?;
        match message {
            Message::Schema { stream } => drop(announced.insert(stream)),
            Message::Record { stream, record } => {
                if !announced.contains(&stream) {
                    return Err(wrong(number, &format!("is a record of `{stream}`, which was not announced")));
                }
                all += 1;
                for gather in gathered.iter_mut().filter(|gather| stream_of(gather.declared) == stream) {
                    gather.add(&format!("line {number}"), &record.0);
                }
            }
            Message::State {} | Message::ActivateVersion {} => {}
            Message::Batch {} => {
                return Err(wrong(number, "points to a file of records, which is not read; turn batches off"));
            }
        }
    }
    // a tap that names no stream counts all it printed
    let unnamed = counts.unnamed.filter(|_| counts.by_stream.is_empty());
    let mut reasons = Vec::new();
    if let Some(count) = unnamed.filter(|count| *count != all) {
        let message = format!("{all} records were read, the tap's own record_count says {count}");
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message));
    }
    let mut counted = true;
    for gather in &mut gathered {
        let stream = stream_of(gather.declared).to_owned();
        if !announced.contains(&stream) {
            gather.miss(ReasonCode::MemberFailed, format!("the tap never announced the stream `{stream}`"));
        }
        let only = unnamed.filter(|_| announced.len() == 1);
        match counts.by_stream.get(&stream).copied().or(only) {
            Some(count) => gather.declare_with_repeats(count, "the tap's own record_count"),
            None => counted = false,
        }
    }
    let basis = if counted {
        "the tap ended with exit code 0, and its own record_count of each stream is the number of records read"
    } else if unnamed.is_some() {
        "the tap ended with exit code 0, and its own record_count of all streams is the number of records read"
    } else {
        "the tap ended with exit code 0 after the records that were read; it does not count them itself"
    };
    Ok(observe(ctx, gathered, basis, reasons, None, None))
}

fn stream_of(table: &Declared<Own>) -> &str {
    table.own.stream.as_deref().unwrap_or(&table.name)
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn both_families_of_taps_are_understood_and_their_counts_added() {
        let log = "INFO METRIC: {\"type\": \"counter\", \"metric\": \"record_count\", \"value\": 7, \"tags\": {\"endpoint\": \"users\"}}\n\
            2026-01-01 | INFO | tap.metrics | METRIC: {\"metric\": \"record_count\", \"type\": \"counter\", \"value\": 2, \"tags\": {\"stream\": \"users\", \"pid\": 1}}\n\
            INFO METRIC: {\"type\": \"timer\", \"metric\": \"http_request_duration\", \"value\": 0.7, \"tags\": {\"endpoint\": \"users\"}}\n\
            INFO METRIC: {\"type\": \"counter\", \"metric\": \"record_count\", \"value\": 0, \"tags\": {\"endpoint\": \"roles\"}}\nMETRIC: {cut";
        let counted = counts(log);
        assert_eq!(
            counted.by_stream.into_iter().collect::<Vec<_>>(),
            [("roles".to_owned(), 0), ("users".to_owned(), 9)]
        );
        assert_eq!(counted.unnamed, None);
        let unnamed =
            counts("message=METRIC: {\"type\": \"counter\", \"metric\": \"record_count\", \"value\": 3, \"tags\": {}}");
        assert_eq!((unnamed.by_stream.len(), unnamed.unnamed), (0, Some(3)));
    }
}
