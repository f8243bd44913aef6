//! What a log entry means for the projections: a pure function of the entry and its document.
//!
//! Sealing and `fsck` go through the same function, so that replaying the log gives the same rows. It reads no database and no clock.

use crate::rows::{
    ConfirmationRow, DamageRow, ErasedRow, EvaluationRow, FindingRow, HoldRow, RecordRow, ReviewItemRow, SlotRow,
    SnapshotRow,
};
use jiff::Timestamp;
use ledger::{Body, Entry};
use model::{Digest, Evaluation, Manifest, Outcome, VerdictCounts};
use serde::Deserialize;

/// One row to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// A new snapshot.
    Snapshot(SnapshotRow),
    /// The outcome of a slot that had none.
    Slot(SlotRow),
    /// A new evaluation.
    Evaluation(EvaluationRow),
    /// The finding's new state, in place of its former one.
    Finding(FindingRow),
    /// A confirmation; the first one stays.
    Confirmation(ConfirmationRow),
    /// All that is damaged now, in place of what was before.
    Damage(Vec<DamageRow>),
    /// A new hold.
    Hold(HoldRow),
    /// The end of a hold.
    Release {
        /// The hold.
        hold: String,
        /// When it ended.
        at: Timestamp,
    },
    /// The new state of something that people decide on, in place of its former one.
    Record(RecordRow),
    /// The new state of an item of an access review, in place of its former one.
    ReviewItem(ReviewItemRow),
    /// What the entry at `entry` said is gone: its rows lose all that came from its document.
    Erased(ErasedRow),
}

/// The part of a finding event that projections read.
#[derive(Deserialize)]
struct FindingEvent {
    schema: String,
    event: String,
    finding: serde_json::Value,
}

