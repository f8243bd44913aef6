//! pack: a frozen slice of the log for an auditor, with everything it rests on.

use super::check::evaluation_failure;
use super::inputs::over_inputs;
use super::{Line, TOOL, now, signing_key};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use evaluate::{Catalogues, Check, CheckSet, Coverage};
use ledger::{Body, Entry};
use model::{Digest, Evaluation, Timestamp};
use pack::{CheckFile, Control, Database, ExportRecord, Form, Framework, Plan, Slot, Source, SourceError};
use std::collections::BTreeSet;
use std::path::PathBuf;
use store::{Document, Draft, Reader, SnapshotFilter};

/// What an auditor asks for.
#[derive(Debug)]
pub(crate) struct PackRequest {
    /// First instant; none: the oldest snapshot.
    pub(crate) from: Option<Timestamp>,
    /// Last instant; none: now.
    pub(crate) to: Option<Timestamp>,
    /// Only checks of this framework.
    pub(crate) framework: Option<String>,
    /// Columns to hide, as table and column.
    pub(crate) redact: Vec<(String, String)>,
    /// File or folder to write.
    pub(crate) output: PathBuf,
}

/// A written pack.
pub(crate) struct Packed {
    pub(crate) files: u64,
    pub(crate) manifest_sha256: Digest,
    pub(crate) log_index: u64,
    /// What whoever receives the pack should be told first; the pack is written all the same.
    pub(crate) warnings: Vec<String>,
}

