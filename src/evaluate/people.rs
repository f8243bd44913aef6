//! The identity map: which account belongs to which person.
//!
//! Strongest first: a link that a person approved; then the exact address. An address is compared byte for byte after
//! its domain was lower-cased (and the part before the `@`, only if the organisation says so). Plus-tags, dots, display
//! names and look-alike letters never link. An address that two persons have links nobody, so that one reused by a new
//! person inherits nothing. An account that belongs to nobody is returned as an orphan, never dropped.

use crate::inputs::{ApprovedLink, Inputs, RegisteredAccount};
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
    pub addresses: Vec<String>,
}

/// An account as far as linking is concerned.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub key: String,
    pub source: String,
    pub login: Option<String>,
    pub email: Option<String>,
    pub kind: Option<String>,
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

/// One entry of the account register, applied to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub account_key: String,
    pub source: String,
    pub kind: Option<String>,
    pub owner: Option<String>,
    pub purpose: Option<String>,
}

/// The map and who is not on it.
#[derive(Debug, Clone)]
pub(crate) struct IdentityMap {
    pub links: Table,
    pub orphans: Vec<Orphan>,
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
            column("method", ColumnKind::Text, "approved, email, or login_is_email where the login is the address"),
            column("confidence", ColumnKind::Text, "approved by a person, or exact"),
            column("approved_by", ColumnKind::Text, "who approved it"),
            column("valid_from", ColumnKind::Timestamp, "first instant an approved link holds"),
            column("valid_to", ColumnKind::Timestamp, "first instant an approved link no longer holds"),
        ],
    }
}

/// Links accounts to persons as of `inputs.as_of`.
pub(crate) fn link(inputs: &Inputs, persons: &[Person], accounts: &[Account]) -> Result<IdentityMap, TableError> {
    let known: BTreeSet<&str> = persons.iter().map(|person| person.key.as_str()).collect();
    let mut by_address: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for person in persons {
        for address in person.addresses.iter().filter_map(|address| normalise(address, inputs.fold_local_part)) {
            by_address.entry(address).or_default().insert(&person.key);
        }
    }
    let mut approved: BTreeMap<&str, Vec<&ApprovedLink>> = BTreeMap::new();
    for link in inputs.links.iter().filter(|link| holds(link, inputs.as_of)) {
        approved.entry(&link.account_key).or_default().push(link);
    }

    let mut links = Table::new(identity_link_spec());
    let mut orphans = Vec::new();
    let unique: BTreeMap<&str, &Account> = accounts.iter().map(|account| (account.key.as_str(), account)).collect();
    for account in unique.values() {
        let decision = match approved.get(account.key.as_str()) {
            Some(approved) => by_approval(approved, &known),
            None => by_mail(account, inputs, &by_address),
        };
        match decision {
            Ok(link) => {
                let mut row = link;
                row.insert("account_key".to_owned(), json!(account.key));
                row.insert("source".to_owned(), json!(account.source));
                links.push(row)?;
            }
            Err((reason, candidates)) => orphans.push(Orphan {
                account_key: account.key.clone(),
                source: account.source.clone(),
                reason,
                candidates,
            }),
        }
    }
    links.settle();
    Ok(IdentityMap { links, orphans })
}

type Decision = Result<Row, (String, Vec<String>)>;

fn holds(link: &ApprovedLink, as_of: Timestamp) -> bool {
    link.valid_from.is_none_or(|from| from <= as_of) && link.valid_to.is_none_or(|to| as_of < to)
}

fn by_approval(approved: &[&ApprovedLink], known: &BTreeSet<&str>) -> Decision {
    let persons: BTreeSet<&str> = approved.iter().map(|link| link.person_key.as_str()).collect();
    let (Some(link), 1) = (approved.first(), persons.len()) else {
        let persons: Vec<String> = persons.into_iter().map(str::to_owned).collect();
        return Err((format!("approved links name {} persons at once", persons.len()), persons));
    };
    if !known.contains(link.person_key.as_str()) {
        return Err((format!("its approved link names `{}`, whom no roster has", link.person_key), Vec::new()));
    }
    Ok(row(&link.person_key, "approved", "approved", Some(link)))
}

