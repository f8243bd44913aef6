//! Accounts that are no single person's: services, shared and break-glass accounts, guests, root users, and accounts nobody knows.

use super::{Chance, account, factors, keys};
use crate::company::days::YEARS;
use crate::company::lives::{Account, Change, Company, Factor, Kind, Owner, PersonId, Registration, Source};

pub(super) fn everything_else(company: &mut Company, chance: &mut Chance) {
    let some = (company.people.len() / 25).max(4);
    for number in 0..some {
        service(company, chance, number);
        bot(company, chance, number);
        shared(company, chance, number);
        guest(company, chance, number);
        stranger(company, chance, number);
    }
    for number in 0..4 {
        break_glass(company, chance, number);
    }
    root(company);
    host(company);
    restless(company);
}

/// Administrators who are none for some days and get a new address or come back just before, again and again.
fn restless(company: &mut Company) {
    for number in 0..3 {
        let mut restless = account(Source::Crm, &format!("restless-{number}"), None, -100);
        restless.kind = Kind::Human;
        restless.uses = vec![(-99, YEARS)];
        restless.change(-100, Change::Admin(true));
        for (turn, from) in (20 + number * 9..YEARS - 40).step_by(97).enumerate() {
            match (turn + usize::try_from(number).unwrap()) % 3 {
                0 => restless.change(from, Change::Address(Some(format!("restless{turn}@acme.example")))),
                1 => restless.change(from, Change::Open(false)),
                _ => {}
            }
            restless.change(from + 8, Change::Admin(false));
            restless.change(from + 8, Change::Open(true));
            restless.change(from + 16, Change::Admin(true));
        }
        company.accounts.push(restless);
    }
}

fn owner(company: &Company, chance: &mut Chance) -> PersonId {
    chance.below(company.people.len())
}

/// An entry that is made some time after the account and is not always whole.
fn entry(company: &Company, chance: &mut Chance, account: &Account) -> Registration {
    let owner = match chance.between(0, 9) {
        0 => None,
        1 => Some(Owner::Name("the platform team")),
        _ => Some(Owner::Person(owner(company, chance))),
    };
    Registration {
        account: account.key(),
        from: account.created + chance.between(0, 40),
        owner,
        purpose: chance.percent(85),
        ..Registration::default()
    }
}

fn service(company: &mut Company, chance: &mut Chance, number: usize) {
    let mut service = account(Source::Crm, &format!("svc-{number}"), None, chance.between(-200, 500));
    service.kind = Kind::Service;
    service.change(service.created, Change::Password(chance.percent(40)));
    if chance.percent(30) {
        service.change(chance.between(service.created, YEARS), Change::Password(false));
    }
    if chance.percent(30) {
        service.change(chance.between(service.created + 50, YEARS + 200), Change::Open(false));
    }
    if chance.percent(40) {
        // made by somebody in their own name
        let address = company.people[owner(company, chance)].address[0].1.clone();
        service.change(service.created, Change::Address(address));
    }
    service.uses = vec![(service.created + 1, YEARS)];
    service.keys = keys(chance, "K1", service.created, YEARS + 10);
    if chance.percent(75) {
        let entry = entry(company, chance, &service);
        company.register.push(entry);
    }
    company.accounts.push(service);
}

/// An IAM user with keys alone; only the register says that it is a service.
fn bot(company: &mut Company, chance: &mut Chance, number: usize) {
    let mut bot = account(Source::Aws, &format!("bot-{number}"), None, chance.between(-300, 400));
    bot.change(bot.created, Change::Password(false));
    bot.change(bot.created, Change::Factor(Factor::None));
    bot.keys = keys(chance, "slot 1", bot.created, YEARS + 10);
    if chance.percent(75) {
        let entry = entry(company, chance, &bot);
        company.register.push(Registration { kind: Some(Kind::Service), ..entry });
    }
    company.accounts.push(bot);
}

