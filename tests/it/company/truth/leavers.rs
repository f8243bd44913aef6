//! Joiners, movers and leavers.

use super::{Members, Standing, View, Word};
use crate::company::days::Day;
use crate::company::lives::{Kind, PersonId, Shown, Source};
use std::collections::{BTreeMap, BTreeSet};

const NO_PERSON: &str = "no person is linked to the account, so it may be a leaver's";

pub(super) fn leaver_still_active(view: &View<'_>) -> Members {
    let word = |account: &Shown| {
        let nobodys =
            matches!(view.kind(account), Kind::Service | Kind::Shared | Kind::BreakGlass | Kind::Root | Kind::Guest);
        let Some(person) = view.holder(account) else {
            return if nobodys || !account.open { Word::NotApplicable } else { Word::Unknown(NO_PERSON) };
        };
        let said = view.person(person).map(|listed| listed.word);
        match view.standing(person) {
            Standing::Employed if view.has_open_spell(person) => match said {
                Some("terminated") => Word::Unknown("the person left, but not when"),
                Some("active") => Word::NotApplicable,
                _ => Word::Unknown("whether that is employment"),
            },
            Standing::Employed => Word::NotApplicable,
            Standing::Unlisted => Word::Unknown("reports no employment"),
            Standing::Left(_) if !account.open => Word::Pass,
            Standing::Left(end) if end + 1 >= view.day => Word::NotApplicable,
            Standing::Left(end) if end + 1 >= view.seen(account.source) => {
                Word::Unknown("last seen before the time allowed ran out")
            }
            Standing::Left(_) => Word::Fail,
        }
    };
    view.accounts().map(|account| (account.key(), word(account))).collect()
}

pub(super) fn leaver_active_after_end(view: &View<'_>) -> Members {
    let linked = view.accounts().filter_map(|account| Some((account, view.holder(account)?)));
    let word = |account: &Shown, person| match (view.standing(person), account.used) {
        (Standing::Employed, _) => Word::NotApplicable,
        (Standing::Unlisted, _) => Word::Unknown("reports no employment"),
        (Standing::Left(_), None) => Word::Unknown("does not report when the account was last used"),
        (Standing::Left(end), Some(used)) if used > end => Word::Fail,
        (Standing::Left(_), Some(_)) => Word::Pass,
    };
    linked.map(|(account, person)| (account.key(), word(account, person))).collect()
}

pub(super) fn leaver_owns_credentials(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for account in view.accounts() {
        let Some(person) = view.holder(account) else { continue };
        let seen = view.seen(account.source);
        for (name, active) in credentials(account) {
            let word = match view.standing(person) {
                Standing::Employed => Word::NotApplicable,
                Standing::Unlisted => Word::Unknown("reports no employment"),
                Standing::Left(_) if !active => Word::Pass,
                Standing::Left(end) if end + 1 >= view.day => Word::NotApplicable,
                Standing::Left(end) if end + 1 >= seen => Word::Unknown("last seen before the time allowed ran out"),
                Standing::Left(_) => Word::Fail,
            };
            members.insert(format!("{}/{name}", account.key()), word);
        }
    }
    members
}

/// What each source tells that an account proves itself with, and whether that works.
fn credentials(account: &Shown) -> Vec<(String, bool)> {
    let mut told: Vec<(String, bool)> =
        account.keys.iter().map(|key| (format!("access_key {}", key.id), key.active)).collect();
    match account.source {
        Source::Aws if account.password == Some(true) => told.push(("password password".to_owned(), true)),
        Source::Host if account.password == Some(true) => told.push((format!("password {}", account.login), true)),
        _ => {}
    }
    told
}

