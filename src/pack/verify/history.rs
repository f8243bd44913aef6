//! One pass over the entries of a log, whoever hands them out: their tree, the chains of their series, and what they say.
//!
//! Nothing here trusts an entry; what it says counts once the tree over all of them has the root a checkpoint signs.

use super::findings::Findings;
use ledger::{Body, Entry, Frontier, KeyChain, Node, SignedCheckpoint, SlotOutcome};
use model::time::seconds_text;
use model::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Longest line of an entry; the log's own limit is lower.
pub(super) const MAX_LINE: usize = 128 * 1024;
/// More series than these are not followed: no log has as many sources, checks and findings.
const MAX_SERIES: usize = 300_000;
/// Bytes of entries that are kept because documents are proven against them.
const MAX_KEPT: usize = 64 * 1024 * 1024;
/// Problems of entries that are described; one broken line moves no other, and more than a few say nothing new.
const MAX_PROBLEMS: usize = 5;

/// More timestamps than these are not followed.
const MAX_ANCHORS: usize = 400_000;

/// What an entry says of a timestamp.
pub(super) struct Anchor {
    pub(super) size: u64,
    pub(super) gen_time: Timestamp,
    pub(super) authority: String,
}

/// What the entries give.
#[derive(Default)]
pub(super) struct History {
    wanted: BTreeSet<u64>,
    /// The root at each size that was asked for.
    roots: BTreeMap<u64, Option<Digest>>,
    frontier: Frontier,
    /// By the digest of their names: the last position, and the leaf there.
    series: BTreeMap<Digest, (u64, Digest)>,
    kept: BTreeMap<u64, Box<[u8]>>,
    kept_bytes: usize,
    /// The keys the log had, if its first entry names one.
    pub(super) chain: Option<KeyChain>,
    /// By digest of the token.
    pub(super) anchors: BTreeMap<Digest, Anchor>,
    /// The last pack that was exported: the position of its export, its time and the digest of its manifest.
    pub(super) exported: Option<(u64, Timestamp, Digest)>,
    erased: u64,
    restored: u64,
    pub(super) snapshots: u64,
    filled: u64,
    missed: u64,
    skipped: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    pub(super) problems: Vec<String>,
}

impl History {
    /// `wanted` entries are kept; the tree's root is noted at each of `sizes`.
    pub(super) fn new(wanted: BTreeSet<u64>, sizes: impl Iterator<Item = u64>) -> Self {
        let mut history = Self { wanted, roots: sizes.map(|size| (size, None)).collect(), ..Self::default() };
        history.note_root();
        history
    }

    /// Takes the next entry, and returns the complete subtrees that it completes.
    pub(super) fn entry(&mut self, bytes: &[u8]) -> Vec<Node> {
        let index = self.frontier.size();
        match Entry::decode(bytes) {
            Ok(entry) => self.read(index, &entry),
            Err(error) => self.complain(|| format!("entry {index} cannot be read: {error}")),
        }
        let nodes = self.frontier.push(ledger::tree::leaf_hash(bytes)).unwrap_or_else(|error| {
            self.complain(|| error.to_string());
            Vec::new()
        });
        if self.wanted.contains(&index) {
            self.kept_bytes += bytes.len();
            if self.kept_bytes <= MAX_KEPT {
                self.kept.insert(index, bytes.into());
            } else {
                self.complain(|| "the entries of its documents are more than any pack holds".to_owned());
            }
        }
        self.note_root();
        nodes
    }