fn shared(company: &mut Company, chance: &mut Chance, number: usize) {
    let mut shared = account(Source::Crm, &format!("desk-{number}"), None, chance.between(-200, 400));
    shared.kind = Kind::Shared;
    factors(chance, &mut shared);
    shared.uses = vec![(shared.created + 1, chance.between(shared.created + 2, YEARS))];
    if chance.percent(80) {
        let entry = entry(company, chance, &shared);
        let valid_to = chance.percent(85).then(|| entry.from + chance.between(60, 400));
        company.register.push(Registration { justified: true, approved: chance.percent(85), valid_to, ..entry });
    }
    company.accounts.push(shared);
}

fn guest(company: &mut Company, chance: &mut Chance, number: usize) {
    let mut guest = account(Source::Crm, &format!("guest-{number}"), None, chance.between(-100, 500));
    guest.kind = Kind::Guest;
    guest.change(guest.created, Change::Address(Some(format!("guest{number}@partner.example"))));
    factors(chance, &mut guest);
    guest.uses = vec![(guest.created + 1, YEARS)];
    if chance.percent(40) {
        guest.change(chance.between(guest.created + 20, YEARS + 100), Change::Open(false));
    }
    if chance.percent(65) {
        let entry = entry(company, chance, &guest);
        company.register.push(entry);
    }
    company.accounts.push(guest);
}

/// An account nobody knows, of which a source tells no owner or one that no roster has.
fn stranger(company: &mut Company, chance: &mut Chance, number: usize) {
    let source = [Source::Idp, Source::Aws, Source::Crm, Source::Host][number % 4];
    let mut stranger = account(source, &format!("old-{number}"), None, chance.between(-300, 300));
    if source == Source::Crm {
        stranger.kind = Kind::Human;
    }
    if chance.percent(50) {
        stranger.change(stranger.created, Change::Address(Some(format!("old{number}@acme.example"))));
    }
    stranger.uses = vec![(stranger.created + 1, chance.between(stranger.created + 2, YEARS))];
    if chance.percent(50) {
        stranger.change(chance.between(stranger.created.max(0) + 20, YEARS), Change::Open(false));
    }
    company.accounts.push(stranger);
}

fn break_glass(company: &mut Company, chance: &mut Chance, number: usize) {
    let mut account = account(Source::Crm, &format!("break-glass-{number}"), None, -300);
    account.kind = Kind::BreakGlass;
    account.strong = true;
    account.change(-300, Change::Admin(true));
    if number == 3 {
        account.change(410, Change::Open(false));
    }
    let owner = Some(Owner::Person(owner(company, chance)));
    let plain = Registration {
        account: account.key(),
        owner,
        purpose: true,
        justified: true,
        approved: true,
        ..Registration::default()
    };
    if number > 0 {
        let mut from = -200;
        // tried again and again, once too late
        for pause in [150, 170, 240, 160, 175, 190] {
            let until = from + pause;
            company.register.push(Registration { from, until: Some(until), tested: Some(from), ..plain.clone() });
            from = until;
        }
        company.register.push(Registration { from, tested: Some(from), ..plain });
    }
    company.accounts.push(account);
}

/// The root user of the AWS account: without a second factor for a while, with a key for a while, and used now and then.
fn root(company: &mut Company) {
    let mut root = account(Source::Aws, "<root_account>", None, -1800);
    root.kind = Kind::Root;
    root.change(90, Change::Factor(Factor::None));
    root.change(150, Change::Factor(Factor::Enrolled));
    root.uses = vec![(-700, -650), (300, 301), (560, 560)];
    root.keys = vec![super::Key {
        id: "slot 1".to_owned(),
        made: 200,
        off: Some(330),
        gone: Some(330),
        uses: Some((201, 205)),
    }];
    company.register.push(Registration {
        account: root.key(),
        from: 60,
        owner: Some(Owner::Name("the platform team")),
        purpose: true,
        justified: true,
        approved: true,
        valid_to: Some(450),
        ..Registration::default()
    });
    company.accounts.push(root);
}

fn host(company: &mut Company) {
    for (login, kind, created) in
        [("root", Kind::Root, -900), ("daemon", Kind::Service, -900), ("toor", Kind::Root, 200)]
    {
        let mut own = account(Source::Host, login, None, created);
        own.kind = kind;
        own.change(created, Change::Open(login == "toor"));
        own.change(created, Change::Admin(kind == Kind::Root));
        if login == "toor" {
            own.change(290, Change::Listed(false));
        }
        company.accounts.push(own);
    }
}
