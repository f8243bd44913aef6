//! The sealed documents of a pack: each proven to be in the log, and everything it names by digest compared with it.

use super::Examination;
use super::log::Log;
use crate::layout;
use crate::manifest::{ItemRecord, MANIFEST, PackManifest};
use crate::names::segment;
use crate::tables::write_csv;
use ledger::{Body, Entry, Proof, SealError, Sealed, SignedCheckpoint};
use model::{Digest, Evaluation, Manifest};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// Largest document; manifests of large runs list every exchange.
const MAX_DOCUMENT: u64 = 512 * 1024 * 1024;
/// Largest opening or proof.
const MAX_PROOF: u64 = 2 * 1024 * 1024;
/// Tables beyond this are compared by digest, but their CSV is not derived again.
const MAX_TABLE: u64 = 512 * 1024 * 1024;

/// What was found over all documents.
#[derive(Default)]
struct Tally {
    expected: BTreeSet<String>,
    kinds: BTreeMap<String, u64>,
    exchanges: u64,
    tables: u64,
    /// Manifest digests of the shipped snapshots, by id.
    snapshots: BTreeMap<String, Digest>,
    evaluations: Vec<(String, Evaluation)>,
    unread_tables: u64,
    /// Folders of snapshots that are not proven, so that nothing says what belongs into them.
    unproven: Vec<String>,
}

impl Examination {
    pub(super) fn documents(&mut self, manifest: &PackManifest, log: &Log) {
        let Some(checkpoint) = &log.checkpoint else { return };
        let mut tally = Tally::default();
        for item in &manifest.items {
            if !self.document(item, checkpoint, log, &mut tally)
                && let Some(folder) = item.path.strip_suffix("manifest.json")
            {
                tally.unproven.push(folder.to_owned());
            }
        }
        self.unreferenced(&tally);
        self.evaluations(&tally);
        self.checks(&tally);
        let kinds: Vec<String> = tally.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let total: u64 = tally.kinds.values().sum();
        self.proven.push(format!(
            "each of the {total} sealed documents ({}) is the one its log entry commits to",
            kinds.join(", ")
        ));
        self.proven.push(format!(
            "the {} answers in exchanges/ and the {} tables are the bytes the snapshots' manifests name, and every CSV table shows those rows",
            tally.exchanges, tally.tables
        ));
        let shipped = tally.kinds.get("snapshot").copied().unwrap_or(0);
        if shipped < log.snapshots {
            self.not_proven.push(format!(
                "anything about the content of {} of the log's {} snapshots: their entries are here, their documents were not shipped",
                log.snapshots - shipped,
                log.snapshots
            ));
        }
        if tally.unread_tables > 0 {
            self.not_proven
                .push(format!("that the CSV of {} very large tables shows the sealed rows", tally.unread_tables));
        }
    }

    /// Whether the document is proven and its content read.
    fn document(&mut self, item: &ItemRecord, checkpoint: &SignedCheckpoint, log: &Log, tally: &mut Tally) -> bool {
        let index = item.log_index;
        let (opening_path, proof_path) = (layout::opening(index), layout::proof(index));
        tally.expected.extend([item.path.clone(), opening_path.clone(), proof_path.clone()]);
        let document = self.read(&item.path, MAX_DOCUMENT);
        let opening = self.read(&opening_path, MAX_PROOF);
        let proof = self.read(&proof_path, MAX_PROOF);
        let Some(entry) = log.entries.get(&index) else {
            self.problem(MANIFEST, format!("it lists a document of entry {index}, which the log does not have"));
            return false;
        };
        let (Some(document), Some(opening), Some(proof)) = (document, opening, proof) else { return false };
        let proven = Proof::parse(&proof).map_err(|error| (proof_path.clone(), error.to_string())).and_then(|proof| {
            if proof.inclusion.index != index || proof.extra.is_some() || proof.checkpoint != checkpoint.text() {
                let problem = format!("it proves something other than entry {index} under log/checkpoint");
                return Err((proof_path.clone(), problem));
            }
            let parse = |_: &[u8]| Ok::<(), Infallible>(());
            Sealed::prove(entry, &proof.inclusion, checkpoint, &opening, &document, parse).map_err(|error| {
                let path = match &error {
                    SealError::Inclusion { .. } => &proof_path,
                    SealError::OpeningDiffers { .. } | SealError::Opening(_) => &opening_path,
                    _ => &item.path,
                };
                (path.clone(), error.to_string())
            })
        });
        match proven {
            Ok(sealed) if sealed.entry().body.kind() == item.kind => {
                *tally.kinds.entry(item.kind.clone()).or_default() += 1;
                self.content(item, sealed.entry(), sealed.document_sha256(), &document, tally);
                true
            }
            Ok(_) => {
                self.problem(MANIFEST, format!("entry {index} is of another kind than it says"));
                false
            }
            Err((path, problem)) => {
                self.problem(path, problem);
                false
            }
        }
    }

