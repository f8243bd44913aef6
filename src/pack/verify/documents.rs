//! The sealed documents of a pack: each proven to be in the log, and everything it names by digest compared with it.

use super::Examination;
use super::log::Log;
use crate::layout;
use crate::manifest::{ItemRecord, MANIFEST, MAX_DOCUMENT, PackManifest, RedactionRecord};
use crate::names::segment;
use crate::tables::{TableCsv, TableCsvError};
use ledger::{Body, Entry, Proof, SealError, Sealed, SignedCheckpoint};
use model::{Digest, Outcome, SnapshotStatus, TableSpec};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Largest opening or proof.
const MAX_PROOF: u64 = 2 * 1024 * 1024;
/// Most columns a table may have.
const MAX_COLUMNS: usize = 4_096;
/// Most checks that are compared.
const MAX_CHECKS: usize = 10_000;
/// Kinds of documents that are named one by one.
const MAX_KINDS: usize = 20;

/// What a snapshot's manifest says of other files; the rest of it is not looked at, whatever its size.
#[derive(Deserialize)]
struct SnapshotClaims {
    id: String,
    source: String,
    status: SnapshotStatus,
    exchanges: Vec<ExchangeClaim>,
    tables: Vec<TableClaim>,
}

#[derive(Deserialize)]
struct ExchangeClaim {
    seq: u32,
    sha256: Digest,
}

#[derive(Deserialize)]
struct TableClaim {
    name: String,
    rows: u64,
    sha256: Digest,
    spec: TableSpec,
}

/// What an evaluation says of other files.
#[derive(Deserialize)]
struct EvaluationClaims {
    check: String,
    check_sha256: Digest,
    outcome: Outcome,
    inputs: Vec<InputClaim>,
}

#[derive(Deserialize)]
struct InputClaim {
    snapshot: Option<String>,
    sha256: Option<Digest>,
}

/// What was found over all documents.
#[derive(Default)]
struct Tally {
    /// By number in the container: files that a sealed document names.
    expected: Vec<bool>,
    kinds: BTreeMap<String, u64>,
    exchanges: u64,
    tables: u64,
    /// Manifest digests of the shipped snapshots, by the digest of their id.
    snapshots: BTreeMap<Digest, Digest>,
    evaluations: u64,
    /// Inputs whose snapshots are not shipped.
    elsewhere: u64,
    /// Evaluations made with another version of their check than the one shipped, or one that is not.
    other_checks: u64,
    /// What the pack says it hides.
    redaction: RedactionRecord,
    /// Answers that are withheld, and tables of which fields are hidden.
    withheld_answers: u64,
    redacted_tables: u64,
    /// Folders of snapshots that are not proven, so that nothing says what belongs into them.
    unproven: Vec<String>,
}

impl Tally {
    /// Whether fields of `table` are hidden.
    fn hides(&self, table: &str) -> bool {
        self.redaction.columns.iter().any(|column| column.rsplit_once('.').is_some_and(|(of, _)| of == table))
    }

    /// Notes that a sealed document names this file, and says whether another one did before.
    fn expect(&mut self, number: Option<usize>) -> bool {
        match number.and_then(|number| self.expected.get_mut(number)) {
            Some(expected) => std::mem::replace(expected, true),
            None => false,
        }
    }
}

impl Examination {
    pub(super) fn documents(&mut self, manifest: &PackManifest, log: &Log) {
        let Some(checkpoint) = &log.checkpoint else { return };
        let mut tally = Tally {
            expected: vec![false; self.container.len()],
            redaction: manifest.redaction.clone().unwrap_or_default(),
            ..Tally::default()
        };
        let mut last = None;
        for item in &manifest.items {
            if last.replace(item.log_index).is_some_and(|last| last >= item.log_index) {
                self.problem(MANIFEST, "its documents are not in the order of the log, or one comes twice");
                return;
            }
            if !self.document(item, checkpoint, log, &mut tally)
                && let Some(folder) = item.path.strip_suffix("manifest.json")
                && tally.unproven.len() < 1_000
            {
                tally.unproven.push(folder.to_owned());
            }
        }
        self.unreferenced(&tally);
        self.scripts();
        self.describe(&tally, log);
    }