impl Line {
    /// Evaluates as of the end of the period, writes the pack, and seals that it was exported.
    pub(crate) fn pack(
        &self,
        checks: &CheckSet,
        request: &PackRequest,
        progress: &mut dyn FnMut(pack::Progress<'_>),
    ) -> Result<Packed, Failure> {
        let settings = self.settings();
        let frameworks = super::check::catalogues()?;
        if let Some(id) = &request.framework {
            known(&frameworks, id)?;
        }
        let chosen: Vec<String> = checks
            .checks()
            .iter()
            .filter(|check| request.framework.as_ref().is_none_or(|framework| covers(&check.controls, framework)))
            .map(|check| check.name.clone())
            .collect();
        let to = request.to.unwrap_or_else(now).min(now());
        if request.from.is_some_and(|from| from > to) {
            return Err(Failure::usage("the period begins after its end or in the future", "name another period"));
        }
        let parent = request.output.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
            return Err(Failure::usage(format!("there is no folder {}", parent.display()), "make it first"));
        }
        let checked = self.check_for_pack(checks, &chosen, request.to.map(|_| to))?;
        let to = checked.as_of.max(to);

        self.anchor_now()?;
        // the checkpoint of the pack is the one the witnesses have seen last
        self.witness_now()?;
        let store_reader = self.reader()?;
        let oldest = store_reader.snapshots(&SnapshotFilter::default())?.last().map(|row| row.started_at);
        let from = request.from.or(oldest).unwrap_or(to);
        let folder = tempfile::tempdir().map_err(Failure::store)?;
        let database = folder.path().join("evidence.sqlite");
        let of_pack: Vec<&Check> = checks.checks().iter().filter(|check| chosen.contains(&check.name)).collect();
        over_inputs(&settings, &store_reader, checked.as_of, 0, |inputs, _| {
            evaluate::write_database(inputs, &of_pack, &settings.checks.parameters, &database)
        })?
        .map_err(|error| evaluation_failure(&error))?;
        let items = items(&store_reader, from, to, &checked.evaluations)?;
        let mut warnings = Vec::new();
        let snapshots = store_reader.snapshots(&SnapshotFilter::default())?;
        if !snapshots.iter().any(|row| from <= row.finished_at && row.finished_at <= to) {
            warnings.push("no snapshot was taken in this period: the pack holds no evidence of it".to_owned());
        }
        let damage: Vec<pack::Damage> = store_reader
            .damage()?
            .into_iter()
            .map(|row| pack::Damage {
                what: row.path,
                problem: row.problem,
                snapshot: Some(row.snapshot).filter(|snapshot| !snapshot.is_empty()),
            })
            .collect();
        warnings.extend(damage.iter().map(|one| format!("the store is damaged: {one}")));
        let plan = Plan {
            organisation: settings.organisation.name.clone(),
            from,
            to,
            zone: settings.organisation.timezone.clone(),
            log_key: signing_key(&settings)?.verifier().clone(),
            rotations: store_reader.rotations()?,
            checkpoint: store_reader.checkpoint()?.text().clone(),
            custody: super::custody::custody(&settings, &store_reader, &items)?,
            items,
            anchors: anchors(&store_reader, from, to)?,
            authorities: settings
                .log
                .authorities
                .iter()
                .map(|authority| pack::Authority {
                    name: authority.name.clone(),
                    roots: authority.roots.pem().to_owned(),
                })
                .collect(),
            timestamp_every: settings.log.timestamp_every,
            checks: checks
                .checks()
                .iter()
                .filter(|check| chosen.contains(&check.name))
                .map(|check| CheckFile {
                    name: check.name.clone(),
                    title: check.title.clone(),
                    file: check.text.clone().into_bytes(),
                })
                .collect(),
            framework: request.framework.clone(),
            frameworks: frameworks
                .frameworks()
                .iter()
                .filter(|one| request.framework.as_ref().is_none_or(|framework| *framework == one.framework))
                .map(catalogue)
                .collect(),
            collectors: collectors::all().iter().map(|collector| collector.spec().clone()).collect(),
            applicability: settings.handover.applicability.iter().map(Into::into).collect(),
            requests: settings.handover.requests.iter().map(Into::into).collect(),
            slots: slots(&settings, &store_reader, from, to)?,
            exclusions: settings.handover.exclusions.iter().map(Into::into).collect(),
            damage,
            redact: request.redact.clone(),
            // it holds the hidden values in whatever columns the mappings give them
            database: request.redact.is_empty().then_some(Database { path: database, as_of: checked.as_of }),
            created_at: now(),
            tool: TOOL.to_owned(),
        };
        let form = if request.output.extension().is_some_and(|extension| extension == "zip") {
            Form::Archive
        } else {
            Form::Folder
        };
        let key = signing_key(&settings)?;
        let prepared = pack::prepare(&plan, &Shelf { reader: &store_reader }, &key, &request.output, form, progress)
            .map_err(|error| unwritten(&error))?;
        // the entry first: no pack leaves under its name without one, also when the program is killed between the two
        let manifest = prepared.written().manifest_sha256;
        // what the pack refers to is never erased
        let document = model::canonical_json(&ExportRecord {
            schema: ExportRecord::SCHEMA.to_owned(),
            manifest_sha256: manifest,
            from,
            to,
            items: plan.items,
            log_size: Some(prepared.written().log_size),
            log_root: Some(prepared.written().log_root),
        })?;
        let draft = Draft {
            body: Body::Export { pack: manifest },
            series: "export".to_owned(),
            document: Some(Document::new(document, ExportRecord::MEDIA_TYPE)),
        };
        let appended = self.store()?.append(now(), vec![draft])?;
        let written = prepared.publish().map_err(|error| unwritten(&error))?;
        let log_index = appended.first().map(|entry| entry.index).unwrap_or_default();
        Ok(Packed { files: written.files, manifest_sha256: written.manifest_sha256, log_index, warnings })
    }
}

/// Opens one field that a redacted pack hides.
pub(crate) fn reveal(
    settings: &Settings,
    snapshot: &str,
    table: &str,
    column: &str,
    row: u64,
) -> Result<pack::Opened, Failure> {
    let reader = super::reader(settings)?;
    let absent =
        |what: String| Failure::usage(what, "the pack's manifest.json of the snapshot lists tables and columns");
    let sealed = reader.snapshot(snapshot)?.ok_or_else(|| absent(format!("there is no snapshot `{snapshot}`")))?;
    let record = sealed
        .value()
        .tables
        .iter()
        .find(|record| record.name == table)
        .ok_or_else(|| absent(format!("snapshot `{snapshot}` has no table `{table}`")))?;
    let lines = reader.blob(&record.sha256)?;
    let line = usize::try_from(row)
        .ok()
        .and_then(|row| lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).nth(row.checked_sub(1)?))
        .ok_or_else(|| absent(format!("`{table}` has no row {row}: they count from 1 to {}", record.rows)))?;
    let fields: model::Row = serde_json::from_slice(line).map_err(Failure::store)?;
    let value = fields.get(column).ok_or_else(|| absent(format!("row {row} of `{table}` has no `{column}`")))?;
    pack::open_redacted(&signing_key(settings)?, record.sha256, row, column, value).map_err(Failure::store)
}

