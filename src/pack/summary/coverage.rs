//! `04_COVERAGE.csv`: what was due against what was done, every gap with its reason, and the runs nobody had scheduled; and,
//! as runs of `timestamps by NAME`, the timestamp tokens that did not come when they were due.

use super::{SnapshotNote, Summary, instant};
use crate::cells::Sheet;
use crate::plan::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// The sheet, by source and time.
pub(crate) fn coverage_csv(slots: &[Slot], summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let snapshots: &[SnapshotNote] = &summary.snapshots;
    let by_id: BTreeMap<&str, &SnapshotNote> = snapshots.iter().map(|note| (note.id.as_str(), note)).collect();
    let filled: BTreeSet<&str> = slots.iter().filter_map(|slot| slot.snapshot.as_deref()).collect();
    let mut rows: Vec<[String; 8]> = Vec::new();
    for slot in slots {
        let snapshot = slot.snapshot.as_deref().and_then(|id| by_id.get(id));
        let reason = match (&slot.reason, snapshot) {
            (Some(reason), _) => reason.clone(),
            (None, Some(snapshot)) => snapshot.reasons.clone(),
            (None, None) => String::new(),
        };
        rows.push([
            slot.source.clone(),
            instant(slot.due_at),
            "yes".to_owned(),
            slot.outcome.clone(),
            reason,
            slot.snapshot.clone().unwrap_or_default(),
            snapshot.map(|note| instant(note.started_at)).unwrap_or_default(),
            snapshot.map(|note| instant(note.finished_at)).unwrap_or_default(),
        ]);
    }
    for note in snapshots.iter().filter(|note| !filled.contains(note.id.as_str())) {
        rows.push([
            note.source.clone(),
            instant(note.slot.unwrap_or(note.started_at)),
            if note.slot.is_some() { "yes" } else { "no" }.to_owned(),
            note.status.as_str().to_owned(),
            note.reasons.clone(),
            note.id.clone(),
            instant(note.started_at),
            instant(note.finished_at),
        ]);
    }
    for gap in &summary.gaps {
        rows.push([
            // no source has a name with a blank
            format!("timestamps by {}", gap.authority),
            instant(gap.due_at),
            "yes".to_owned(),
            "missed".to_owned(),
            gap.reason.clone(),
            String::new(),
            instant(gap.since),
            gap.until.map(instant).unwrap_or_default(),
        ]);
    }
    rows.sort();
    let mut sheet =
        Sheet::new(&["source", "due_at", "scheduled", "outcome", "reason", "snapshot", "started_at", "finished_at"])?;
    for row in rows {
        sheet.row(row)?;
    }
    sheet.finish()
}
