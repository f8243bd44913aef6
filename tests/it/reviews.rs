//! Access reviews as people do them: opened on sealed evidence of real systems, decided on by those who may, proven by later
//! snapshots, signed.

use crate::faults::{Fault, Injection, Proxy};
use crate::peers::moto::{ACCOUNT, Moto};
use crate::peers::receivers::Receiver;
use crate::support::{Audit, Outcome};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const PEOPLE: usize = 24;
/// Answers for AWS and administers nothing in it.
const AWS_OWNER: &str = "sam@example.org";
/// Answers for the campaigns.
const OWNER: &str = "olga@example.org";
/// Manages everybody else.
const MANAGER: &str = "mia@example.org";
/// Whom nothing links to an account of theirs.
const LEAVER: &str = "user-0007";

struct Company {
    moto: Moto,
    proxy: Proxy,
    audit: Audit,
}

impl Company {
    fn found(policy: &str) -> Self {
        let moto = Moto::start();
        moto.populate(PEOPLE);
        let proxy = Proxy::paging(moto.address(), 100);
        let mut roster = "ID,Name,Email,Start,End,Manager,Department\n".to_owned();
        roster += &format!("S1,Sam Owner,{AWS_OWNER},2020-01-01,,,it\nS2,Olga Audit,{OWNER},2020-01-01,,,it\n");
        roster += &format!("S3,Mia Boss,{MANAGER},2020-01-01,,,sales\n");
        for number in 0..PEOPLE {
            roster += &format!("E{number},Person {number},user-{number:04}@example.org,2020-01-01,,S3,sales\n");
        }
        let audit = Audit::with(&format!(
            r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
columns = {{ employee_id = "ID", name = "Name", work_email = "Email", start_date = "Start", end_date = "End", manager = "Manager", department = "Department" }}

[sources.aws]
collector = "aws_iam"
account_id = "{ACCOUNT}"
endpoint_url = "{}"
detail = "per_user"
other_credentials = false
owner = "{AWS_OWNER}"

[reviews.quarterly]
sources = ["aws"]
owner = "{OWNER}"
{policy}
"#,
            proxy.url()
        ));
        audit.write("hr.csv", &roster);
        Self { moto, proxy, audit }
    }

    fn items(&self, review: &str) -> BTreeMap<String, Value> {
        let listed = self.audit.json(0, &["reviews", "items", review]);
        let items = listed["items"].as_array().unwrap().iter();
        items.map(|one| (text(&one["item"]["account"]), one["item"].clone())).collect()
    }

    fn state(&self, review: &str) -> String {
        let shown = self.audit.json(0, &["reviews", "show", review]);
        text(&shown["review"]["access_review"]["state"])
    }

    fn decide(&self, review: &str, account: &str, answer: &[&str], by: &str) -> Outcome {
        self.audit.run(&[&["reviews", "decide", review, account, "--by", by], answer].concat())
    }

    fn removal(&self, review: &str, account: &str) -> Value {
        self.items(review)[account]["remediation"].clone()
    }

