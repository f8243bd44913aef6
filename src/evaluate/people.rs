//! The identity map: which account belongs to which person.
//!
//! Strongest first: a link that a person approved; then the source's own identity of the account (the employee number its
//! directory records, the id its provisioner gave it); then the exact address. An address is compared byte for byte after
//! its domain was lower-cased (and the part before the `@`, only if the organisation says so). Plus-tags, dots, display
//! names and look-alike letters never link: `similar` makes suggestions of them. An address that two persons have links
//! nobody. An account that belongs to nobody is returned as an orphan, never dropped, and an exact match that something
//! stronger sets aside is told.

mod register;
mod similar;
#[cfg(test)]
mod tests;

pub(crate) use register::{fits, register};

use crate::inputs::{ApprovedLink, Inputs};
use jiff::Timestamp;
use model::time::seconds_text;
use model::{Column, ColumnKind, Row, Table, TableError, TableSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A person as far as linking is concerned.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub key: String,
    pub employee_id: Option<String>,
    pub name: Option<String>,
    pub addresses: Vec<String>,
}

/// An account as far as linking is concerned.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub key: String,
    pub source: String,
    pub login: Option<String>,
    pub email: Option<String>,
    pub employee_id: Option<String>,
    pub external_id: Option<String>,
    pub display_name: Option<String>,
    pub kind: Option<String>,
    /// The earliest instant at which it is known to have been there; none: nobody says.
    pub known_since: Option<String>,
}

/// A time over which a roster gave a person an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub person: String,
    pub address: String,
    /// The instant of the first complete snapshot that showed it.
    pub since: String,
}

/// An account linked to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// The account.
    pub account_key: String,
    /// Its source.
    pub source: String,
    /// Why nobody is linked, in a sentence.
    pub reason: String,
    /// Persons it might belong to, for a person to approve.
    pub candidates: Vec<String>,
}

/// A person an account might belong to as well, and is not linked to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PossibleMatch {
    pub account_key: String,
    pub source: String,
    pub person_key: String,
    /// What speaks for it, in the vocabulary's words.
    pub basis: &'static str,
    /// What says otherwise, where the match is exact.
    pub set_aside_by: Option<String>,
}

/// The map and who is not on it.
#[derive(Debug, Clone)]
pub(crate) struct IdentityMap {
    pub links: Table,
    pub orphans: Vec<Orphan>,
    /// Sorted.
    pub possible: Vec<PossibleMatch>,
}

/// The table `identity_link`, as it is sealed.
pub fn identity_link_spec() -> TableSpec {
    let column = |name: &str, kind, description: &str| Column {
        name: name.to_owned(),
        kind,
        description: description.to_owned(),
    };
    TableSpec {
        name: "identity_link".to_owned(),
        description: "an account that belongs to a person, and why that is said".to_owned(),
        key: vec!["account_key".to_owned()],
        columns: vec![
            column("account_key", ColumnKind::Text, "the account"),
            column("source", ColumnKind::Text, "the account's source"),
            column("person_key", ColumnKind::Text, "the person"),
            column(
                "method",
                ColumnKind::Text,
                "approved; employee_id or external_id where the source knows the employee number; email, or login_is_email where the login is the address",
            ),
            column("confidence", ColumnKind::Text, "approved by a person, or exact"),
            column("approved_by", ColumnKind::Text, "who approved it"),
            column("valid_from", ColumnKind::Timestamp, "first instant an approved link holds"),
            column("valid_to", ColumnKind::Timestamp, "first instant an approved link no longer holds"),
        ],
    }
}

/// The persons of every roster, by what identifies them exactly.
struct Directory<'a> {
    known: BTreeSet<&'a str>,
    by_address: BTreeMap<String, BTreeSet<&'a str>>,
    by_employee_id: BTreeMap<&'a str, BTreeSet<&'a str>>,
    fold_local_part: bool,
}

impl<'a> Directory<'a> {
    fn new(persons: &'a [Person], fold_local_part: bool) -> Self {
        let mut directory = Self {
            known: persons.iter().map(|person| person.key.as_str()).collect(),
            by_address: BTreeMap::new(),
            by_employee_id: BTreeMap::new(),
            fold_local_part,
        };
        for person in persons {
            for address in person.addresses.iter().filter_map(|address| normalise(address, fold_local_part)) {
                directory.by_address.entry(address).or_default().insert(&person.key);
            }
            if let Some(id) = person.employee_id.as_deref().filter(|id| !id.is_empty()) {
                directory.by_employee_id.entry(id).or_default().insert(&person.key);
            }
        }
        directory
    }

    /// Who has the address of `account`.
    fn of_address(&self, account: &Account) -> Vec<&'a str> {
        let address = account.address().and_then(|(written, _)| normalise(written, self.fold_local_part));
        let persons = address.and_then(|address| self.by_address.get(&address));
        persons.into_iter().flatten().copied().collect()
    }

    /// Who has the employee number `id`.
    fn of_employee_id(&self, id: Option<&String>) -> Vec<&'a str> {
        id.and_then(|id| self.by_employee_id.get(id.as_str())).into_iter().flatten().copied().collect()
    }
}

