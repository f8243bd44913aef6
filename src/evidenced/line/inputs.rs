//! What the checks are given: the latest sealed snapshot of each configured source as of an instant.

use super::shape;
use crate::failure::Failure;
use crate::settings::Settings;
use evaluate::{Inputs, SlotRow, SnapshotInput, SnapshotRow, SourceInput};
use jiff::SignedDuration;
use ledger::{Body, Sealed};
use model::time::duration_text;
use model::{Manifest, SnapshotStatus, Table, Timestamp};
use std::collections::BTreeMap;
use store::{Reader, SnapshotFilter, StoreError};

/// Reads the inputs of every check as of `as_of`. Only sealed, proven snapshots get here.
pub(crate) fn inputs(settings: &Settings, reader: &Reader, as_of: Timestamp) -> Result<Inputs, Failure> {
    let mut sources = Vec::new();
    let mut snapshots = Vec::new();
    let mut slots = Vec::new();
    let damaged = damaged(reader)?;
    let erased = erased(reader)?;
    for source in &settings.sources {
        let Some(collector) = collectors::find(&source.collector) else { continue };
        let mut latest = latest(reader, &damaged, &source.name, as_of)?;
        let shape = shape::of(collector, source, latest.as_mut())?;
        let mut snapshot = latest.map(|latest| latest.input);
        // no earlier snapshot stands in for one that was erased
        let newer = |gone: &Gone| {
            gone.source == source.name
                && gone.at.duration_since(as_of) <= SEALED_WITHIN
                && snapshot.as_ref().is_none_or(|snapshot| gone.at > snapshot.finished_at)
        };
        if erased.iter().any(newer) {
            snapshot = None;
        }
        sources.push(SourceInput {
            name: source.name.clone(),
            collector: source.collector.clone(),
            mapping_sql: shape.mapping,
            provides: shape.provides,
            specs: shape.tables,
            required: true,
            max_age: source.max_age,
            expect_empty: source.expect_empty,
            snapshot,
        });
        let filter =
            SnapshotFilter { source: Some(source.name.clone()), as_of: Some(as_of), ..SnapshotFilter::default() };
        for row in reader.snapshots(&filter)? {
            snapshots.push(SnapshotRow {
                snapshot: row.id,
                source: row.source,
                collector: row.collector,
                status: row.status,
                started_at: row.started_at,
                finished_at: row.finished_at,
                observed_at: row.observed_at,
                slot: row.slot,
            });
        }
        for row in reader.slots(Some(&source.name), None, Some(as_of))? {
            slots.push(SlotRow {
                source: row.source,
                due_at: row.due_at,
                outcome: row.outcome,
                reason: row.reason,
                snapshot: row.snapshot,
            });
        }
    }
    Ok(Inputs {
        as_of,
        timezone: settings.organisation.timezone.clone(),
        domains: settings.organisation.domains.clone(),
        fold_local_part: settings.organisation.fold_local_part,
        sources,
        snapshots,
        slots,
        links: settings.links.iter().map(Into::into).collect(),
        accounts: settings.accounts.iter().map(Into::into).collect(),
    })
}

/// The snapshots that rest on something damaged, with what is wrong.
pub(super) fn damaged(reader: &Reader) -> Result<BTreeMap<String, String>, Failure> {
    let rows = reader.damage()?.into_iter();
    Ok(rows
        .map(|row| (row.snapshot, format!("the stored evidence is damaged: {}: {}", row.path, row.problem)))
        .collect())
}

/// A snapshot is sealed after it finished; of one that was erased only that later instant is known.
const SEALED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// A snapshot that was erased.
struct Gone {
    source: String,
    /// When it was sealed.
    at: Timestamp,
}

/// Every snapshot that was erased.
fn erased(reader: &Reader) -> Result<Vec<Gone>, Failure> {
    let mut gone = Vec::new();
    for row in reader.erased()? {
        let stored = reader.entry(row.log_index)?;
        if let Body::Snapshot { source, .. } = &stored.entry.body {
            gone.push(Gone { source: source.clone(), at: stored.entry.at });
        }
    }
    Ok(gone)
}

