//! The log's entries as one file of lines, read through once for the tree and once for the bytes.

use crate::error::PackError;
use crate::plan::Source;
use ledger::tree::{inclusion_proof, leaf_hash};
use ledger::{Body, Entry, Inclusion, MemoryNodes, SignedCheckpoint};
use model::Timestamp;
use std::io::{self, Read};

/// Every entry under a checkpoint, shown to be the ones it signs.
pub(crate) struct Entries {
    nodes: MemoryNodes,
    /// Length of all lines.
    pub(crate) bytes: u64,
    /// Log position, time and digest of every configuration that was in force.
    pub(crate) configurations: Vec<(u64, Timestamp, String)>,
}

impl Entries {
    /// Reads every entry and compares the root of their tree with the checkpoint's.
    pub(crate) fn load(source: &dyn Source, checkpoint: &SignedCheckpoint) -> Result<Self, PackError> {
        let mut entries = Self { nodes: MemoryNodes::new(), bytes: 0, configurations: Vec::new() };
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
            entries.nodes.push(leaf_hash(&entry)).map_err(|error| unproven(error.to_string()))?;
        }
        if entries.nodes.root() != checkpoint.root() {
            return Err(PackError::Unproven {
                what: format!("the log of {} entries", checkpoint.size()),
                problem: "its entries do not give the root of its checkpoint".to_owned(),
            });
        }
        Ok(entries)
    }

    /// The proof that the entry at `index` is in the log.
    pub(crate) fn inclusion(&self, index: u64) -> Result<Inclusion, PackError> {
        inclusion_proof(&self.nodes, index, self.nodes.size())
            .map_err(|error| PackError::Unproven { what: format!("entry {index}"), problem: error.to_string() })
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
