//! What looks like somebody: suggestions for a person to approve, and never links.
//!
//! Each of these is a way in which one person's account is written, and a way in which an attacker writes theirs.

use super::{Account, Person, PossibleMatch, add_once};
use std::collections::HashMap;

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

/// Who each of `accounts` might belong to, by the closest likeness that somebody has; in no order.
pub(super) fn suggest(persons: &[Person], accounts: &[Account]) -> Vec<PossibleMatch> {
    let mut found = Vec::new();
    let mut propose = |account: &Account, basis, persons: Option<&Vec<&str>>| {
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
    let mut left: Vec<(&Account, &str)> =
        accounts.iter().filter_map(|account| Some((account, written(account)?))).collect();
    for likeness in LIKENESSES {
        if left.is_empty() {
            break;
        }
        // of a large company the persons by one likeness are much, and by all of them at once too much
        let alike =
            alike(persons, |person| person.addresses.iter().filter_map(|one| (likeness.of_address)(one)).collect());
        left.retain(|(account, written)| {
            let text = if written.contains('@') {
                (likeness.of_address)(written)
            } else {
                (likeness.basis == "local_part").then(|| written.to_lowercase())
            };
            !text.is_some_and(|text| propose(account, likeness.basis, alike.get(&text)))
        });
    }
    let named: Vec<(&Account, String)> = accounts
        .iter()
        .filter_map(|account| Some((account, account.display_name.as_deref().and_then(name_parts)?)))
        .collect();
    if !named.is_empty() {
        let alike = alike(persons, |person| person.name.as_deref().and_then(name_parts).into_iter().collect());
        for (account, name) in named {
            propose(account, "display_name", alike.get(&name));
        }
    }
    found
}

/// What an account is compared by: where the source tells no address, a login is as much as a local part.
fn written(account: &Account) -> Option<&str> {
    account.address().map(|(address, _)| address).or(account.login.as_deref())
}

/// The persons by each of their texts, no more of each than tells that there are too many.
fn alike<'a>(persons: &'a [Person], texts: impl Fn(&'a Person) -> Vec<String>) -> HashMap<String, Vec<&'a str>> {
    let mut alike = HashMap::<String, Vec<&str>>::with_capacity(persons.len());
    for person in persons {
        for text in texts(person) {
            let persons = alike.entry(text).or_default();
            if persons.len() <= MOST {
                add_once(persons, &person.key);
            }
        }
    }
    alike
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
