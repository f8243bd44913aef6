//! The log of a pack: checkpoint, all entries, the root of their tree, the chains of their series.

use super::anchors::Stamps;
use super::history::{History, MAX_LINE};
use super::rotations::Rotations;
use super::{Examination, MAX_SMALL, VerifyOptions};
use crate::error::VerifyError;
use crate::layout;
use crate::manifest::PackManifest;
use ledger::{SignedCheckpoint, VerifierKey};
use std::collections::BTreeMap;

/// Where timestamp tokens are.
const ANCHORS: &str = "log/anchors/";

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
        let stamps =
            Stamps::of(ANCHORS, self.container.below(ANCHORS).filter_map(|(_, path, _)| path.strip_prefix(ANCHORS)));
        let rotations = {
            let names =
                self.container.below(layout::ROTATIONS).filter_map(|(_, path, _)| path.strip_prefix(layout::ROTATIONS));
            Rotations::of(layout::ROTATIONS, names, &|path| self.container.read(path, MAX_SMALL))
        };
        let previous = self.previous();
        let sizes = stamps.sizes().chain(options.pinned_size()?).chain(rotations.sizes());
        let sizes = sizes.chain(previous.as_ref().map(|record| record.log_size));
        let wanted = manifest.items.iter().map(|item| item.log_index).collect();
        if let Some(history) = self.entries(History::new(wanted, sizes)) {
            self.whole(&history, manifest, &stamps, &rotations, options, &log);
            self.grown(previous.as_ref(), &history, options, &log);
            log.snapshots = history.snapshots;
            log.entries = history.kept();
        }
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

    /// Reads every entry.
    fn entries(&mut self, mut history: History) -> Option<History> {
        if self.container.seen(layout::ENTRIES).is_none() {
            if !self.container.is_broken(layout::ENTRIES) {
                self.problem(layout::ENTRIES, "it is missing");
            }
            return None;
        }
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
            return None;
        }
        if !line.is_empty() {
            history.complain(|| "its last line has no end".to_owned());
        }
        for problem in std::mem::take(&mut history.problems) {
            self.problem(layout::ENTRIES, problem);
        }
        Some(history)
    }

    /// What the entries say together, if they are those that the checkpoint signs.
    fn whole(
        &mut self,
        history: &History,
        manifest: &PackManifest,
        stamps: &Stamps,
        rotations: &Rotations,
        options: &VerifyOptions,
        log: &Log,
    ) {
        let Some(checkpoint) = &log.checkpoint else { return };
        let Self { container, findings } = self;
        let size = history.size();
        if !history.is_under(checkpoint) {
            let problem = format!("its {size} entries are not the {} the checkpoint signs", checkpoint.size());
            return findings.problem(layout::ENTRIES, problem);
        }
        let Some(chain) = history.chain.as_ref().filter(|chain| chain.current() == checkpoint.key()) else {
            return findings.problem(
                layout::ENTRIES,
                "its first entry and those that change the key do not lead to the key that signed the checkpoint",
            );
        };
        rotations.examine(chain, history, options.expected_key.as_ref(), layout::LOG_KEY, findings);
        findings.prove(format!(
            "log/entries.jsonl is the whole log {}: {size} entries, none missing, in the order the checkpoint signs, each series without a gap",
            checkpoint.origin()
        ));
        if let Some(pinned) = &options.pinned_checkpoint {
            history.compare_with_pinned(pinned, chain, layout::CHECKPOINT, findings);
        }
        history.describe(findings);
        let (first, last) = history.written().unwrap_or((manifest.from, manifest.created_at));
        // before the log began and after the pack was made there is nothing to stamp
        let period = (manifest.from.max(first), manifest.to.min(manifest.created_at).min(last.max(first)));
        let read = |path: &str| container.read(path, MAX_SMALL);
        stamps.examine(chain, history, period, options.policy.as_ref(), &read, findings);
    }
}
