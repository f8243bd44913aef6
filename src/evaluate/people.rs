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

pub(crate) use register::{Registration, fits};

use crate::inputs::{ApprovedLink, Inputs};
use jiff::Timestamp;
use model::time::seconds_text;
use model::{Column, ColumnKind, TableSpec};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

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
pub(crate) struct Directory<'a> {
    known: HashSet<&'a str>,
    /// Each list in order, nobody twice.
    by_address: HashMap<String, Vec<&'a str>>,
    by_employee_id: HashMap<&'a str, Vec<&'a str>>,
    fold_local_part: bool,
}

impl<'a> Directory<'a> {
    pub(crate) fn new(persons: &'a [Person], fold_local_part: bool) -> Self {
        let mut directory = Self {
            known: persons.iter().map(|person| person.key.as_str()).collect(),
            by_address: HashMap::new(),
            by_employee_id: HashMap::new(),
            fold_local_part,
        };
        for person in persons {
            for address in person.addresses.iter().filter_map(|address| normalise(address, fold_local_part)) {
                add_once(directory.by_address.entry(address.into_owned()).or_default(), &person.key);
            }
            if let Some(id) = person.employee_id.as_deref().filter(|id| !id.is_empty()) {
                add_once(directory.by_employee_id.entry(id).or_default(), &person.key);
            }
        }
        directory
    }

    /// Who has the address `address`, which is written as addresses are compared.
    fn of_address(&self, address: Option<&str>) -> &[&'a str] {
        address.and_then(|address| self.by_address.get(address)).map_or(&[], Vec::as_slice)
    }

    /// Who has the employee number `id`.
    fn of_employee_id(&self, id: Option<&String>) -> &[&'a str] {
        id.and_then(|id| self.by_employee_id.get(id.as_str())).map_or(&[], Vec::as_slice)
    }
}

fn add_once<'a>(persons: &mut Vec<&'a str>, person: &'a str) {
    if let Err(place) = persons.binary_search(&person) {
        persons.reserve_exact(1);
        persons.insert(place, person);
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

/// That an account belongs to a person, as `identity_link` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    pub person_key: &'a str,
    pub method: &'static str,
    pub confidence: &'static str,
    pub approved_by: Option<&'a str>,
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
}

/// Links accounts to persons as of `inputs.as_of`, one account after another in the order of their keys.
pub(crate) struct Linker<'a> {
    inputs: &'a Inputs,
    directory: &'a Directory<'a>,
    /// Who had which address before, where that is not the one who has it now: what was a former holder's account is not the next
    /// one's.
    held: HashMap<String, Vec<Holding>>,
    approved: BTreeMap<&'a str, Vec<&'a ApprovedLink>>,
    orphans: Vec<Orphan>,
    possible: Vec<PossibleMatch>,
    unclaimed: Vec<Account>,
}

impl<'a> Linker<'a> {
    pub(crate) fn new(
        inputs: &'a Inputs,
        directory: &'a Directory<'a>,
        holdings: impl IntoIterator<Item = Holding>,
    ) -> Self {
        let mut held: HashMap<String, Vec<Holding>> = HashMap::new();
        for holding in holdings {
            let address = normalise(&holding.address, inputs.fold_local_part).map(Cow::into_owned);
            if let Some(address) = address {
                held.entry(address).or_default().push(holding);
            }
        }
        held.retain(|address, holdings| {
            let now = directory.by_address.get(address).map_or(&[][..], Vec::as_slice);
            !matches!(now, [person] if holdings.iter().all(|holding| holding.person == *person))
        });
        let mut approved: BTreeMap<&str, Vec<&ApprovedLink>> = BTreeMap::new();
        for link in inputs.links.iter().filter(|link| holds(link, inputs.as_of)) {
            approved.entry(&link.account_key).or_default().push(link);
        }
        let (orphans, possible, unclaimed) = (Vec::new(), Vec::new(), Vec::new());
        Self { inputs, directory, held, approved, orphans, possible, unclaimed }
    }

