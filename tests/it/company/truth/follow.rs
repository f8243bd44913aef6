//! Which findings there must be: one for each check that fails, joined by who fails later, and over when a complete look shows
//! nobody of it failing any more. What fails after that is another.

use super::{Expected, Word};
use std::collections::BTreeMap;

/// A collection, by number.
type Turn = usize;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::company) struct Finding {
    pub(in crate::company) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::company) struct Item {
    pub(in crate::company) subject: String,
    pub(in crate::company) first: Turn,
    pub(in crate::company) last: Turn,
    pub(in crate::company) resolved: Option<Turn>,
}

impl Finding {
    pub(in crate::company) fn is_over(&self) -> bool {
        self.items.iter().all(|item| item.resolved.is_some())
    }
}

#[derive(Default)]
pub(in crate::company) struct Findings(pub(in crate::company) BTreeMap<&'static str, Vec<Finding>>);

impl Findings {
    pub(in crate::company) fn follow(&mut self, turn: Turn, expected: &Expected) {
        let failing: Vec<&String> = expected
            .members
            .iter()
            .filter(|(_, word)| expected.outcome == "fail" && **word == Word::Fail)
            .map(|(subject, _)| subject)
            .collect();
        let of_check = self.0.entry(expected.check).or_default();
        if of_check.last().is_none_or(Finding::is_over) {
            if failing.is_empty() {
                return;
            }
            of_check.push(Finding::default());
        }
        let finding = of_check.last_mut().unwrap();
        for subject in failing {
            match finding.items.iter_mut().find(|item| item.resolved.is_none() && item.subject == *subject) {
                Some(item) => item.last = turn,
                None => finding.items.push(Item { subject: subject.clone(), first: turn, last: turn, resolved: None }),
            }
        }
        // an evaluation that broke off without members shows nothing
        let whole = expected.named.is_empty() && (expected.outcome != "inconclusive" || !expected.members.is_empty());
        if whole {
            for item in finding.items.iter_mut().filter(|item| item.resolved.is_none()) {
                let word = expected.members.get(&item.subject);
                if !matches!(word, Some(Word::Fail | Word::Unknown(_))) {
                    item.resolved = Some(turn);
                }
            }
        }
    }
}
