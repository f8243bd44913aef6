//! Who is linked, who is not, and what is said of both.

use super::register::fits;
use super::*;
use crate::inputs::RegisteredAccount;

fn inputs() -> Inputs {
    crate::testing::inputs("2026-03-01T00:00:00Z")
}

fn person(key: &str, addresses: &[&str]) -> Person {
    Person {
        key: key.to_owned(),
        employee_id: None,
        name: None,
        addresses: addresses.iter().map(|&a| a.to_owned()).collect(),
    }
}

fn account(key: &str, email: &str) -> Account {
    Account {
        key: key.to_owned(),
        source: "gh".to_owned(),
        login: None,
        email: Some(email.to_owned()),
        employee_id: None,
        external_id: None,
        display_name: None,
        known_since: None,
        kind: Some("human".to_owned()),
    }
}

/// The map, the orphans and what is suggested.
struct Map {
    /// By account: the person and the method.
    links: BTreeMap<String, String>,
    orphans: Vec<Orphan>,
    possible: Vec<PossibleMatch>,
}

fn link(inputs: &Inputs, persons: &[Person], accounts: &[Account], holdings: &[Holding]) -> Map {
    let directory = Directory::new(persons, inputs.fold_local_part);
    let mut linker = Linker::new(inputs, &directory, holdings.to_vec());
    let mut links = BTreeMap::new();
    for account in accounts {
        if let Some(link) = linker.link(account.clone()) {
            links.insert(account.key.clone(), format!("{} {}", link.person_key, link.method));
        }
    }
    let (orphans, possible) = linker.finish(persons);
    Map { links, orphans, possible }
}

fn register(register: &[RegisteredAccount], persons: &[Person], accounts: &[Account]) -> Vec<Registration> {
    let directory = Directory::new(persons, false);
    accounts.iter().filter_map(|account| Registration::of(account, register, &directory)).collect()
}

fn linked(inputs: &Inputs, persons: &[Person], accounts: &[Account]) -> BTreeMap<String, String> {
    let map = link(inputs, persons, accounts, &[]);
    assert_eq!(map.links.len() + map.orphans.len(), accounts.len(), "every account is linked or shown as an orphan");
    map.links
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
    let map = link(&inputs(), &persons, &[account("a", "ada@acme.example")], &[]);
    assert!(map.links.is_empty());
    assert_eq!(map.orphans[0].candidates, ["hr:1", "hr:9"]);
}

#[test]
fn foreign_domain_is_a_possible_match_not_a_link() {
    let mut inputs = inputs();
    inputs.domains = vec!["acme.example".to_owned()];
    let map = link(&inputs, &[person("hr:1", &["ada@mail.example"])], &[account("a", "ada@mail.example")], &[]);
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
        ..RegisteredAccount::default()
    };
    let applied = register(&[entry], &[person("hr:1", &[])], &[account("aws:ci", ""), root]);
    assert_eq!(applied[0].owner_key.as_deref(), Some("hr:1"));
    assert_eq!(applied[0].kind.as_deref(), Some("service"));
    assert_eq!(applied[1].kind.as_deref(), Some("root"));
}

#[test]
fn owner_is_the_one_person_whose_key_or_address_is_written() {
    let persons = [
        person("hr:1", &["ada@acme.example"]),
        person("hr:2", &["team@acme.example"]),
        person("hr:3", &["team@acme.example"]),
    ];
    for (written, key) in [
        ("hr:1", Some("hr:1")),
        ("ada@ACME.example", Some("hr:1")),
        ("team@acme.example", None),
        ("Ada Lovelace", None),
    ] {
        let entry = RegisteredAccount {
            pattern: "aws:ci".to_owned(),
            owner: Some(written.to_owned()),
            ..RegisteredAccount::default()
        };
        let applied = register(&[entry], &persons, &[account("aws:ci", "")]);
        assert_eq!(applied[0].owner_key.as_deref(), key, "{written}");
    }
}

fn numbered(key: &str, employee_id: &str, addresses: &[&str]) -> Person {
    Person { employee_id: Some(employee_id.to_owned()), ..person(key, addresses) }
}

/// `account person basis (what set it aside)`, a line each.
fn possible(inputs: &Inputs, persons: &[Person], accounts: &[Account]) -> Vec<String> {
    let line = |found: PossibleMatch| {
        let aside = found.set_aside_by.map(|by| format!(" ({by})")).unwrap_or_default();
        format!("{} {} {}{aside}", found.account_key, found.person_key, found.basis)
    };
    link(inputs, persons, accounts, &[]).possible.into_iter().map(line).collect()
}

