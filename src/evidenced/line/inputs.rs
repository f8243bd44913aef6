//! What the checks are given: the latest sealed snapshot of each configured source as of an instant.

use super::{history, links, programme, shape, worker};
use crate::failure::Failure;
use crate::settings::{Settings, Source};
use evaluate::{
    CountRow, EvaluateError, Inputs, Rows, RowsError, Session, SlotRow, SnapshotInput, SnapshotRow, SourceInput,
    TableInput, Take,
};
use jiff::SignedDuration;
use ledger::{Body, Sealed};
use model::time::duration_text;
use model::{Count, Digest, Manifest, SnapshotStatus, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Reader, SnapshotFilter, StoreError};

/// Hands the inputs of every check as of `as_of` to `work`, which reads their rows, and the worker processes to ask, `steps` times
/// at most. A snapshot whose rows turn out not to be those that were sealed counts as failed, and the work is done again.
pub(crate) fn over_inputs<T>(
    settings: &Settings,
    reader: &Reader,
    as_of: Timestamp,
    steps: usize,
    mut work: impl FnMut(&Inputs, &mut Session<'_>) -> Result<T, EvaluateError>,
) -> Result<Result<T, EvaluateError>, Failure> {
    let mut damaged = damaged(reader)?;
    let worker = worker(settings)?;
    loop {
        // some more for what the newest snapshots show
        let mut session = Session::new(&worker, steps + 3 * settings.sources.len());
        let mut inputs = inputs(settings, reader, as_of, &damaged)?;
        inputs.history = history::history(settings, reader, as_of, &mut |source, snapshot| {
            newest(&inputs, source, snapshot).and_then(|source| session.observe(&inputs, source))
        })?;
        match work(&inputs, &mut session) {
            Err(EvaluateError::Damaged { snapshot, problem }) if !damaged.contains_key(&snapshot) => {
                damaged.insert(snapshot, problem);
            }
            outcome => return Ok(outcome),
        }
    }
}

/// The name of `source`, where `snapshot` is the one that `inputs` have of it and its rows, mapped together with those of the other
/// sources, show what they show alone: a declared mapping may look at anything.
fn newest<'a>(inputs: &'a Inputs, source: &Source, snapshot: &str) -> Option<&'a str> {
    let input = inputs.sources.iter().find(|input| input.name == source.name)?;
    let is_declared = collectors::find(&source.collector)?.spec().table_settings.is_some();
    let is_newest = input.snapshot.as_ref().is_some_and(|newest| newest.id == snapshot);
    (is_newest && !is_declared).then_some(input.name.as_str())
}

/// Reads the inputs of every check as of `as_of`, but for the history. Only sealed, proven snapshots get here.
fn inputs(
    settings: &Settings,
    reader: &Reader,
    as_of: Timestamp,
    damaged: &BTreeMap<String, String>,
) -> Result<Inputs, Failure> {
    let mut sources = Vec::new();
    let mut snapshots = Vec::new();
    let mut slots = Vec::new();
    let mut counts = Vec::new();
    let erased = erased(reader)?;
    for source in &settings.sources {
        let Some(collector) = collectors::find(&source.collector) else { continue };
        let mut latest = latest(reader, damaged, &source.name, as_of)?;
        let shape = shape::of(collector, source, latest.as_mut())?;
        counts.extend(latest.iter().flat_map(|latest| counted(&source.name, latest)));
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
        last_day_ends: settings.organisation.last_day_ends,
        domains: settings.organisation.domains.clone(),
        fold_local_part: settings.organisation.fold_local_part,
        sources,
        snapshots,
        slots,
        links: links::approved(settings, reader, as_of)?,
        accounts: settings.accounts.iter().map(Into::into).collect(),
        exceptions: super::decide::approved(reader)?,
        history: Vec::new(),
        programme: programme::programme(settings, reader, as_of, counts)?,
    })
}

/// How the populations of a snapshot were counted.
fn counted<'a>(source: &'a str, latest: &'a Latest) -> impl Iterator<Item = CountRow> + 'a {
    latest.counts.iter().map(move |count| CountRow {
        source: source.to_owned(),
        snapshot: latest.input.id.clone(),
        table: count.table.clone(),
        counted: count.counted,
        declared: count.declared,
        declared_by: count.declared_by.clone(),
    })
}

