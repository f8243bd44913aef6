//! What complete snapshots showed before, collection by collection.

use crate::company::days::Day;
use crate::company::lives::{Listed, PersonId, Shown, Source};
use std::collections::BTreeMap;

/// How an account was at a collection; none where it was not listed.
pub(in crate::company) type Look = Option<(bool, bool)>;

/// The last day of a spell as a collection showed it.
type ShownEnd = (Day, Option<Day>);

#[derive(Default)]
pub(in crate::company) struct Past {
    /// The days of complete snapshots, by source.
    pub(in crate::company) days: BTreeMap<Source, Vec<Day>>,
    accounts: BTreeMap<String, Trace>,
    /// Since which collection who had which address.
    addresses: BTreeMap<String, BTreeMap<PersonId, Day>>,
    /// By person and number of the spell: at each collection that showed it its last day.
    ends: BTreeMap<(PersonId, usize), Vec<ShownEnd>>,
}

struct Trace {
    last: Shown,
    /// From the first that listed it on.
    looks: Vec<(Day, Look)>,
}

impl Past {
    pub(in crate::company) fn roster(&mut self, day: Day, roster: &[Listed]) {
        self.days.entry(Source::Hr).or_default().push(day);
        for listed in roster {
            if let Some(address) = &listed.address {
                self.addresses.entry(address.clone()).or_default().entry(listed.person).or_insert(day);
            }
            for (place, spell) in listed.spells.iter().enumerate() {
                self.ends.entry((listed.person, place + 1)).or_default().push((day, spell.end));
            }
        }
    }

    pub(in crate::company) fn system(&mut self, source: Source, day: Day, shown: &[Shown]) {
        self.days.entry(source).or_default().push(day);
        for account in shown {
            let looks = match self.accounts.remove(&account.key()) {
                Some(trace) => trace.looks,
                None => Vec::new(),
            };
            self.accounts.insert(account.key(), Trace { last: account.clone(), looks });
        }
        let listed: BTreeMap<&str, &Shown> = shown.iter().map(|account| (account.login.as_str(), account)).collect();
        for trace in self.accounts.values_mut().filter(|trace| trace.last.source == source) {
            let look = listed.get(trace.last.login.as_str()).map(|account| (account.open, account.admin));
            trace.looks.push((day, look));
        }
    }

    /// Every account that was ever listed, as it was listed last.
    pub(in crate::company) fn accounts(&self) -> impl Iterator<Item = (&String, &Shown)> {
        self.accounts.iter().map(|(key, trace)| (key, &trace.last))
    }

    pub(in crate::company) fn looks(&self, key: &str) -> &[(Day, Look)] {
        self.accounts.get(key).map_or(&[], |trace| &trace.looks)
    }

    pub(in crate::company) fn first_seen(&self, key: &str) -> Option<Day> {
        self.looks(key).first().map(|(day, _)| *day)
    }

    pub(in crate::company) fn holders(&self, address: &str) -> impl Iterator<Item = (PersonId, Day)> {
        self.addresses.get(address).into_iter().flatten().map(|(person, first)| (*person, *first))
    }

    pub(in crate::company) fn first_with(&self, address: &str, person: PersonId) -> Option<Day> {
        self.holders(address).find(|(holder, _)| *holder == person).map(|(_, first)| first)
    }

    /// Between which collections the roster got to show `end` of a spell: the last that did not, and the first that did.
    pub(in crate::company) fn shown_end(&self, person: PersonId, spell: usize, end: Day) -> Option<(Option<Day>, Day)> {
        let seen = self.ends.get(&(person, spell))?;
        let last_without = seen.iter().rposition(|(_, shown)| *shown != Some(end));
        let (first, _) = seen.get(last_without.map_or(0, |place| place + 1))?;
        // a roster that did not list the spell at all did not show its end either
        let before = self.days.get(&Source::Hr)?.iter().rev().find(|day| **day < *first).copied();
        Some((before, *first))
    }
}