/// The event of something that people decide on; the thing after it is a field of the kind's name.
#[derive(Deserialize)]
struct RecordEvent {
    schema: String,
    event: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// The part of an access review's item that projections read.
#[derive(Deserialize)]
struct ReviewItemHead {
    account: String,
    source: String,
    state: String,
    assigned: Assigned,
}

#[derive(Deserialize)]
struct Assigned {
    reviewer: Option<Reviewer>,
}

#[derive(Deserialize)]
struct Reviewer {
    key: String,
}

#[derive(Deserialize)]
struct FindingHead {
    id: String,
    /// None of a finding that a person raised.
    check: Option<String>,
    state: String,
}

/// An evaluation without its members, who may be many.
#[derive(Deserialize)]
struct EvaluationHead {
    schema: String,
    check: String,
    as_of: Timestamp,
    outcome: Outcome,
    verdicts: VerdictCounts,
}

/// Says why a slot was missed or skipped, where a document says so.
#[derive(Deserialize)]
struct SlotReason {
    reason: String,
}

/// The document of a damage entry, as far as projections read it.
#[derive(Deserialize)]
struct Damage {
    schema: String,
    standing: Vec<Standing>,
}

#[derive(Deserialize)]
struct Standing {
    digest: Digest,
    snapshot: String,
    source: String,
    path: String,
    problem: String,
}

/// The schema of a damage entry's document.
pub(crate) const DAMAGE: &str = "evidenced/damage/v1";

const FINDING_EVENT: &str = "evidenced/finding-event/v1";

/// The rows that `entry`, at `index`, stands for. The error says in words what contradicts what.
pub(crate) fn project(index: u64, entry: &Entry, document: Option<&[u8]>) -> Result<Vec<Change>, String> {
    match &entry.body {
        Body::Snapshot { snapshot, source, collector, status, slot } => {
            let bytes = required(document)?;
            let manifest: Manifest = parse(bytes)?;
            agree("schema", Manifest::SCHEMA, &manifest.schema)?;
            agree("snapshot", snapshot, &manifest.id)?;
            agree("source", source, &manifest.source)?;
            agree("collector", collector, &manifest.collector)?;
            agree("status", status.as_str(), manifest.status.as_str())?;
            if *slot != manifest.slot {
                return Err("the entry and its document name different slots".to_owned());
            }
            let row = SnapshotRow {
                id: manifest.id.clone(),
                log_index: index,
                source: manifest.source.clone(),
                collector: manifest.collector.clone(),
                collector_version: manifest.collector_version.clone(),
                status: manifest.status,
                started_at: manifest.started_at,
                finished_at: manifest.finished_at,
                observed_at: manifest.observed_at,
                slot: manifest.slot,
                counted: manifest.completeness.counted,
                declared: manifest.completeness.declared,
                sample: manifest.sample,
                manifest_sha256: Digest::of(bytes),
            };
            let mut changes = vec![Change::Snapshot(row)];
            if let Some(due_at) = manifest.slot {
                changes.push(Change::Slot(SlotRow {
                    source: manifest.source.clone(),
                    due_at,
                    outcome: manifest.status.as_str().to_owned(),
                    reason: reason(&manifest),
                    snapshot: Some(manifest.id),
                    log_index: index,
                }));
            }
            Ok(changes)
        }
        Body::Slot { source, due_at, outcome } => {
            let reason = document.map(parse::<SlotReason>).transpose()?.map(|document| document.reason);
            Ok(vec![Change::Slot(SlotRow {
                source: source.clone(),
                due_at: *due_at,
                outcome: outcome.as_str().to_owned(),
                reason,
                snapshot: None,
                log_index: index,
            })])
        }
        Body::Evaluation { check, outcome } => {
            let bytes = required(document)?;
            let evaluation: EvaluationHead = parse(bytes)?;
            agree("schema", Evaluation::SCHEMA, &evaluation.schema)?;
            agree("check", check, &evaluation.check)?;
            agree("outcome", outcome.as_str(), evaluation.outcome.as_str())?;
            Ok(vec![Change::Evaluation(EvaluationRow {
                log_index: index,
                check: evaluation.check,
                as_of: evaluation.as_of,
                outcome: evaluation.outcome,
                verdicts: evaluation.verdicts,
                sha256: Digest::of(bytes),
            })])
        }
        Body::FindingEvent { finding, event } => {
            let document: FindingEvent = parse(required(document)?)?;
            agree("schema", FINDING_EVENT, &document.schema)?;
            agree("event", event, &document.event)?;
            let head = FindingHead::deserialize(&document.finding)
                .map_err(|error| format!("the finding in the document cannot be read: {error}"))?;
            agree("finding", finding, &head.id)?;
            Ok(vec![Change::Finding(FindingRow {
                id: head.id,
                check: head.check.unwrap_or_default(),
                state: head.state,
                body: document.finding,
                log_index: index,
            })])
        }
        Body::Confirmation { snapshot } => Ok(vec![Change::Confirmation(ConfirmationRow {
            snapshot: snapshot.clone(),
            at: entry.at,
            log_index: index,
        })]),
        Body::Damage { .. } => {
            let document: Damage = parse(required(document)?)?;
            agree("schema", DAMAGE, &document.schema)?;
            let rows = document.standing.into_iter().map(|damage| DamageRow {
                digest: damage.digest,
                snapshot: damage.snapshot,
                source: damage.source,
                path: damage.path,
                problem: damage.problem,
                log_index: index,
            });
            Ok(vec![Change::Damage(rows.collect())])
        }
        Body::Hold { hold, source, snapshot } => Ok(vec![Change::Hold(HoldRow {
            id: hold.clone(),
            log_index: index,
            at: entry.at,
            source: source.clone(),
            snapshot: snapshot.clone(),
            released: None,
        })]),
        Body::Release { hold } => Ok(vec![Change::Release { hold: hold.clone(), at: entry.at }]),
        Body::Erasure { entries } => {
            let row = |entry_index: &u64| {
                Change::Erased(ErasedRow { log_index: *entry_index, by_index: index, at: entry.at })
            };
            Ok(entries.iter().map(row).collect())
        }
        // the document is a file as a person gave it
        Body::Evidence { event, .. } if event == "file" => Ok(Vec::new()),
        Body::AccessReview { event, .. } if event == "report" => Ok(Vec::new()),
        Body::Exception { exception: id, event }
        | Body::Evidence { evidence: id, event }
        | Body::AccessReview { review: id, event } => record(index, entry.body.kind(), id, event, document),
        // who may sign in is no projection: the working tables change with the entry, and hold what no log may
        Body::Access { .. }
        | Body::Genesis { .. }
        | Body::IdentityMap
        | Body::IdentityLink { .. }
        | Body::Configuration { .. }
        | Body::Export { .. }
        | Body::Anchor { .. }
        | Body::KeyRotation { .. }
        | Body::Restore { .. }
        | Body::Unknown { .. } => Ok(Vec::new()),
    }
}

fn record(index: u64, kind: &str, id: &str, event: &str, document: Option<&[u8]>) -> Result<Vec<Change>, String> {
    let mut document: RecordEvent = parse(required(document)?)?;
    agree("schema", &format!("evidenced/{kind}-event/v1"), &document.schema)?;
    agree("event", event, &document.event)?;
    let body = document.rest.remove(kind).ok_or_else(|| format!("the document has no `{kind}`"))?;
    agree("id", id, body.get("id").and_then(serde_json::Value::as_str).unwrap_or_default())?;
    let row = RecordRow { kind: kind.to_owned(), id: id.to_owned(), body, since: index, log_index: index };
    let mut changes = vec![Change::Record(row)];
    if kind == "access_review"
        && let Some(items) = document.rest.remove("items")
    {
        changes.extend(review_items(index, id, items)?);
    }
    Ok(changes)
}

fn review_items(index: u64, review: &str, items: serde_json::Value) -> Result<Vec<Change>, String> {
    let serde_json::Value::Array(items) = items else { return Err("the document's `items` is no list".to_owned()) };
    let row = |body: serde_json::Value| {
        let head = ReviewItemHead::deserialize(&body)
            .map_err(|error| format!("an item in the document cannot be read: {error}"))?;
        Ok(Change::ReviewItem(ReviewItemRow {
            review: review.to_owned(),
            account: head.account,
            source: head.source,
            reviewer: head.assigned.reviewer.map(|reviewer| reviewer.key),
            state: head.state,
            body,
            log_index: index,
        }))
    };
    items.into_iter().map(row).collect()
}

/// The rows that `entry` stands for when its document was erased: what the entry itself says, and nothing else.
pub(crate) fn project_erased(index: u64, entry: &Entry) -> Result<Vec<Change>, String> {
    match &entry.body {
        Body::Snapshot { snapshot, source, status, slot, .. } => Ok(slot
            .iter()
            .map(|due_at| {
                Change::Slot(SlotRow {
                    source: source.clone(),
                    due_at: *due_at,
                    outcome: status.as_str().to_owned(),
                    reason: None,
                    snapshot: Some(snapshot.clone()),
                    log_index: index,
                })
            })
            .collect()),
        Body::Evaluation { .. } | Body::FindingEvent { .. } => Ok(Vec::new()),
        Body::Damage { .. } => Err("what is damaged is not erased".to_owned()),
        _ => project(index, entry, None),
    }
}

fn required(document: Option<&[u8]>) -> Result<&[u8], String> {
    document.ok_or_else(|| "an entry of this kind has a document, and there is none".to_owned())
}

fn parse<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(document).map_err(|error| format!("the document cannot be read: {error}"))
}

fn agree(what: &str, entry: &str, document: &str) -> Result<(), String> {
    if entry == document { Ok(()) } else { Err(format!("the {what} is `{entry}`, the document says `{document}`")) }
}

/// The first thing that was not right with a run.
fn reason(manifest: &Manifest) -> Option<String> {
    let error = manifest.errors.first().map(|error| error.message.clone());
    error.or_else(|| manifest.completeness.reasons.first().map(|reason| reason.message.clone()))
}