    fn describe(&mut self, tally: &Tally, log: &Log) {
        let mut kinds: Vec<String> =
            tally.kinds.iter().take(MAX_KINDS).map(|(kind, count)| format!("{count} {kind}")).collect();
        if tally.kinds.len() > MAX_KINDS {
            kinds.push(format!("{} other kinds", tally.kinds.len() - MAX_KINDS));
        }
        let total: u64 = tally.kinds.values().sum();
        self.findings.prove(format!(
            "each of the {total} sealed documents ({}) is the one its log entry commits to",
            kinds.join(", ")
        ));
        self.findings.prove(format!(
            "the {} answers in exchanges/ and the {} tables are the bytes the snapshots' manifests name, and every CSV table shows those rows",
            tally.exchanges, tally.tables
        ));
        self.describe_redaction(tally);
        let shipped = tally.kinds.get("snapshot").copied().unwrap_or(0);
        if shipped < log.snapshots {
            self.findings.doubt(format!(
                "anything about the content of {} of the log's {} snapshots: their entries are here, their documents were not shipped",
                log.snapshots - shipped,
                log.snapshots
            ));
        }
        if tally.elsewhere > 0 {
            self.findings
                .doubt(format!("what evaluations saw in {} inputs whose snapshots were not shipped", tally.elsewhere));
        } else if tally.evaluations > 0 {
            self.findings.prove(format!(
                "each of the {} evaluations used the snapshots that are shipped here",
                tally.evaluations
            ));
        }
        if tally.other_checks > 0 {
            self.findings.doubt(format!(
                "with which SQL {} evaluations were made: that version of the check is not shipped",
                tally.other_checks
            ));
        }
        if tally.evaluations > 0 {
            self.findings.doubt(
                "that the checks' SQL gives these verdicts: perform it again with sqlite3 (00_README.txt says how)",
            );
        }
    }

    fn describe_redaction(&mut self, tally: &Tally) {
        if tally.redaction == RedactionRecord::default() {
            return;
        }
        let columns = tally.redaction.columns.iter().take(MAX_KINDS).cloned().collect::<Vec<_>>().join(", ");
        self.findings.doubt(format!(
            "that the {} redacted tables ({columns}) are the sealed ones: their sealed digests cover the hidden fields. Each hidden field stands as a salted commitment under the log's signature, which the organisation can open one by one; whoever sees the whole table compares its digest with the manifest",
            tally.redacted_tables
        ));
        self.findings.doubt(format!(
            "anything about the {} answers that are withheld because of the redaction: their digests are in the proven manifests",
            tally.withheld_answers
        ));
        if !tally.redaction.documents.is_empty() {
            self.findings.doubt(format!(
                "anything about the content of {} documents that are withheld because they name redacted values: their entries are in the log",
                tally.redaction.documents.len()
            ));
        }
    }

