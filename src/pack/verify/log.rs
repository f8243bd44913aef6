//! The log of a pack: checkpoint, all entries, the root of their tree, the chains of their series.

use super::history::{History, MAX_LINE};
use super::{Examination, MAX_SMALL, VerifyOptions};
use crate::error::VerifyError;
use crate::layout;
use crate::manifest::PackManifest;
use ledger::{SignedCheckpoint, VerifierKey};
use std::collections::BTreeMap;

/// What the documents are proven against.
#[derive(Default)]
pub(super) struct Log {
    pub(super) checkpoint: Option<SignedCheckpoint>,
    /// The entries of the documents in the pack, as logged.
    pub(super) entries: BTreeMap<u64, Box<[u8]>>,
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
        let pinned = options.pinned(key, &mut self.findings)?;
        let mut log = Log::default();
        if manifest.log_key != key.to_string() {
            self.problem(layout::LOG_KEY, "it is not the key that the signed manifest names");
        }
        self.pem(key);
        if let Some(text) = self.read(layout::CHECKPOINT, MAX_SMALL) {
            match SignedCheckpoint::open(&text, key) {
                Ok(checkpoint) if checkpoint.size() == manifest.log_size && checkpoint.root() == manifest.log_root => {
                    super::witnesses::examine(&checkpoint, options, layout::CHECKPOINT, &mut self.findings);
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
        if self.container.seen(layout::ENTRIES).is_none() {
            if !self.container.is_broken(layout::ENTRIES) {
                self.problem(layout::ENTRIES, "it is missing");
            }
            return;
        }
        let mut history = History::new(manifest.items.iter().map(|item| item.log_index).collect(), pinned);
        let mut line = Vec::new();
        let streamed = self.container.stream(layout::ENTRIES, &mut |piece| {
            for part in piece.split_inclusive(|byte| *byte == b'\n') {
                if line.len() <= MAX_LINE {
                    line.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    line.pop();
                    history.entry(&line);
                    line.clear();
                }
            }
        });
        if let Err(problem) = streamed {
            self.problem(layout::ENTRIES, problem);
            return;
        }
        if !line.is_empty() {
            history.complain(|| "its last line has no end".to_owned());
        }
        let size = history.size();
        log.snapshots = history.snapshots;
        for problem in std::mem::take(&mut history.problems) {
            self.problem(layout::ENTRIES, problem);
        }
        if let Some(checkpoint) = &log.checkpoint {
            let (origin, signed) = (checkpoint.origin().to_owned(), checkpoint.size());
            if history.is_under(checkpoint) {
                if let Some(pinned) = pinned {
                    history.compare_with_pinned(pinned, layout::CHECKPOINT, &mut self.findings);
                }
            } else {
                self.problem(layout::ENTRIES, format!("its {size} entries are not the {signed} the checkpoint signs"));
            }
            self.findings.prove(format!(
                "log/entries.jsonl is the whole log {origin}: {size} entries, none missing, in the order the checkpoint signs, each series without a gap"
            ));
            history.describe(&mut self.findings);
        }
        log.entries = history.kept();
    }
}
