//! Somebody leaves and keeps an AWS user and a GitHub membership: one finding with two items, which ends when complete
//! snapshots show both gone, and not when a broken page hides them.

use crate::faults::{Fault, Injection, Proxy, Request};
use crate::peers::emulate::{Emulator, TOKEN};
use crate::peers::github_gaps::Filled;
use crate::peers::github_graphql::GraphQl;
use crate::peers::moto::{ACCOUNT, Moto};
use crate::support::Audit;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Enough that one account less is no sudden drop.
const PEOPLE: usize = 24;
const PAGE: usize = 6;

/// Has two active access keys and a tag with the work e-mail address.
const AWS_USER: &str = "user-0007";
const GITHUB_LOGIN: &str = "member-07";
const ITEMS: [&str; 2] = ["aws:user-0007", "gh:member-07"];

struct Company {
    moto: Moto,
    github: Emulator,
    aws: Proxy,
    gh: Proxy,
    audit: Audit,
    /// Answers what the GitHub emulator lacks, for as long as the company lasts.
    _filled: Filled,
    _graphql: GraphQl,
}

impl Company {
    fn found() -> Self {
        let login = |number: usize| format!("member-{number:02}");
        let users: Vec<Value> = (0..PEOPLE).map(|number| json!({ "login": login(number) })).collect();
        let role = |number: usize| if number == 0 { "admin" } else { "member" };
        let member = |number| json!({ "login": login(number), "role": role(number) });
        let github = Emulator::github(&json!({
            "tokens": { TOKEN: { "login": login(0), "scopes": ["admin:org"] } },
            "github": {
                "users": users,
                "orgs": [{ "login": "acme", "members": (0..PEOPLE).map(member).collect::<Vec<_>>() }],
            },
        }));
        let moto = Moto::start();
        moto.populate(PEOPLE);
        let graphql = GraphQl::over(github.address());
        let filled = Filled::before(github.address(), graphql.address(), Vec::new());
        let (aws, gh) = (Proxy::paging(moto.address(), PAGE), Proxy::paging(filled.address(), PAGE));

        let mut sources = format!(
            r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
columns = {{ employee_id = "ID", name = "Name", work_email = "Email", start_date = "Start", end_date = "End" }}

[sources.aws]
collector = "aws_iam"
account_id = "{ACCOUNT}"
endpoint_url = "{}"
detail = "per_user"
other_credentials = false

[sources.gh]
collector = "github_org"
org = "acme"
api_url = "{}"
token = {{ env = "GITHUB_TOKEN" }}
"#,
            aws.url(),
            gh.url()
        );
        let mut roster = "ID,Name,Email,Start,End\n".to_owned();
        for number in 0..PEOPLE {
            // AWS users are found by their e-mail tag, GitHub logins by the links somebody approved
            sources += &format!(
                "\n[[links]]\naccount = \"gh:{}\"\nperson = \"hr:E{number}\"\napproved_by = \"Grace\"\n",
                login(number)
            );
            let end = if number == 7 { "2024-03-31" } else { "" };
            roster += &format!("E{number},Person {number},user-{number:04}@example.org,2020-01-01,{end}\n");
        }
        let audit = Audit::with(&sources);
        audit.write("hr.csv", &roster);
        Self { moto, github, aws, gh, audit, _filled: filled, _graphql: graphql }
    }

    /// Collects everything; the status of each source.
    fn collect(&self, code: i32) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let collected = self.audit.json(code, &["collect"]);
        let snapshots = collected["snapshots"].as_array().unwrap();
        snapshots.iter().map(|snapshot| (text(&snapshot["source"]), text(&snapshot["status"]))).collect()
    }

    /// Checks for leavers.
    fn check(&self, code: i32) -> Value {
        let checked = self.audit.json(code, &["check", "leaver_still_active"]);
        checked["evaluations"][0].clone()
    }

    /// The one finding: its state, and whether each item is resolved.
    fn finding(&self) -> (String, Vec<(String, bool)>) {
        let listed = self.audit.json(0, &["findings", "list"]);
        let findings = listed["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{listed:#}");
        assert_eq!(findings[0]["check"], "leaver_still_active");
        let items = findings[0]["items"].as_array().unwrap().iter();
        let mut items: Vec<(String, bool)> =
            items.map(|item| (item["subject"].as_str().unwrap().to_owned(), !item["resolved_at"].is_null())).collect();
        items.sort();
        (findings[0]["state"].as_str().unwrap().to_owned(), items)
    }

    fn assert_finding(&self, state: &str, is_resolved: [bool; 2]) {
        let items = ITEMS.map(str::to_owned).into_iter().zip(is_resolved).collect();
        assert_eq!(self.finding(), (state.to_owned(), items));
    }
}