/// `source` with the snapshot `id` of its past; none when its bytes are gone or are not those that were sealed.
pub(super) fn past(reader: &Reader, source: &Source, id: &str) -> Result<Option<SourceInput>, Failure> {
    let Some(collector) = collectors::find(&source.collector) else { return Ok(None) };
    let sealed = match reader.snapshot(id) {
        Ok(Some(sealed)) => sealed,
        Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    let manifest = sealed.value();
    let mut latest = Latest {
        input: snapshot_input(reader, &sealed)?,
        collector: manifest.collector.clone(),
        settings: manifest.settings.clone(),
        counts: Vec::new(),
    };
    let shape = shape::of(collector, source, Some(&mut latest))?;
    Ok(Some(SourceInput {
        name: source.name.clone(),
        collector: source.collector.clone(),
        mapping_sql: shape.mapping,
        provides: shape.provides,
        specs: shape.tables,
        required: true,
        max_age: source.max_age,
        expect_empty: source.expect_empty,
        snapshot: Some(latest.input),
    }))
}

/// Whether a person confirmed a suspect snapshot.
pub(super) fn confirmed(reader: &Reader, id: &str) -> Result<bool, Failure> {
    Ok(reader.confirmation(id)?.is_some())
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
            Ok(Some(sealed)) => {
                let input = snapshot_input(reader, &sealed)?;
                let manifest = sealed.value();
                let (collector, settings) = (manifest.collector.clone(), manifest.settings.clone());
                let counts = manifest.completeness.counts.clone();
                return Ok(Some(Latest { input, collector, settings, counts }));
            }
            Ok(None) => return Ok(None),
            Err(error @ StoreError::Damaged { .. }) => damage(&error),
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
    Ok(Some(Latest { input, collector: row.collector, settings: serde_json::Value::Null, counts: Vec::new() }))
}

/// The latest snapshot of a source, and what made it.
pub(super) struct Latest {
    pub(super) input: SnapshotInput,
    /// The collector that read it.
    pub(super) collector: String,
    /// The settings it read it with.
    pub(super) settings: serde_json::Value,
    /// How its populations were counted.
    pub(super) counts: Vec<Count>,
}

fn damage(error: &StoreError) -> String {
    format!("the stored evidence is damaged: {error}")
}

/// The rows of a sealed table, where the store has them.
#[derive(Debug)]
struct StoredRows {
    reader: Reader,
    sha256: Digest,
    count: u64,
}

/// A store's error on its way to whoever asked for rows.
struct Pouring(RowsError);

impl From<StoreError> for Pouring {
    fn from(error: StoreError) -> Self {
        Self(match error {
            StoreError::Damaged { .. } => RowsError::Damaged(damage(&error)),
            other => RowsError::Unreadable(other.to_string()),
        })
    }
}

impl Rows for StoredRows {
    fn pour(&self, take: &mut Take<'_>) -> Result<(), RowsError> {
        let mut take = |piece: &[u8]| take(piece).map_err(|refused| Pouring(refused.into()));
        self.reader.pour(&self.sha256, &mut take).map_err(|Pouring(error)| error)
    }

    fn count(&self) -> u64 {
        self.count
    }
}

fn snapshot_input(reader: &Reader, sealed: &Sealed<Manifest>) -> Result<SnapshotInput, Failure> {
    let manifest = sealed.value();
    let tables = manifest.tables.iter().map(|record| TableInput {
        spec: record.spec.clone(),
        rows: Arc::new(StoredRows { reader: reader.clone(), sha256: record.sha256, count: record.rows }),
    });
    Ok(SnapshotInput {
        id: manifest.id.clone(),
        manifest_sha256: sealed.document_sha256(),
        status: manifest.status,
        started_at: manifest.started_at,
        finished_at: manifest.finished_at,
        observed_at: manifest.observed_at,
        slot: manifest.slot,
        reasons: manifest.completeness.sentences(),
        tables: tables.collect(),
        confirmed: confirmed(reader, &manifest.id)?,
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