/// Removal lies between the last collection that shows the account open and the first after it that does not.
pub(super) fn leaver_removed_in_time(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for (key, last) in view.past.accounts() {
        let Some(person) = view.listed(key).map_or_else(|| view.holder(last), |account| view.holder(account)) else {
            continue;
        };
        if view.has_open_spell(person) {
            continue;
        }
        let Standing::Left(end) = view.standing(person) else { continue };
        if end < view.day - 365 {
            continue;
        }
        let looks = view.past.looks(key);
        let open = looks.iter().filter(|(_, look)| look.is_some_and(|(open, _)| open)).map(|(day, _)| *day).max();
        let closed = looks.iter().map(|(day, _)| *day).find(|day| open.is_none_or(|open| *day > open));
        let in_time = end + 1;
        let word = match (open, closed) {
            (Some(open), _) if open > in_time => Word::Fail,
            (_, Some(closed)) if closed <= in_time => Word::Pass,
            (_, None) if view.day <= in_time => Word::NotApplicable,
            (_, None) => Word::Unknown("no complete snapshot was taken since"),
            (None, Some(_)) => Word::Unknown("the first complete snapshot was taken after"),
            (Some(_), Some(_)) => Word::Unknown("removed between"),
        };
        members.insert(key.clone(), word);
    }
    members
}

pub(super) fn leaver_address_on_account(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for account in view.accounts() {
        let nobodys = matches!(view.kind(account), Kind::Service | Kind::Shared | Kind::BreakGlass | Kind::Root);
        let holder = view.holder(account);
        if holder.is_none() && !nobodys {
            continue;
        }
        let addressed = account.address.as_deref().map(|address| view.addressed(address)).unwrap_or_default();
        let numbered = account.number.as_deref().and_then(|number| view.numbered(number));
        let bases = addressed
            .into_iter()
            .map(|person| ("address", person))
            .chain(numbered.map(|person| ("employee_id", person)));
        for (basis, person) in bases.filter(|(_, person)| Some(*person) != holder) {
            let word = match view.standing(person) {
                _ if !account.open => Word::Pass,
                Standing::Employed => Word::NotApplicable,
                Standing::Left(_) => Word::Fail,
                Standing::Unlisted => Word::Unknown("reports no employment"),
            };
            members.insert(format!("{} of {} by {basis}", account.key(), view.company.people[person].key()), word);
        }
    }
    members
}

pub(super) fn account_without_person(view: &View<'_>) -> Members {
    view.accounts().map(|account| (account.key(), known(view, account))).collect()
}

pub(super) fn idp_user_without_hr_record(view: &View<'_>) -> Members {
    view.of(Source::Idp).map(|account| (account.key(), known(view, account))).collect()
}

/// Whether somebody answers for an account: its person, or an owner with a purpose in the register.
pub(super) fn known(view: &View<'_>, account: &Shown) -> Word {
    match () {
        () if !account.open => Word::NotApplicable,
        () if view.holder(account).is_some() => Word::Pass,
        () if view.entry(account).is_some_and(|entry| entry.owner.is_some() && entry.purpose) => Word::Pass,
        () => Word::Fail,
    }
}

pub(super) fn account_before_start_date(view: &View<'_>) -> Members {
    let word = |account: &Shown, person| {
        let first = view.person(person).and_then(|listed| listed.spells.iter().map(|spell| spell.start).min());
        let seen = view.seen(account.source);
        match first {
            _ if !account.open => Word::NotApplicable,
            None => Word::Unknown("reports no employment"),
            Some(start) if start <= seen => Word::Pass,
            Some(start) if account.used.is_some_and(|used| used < start) => Word::Fail,
            Some(start) if start - seen <= 14 => Word::Pass,
            Some(_) => Word::Fail,
        }
    };
    let linked = view.accounts().filter_map(|account| Some((account, view.holder(account)?)));
    linked.map(|(account, person)| (account.key(), word(account, person))).collect()
}

