//! Makes a company and lets it live: the same seed gives the same lives.

mod machines;
mod people;

use super::days::{Day, YEARS};
use super::lives::{Account, Change, Company, Factor, Key, Kind, PersonId, Source};

/// A small generator of numbers (SplitMix64): the lives must be the same on every machine and for ever.
pub(super) struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both included.
    fn between(&mut self, low: Day, high: Day) -> Day {
        let span = u64::try_from(high.max(low) - low).unwrap() + 1;
        low + Day::try_from(self.next() % span).unwrap()
    }

    /// Less than `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.between(0, Day::try_from(limit).unwrap() - 1)).unwrap()
    }

    /// True so many times in a hundred.
    fn percent(&mut self, share: Day) -> bool {
        self.between(0, 99) < share
    }
}

/// A company of `people` people.
pub(super) fn company(seed: u64, people: usize) -> Company {
    let mut chance = Chance(seed);
    let mut company = Company::default();
    for number in 0..people {
        people::person(&mut company, &mut chance, number);
    }
    people::reused_addresses(&mut company, &mut chance);
    for person in 0..company.people.len() {
        people::accounts(&mut company, &mut chance, person);
    }
    machines::everything_else(&mut company, &mut chance);
    company.password_policy = vec![(-900, (8, 5)), (120, (14, 0)), (260, (14, 24)), (500, (10, 24)), (640, (12, 24))];
    for account in &mut company.accounts {
        account.changes.sort_by_key(|(day, _)| *day);
    }
    company
}

fn account(source: Source, login: &str, owner: Option<PersonId>, created: Day) -> Account {
    Account {
        source,
        login: login.to_owned(),
        owner,
        number: None,
        kind: Kind::Unknown,
        created,
        changes: Vec::new(),
        uses: Vec::new(),
        keys: Vec::new(),
        strong: false,
    }
}

impl Account {
    fn change(&mut self, day: Day, change: Change) {
        self.changes.push((day, change));
    }
}

/// Keys of one slot, each made when the one before was thrown away; some are kept far too long, left unused or switched off.
fn keys(chance: &mut Chance, id: &str, from: Day, to: Day) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut made = from;
    while made < to {
        let kept = if chance.percent(70) { chance.between(40, 85) } else { chance.between(91, 400) };
        let end = (made + kept).min(to);
        let uses = match chance.between(0, 9) {
            0 => None,
            1 => Some((made + 1, made + chance.between(1, 30))),
            _ => Some((made + 1, end)),
        };
        let off = chance.percent(20).then(|| end - chance.between(0, 20).min(end - made - 1));
        keys.push(Key { id: id.to_owned(), made, off, gone: (end < YEARS).then_some(end), uses });
        made = end;
    }
    keys
}

/// Having a second factor, losing it and getting it again.
fn factors(chance: &mut Chance, account: &mut Account) {
    let (created, kind) = (account.created, chance.between(0, 99));
    let good = if chance.percent(50) { Factor::Enrolled } else { Factor::Enforced };
    account.change(created, Change::Factor(if kind < 12 { Factor::None } else { good }));
    if kind < 8 {
        account.change(chance.between(created.max(0) + 10, YEARS), Change::Factor(good));
    } else if kind > 94 {
        let lost = chance.between(created.max(0) + 10, YEARS);
        account.change(lost, Change::Factor(Factor::None));
        account.change(lost + chance.between(3, 60), Change::Factor(good));
    }
}

/// Being an administrator for a while, perhaps twice.
fn administrator(chance: &mut Chance, account: &mut Account) {
    let mut day = chance.between(account.created.max(-200), YEARS - 60);
    for _ in 0..chance.between(1, 3) {
        account.change(day, Change::Admin(true));
        if chance.percent(25) {
            return;
        }
        day += chance.between(2, 200);
        account.change(day, Change::Admin(false));
        day += chance.between(2, 40);
    }
}