fn unwritten(error: &pack::PackError) -> Failure {
    let refused = matches!(error, pack::PackError::Plan(_) | pack::PackError::TooLarge(_));
    let exit = if refused { Exit::Usage } else { Exit::Store };
    Failure {
        exit,
        message: error.to_string(),
        help: Some("nothing was left under the pack's name; mend and create it again".to_owned()),
    }
}

/// The log positions of the documents that belong to the period: every snapshot, evaluation and finding event in it,
/// the evaluations just made for its end, every snapshot those rest on, and the identity maps.
fn items(reader: &Reader, from: Timestamp, to: Timestamp, last: &[(u64, Evaluation)]) -> Result<Vec<u64>, Failure> {
    let within = |at: Timestamp| from <= at && at <= to;
    let mut items: BTreeSet<u64> = last.iter().map(|(index, _)| *index).collect();
    let inputs: BTreeSet<&str> = last
        .iter()
        .flat_map(|(_, evaluation)| &evaluation.inputs)
        .filter_map(|input| input.snapshot.as_deref())
        .collect();
    for row in reader.snapshots(&SnapshotFilter::default())? {
        if within(row.finished_at) || inputs.contains(row.id.as_str()) {
            items.insert(row.log_index);
        }
    }
    for row in reader.evaluations(None, None)? {
        if within(row.as_of) {
            items.insert(row.log_index);
        }
    }
    let size = reader.checkpoint()?.size();
    let erased: BTreeSet<u64> = reader.erased()?.iter().map(|row| row.log_index).collect();
    let in_force: BTreeSet<String> = super::exceptions(reader)?
        .into_iter()
        .filter(|(_, exception)| exception.requested.at <= to && exception.request.until > from)
        .map(|(_, exception)| exception.id)
        .collect();
    let reviewed: BTreeSet<String> = super::review::campaigns(reader)?
        .into_iter()
        .map(|campaign| campaign.review)
        .filter(|review| {
            let ended = review.signed.as_ref().map(|signed| signed.word.at);
            let ended = ended.or(review.cancelled.as_ref().map(|word| word.at));
            review.started.at <= to && ended.is_none_or(|ended| ended > from)
        })
        .map(|review| review.id)
        .collect();
    let speaks: BTreeSet<String> = super::manual::manual(reader)?
        .into_iter()
        .filter(|(.., evidence)| evidence.addition.from <= to && evidence.addition.to > from)
        .map(|(.., evidence)| evidence.id)
        .collect();
    let last_evaluation = items.last().copied().unwrap_or_default();
    for stored in reader.entries(0..size)? {
        let entry: &Entry = &stored.entry;
        let wanted = match &entry.body {
            Body::IdentityMap => stored.index <= last_evaluation,
            // all that led to what was in force, and nothing that came after
            // what speaks of the period may be added after it
            Body::Evidence { evidence, .. } => speaks.contains(evidence),
            Body::AccessReview { review, .. } => reviewed.contains(review) && entry.at <= to,
            Body::Exception { exception, .. } => in_force.contains(exception) && entry.at <= to,
            Body::FindingEvent { .. } | Body::Confirmation { .. } => within(entry.at) || stored.index > last_evaluation,
            _ => false,
        };
        if wanted && !erased.contains(&stored.index) {
            items.insert(stored.index);
        }
    }
    Ok(items.into_iter().collect())
}

/// The anchors that bound what happened in the period: those made in it, the last before it and all after it.
fn anchors(reader: &Reader, from: Timestamp, to: Timestamp) -> Result<Vec<u64>, Failure> {
    let size = reader.checkpoint()?.size();
    let all: Vec<_> = reader.anchors()?.into_iter().filter(|anchor| anchor.index < size).collect();
    // tokens tell whole seconds: one of the second in which the period begins may have been made before it
    let begins = from.as_second();
    let last_before = all.iter().rfind(|anchor| anchor.gen_time.as_second() < begins).map_or(0, |anchor| anchor.size);
    let before = all.iter().position(|anchor| anchor.size >= last_before).unwrap_or(0);
    let after = all.iter().position(|anchor| anchor.gen_time > to).map_or(all.len(), |first| first + 16);
    Ok(all.get(before..after.min(all.len())).unwrap_or_default().iter().map(|anchor| anchor.index).collect())
}