/// The latest snapshot of `source`. One whose stored bytes are not what was sealed counts as failed: nothing is read from what is left
/// of it, and no earlier snapshot stands in for it.
fn latest(
    reader: &Reader,
    damaged: &BTreeMap<String, String>,
    source: &str,
    as_of: Timestamp,
) -> Result<Option<Latest>, Failure> {
    let Some(row) = reader.latest_row(source, as_of)? else { return Ok(None) };
    let problem = match damaged.get(&row.id) {
        Some(problem) => problem.clone(),
        None => match reader.snapshot(&row.id) {
            Ok(Some(sealed)) => match snapshot_input(reader, &sealed) {
                Ok(input) => {
                    let manifest = sealed.value();
                    let (collector, settings) = (manifest.collector.clone(), manifest.settings.clone());
                    return Ok(Some(Latest { input, collector, settings }));
                }
                Err(Unreadable::Damaged(problem)) => problem,
                Err(Unreadable::Failure(failure)) => return Err(failure),
            },
            Ok(None) => return Ok(None),
            Err(error @ StoreError::Damaged { .. }) => format!("the stored evidence is damaged: {error}"),
            Err(other) => return Err(other.into()),
        },
    };
    tracing::error!(source, snapshot = row.id, problem, "the latest snapshot cannot be relied on");
    let input = SnapshotInput {
        id: row.id,
        manifest_sha256: row.manifest_sha256,
        status: SnapshotStatus::Failed,
        started_at: row.started_at,
        finished_at: row.finished_at,
        observed_at: row.observed_at,
        slot: row.slot,
        reasons: vec![problem],
        tables: Vec::new(),
        confirmed: false,
    };
    Ok(Some(Latest { input, collector: row.collector, settings: serde_json::Value::Null }))
}

/// The latest snapshot of a source, and what made it.
pub(super) struct Latest {
    pub(super) input: SnapshotInput,
    /// The collector that read it.
    pub(super) collector: String,
    /// The settings it read it with.
    pub(super) settings: serde_json::Value,
}

/// Why a snapshot cannot be an input as it is.
enum Unreadable {
    /// Its bytes are not what was sealed.
    Damaged(String),
    /// Something else failed.
    Failure(Failure),
}

impl From<StoreError> for Unreadable {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { .. } => Self::Damaged(format!("the stored evidence is damaged: {error}")),
            other => Self::Failure(other.into()),
        }
    }
}

fn snapshot_input(reader: &Reader, sealed: &Sealed<Manifest>) -> Result<SnapshotInput, Unreadable> {
    let manifest = sealed.value();
    let mut tables = Vec::with_capacity(manifest.tables.len());
    for record in &manifest.tables {
        let lines = reader.blob(&record.sha256)?;
        tables.push(Table::from_lines(record.spec.clone(), &lines).map_err(|error| {
            let problem = format!("snapshot {}: sealed table {} cannot be read: {error}", manifest.id, record.name);
            Unreadable::Failure(Failure::store(problem))
        })?);
    }
    Ok(SnapshotInput {
        id: manifest.id.clone(),
        manifest_sha256: sealed.document_sha256(),
        status: manifest.status,
        started_at: manifest.started_at,
        finished_at: manifest.finished_at,
        observed_at: manifest.observed_at,
        slot: manifest.slot,
        reasons: manifest.completeness.sentences(),
        tables,
        confirmed: reader.confirmation(&manifest.id)?.is_some(),
    })
}

/// How the evidence of a snapshot stands at `now`, in a word, and why it is not complete and fresh.
pub(crate) fn freshness(manifest: &Manifest, max_age: SignedDuration, now: Timestamp) -> (String, Vec<String>) {
    let why = manifest.completeness.sentences();
    if manifest.status != SnapshotStatus::Complete {
        return (manifest.status.as_str().to_owned(), why);
    }
    let seen = manifest.observed_at.map_or(manifest.finished_at, |observed| observed.min(manifest.finished_at));
    if now.duration_since(seen) > max_age {
        let age = duration_text(now.duration_since(seen));
        return ("stale".to_owned(), vec![format!("{age} old, allowed {}", duration_text(max_age))]);
    }
    ("complete".to_owned(), why)
}
