//! Timestamp tokens in a pack: written beside what they are over and the growth from there, and how long entries waited.
//!
//! A token that does not fit its entry or its checkpoint is not shipped: the pack is not written.

use crate::entries;
use crate::error::PackError;
use crate::layout;
use crate::write::Writer;
use jiff::SignedDuration;
use ledger::timestamp::{Token, is_authority_name};
use ledger::{Body, ConsistencyFile, Entry};
use model::{Digest, Timestamp};
use std::collections::{BTreeSet, VecDeque};

/// How long entries waited for a timestamp token, read from the log alone.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Anchors.
    pub(crate) anchors: u64,
    /// The last of them: what it covers and when it was made.
    pub(crate) last: Option<(u64, Timestamp)>,
    /// Who made them.
    pub(crate) authorities: BTreeSet<String>,
    /// The longest time an entry waited, and which.
    pub(crate) longest: Option<(SignedDuration, u64)>,
    /// Entries without a token, other than anchors: position and time.
    bare: VecDeque<(u64, Timestamp)>,
}

impl Waiting {
    /// Takes up the next entry of the log.
    pub(crate) fn follow(&mut self, index: u64, entry: &Entry) {
        let Body::Anchor { size, gen_time, authority, .. } = &entry.body else {
            self.bare.push_back((index, entry.at));
            return;
        };
        self.anchors += 1;
        self.authorities.insert(authority.clone());
        self.last = self.last.max(Some((*size, *gen_time)));
        while let Some((waiting, since)) = self.bare.front().copied().filter(|(waiting, _)| waiting < size) {
            let waited = gen_time.duration_since(since);
            if self.longest.is_none_or(|(longest, _)| waited > longest) {
                self.longest = Some((waited, waiting));
            }
            self.bare.pop_front();
        }
    }

    /// In words, for people.
    pub(crate) fn text(&self) -> String {
        let Some((size, at)) = self.last else {
            return "no timestamp authority has stamped this log".to_owned();
        };
        let names: Vec<&str> = self.authorities.iter().map(String::as_str).collect();
        let mut text = format!(
            "{} tokens by {}, the last over the first {size} entries at {}",
            self.anchors,
            names.join(", "),
            crate::summary::instant(at)
        );
        if let Some((longest, index)) = self.longest {
            let longest = model::time::duration_text(longest);
            text.push_str(&format!("; no entry waited longer for its token than entry {index}, {longest}"));
        }
        match self.bare.len() {
            0 => {}
            count => text.push_str(&format!("; {count} later entries have none yet")),
        }
        text
    }
}

impl Writer<'_> {
    /// Writes the tokens of the plan's anchors, and the roots.
    pub(crate) fn anchors(&mut self) -> Result<(), PackError> {
        let indexes: BTreeSet<u64> = self.plan.anchors.iter().copied().collect();
        let mut sizes = BTreeSet::new();
        let mut names = BTreeSet::new();
        for index in indexes {
            names.insert(self.anchor(index, &mut sizes)?);
        }
        for authority in &self.plan.authorities {
            if names.contains(&authority.name) {
                self.add(&layout::authority_roots(&authority.name), authority.roots.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes one token; `sizes` are those whose checkpoint is written already. Returns the authority's name.
    fn anchor(&mut self, index: u64, sizes: &mut BTreeSet<u64>) -> Result<String, PackError> {
        let unproven = |problem: String| PackError::Unproven { what: format!("the anchor at entry {index}"), problem };
        let entry = Entry::decode(&entries::read(self.source, index)?).map_err(|error| unproven(error.to_string()))?;
        let Body::Anchor { size, checkpoint, token, gen_time, authority } = &entry.body else {
            return Err(PackError::Plan(format!("entry {index} is no anchor")));
        };
        if !is_authority_name(authority) {
            return Err(unproven("its authority has a name that no file can have".to_owned()));
        }
        let (text, response) = self
            .source
            .anchor(index)
            .map_err(|source| PackError::Source { what: format!("the token of entry {index}"), source })?;
        if Digest::of(&text) != *checkpoint || Digest::of(&response) != *token {
            return Err(unproven("its files are not those its entry names".to_owned()));
        }
        let stamped = self.entries.chain.open(&text).map_err(|error| unproven(error.to_string()))?;
        let growth = self.entries.growth(*size)?;
        growth
            .verify(stamped.root(), self.checkpoint.size(), self.checkpoint.root())
            .map_err(|error| unproven(error.to_string()))?;
        let read = Token::from_response(&response).map_err(|error| unproven(error.to_string()))?;
        let claim = read.examine(*checkpoint, None).map_err(|error| unproven(error.to_string()))?;
        if claim.gen_time() != *gen_time || stamped.size() != *size {
            return Err(unproven("its token says something else than its entry".to_owned()));
        }
        if sizes.insert(*size) {
            self.add(&layout::stamped(*size), &text)?;
            let file = ConsistencyFile::new(growth, &self.checkpoint).to_string();
            self.add(&layout::stamp_growth(*size), file.as_bytes())?;
        }
        self.add(&layout::stamp(*size, authority), &response)?;
        Ok(authority.clone())
    }
}