/// Slots of one source that are looked at; the newest count.
const MOST_UNRECORDED: usize = 10_000;

/// Every due slot of the period: what the log says became of it, and those that came due after a source's first
/// recorded slot and have no outcome, because the daemon was not running.
fn slots(settings: &Settings, reader: &Reader, from: Timestamp, to: Timestamp) -> Result<Vec<Slot>, Failure> {
    let recorded = reader.slots(None, None, Some(to))?;
    let mut slots: Vec<Slot> = Vec::new();
    for source in &settings.sources {
        let of_source: BTreeSet<Timestamp> =
            recorded.iter().filter(|row| row.source == source.name).map(|row| row.due_at).collect();
        let (Some(schedule), Some(first)) = (&source.schedule, of_source.first()) else { continue };
        let due = schedule.due_between((*first).max(from), to, MOST_UNRECORDED).newest;
        slots.extend(due.into_iter().filter(|due| !of_source.contains(due)).map(|due_at| Slot {
            source: source.name.clone(),
            due_at,
            outcome: "missed".to_owned(),
            reason: Some("no outcome is recorded: the daemon was not running".to_owned()),
            snapshot: None,
        }));
    }
    slots.extend(recorded.into_iter().filter(|row| from <= row.due_at).map(|row| Slot {
        source: row.source,
        due_at: row.due_at,
        outcome: row.outcome,
        reason: row.reason,
        snapshot: row.snapshot,
    }));
    slots.sort_by(|a, b| (&a.source, a.due_at).cmp(&(&b.source, b.due_at)));
    Ok(slots)
}

/// The word the catalogues use.
const fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Check => "check",
        Coverage::Manual => "manual",
        Coverage::Review => "review",
    }
}

fn covers(controls: &[String], framework: &str) -> bool {
    controls.iter().any(|control| control.split_once('/').is_some_and(|(of, _)| of == framework))
}

fn known(catalogues: &Catalogues, id: &str) -> Result<(), Failure> {
    let known: Vec<&str> = catalogues.frameworks().iter().map(|framework| framework.framework.as_str()).collect();
    if known.contains(&id) {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no framework `{id}`"), format!("known: {}", known.join(", "))))
}

fn catalogue(found: &evaluate::Framework) -> Framework {
    Framework {
        id: found.framework.clone(),
        title: found.title.clone(),
        controls: found
            .controls
            .iter()
            .map(|control| Control {
                id: control.id.clone(),
                title: control.title.clone(),
                coverage: coverage(control.coverage).to_owned(),
            })
            .collect(),
    }
}

/// Hands the store's sealed bytes to the pack, one at a time.
struct Shelf<'a> {
    reader: &'a Reader,
}

impl Source for Shelf<'_> {
    fn entry(&self, index: u64) -> Result<Vec<u8>, SourceError> {
        Ok(self.reader.entry(index)?.entry.bytes().to_vec())
    }

    fn opening(&self, index: u64) -> Result<String, SourceError> {
        let opening = self.reader.opening(index)?.ok_or_else(|| format!("entry {index} commits to no document"))?;
        Ok(opening.to_string())
    }

    fn document(&self, index: u64) -> Result<Vec<u8>, SourceError> {
        Ok(self.reader.document(index)?.ok_or_else(|| format!("entry {index} has no document"))?)
    }

    fn anchor(&self, index: u64) -> Result<(Vec<u8>, Vec<u8>), SourceError> {
        let anchor = store::Anchor::of(index, &self.reader.entry(index)?.entry)
            .ok_or_else(|| format!("entry {index} is no anchor"))?;
        let files = self.reader.anchor_files(&anchor)?;
        Ok((files.checkpoint, files.response))
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        Ok(self.reader.blob(digest)?)
    }
}
