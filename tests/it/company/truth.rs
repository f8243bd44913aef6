//! What every check must say, worked out from the lives of the company and from what its sources were able to show: no SQL, and
//! nothing of the product. A statement about a member is a word and, where it cannot be known, why.

mod follow;
mod leavers;
mod past;
mod register;
mod rules;
mod sign_in;
mod unused;

pub(super) use follow::Findings;
pub(super) use past::Past;
pub(super) use rules::{Expected, expected};

use super::days::Day;
use super::faults::State;
use super::lives::{Company, Kind, Listed, Owner, PersonId, Registration, Shown, Source};
use std::collections::BTreeMap;

/// What must be said of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Pass,
    Fail,
    /// And a part of the reason that has to be given.
    Unknown(&'static str),
    NotApplicable,
}

/// Members by subject.
pub(super) type Members = BTreeMap<String, Word>;

/// What the latest snapshots show on the morning of a day.
pub(super) struct View<'a> {
    pub(super) company: &'a Company,
    pub(super) day: Day,
    pub(super) roster: Vec<Listed>,
    pub(super) shown: BTreeMap<Source, Vec<Shown>>,
    /// The day that each source's rows describe.
    pub(super) seen: BTreeMap<Source, Day>,
    /// The sources whose evidence is not good.
    pub(super) bad: BTreeMap<Source, State>,
    pub(super) past: &'a Past,
    /// The holders of accounts, by account.
    pub(super) holders: BTreeMap<String, Holder>,
}

/// Whose an account can be said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Person(PersonId),
    Nobody,
}

impl<'a> View<'a> {
    pub(super) fn new(
        company: &'a Company,
        day: Day,
        past: &'a Past,
        roster: Vec<Listed>,
        shown: BTreeMap<Source, Vec<Shown>>,
        seen: BTreeMap<Source, Day>,
        bad: BTreeMap<Source, State>,
    ) -> Self {
        let mut view = Self { company, day, roster, shown, seen, bad, past, holders: BTreeMap::new() };
        let listed: Vec<Shown> = view.accounts().cloned().collect();
        let mut holders: BTreeMap<String, Holder> =
            listed.iter().map(|account| (account.key(), view.holder_of(account, account.created))).collect();
        for (key, gone) in view.past.accounts() {
            if !holders.contains_key(key) {
                holders.insert(key.clone(), view.holder_of(gone, None));
            }
        }
        view.holders = holders;
        view
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &Shown> {
        self.shown.values().flatten()
    }

    pub(super) fn of(&self, source: Source) -> impl Iterator<Item = &Shown> {
        self.shown.get(&source).into_iter().flatten()
    }

    pub(super) fn listed(&self, key: &str) -> Option<&Shown> {
        self.accounts().find(|account| account.key() == key)
    }

    pub(super) fn person(&self, id: PersonId) -> Option<&Listed> {
        let place = self.roster.binary_search_by_key(&id, |listed| listed.person).ok()?;
        self.roster.get(place)
    }

    pub(super) fn seen(&self, source: Source) -> Day {
        self.seen.get(&source).copied().unwrap_or(self.day)
    }

    /// What the register says of an account today.
    pub(super) fn entry(&self, account: &Shown) -> Option<&'a Registration> {
        let key = account.key();
        self.company.register.iter().filter(|entry| entry.account == key).find(|entry| entry.holds(self.day))
    }

    /// What an account is: as the register says, or else its source.
    pub(super) fn kind(&self, account: &Shown) -> Kind {
        match self.entry(account).and_then(|entry| entry.kind) {
            Some(kind) if account.kind != Kind::Root => kind,
            _ => account.kind,
        }
    }

    pub(super) fn holder(&self, account: &Shown) -> Option<PersonId> {
        match self.holders.get(&account.key()) {
            Some(Holder::Person(person)) => Some(*person),
            _ => None,
        }
    }

    /// The strongest of what ties an account to a person: a word somebody gave, the employee number, the address.
    fn holder_of(&self, account: &Shown, created: Option<Day>) -> Holder {
        let key = account.key();
        if let Some((_, person)) = self.company.links.iter().find(|(linked, _)| *linked == key) {
            return if self.person(*person).is_some() { Holder::Person(*person) } else { Holder::Nobody };
        }
        if matches!(self.kind(account), Kind::Service | Kind::Shared | Kind::BreakGlass | Kind::Root) {
            return Holder::Nobody;
        }
        let numbered = account.number.as_deref().and_then(|number| self.numbered(number));
        numbered.map_or_else(|| self.holder_by_address(account, created), Holder::Person)
    }

    pub(super) fn numbered(&self, number: &str) -> Option<PersonId> {
        self.roster.iter().map(|listed| listed.person).find(|person| self.company.people[*person].number == number)
    }

    /// Everybody who has an address on the roster.
    pub(super) fn addressed(&self, address: &str) -> Vec<PersonId> {
        let has = |listed: &&Listed| listed.address.as_deref() == Some(address);
        self.roster.iter().filter(has).map(|listed| listed.person).collect()
    }

    fn holder_by_address(&self, account: &Shown, created: Option<Day>) -> Holder {
        let Some(address) = account.address.as_deref().filter(|address| address.ends_with("@acme.example")) else {
            return Holder::Nobody;
        };
        let [person] = self.addressed(address)[..] else { return Holder::Nobody };
        // what somebody had before is not the next one's, unless the account is younger than that
        let own = self.past.first_with(address, person);
        let inherited =
            self.past.holders(address).any(|(other, first)| other != person && own.is_none_or(|own| first < own));
        let known = created.or_else(|| self.past.first_seen(&account.key()));
        let younger = matches!((known, own), (Some(known), Some(own)) if known >= own);
        if inherited && !younger { Holder::Nobody } else { Holder::Person(person) }
    }

    /// Whether somebody works, or will, for the company as the roster has it today; none when it lists no employment.
    pub(super) fn standing(&self, person: PersonId) -> Standing {
        let Some(listed) = self.person(person) else { return Standing::Unlisted };
        if listed.spells.iter().any(|spell| spell.end.is_none_or(|end| end >= self.day)) {
            return Standing::Employed;
        }
        Standing::Left(listed.spells.iter().filter_map(|spell| spell.end).max().unwrap())
    }

    pub(super) fn has_open_spell(&self, person: PersonId) -> bool {
        self.person(person).is_some_and(|listed| listed.spells.iter().any(|spell| spell.end.is_none()))
    }

    /// The owner that the register names, where the roster has them.
    pub(super) fn owner(&self, entry: &Registration) -> Option<PersonId> {
        match entry.owner {
            Some(Owner::Person(person)) => self.person(person).map(|_| person),
            _ => None,
        }
    }
}

/// How somebody stands with the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Employed,
    /// With the last day.
    Left(Day),
    /// The roster does not have them.
    Unlisted,
}
