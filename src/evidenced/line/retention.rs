//! retention: what may be erased, what keeps it, and erasing it. Nothing here decides by itself: a person runs it.
//!
//! Nothing that a pack, a hold, a finding or an access review that is not over, or the present status refers to is ever planned.

use super::review::{Campaign, campaigns, population_of};
use super::{Line, now};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use jiff::SignedDuration;
use ledger::Body;
use model::{SnapshotStatus, Timestamp};
use pack::ExportRecord;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{Document, Draft, EvaluationRow, HoldRow, MOST_ERASED, Reader, SnapshotFilter, SnapshotRow, StoreError};
use workflow::{Finding, State};

/// One thing that its time is over for.
#[derive(Debug)]
pub(crate) struct Due {
    /// The entries whose documents hold it.
    pub(crate) entries: Vec<u64>,
    /// `snapshot`, `evaluation`, `finding`.
    pub(crate) kind: &'static str,
    /// Its id.
    pub(crate) id: String,
    /// The source or check it is of.
    pub(crate) of: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Why it would go.
    pub(crate) why: String,
    /// What keeps it; empty: nothing.
    pub(crate) held: Vec<String>,
}

/// What an erasure did.
#[derive(Debug)]
pub(crate) struct Erased {
    /// The erasure entries.
    pub(crate) sealed: Vec<u64>,
    /// What went.
    pub(crate) things: Vec<Due>,
    /// What stays, and why.
    pub(crate) held: Vec<Due>,
}

/// What must stay: entries, each with every reason.
#[derive(Default)]
struct Kept(BTreeMap<u64, BTreeSet<String>>);

impl Kept {
    fn keep(&mut self, entry: u64, why: &str) {
        self.0.entry(entry).or_default().insert(why.to_owned());
    }

    fn of(&self, entries: &[u64]) -> Vec<String> {
        let reasons: BTreeSet<&String> = entries.iter().filter_map(|entry| self.0.get(entry)).flatten().collect();
        reasons.into_iter().cloned().collect()
    }
}

/// What `evidenced retention run` would erase at `at`, and what would go but is kept.
pub(crate) fn plan(settings: &Settings, reader: &Reader, at: Timestamp) -> Result<Vec<Due>, Failure> {
    let log = Log::read(reader)?;
    let kept = log.kept(reader)?;
    let over = |made: Timestamp, keep: SignedDuration| at.duration_since(made) > keep;
    let mut due = Vec::new();
    for row in &log.snapshots {
        let configured = settings.sources.iter().find(|source| source.name == row.source);
        let own = configured.and_then(|source| source.retention);
        let Some(keep) = own.or(settings.retention.default) else { continue };
        if over(row.finished_at, keep) {
            let rule = if own.is_some() { format!("[sources.{}]", row.source) } else { "[retention]".to_owned() };
            due.push(snapshot(row, &kept, format!("older than the {} of {rule}", days(keep))));
        }
    }
    if let Some(keep) = settings.retention.evaluations {
        let why = format!("older than the {} of [retention] evaluations", days(keep));
        for row in log.evaluations.iter().filter(|row| over(row.as_of, keep)) {
            due.push(Due {
                entries: vec![row.log_index],
                kind: "evaluation",
                id: row.log_index.to_string(),
                of: row.check.clone(),
                at: row.as_of,
                why: why.clone(),
                held: kept.of(&[row.log_index]),
            });
        }
        for (finding, events) in &log.ended {
            let Some((_, last)) = events.last().filter(|(_, last)| over(*last, keep)) else { continue };
            let entries: Vec<u64> = events.iter().map(|(index, _)| *index).collect();
            due.push(Due {
                held: kept.of(&entries),
                entries,
                kind: "finding",
                id: finding.id.clone(),
                of: finding.check.clone().unwrap_or_default(),
                at: *last,
                why: why.clone(),
            });
        }
    }
    Ok(due)
}

/// Whether a hold names a snapshot.
pub(super) fn is_under(hold: &HoldRow, row: &SnapshotRow) -> bool {
    hold.source.as_ref() == Some(&row.source) || hold.snapshot.as_ref() == Some(&row.id)
}