impl Account {
    /// Its address as the source writes it, and how a link by it is called.
    fn address(&self) -> Option<(&str, &'static str)> {
        match (&self.email, &self.login) {
            (Some(email), _) => Some((email, "email")),
            (None, Some(login)) if login.contains('@') => Some((login, "login_is_email")),
            _ => None,
        }
    }

    /// Its kind, where accounts of it belong to no single person.
    fn nobodys(&self) -> Option<&str> {
        self.kind.as_deref().filter(|kind| matches!(*kind, "service" | "shared" | "break_glass" | "root"))
    }
}

/// Links accounts to persons as of `inputs.as_of`.
///
/// `holdings` says who had which address before: what was a former holder's account is not the next one's.
pub(crate) fn link(
    inputs: &Inputs,
    persons: &[Person],
    accounts: &[Account],
    holdings: &[Holding],
) -> Result<IdentityMap, TableError> {
    let directory = Directory::new(persons, inputs.fold_local_part);
    let mut held: BTreeMap<String, Vec<&Holding>> = BTreeMap::new();
    for holding in holdings {
        if let Some(address) = normalise(&holding.address, inputs.fold_local_part) {
            held.entry(address).or_default().push(holding);
        }
    }
    let mut approved: BTreeMap<&str, Vec<&ApprovedLink>> = BTreeMap::new();
    for link in inputs.links.iter().filter(|link| holds(link, inputs.as_of)) {
        approved.entry(&link.account_key).or_default().push(link);
    }

    let mut links = Table::new(identity_link_spec());
    let mut orphans = Vec::new();
    let mut possible = Vec::new();
    let mut unclaimed = Vec::new();
    let unique: BTreeMap<&str, &Account> = accounts.iter().map(|account| (account.key.as_str(), account)).collect();
    for account in unique.values() {
        let decision = match approved.get(account.key.as_str()) {
            Some(approved) => by_approval(approved, &directory.known),
            None => by_identity(account, &directory).unwrap_or_else(|| by_mail(account, inputs, &directory, &held)),
        };
        possible.extend(set_aside(account, &decision, &directory));
        if let Err(Refusal { former: Some(former), .. }) = &decision {
            possible.push(PossibleMatch {
                account_key: account.key.clone(),
                source: account.source.clone(),
                person_key: former.clone(),
                basis: "former_holder",
                set_aside_by: None,
            });
        }
        match decision {
            Ok(link) => {
                let mut row = link;
                row.insert("account_key".to_owned(), json!(account.key));
                row.insert("source".to_owned(), json!(account.source));
                links.push(row)?;
            }
            Err(refusal) => {
                if account.nobodys().is_none() && refusal.candidates.is_empty() {
                    unclaimed.push(*account);
                }
                orphans.push(Orphan {
                    account_key: account.key.clone(),
                    source: account.source.clone(),
                    reason: refusal.reason,
                    candidates: refusal.candidates,
                });
            }
        }
    }
    possible.extend(similar::suggest(persons, &unclaimed));
    possible.sort();
    possible.dedup();
    links.settle();
    Ok(IdentityMap { links, orphans, possible })
}

/// Why nobody is linked.
struct Refusal {
    reason: String,
    /// Persons with an exact match all the same.
    candidates: Vec<String>,
    /// Who had its address before.
    former: Option<String>,
}

type Decision = Result<Row, Refusal>;

fn refuse(reason: impl Into<String>, candidates: &[&str]) -> Decision {
    let candidates = candidates.iter().map(|person| (*person).to_owned()).collect();
    Err(Refusal { reason: reason.into(), candidates, former: None })
}

fn holds(link: &ApprovedLink, as_of: Timestamp) -> bool {
    link.valid_from.is_none_or(|from| from <= as_of) && link.valid_to.is_none_or(|to| as_of < to)
}

fn by_approval(approved: &[&ApprovedLink], known: &BTreeSet<&str>) -> Decision {
    let persons: BTreeSet<&str> = approved.iter().map(|link| link.person_key.as_str()).collect();
    let (Some(link), 1) = (approved.first(), persons.len()) else {
        let persons: Vec<&str> = persons.into_iter().collect();
        return refuse(format!("approved links name {} persons at once", persons.len()), &persons);
    };
    if !known.contains(link.person_key.as_str()) {
        return refuse(format!("its approved link names `{}`, whom no roster has", link.person_key), &[]);
    }
    Ok(row(&link.person_key, "approved", "approved", Some(link)))
}

/// By what the source itself knows of the account's owner; none when it knows nothing that a roster has.
fn by_identity(account: &Account, directory: &Directory<'_>) -> Option<Decision> {
    if account.nobodys().is_some() {
        return None;
    }
    let numbered = directory.of_employee_id(account.employee_id.as_ref());
    match numbered.as_slice() {
        [person] => return Some(Ok(row(person, "employee_id", "exact", None))),
        [] => {}
        several => {
            let reason = format!("{} persons have its employee number: it links none of them", several.len());
            return Some(refuse(reason, several));
        }
    }
    // an id that a provisioner made up may look like an employee number: it must not contradict the address
    let provisioned = directory.of_employee_id(account.external_id.as_ref());
    let [person] = provisioned.as_slice() else { return None };
    let addressed = directory.of_address(account);
    if addressed.iter().any(|other| other != person) {
        let both: BTreeSet<&str> = addressed.iter().chain([person]).copied().collect();
        let both: Vec<&str> = both.into_iter().collect();
        return Some(refuse("its external id is the employee number of one person, and its address another's", &both));
    }
    Some(Ok(row(person, "external_id", "exact", None)))
}

