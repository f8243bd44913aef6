//! People: how they come, move, leave and come back, and what becomes of their accounts.

use super::{Chance, account, administrator, factors, keys};
use crate::company::days::{Day, YEARS};
use crate::company::lives::{
    Account, Change, Company, Kind, Owner, Person, PersonId, Registration, Source, Spell, Tells,
};

const DEPARTMENTS: [&str; 5] = ["sales", "engineering", "finance", "people", "legal"];

pub(super) fn person(company: &mut Company, chance: &mut Chance, number: usize) {
    let contractor = chance.percent(15);
    let start = if chance.percent(70) { chance.between(-1500, -40) } else { chance.between(-30, 700) };
    // the roster learns of most people before they come, and of some after
    let listed = if chance.percent(95) { start - chance.between(1, 30) } else { start + chance.between(1, 12) };
    let mut spells = vec![if contractor { contract(chance, start, listed) } else { employment(chance, start, listed) }];
    if let Some(end) = last_day(&spells[0]).filter(|end| *end > 0 && *end < 640 && !contractor)
        && chance.percent(25)
    {
        let again = end + chance.between(20, 150);
        let listed = again - chance.between(1, 10);
        spells.push(employment(chance, again, listed));
    }
    let name = format!("Person {number:04}");
    let address = format!("person{number:04}@acme.example");
    let mut person = Person {
        number: format!("E{number:04}"),
        name,
        contractor,
        address: vec![(-2000, Some(address))],
        department: vec![(-2000, DEPARTMENTS[chance.below(5)])],
        manager: vec![(-2000, chance.below(10) % (number + 1))],
        word: Vec::new(),
        spells,
    };
    if chance.percent(25) {
        let day = chance.between(0, YEARS);
        person.department.push((day, DEPARTMENTS[chance.below(5)]));
        person.manager.push((day, chance.below(10) % (number + 1)));
    }
    if chance.percent(4) {
        // a new name, and with it a new address
        person.address.push((chance.between(0, 600), Some(format!("new.person{number:04}@acme.example"))));
    }
    words(chance, &mut person);
    company.people.push(person);
}

/// The last day that is entered last.
fn last_day(spell: &Spell) -> Option<Day> {
    spell.ends.iter().max_by_key(|(when, _)| *when).and_then(|(_, end)| *end)
}

fn employment(chance: &mut Chance, start: Day, listed: Day) -> Spell {
    let mut ends = Vec::new();
    if chance.percent(40) {
        let end = chance.between((start + 30).max(3), YEARS + 60);
        let entered = match chance.between(0, 9) {
            0 | 1 => end + chance.between(1, 25),
            2 => end,
            _ => end - chance.between(5, 40),
        };
        ends.push((entered.max(listed), Some(end)));
        if chance.percent(8) && entered < end {
            // somebody stays longer than they said
            ends.push((end.max(listed + 1) - 1, Some(end + chance.between(20, 90))));
        }
    }
    Spell { start, listed, ends, tells: tells(chance) }
}

fn tells(chance: &mut Chance) -> Tells {
    [Tells::Nothing, Tells::Nothing, Tells::Day, Tells::Instant][chance.below(4)]
}

fn contract(chance: &mut Chance, start: Day, listed: Day) -> Spell {
    let mut ends = Vec::new();
    if chance.percent(85) {
        let mut end = start.max(-200) + chance.between(60, 500);
        ends.push((listed, Some(end)));
        while chance.percent(40) && end < YEARS {
            // extended, and sometimes only after the contract ran out
            let entered = end + if chance.percent(70) { -chance.between(1, 20) } else { chance.between(1, 20) };
            end += chance.between(60, 300);
            ends.push((entered, Some(end)));
        }
    }
    Spell { start, listed, ends, tells: tells(chance) }
}

/// HR writes that somebody left before, or without, saying when.
fn words(chance: &mut Chance, person: &mut Person) {
    let entered = person.spells[0].ends.first().copied();
    if let Some((entered, Some(end))) = entered.filter(|(entered, _)| *entered > 0) {
        if !person.contractor && person.spells.len() == 1 && chance.percent(15) {
            person.word = vec![(end.min(entered) - chance.between(1, 10), "terminated")];
        }
    } else if chance.percent(2) {
        let day = chance.between(0, YEARS);
        person.word = vec![(day, "sabbatical"), (day + 60, "active")];
    }
}