/// The request for the page after the first of a listing, as the collector last made it.
fn second_page(proxy: &Proxy, listing: &str, page: &str) -> Request {
    let calls = proxy.calls();
    let found = calls.iter().map(|call| &call.request).find(|request| {
        let text = format!("{}?{}", request.target, request.body);
        text.contains(listing) && text.contains(page)
    });
    found.unwrap_or_else(|| panic!("no second page of {listing} was asked for: {calls:#?}")).clone()
}

fn broken(request: &Request, fault: Fault) -> Injection {
    Injection { request: request.clone(), nth: 0, fault, times: None }
}

#[test]
fn a_leavers_accounts_make_one_finding_that_only_complete_snapshots_resolve() {
    let company = Company::found();
    let all = |hr: &str, aws: &str, gh: &str| {
        [("aws", aws), ("gh", gh), ("hr", hr)].map(|(name, status)| (name.to_owned(), status.to_owned())).into()
    };
    assert_eq!(company.collect(0), all("complete", "complete", "complete"));
    let aws_page = second_page(&company.aws, "Action=ListUsers", "Marker=");
    let gh_page = second_page(&company.gh, "/members?role=all", "&page=2");
    let gh_count = second_page(&company.gh, "/members?role=member", "&page=2");

    let leaver = company.check(1);
    assert_eq!(leaver["outcome"], "fail");
    let mut failing: Vec<&str> =
        leaver["failing"].as_array().unwrap().iter().map(|member| member["subject"].as_str().unwrap()).collect();
    failing.sort_unstable();
    assert_eq!(failing, ITEMS);
    company.assert_finding("draft", [false, false]);

    // both accounts are deleted, and the page that would show it breaks
    company.moto.remove_user(AWS_USER);
    company.github.change("DELETE", &format!("/orgs/acme/members/{GITHUB_LOGIN}"), &Value::Null);
    assert_eq!(company.github.find(&format!("/orgs/acme/memberships/{GITHUB_LOGIN}")), None);
    // a listing cut short has neither account, just as a true one; an error has nothing at all
    for fault in [Fault::EndsEarly, Fault::Truncated] {
        company.aws.inject(Some(broken(&aws_page, fault)));
        company.gh.inject(Some(broken(&gh_page, fault)));
        let statuses = company.collect(3);
        assert!(company.aws.injected() > 0 && company.gh.injected() > 0, "{fault:?} never happened");
        assert_eq!(statuses["hr"], "complete");
        assert!(["incomplete", "failed"].contains(&statuses["aws"].as_str()), "{fault:?}: {statuses:?}");
        assert!(["incomplete", "failed"].contains(&statuses["gh"].as_str()), "{fault:?}: {statuses:?}");
        println!("{fault:?}: {statuses:?}");
        assert_eq!(company.check(3)["outcome"], "inconclusive", "{fault:?}");
        company.assert_finding("draft", [false, false]);
    }

    // AWS tells the truth; GitHub's members are listed whole and without the leaver, but a page of the count is refused
    company.aws.inject(None);
    company.gh.inject(Some(broken(&gh_count, Fault::Status(403))));
    assert_eq!(company.collect(3), all("complete", "complete", "incomplete"));
    assert_eq!(company.gh.injected(), 1);
    let absent = format!("SELECT count(*), sum(login = '{GITHUB_LOGIN}') FROM github_member");
    assert_eq!(company.audit.json(0, &["query", &absent])["rows"], json!([[PEOPLE - 1, 0]]));
    assert_eq!(company.check(3)["outcome"], "inconclusive");
    company.assert_finding("draft", [false, false]);

    // unbroken at last
    company.gh.inject(None);
    assert_eq!(company.collect(0), all("complete", "complete", "complete"));
    // of the users without an address it cannot be said whose they are; that keeps the leaver's items open no longer
    let checked = company.check(3);
    assert_eq!(checked["outcome"], "inconclusive");
    assert_eq!((&checked["verdicts"]["fail"], &checked["verdicts"]["unknown"]), (&json!(0), &json!(6)), "{checked}");
    company.assert_finding("resolved", [true, true]);
    company.audit.assert_sound();
}