    /// Whether the document is proven and its content read.
    fn document(&mut self, item: &ItemRecord, checkpoint: &SignedCheckpoint, log: &Log, tally: &mut Tally) -> bool {
        let index = item.log_index;
        let (opening_path, proof_path) = (layout::opening(index), layout::proof(index));
        for path in [&item.path, &opening_path, &proof_path] {
            if tally.expect(self.container.number(path)) {
                self.problem(MANIFEST, format!("two documents are said to be at `{path}`"));
                return false;
            }
        }
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
            Body::Snapshot { snapshot, source, status, .. } => {
                match serde_json::from_slice::<SnapshotClaims>(document) {
                    Ok(claims) if (&claims.id, &claims.source, claims.status) == (snapshot, source, *status) => {
                        tally.snapshots.insert(Digest::of(claims.id.as_bytes()), sha256);
                        let redacted = tally.redaction.snapshots.binary_search(&item.log_index).is_ok();
                        self.snapshot(&item.path, &claims, redacted, tally);
                    }
                    Ok(_) => self.problem(&item.path, "it describes another snapshot than its log entry"),
                    Err(error) => {
                        self.problem(&item.path, format!("it is sealed and cannot be read as a manifest: {error}"));
                    }
                }
            }
            Body::Evaluation { check, outcome } => match serde_json::from_slice::<EvaluationClaims>(document) {
                Ok(claims) if (&claims.check, claims.outcome) == (check, *outcome) => {
                    self.evaluation(&item.path, &claims, tally);
                }
                Ok(_) => self.problem(&item.path, "it describes another evaluation than its log entry"),
                Err(error) => {
                    self.problem(&item.path, format!("it is sealed and cannot be read as an evaluation: {error}"));
                }
            },
            _ => {}
        }
    }

    fn snapshot(&mut self, path: &str, claims: &SnapshotClaims, redacted: bool, tally: &mut Tally) {
        let Some(folder) = path.strip_suffix("manifest.json") else {
            return self.problem(path, "a snapshot's document is not called manifest.json");
        };
        if redacted {
            tally.withheld_answers += claims.exchanges.len() as u64;
        }
        for exchange in claims.exchanges.iter().filter(|_| !redacted) {
            let prefix = format!("{folder}exchanges/{}", layout::exchange_prefix(exchange.seq));
            let mut below = self.container.below(&prefix).map(|(number, name, seen)| (number, name.to_owned(), seen));
            let (found, second) = (below.next(), below.next());
            drop(below);
            match (found, second) {
                (Some(_), Some(_)) => self.problem(prefix, "there are several files for one request"),
                (Some((number, name, seen)), None) => {
                    if seen.sha256 == exchange.sha256 {
                        tally.exchanges += 1;
                    } else {
                        let problem =
                            format!("its digest is {}, the sealed manifest says {}", seen.sha256, exchange.sha256);
                        self.problem(&name, problem);
                    }
                    if tally.expect(Some(number)) {
                        self.problem(path, format!("it lists request {} twice", exchange.seq));
                        return;
                    }
                }
                // a broken file is not among those seen, and is reported
                (None, _) if !self.findings.problems.any(|path| path.starts_with(&prefix)) => {
                    self.problem(prefix, format!("the answer to request {} is missing", exchange.seq));
                }
                (None, _) => {}
            }
        }
        for table in &claims.tables {
            let name = segment(&table.name);
            let hidden = redacted && tally.hides(&table.name);
            let suffix = if hidden { layout::REDACTED_SUFFIX } else { layout::LINES_SUFFIX };
            let (lines, sheet) = (format!("{folder}tables/{name}{suffix}"), format!("{folder}tables/{name}.csv"));
            let again = [&lines, &sheet].map(|path| tally.expect(self.container.number(path)));
            if again != [false, false] {
                self.problem(path, format!("it lists the table `{name}` twice"));
                return;
            }
            match self.container.seen(&lines).map(|seen| seen.sha256) {
                // what is left of it cannot have the sealed digest; it has the sealed number of rows
                Some(_) if hidden => {
                    tally.redacted_tables += 1;
                    self.table(&lines, &sheet, table);
                }
                Some(sha256) if sha256 == table.sha256 => {
                    tally.tables += 1;
                    self.table(&lines, &sheet, table);
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
    fn table(&mut self, lines_path: &str, sheet_path: &str, table: &TableClaim) {
        let Some(sheet) = self.container.seen(sheet_path) else {
            if !self.container.is_broken(sheet_path) {
                self.problem(sheet_path, "it is missing");
            }
            return;
        };
        if table.spec.columns.len() > MAX_COLUMNS {
            return self.problem(lines_path, format!("it has more than {MAX_COLUMNS} columns"));
        }
        let mut expected = SheetDigest { hasher: model::Hasher::new(), left: sheet.size };
        let rows = self.sheet(lines_path, table, &mut expected);
        match rows {
            Ok(rows) if rows != table.rows => {
                self.problem(lines_path, format!("it has {rows} rows, the sealed manifest says {}", table.rows));
            }
            Ok(_) if expected.left == 0 && expected.hasher.finish() == sheet.sha256 => {}
            // beyond the sheet's own length nothing is written: it cannot be the same
            Ok(_) | Err(TableCsvError::Csv(_) | TableCsvError::Io(_)) => {
                self.problem(sheet_path, "it does not show the rows that were sealed");
            }
            Err(error) => self.problem(lines_path, error.to_string()),
        }
    }

    fn sheet(&self, path: &str, table: &TableClaim, out: &mut SheetDigest) -> Result<u64, TableCsvError> {
        let mut sheet = TableCsv::new(&table.spec, out)?;
        let mut fed = Ok(());
        let streamed = self.container.stream(path, &mut |piece| {
            if fed.is_ok() {
                fed = sheet.feed(piece);
            }
        });
        fed?;
        streamed.map_err(|problem| TableCsvError::Line { line: 0, problem })?;
        sheet.finish()
    }

    /// Nothing lies among the sealed files that no sealed document names.
    fn unreferenced(&mut self, tally: &Tally) {
        let sealed = ["evidence/", "evaluations/", "documents/", "findings/events/", "log/openings/", "log/proofs/"];
        let Self { container, findings } = self;
        for (number, path, _) in container.files() {
            let loose = sealed.iter().any(|folder| path.starts_with(folder))
                && !tally.expected.get(number).is_some_and(|expected| *expected)
                && !tally.unproven.iter().any(|folder| path.starts_with(folder));
            // what is not in the signed manifest either has been named already
            if loose && !findings.problems.any(|problem| problem == path) {
                findings.problem(path, "no sealed document names it");
            }
        }
    }

    /// An evaluation comes after its snapshots in the log, so they have been seen.
    fn evaluation(&mut self, path: &str, claims: &EvaluationClaims, tally: &mut Tally) {
        tally.evaluations += 1;
        for input in &claims.inputs {
            let (Some(id), Some(sha256)) = (&input.snapshot, input.sha256) else { continue };
            match tally.snapshots.get(&Digest::of(id.as_bytes())) {
                Some(shipped) if *shipped == sha256 => {}
                Some(_) => self.problem(path, format!("it used another snapshot `{id}` than the one shipped")),
                None => tally.elsewhere += 1,
            }
        }
        let original = self.container.seen(&layout::original_check(&claims.check));
        tally.other_checks += u64::from(original.map(|seen| seen.sha256) != Some(claims.check_sha256));
    }

    /// The checks to perform again hold the files that were run, unchanged.
    fn scripts(&mut self) {
        let originals: Vec<String> =
            self.container.below("checks/original/").take(MAX_CHECKS).map(|(_, path, _)| path.to_owned()).collect();
        for path in originals {
            let script_path = path.replace("checks/original/", "checks/");
            if self.container.seen(&script_path).is_none() {
                continue;
            }
            let (Some(original), Some(script)) = (self.read(&path, MAX_PROOF), self.read(&script_path, MAX_PROOF))
            else {
                continue;
            };
            if !script.ends_with(&original) {
                self.problem(script_path, format!("it does not hold {path} unchanged"));
            }
        }
    }
}

/// Hashes what is written to it, as long as that is no more than it should be.
struct SheetDigest {
    hasher: model::Hasher,
    left: u64,
}

impl std::io::Write for &mut SheetDigest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left =
            self.left.checked_sub(bytes.len() as u64).ok_or_else(|| std::io::Error::other("more than expected"))?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
