//! How accounts are entered: second factors, passwords, root users, keys.

use super::{Members, View, Word};
use crate::company::days::{Day, by};
use crate::company::lives::{Factor, Kind, Shown, Source};

const APPS: [Source; 3] = [Source::Idp, Source::Aws, Source::Crm];

fn apps<'v>(view: &'v View<'_>) -> impl Iterator<Item = &'v Shown> {
    APPS.into_iter().flat_map(|source| view.of(source))
}

fn of_apps(view: &View<'_>, word: impl Fn(&Shown) -> Word) -> Members {
    apps(view).map(|account| (account.key(), word(account))).collect()
}

pub(super) fn mfa_missing(view: &View<'_>) -> Members {
    of_apps(view, |account| match account.factor {
        _ if view.kind(account) == Kind::Service || !account.open || account.password == Some(false) => {
            Word::NotApplicable
        }
        Some(Factor::Enrolled | Factor::Enforced) => Word::Pass,
        Some(Factor::None) => Word::Fail,
        None => Word::Unknown("does not say whether it has a second factor"),
    })
}

pub(super) fn admin_without_strong_mfa(view: &View<'_>) -> Members {
    of_apps(view, |account| {
        let enters = view.kind(account) != Kind::Service && account.open && account.password != Some(false);
        match (account.strong, account.factor) {
            _ if !account.admin || !enters => Word::NotApplicable,
            (Some(true), _) => Word::Pass,
            (Some(false), _) | (_, Some(Factor::None)) => Word::Fail,
            (None, _) => Word::Unknown("whether its second factor resists phishing"),
        }
    })
}

pub(super) fn aws_console_user_without_mfa(view: &View<'_>) -> Members {
    let users = view.of(Source::Aws).filter(|account| account.kind != Kind::Root);
    let word = |account: &Shown| match account.factor {
        _ if account.password == Some(false) => Word::NotApplicable,
        Some(Factor::None) => Word::Fail,
        _ => Word::Pass,
    };
    users.map(|account| (account.key(), word(account))).collect()
}

fn of_root(view: &View<'_>, word: impl Fn(&Shown) -> Word) -> Members {
    view.of(Source::Aws).filter(|account| account.kind == Kind::Root).map(|root| (root.key(), word(root))).collect()
}

pub(super) fn aws_root_without_mfa(view: &View<'_>) -> Members {
    of_root(view, |root| if root.factor == Some(Factor::None) { Word::Fail } else { Word::Pass })
}

pub(super) fn aws_root_has_keys(view: &View<'_>) -> Members {
    of_root(view, |root| if root.keys.is_empty() { Word::Pass } else { Word::Fail })
}

pub(super) fn aws_root_used(view: &View<'_>) -> Members {
    let seen = view.seen(Source::Aws);
    of_root(view, |root| match root.used {
        Some(used) if seen - used <= 90 => Word::Fail,
        Some(_) => Word::Pass,
        None => Word::Unknown("AWS tells no use"),
    })
}

pub(super) fn local_login_beside_sso(view: &View<'_>) -> Members {
    let word = |account: &Shown| match account.password {
        _ if account.source != Source::Crm => Word::NotApplicable,
        _ if matches!(view.kind(account), Kind::Root | Kind::BreakGlass) || !account.open => Word::NotApplicable,
        Some(true) => Word::Fail,
        _ => Word::Pass,
    };
    view.accounts().map(|account| (account.key(), word(account))).collect()
}

pub(super) fn password_policy_below_baseline(view: &View<'_>) -> Members {
    if view.of(Source::Aws).next().is_none() {
        return Members::new();
    }
    let (length, remembered) = by(&view.company.password_policy, view.day).copied().unwrap();
    let word = if length < 12 || remembered < 1 { Word::Fail } else { Word::Pass };
    Members::from([("aws 123456789012".to_owned(), word)])
}

fn of_keys(view: &View<'_>, word: impl Fn(&crate::company::lives::ShownKey, Day) -> Word) -> Members {
    let mut members = Members::new();
    for account in view.accounts() {
        for key in &account.keys {
            members.insert(format!("{}/{}", account.key(), key.id), word(key, view.seen(account.source)));
        }
    }
    members
}

pub(super) fn access_key_too_old(view: &View<'_>) -> Members {
    of_keys(view, |key, seen| match () {
        () if !key.active => Word::NotApplicable,
        () if seen - key.made > 90 => Word::Fail,
        () => Word::Pass,
    })
}

pub(super) fn access_key_unused(view: &View<'_>) -> Members {
    of_keys(view, |key, seen| match () {
        () if !key.active => Word::NotApplicable,
        () if key.used.is_some_and(|used| seen - used <= 90) || seen - key.made <= 90 => Word::Pass,
        () => Word::Fail,
    })
}

/// While one key is changed for another both may work, for a week.
pub(super) fn more_than_one_active_key(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for account in view.accounts().filter(|account| !account.keys.is_empty()) {
        let active: Vec<Day> = account.keys.iter().filter(|key| key.active).map(|key| key.made).collect();
        let fresh = active.iter().filter(|made| view.day - **made <= 7).count();
        let word = if active.len() > 1 && fresh != 1 { Word::Fail } else { Word::Pass };
        members.insert(account.key(), word);
    }
    members
}
