//! Turns a capture into the manifest that is sealed: what was asked, what answered, what it is worth.
//!
//! No clock, no store, no network. Never judges a control.

use super::blob::Blob;
use super::collect::Capture;
use crate::failure::Failure;
use crate::settings::Source;
use egress::Aside;
use model::{
    ClockState, CollectorSpec, Completeness, CompletenessRecord, Count, Digest, ErrorRecord, ExchangeRecord, Manifest,
    Observation, Reason, ReasonCode, SnapshotStatus, TableRecord, Timestamp,
};

/// The circumstances of a run that are not in its capture.
pub(crate) struct Run<'a> {
    pub(crate) source: &'a Source,
    pub(crate) spec: &'a CollectorSpec,
    /// What its population is and is not, by the collector's or the configuration's word.
    pub(crate) population: &'a str,
    pub(crate) triggered_by: &'a str,
    pub(crate) slot: Option<Timestamp>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
    pub(crate) binary_sha256: Digest,
    pub(crate) synchronised: Option<bool>,
    /// What the last complete snapshot of this source counted.
    pub(crate) last_counts: Vec<Count>,
}

impl Run<'_> {
    /// Whether the configuration says which tables the source has. Each is then a population, and none is the first.
    fn tables_are_declared(&self) -> bool {
        self.source.settings.get("table").is_some()
    }
}

/// The manifest of `capture`, and every blob it names; tables are laid `aside`.
pub(crate) fn describe(
    capture: Capture,
    run: &Run<'_>,
    aside: &Aside,
) -> Result<(Manifest, Vec<(Digest, Blob)>), Failure> {
    let mut blobs: Vec<(Digest, Blob)> = Vec::with_capacity(capture.exchanges.len() + 8);
    let mut exchanges = Vec::with_capacity(capture.exchanges.len());
    for exchange in capture.exchanges {
        blobs.push((exchange.record.sha256, Blob(exchange.body)));
        exchanges.push(exchange.record);
    }

    let mut errors = Vec::new();
    let mut tables = Vec::new();
    let (mut caller, mut observed_at, mut redactions) = (None, None, Vec::new());
    let (status, completeness) = match capture.outcome {
        Err(error) => {
            let reason = Reason::new(ReasonCode::Failed, error.to_string());
            errors.push(ErrorRecord { kind: error.kind().to_owned(), message: error.to_string(), help: error.help() });
            (SnapshotStatus::Failed, completeness(None, Vec::new(), vec![reason]))
        }
        Ok(mut observation) => {
            // each goes before the next is written out
            for table in std::mem::take(&mut observation.tables) {
                let lines = table.to_lines();
                let sha256 = Digest::of(&lines);
                tables.push(TableRecord {
                    name: table.spec().name.clone(),
                    rows: table.len() as u64,
                    sha256,
                    spec: table.spec().clone(),
                });
                blobs.push((sha256, Blob::aside(aside, lines)?));
            }
            caller.clone_from(&observation.caller);
            observed_at = observation.observed_at;
            redactions.clone_from(&observation.redactions);
            worth(observation, run)
        }
    };

    let settings_sha256 = Digest::of(&model::canonical_json(&run.source.settings)?);
    let id_seed = format!("{}\n{}\n{settings_sha256}", run.source.name, run.started_at);
    let id = format!(
        "{}-{}-{}",
        run.started_at.strftime("%Y%m%dT%H%M%SZ"),
        run.source.name,
        &Digest::of(id_seed.as_bytes()).to_string()[..8]
    );
    let manifest = Manifest {
        schema: Manifest::SCHEMA.to_owned(),
        id,
        source: run.source.name.clone(),
        collector: run.spec.id.clone(),
        collector_version: run.spec.version.clone(),
        population: run.population.to_owned(),
        sample: run.source.sample,
        triggered_by: run.triggered_by.to_owned(),
        slot: run.slot,
        started_at: run.started_at,
        finished_at: run.finished_at,
        observed_at,
        caller,
        clock: ClockState { skew_seconds: skew(&exchanges), synchronised: run.synchronised },
        exchanges,
        tables,
        completeness,
        status,
        errors,
        redactions,
        settings: run.source.settings.clone(),
        settings_sha256,
        binary_sha256: run.binary_sha256,
    };
    Ok((manifest, blobs))
}

/// Status and completeness statement of an observation: what the collector says, then whether it is plausible.
fn worth(observation: Observation, run: &Run<'_>) -> (SnapshotStatus, CompletenessRecord) {
    match observation.completeness {
        Completeness::Incomplete { reasons } => {
            (SnapshotStatus::Incomplete, completeness(None, observation.counts, reasons))
        }
        Completeness::Complete { basis } => {
            let doubts = doubts(&observation.counts, run);
            let status = if doubts.is_empty() { SnapshotStatus::Complete } else { SnapshotStatus::Suspect };
            (status, completeness(Some(basis), observation.counts, doubts))
        }
    }
}

/// Why a complete population is implausible.
fn doubts(counts: &[Count], run: &Run<'_>) -> Vec<Reason> {
    let is_declared = run.tables_are_declared();
    let populations = if is_declared { counts } else { counts.get(..1).unwrap_or_default() };
    if populations.iter().all(|count| count.counted == 0) {
        if run.source.expect_empty {
            return Vec::new();
        }
        let message = "the population is empty; set `expect_empty = true` on the source if that is right, or confirm \
                       this snapshot with `evidenced snapshots confirm`";
        return vec![Reason::new(ReasonCode::Empty, message)];
    }
    let before = |count: &Count| {
        let of_it = || run.last_counts.iter().find(|last| last.table == count.table);
        if is_declared { of_it() } else { run.last_counts.first() }
    };
    let fallen = populations.iter().filter_map(|count| {
        let last = before(count)?;
        let of = if is_declared { format!(" of `{}`", count.table) } else { String::new() };
        fell(count.counted, last.counted, &of, run.source)
    });
    fallen.collect()
}

