//! The people of the company, their accounts, and what the account register says: everything that was, day by day.

use super::days::{Day, by};
use std::fmt;

/// Where evidence comes from; the roster first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Hr,
    Idp,
    Aws,
    Crm,
    Host,
}

/// Every source that has accounts.
pub(super) const SYSTEMS: [Source; 4] = [Source::Idp, Source::Aws, Source::Crm, Source::Host];
pub(super) const SOURCES: [Source; 5] = [Source::Hr, Source::Idp, Source::Aws, Source::Crm, Source::Host];

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hr => "hr",
            Self::Idp => "idp",
            Self::Aws => "aws",
            Self::Crm => "crm",
            Self::Host => "host",
        })
    }
}

pub(super) type PersonId = usize;

#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) number: String,
    pub(super) name: String,
    pub(super) contractor: bool,
    pub(super) spells: Vec<Spell>,
    pub(super) address: Vec<(Day, Option<String>)>,
    pub(super) department: Vec<(Day, &'static str)>,
    pub(super) manager: Vec<(Day, PersonId)>,
    /// The roster's own word for how they stand.
    pub(super) word: Vec<(Day, &'static str)>,
}

/// One employment.
#[derive(Debug, Clone)]
pub(super) struct Spell {
    pub(super) start: Day,
    /// When the roster got to know of it.
    pub(super) listed: Day,
    /// Last days, each with when it was entered.
    pub(super) ends: Vec<(Day, Option<Day>)>,
    pub(super) tells: Tells,
}

/// How the roster says when the end was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    Nothing,
    Day,
    Instant,
}

impl Person {
    pub(super) fn key(&self) -> String {
        format!("hr:{}", self.number)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Human,
    Service,
    Shared,
    BreakGlass,
    Guest,
    Root,
    Unknown,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Service => "service",
            Self::Shared => "shared",
            Self::BreakGlass => "break_glass",
            Self::Guest => "guest",
            Self::Root => "root",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    None,
    Enrolled,
    Enforced,
}

/// Something that was done to an account.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Open(bool),
    Listed(bool),
    Admin(bool),
    Factor(Factor),
    Password(bool),
    Address(Option<String>),
    /// A policy of its own, and whether it is an administrator's.
    Policy(Option<bool>),
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) source: Source,
    pub(super) login: String,
    /// Whose it is in truth; not what a source tells.
    pub(super) owner: Option<PersonId>,
    /// The employee number that the source records.
    pub(super) number: Option<String>,
    /// As the source says it.
    pub(super) kind: Kind,
    pub(super) created: Day,
    pub(super) changes: Vec<(Day, Change)>,
    /// First and last days of being used every day.
    pub(super) uses: Vec<(Day, Day)>,
    pub(super) keys: Vec<Key>,
    /// Whether its second factor resists phishing, where a source says so.
    pub(super) strong: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) made: Day,
    pub(super) off: Option<Day>,
    pub(super) gone: Option<Day>,
    pub(super) uses: Option<(Day, Day)>,
}

/// How an account is on the morning of a day, as far as its source tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) source: Source,
    pub(super) login: String,
    pub(super) number: Option<String>,
    pub(super) address: Option<String>,
    pub(super) kind: Kind,
    pub(super) open: bool,
    pub(super) admin: bool,
    pub(super) factor: Option<Factor>,
    pub(super) strong: Option<bool>,
    pub(super) created: Option<Day>,
    pub(super) used: Option<Day>,
    pub(super) password: Option<bool>,
    pub(super) policy: Option<bool>,
    pub(super) keys: Vec<ShownKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownKey {
    pub(super) id: String,
    pub(super) active: bool,
    pub(super) made: Day,
    pub(super) used: Option<Day>,
}

impl Shown {
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.source, self.login)
    }
}

/// The last day before `day` that lies in one of `uses`.
fn last_use(uses: &[(Day, Day)], day: Day) -> Option<Day> {
    uses.iter().filter(|(from, _)| *from < day).map(|(_, to)| (*to).min(day - 1)).max()
}