fn snapshot(row: &SnapshotRow, kept: &Kept, why: String) -> Due {
    Due {
        entries: vec![row.log_index],
        kind: "snapshot",
        id: row.id.clone(),
        of: row.source.clone(),
        at: row.finished_at,
        why,
        held: kept.of(&[row.log_index]),
    }
}

fn days(duration: SignedDuration) -> String {
    model::time::duration_text(duration)
}

impl Line {
    /// Erases what is due and kept by nothing.
    pub(crate) fn retention_run(&self, by: &str, reason: &str) -> Result<Erased, Failure> {
        let due = plan(&self.settings(), &self.reader()?, now())?;
        self.erase(due, by, reason)
    }

    /// Erases one snapshot on purpose. Refused where something keeps it.
    pub(crate) fn erase_snapshot(&self, id: &str, by: &str, reason: &str) -> Result<Erased, Failure> {
        let reader = self.reader()?;
        let row = reader.snapshot_row(id)?.ok_or_else(|| {
            Failure::usage(format!("there is no snapshot `{id}`"), "`evidenced snapshots list` shows them")
        })?;
        let kept = Log::read(&reader)?.kept(&reader)?;
        let due = snapshot(&row, &kept, "asked for".to_owned());
        if !due.held.is_empty() {
            return Err(Failure {
                exit: Exit::Failed,
                message: format!("snapshot `{id}` is kept: {}", due.held.join("; ")),
                help: Some(
                    "what a pack, a hold, an open finding or access review, or the present status refers to is not erased".to_owned(),
                ),
            });
        }
        self.erase(vec![due], by, reason)
    }

    fn erase(&self, due: Vec<Due>, by: &str, reason: &str) -> Result<Erased, Failure> {
        let (held, things): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| !due.held.is_empty());
        let mut sealed = Vec::new();
        // a finding's events go together
        let mut batches: Vec<Vec<&Due>> = Vec::new();
        let mut count = usize::MAX;
        for thing in &things {
            if count.saturating_add(thing.entries.len()) > MOST_ERASED {
                batches.push(Vec::new());
                count = 0;
            }
            count += thing.entries.len();
            if let Some(batch) = batches.last_mut() {
                batch.push(thing);
            }
        }
        for batch in batches {
            let entries: Vec<u64> = batch.iter().flat_map(|due| due.entries.iter().copied()).collect();
            let what: Vec<Value> = batch
                .iter()
                .map(
                    |due| json!({"kind": due.kind, "id": due.id, "of": due.of, "entries": due.entries, "why": due.why}),
                )
                .collect();
            let bytes = model::canonical_json(&json!({
                "schema": "evidenced/erasure/v1", "by": by, "reason": reason, "erased": what,
            }))?;
            let document = Document::new(bytes, "application/vnd.evidenced.erasure+json");
            sealed.extend(self.store()?.erase(now(), &entries, document)?.map(|entry| entry.index));
        }
        super::history::forget(&self.settings())?;
        Ok(Erased { sealed, things, held })
    }

    /// Seals that nothing of a source, or one snapshot, is erased until further notice. Returns the hold's id.
    pub(crate) fn hold(
        &self,
        source: Option<String>,
        snapshot: Option<String>,
        by: &str,
        reason: &str,
    ) -> Result<(String, u64), Failure> {
        let reader = self.reader()?;
        if let Some(id) = &snapshot
            && reader.snapshot_row(id)?.is_none()
        {
            return Err(Failure::usage(
                format!("there is no snapshot `{id}`"),
                "`evidenced snapshots list` shows them",
            ));
        }
        if let Some(name) = &source
            && !self.settings().sources.iter().any(|source| source.name == *name)
            && reader.latest_row(name, Timestamp::MAX)?.is_none()
        {
            return Err(Failure::usage(format!("there is no source `{name}`"), "`evidenced sources` lists them"));
        }
        let id = format!("hold-{}", reader.holds()?.len() + 1);
        let body = Body::Hold { hold: id.clone(), source, snapshot };
        let index = self.seal_word(body, "evidenced/hold/v1", &id, by, reason)?;
        Ok((id, index))
    }

    /// Seals that a hold is over.
    pub(crate) fn release(&self, hold: &str, by: &str, reason: &str) -> Result<u64, Failure> {
        let holds = self.reader()?.holds()?;
        match holds.iter().find(|known| known.id == hold) {
            Some(HoldRow { released: None, .. }) => {}
            Some(_) => {
                return Err(Failure::usage(format!("`{hold}` is released already"), "it holds nothing any more"));
            }
            None => {
                return Err(Failure::usage(
                    format!("there is no hold `{hold}`"),
                    "`evidenced retention hold list` shows them",
                ));
            }
        }
        self.seal_word(Body::Release { hold: hold.to_owned() }, "evidenced/release/v1", hold, by, reason)
    }

    fn seal_word(&self, body: Body, schema: &str, hold: &str, by: &str, reason: &str) -> Result<u64, Failure> {
        let at = now();
        let bytes = model::canonical_json(&json!({
            "schema": schema, "hold": hold, "by": by, "reason": reason, "at": at,
        }))?;
        let draft = Draft {
            body,
            series: "hold".to_owned(),
            document: Some(Document::new(bytes, "application/vnd.evidenced.hold+json")),
        };
        let appended = self.store()?.append(at, vec![draft])?;
        appended.first().map(|entry| entry.index).ok_or_else(|| Failure::store("the log returned no entry"))
    }
}

