//! The pack before this one: that the log only grew since, from the entries here and from the proof that others can check.

use super::history::History;
use super::log::Log;
use super::{Examination, MAX_SMALL, VerifyOptions};
use crate::layout::{PREVIOUS, PREVIOUS_GROWTH};
use crate::previous::{POSITION, PreviousPack, RECORDED};
use ledger::{ConsistencyFile, SignedCheckpoint};
use model::time::seconds_text;

impl Examination {
    /// What the pack says of the one before it.
    pub(super) fn previous(&mut self) -> Option<PreviousPack> {
        if self.container.number(PREVIOUS).is_none() {
            if self.container.number(PREVIOUS_GROWTH).is_some() {
                self.problem(PREVIOUS, "it is missing, and the proof of the growth since is here");
            }
            return None;
        }
        let bytes = self.read(PREVIOUS, MAX_SMALL)?;
        match serde_json::from_slice::<PreviousPack>(&bytes) {
            Ok(previous) if previous.schema == PreviousPack::SCHEMA => Some(previous),
            Ok(_) => {
                // signed, and of a form that a newer program writes
                self.findings.doubt("what the pack before this one was: a newer program says it, in another form");
                None
            }
            Err(error) => {
                self.problem(PREVIOUS, format!("it cannot be read: {error}"));
                None
            }
        }
    }

    /// Says whether the log only grew since the pack before this one, after it was shown to be whole.
    pub(super) fn grown(
        &mut self,
        previous: Option<&PreviousPack>,
        history: &History,
        options: &VerifyOptions,
        log: &Log,
    ) {
        let Some(checkpoint) = log.checkpoint.as_ref().filter(|checkpoint| history.is_under(checkpoint)) else {
            return;
        };
        let Some(previous) = previous else {
            if let Some((entry, ..)) = history.exported.filter(|_| self.container.number(PREVIOUS).is_none()) {
                self.findings.doubt(format!(
                    "how the log grew since the pack exported as entry {entry}: the program that made this one shipped no proof of it"
                ));
            }
            return;
        };
        if let Err(problem) = recorded(previous, history) {
            return self.problem(PREVIOUS, problem);
        }
        let Some(bytes) = self.read(PREVIOUS_GROWTH, MAX_SMALL) else { return };
        if let Err(problem) = proven(previous, &bytes, checkpoint) {
            return self.problem(PREVIOUS_GROWTH, problem);
        }
        let PreviousPack { export_entry, exported_at, manifest_sha256, log_size, log_root, .. } = previous;
        self.findings.prove(format!(
            "the log only grew since the pack before this one, which entry {export_entry} records as exported at {}: its first {log_size} entries, with the root {log_root}, are unchanged; {PREVIOUS_GROWTH} shows it to other programs too",
            seconds_text(*exported_at)
        ));
        let pinned = options.pinned_size().ok().flatten();
        if previous.log_size_from == POSITION {
            self.findings.doubt(format!(
                "how many entries the pack before this one shipped: its export does not say, and {log_size} is the most it can have been; give its log/checkpoint with --checkpoint"
            ));
        } else if pinned != Some(*log_size) {
            self.findings.doubt(format!(
                "that the earlier pack you hold is that one: the SHA-256 of its MANIFEST.json is {manifest_sha256}, and log_size and log_root in it are {log_size} and the root above; or give its log/checkpoint with --checkpoint"
            ));
        }
    }
}

/// Whether it is the last pack that the log records, and the entries are those it says.
fn recorded(previous: &PreviousPack, history: &History) -> Result<(), String> {
    let Some((entry, at, pack)) = history.exported else {
        return Err("the log records no pack before this one".to_owned());
    };
    if (entry, at, pack) != (previous.export_entry, previous.exported_at, previous.manifest_sha256) {
        return Err(format!("it is not the pack that the log records last, as entry {entry}"));
    }
    let whence = previous.log_size_from.as_str();
    if previous.log_size > entry
        || ![RECORDED, POSITION].contains(&whence)
        || (whence == POSITION && previous.log_size != entry)
    {
        return Err("it says of that pack what cannot be".to_owned());
    }
    if history.root_at(previous.log_size) != Some(previous.log_root) {
        return Err(format!("the first {} entries of the log have another root", previous.log_size));
    }
    Ok(())
}

/// Whether the proof leads from there to the checkpoint of this pack.
fn proven(previous: &PreviousPack, bytes: &[u8], checkpoint: &SignedCheckpoint) -> Result<(), String> {
    let file = ConsistencyFile::parse(bytes).map_err(|error| error.to_string())?;
    if file.checkpoint != checkpoint.text() {
        return Err("it does not end in log/checkpoint".to_owned());
    }
    if file.consistency.old_size != previous.log_size {
        return Err(format!("it starts at {} entries, not at {}", file.consistency.old_size, previous.log_size));
    }
    file.consistency
        .verify(previous.log_root, checkpoint.size(), checkpoint.root())
        .map_err(|error| format!("it does not show that the log grew: {error}"))
}
