//! How the keys of a log followed each other, and that each of them said so itself.
//!
//! An entry that names a new key is under the new key's signature too: on its own it is the new key's claim. It counts with
//! the checkpoint over it that the former key signed.

use super::findings::Findings;
use super::history::History;
use ledger::{Checkpoint, KeyChain, Note, VerifierKey};
use std::collections::BTreeMap;

/// More changes than these are not followed: no log changes its key every week.
const MAX_ROTATIONS: usize = 500;

/// The checkpoints that both keys signed, by the entry that changed the key.
pub(super) struct Rotations {
    place: &'static str,
    by_entry: BTreeMap<u64, Vec<u8>>,
}

impl Rotations {
    /// Those among `files`, which are named relative to `place`; `read` reads one.
    pub(super) fn of<'a>(
        place: &'static str,
        files: impl Iterator<Item = &'a str>,
        read: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Self {
        let entries = files.filter_map(|name| name.parse::<u64>().ok().filter(|number| number.to_string() == name));
        let by_entry = entries
            .take(MAX_ROTATIONS)
            .filter_map(|entry| Some((entry, read(&format!("{place}{entry}")).ok()?)))
            .collect();
        Self { place, by_entry }
    }

    /// Sizes of the log at which the root is needed.
    pub(super) fn sizes(&self) -> Vec<u64> {
        let size = |text: &Vec<u8>| Some(Checkpoint::parse(Note::parse(text).ok()?.text()).ok()?.size);
        self.by_entry.values().filter_map(size).collect()
    }

    /// Says how the keys changed, and whether `expected`, had by another channel, is one of them.
    pub(super) fn examine(
        &self,
        chain: &KeyChain,
        history: &History,
        expected: Option<&VerifierKey>,
        place: &str,
        findings: &mut Findings,
    ) {
        if let Some(expected) = expected.filter(|expected| !chain.contains(expected)) {
            findings.problem(
                place,
                format!(
                    "the log's key is {}, not the expected key {expected}; what was made before a change of the key verifies with the key of that time",
                    chain.current()
                ),
            );
        }
        for (entry, former, after) in chain.changes().take(MAX_ROTATIONS) {
            match self.signed_by_both(chain, history, entry) {
                Ok(()) => findings.prove(format!(
                    "entry {entry} made {after} the log's key, and the key before it, {former}, signed that: whoever has only that one gets to this one"
                )),
                Err(problem) => findings.problem(
                    format!("{}{entry}", self.place),
                    format!("entry {entry} makes {after} the log's key, and nothing shows that {former} signed that: {problem}"),
                ),
            }
        }
    }

    fn signed_by_both(&self, chain: &KeyChain, history: &History, entry: u64) -> Result<(), String> {
        let text = self.by_entry.get(&entry).ok_or("it is missing or cannot be read")?;
        let checkpoint = chain.handover(entry, text).map_err(|error| error.to_string())?;
        if history.root_at(checkpoint.size()) == Some(checkpoint.root()) {
            Ok(())
        } else {
            Err(format!("its checkpoint of {} entries is of another log", checkpoint.size()))
        }
    }
}