fn by_mail(account: &Account, inputs: &Inputs, by_address: &BTreeMap<String, BTreeSet<&str>>) -> Decision {
    if let Some(kind @ ("service" | "shared" | "break_glass" | "root")) = account.kind.as_deref() {
        return Err((format!("a {kind} account belongs to no single person"), Vec::new()));
    }
    let (written, method) = match (&account.email, &account.login) {
        (Some(email), _) => (email, "email"),
        (None, Some(login)) if login.contains('@') => (login, "login_is_email"),
        _ => return Err(("the source reports no address for it".to_owned(), Vec::new())),
    };
    let Some(address) = normalise(written, inputs.fold_local_part) else {
        return Err(("its address is not of the form name@domain".to_owned(), Vec::new()));
    };
    let persons: Vec<&str> = by_address.get(&address).into_iter().flatten().copied().collect();
    let candidates = || persons.iter().map(|person| (*person).to_owned()).collect();
    let domain = address.rsplit('@').next().unwrap_or_default();
    if !inputs.domains.is_empty() && !inputs.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)) {
        return Err((format!("its address is not in a domain of the organisation: `{domain}`"), candidates()));
    }
    match persons.as_slice() {
        [person] => Ok(row(person, method, "exact", None)),
        [] => Err(("no person of any roster has its address".to_owned(), Vec::new())),
        several => Err((format!("{} persons have its address: it links none of them", several.len()), candidates())),
    }
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

