//! Accounts that nobody uses.

use super::{Members, View, Word};
use crate::company::lives::{Kind, Shown};

fn of_all(view: &View<'_>, word: impl Fn(&Shown) -> Word) -> Members {
    let rests = |account: &Shown| !account.open || matches!(view.kind(account), Kind::Root | Kind::BreakGlass);
    view.accounts()
        .map(|account| (account.key(), if rests(account) { Word::NotApplicable } else { word(account) }))
        .collect()
}

pub(super) fn account_dormant(view: &View<'_>) -> Members {
    of_all(view, |account| {
        let seen = view.seen(account.source);
        match (account.used, account.created) {
            (Some(used), _) if seen - used <= 90 => Word::Pass,
            (_, Some(created)) if seen - created <= 90 => Word::Pass,
            (None, _) => Word::Unknown("does not report when it was last used"),
            (Some(_), _) => Word::Fail,
        }
    })
}

pub(super) fn account_never_used(view: &View<'_>) -> Members {
    of_all(view, |account| {
        let seen = view.seen(account.source);
        let tells = view.of(account.source).any(|other| other.used.is_some());
        match (account.used, account.created) {
            (Some(_), _) => Word::Pass,
            (None, Some(created)) if seen - created <= 30 => Word::Pass,
            _ if !tells => Word::Unknown("does not report when accounts were last used"),
            _ => Word::Fail,
        }
    })
}
