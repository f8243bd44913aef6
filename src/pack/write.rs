//! Writes a pack: the log, each sealed document with what it refers to, then the summaries, then manifest and digests.
//!
//! Whatever does not prove against the checkpoint is an error here already; a pack that is written verifies.

use crate::entries::{self, Entries, Lines};
use crate::error::PackError;
use crate::extent::{Limits, foresee};
use crate::layout;
use crate::manifest::{self, ItemRecord, MANIFEST, PackManifest, RedactionRecord, SIGNATURE, SUMS};
use crate::names::Taken;
use crate::plan::{Form, Plan, Progress, Source};
use crate::readme::{self, Facts};
use crate::redact::Redaction;
use crate::reperform;
use crate::report;
use crate::sink::Sink;
use crate::summary::{
    EvidenceRow, Summary, changes, changes_csv, controls_csv, coverage_csv, exceptions_csv, index_csv, index_json,
    index_xlsx, requests_csv, scope_json,
};
use crate::tables::write_csv;
use ledger::{Body, Entry, Proof, Sealed, SignedCheckpoint, SigningKey};
use model::{Digest, Evaluation, Manifest, canonical_json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A pack that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its `MANIFEST.json`, for the log's export entry.
    pub manifest_sha256: Digest,
    /// Number of files.
    pub files: u64,
    /// Their length before compression.
    pub bytes: u64,
    /// Number of sealed documents.
    pub items: u64,
    /// Entries of the log it ships.
    pub log_size: u64,
    /// The root of their tree.
    pub log_root: Digest,
}

/// A pack that is whole and on disk, and has not got its name yet. Dropped, it leaves nothing behind.
pub struct Prepared {
    sink: Sink,
    written: Written,
}

impl Prepared {
    /// What was written, and where it will be.
    pub const fn written(&self) -> &Written {
        &self.written
    }

    /// Gives the pack its name.
    pub fn publish(self) -> Result<Written, PackError> {
        let path = self.written.path.display().to_string();
        self.sink.publish().map_err(|source| PackError::Write { path, source })?;
        Ok(self.written)
    }
}

/// Writes the pack of `plan` beside `target`, which must not exist, under a hidden name until [`Prepared::publish`].
/// The same plan and source give the same bytes.
pub fn prepare(
    plan: &Plan,
    source: &dyn Source,
    signer: &SigningKey,
    target: &Path,
    form: Form,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Prepared, PackError> {
    prepare_within(Limits::OF_VERIFY, plan, source, signer, target, form, progress)
}

/// The same, with the limits named.
pub(crate) fn prepare_within(
    limits: Limits,
    plan: &Plan,
    source: &dyn Source,
    signer: &SigningKey,
    target: &Path,
    form: Form,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Prepared, PackError> {
    if signer.verifier() != &plan.log_key {
        return Err(PackError::Plan("the key that would sign it is not the log's".to_owned()));
    }
    let checkpoint = SignedCheckpoint::open(&plan.checkpoint, &plan.log_key)
        .map_err(|error| PackError::Unproven { what: "the checkpoint".to_owned(), problem: error.to_string() })?;
    let mut items = plan.items.clone();
    items.sort_unstable();
    items.dedup();
    if let Some(beyond) = items.last().filter(|index| **index >= checkpoint.size()) {
        return Err(PackError::Plan(format!(
            "the log has no entry {beyond}: the checkpoint is of {}",
            checkpoint.size()
        )));
    }
    let mut entries = Entries::load(plan, source, &checkpoint)?;
    if plan.database.is_some() && !plan.redact.is_empty() {
        return Err(PackError::Plan("a redacted pack holds no database: it would show what is hidden".to_owned()));
    }
    foresee(plan, source, &items, limits)?;
    let redaction = Redaction::gather(plan, source, &items)?;
    let sink = Sink::create(target, form).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => PackError::Exists(target.to_owned()),
        _ => PackError::Write { path: target.display().to_string(), source: error },
    })?;
    let mut writer = Writer {
        limits,
        plan,
        source,
        summary: Summary {
            waiting: std::mem::take(&mut entries.waiting),
            gaps: std::mem::take(&mut entries.gaps),
            cosigned: checkpoint.signatures().iter().any(|line| line.name != plan.log_key.name()),
            ..Summary::default()
        },
        checkpoint,
        entries,
        sink,
        items: Vec::new(),
        folders: Taken::default(),
        signer,
        redaction,
        hidden: RedactionRecord::default(),
    };
    writer.log()?;
    writer.anchors()?;
    writer.previous()?;
    let total = items.len() as u64;
    for (done, index) in (1..).zip(items) {
        let path = writer.item(index)?;
        progress(Progress { done, total, path: &path });
    }
    writer.checks()?;
    writer.database()?;
    writer.summaries()?;
    writer.seal(signer, target)
}