pub(super) fn contractor_without_end_date(view: &View<'_>) -> Members {
    let word = |contractor: bool, end: Option<Day>| match (contractor, end) {
        (false, _) => Word::NotApplicable,
        (true, Some(_)) => Word::Pass,
        (true, None) => Word::Fail,
    };
    view.roster
        .iter()
        .map(|listed| {
            let person = &view.company.people[listed.person];
            (person.key(), word(person.contractor, listed.spells.last().unwrap().end))
        })
        .collect()
}

pub(super) fn contractor_past_end_date(view: &View<'_>) -> Members {
    let word = |account: &Shown| {
        let Some(listed) = view.holder(account).and_then(|person| view.person(person)) else {
            return Word::NotApplicable;
        };
        if !view.company.people[listed.person].contractor {
            return Word::NotApplicable;
        }
        match listed.spells.last().unwrap().end {
            _ if !account.open => Word::Pass,
            None => Word::Unknown("does not say when the contract ends"),
            Some(end) if end >= view.day => Word::Pass,
            Some(end) if end >= view.seen(account.source) => Word::Unknown("last seen before the time allowed ran out"),
            Some(_) => Word::Fail,
        }
    };
    view.accounts().map(|account| (account.key(), word(account))).collect()
}

/// By the roster's own word, or between which of its snapshots the end came to be shown.
pub(super) fn hr_recorded_leaver_late(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for listed in &view.roster {
        for (place, spell) in listed.spells.iter().enumerate() {
            let Some(end) = spell.end.filter(|end| *end < view.day && *end >= view.day - 365) else { continue };
            let word = match (spell.told, view.past.shown_end(listed.person, place + 1, end)) {
                (Some(told), _) if told > end => Word::Fail,
                (Some(_), _) => Word::Pass,
                (None, None) => Word::Unknown("no complete snapshot of the roster shows the end"),
                (None, Some((_, first))) if first <= end => Word::Pass,
                (None, Some((None, _))) => Word::Unknown("the first complete snapshot of the roster shows the end"),
                (None, Some((Some(before), _))) if before > end => Word::Fail,
                (None, Some(_)) => Word::Unknown("the end was recorded between"),
            };
            members.insert(format!("{} spell {}", view.company.people[listed.person].key(), place + 1), word);
        }
    }
    members
}

pub(super) fn person_with_two_identities(view: &View<'_>) -> Members {
    let mut open: BTreeMap<(PersonId, Source), usize> = BTreeMap::new();
    for account in view.accounts().filter(|account| account.open) {
        let counts = view.entry(account).is_none_or(|entry| !entry.purpose);
        if let Some(person) = view.holder(account).filter(|_| counts) {
            *open.entry((person, account.source)).or_default() += 1;
        }
    }
    let two: BTreeSet<PersonId> =
        open.iter().filter(|(_, count)| **count > 1).map(|((person, _), _)| *person).collect();
    let word = |person| if two.contains(&person) { Word::Fail } else { Word::Pass };
    view.persons().map(|person| (view.company.people[person].key(), word(person))).collect()
}

/// Accounts that complete snapshots showed closed or gone, and the next one open again.
pub(super) fn reactivated_account(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for (key, last) in view.past.accounts() {
        let looks = view.past.looks(key);
        let open = |look: &super::past::Look| look.is_some_and(|(open, _)| open);
        let back = looks.windows(2).filter(|pair| !open(&pair[0].1) && open(&pair[1].1)).map(|pair| pair[1].0).max();
        if back.is_none_or(|back| view.day - back >= 90) {
            continue;
        }
        let word = match view.listed(key) {
            None => Word::NotApplicable,
            Some(account) if !account.open => Word::NotApplicable,
            Some(account) if view.entry(account).is_some_and(|entry| entry.justified && entry.approved) => Word::Pass,
            Some(account) => match view.holder(account).map(|person| view.standing(person)) {
                Some(Standing::Employed) => Word::Pass,
                Some(Standing::Left(_)) | None => Word::Fail,
                Some(Standing::Unlisted) => Word::Unknown("reports no employment"),
            },
        };
        members.insert(last.key(), word);
    }
    members
}