impl Account {
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.source, self.login)
    }

    fn last<T>(&self, day: Day, of: impl Fn(&Change) -> Option<T>) -> Option<T> {
        let mut seen: Vec<(Day, T)> = self
            .changes
            .iter()
            .filter(|(when, _)| *when < day)
            .filter_map(|(when, what)| Some((*when, of(what)?)))
            .collect();
        // of two changes on a day the later in the list is the later
        seen.sort_by_key(|(when, _)| *when);
        seen.pop().map(|(_, what)| what)
    }

    /// None where its source does not list it.
    pub(super) fn shown(&self, day: Day) -> Option<Shown> {
        let listed = self.last(day, |change| if let Change::Listed(is) = change { Some(*is) } else { None });
        if self.created >= day || listed == Some(false) {
            return None;
        }
        let open = self.last(day, |change| if let Change::Open(is) = change { Some(*is) } else { None }) != Some(false);
        let admin =
            self.last(day, |change| if let Change::Admin(is) = change { Some(*is) } else { None }) == Some(true);
        let factor = self.last(day, |change| if let Change::Factor(is) = change { Some(*is) } else { None });
        let factor = factor.unwrap_or(Factor::Enrolled);
        let password = self.last(day, |change| if let Change::Password(is) = change { Some(*is) } else { None });
        let password = password != Some(false);
        let address =
            self.last(day, |change| if let Change::Address(is) = change { Some(is.clone()) } else { None }).flatten();
        let policy = self.last(day, |change| if let Change::Policy(is) = change { Some(*is) } else { None }).flatten();
        let used = last_use(&self.uses, day);
        let keys = self.keys.iter().filter(|key| key.made < day && key.gone.is_none_or(|gone| gone >= day));
        let keys: Vec<ShownKey> = keys
            .map(|key| ShownKey {
                id: key.id.clone(),
                active: key.off.is_none_or(|off| off >= day) && (self.source != Source::Aws || open),
                made: key.made,
                used: last_use(key.uses.as_slice(), day),
            })
            .collect();
        let plain = Shown {
            source: self.source,
            login: self.login.clone(),
            number: None,
            address,
            kind: self.kind,
            open,
            admin,
            factor: Some(factor),
            strong: Some(self.strong && factor != Factor::None),
            created: Some(self.created),
            used,
            password: Some(password),
            policy: None,
            keys,
        };
        Some(match self.source {
            Source::Idp => Shown {
                number: self.number.clone(),
                kind: Kind::Unknown,
                factor: None,
                strong: None,
                used: None,
                password: None,
                ..plain
            },
            Source::Aws => self.aws(plain, policy),
            Source::Host => Shown {
                address: None,
                kind: if self.kind == Kind::Unknown { Kind::Human } else { self.kind },
                factor: None,
                strong: None,
                created: None,
                used: None,
                password: Some(open && password),
                ..plain
            },
            Source::Crm | Source::Hr => plain,
        })
    }

    /// An IAM user who is shut out has no password and no active key left, and one who has neither is shut out.
    fn aws(&self, plain: Shown, policy: Option<bool>) -> Shown {
        if self.kind == Kind::Root {
            let has_keys = plain.keys.iter().any(|key| key.active);
            let used = plain.used.max(plain.keys.iter().filter_map(|key| key.used).max());
            let keys = if has_keys { plain.keys } else { Vec::new() };
            return Shown { open: true, admin: true, strong: None, password: None, used, keys, policy: None, ..plain };
        }
        let password = plain.open && plain.password == Some(true);
        let open = password || plain.keys.iter().any(|key| key.active);
        let console = if password { plain.used } else { None };
        let used = console.max(plain.keys.iter().filter_map(|key| key.used).max());
        Shown {
            kind: if password { Kind::Human } else { Kind::Unknown },
            open,
            strong: (plain.factor == Some(Factor::None)).then_some(false),
            used,
            password: Some(password),
            admin: plain.admin || policy == Some(true),
            policy,
            ..plain
        }
    }
}

/// What the account register says of an account, and over which days.
#[derive(Debug, Clone, Default)]
pub(super) struct Registration {
    pub(super) account: String,
    pub(super) from: Day,
    pub(super) until: Option<Day>,
    pub(super) kind: Option<Kind>,
    pub(super) owner: Option<Owner>,
    pub(super) purpose: bool,
    pub(super) justified: bool,
    pub(super) approved: bool,
    pub(super) valid_to: Option<Day>,
    pub(super) tested: Option<Day>,
}

#[derive(Debug, Clone)]
pub(super) enum Owner {
    Person(PersonId),
    /// Somebody no roster has.
    Name(&'static str),
}

impl Registration {
    pub(super) fn holds(&self, day: Day) -> bool {
        self.from < day && self.until.is_none_or(|until| until >= day)
    }
}

#[derive(Debug, Default)]
pub(super) struct Company {
    pub(super) people: Vec<Person>,
    pub(super) accounts: Vec<Account>,
    pub(super) register: Vec<Registration>,
    /// Accounts whose owner somebody approved.
    pub(super) links: Vec<(String, PersonId)>,
    /// Rules for console passwords: least length and how many are remembered.
    pub(super) password_policy: Vec<(Day, (u32, u32))>,
}

/// A person as the roster has them on the morning of a day.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) person: PersonId,
    pub(super) address: Option<String>,
    pub(super) word: &'static str,
    /// In order of start.
    pub(super) spells: Vec<ListedSpell>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedSpell {
    pub(super) start: Day,
    pub(super) end: Option<Day>,
    pub(super) told: Option<Day>,
    pub(super) tells: Tells,
}

impl Company {
    pub(super) fn roster(&self, day: Day) -> Vec<Listed> {
        let listed = self.people.iter().enumerate().map(|(id, person)| Listed {
            person: id,
            address: by(&person.address, day).cloned().flatten(),
            word: by(&person.word, day).copied().unwrap_or("active"),
            spells: person.spells.iter().filter(|spell| spell.listed < day).map(|spell| spell.listed(day)).collect(),
        });
        listed.filter(|listed| !listed.spells.is_empty()).collect()
    }

    pub(super) fn shown(&self, source: Source, day: Day) -> Vec<Shown> {
        self.accounts
            .iter()
            .filter(|account| account.source == source)
            .filter_map(|account| account.shown(day))
            .collect()
    }
}

impl Company {
    /// The number of an account of the host.
    pub(super) fn uid(&self, login: &str) -> usize {
        1000 + self
            .accounts
            .iter()
            .position(|account| account.source == Source::Host && account.login == login)
            .unwrap()
    }
}

impl Spell {
    fn listed(&self, day: Day) -> ListedSpell {
        let entered = self.ends.iter().filter(|(when, _)| *when < day).max_by_key(|(when, _)| *when);
        let end = entered.and_then(|(_, end)| *end);
        let told = entered.filter(|_| end.is_some() && self.tells != Tells::Nothing).map(|(when, _)| *when);
        ListedSpell { start: self.start, end, told, tells: self.tells }
    }
}