pub(crate) struct Writer<'a> {
    limits: Limits,
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a dyn Source,
    pub(crate) checkpoint: SignedCheckpoint,
    pub(crate) entries: Entries,
    sink: Sink,
    items: Vec<ItemRecord>,
    folders: Taken,
    summary: Summary,
    signer: &'a SigningKey,
    redaction: Redaction,
    hidden: RedactionRecord,
}

impl Writer<'_> {
    pub(crate) fn add(&mut self, path: &str, bytes: &[u8]) -> Result<Digest, PackError> {
        self.sink.add(path, bytes).map_err(|source| PackError::Write { path: path.to_owned(), source })
    }

    fn log(&mut self) -> Result<(), PackError> {
        let checkpoint = self.checkpoint.text();
        self.add(layout::CHECKPOINT, checkpoint.as_bytes())?;
        for (index, checkpoint) in &self.plan.rotations {
            self.add(&layout::rotation(*index), checkpoint.as_bytes())?;
        }
        self.add(layout::LOG_KEY, format!("{}\n", self.plan.log_key).as_bytes())?;
        self.add(layout::LOG_KEY_PEM, manifest::pem(&self.plan.log_key).as_bytes())?;
        let mut lines = Lines::new(self.source, self.checkpoint.size());
        self.sink
            .add_from(layout::ENTRIES, self.entries.bytes, &mut lines)
            .map_err(|source| PackError::Write { path: layout::ENTRIES.to_owned(), source })?;
        Ok(())
    }

    /// Writes the document of one entry, its opening and its proof, and returns the document's path.
    fn item(&mut self, index: u64) -> Result<String, PackError> {
        let failed = |source| PackError::Source { what: format!("the document of entry {index}"), source };
        let entry = entries::read(self.source, index)?;
        let opening = self.source.opening(index).map_err(failed)?;
        let document = self.source.document(index).map_err(failed)?;
        self.limits.document(index, document.len())?;
        let inclusion = self.entries.inclusion(index)?;
        let sealed =
            Sealed::prove(&entry, &inclusion, &self.checkpoint, &opening, &document, |_| Ok::<(), Infallible>(()))
                .map_err(|error| unproven(index, &error))?;
        if self.redaction.named_in(&document) {
            return self.withhold(index, sealed.entry(), &document);
        }
        let path = match &sealed.entry().body {
            Body::Snapshot { .. } => self.snapshot(index, sealed.entry(), &document)?,
            Body::Evaluation { .. } => self.evaluation(index, sealed.entry(), &document)?,
            Body::FindingEvent { finding, .. } => self.finding(index, sealed.entry(), finding, &document)?,
            Body::Exception { exception, .. } => self.exception(index, sealed.entry(), exception, &document)?,
            Body::Evidence { evidence, event } if event != "file" => {
                self.word_about(index, sealed.entry(), evidence, &document)?
            }
            Body::AccessReview { review, event } => {
                let extension = layout::extension(sealed.opening().media_type());
                let event = crate::names::segment(event);
                let path = format!("access_reviews/{}/{index}-{event}.{extension}", crate::names::segment(review));
                self.other(index, sealed.entry(), &path, &document)?;
                path
            }
            other => {
                let extension = layout::extension(sealed.opening().media_type());
                let kind = crate::names::segment(other.kind());
                let path = format!("documents/{kind}/{index}.{extension}");
                self.other(index, sealed.entry(), &path, &document)?;
                if let Body::Evidence { evidence, .. } = other {
                    self.summary.manual.file(evidence, &path);
                }
                path
            }
        };
        self.add(&layout::opening(index), opening.as_bytes())?;
        let proof = Proof::new(inclusion, &self.checkpoint).to_string();
        self.add(&layout::proof(index), proof.as_bytes())?;
        let kind = sealed.entry().body.kind().to_owned();
        self.items.push(ItemRecord { log_index: index, kind, path: path.clone() });
        Ok(path)
    }

    /// Leaves a document that names a hidden value out, opening and all, and says that it exists.
    fn withhold(&mut self, index: u64, entry: &Entry, document: &[u8]) -> Result<String, PackError> {
        match &entry.body {
            Body::Snapshot { snapshot, .. } => {
                return Err(PackError::Plan(format!(
                    "the sealed manifest of snapshot `{snapshot}` itself names a value of a redacted column, for example in a \
                     request; leave that column unredacted, or pack a period or framework without this snapshot"
                )));
            }
            Body::Evaluation { .. } => {
                let mut evaluation: Evaluation =
                    serde_json::from_slice(document).map_err(|error| unproven(index, &error))?;
                evaluation.members.clear();
                evaluation.why.retain(|why| !self.redaction.named_in(why.as_bytes()));
                evaluation.why.push("the evaluation is withheld: it names a redacted value".to_owned());
                self.summary.evaluation(evaluation, MANIFEST, index);
            }
            _ => self.summary.other += 1,
        }
        self.hidden.documents.push(index);
        let mut row = EvidenceRow::of_entry(entry, index, "", Digest::of(document));
        row.sha256 = String::new();
        "withheld whole: it names a redacted value".clone_into(&mut row.redactions);
        self.summary.rows.push(row);
        Ok(format!("entry {index}, withheld"))
    }

    fn snapshot(&mut self, index: u64, entry: &Entry, document: &[u8]) -> Result<String, PackError> {
        let manifest: Manifest = serde_json::from_slice(document).map_err(|error| unproven(index, &error))?;
        let folder = self.folders.unique(&layout::snapshot(&manifest.source, manifest.started_at, &manifest.id));
        let path = format!("{folder}/manifest.json");
        let sha256 = self.add(&path, document)?;
        let touched = self.redaction.touches(&manifest);
        if touched {
            self.hidden.snapshots.push(index);
        }
        // an answer holds the values in whatever way the source spells them: it is withheld whole
        for exchange in manifest.exchanges.iter().filter(|_| !touched) {
            let body = self.blob(&exchange.sha256, || format!("exchange {} of {}", exchange.seq, manifest.id))?;
            self.add(&format!("{folder}/exchanges/{}", layout::exchange(exchange, &body)), &body)?;
        }
        for table in &manifest.tables {
            let lines = self.blob(&table.sha256, || format!("table `{}` of {}", table.name, manifest.id))?;
            let name = crate::names::segment(&table.name);
            let hidden = self.redaction.of_table(&table.name).next().is_some();
            let (lines, suffix) = if hidden {
                let lines = self.redaction.lines(&table.name, table.sha256, &lines, self.signer)?;
                (lines, layout::REDACTED_SUFFIX)
            } else {
                (lines, layout::LINES_SUFFIX)
            };
            let mut sheet = Vec::new();
            write_csv(&table.spec, &lines[..], &mut sheet).map_err(|error| unproven(index, &error))?;
            self.add(&format!("{folder}/tables/{name}{suffix}"), &lines)?;
            drop(lines);
            self.add(&format!("{folder}/tables/{name}.csv"), &sheet)?;
        }
        let mut row = EvidenceRow::of_entry(entry, index, &path, sha256).with_manifest(&manifest);
        if touched {
            let tables = manifest.tables.iter();
            let columns: Vec<String> = tables
                .flat_map(|table| self.redaction.of_table(&table.name).map(|column| format!("{}.{column}", table.name)))
                .collect();
            row.redactions = format!("{} (answers withheld)", columns.join("; "));
        }
        self.summary.rows.push(row);
        self.summary.snapshot(manifest, &path, index);
        Ok(path)
    }

    fn evaluation(&mut self, index: u64, entry: &Entry, document: &[u8]) -> Result<String, PackError> {
        let evaluation: Evaluation = serde_json::from_slice(document).map_err(|error| unproven(index, &error))?;
        let path = layout::evaluation(&evaluation.check, evaluation.as_of, index);
        let sha256 = self.add(&path, document)?;
        self.summary.rows.push(EvidenceRow::of_entry(entry, index, &path, sha256).with_evaluation(&evaluation));
        self.summary.evaluation(evaluation, &path, index);
        Ok(path)
    }

    fn finding(&mut self, index: u64, entry: &Entry, id: &str, document: &[u8]) -> Result<String, PackError> {
        let event: serde_json::Value = serde_json::from_slice(document).map_err(|error| unproven(index, &error))?;
        let path = layout::finding_event(index);
        let sha256 = self.add(&path, document)?;
        self.summary.rows.push(EvidenceRow::of_entry(entry, index, &path, sha256));
        self.summary.findings.add(index, id, &event);
        Ok(path)
    }

    fn exception(&mut self, index: u64, entry: &Entry, id: &str, document: &[u8]) -> Result<String, PackError> {
        let event: serde_json::Value = serde_json::from_slice(document).map_err(|error| unproven(index, &error))?;
        let path = layout::exception_event(index);
        let sha256 = self.add(&path, document)?;
        self.summary.rows.push(EvidenceRow::of_entry(entry, index, &path, sha256));
        self.summary.exceptions.add(index, id, &event);
        Ok(path)
    }

    /// What a person says of a file that is in the pack beside it.
    fn word_about(&mut self, index: u64, entry: &Entry, id: &str, document: &[u8]) -> Result<String, PackError> {
        let event: serde_json::Value = serde_json::from_slice(document).map_err(|error| unproven(index, &error))?;
        let path = format!("documents/evidence/{index}.json");
        let sha256 = self.add(&path, document)?;
        self.summary.rows.push(EvidenceRow::of_entry(entry, index, &path, sha256));
        self.summary.manual.add(index, id, &event);
        Ok(path)
    }

    fn other(&mut self, index: u64, entry: &Entry, path: &str, document: &[u8]) -> Result<(), PackError> {
        let sha256 = self.add(path, document)?;
        self.summary.rows.push(EvidenceRow::of_entry(entry, index, path, sha256));
        self.summary.other += 1;
        Ok(())
    }

    fn blob(&self, digest: &Digest, what: impl Fn() -> String) -> Result<Vec<u8>, PackError> {
        let bytes = self.source.blob(digest).map_err(|source| PackError::Source { what: what(), source })?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(PackError::Unproven { what: what(), problem: format!("its digest is {found}, not {digest}") })
        }
    }

    fn checks(&mut self) -> Result<(), PackError> {
        let as_of = self.plan.database.as_ref().map(|database| database.as_of);
        let checks: BTreeMap<&str, _> = self.plan.checks.iter().map(|check| (check.name.as_str(), check)).collect();
        for (name, check) in checks {
            self.add(&layout::original_check(name), &check.file)?;
            let script = self
                .summary
                .repeatable(name, as_of)
                .map(|evaluation| reperform::script(name, &check.file, &evaluation.bindings));
            // without an evaluation there are no values to perform it with
            if let Some(script) = script {
                self.add(&layout::check(name), &script)?;
            }
        }
        Ok(())
    }

    fn database(&mut self) -> Result<(), PackError> {
        let Some(database) = &self.plan.database else { return Ok(()) };
        let failed = |source| PackError::Write { path: layout::DATABASE.to_owned(), source };
        let mut file = File::open(&database.path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        self.sink.add_from(layout::DATABASE, size, &mut file).map_err(failed)?;
        Ok(())
    }

    fn summaries(&mut self) -> Result<(), PackError> {
        let facts = Facts { plan: self.plan, summary: &self.summary };
        let rows = self.summary.evidence(self.plan);
        let changes = changes(self.plan, &self.summary, &self.entries);
        let mut pages = vec![
            (layout::README_TEXT.to_owned(), readme::text(&facts).into_bytes()),
            (layout::README_HTML.to_owned(), readme::html(&facts).into_bytes()),
            (layout::VERIFY_SH.to_owned(), include_bytes!("verify.sh").to_vec()),
            (layout::SCOPE.to_owned(), scope_json(self.plan, &self.summary)?),
            (layout::INDEX_CSV.to_owned(), index_csv(&rows)?),
            (layout::INDEX_JSON.to_owned(), index_json(&rows)?),
            (layout::INDEX_XLSX.to_owned(), index_xlsx(&rows).map_err(csv::Error::from)?),
            (layout::REQUESTS.to_owned(), requests_csv(self.plan, &rows)?),
            (layout::COVERAGE.to_owned(), coverage_csv(&self.plan.slots, &self.summary)?),
            (layout::EXCEPTIONS.to_owned(), exceptions_csv(&self.summary)?),
            (layout::CHANGES.to_owned(), changes_csv(&changes)?),
        ];
        for framework in &self.plan.frameworks {
            pages.push((layout::controls(&framework.id), controls_csv(framework, &self.summary)?));
        }
        pages.extend(report::pages(&report::Facts {
            plan: self.plan,
            summary: &self.summary,
            evidence: &rows,
            changes: &changes,
        })?);
        if !self.summary.findings.is_empty() {
            pages.push((layout::FINDINGS_CSV.to_owned(), self.summary.findings.csv(&self.summary.snapshots)?));
            pages.push((layout::FINDINGS_JSON.to_owned(), self.summary.findings.json()?));
        }
        for (path, bytes) in pages {
            self.add(&path, &bytes)?;
        }
        Ok(())
    }

    fn seal(mut self, signer: &SigningKey, target: &Path) -> Result<Prepared, PackError> {
        let redacted = !self.redaction.is_empty();
        let manifest = PackManifest {
            schema: if redacted { PackManifest::REDACTED } else { PackManifest::SCHEMA }.to_owned(),
            organisation: self.plan.organisation.clone(),
            from: self.plan.from,
            to: self.plan.to,
            framework: self.plan.framework.clone(),
            created_at: self.plan.created_at,
            tool: self.plan.tool.clone(),
            log_key: self.plan.log_key.to_string(),
            log_size: self.checkpoint.size(),
            log_root: self.checkpoint.root(),
            items: std::mem::take(&mut self.items),
            files: self.sink.files(),
            redaction: redacted
                .then(|| RedactionRecord { columns: self.redaction.names(), ..std::mem::take(&mut self.hidden) }),
        };
        // with the manifest, its signature and the digest list
        self.limits.files(manifest.files.len() + 3)?;
        let bytes = canonical_json(&manifest)?;
        let signature = manifest::sign(&bytes, signer).map_err(|error| PackError::Plan(error.to_string()))?;
        let manifest_sha256 = self.add(MANIFEST, &bytes)?;
        let signature_sha256 = self.add(SIGNATURE, signature.as_bytes())?;
        let sums = manifest::sums(&manifest, manifest_sha256, signature_sha256);
        self.add(SUMS, sums.as_bytes())?;
        let written = Written {
            path: target.to_owned(),
            manifest_sha256,
            files: manifest.files.len() as u64 + 3,
            bytes: self.sink.bytes(),
            items: manifest.items.len() as u64,
            log_size: manifest.log_size,
            log_root: manifest.log_root,
        };
        self.sink.settle().map_err(|source| PackError::Write { path: target.display().to_string(), source })?;
        Ok(Prepared { sink: self.sink, written })
    }
}

fn unproven(index: u64, problem: &dyn std::fmt::Display) -> PackError {
    PackError::Unproven { what: format!("the document of entry {index}"), problem: problem.to_string() }
}