/// Applies the account register: the first entry whose pattern fits an account speaks for it.
pub(crate) fn register(register: &[RegisteredAccount], accounts: &[Account]) -> Vec<Registration> {
    let unique: BTreeMap<&str, &Account> = accounts.iter().map(|account| (account.key.as_str(), account)).collect();
    unique
        .values()
        .filter_map(|account| {
            let entry = register.iter().find(|entry| fits(&entry.pattern, &account.key))?;
            // a root account stays one: a register entry must not take it out of the checks on root
            let kind = entry.kind.clone().filter(|_| account.kind.as_deref() != Some("root"));
            Some(Registration {
                account_key: account.key.clone(),
                source: account.source.clone(),
                kind: kind.or_else(|| account.kind.clone()),
                owner: entry.owner.clone(),
                purpose: entry.purpose.clone(),
            })
        })
        .collect()
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
fn fits(pattern: &str, text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Inputs {
        crate::testing::inputs("2026-03-01T00:00:00Z")
    }

    fn person(key: &str, addresses: &[&str]) -> Person {
        Person { key: key.to_owned(), addresses: addresses.iter().map(|&a| a.to_owned()).collect() }
    }

    fn account(key: &str, email: &str) -> Account {
        Account {
            key: key.to_owned(),
            source: "gh".to_owned(),
            login: None,
            email: Some(email.to_owned()),
            kind: Some("human".to_owned()),
        }
    }

    fn linked(inputs: &Inputs, persons: &[Person], accounts: &[Account]) -> BTreeMap<String, String> {
        let map = link(inputs, persons, accounts).unwrap();
        assert_eq!(
            map.links.len() + map.orphans.len(),
            accounts.len(),
            "every account is linked or shown as an orphan"
        );
        map.links
            .rows()
            .map(|row| {
                (
                    row["account_key"].as_str().unwrap().to_owned(),
                    format!("{} {}", row["person_key"].as_str().unwrap(), row["method"].as_str().unwrap()),
                )
            })
            .collect()
    }

    #[test]
    fn exact_address_links_and_near_misses_do_not() {
        let persons = [person("hr:1", &["ada@acme.example"]), person("hr:2", &["a.b@acme.example"])];
        let accounts = [
            account("a", "ada@ACME.example"),
            account("b", "Ada@acme.example"),
            account("c", "ada+git@acme.example"),
            account("d", "ab@acme.example"),
            account("e", "ad\u{430}@acme.example"),
            account("f", "ada@acme.example.evil"),
            account("g", " ada@acme.example"),
        ];
        let links = linked(&inputs(), &persons, &accounts);
        assert_eq!(links, BTreeMap::from([("a".to_owned(), "hr:1 email".to_owned())]));
    }

    #[test]
    fn local_part_is_folded_only_when_the_organisation_says_so() {
        let mut inputs = inputs();
        inputs.fold_local_part = true;
        let links = linked(&inputs, &[person("hr:1", &["Ada@acme.example"])], &[account("a", "aDA@acme.example")]);
        assert_eq!(links["a"], "hr:1 email");
    }

    #[test]
    fn address_of_two_persons_links_nobody_and_shows_both() {
        let persons = [person("hr:1", &["ada@acme.example"]), person("hr:9", &["x@acme.example", "ada@acme.example"])];
        let map = link(&inputs(), &persons, &[account("a", "ada@acme.example")]).unwrap();
        assert!(map.links.is_empty());
        assert_eq!(map.orphans[0].candidates, ["hr:1", "hr:9"]);
    }

    #[test]
    fn foreign_domain_is_a_possible_match_not_a_link() {
        let mut inputs = inputs();
        inputs.domains = vec!["acme.example".to_owned()];
        let map = link(&inputs, &[person("hr:1", &["ada@mail.example"])], &[account("a", "ada@mail.example")]).unwrap();
        assert!(map.links.is_empty());
        assert_eq!(map.orphans[0].candidates, ["hr:1"]);
        assert!(map.orphans[0].reason.contains("mail.example"), "{}", map.orphans[0].reason);
    }

    #[test]
    fn approved_link_wins_within_its_validity_and_only_for_known_persons() {
        let persons = [person("hr:1", &["ada@acme.example"]), person("hr:2", &[])];
        let accounts = [account("a", "ada@acme.example")];
        let mut inputs = inputs();
        let mut approved = ApprovedLink {
            account_key: "a".to_owned(),
            person_key: "hr:2".to_owned(),
            approved_by: "Grace".to_owned(),
            valid_from: Some("2026-03-01T00:00:00Z".parse().unwrap()),
            valid_to: Some("2026-03-01T00:00:01Z".parse().unwrap()),
        };
        inputs.links = vec![approved.clone()];
        assert_eq!(linked(&inputs, &persons, &accounts)["a"], "hr:2 approved");

        approved.valid_to = Some("2026-03-01T00:00:00Z".parse().unwrap());
        inputs.links = vec![approved.clone()];
        assert_eq!(linked(&inputs, &persons, &accounts)["a"], "hr:1 email", "an expired link no longer holds");

        approved.valid_to = None;
        approved.person_key = "hr:404".to_owned();
        inputs.links = vec![approved.clone()];
        assert!(linked(&inputs, &persons, &accounts).is_empty(), "nobody of that key is in a roster");

        let mut other = approved.clone();
        other.person_key = "hr:2".to_owned();
        inputs.links = vec![approved, other];
        assert!(linked(&inputs, &persons, &accounts).is_empty(), "two approved links contradict each other");
    }

    #[test]
    fn login_that_is_an_address_links_where_the_source_reports_none() {
        let mut aws = account("aws:ada@acme.example", "");
        aws.email = None;
        aws.login = Some("ada@acme.example".to_owned());
        let links = linked(&inputs(), &[person("hr:1", &["ada@acme.example"])], &[aws]);
        assert_eq!(links["aws:ada@acme.example"], "hr:1 login_is_email");
    }

    #[test]
    fn service_account_is_never_taken_for_the_person_whose_address_it_has() {
        let mut robot = account("gh:robot", "ada@acme.example");
        robot.kind = Some("service".to_owned());
        assert!(linked(&inputs(), &[person("hr:1", &["ada@acme.example"])], &[robot]).is_empty());
    }

    #[test]
    fn register_pattern_is_anchored_and_root_stays_root() {
        assert!(fits("aws:ci-*", "aws:ci-deploy") && fits("aws:*-bot", "aws:x-bot") && fits("aws:a", "aws:a"));
        assert!(fits("*", "x") && fits("a*b*c", "aXbYc") && fits("a**c", "ac"));
        assert!(!fits("aws:ci-*", "gh:ci-deploy") && !fits("aws:a", "aws:ab") && !fits("a*bc*c", "abc"));
        let mut root = account("aws:root", "x@acme.example");
        root.kind = Some("root".to_owned());
        let entry = RegisteredAccount {
            pattern: "aws:*".to_owned(),
            kind: Some("service".to_owned()),
            owner: Some("hr:1".to_owned()),
            purpose: None,
        };
        let applied = register(&[entry], &[root, account("aws:ci", "")]);
        assert_eq!(applied[0].kind.as_deref(), Some("service"));
        assert_eq!(applied[1].kind.as_deref(), Some("root"));
    }
}
