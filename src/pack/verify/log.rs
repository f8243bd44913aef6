//! The log of a pack: checkpoint, all entries, the root of their tree, the chains of their series.

use super::{Examination, MAX_SMALL, VerifyOptions};
use crate::error::VerifyError;
use crate::layout;
use crate::manifest::PackManifest;
use ledger::{Entry, Frontier, SignedCheckpoint, VerifierKey};
use model::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Longest line of an entry; the log's own limit is lower.
const MAX_LINE: usize = 128 * 1024;

/// What the documents are proven against.
#[derive(Default)]
pub(super) struct Log {
    pub(super) checkpoint: Option<SignedCheckpoint>,
    /// The entries of the documents in the pack, as logged.
    pub(super) entries: BTreeMap<u64, Vec<u8>>,
    /// Whether all entries together give the checkpoint's root.
    pub(super) whole: bool,
    /// Snapshots in the log.
    pub(super) snapshots: u64,
}

impl Examination {
    pub(super) fn log(
        &mut self,
        manifest: &PackManifest,
        key: &VerifierKey,
        options: &VerifyOptions,
    ) -> Result<Log, VerifyError> {
        let pinned = match &options.pinned_checkpoint {
            None => None,
            Some(text) => Some(SignedCheckpoint::open(text, key).map_err(|error| VerifyError::Option {
                what: "the checkpoint to compare with",
                problem: error.to_string(),
            })?),
        };
        let mut log = Log::default();
        if manifest.log_key != key.to_string() {
            self.problem(layout::LOG_KEY, "it is not the key that the signed manifest names");
        }
        self.pem(key);
        if let Some(text) = self.read(layout::CHECKPOINT, MAX_SMALL) {
            match SignedCheckpoint::open(&text, key) {
                Ok(checkpoint) if checkpoint.size() == manifest.log_size && checkpoint.root() == manifest.log_root => {
                    log.checkpoint = Some(checkpoint);
                }
                Ok(_) => self.problem(layout::CHECKPOINT, "it is not the checkpoint that the signed manifest names"),
                Err(error) => self.problem(layout::CHECKPOINT, error.to_string()),
            }
        }
        self.entries(manifest, pinned.as_ref(), &mut log);
        Ok(log)
    }

    /// The key in the form for other tools is the same key.
    fn pem(&mut self, key: &VerifierKey) {
        if let Some(bytes) = self.read(layout::LOG_KEY_PEM, MAX_SMALL)
            && bytes != crate::manifest::pem(key).as_bytes()
        {
            self.problem(layout::LOG_KEY_PEM, "it is not the key of the log");
        }
    }

    fn entries(&mut self, manifest: &PackManifest, pinned: Option<&SignedCheckpoint>, log: &mut Log) {
        if !self.container.seen().contains_key(layout::ENTRIES) {
            if !self.container.is_broken(layout::ENTRIES) {
                self.problem(layout::ENTRIES, "it is missing");
            }
            return;
        }
        let mut reading = Reading {
            wanted: manifest.items.iter().map(|item| item.log_index).collect(),
            pinned_size: pinned.map(SignedCheckpoint::size),
            ..Reading::default()
        };
        let mut line = Vec::new();
        let streamed = self.container.stream(layout::ENTRIES, &mut |piece| {
            for part in piece.split_inclusive(|byte| *byte == b'\n') {
                if line.len() <= MAX_LINE {
                    line.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    line.pop();
                    reading.entry(&line);
                    line.clear();
                }
            }
        });
        if let Err(problem) = streamed {
            self.problem(layout::ENTRIES, problem);
            return;
        }
        if !line.is_empty() {
            reading.problems.push("its last line has no end".to_owned());
        }
        let size = reading.frontier.size();
        log.snapshots = reading.snapshots;
        for problem in std::mem::take(&mut reading.problems) {
            self.problem(layout::ENTRIES, problem);
        }
        if let Some(checkpoint) = &log.checkpoint {
            log.whole = size == checkpoint.size() && reading.frontier.root() == checkpoint.root();
            let (origin, signed) = (checkpoint.origin().to_owned(), checkpoint.size());
            if !log.whole {
                self.problem(layout::ENTRIES, format!("its {size} entries are not the {signed} the checkpoint signs"));
            } else if let Some(pinned) = pinned {
                self.compare_with_pinned(pinned, signed, reading.pinned_root);
            }
            self.proven.push(format!(
                "log/entries.jsonl is the whole log {origin}: {size} entries, none missing, in the order the checkpoint signs, each series without a gap"
            ));
        }
        log.entries = reading.kept;
    }

    fn compare_with_pinned(&mut self, pinned: &SignedCheckpoint, size: u64, root: Option<Digest>) {
        if pinned.size() > size {
            let problem = format!(
                "your checkpoint is of {} entries and this one of {size}: the pack is older than your checkpoint, or the log was cut back",
                pinned.size()
            );
            self.problem(layout::CHECKPOINT, problem);
        } else if root == Some(pinned.root()) {
            self.proven.push(format!(
                "the log continues the one you pinned: its first {} entries are those of your checkpoint",
                pinned.size()
            ));
        } else {
            self.problem(
                layout::CHECKPOINT,
                "the log is not the one you pinned: its history was rewritten or is a second one",
            );
        }
    }
}

/// One pass over the entries.
#[derive(Default)]
struct Reading {
    wanted: BTreeSet<u64>,
    pinned_size: Option<u64>,
    pinned_root: Option<Digest>,
    frontier: Frontier,
    series: BTreeMap<String, (u64, Digest)>,
    kept: BTreeMap<u64, Vec<u8>>,
    snapshots: u64,
    problems: Vec<String>,
}

impl Reading {
    fn entry(&mut self, bytes: &[u8]) {
        let index = self.frontier.size();
        if index == 0 {
            self.pin();
        }
        // one broken line moves no other; more than a few say nothing new
        let say = self.problems.len() < 5;
        match Entry::decode(bytes) {
            Ok(entry) => {
                let leaf = entry.leaf();
                let (expected_seq, expected_prev) =
                    self.series.get(&entry.series).map_or((1, None), |(seq, leaf)| (seq + 1, Some(*leaf)));
                if say && (entry.seq != expected_seq || entry.prev != expected_prev) {
                    self.problems.push(format!("entry {index} does not follow the one before it in its series"));
                }
                self.series.insert(entry.series.clone(), (entry.seq, leaf));
                self.snapshots += u64::from(entry.body.kind() == "snapshot");
            }
            Err(error) if say => self.problems.push(format!("entry {index} cannot be read: {error}")),
            Err(_) => {}
        }
        if let Err(error) = self.frontier.push(ledger::tree::leaf_hash(bytes)) {
            self.problems.push(error.to_string());
        }
        if self.wanted.contains(&index) {
            self.kept.insert(index, bytes.to_vec());
        }
        self.pin();
    }

    fn pin(&mut self) {
        if self.pinned_size == Some(self.frontier.size()) {
            self.pinned_root = Some(self.frontier.root());
        }
    }
}
