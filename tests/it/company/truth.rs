//! What every check must say, worked out from the lives of the company and from what its sources were able to show: no SQL, and
//! nothing of the product. A statement about a member is a word and, where it cannot be known, why.

mod follow;
mod leavers;
mod past;
mod programme;
mod register;
mod rules;
mod sign_in;
mod unused;

pub(super) use follow::Findings;
pub(super) use past::Past;
pub(super) use rules::{Expected, expected};

use super::days::Day;
use super::faults::{Fault, State};
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
    /// What went wrong this morning.
    pub(super) faults: &'a [(Source, Fault)],
    pub(super) past: &'a Past,
    /// The holders of accounts, by account.
    pub(super) holders: BTreeMap<String, Holder>,
    index: Index<'a>,
}

/// What is looked up often.
struct Index<'a> {
    /// Where each account is listed.
    listed: BTreeMap<String, (Source, usize)>,
    numbers: BTreeMap<&'a str, PersonId>,
    addresses: BTreeMap<String, Vec<PersonId>>,
    register: BTreeMap<&'a str, &'a Registration>,
    links: BTreeMap<&'a str, PersonId>,
}

impl<'a> Index<'a> {
    fn new(company: &'a Company, day: Day, roster: &[Listed], shown: &BTreeMap<Source, Vec<Shown>>) -> Self {
        let mut addresses: BTreeMap<String, Vec<PersonId>> = BTreeMap::new();
        for listed in roster {
            if let Some(address) = &listed.address {
                addresses.entry(address.clone()).or_default().push(listed.person);
            }
        }
        let mut register = BTreeMap::new();
        for entry in company.register.iter().filter(|entry| entry.holds(day)) {
            register.entry(entry.account.as_str()).or_insert(entry);
        }
        let places = shown.iter().flat_map(|(source, accounts)| {
            accounts.iter().enumerate().map(|(place, account)| (account.key(), (*source, place)))
        });
        Self {
            listed: places.collect(),
            numbers: roster
                .iter()
                .map(|listed| (company.people[listed.person].number.as_str(), listed.person))
                .collect(),
            addresses,
            register,
            links: company.links.iter().map(|(account, person)| (account.as_str(), *person)).collect(),
        }
    }
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
        faults: &'a [(Source, Fault)],
    ) -> Self {
        let index = Index::new(company, day, &roster, &shown);
        let mut view = Self { company, day, roster, shown, seen, faults, past, holders: BTreeMap::new(), index };
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

    /// How the evidence of a source stands, where it is not good.
    pub(super) fn state(&self, source: Source) -> Option<State> {
        self.faults.iter().find(|(of, _)| *of == source).map(|(_, fault)| fault.state())
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &Shown> {
        self.shown.values().flatten()
    }

    /// Everybody who holds an account, listed or not any more.
    pub(super) fn persons(&self) -> impl Iterator<Item = PersonId> {
        self.holders.values().filter_map(|holder| match holder {
            Holder::Person(person) => Some(*person),
            Holder::Nobody => None,
        })
    }

    pub(super) fn of(&self, source: Source) -> impl Iterator<Item = &Shown> {
        self.shown.get(&source).into_iter().flatten()
    }

    pub(super) fn listed(&self, key: &str) -> Option<&Shown> {
        let (source, place) = self.index.listed.get(key)?;
        self.shown[source].get(*place)
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
        self.index.register.get(account.key().as_str()).copied()
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
        if let Some(person) = self.index.links.get(key.as_str()) {
            return if self.person(*person).is_some() { Holder::Person(*person) } else { Holder::Nobody };
        }
        if matches!(self.kind(account), Kind::Service | Kind::Shared | Kind::BreakGlass | Kind::Root) {
            return Holder::Nobody;
        }
        let numbered = account.number.as_deref().and_then(|number| self.numbered(number));
        numbered.map_or_else(|| self.holder_by_address(account, created), Holder::Person)
    }

    pub(super) fn numbered(&self, number: &str) -> Option<PersonId> {
        self.index.numbers.get(number).copied()
    }

    /// Everybody who has an address on the roster.
    pub(super) fn addressed(&self, address: &str) -> Vec<PersonId> {
        self.index.addresses.get(address).cloned().unwrap_or_default()
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