/// That a population fell by more than the source's guard allows.
fn fell(counted: u64, last: u64, of: &str, source: &Source) -> Option<Reason> {
    let guard = u64::from(source.drop_guard_percent);
    if last <= counted || (last - counted) * 100 <= last * guard || (counted == 0 && source.expect_empty) {
        return None;
    }
    let message = format!(
        "{counted} members{of} where the last complete snapshot had {last}: a drop of more than {guard} %; confirm this \
         snapshot with `evidenced snapshots confirm` if it is right"
    );
    Some(Reason::new(ReasonCode::Drop, message))
}

fn completeness(basis: Option<String>, counts: Vec<Count>, reasons: Vec<Reason>) -> CompletenessRecord {
    let first = counts.first();
    let counted = first.map_or(0, |count| count.counted);
    let declared = first.and_then(|count| count.declared);
    let difference = declared.map(|declared| declared.cast_signed() - counted.cast_signed());
    CompletenessRecord { basis, declared, counted, difference, counts, reasons }
}

/// Host time minus the source's `Date`: the largest seen, in whole seconds.
fn skew(exchanges: &[ExchangeRecord]) -> Option<i64> {
    exchanges
        .iter()
        .filter_map(|exchange| {
            let date = exchange.headers.get("date")?;
            let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
            Some(exchange.finished_at.as_second() - date.as_second())
        })
        .max_by_key(|seconds| seconds.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn source(drop_guard_percent: u8, expect_empty: bool) -> Source {
        Source {
            name: "aws".into(),
            collector: "aws_iam".into(),
            schedule: None,
            max_age: SignedDuration::from_hours(24),
            retention: None,
            custody: crate::settings::Custody::default(),
            expect_empty,
            drop_guard_percent,
            sample: false,
            settings: serde_json::json!({"account_id": "123456789012"}),
            secrets: std::collections::BTreeMap::new(),
        }
    }

    fn count(table: &str, counted: u64) -> Count {
        Count { table: table.into(), counted, declared: None, declared_by: None }
    }

    fn status(counted: u64, last: Option<u64>, source: &Source) -> SnapshotStatus {
        described(vec![count("t", counted)], last.map(|last| count("t", last)).into_iter().collect(), source).0
    }

    /// The status, and why.
    fn described(counts: Vec<Count>, last_counts: Vec<Count>, source: &Source) -> (SnapshotStatus, Vec<String>) {
        let spec = collectors::find("hr_file").unwrap().spec();
        let run = Run {
            source,
            spec,
            population: &spec.population,
            triggered_by: "user",
            slot: None,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            binary_sha256: Digest::of(b""),
            synchronised: None,
            last_counts,
        };
        let observation = Observation {
            tables: vec![],
            completeness: Completeness::Complete { basis: "single document".into() },
            counts,
            caller: None,
            observed_at: None,
            redactions: vec![],
        };
        let capture = Capture { exchanges: vec![], outcome: Ok(observation) };
        let manifest = describe(capture, &run, &Aside::default()).unwrap().0;
        (manifest.status, manifest.completeness.sentences())
    }

    #[test]
    fn an_empty_population_is_suspect_unless_expected() {
        assert_eq!(status(0, None, &source(30, false)), SnapshotStatus::Suspect);
        assert_eq!(status(0, None, &source(30, true)), SnapshotStatus::Complete);
    }

    #[test]
    fn a_drop_beyond_the_guard_is_suspect_and_at_the_guard_is_not() {
        assert_eq!(status(70, Some(100), &source(30, false)), SnapshotStatus::Complete);
        assert_eq!(status(69, Some(100), &source(30, false)), SnapshotStatus::Suspect);
        assert_eq!(status(500, Some(100), &source(30, false)), SnapshotStatus::Complete);
    }

    #[test]
    fn every_table_that_the_configuration_declares_is_guarded() {
        let declared = |expect_empty| Source {
            settings: serde_json::json!({ "table": { "key": {}, "user": {} } }),
            ..source(30, expect_empty)
        };
        let now = |keys, users| vec![count("key", keys), count("user", users)];
        let (status, why) = described(now(10, 50), now(10, 100), &declared(false));
        assert_eq!(status, SnapshotStatus::Suspect);
        assert!(why.len() == 1 && why[0].starts_with("50 members of `user` where"), "{why:?}");
        assert_eq!(described(now(10, 0), now(10, 100), &declared(false)).0, SnapshotStatus::Suspect);
        assert_eq!(described(now(10, 0), now(10, 100), &declared(true)).0, SnapshotStatus::Complete, "it is expected");
        // nothing where there never was anything is no drop, and the whole source is not empty
        assert_eq!(described(now(0, 100), now(0, 100), &declared(false)).0, SnapshotStatus::Complete);
        assert_eq!(described(now(0, 0), Vec::new(), &declared(false)).0, SnapshotStatus::Suspect);
        // of a collector's own tables the first is the population: groups and keys come and go
        assert_eq!(described(now(10, 50), now(10, 100), &source(30, false)).0, SnapshotStatus::Complete);
    }
}