    /// Whether it matters since when an account is known.
    pub(crate) fn asks_since_when(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whose `account` is; none: nobody's, which is noted.
    pub(crate) fn link(&mut self, account: Account) -> Option<Link<'a>> {
        let address = account.address().and_then(|(written, _)| normalise(written, self.inputs.fold_local_part));
        let address = address.as_deref();
        let addressed = self.directory.of_address(address);
        let decision = match self.approved.get(account.key.as_str()) {
            Some(approved) => by_approval(approved, &self.directory.known),
            None => by_identity(&account, addressed, self.directory)
                .unwrap_or_else(|| by_mail(&account, address, addressed, self.inputs, &self.held)),
        };
        set_aside(&account, &decision, addressed, self.directory, &mut self.possible);
        if let Err(Refusal { former: Some(former), .. }) = &decision {
            self.possible.push(PossibleMatch {
                account_key: account.key.clone(),
                source: account.source.clone(),
                person_key: former.clone(),
                basis: "former_holder",
                set_aside_by: None,
            });
        }
        let refusal = match decision {
            Ok(link) => return Some(link),
            Err(refusal) => refusal,
        };
        let is_unclaimed = account.nobodys().is_none() && refusal.candidates.is_empty();
        self.orphans.push(Orphan {
            account_key: account.key.clone(),
            source: account.source.clone(),
            reason: refusal.reason,
            candidates: refusal.candidates,
        });
        if is_unclaimed {
            self.unclaimed.push(account);
        }
        None
    }

    /// Who is linked to nobody, and who might be whose, sorted, when every account was shown to it.
    pub(crate) fn finish(mut self, persons: &[Person]) -> (Vec<Orphan>, Vec<PossibleMatch>) {
        self.possible.extend(similar::suggest(persons, &self.unclaimed));
        self.possible.sort();
        self.possible.dedup();
        (self.orphans, self.possible)
    }
}

/// Why nobody is linked.
struct Refusal {
    reason: String,
    /// Persons with an exact match all the same.
    candidates: Vec<String>,
    /// Who had its address before.
    former: Option<String>,
}

type Decision<'a> = Result<Link<'a>, Refusal>;

fn refuse<'a>(reason: impl Into<String>, candidates: &[&str]) -> Decision<'a> {
    let candidates = candidates.iter().map(|person| (*person).to_owned()).collect();
    Err(Refusal { reason: reason.into(), candidates, former: None })
}

fn holds(link: &ApprovedLink, as_of: Timestamp) -> bool {
    link.valid_from.is_none_or(|from| from <= as_of) && link.valid_to.is_none_or(|to| as_of < to)
}

fn by_approval<'a>(approved: &[&'a ApprovedLink], known: &HashSet<&str>) -> Decision<'a> {
    let persons: BTreeSet<&str> = approved.iter().map(|link| link.person_key.as_str()).collect();
    let (Some(link), 1) = (approved.first(), persons.len()) else {
        let persons: Vec<&str> = persons.into_iter().collect();
        return refuse(format!("approved links name {} persons at once", persons.len()), &persons);
    };
    if !known.contains(link.person_key.as_str()) {
        return refuse(format!("its approved link names `{}`, whom no roster has", link.person_key), &[]);
    }
    let instant = |instant: Option<Timestamp>| instant.map(seconds_text);
    Ok(Link {
        confidence: "approved",
        approved_by: Some(&link.approved_by),
        valid_from: instant(link.valid_from),
        valid_to: instant(link.valid_to),
        ..exact(&link.person_key, "approved")
    })
}

/// By what the source itself knows of the account's owner; none when it knows nothing that a roster has.
fn by_identity<'a>(account: &Account, addressed: &[&'a str], directory: &Directory<'a>) -> Option<Decision<'a>> {
    if account.nobodys().is_some() {
        return None;
    }
    let numbered = directory.of_employee_id(account.employee_id.as_ref());
    match numbered {
        [person] => return Some(Ok(exact(person, "employee_id"))),
        [] => {}
        several => {
            let reason = format!("{} persons have its employee number: it links none of them", several.len());
            return Some(refuse(reason, several));
        }
    }
    // an id that a provisioner made up may look like an employee number: it must not contradict the address
    let provisioned = directory.of_employee_id(account.external_id.as_ref());
    let [person] = provisioned else { return None };
    if addressed.iter().any(|other| other != person) {
        let both: BTreeSet<&str> = addressed.iter().chain([person]).copied().collect();
        let both: Vec<&str> = both.into_iter().collect();
        return Some(refuse("its external id is the employee number of one person, and its address another's", &both));
    }
    Some(Ok(exact(person, "external_id")))
}

