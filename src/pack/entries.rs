//! The log's entries as one file of lines, read through once for the tree and once for the bytes.

use crate::anchors::Waiting;
use crate::cadence::{Cadence, Gap};
use crate::error::PackError;
use crate::plan::{Plan, Source};
use ledger::tree::{self, consistency_proof, inclusion_proof, leaf_hash};
use ledger::{Body, Consistency, Entry, Inclusion, KeyChain, MemoryNodes, SignedCheckpoint};
use model::{Digest, Timestamp};
use std::io::{self, Read};

/// Every entry under a checkpoint, shown to be the ones it signs.
pub(crate) struct Entries {
    nodes: MemoryNodes,
    /// Length of all lines.
    pub(crate) bytes: u64,
    /// The keys of the log.
    pub(crate) chain: KeyChain,
    /// How long its entries waited for their timestamp tokens.
    pub(crate) waiting: Waiting,
    /// Times that were too long without one.
    pub(crate) gaps: Vec<Gap>,
    /// Log position, time and digest of every configuration that was in force.
    pub(crate) configurations: Vec<(u64, Timestamp, String)>,
    /// The last export: its position, its time and the digest of its pack's manifest.
    pub(crate) exported: Option<(u64, Timestamp, Digest)>,
}

impl Entries {
    /// Reads every entry and compares the root of their tree with the checkpoint's.
    pub(crate) fn load(plan: &Plan, source: &dyn Source, checkpoint: &SignedCheckpoint) -> Result<Self, PackError> {
        let mut cadence = Cadence::of(plan);
        let mut entries = Self {
            nodes: MemoryNodes::new(),
            bytes: 0,
            chain: KeyChain::of(checkpoint.key().clone()),
            waiting: Waiting::default(),
            gaps: Vec::new(),
            configurations: Vec::new(),
            exported: None,
        };
        for index in 0..checkpoint.size() {
            let entry = read(source, index)?;
            let unproven = |problem: String| PackError::Unproven { what: format!("entry {index}"), problem };
            if entry.contains(&b'\n') {
                return Err(unproven("it is not one line".to_owned()));
            }
            entries.bytes += entry.len() as u64 + 1;
            let decoded = Entry::decode(&entry).map_err(|error| unproven(error.to_string()))?;
            if let Body::Configuration { digest } = &decoded.body {
                entries.configurations.push((index, decoded.at, digest.to_string()));
            }
            if let Body::Export { pack } = &decoded.body {
                entries.exported = Some((index, decoded.at, *pack));
            }
            entries.waiting.follow(index, &decoded);
            cadence.follow(index, &decoded);
            let known = match &decoded.body {
                Body::Genesis { log_key, .. } => log_key
                    .parse()
                    .map(|key| entries.chain = KeyChain::of(key))
                    .map_err(|error: ledger::KeyError| error.to_string()),
                body => entries.chain.follow(index, body).map_err(|error| error.to_string()),
            };
            known.map_err(unproven)?;
            entries.nodes.push(leaf_hash(&entry)).map_err(|error| unproven(error.to_string()))?;
        }
        if entries.nodes.root() != checkpoint.root() {
            return Err(PackError::Unproven {
                what: format!("the log of {} entries", checkpoint.size()),
                problem: "its entries do not give the root of its checkpoint".to_owned(),
            });
        }
        entries.gaps = cadence.gaps();
        Ok(entries)
    }

    /// The proof that the entry at `index` is in the log.
    pub(crate) fn inclusion(&self, index: u64) -> Result<Inclusion, PackError> {
        inclusion_proof(&self.nodes, index, self.nodes.size())
            .map_err(|error| PackError::Unproven { what: format!("entry {index}"), problem: error.to_string() })
    }
}

impl Entries {
    /// The root of the tree over the first `size` entries.
    pub(crate) fn root(&self, size: u64) -> Result<Digest, PackError> {
        tree::root(&self.nodes, size).map_err(|error| PackError::Unproven {
            what: format!("the root of the first {size} entries"),
            problem: error.to_string(),
        })
    }

    /// The proof that the log grew from its first `old_size` entries to all of them.
    pub(crate) fn growth(&self, old_size: u64) -> Result<Consistency, PackError> {
        consistency_proof(&self.nodes, old_size, self.nodes.size()).map_err(|error| PackError::Unproven {
            what: format!("the growth of the log from {old_size} entries"),
            problem: error.to_string(),
        })
    }
}

pub(crate) fn read(source: &dyn Source, index: u64) -> Result<Vec<u8>, PackError> {
    source.entry(index).map_err(|error| PackError::Source { what: format!("entry {index}"), source: error })
}

/// The entries as a stream of lines.
pub(crate) struct Lines<'a> {
    source: &'a dyn Source,
    next: u64,
    size: u64,
    line: Vec<u8>,
    at: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a dyn Source, size: u64) -> Self {
        Self { source, next: 0, size, line: Vec::new(), at: 0 }
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() && self.next < self.size {
            self.line = self.source.entry(self.next).map_err(io::Error::other)?;
            self.line.push(b'\n');
            self.at = 0;
            self.next += 1;
        }
        let rest = &self.line[self.at..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}
