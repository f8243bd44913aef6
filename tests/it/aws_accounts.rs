//! Many AWS accounts: an organisation whose accounts are listed as the emulator holds them, a source for each account by one
//! section of the configuration, and an account that nobody reads.

use crate::faults::{Fault, Injection, Proxy, Request};
use crate::peers::moto::{ACCOUNT, Moto};
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};

/// More than one page of a unit holds.
const ACCOUNTS: usize = 34;

fn organisation(url: &str) -> String {
    format!(
        "[sources.org]\ncollector = \"aws_organization\"\naccount_id = \"{ACCOUNT}\"\nendpoint_url = \"{url}\"\n\
         schedule = \"manual\"\n"
    )
}

fn accounts(url: &str, ids: &[&str]) -> String {
    format!(
        "[sources.aws]\ncollector = \"aws_iam\"\naccount_ids = {ids:?}\nrole_name = \"OrganizationAccountAccessRole\"\n\
         external_id = \"known-to-both\"\nendpoint_url = \"{url}\"\nschedule = \"manual\"\nexpect_empty = true\n\
         other_credentials = false\n"
    )
}

/// What the check says.
fn judged(audit: &Audit) -> Value {
    let checked = audit.run(&["check", "--format", "json"]);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {checked:#?}"));
    let mut evaluations = checked["evaluations"].as_array().unwrap().iter();
    let found = evaluations.find(|evaluation| evaluation["check"] == "aws_account_not_read");
    found.unwrap_or_else(|| panic!("{checked:#}")).clone()
}

#[test]
fn the_accounts_of_an_organisation_are_those_it_has_and_each_must_be_read() {
    let moto = Moto::start();
    let held = moto.organize(ACCOUNTS);
    let proxy = Proxy::forwarding(moto.address());
    let made: Vec<&str> = held["accounts"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let read = &made[..3];
    let audit = Audit::with(&(organisation(&proxy.url()) + &accounts(&proxy.url(), read)));

    let collected = audit.json(0, &["collect"]);
    let snapshots = collected["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 4, "{collected:#}");
    for snapshot in snapshots {
        assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    }
    // the organisation, all of it, twice counted
    let org = snapshots.iter().find(|snapshot| snapshot["source"] == "org").unwrap();
    assert_eq!(org["completeness"]["counted"], ACCOUNTS + 1);
    assert_eq!(org["completeness"]["declared"], ACCOUNTS + 1);
    assert_rows(&audit, "aws_account", held["aws_account"].as_array().unwrap());
    let pages = |call: &str| {
        let asked = |header: &(String, String)| header.0 == "x-amz-target" && header.1.ends_with(call);
        proxy.calls().iter().filter(|call| call.request.headers.iter().any(asked)).count()
    };
    assert_eq!(pages(".ListRoots"), 1);
    assert!(pages(".ListAccountsForParent") > 4, "{}", pages(".ListAccountsForParent"));
    let units = ["Root", "Workloads", "Production", "Testing"].map(|name| json!({ "name": name }));
    assert_rows(&audit, "aws_organizational_unit", &units);

    // each account by a role of its own, seen as that account and as no other
    for (number, id) in read.iter().enumerate() {
        let snapshot = snapshots.iter().find(|snapshot| snapshot["source"] == format!("aws-{id}")).unwrap();
        assert_eq!(snapshot["caller"]["tenant"], **id);
        let identity = snapshot["caller"]["identity"].as_str().unwrap();
        assert!(identity.contains(&format!("{id}:assumed-role/OrganizationAccountAccessRole")), "{identity}");
        assert_eq!(snapshot["completeness"]["counted"], number + 1);
    }
    let users: Vec<Value> = (0..3)
        .flat_map(|number| (0..=number).map(move |user| (number, user)))
        .map(|(number, user)| {
            json!({ "_source": format!("aws-{}", read[number]), "user_name": format!("user-{number}-{user}") })
        })
        .collect();
    assert_rows(&audit, "aws_iam_user", &users);
    let assumed: Vec<String> = proxy.calls().iter().filter_map(|call| call.request.parameter("ExternalId")).collect();
    assert_eq!(assumed, ["known-to-both"; 3]);

    // who is not read is named; the closed one need not be
    let judgement = judged(&audit);
    assert_eq!(judgement["outcome"], "fail", "{judgement:#}");
    let verdicts = &judgement["verdicts"];
    assert_eq!((&verdicts["pass"], &verdicts["not_applicable"]), (&json!(3), &json!(1)), "{judgement:#}");
    let mut failing: Vec<&str> =
        judgement["failing"].as_array().unwrap().iter().map(|member| member["subject"].as_str().unwrap()).collect();
    failing.sort_unstable();
    let mut unread: Vec<String> =
        made[3..ACCOUNTS - 1].iter().chain([&ACCOUNT]).map(|id| format!("org:{id}")).collect();
    unread.sort();
    assert_eq!(failing, unread);
    audit.assert_sound();
    let derived = audit.run(&["fsck", "--derive"]);
    assert_eq!(derived.code, 0, "{derived:#?}");
}

#[test]
fn an_organisation_whose_accounts_are_all_read_passes_only_while_it_is_seen_whole() {
    let moto = Moto::start();
    let held = moto.organize(4);
    let proxy = Proxy::forwarding(moto.address());
    let made: Vec<&str> = held["accounts"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let everyone = [&made[..3], &[ACCOUNT]].concat();
    let audit = Audit::with(&(organisation(&proxy.url()) + &accounts(&proxy.url(), &everyone)));
    audit.json(0, &["collect"]);
    let judgement = judged(&audit);
    assert_eq!(judgement["outcome"], "pass", "{judgement:#}");

    // a tree that may not be walked: nothing is said to be whole
    let mut request = Request::new("POST", "/", "{}");
    request.headers.push(("x-amz-target".to_owned(), "AWSOrganizationsV20161128.ListRoots".to_owned()));
    proxy.inject(Some(Injection { request, nth: 0, fault: Fault::Status(403), times: None }));
    let collected = audit.json(3, &["collect", "org"]);
    assert_eq!(collected["snapshots"][0]["status"], "incomplete", "{collected:#}");
    assert_eq!(judged(&audit)["outcome"], "inconclusive");
}

#[test]
fn a_role_of_another_account_and_an_account_without_organisation_are_refused() {
    let moto = Moto::start();
    let url = format!("http://{}", moto.address());
    let audit = Audit::with(&organisation(&url));
    let snapshot = audit.json(3, &["collect"])["snapshots"][0].clone();
    assert_eq!(snapshot["errors"][0]["kind"], "misconfigured", "{snapshot:#}");
    assert!(snapshot["errors"][0]["message"].as_str().unwrap().contains("no organisation"), "{snapshot:#}");

    let audit = Audit::with(&format!(
        "[sources.aws]\ncollector = \"aws_iam\"\naccount_id = \"{ACCOUNT}\"\nendpoint_url = \"{url}\"\n\
         role_arn = \"arn:aws:iam::222222222222:role/evidenced-reader\"\nschedule = \"manual\"\n"
    ));
    let snapshot = audit.json(3, &["collect"])["snapshots"][0].clone();
    assert_eq!(snapshot["status"], "failed");
    let error = &snapshot["errors"][0];
    assert_eq!(error["kind"], "misconfigured", "{snapshot:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("belongs to account 222222222222") && message.contains(ACCOUNT), "{message}");
}