/// The part of the log that says what is kept.
struct Log {
    snapshots: Vec<SnapshotRow>,
    evaluations: Vec<EvaluationRow>,
    /// Snapshots that each evaluation rested on, by its entry.
    inputs: BTreeMap<u64, Vec<String>>,
    /// Findings that are over, with their events.
    ended: Vec<(Finding, Vec<(u64, Timestamp)>)>,
    /// Findings that are not.
    open: Vec<(Finding, Vec<(u64, Timestamp)>)>,
    /// Exports: the entry, and what the pack refers to; none where the entry does not say.
    exports: Vec<(u64, Option<Vec<u64>>)>,
}

/// Whether nothing refers to a finding any more: a dismissed one speaks for its members as long as they fail.
pub(super) fn has_ended(finding: &Finding) -> bool {
    finding.state.is_over() && (finding.state != State::Dismissed || finding.open_items().next().is_none())
}

/// What access reviews that are not over were opened on, and what proved their removals.
fn by_reviews(reader: &Reader, kept: &mut Kept) -> Result<(), Failure> {
    for Campaign { review, .. } in campaigns(reader)?.into_iter().filter(|one| !one.review.state.is_over()) {
        let why = format!("access review {}, which is not over", review.id);
        for frozen in review.sources.iter().filter_map(|one| one.frozen.as_ref()) {
            kept.keep(frozen.log_index, &why);
        }
        for item in population_of(reader, &review.id)? {
            let proof = item.remediation.and_then(|remediation| remediation.proof).and_then(|proof| proof.log_index);
            if let Some(index) = proof {
                kept.keep(index, &why);
            }
        }
    }
    Ok(())
}

impl Log {
    fn read(reader: &Reader) -> Result<Self, Failure> {
        let evaluations = reader.evaluations(None, None)?;
        let mut inputs = BTreeMap::new();
        for row in &evaluations {
            let sealed = reader.evaluation(row.log_index)?;
            let named = sealed.value().inputs.iter().filter_map(|input| input.snapshot.clone()).collect();
            inputs.insert(row.log_index, named);
        }
        let mut events: BTreeMap<String, Vec<(u64, Timestamp)>> = BTreeMap::new();
        let mut exports = Vec::new();
        let size = reader.checkpoint()?.size();
        for start in (0..size).step_by(512) {
            for stored in reader.entries(start..size.min(start + 512))? {
                match &stored.entry.body {
                    Body::FindingEvent { finding, .. } => {
                        events.entry(finding.clone()).or_default().push((stored.index, stored.entry.at));
                    }
                    Body::Export { .. } => {
                        // a document that cannot be read is as good as none: everything before it is kept
                        let document = match reader.document(stored.index) {
                            Ok(document) => document,
                            Err(StoreError::Damaged { .. }) => None,
                            Err(other) => return Err(other.into()),
                        };
                        let items = document.and_then(|bytes| serde_json::from_slice::<ExportRecord>(&bytes).ok());
                        exports.push((stored.index, items.map(|export| export.items)));
                    }
                    _ => {}
                }
            }
        }
        let (mut ended, mut open) = (Vec::new(), Vec::new());
        for finding in super::findings(reader)? {
            let events = events.remove(&finding.id).unwrap_or_default();
            let into = if has_ended(&finding) { &mut ended } else { &mut open };
            into.push((finding, events));
        }
        Ok(Self { snapshots: reader.snapshots(&SnapshotFilter::default())?, evaluations, inputs, ended, open, exports })
    }

