//! What the account register and rights have to do with each other: administrators, services, shared and break-glass accounts,
//! guests, hosts.

use super::leavers::known;
use super::{Members, Standing, View, Word};
use crate::company::lives::{Kind, PersonId, Registration, Shown, Source};
use crate::company::show::max_days;
use std::collections::BTreeSet;

fn of(view: &View<'_>, chosen: impl Fn(&Shown) -> bool, word: impl Fn(&Shown) -> Word) -> Members {
    view.accounts().filter(|account| chosen(account)).map(|account| (account.key(), word(account))).collect()
}

fn in_force(view: &View<'_>, entry: &Registration) -> bool {
    entry.valid_to.is_none_or(|until| until >= view.day)
}

pub(super) fn admin_not_in_register(view: &View<'_>) -> Members {
    of(
        view,
        |_| true,
        |account| match view.entry(account) {
            _ if !account.admin || !account.open => Word::NotApplicable,
            Some(entry) if entry.justified && entry.approved => Word::Pass,
            _ => Word::Fail,
        },
    )
}

pub(super) fn admin_justification_expired(view: &View<'_>) -> Members {
    of(
        view,
        |_| true,
        |account| match view.entry(account).filter(|entry| entry.justified) {
            _ if !account.admin || !account.open => Word::NotApplicable,
            None => Word::NotApplicable,
            Some(entry) if in_force(view, entry) => Word::Pass,
            Some(_) => Word::Fail,
        },
    )
}

/// Between one complete snapshot and the next somebody became an administrator, within the last 30 days.
pub(super) fn new_admin_without_approval(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for (key, last) in view.past.accounts() {
        let looks = view.past.looks(key);
        let admin = |look: &super::past::Look| look.is_some_and(|(_, admin)| admin);
        let first_of_source = view.past.days[&last.source][0];
        let appeared = looks.first().filter(|(day, look)| admin(look) && *day > first_of_source).map(|(day, _)| *day);
        let grown = looks.windows(2).filter(|pair| !admin(&pair[0].1) && admin(&pair[1].1)).map(|pair| pair[1].0);
        if !grown.chain(appeared).any(|day| view.day - day < 30) {
            continue;
        }
        let listed = view.listed(key);
        let approved = listed
            .and_then(|account| view.entry(account))
            .is_some_and(|entry| entry.justified && entry.approved && in_force(view, entry));
        members.insert(key.clone(), if approved { Word::Pass } else { Word::Fail });
    }
    members
}

pub(super) fn too_many_admins(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for source in [Source::Idp, Source::Aws, Source::Crm] {
        let counted: Vec<&Shown> =
            view.of(source).filter(|account| !matches!(view.kind(account), Kind::Root | Kind::BreakGlass)).collect();
        if !counted.is_empty() {
            let admins = counted.iter().filter(|account| account.admin && account.open).count();
            members.insert(source.to_string(), if admins > 5 { Word::Fail } else { Word::Pass });
        }
    }
    members
}

fn iam_users(account: &Shown) -> bool {
    account.source == Source::Aws && account.kind != Kind::Root
}

pub(super) fn policy_attached_to_user(view: &View<'_>) -> Members {
    of(view, iam_users, |account| if account.policy.is_some() { Word::Fail } else { Word::Pass })
}

pub(super) fn full_admin_policy_on_user(view: &View<'_>) -> Members {
    of(view, iam_users, |account| if account.policy == Some(true) { Word::Fail } else { Word::Pass })
}

/// The company wants administrators of AWS and of the CRM to be different people.
pub(super) fn duties_not_segregated(view: &View<'_>) -> Members {
    let administrators = |source| -> BTreeSet<PersonId> {
        let of_source = view.of(source).filter(|account| account.admin && account.open);
        of_source.filter_map(|account| view.holder(account)).collect()
    };
    let (aws, crm) = (administrators(Source::Aws), administrators(Source::Crm));
    let word = |person| if aws.contains(&person) && crm.contains(&person) { Word::Fail } else { Word::Pass };
    view.persons().map(|person| (view.company.people[person].key(), word(person))).collect()
}

fn owned(view: &View<'_>, account: &Shown) -> Word {
    if !account.open {
        return Word::NotApplicable;
    }
    let Some(entry) = view.entry(account).filter(|entry| entry.owner.is_some() && entry.purpose) else {
        return Word::Fail;
    };
    match view.owner(entry).map(|owner| view.standing(owner)) {
        Some(Standing::Employed) => Word::Pass,
        _ => Word::Fail,
    }
}

pub(super) fn service_account_without_owner(view: &View<'_>) -> Members {
    of(view, |account| view.kind(account) == Kind::Service, |account| owned(view, account))
}

pub(super) fn outside_collaborator_without_sponsor(view: &View<'_>) -> Members {
    of(view, |account| view.kind(account) == Kind::Guest, |account| owned(view, account))
}

/// Nobody reviews anything in this company: a guest is only excused while it is new.
pub(super) fn guest_not_reviewed(view: &View<'_>) -> Members {
    of(
        view,
        |account| view.kind(account) == Kind::Guest,
        |account| match account.created {
            _ if !account.open => Word::NotApplicable,
            Some(created) if view.day - created <= 100 => Word::Pass,
            _ => Word::Fail,
        },
    )
}

pub(super) fn service_account_can_log_in(view: &View<'_>) -> Members {
    of(
        view,
        |account| view.kind(account) == Kind::Service,
        |account| match account.password {
            _ if !account.open => Word::NotApplicable,
            Some(true) => Word::Fail,
            Some(false) => Word::Pass,
            None => Word::Unknown("does not say whether it has a password"),
        },
    )
}

pub(super) fn shared_account_without_exception(view: &View<'_>) -> Members {
    of(
        view,
        |account| view.kind(account) == Kind::Shared,
        |account| match view.entry(account) {
            _ if !account.open => Word::NotApplicable,
            Some(entry)
                if entry.owner.is_some()
                    && entry.purpose
                    && entry.justified
                    && entry.approved
                    && entry.valid_to.is_some_and(|until| until >= view.day) =>
            {
                Word::Pass
            }
            _ => Word::Fail,
        },
    )
}

pub(super) fn break_glass_untested(view: &View<'_>) -> Members {
    of(
        view,
        |account| view.kind(account) == Kind::BreakGlass,
        |account| match view.entry(account).and_then(|entry| entry.tested) {
            _ if !account.open => Word::Fail,
            Some(tested) if view.day - tested < 183 => Word::Pass,
            _ => Word::Fail,
        },
    )
}

fn on_host(account: &Shown) -> bool {
    account.source == Source::Host
}

pub(super) fn account_without_owner_on_host(view: &View<'_>) -> Members {
    of(view, on_host, |account| known(view, account))
}

pub(super) fn sudo_without_justification(view: &View<'_>) -> Members {
    of(view, on_host, |account| match view.entry(account) {
        _ if account.login == "root" || !account.admin || !account.open => Word::NotApplicable,
        Some(entry) if entry.justified && entry.approved && in_force(view, entry) => Word::Pass,
        _ => Word::Fail,
    })
}

pub(super) fn password_never_expires(view: &View<'_>) -> Members {
    of(view, on_host, |account| match max_days(view.company, &account.login) {
        _ if account.password != Some(true) => Word::NotApplicable,
        Some(..=365) => Word::Pass,
        _ => Word::Fail,
    })
}

pub(super) fn uid_zero_besides_root(view: &View<'_>) -> Members {
    of(view, on_host, |account| if account.login == "toor" { Word::Fail } else { Word::Pass })
}
