//! What looks like somebody: suggestions for a person to approve, and never links.
//!
//! Each of these is a way in which one person's account is written, and a way in which an attacker writes theirs.

use super::{Account, Person, PossibleMatch};
use std::collections::{BTreeMap, BTreeSet};

/// A suggestion that this many persons fit says nothing.
const MOST: usize = 5;

/// A way to look alike.
struct Likeness {
    basis: &'static str,
    /// What is compared, of an address.
    of_address: fn(&str) -> Option<String>,
}

const LIKENESSES: &[Likeness] = &[
    Likeness { basis: "letter_case", of_address: |address| Some(address.to_lowercase()) },
    Likeness { basis: "plus_tag", of_address: |address| Some(joined(address, |local| untagged(local).to_owned())) },
    Likeness {
        basis: "dots",
        of_address: |address| Some(joined(address, |local| untagged(local).replace(['.', '-', '_'], ""))),
    },
    Likeness { basis: "look_alike", of_address: |address| Some(skeleton(address)) },
    Likeness {
        basis: "local_part",
        of_address: |address| address.split_once('@').map(|(local, _)| local.to_lowercase()),
    },
];

/// Who each of `accounts` might belong to, by the closest likeness that somebody has.
pub(super) fn suggest(persons: &[Person], accounts: &[Account]) -> Vec<PossibleMatch> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let by_address: Vec<BTreeMap<String, BTreeSet<&str>>> = LIKENESSES
        .iter()
        .map(|likeness| {
            let mut persons_by = BTreeMap::<String, BTreeSet<&str>>::new();
            for person in persons {
                for text in person.addresses.iter().filter_map(|address| (likeness.of_address)(address)) {
                    persons_by.entry(text).or_default().insert(&person.key);
                }
            }
            persons_by
        })
        .collect();
    let mut by_name = BTreeMap::<String, BTreeSet<&str>>::new();
    for person in persons {
        if let Some(name) = person.name.as_deref().and_then(name_parts) {
            by_name.entry(name).or_default().insert(&person.key);
        }
    }

    let mut found = Vec::new();
    for account in accounts {
        let mut propose = |basis, persons: Option<&BTreeSet<&str>>| {
            let Some(persons) = persons.filter(|persons| persons.len() <= MOST) else { return false };
            found.extend(persons.iter().map(|person| PossibleMatch {
                account_key: account.key.clone(),
                source: account.source.clone(),
                person_key: (*person).to_owned(),
                basis,
                set_aside_by: None,
            }));
            true
        };
        // where the source tells no address, a login is as much as a local part
        let written = account.address().map(|(address, _)| address).or(account.login.as_deref());
        if let Some(written) = written {
            let likenesses = LIKENESSES.iter().zip(&by_address);
            let whole = written.contains('@');
            for (likeness, persons) in likenesses.filter(|(likeness, _)| whole || likeness.basis == "local_part") {
                let text = if whole { (likeness.of_address)(written) } else { Some(written.to_lowercase()) };
                if text.is_some_and(|text| propose(likeness.basis, persons.get(&text))) {
                    break;
                }
            }
        }
        let name = account.display_name.as_deref().and_then(name_parts);
        if let Some(name) = name {
            propose("display_name", by_name.get(&name));
        }
    }
    found
}

/// The address with `change` applied to what is before the `@`, in lower case.
fn joined(address: &str, change: impl Fn(&str) -> String) -> String {
    let address = address.to_lowercase();
    match address.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", change(local)),
        None => change(&address),
    }
}

fn untagged(local: &str) -> &str {
    local.split('+').next().unwrap_or(local)
}

/// The words of a name in any order; none for a single word, which too many share.
fn name_parts(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    (words.len() > 1).then(|| words.join(" "))
}

/// Letters and digits that look alike as one of them: the Cyrillic and Greek ones that fonts draw as Latin, and the usual digits.
fn skeleton(text: &str) -> String {
    let alike = |letter: char| match letter {
        'а' | 'α' => 'a',
        'с' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' => 'e',
        'һ' => 'h',
        'і' | 'ι' | 'ı' | 'l' | '1' | '|' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'п' | 'η' => 'n',
        'о' | 'ο' | '0' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' | '5' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ѡ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    };
    let plain: String = text.to_lowercase().chars().map(alike).collect();
    plain.replace("rn", "m").replace("vv", "w")
}