fn by_mail(
    account: &Account,
    inputs: &Inputs,
    directory: &Directory<'_>,
    held: &BTreeMap<String, Vec<&Holding>>,
) -> Decision {
    if let Some(kind) = account.nobodys() {
        return refuse(format!("a {kind} account belongs to no single person"), &[]);
    }
    let Some((written, method)) = account.address() else {
        return refuse("the source reports no address for it", &[]);
    };
    let Some(address) = normalise(written, inputs.fold_local_part) else {
        return refuse("its address is not of the form name@domain", &[]);
    };
    let persons = directory.of_address(account);
    let domain = address.rsplit('@').next().unwrap_or_default();
    if !inputs.domains.is_empty() && !inputs.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)) {
        return refuse(format!("its address is not in a domain of the organisation: `{domain}`"), &persons);
    }
    match persons.as_slice() {
        [person] => match inherited(account, person, held.get(&address).map_or(&[], Vec::as_slice)) {
            Some(former) => Err(Refusal {
                reason: format!(
                    "its address was {former}'s before it was {person}'s, and it is not known to be younger"
                ),
                candidates: vec![(*person).to_owned()],
                former: Some(former.to_owned()),
            }),
            None => Ok(row(person, method, "exact", None)),
        },
        [] => refuse("no person of any roster has its address", &[]),
        several => refuse(format!("{} persons have its address: it links none of them", several.len()), several),
    }
}

/// Who else had the address before `person` had it, if the account may be theirs.
fn inherited<'a>(account: &Account, person: &str, holdings: &[&'a Holding]) -> Option<&'a str> {
    let begins = |holding: &&&Holding| holding.person == person;
    let own = holdings.iter().filter(begins).map(|holding| holding.since.as_str()).min();
    let before = |holding: &&&Holding| holding.person != person && own.is_none_or(|own| holding.since.as_str() < own);
    let former = holdings.iter().copied().filter(|holding| before(&holding)).max_by_key(|holding| &holding.since)?;
    let younger = account.known_since.as_deref().is_some_and(|known| own.is_some_and(|own| known >= own));
    (!younger).then_some(former.person.as_str())
}

/// The exact matches of `account` that `decision` does not follow, and what set each aside.
fn set_aside(account: &Account, decision: &Decision, directory: &Directory<'_>) -> Vec<PossibleMatch> {
    let cell = |row: &Row, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (linked, by) = match decision {
        Ok(row) => {
            let person = cell(row, "person_key");
            let by = match cell(row, "method").as_str() {
                "approved" => format!("the link to {person} that {} approved", cell(row, "approved_by")),
                "employee_id" => format!("its employee number, which is that of {person}"),
                "external_id" => format!("its external id, which is the employee number of {person}"),
                _ => format!("its address, which is that of {person}"),
            };
            (person, Some(by))
        }
        Err(_) => match account.nobodys() {
            Some(kind) => (String::new(), Some(format!("the word that it is a {} account", kind.replace('_', "-")))),
            None => (String::new(), None),
        },
    };
    let bases = [
        ("address", directory.of_address(account)),
        ("employee_id", directory.of_employee_id(account.employee_id.as_ref())),
        ("external_id", directory.of_employee_id(account.external_id.as_ref())),
    ];
    let others = bases.into_iter().flat_map(|(basis, persons)| persons.into_iter().map(move |person| (basis, person)));
    others
        .filter(|(_, person)| **person != *linked)
        .map(|(basis, person)| PossibleMatch {
            account_key: account.key.clone(),
            source: account.source.clone(),
            person_key: person.to_owned(),
            basis,
            set_aside_by: by.clone(),
        })
        .collect()
}

fn row(person: &str, method: &str, confidence: &str, link: Option<&ApprovedLink>) -> Row {
    let instant = |instant: Option<Timestamp>| instant.map_or(Value::Null, |instant| json!(seconds_text(instant)));
    Row::from([
        ("person_key".to_owned(), json!(person)),
        ("method".to_owned(), json!(method)),
        ("confidence".to_owned(), json!(confidence)),
        ("approved_by".to_owned(), link.map_or(Value::Null, |link| json!(link.approved_by))),
        ("valid_from".to_owned(), link.map_or(Value::Null, |link| instant(link.valid_from))),
        ("valid_to".to_owned(), link.map_or(Value::Null, |link| instant(link.valid_to))),
    ])
}

/// The address as it is compared; none when it is not one.
fn normalise(address: &str, fold_local_part: bool) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return None;
    }
    let local = if fold_local_part { local.to_ascii_lowercase() } else { local.to_owned() };
    Some(format!("{local}@{}", domain.to_ascii_lowercase()))
}