    fn kept(&self, reader: &Reader) -> Result<Kept, Failure> {
        let mut kept = Kept::default();
        self.by_holds(&reader.holds()?, &mut kept);
        self.by_packs(&mut kept);
        self.by_findings(&mut kept);
        by_reviews(reader, &mut kept)?;
        self.by_the_present(&mut kept);
        Ok(kept)
    }

    fn entry_of(&self, snapshot: &str) -> Option<u64> {
        self.snapshots.iter().find(|row| row.id == snapshot).map(|row| row.log_index)
    }

    fn by_holds(&self, holds: &[HoldRow], kept: &mut Kept) {
        for hold in holds.iter().filter(|hold| hold.released.is_none()) {
            let why = format!("legal hold {}", hold.id);
            let held = |row: &&SnapshotRow| is_under(hold, row);
            let snapshots: BTreeSet<&str> = self.snapshots.iter().filter(held).map(|row| row.id.as_str()).collect();
            for row in self.snapshots.iter().filter(held) {
                kept.keep(row.log_index, &why);
            }
            // what was concluded from it belongs to it
            for (index, inputs) in &self.inputs {
                if inputs.iter().any(|input| snapshots.contains(input.as_str())) {
                    kept.keep(*index, &why);
                }
            }
        }
    }

    fn by_packs(&self, kept: &mut Kept) {
        for (index, items) in &self.exports {
            if let Some(items) = items {
                let why = format!("the pack exported as entry {index}");
                for item in items {
                    kept.keep(*item, &why);
                }
            } else {
                let why = format!("the pack exported as entry {index}, which does not say what it refers to");
                (0..*index).for_each(|item| kept.keep(item, &why));
            }
        }
    }

    fn by_findings(&self, kept: &mut Kept) {
        for (finding, events) in &self.open {
            let why = format!("finding {}, which is not over", finding.id);
            for (index, _) in events {
                kept.keep(*index, &why);
            }
            let rests = finding.items.iter().flat_map(|item| item.failed_on.iter().chain(&item.resolved_on));
            rests.filter_map(|id| self.entry_of(id)).for_each(|index| kept.keep(index, &why));
            let since =
                |row: &&EvaluationRow| finding.check.as_ref() == Some(&row.check) && row.as_of >= finding.raised_at;
            for row in self.evaluations.iter().filter(since) {
                self.evaluation(row.log_index, &why, kept);
            }
        }
    }

    fn by_the_present(&self, kept: &mut Kept) {
        let mut latest: BTreeMap<(&str, bool), &SnapshotRow> = BTreeMap::new();
        for row in &self.snapshots {
            for complete in [false, true] {
                if complete && row.status != SnapshotStatus::Complete {
                    continue;
                }
                let newest = latest.entry((&row.source, complete)).or_insert(row);
                if (row.finished_at, row.log_index) > (newest.finished_at, newest.log_index) {
                    *newest = row;
                }
            }
        }
        for ((source, complete), row) in latest {
            let why = format!("the latest {}snapshot of {source}", if complete { "complete " } else { "" });
            kept.keep(row.log_index, &why);
        }
        let mut last: BTreeMap<&str, &EvaluationRow> = BTreeMap::new();
        for row in &self.evaluations {
            let newest = last.entry(&row.check).or_insert(row);
            if (row.as_of, row.log_index) > (newest.as_of, newest.log_index) {
                *newest = row;
            }
        }
        for (check, row) in last {
            self.evaluation(row.log_index, &format!("the present outcome of {check}"), kept);
        }
    }

    /// Keeps an evaluation and the snapshots it rested on.
    fn evaluation(&self, index: u64, why: &str, kept: &mut Kept) {
        kept.keep(index, why);
        for snapshot in self.inputs.get(&index).into_iter().flatten() {
            if let Some(entry) = self.entry_of(snapshot) {
                kept.keep(entry, why);
            }
        }
    }
}