#[test]
fn the_sources_own_identity_is_stronger_than_an_address() {
    let persons = [numbered("hr:1", "E1", &["ada@acme.example"]), numbered("hr:2", "E2", &["bob@acme.example"])];
    let mut by_number = account("a", "bob@acme.example");
    by_number.employee_id = Some("E1".to_owned());
    let mut by_provisioner = account("b", "");
    by_provisioner.external_id = Some("E2".to_owned());
    let mut contradicting = account("c", "ada@acme.example");
    contradicting.external_id = Some("E2".to_owned());
    let mut unknown_number = account("d", "ada@acme.example");
    unknown_number.employee_id = Some("e1".to_owned());
    let accounts = [by_number, by_provisioner, contradicting, unknown_number];
    let links = linked(&inputs(), &persons, &accounts);
    let expected = [("a", "hr:1 employee_id"), ("b", "hr:2 external_id"), ("d", "hr:1 email")];
    assert_eq!(links, expected.map(|(account, link)| (account.to_owned(), link.to_owned())).into());
    assert_eq!(
        possible(&inputs(), &persons, &accounts),
        ["a hr:2 address (its employee number, which is that of hr:1)", "c hr:1 address", "c hr:2 external_id"]
    );
}

#[test]
fn number_of_two_persons_links_nobody() {
    let persons = [numbered("hr:1", "E1", &["ada@acme.example"]), numbered("old:1", "E1", &[])];
    let mut account = account("a", "ada@acme.example");
    account.employee_id = Some("E1".to_owned());
    assert!(linked(&inputs(), &persons, &[account]).is_empty());
}

#[test]
fn exact_match_that_the_configuration_sets_aside_is_told() {
    let persons = [person("hr:1", &["ada@acme.example"]), person("hr:2", &[])];
    let mut inputs = inputs();
    inputs.links = vec![ApprovedLink {
        account_key: "a".to_owned(),
        person_key: "hr:2".to_owned(),
        approved_by: "Grace".to_owned(),
        valid_from: None,
        valid_to: None,
    }];
    let mut registered = account("b", "ada@acme.example");
    registered.kind = Some("service".to_owned());
    assert_eq!(
        possible(&inputs, &persons, &[account("a", "ada@acme.example"), registered]),
        [
            "a hr:1 address (the link to hr:2 that Grace approved)",
            "b hr:1 address (the word that it is a service account)",
        ]
    );
}

#[test]
fn what_looks_alike_is_suggested_and_never_linked() {
    let ada = Person { name: Some("Ada Lovelace".to_owned()), ..person("hr:1", &["ada.lovelace@acme.example"]) };
    let persons = [ada, person("hr:2", &["bob@acme.example"])];
    let mut named = account("named", "countess@acme.example");
    named.display_name = Some("LOVELACE,  Ada".to_owned());
    let mut login = account("login", "");
    (login.email, login.login) = (None, Some("Ada.Lovelace".to_owned()));
    let mut robot = account("robot", "bob+ci@acme.example");
    robot.kind = Some("service".to_owned());
    let accounts = [
        account("case", "Ada.Lovelace@acme.example"),
        account("tag", "ada.lovelace+git@acme.example"),
        account("dots", "adalovelace@acme.example"),
        account("alike", "ad\u{430}.l0velace@acme.example"),
        account("domain", "ada.lovelace@mail.example"),
        account("nobody", "eve@acme.example"),
        named,
        login,
        robot,
    ];
    assert!(linked(&inputs(), &persons, &accounts).is_empty());
    assert_eq!(
        possible(&inputs(), &persons, &accounts),
        [
            "alike hr:1 look_alike",
            "case hr:1 letter_case",
            "domain hr:1 local_part",
            "dots hr:1 dots",
            "login hr:1 local_part",
            "named hr:1 display_name",
            "tag hr:1 plus_tag",
        ]
    );
}

#[test]
fn an_address_that_is_given_to_somebody_new_brings_no_account_of_its_former_holder() {
    let persons = [person("hr:9", &["ada@acme.example"])];
    let holding = |person: &str, since: &str| Holding {
        person: person.to_owned(),
        address: "ada@acme.example".to_owned(),
        since: since.to_owned(),
    };
    let holdings = [holding("hr:1", "2024-01-01T00:00:00Z"), holding("hr:9", "2026-02-01T00:00:00Z")];
    let known =
        |since: Option<&str>| Account { known_since: since.map(str::to_owned), ..account("a", "ada@acme.example") };
    for (since, is_linked) in [
        (Some("2024-05-01T00:00:00Z"), false),
        (Some("2026-01-31T23:59:59Z"), false),
        (None, false),
        (Some("2026-02-01T00:00:00Z"), true),
    ] {
        let map = link(&inputs(), &persons, &[known(since)], &holdings);
        assert_eq!(map.links.len() == 1, is_linked, "{since:?}");
        if !is_linked {
            assert!(map.orphans[0].reason.contains("hr:1's before it was hr:9's"), "{}", map.orphans[0].reason);
            let bases: Vec<&str> = map.possible.iter().map(|found| found.basis).collect();
            assert_eq!(bases, ["former_holder", "address"]);
        }
    }
    let own = [holding("hr:9", "2024-01-01T00:00:00Z")];
    assert_eq!(link(&inputs(), &persons, &[known(None)], &own).links.len(), 1, "nobody else had it");
}