    /// Decides on every account that has no decision: those of `revoked` go, the others stay.
    fn decide_on_all(&self, review: &str, revoked: &[&str]) {
        for (account, item) in self.items(review) {
            if item["state"] == "decided" {
                continue;
            }
            let reviewer = text(&item["assigned"]["reviewer"]["email"]);
            let answer: &[&str] = if revoked.contains(&account.as_str()) {
                &["--revoke", "--reason", "moved to another team"]
            } else {
                &["--certify", "--reason", "needed for the work"]
            };
            done(&self.decide(review, &account, answer, &reviewer));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn done(outcome: &Outcome) {
    assert_eq!(outcome.code, 0, "{outcome:#?}");
}

fn refused(outcome: &Outcome, guard: &str) {
    assert_eq!(outcome.code, 2, "{outcome:#?}");
    assert!(outcome.stderr.contains(&format!("refused ({guard})")), "{guard}: {outcome:#?}");
}

#[test]
fn a_campaign_runs_from_sealed_evidence_to_a_signature_and_only_later_evidence_proves_a_removal() {
    let company = Company::found("");
    let audit = &company.audit;
    // without evidence it waits, and says for what
    let waits = audit.run(&["reviews", "start", "quarterly", "--by", OWNER]);
    done(&waits);
    assert!(waits.stderr.contains("aws: it was never collected"), "{waits:#?}");
    assert_eq!(company.state("quarterly-1"), "collecting");
    audit.json(0, &["collect"]);
    done(&audit.run(&["reviews", "advance"]));
    assert_eq!(company.state("quarterly-1"), "open");

    // every account there is, whoever it is of; and nobody reviews themselves
    let items = company.items("quarterly-1");
    let expected: BTreeSet<String> = (0..PEOPLE).map(|number| format!("aws:user-{number:04}")).collect();
    let found: BTreeSet<String> = items.keys().filter(|account| account.contains("user-")).cloned().collect();
    assert_eq!(found, expected);
    assert!(items.len() > expected.len(), "root is reviewed as well: {:?}", items.keys());
    assert!(items["aws:user-0006"].get("person").is_none(), "no tag tells whose it is");
    assert!(items["aws:user-0006"]["flags"].to_string().contains("orphan"));
    for (account, item) in &items {
        let reviewer = text(&item["assigned"]["reviewer"]["key"]);
        assert_ne!(Some(reviewer.as_str()), item["person"]["key"].as_str(), "{account}");
        assert_eq!(item["delta"], serde_json::json!(["new"]), "{account}");
    }
    let of_a_person = &items[&format!("aws:{LEAVER}")];
    assert_eq!(of_a_person["person"]["email"], "user-0007@example.org");

    // what it was opened on is not erased while it is not over
    let frozen =
        audit.json(0, &["reviews", "show", "quarterly-1"])["review"]["access_review"]["sources"][0]["frozen"].clone();
    audit.json(0, &["collect", "aws"]);
    let snapshot = text(&frozen["snapshot"]);
    let erased = audit.run(&["retention", "erase", &snapshot, "--by", "Grace", "--reason", "asked for"]);
    assert!(erased.code == 1 && erased.stderr.contains("access review quarterly-1, which is not over"), "{erased:#?}");

    // who may not decide is told why, by the guard's name
    let account = format!("aws:{LEAVER}");
    refused(&company.decide("quarterly-1", &account, &["--certify"], "user-0007@example.org"), "reviewer");
    refused(&company.decide("quarterly-1", &account, &["--revoke"], OWNER), "reason");
    let to_themselves = ["--reassign", "user-0007@example.org"];
    refused(&company.decide("quarterly-1", &account, &to_themselves, OWNER), "reviewer");
    refused(&audit.run(&["reviews", "conclude", "quarterly-1", "--by", OWNER]), "decided");

    // two at once: the second, who looked before the first decided, is told
    let newest = audit.json(0, &["reviews", "show", "quarterly-1"])["log_index"].to_string();
    let other = "aws:user-0001";
    let answer = ["--certify", "--reason", "needed", "--seen", newest.as_str()];
    done(&company.decide("quarterly-1", other, &answer, OWNER));
    refused(&company.decide("quarterly-1", other, &answer, OWNER), "conflict");

    company.decide_on_all("quarterly-1", &[&account]);
    refused(&audit.run(&["reviews", "conclude", "quarterly-1", "--by", AWS_OWNER]), "owner");
    done(&audit.run(&["reviews", "conclude", "quarterly-1", "--by", OWNER]));
    assert_eq!(company.state("quarterly-1"), "remediating");

    // a word proves nothing, and nothing is signed on it
    done(&audit.run(&["reviews", "claim", "quarterly-1", &account, "--note", "ticket 12 is done", "--by", AWS_OWNER]));
    let sign = || {
        let statement = "Every account was looked at.";
        audit.run(&["reviews", "sign-off", "quarterly-1", "--statement", statement, "--by", OWNER])
    };
    refused(&sign(), "state");
    audit.json(0, &["collect", "aws"]);
    done(&audit.run(&["reviews", "advance"]));
    assert_eq!(company.removal("quarterly-1", &account)["state"], "claimed", "it is still there");

    // gone, and hidden by a broken answer: only complete evidence shows it
    company.moto.remove_user(LEAVER);
    let listing = company
        .proxy
        .calls()
        .into_iter()
        .map(|call| call.request)
        .find(|request| format!("{}{}", request.target, request.body).contains("Action=ListUsers&"));
    let broken = Injection { request: listing.unwrap(), nth: 0, fault: Fault::Truncated, times: None };
    company.proxy.inject(Some(broken));
    assert_ne!(audit.run(&["collect", "aws"]).code, 0);
    done(&audit.run(&["reviews", "advance"]));
    assert_eq!(company.removal("quarterly-1", &account)["state"], "claimed");
    company.proxy.inject(None);
    audit.json(0, &["collect", "aws"]);
    done(&audit.run(&["reviews", "advance"]));
    let removal = company.removal("quarterly-1", &account);
    assert_eq!((&removal["state"], &removal["proof"]["how"]), (&"verified".into(), &"absent".into()));
    assert_eq!(company.state("quarterly-1"), "awaiting_sign_off");
    done(&sign());
    assert_eq!(company.state("quarterly-1"), "closed");
    refused(&company.decide("quarterly-1", other, &["--certify", "--reason", "late"], OWNER), "state");
    refused(&audit.run(&["reviews", "cancel", "quarterly-1", "--reason", "late", "--by", OWNER]), "state");

    // the sealed report is the one that was signed over
    let shown = audit.json(0, &["reviews", "show", "quarterly-1"]);
    let signed = &shown["review"]["access_review"]["signed"];
    audit.json(0, &["reviews", "export", "quarterly-1", "-o", "review.pdf"]);
    let exported = std::fs::read(audit.path("review.pdf")).unwrap();
    assert_eq!(text(&signed["report_sha256"]), model::Digest::of(&exported).to_string());
    // the checks over the reviews pass, and a pack carries the campaign whole
    let checked = audit.run(&["check", "access_review_overdue", "revocation_not_verified", "--format", "json"]);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    for evaluation in checked["evaluations"].as_array().unwrap() {
        assert_eq!(
            (&evaluation["outcome"], &evaluation["verdicts"]["pass"]),
            (&"pass".into(), &1.into()),
            "{evaluation:#}"
        );
    }
    done(&audit.run(&["pack", "create", "--from", "2020-01-01", "-o", "pack.zip"]));
    let listed = Command::new("unzip").arg("-Z1").arg(audit.path("pack.zip")).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for ending in ["-opened.json", "-report.pdf", "-closed.json"] {
        let is_there = |name: &str| name.starts_with("access_reviews/quarterly-1/") && name.ends_with(ending);
        assert!(listed.lines().any(is_there), "{ending}: {listed}");
    }
    done(&audit.run(&["verify", "pack.zip"]));
    audit.assert_sound();
}

#[test]
fn the_next_campaign_shows_what_changed_and_many_at_once_are_certified_only_of_the_rest() {
    let company = Company::found("");
    let audit = &company.audit;
    audit.json(0, &["collect"]);
    done(&audit.run(&["reviews", "start", "quarterly", "--by", OWNER]));
    company.decide_on_all("quarterly-1", &[]);
    done(&audit.run(&["reviews", "conclude", "quarterly-1", "--by", OWNER]));
    assert_eq!(company.state("quarterly-1"), "awaiting_sign_off", "nothing was to go");
    done(&audit.run(&["reviews", "sign-off", "quarterly-1", "--statement", "Looked at.", "--by", OWNER]));

    done(&audit.run(&["reviews", "start", "quarterly", "--by", OWNER]));
    let items = company.items("quarterly-2");
    let plain: Vec<&String> = items
        .iter()
        .filter(|(_, item)| item["flags"].as_array().is_none_or(Vec::is_empty) && item["is_admin"] == false)
        .map(|(account, _)| account)
        .collect();
    assert!(!plain.is_empty() && plain.len() < items.len(), "{plain:?}");
    for item in items.values() {
        assert_eq!(item["delta"], serde_json::json!(["unchanged"]));
        assert_eq!(item["earlier"][0]["answer"], "certify");
    }
    let flagged = items.iter().find(|(_, item)| item["is_admin"] == true).unwrap().0;
    let bulk = |accounts: &[&str]| {
        let arguments = ["reviews", "decide", "quarterly-2", "--certify", "--bulk", "--by", OWNER];
        audit.run(&[&arguments, accounts].concat())
    };
    refused(&bulk(&[plain[0], flagged]), "bulk");
    let reviewer = text(&items[plain[0]]["assigned"]["reviewer"]["email"]);
    let arguments = ["reviews", "decide", "quarterly-2", "--certify", "--bulk", "--plain", "--by", &reviewer];
    done(&audit.run(&arguments));
    let after = company.items("quarterly-2");
    let decided: Vec<&Value> = after.values().filter(|item| item["state"] == "decided").collect();
    assert!(!decided.is_empty());
    for item in &decided {
        assert_eq!(item["decisions"][0]["bulk"]["size"], decided.len());
    }
    // one dataset, whatever it is written as; and what a source sent is no formula
    for name in ["review.json", "review.csv", "review.xlsx", "review.html"] {
        audit.json(0, &["reviews", "export", "quarterly-2", "-o", name]);
    }
    let csv = std::fs::read_to_string(audit.path("review.csv")).unwrap();
    assert_eq!(csv.matches("\naws:").count(), items.len(), "{csv}");
    refused_output(&audit.run(&["reviews", "export", "quarterly-2", "-o", "review.doc"]));
    let listed = audit.json(0, &["reviews", "list"]);
    assert_eq!(listed["reviews"][1]["decided"], decided.len());
    audit.assert_sound();
}

fn refused_output(outcome: &Outcome) {
    assert_eq!(outcome.code, 2, "{outcome:#?}");
    assert!(outcome.stderr.contains(".csv, .xlsx, .json, .html or .pdf"), "{outcome:#?}");
}

#[test]
fn reviewers_are_told_by_mail_of_what_is_theirs_and_of_nothing_twice() {
    let sink = Receiver::smtp(None);
    let company = Company::found("");
    let audit = &company.audit;
    let settings = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let settings = settings
        .lines()
        .filter(|line| !line.starts_with("domains"))
        .map(|line| line.to_owned() + "\n")
        .collect::<String>();
    audit.write(
        "evidenced.toml",
        &settings.replacen("[organisation]", "[organisation]\ndomains = [\"example.org\"]", 1),
    );
    audit.add(&format!(
        "[notify.mail]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"off\"\nfrom = \"evidenced@example.org\"\n\
         to = [\"ops@example.org\"]\nabout = [\"reviews\"]\n",
        sink.port
    ));
    done(&audit.run(&["notify", "send"]));
    audit.json(0, &["collect"]);
    done(&audit.run(&["reviews", "start", "quarterly", "--by", OWNER]));
    done(&audit.run(&["reviews", "advance"]));
    done(&audit.run(&["notify", "send"]));
    done(&audit.run(&["notify", "send"]));
    let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
    for item in company.items("quarterly-1").values() {
        *waiting.entry(text(&item["assigned"]["reviewer"]["email"])).or_default() += 1;
    }
    assert!(waiting.len() > 1, "{waiting:?}");
    let told: BTreeMap<String, String> =
        sink.wait_for(waiting.len()).iter().map(|mail| (text(&mail["to"][0]), text(&mail["text"]))).collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), waiting.keys().collect::<Vec<_>>());
    for (reviewer, count) in &waiting {
        let accounts = if *count == 1 { "1 account waits".to_owned() } else { format!("{count} accounts wait") };
        assert!(told[reviewer].contains(&format!("access review quarterly-1: {accounts} for a decision")), "{told:#?}");
        assert!(!told[reviewer].contains("user-00"), "nobody is named");
    }
}

#[test]
fn a_campaign_begins_by_its_schedule_reminds_and_is_escalated_without_anybody_remembering() {
    let at = |text: &str| text.parse::<model::Timestamp>().unwrap();
    let audit = Audit::at(at("2026-03-30T08:00:00Z"));
    audit.add(&format!(
        r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
max_age = "30d"
columns = {{ employee_id = "ID", name = "Name", work_email = "Email", start_date = "Start" }}

[sources.crm]
collector = "exec"
program = "crm-users"
max_age = "30d"
owner = "{AWS_OWNER}"
population = "Everybody who can sign in to the CRM."

[sources.crm.table.user]
key = ["login"]
columns = {{ login = "text", email = "text", admin = "boolean" }}

[sources.crm.table.user.map.account]
account_key = "login"
login = "login"
email = "email"
kind = "'human'"
status = "'enabled'"
is_admin = "admin"

[reviews.quarterly]
sources = ["crm"]
owner = "{OWNER}"
schedule = "0 9 1 */3 *"
complete_within = "14d"
lapse_after = "7d"
"#
    ));
    audit.write("hr.csv", &format!("ID,Name,Email,Start\n1,Sam,{AWS_OWNER},2020-01-01\n2,Olga,{OWNER},2020-01-01\n3,Ada,ada@example.org,2020-01-01\n"));
    let program = audit.path("crm-users");
    let record = r#"{"type":"record","table":"user","row":{"login":"ada","email":"ada@example.org","admin":false}}"#;
    let lines =
        [r#"{"type":"start","schema":"evidenced/envelope/v1"}"#, record, r#"{"type":"end","counts":{"user":1}}"#];
    std::fs::write(&program, format!("#!/bin/sh\nprintf '%s\\n' '{}'\n", lines.join("' '"))).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    audit.json(0, &["collect"]);
    let events = |code: i32| -> Vec<String> {
        let told = audit.json(code, &["reviews", "advance"]);
        told["events"].as_array().unwrap().iter().map(|one| text(&one["event"]["event"])).collect()
    };
    assert_eq!(events(0), Vec::<String>::new(), "the slot of January was before the policy");
    audit.set_clock(at("2026-04-01T09:00:05Z"));
    assert_eq!(events(0), ["drafted", "begun", "frozen", "opened", "reminded"]);
    assert_eq!(events(0), Vec::<String>::new(), "and not begun twice");
    audit.set_clock(at("2026-04-08T12:00:00Z"));
    assert_eq!(events(0), ["reminded"]);
    assert_eq!(events(0), Vec::<String>::new());
    audit.set_clock(at("2026-04-15T12:00:00Z"));
    assert_eq!(events(0), ["lapsed", "reminded"], "due: it goes to the campaign's owner");
    let shown = audit.json(0, &["reviews", "item", "quarterly-1", "crm:ada"]);
    assert_eq!(shown["item"]["assigned"]["reviewer"]["email"], OWNER);
    audit.set_clock(at("2026-04-23T12:00:00Z"));
    assert_eq!(events(0), ["lapsed", "reminded"]);
    let shown = audit.json(0, &["reviews", "item", "quarterly-1", "crm:ada"]);
    assert_eq!(shown["item"]["state"], "not_reviewed");
    // late is not never: the campaign ends when it is decided
    let late = ["reviews", "decide", "quarterly-1", "crm:ada", "--certify", "--reason", "late", "--by", OWNER];
    done(&audit.run(&late));
    assert_eq!(events(0), ["concluded", "finished"]);
    audit.assert_sound();
}