    fn read(&mut self, index: u64, entry: &Entry) {
        let name = Digest::of(entry.series.as_bytes());
        let (seq, prev) = self.series.get(&name).map_or((1, None), |(seq, leaf)| (seq + 1, Some(*leaf)));
        if entry.seq != seq || entry.prev != prev {
            self.complain(|| format!("entry {index} does not follow the one before it in its series"));
        }
        if self.series.len() < MAX_SERIES || self.series.contains_key(&name) {
            self.series.insert(name, (entry.seq, entry.leaf()));
        } else {
            self.complain(|| "it has more series than any log has".to_owned());
        }
        self.first_at = self.first_at.or(Some(entry.at));
        self.last_at = Some(entry.at);
        if let Some(chain) = &mut self.chain
            && let Err(error) = chain.follow(index, &entry.body)
        {
            self.complain(|| error.to_string());
        }
        match &entry.body {
            Body::Genesis { log_key, .. } if index == 0 => self.chain = log_key.parse().ok().map(KeyChain::of),
            Body::Snapshot { slot, .. } => {
                self.snapshots += 1;
                self.filled += u64::from(slot.is_some());
            }
            Body::Export { pack } => self.exported = Some((index, entry.at, *pack)),
            Body::Slot { outcome: SlotOutcome::Missed, .. } => self.missed += 1,
            Body::Slot { outcome: SlotOutcome::Skipped, .. } => self.skipped += 1,
            Body::Anchor { size, token, gen_time, authority, .. } if self.anchors.len() < MAX_ANCHORS => {
                let (size, gen_time, authority) = (*size, *gen_time, authority.clone());
                self.anchors.insert(*token, Anchor { size, gen_time, authority });
            }
            // kinds of newer programs count too: what they are called is settled
            other => {
                self.erased += u64::from(other.kind() == "erasure");
                self.restored += u64::from(other.kind() == "restore");
            }
        }
    }

    pub(super) fn complain(&mut self, problem: impl FnOnce() -> String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem());
        }
    }

    fn note_root(&mut self) {
        if let Some(root) = self.roots.get_mut(&self.frontier.size()) {
            *root = Some(self.frontier.root());
        }
    }

    /// The root at a size that was asked for.
    pub(super) fn root_at(&self, size: u64) -> Option<Digest> {
        self.roots.get(&size).copied().flatten()
    }

    /// When the first and the last entry say they were written.
    pub(super) fn written(&self) -> Option<(Timestamp, Timestamp)> {
        self.first_at.zip(self.last_at)
    }

    /// Entries so far.
    pub(super) const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Whether the entries are those that `checkpoint` signs.
    pub(super) fn is_under(&self, checkpoint: &SignedCheckpoint) -> bool {
        self.size() == checkpoint.size() && self.frontier.root() == checkpoint.root()
    }

    /// The entries that were wanted, as logged.
    pub(super) fn kept(self) -> BTreeMap<u64, Box<[u8]>> {
        self.kept
    }

    /// Says whether the log continues the one that was pinned. `place` is where its own checkpoint is.
    pub(super) fn compare_with_pinned(&self, pinned: &str, chain: &KeyChain, place: &str, findings: &mut Findings) {
        let pinned = match chain.open(pinned) {
            Ok(pinned) => pinned,
            Err(error) => {
                return findings.problem(place, format!("it is not the log you pinned a checkpoint of: {error}"));
            }
        };
        let size = self.size();
        if pinned.size() > size {
            let problem = format!(
                "your checkpoint is of {} entries and this one of {size}: it is older than your checkpoint, or the log was cut back",
                pinned.size()
            );
            findings.problem(place, problem);
        } else if self.root_at(pinned.size()) == Some(pinned.root()) {
            findings.prove(format!(
                "the log continues the one you pinned: its first {} entries are those of your checkpoint, unchanged",
                pinned.size()
            ));
        } else {
            findings.problem(place, "the log is not the one you pinned: its history was rewritten or is a second one");
        }
    }

    /// Says what the log as a whole records, after it was shown to be whole.
    pub(super) fn describe(&self, findings: &mut Findings) {
        let Some((first, last)) = self.written() else { return };
        findings.prove(format!(
            "of the runs that were due, the log records {} as filled by a snapshot, {} as missed and {} as skipped, and none of these records can be taken out of it; it says its entries were written from {} to {}",
            self.filled,
            self.missed,
            self.skipped,
            seconds_text(first),
            seconds_text(last),
        ));
        if self.restored > 0 {
            findings.prove(format!(
                "the log was continued {} times on an older copy of its store, each time by an entry that says so",
                self.restored
            ));
        }
        if self.erased > 0 {
            findings.doubt(format!(
                "the content of what {} entries say was erased: that they are still in the log is proven",
                self.erased
            ));
        }
    }
}
