//! What the organisation says of evidence beside what it shows: who answers for it, how it may be shared, how long it is kept.
//!
//! Only what the configuration and the holds say. Where they say nothing, nothing is filled in.

use super::retention::{has_ended, is_under};
use crate::failure::Failure;
use crate::settings::{Custody, Settings};
use jiff::SignedDuration;
use ledger::Body;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use store::{Reader, SnapshotFilter};

/// For each document of a pack, by its log position, what is said of it; those of which nothing is said are left out.
/// `items` are ascending.
pub(super) fn custody(
    settings: &Settings,
    reader: &Reader,
    items: &[u64],
) -> Result<BTreeMap<u64, pack::Custody>, Failure> {
    let packed = |index: &u64| items.binary_search(index).is_ok();
    let mut custody: BTreeMap<u64, pack::Custody> = BTreeMap::new();

    let snapshots = reader.snapshots(&SnapshotFilter::default())?;
    let nobody = Custody::default();
    for row in snapshots.iter().filter(|row| packed(&row.log_index)) {
        // of a source that is configured no more only the default is still said
        let source = settings.sources.iter().find(|source| source.name == row.source);
        let keep = source.and_then(|source| source.retention).or(settings.retention.default);
        let by = source.map_or(&nobody, |source| &source.custody);
        custody.insert(row.log_index, said(by, row.finished_at, keep));
    }

    let (of_checks, keep) = (&settings.checks.custody, settings.retention.evaluations);
    let mut evaluations = reader.evaluations(None, None)?;
    evaluations.retain(|row| packed(&row.log_index));
    for row in &evaluations {
        custody.insert(row.log_index, said(of_checks, row.as_of, keep));
    }

    let mut events: BTreeMap<String, Vec<(u64, Timestamp)>> = BTreeMap::new();
    let size = reader.checkpoint()?.size();
    for start in (0..size).step_by(512) {
        for stored in reader.entries(start..size.min(start + 512))? {
            if let Body::FindingEvent { finding, .. } = &stored.entry.body {
                events.entry(finding.clone()).or_default().push((stored.index, stored.entry.at));
            }
        }
    }
    for finding in super::findings(reader)? {
        let events = events.remove(&finding.id).unwrap_or_default();
        // the time of all its events runs from its end; of a finding that is not over it has not begun
        let keep = keep.filter(|_| has_ended(&finding));
        let Some((_, end)) = events.last().copied() else { continue };
        for (index, _) in events.iter().filter(|(index, _)| packed(index)) {
            custody.insert(*index, said(of_checks, end, keep));
        }
    }

    for hold in reader.holds()?.iter().filter(|hold| hold.released.is_none()) {
        let held: Vec<_> = snapshots.iter().filter(|row| is_under(hold, row)).collect();
        let ids: BTreeSet<&str> = held.iter().map(|row| row.id.as_str()).collect();
        let mut indexes: Vec<u64> = held.iter().map(|row| row.log_index).filter(packed).collect();
        // what was concluded from it belongs to it
        for row in &evaluations {
            let evaluation = reader.evaluation(row.log_index)?;
            let mut inputs = evaluation.value().inputs.iter().filter_map(|input| input.snapshot.as_deref());
            if inputs.any(|input| ids.contains(input)) {
                indexes.push(row.log_index);
            }
        }
        for index in indexes {
            custody.entry(index).or_default().holds.push(hold.id.clone());
        }
    }
    custody.retain(|_, said| *said != pack::Custody::default());
    Ok(custody)
}

fn said(by: &Custody, at: Timestamp, keep: Option<SignedDuration>) -> pack::Custody {
    pack::Custody {
        owner: by.owner.clone(),
        reviewer: by.reviewer.clone(),
        classification: by.classification.clone(),
        // a time that no calendar reaches is no end
        retain_until: keep.and_then(|keep| at.checked_add(keep).ok()),
        holds: Vec::new(),
    }
}