/// A newcomer gets the address that somebody who left had before.
pub(super) fn reused_addresses(company: &mut Company, chance: &mut Chance) {
    let newcomers: Vec<(PersonId, Day)> = company
        .people
        .iter()
        .enumerate()
        .filter(|(_, person)| person.spells[0].start > 100 && person.address.len() == 1)
        .map(|(id, person)| (id, person.spells[0].listed.min(person.spells[0].start)))
        .collect();
    let mut leavers: Vec<(PersonId, Day)> = company
        .people
        .iter()
        .enumerate()
        .filter(|(_, person)| person.spells.len() == 1 && !person.contractor && person.address.len() == 1)
        .filter_map(|(id, person)| Some((id, last_day(&person.spells[0])?)))
        .filter(|(_, end)| *end > 10)
        .collect();
    for (newcomer, listed) in newcomers {
        if !chance.percent(20) {
            continue;
        }
        let Some(place) = leavers.iter().position(|(_, end)| end + 40 < listed) else { continue };
        let (leaver, end) = leavers.remove(place);
        let address = company.people[leaver].address[0].1.clone();
        company.people[leaver].address.push((end + 30, None));
        company.people[newcomer].address = vec![(-2000, address)];
    }
}

pub(super) fn accounts(company: &mut Company, chance: &mut Chance, id: PersonId) {
    let engineer = chance.percent(40);
    idp(company, chance, id);
    if engineer {
        aws(company, chance, id);
    }
    if chance.percent(40) {
        crm(company, chance, id);
    }
    if chance.percent(if company.people.len() > 500 { 3 } else { 20 }) {
        host(company, chance, id);
    }
}

fn login(id: PersonId) -> String {
    format!("p{id:04}")
}

/// When the account of somebody is made: some far too early.
fn made(chance: &mut Chance, person: &Person) -> Day {
    let start = person.spells[0].start;
    if chance.percent(4) { start - chance.between(20, 60) } else { start - chance.between(0, 10) }
}

fn base(company: &Company, chance: &mut Chance, id: PersonId, source: Source) -> Account {
    let person = &company.people[id];
    let mut made = account(source, &login(id), Some(id), made(chance, person));
    // the address follows the roster's, later
    for (day, address) in &person.address {
        let later = if *day < -100 { 0 } else { chance.between(0, 40) };
        // nobody takes the address of a leaver off their accounts
        if address.is_some() {
            made.change(*day + later, Change::Address(address.clone()));
        }
    }
    made
}

/// What becomes of an account when its owner leaves, and when they come back.
fn leave(chance: &mut Chance, person: &Person, account: &mut Account) {
    let mut opened = account.created;
    for (place, spell) in person.spells.iter().enumerate() {
        if place > 0 && spell.start > opened {
            account.change(spell.start - 1, Change::Listed(true));
            account.change(spell.start - 1, Change::Open(true));
            opened = spell.start - 1;
        }
        let Some(end) = last_day(spell) else {
            use_it(chance, account, opened.max(spell.start), YEARS);
            return;
        };
        let next = person.spells.get(place + 1).map_or(YEARS + 100, |next| next.start - 2);
        let closed = match chance.between(0, 9) {
            0..5 => end - chance.between(0, 1),
            5..8 => end + chance.between(1, 40),
            8 => end - chance.between(2, 8),
            _ => YEARS + 200,
        }
        .max(opened + 1);
        if closed < next {
            let gone = account.source != Source::Idp && chance.percent(25);
            account.change(closed, if gone { Change::Listed(false) } else { Change::Open(false) });
            if !gone && chance.percent(6) && closed + 30 < next {
                let back = closed + chance.between(10, 25);
                account.change(back, Change::Open(true));
                if chance.percent(60) {
                    account.change((back + chance.between(5, 60)).min(next - 1), Change::Open(false));
                }
            }
        }
        let used_until = if chance.percent(12) { closed.min(end + 15).min(next) } else { closed.min(end) };
        use_it(chance, account, opened.max(spell.start), used_until);
    }
}