    /// What the document says of others. Documents of other kinds, also those of newer programs, say nothing of files.
    fn content(&mut self, item: &ItemRecord, entry: &Entry, sha256: Digest, document: &[u8], tally: &mut Tally) {
        match &entry.body {
            Body::Snapshot { snapshot, source, status, .. } => match serde_json::from_slice::<Manifest>(document) {
                Ok(manifest) if (&manifest.id, &manifest.source, manifest.status) == (snapshot, source, *status) => {
                    tally.snapshots.insert(manifest.id.clone(), sha256);
                    self.snapshot(&item.path, &manifest, tally);
                }
                Ok(_) => self.problem(&item.path, "it describes another snapshot than its log entry"),
                Err(error) => {
                    self.problem(&item.path, format!("it is sealed and cannot be read as a manifest: {error}"));
                }
            },
            Body::Evaluation { check, outcome } => match serde_json::from_slice::<Evaluation>(document) {
                Ok(evaluation) if (&evaluation.check, evaluation.outcome) == (check, *outcome) => {
                    tally.evaluations.push((item.path.clone(), evaluation));
                }
                Ok(_) => self.problem(&item.path, "it describes another evaluation than its log entry"),
                Err(error) => {
                    self.problem(&item.path, format!("it is sealed and cannot be read as an evaluation: {error}"));
                }
            },
            _ => {}
        }
    }

    fn snapshot(&mut self, path: &str, manifest: &Manifest, tally: &mut Tally) {
        let Some(folder) = path.strip_suffix("manifest.json") else {
            return self.problem(path, "a snapshot's document is not called manifest.json");
        };
        for exchange in &manifest.exchanges {
            let prefix = format!("{folder}exchanges/{}", layout::exchange_prefix(exchange.seq));
            let found: Vec<(String, Digest)> = self
                .container
                .seen()
                .range(prefix.clone()..)
                .take_while(|(name, _)| name.starts_with(&prefix))
                .map(|(name, seen)| (name.clone(), seen.sha256))
                .collect();
            match &found[..] {
                [(name, sha256)] => {
                    if *sha256 == exchange.sha256 {
                        tally.exchanges += 1;
                    } else {
                        self.problem(
                            name,
                            format!("its digest is {sha256}, the sealed manifest says {}", exchange.sha256),
                        );
                    }
                    tally.expected.insert(name.clone());
                }
                // a broken file is not among those seen, and is reported
                [] if !self.problems.iter().any(|problem| problem.path.starts_with(&prefix)) => {
                    self.problem(prefix, format!("the answer to request {} is missing", exchange.seq));
                }
                [] => {}
                _ => self.problem(prefix, "there are several files for one request"),
            }
        }
        for table in &manifest.tables {
            let name = segment(&table.name);
            let (lines, sheet) = (format!("{folder}tables/{name}.jsonl"), format!("{folder}tables/{name}.csv"));
            tally.expected.extend([lines.clone(), sheet.clone()]);
            match self.container.seen().get(&lines).map(|seen| seen.sha256) {
                Some(sha256) if sha256 == table.sha256 => {
                    tally.tables += 1;
                    self.table(&lines, &sheet, &table.spec, table.rows, tally);
                }
                Some(sha256) => {
                    self.problem(&lines, format!("its digest is {sha256}, the sealed manifest says {}", table.sha256));
                }
                None if self.container.is_broken(&lines) => {}
                None => self.problem(&lines, "it is missing"),
            }
        }
    }