/// By `address`, which `persons` have.
fn by_mail<'a>(
    account: &Account,
    address: Option<&str>,
    persons: &[&'a str],
    inputs: &Inputs,
    held: &HashMap<String, Vec<Holding>>,
) -> Decision<'a> {
    if let Some(kind) = account.nobodys() {
        return refuse(format!("a {kind} account belongs to no single person"), &[]);
    }
    let Some((_, method)) = account.address() else {
        return refuse("the source reports no address for it", &[]);
    };
    let Some(address) = address else {
        return refuse("its address is not of the form name@domain", &[]);
    };
    let domain = address.rsplit('@').next().unwrap_or_default();
    if !inputs.domains.is_empty() && !inputs.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)) {
        return refuse(format!("its address is not in a domain of the organisation: `{domain}`"), persons);
    }
    match persons {
        [person] => match inherited(account, person, held.get(address).map_or(&[], Vec::as_slice)) {
            Some(former) => Err(Refusal {
                reason: format!(
                    "its address was {former}'s before it was {person}'s, and it is not known to be younger"
                ),
                candidates: vec![(*person).to_owned()],
                former: Some(former.to_owned()),
            }),
            None => Ok(exact(person, method)),
        },
        [] => refuse("no person of any roster has its address", &[]),
        several => refuse(format!("{} persons have its address: it links none of them", several.len()), several),
    }
}

/// Who else had the address before `person` had it, if the account may be theirs.
fn inherited<'a>(account: &Account, person: &str, holdings: &'a [Holding]) -> Option<&'a str> {
    let begins = |holding: &&Holding| holding.person == person;
    let own = holdings.iter().filter(begins).map(|holding| holding.since.as_str()).min();
    let before = |holding: &&Holding| holding.person != person && own.is_none_or(|own| holding.since.as_str() < own);
    let former = holdings.iter().filter(before).max_by_key(|holding| &holding.since)?;
    let younger = account.known_since.as_deref().is_some_and(|known| own.is_some_and(|own| known >= own));
    (!younger).then_some(former.person.as_str())
}

/// Adds the exact matches of `account`, whose address `addressed` have, that `decision` does not follow, and what set each aside.
fn set_aside(
    account: &Account,
    decision: &Decision<'_>,
    addressed: &[&str],
    directory: &Directory<'_>,
    possible: &mut Vec<PossibleMatch>,
) {
    let linked = decision.as_ref().map_or("", |link| link.person_key);
    let bases = [
        ("address", addressed),
        ("employee_id", directory.of_employee_id(account.employee_id.as_ref())),
        ("external_id", directory.of_employee_id(account.external_id.as_ref())),
    ];
    for (basis, persons) in bases {
        for person in persons.iter().filter(|person| **person != linked) {
            possible.push(PossibleMatch {
                account_key: account.key.clone(),
                source: account.source.clone(),
                person_key: (*person).to_owned(),
                basis,
                set_aside_by: what_sets_aside(account, decision),
            });
        }
    }
}

fn what_sets_aside(account: &Account, decision: &Decision<'_>) -> Option<String> {
    match decision {
        Ok(Link { person_key: person, method, approved_by, .. }) => Some(match *method {
            "approved" => format!("the link to {person} that {} approved", approved_by.unwrap_or_default()),
            "employee_id" => format!("its employee number, which is that of {person}"),
            "external_id" => format!("its external id, which is the employee number of {person}"),
            _ => format!("its address, which is that of {person}"),
        }),
        Err(_) => account.nobodys().map(|kind| format!("the word that it is a {} account", kind.replace('_', "-"))),
    }
}

fn exact<'a>(person_key: &'a str, method: &'static str) -> Link<'a> {
    Link { person_key, method, confidence: "exact", approved_by: None, valid_from: None, valid_to: None }
}

/// The address as it is compared; none when it is not one.
fn normalise(address: &str, fold_local_part: bool) -> Option<Cow<'_, str>> {
    let (local, domain) = address.split_once('@')?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return None;
    }
    let folded = |part: &str| !part.bytes().any(|byte| byte.is_ascii_uppercase());
    if folded(domain) && (!fold_local_part || folded(local)) {
        return Some(address.into());
    }
    let local = if fold_local_part { local.to_ascii_lowercase() } else { local.to_owned() };
    Some(format!("{local}@{}", domain.to_ascii_lowercase()).into())
}
