//! The account register of the configuration, applied to the accounts there are.

use super::{Account, Directory, normalise};
use crate::inputs::RegisteredAccount;
use jiff::Timestamp;

/// One entry of the account register, applied to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub account_key: String,
    pub source: String,
    pub kind: Option<String>,
    pub owner: Option<String>,
    /// The owner's key, if it names one person of a roster by key or address.
    pub owner_key: Option<String>,
    pub purpose: Option<String>,
    pub justification: Option<String>,
    pub approved_by: Option<String>,
    pub valid_to: Option<Timestamp>,
    pub tested_at: Option<Timestamp>,
}

impl Registration {
    /// Applies the account register to `account`: the first entry whose pattern fits it speaks for it.
    pub(crate) fn of(account: &Account, register: &[RegisteredAccount], directory: &Directory<'_>) -> Option<Self> {
        let entry = register.iter().find(|entry| fits(&entry.pattern, &account.key))?;
        // a root account stays one: a register entry must not take it out of the checks on root
        let kind = entry.kind.clone().filter(|_| account.kind.as_deref() != Some("root"));
        Some(Self {
            account_key: account.key.clone(),
            source: account.source.clone(),
            kind: kind.or_else(|| account.kind.clone()),
            owner: entry.owner.clone(),
            owner_key: entry.owner.as_deref().and_then(|owner| directory.named(owner)),
            purpose: entry.purpose.clone(),
            justification: entry.justification.clone(),
            approved_by: entry.approved_by.clone(),
            valid_to: entry.valid_to,
            tested_at: entry.tested_at,
        })
    }
}

impl Directory<'_> {
    /// The one person whose key or address `owner` is.
    fn named(&self, owner: &str) -> Option<String> {
        if let Some(key) = self.known.get(owner) {
            return Some((*key).to_owned());
        }
        let persons = self.by_address.get(&*normalise(owner, self.fold_local_part)?)?;
        let mut persons = persons.iter();
        let person = persons.next()?;
        persons.next().is_none().then(|| (*person).to_owned())
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