    /// The CSV a person reads holds the rows that were sealed.
    fn table(&mut self, lines_path: &str, sheet_path: &str, spec: &model::TableSpec, rows: u64, tally: &mut Tally) {
        if self.container.seen().get(lines_path).is_some_and(|seen| seen.size > MAX_TABLE) {
            tally.unread_tables += 1;
            return;
        }
        let Some(lines) = self.read(lines_path, MAX_TABLE) else { return };
        let mut sheet = DigestWriter::default();
        match write_csv(spec, &lines[..], &mut sheet) {
            Ok(found) if found == rows => {}
            Ok(found) => {
                return self.problem(lines_path, format!("it has {found} rows, the sealed manifest says {rows}"));
            }
            Err(error) => return self.problem(lines_path, error.to_string()),
        }
        match self.container.seen().get(sheet_path).map(|seen| seen.sha256) {
            Some(sha256) if sha256 == sheet.0.finish() => {}
            Some(_) => self.problem(sheet_path, "it does not show the rows that were sealed"),
            None if self.container.is_broken(sheet_path) => {}
            None => self.problem(sheet_path, "it is missing"),
        }
    }

    /// Nothing lies among the sealed files that no sealed document names.
    fn unreferenced(&mut self, tally: &Tally) {
        let sealed = ["evidence/", "evaluations/", "documents/", "findings/events/", "log/openings/", "log/proofs/"];
        let loose: Vec<String> = self
            .container
            .seen()
            .keys()
            .filter(|path| sealed.iter().any(|folder| path.starts_with(folder)))
            .filter(|path| {
                !tally.expected.contains(*path) && !tally.unproven.iter().any(|folder| path.starts_with(folder))
            })
            .cloned()
            .collect();
        for path in loose {
            // what is not in the signed manifest either has been named already
            if !self.problems.iter().any(|problem| problem.path == path) {
                self.problem(path, "no sealed document names it");
            }
        }
    }

    fn evaluations(&mut self, tally: &Tally) {
        let mut elsewhere = 0_u64;
        for (path, evaluation) in &tally.evaluations {
            for input in &evaluation.inputs {
                let (Some(id), Some(sha256)) = (&input.snapshot, input.sha256) else { continue };
                match tally.snapshots.get(id) {
                    Some(shipped) if *shipped == sha256 => {}
                    Some(_) => self.problem(path, format!("it used another snapshot `{id}` than the one shipped")),
                    None => elsewhere += 1,
                }
            }
        }
        if elsewhere > 0 {
            self.not_proven
                .push(format!("what evaluations saw in {elsewhere} inputs whose snapshots were not shipped"));
        } else if !tally.evaluations.is_empty() {
            self.proven.push(format!(
                "each of the {} evaluations used the snapshots that are shipped here",
                tally.evaluations.len()
            ));
        }
    }

    /// The checks shipped are the files that were run, and those to run again hold them unchanged.
    fn checks(&mut self, tally: &Tally) {
        let originals: BTreeMap<String, Digest> = self
            .container
            .seen()
            .iter()
            .filter(|(path, _)| path.starts_with("checks/original/"))
            .map(|(path, seen)| (path.clone(), seen.sha256))
            .collect();
        for path in originals.keys() {
            let script_path = path.replace("checks/original/", "checks/");
            if !self.container.seen().contains_key(&script_path) {
                continue;
            }
            let (Some(original), Some(script)) = (self.read(path, MAX_PROOF), self.read(&script_path, MAX_PROOF))
            else {
                continue;
            };
            if !script.ends_with(&original) {
                self.problem(script_path, format!("it does not hold {path} unchanged"));
            }
        }
        let other = tally
            .evaluations
            .iter()
            .filter(|(_, evaluation)| {
                originals.get(&layout::original_check(&evaluation.check)) != Some(&evaluation.check_sha256)
            })
            .count();
        if other > 0 {
            self.not_proven.push(format!(
                "with which SQL {other} evaluations were made: that version of the check is not shipped"
            ));
        }
        if !tally.evaluations.is_empty() {
            self.not_proven.push(
                "that the checks' SQL gives these verdicts: perform it again with sqlite3 (00_README.txt says how)"
                    .to_owned(),
            );
        }
    }
}

/// Hashes what is written to it.
#[derive(Default)]
struct DigestWriter(model::Hasher);

impl std::io::Write for DigestWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