/// Daily use, a long rest in it, an early end of it, or none at all.
fn use_it(chance: &mut Chance, account: &mut Account, from: Day, to: Day) {
    let from = if chance.percent(4) { from - 8 } else { from + chance.between(0, 5) }.max(account.created + 1);
    if to <= from {
        return;
    }
    match chance.between(0, 19) {
        0 => {}
        1 => account.uses.push((from, from + chance.between(1, 60).min(to - from))),
        2 if to - from > 250 => {
            let rest = chance.between(from.max(0) + 1, to - 150);
            account.uses.extend([(from, rest.max(from)), (rest.max(from) + 130, to)]);
        }
        3 => {
            let late = from + chance.between(10, 60);
            if late < to {
                account.uses.push((late, to));
            }
        }
        _ => account.uses.push((from, to)),
    }
}

fn idp(company: &mut Company, chance: &mut Chance, id: PersonId) {
    let mut account = base(company, chance, id, Source::Idp);
    account.number = chance.percent(93).then(|| company.people[id].number.clone());
    leave(chance, &company.people[id], &mut account);
    if chance.percent(if company.people.len() > 500 { 1 } else { 4 }) {
        administrator(chance, &mut account);
        register_admin(company, chance, &account);
    }
    company.accounts.push(account);
}

fn aws(company: &mut Company, chance: &mut Chance, id: PersonId) {
    let mut account = base(company, chance, id, Source::Aws);
    leave(chance, &company.people[id], &mut account);
    factors(chance, &mut account);
    let has_keys = chance.percent(50);
    if has_keys {
        let end = account.uses.last().map_or(YEARS, |(_, to)| *to);
        account.keys = keys(chance, "slot 1", account.created, end);
        if chance.percent(15) {
            account.keys.extend(keys(chance, "slot 2", account.created.max(0) + 50, end));
        }
    }
    let console = !has_keys || chance.percent(60);
    account.change(account.created, Change::Password(console));
    if chance.percent(10) {
        account.change(chance.between(account.created, YEARS), Change::Policy(Some(chance.percent(30))));
    }
    if chance.percent(if company.people.len() > 500 { 1 } else { 8 }) {
        administrator(chance, &mut account);
        register_admin(company, chance, &account);
    }
    company.accounts.push(account);
}

fn crm(company: &mut Company, chance: &mut Chance, id: PersonId) {
    let mut account = base(company, chance, id, Source::Crm);
    account.kind = Kind::Human;
    account.strong = chance.percent(50);
    leave(chance, &company.people[id], &mut account);
    factors(chance, &mut account);
    account.change(account.created, Change::Password(!chance.percent(30)));
    if chance.percent(10) {
        account.keys = keys(chance, "K1", account.created, YEARS + 10);
    }
    if chance.percent(if company.people.len() > 500 { 2 } else { 8 }) {
        administrator(chance, &mut account);
        register_admin(company, chance, &account);
    }
    if chance.percent(5) {
        // a second identity in the same system
        let mut second = base(company, chance, id, Source::Crm);
        second.login = format!("{}-admin", second.login);
        second.kind = Kind::Human;
        second.created = account.created.max(0) + chance.between(1, 300);
        second.uses = vec![(second.created + 1, YEARS)];
        if chance.percent(40) {
            company.register.push(Registration {
                account: second.key(),
                from: second.created + chance.between(0, 60),
                owner: Some(Owner::Person(id)),
                purpose: true,
                ..Registration::default()
            });
        }
        company.accounts.push(second);
    }
    company.accounts.push(account);
}

fn host(company: &mut Company, chance: &mut Chance, id: PersonId) {
    let mut account = base(company, chance, id, Source::Host);
    leave(chance, &company.people[id], &mut account);
    if chance.percent(35) {
        administrator(chance, &mut account);
        register_admin(company, chance, &account);
    }
    if chance.percent(85) {
        company.links.push((account.key(), id));
    }
    company.accounts.push(account);
}

/// Half of the administrators stand in the register; some of these too late, for too short or without a reason.
fn register_admin(company: &mut Company, chance: &mut Chance, account: &Account) {
    if !chance.percent(60) {
        return;
    }
    let first =
        account.changes.iter().find(|(_, change)| matches!(change, Change::Admin(true))).map_or(0, |(day, _)| *day);
    let from = first + if chance.percent(60) { -5 } else { chance.between(3, 60) };
    company.register.push(Registration {
        account: account.key(),
        from,
        owner: account.owner.map(Owner::Person),
        purpose: chance.percent(50),
        justified: chance.percent(90),
        approved: chance.percent(90),
        valid_to: chance.percent(50).then(|| from + chance.between(30, 300)),
        ..Registration::default()
    });
}
