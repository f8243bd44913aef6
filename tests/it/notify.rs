//! Who is told what: signed webhooks and mail to programs of third parties, tickets in an emulator of GitHub, through outages and
//! kills. Jira has no emulator: its part is played by a few lines here, after its published reference.

use crate::decisions::Company;
use crate::lending::Daemon;
use crate::peers::receivers::Receiver;
use crate::peers::tsa::{Certificate, Issuer, LONG};
use crate::support::{Audit, Outcome, files, long};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// 32 bytes in base64.
const SECRET: &str = "whsec_Q0FOQVJZLW9mLXRoZS13ZWJob29rLTAwMDAwMDA=";
const FINDING: &str = "leaver_still_active-1";

/// A file that only its owner can read.
fn closed(audit: &Audit, name: &str, text: &str) {
    audit.write(name, text);
    std::fs::set_permissions(audit.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn hook(audit: &Audit, receiver: &Receiver, more: &str) {
    closed(audit, "hook.secret", SECRET);
    audit.add(&format!(
        "[notify.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/in\"\nsecret = {{ file = \"hook.secret\" }}\n{more}\n",
        receiver.port
    ));
}

/// The organisation's own mail domain.
fn of_acme(audit: &Audit) {
    let text = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let rest: String =
        text.lines().filter(|line| !line.starts_with("domains")).map(|line| line.to_owned() + "\n").collect();
    audit.write("evidenced.toml", &rest.replacen("[organisation]", "[organisation]\ndomains = [\"acme.example\"]", 1));
}

fn send(audit: &Audit, code: i32) -> Vec<Value> {
    audit.json(code, &["notify", "send"])["messages"].as_array().unwrap().clone()
}

fn open(audit: &Audit) -> Vec<Value> {
    audit.json(0, &["notify", "list"])["messages"].as_array().unwrap().clone()
}

/// `EVENT SUBJECT` of everything that a webhook was told.
fn told(came: &[Value]) -> Vec<String> {
    let notices = came.iter().flat_map(|one| one["body"]["data"]["notices"].as_array().unwrap().clone());
    notices.map(|one| format!("{} {}", one["event"].as_str().unwrap(), one["id"].as_str().unwrap())).collect()
}

/// Asserts that nothing below `folder` holds one of `canaries`, but for the files named.
fn assert_free_of(folder: &Path, but: &[&str], canaries: &[&str]) {
    for file in files(folder).iter().filter(|file| !but.iter().any(|name| file.ends_with(name))) {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        for canary in canaries {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{} holds {canary}", file.display());
        }
    }
}

fn raise(audit: &Audit, number: usize) {
    let title = format!("A thing Ada saw {number}");
    let raise =
        ["findings", "raise", "--title", &title, "--criteria", "none is", "--condition", "one is", "--by", "Ada"];
    assert_eq!(audit.run(&raise).code, 0);
}

#[test]
fn what_a_signed_webhook_missed_while_it_was_down_arrives_once() {
    let mut receiver = Receiver::hook(Some(SECRET));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &receiver, "about = [\"findings\"]");
    receiver.stop();
    company.look([true, true, false], 1);
    let failed = send(audit, 2);
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(failed[0]["sent"], false);
    let waiting = open(audit);
    assert!(
        waiting[0]["state"] == "waiting" && waiting[0]["problem"].as_str().unwrap().contains("reached"),
        "{waiting:#?}"
    );
    let doctor = audit.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("hook: it cannot be reached") && doctor.stdout.contains("not taken yet"),
        "{doctor:#?}"
    );
    // what comes meanwhile gathers for one message more
    for number in 1..4 {
        raise(audit, number);
        send(audit, 2);
    }
    receiver.restart();
    assert_eq!(send(audit, 0).len(), 1);
    assert_eq!(send(audit, 0).len(), 1);
    assert_eq!(send(audit, 0).len(), 0);

    let came = receiver.came();
    assert_eq!(
        told(&came),
        [format!("raised {FINDING}"), "raised manual-1".into(), "raised manual-2".into(), "raised manual-3".into()]
    );
    for one in &came {
        assert_eq!(one["signed"], true, "{one:#}");
        let headers = &one["headers"];
        assert_eq!(headers["webhook-id"], headers["idempotency-key"]);
        assert_eq!(one["body"]["type"], "evidenced.notices");
    }
    assert_eq!(came[0]["headers"]["webhook-id"], failed[0]["id"], "the key it was tried under");
    assert_eq!(came[0]["body"]["data"]["notices"][0]["failing"], 1);
    assert!(open(audit).is_empty());
    let all = audit.json(0, &["notify", "list", "--all"])["messages"].clone();
    assert!(all.as_array().unwrap().iter().all(|one| one["state"] == "sent"), "{all:#}");
    // nobody is named who was not to be, and no secret is anywhere but where it was put
    let came = json!(came).to_string().to_lowercase();
    assert!(!came.contains("ada") && !came.contains("crm:"), "{came}");
    assert_free_of(audit.path(".").as_path(), &["hook.secret"], &[SECRET, "CANARY-of-the-webhook"]);
    audit.assert_sound();
}

#[test]
fn people_are_named_where_personal_data_may_be_told() {
    let receiver = Receiver::hook(Some(SECRET));
    let company = Company::found();
    hook(&company.0, &receiver, "personal_data = true\nabout = [\"findings\"]");
    company.look([true, true, false], 1);
    send(&company.0, 0);
    let notice = receiver.came()[0]["body"]["data"]["notices"][0].clone();
    assert!(notice["members"][0].as_str().unwrap().starts_with("crm:ada: "), "{notice:#}");
}

#[test]
fn a_webhook_with_another_secret_is_refused_and_given_up_in_the_end() {
    let receiver = Receiver::hook(Some("whsec_QW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcw=="));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &receiver, "give_up_after = \"1s\"\nabout = [\"findings\"]");
    let test = audit.run(&["notify", "test", "hook"]);
    assert!(test.code == 2 && test.stderr.contains("it answered 401"), "{test:#?}");
    company.look([true, true, false], 1);
    let until = std::time::Instant::now() + crate::peers::PATIENCE;
    while send(audit, 2)[0]["again_at"] != Value::Null {
        assert!(std::time::Instant::now() < until, "it is tried for ever");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    // it is shown, not dropped, and may be tried again
    assert_eq!(open(audit)[0]["state"], "given_up");
    assert!(audit.run(&["doctor"]).stdout.contains("1 messages were given up"));
    assert_eq!(send(audit, 0).len(), 0);
    assert_eq!(audit.json(2, &["notify", "send", "--given-up"])["messages"].as_array().unwrap().len(), 1);
    audit.write("hook.secret", "whsec_QW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcw==");
    audit.json(0, &["notify", "send", "--given-up"]);
    assert_eq!(told(&receiver.came()[receiver.came().len() - 1..]), [format!("raised {FINDING}")]);
}

#[test]
fn the_daemon_tells_and_a_destination_that_is_down_stops_nothing() {
    let mut receiver = Receiver::hook(Some(SECRET));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &receiver, "gather = \"1s\"\nabout = [\"findings\"]");
    receiver.stop();
    let mut daemon = Daemon::start(audit);
    company.look([true, true, false], 1);
    daemon.says("message not sent");
    daemon.writes(audit);
    company.look([true, true, true], 1);
    receiver.restart();
    daemon.says("message sent");
    let came = receiver.wait_for(2);
    assert_eq!(told(&came), [format!("raised {FINDING}"), format!("grown {FINDING}")]);
    daemon.stop();
    assert!(open(audit).is_empty());
    audit.assert_sound();
}

#[test]
fn a_daemon_killed_between_sending_and_remembering_sends_again_under_the_same_key() {
    let receiver = Receiver::hook(Some(SECRET));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &receiver, "gather = \"1s\"\nabout = [\"findings\"]");
    company.look([true, true, false], 1);
    receiver.hang(true);
    let mut daemon = Daemon::start(audit);
    let first = receiver.wait_for(1);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    receiver.hang(false);
    assert_eq!(open(audit)[0]["attempts"], 1);
    let mut daemon = Daemon::start(audit);
    daemon.says("message sent");
    let came = receiver.wait_for(2);
    daemon.stop();
    assert_eq!(came[0], first[0]);
    assert_eq!(came[0]["headers"]["webhook-id"], came[1]["headers"]["webhook-id"]);
    assert_eq!(came[0]["body"], came[1]["body"]);
    assert!(send(audit, 0).is_empty());
    assert_eq!(receiver.came().len(), 2);
    audit.assert_sound();
}

#[test]
fn operators_are_told_of_evidence_that_is_missing_and_that_it_is_back() {
    let receiver = Receiver::hook(Some(SECRET));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &receiver, "about = [\"evidence\"]");
    company.look([false, true, false], 0);
    send(audit, 0);
    let before = told(&receiver.came());
    assert!(before.iter().all(|one| !one.contains("source") && !one.contains("crm")), "{before:?}");
    let healthy = std::fs::read_to_string(audit.path("crm")).unwrap();
    audit.write("crm", "#!/bin/sh\nexit 1\n");
    for _ in 0..2 {
        audit.json(3, &["collect", "crm"]);
        audit.json(3, &["check", "leaver_still_active"]);
        send(audit, 0);
    }
    let new = told(&receiver.came()).split_off(before.len());
    let of = |word: &str| new.iter().filter(|one| *one == word).count();
    assert_eq!((of("unseen crm"), of("unseen leaver_still_active")), (1, 1), "{new:?}");
    audit.write("crm", &healthy);
    audit.json(0, &["collect", "crm"]);
    audit.json(0, &["check", "leaver_still_active"]);
    send(audit, 0);
    let new = told(&receiver.came()).split_off(before.len() + new.len());
    assert!(
        new.contains(&"seen_again crm".to_owned()) && new.contains(&"seen_again leaver_still_active".to_owned()),
        "{new:?}"
    );
}

#[test]
fn a_digest_waits_for_its_time_and_goes_at_it() {
    let (late, soon) = (Receiver::hook(Some(SECRET)), Receiver::hook(Some(SECRET)));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &late, "schedule = \"0 0 29 2 *\"\nabout = [\"findings\"]");
    audit.add(&format!(
        "[notify.soon]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\nsecret = {{ file = \"hook.secret\" }}\n\
         schedule = \"* * * * *\"\nabout = [\"findings\"]\n",
        soon.port
    ));
    let daemon = Daemon::start(audit);
    company.look([true, true, false], 1);
    raise(audit, 1);
    let came = soon.wait_for(1);
    let listed = audit.json(0, &["notify", "list"]);
    daemon.stop();
    assert!(told(&came).contains(&format!("raised {FINDING}")), "{came:#?}");
    assert!(late.came().is_empty());
    let gathering = listed["gathering"].as_array().unwrap();
    assert!(gathering.iter().any(|one| one["destination"] == "hook"), "{listed:#}");
    // a person need not wait for it
    send(audit, 0);
    let came = late.came();
    assert_eq!((came.len(), told(&came).len()), (1, 2), "{came:#?}");
}

/// A mail server with a certificate of its own and one user.
fn mail_server(audit: &Audit) -> Receiver {
    let issuer = Issuer::new();
    issuer.issue(Certificate { name: "mail", key: "P-256", issuer: "root", section: "here", valid: LONG });
    let receiver = Receiver::smtp(Some((&issuer.path("mail"), "evidenced", "CANARY-of-the-mail")));
    std::fs::copy(issuer.path("root.pem"), audit.path("root.pem")).unwrap();
    closed(audit, "mail.password", "CANARY-of-the-mail");
    audit.add(&format!(
        "[notify.mail]\nkind = \"smtp\"\nhost = \"localhost\"\nport = {}\nauthority = \"root.pem\"\nusername = \"evidenced\"\n\
         password = {{ file = \"mail.password\" }}\nfrom = \"evidenced <evidenced@acme.example>\"\n\
         to = [\"security@acme.example\", \"Ops <ops@acme.example>\"]\nabout = [\"findings\"]\n",
        receiver.port
    ));
    receiver
}

#[test]
fn a_hundred_findings_are_one_mail_and_a_finding_with_an_owner_is_a_mail_to_them() {
    let company = Company::found();
    let audit = &company.0;
    of_acme(audit);
    let receiver = mail_server(audit);
    let doctor = audit.run(&["doctor"]);
    assert!(doctor.stdout.contains("the mail server localhost answers and lets this program sign in"), "{doctor:#?}");
    let count = if long() { 100 } else { 20 };
    for number in 1..=count {
        raise(audit, number);
    }
    company.look([true, true, false], 1);
    // it says no for now, and the letter is the same when it says yes
    receiver.refuse(true);
    let refused = send(audit, 2);
    assert!(refused[0]["problem"].as_str().unwrap().contains("451"), "{refused:#?}");
    receiver.refuse(false);
    send(audit, 0);
    let came = receiver.came();
    assert_eq!(came.len(), 1, "{came:#?}");
    let letter = &came[0];
    assert_eq!((&letter["tls"], &letter["login"]), (&json!(true), &json!("evidenced")));
    assert_eq!(letter["to"], json!(["security@acme.example", "ops@acme.example"]));
    let id = refused[0]["id"].as_str().unwrap();
    assert_eq!(letter["headers"]["message-id"], format!("<{id}@acme.example>"));
    let text = letter["text"].as_str().unwrap();
    assert_eq!(text.matches("\n* ").count(), count + 1, "{text}");
    assert_eq!(letter["html"].as_str().unwrap().matches("<li>").count(), count + 1);
    assert!(!text.to_lowercase().contains("ada") && text.contains("1 member fails"), "{text}");

    // from here on it is Lin's
    let own = ["findings", "owner", FINDING, "lin@acme.example", "--reason", "hers", "--by", "Grace"];
    assert_eq!(audit.run(&own).code, 0);
    let stranger = ["findings", "owner", "manual-1", "x@elsewhere.example", "--reason", "his", "--by", "Grace"];
    assert_eq!(audit.run(&stranger).code, 0);
    send(audit, 0);
    let mut to: Vec<(String, String)> = receiver.came()[1..]
        .iter()
        .map(|letter| {
            (letter["to"][0].as_str().unwrap().to_owned(), letter["headers"]["subject"].as_str().unwrap().to_owned())
        })
        .collect();
    to.sort();
    assert_eq!(to.len(), 2, "{to:#?}");
    assert!(to[0].0 == "lin@acme.example" && to[0].1.contains(FINDING), "{to:#?}");
    assert!(to[1].0 == "security@acme.example" && to[1].1.contains("manual-1"), "no stranger is written to: {to:#?}");
    assert_free_of(audit.path(".").as_path(), &["mail.password"], &["CANARY-of-the-mail"]);
    audit.assert_sound();
}

#[test]
fn mail_is_not_sent_to_a_server_that_nothing_proves() {
    let company = Company::found();
    let audit = &company.0;
    let receiver = mail_server(audit);
    let issuer = Issuer::new();
    std::fs::copy(issuer.path("root.pem"), audit.path("root.pem")).unwrap();
    let test = audit.run(&["notify", "test", "mail"]);
    assert!(test.code == 2 && test.stderr.contains("mail"), "{test:#?}");
    assert!(receiver.came().is_empty());
    // and one that is meant to be asked in the clear is told so before a password is
    audit.write(
        "evidenced.toml",
        &std::fs::read_to_string(audit.path("evidenced.toml"))
            .unwrap()
            .replace("[notify.mail]", "[notify.mail]\ntls = \"off\""),
    );
    let clear = audit.run(&["notify", "test", "mail"]);
    assert!(clear.code == 2 && clear.stderr.contains("in the clear"), "{clear:#?}");
}

#[test]
fn what_is_due_overdue_or_ends_is_told_in_time_and_once() {
    let receiver = Receiver::hook(Some(SECRET));
    let company = Company::found();
    let audit = &company.0;
    hook(audit, &receiver, "about = [\"findings\"]");
    company.look([true, true, false], 1);
    for number in 1..4 {
        raise(audit, number);
    }
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let due = |id: &str, days: i64| {
        let date = today.checked_add(jiff::Span::new().days(days)).unwrap().to_string();
        let step = ["findings", "due", id, &date, "--reason", "agreed", "--by", "Grace"];
        assert_eq!(audit.run(&step).code, 0);
    };
    // a day may begin while this runs
    due("manual-1", -3);
    due("manual-2", 5);
    due("manual-3", 30);
    let until = today.checked_add(jiff::Span::new().days(4)).unwrap().to_string();
    let ask = [
        "exceptions",
        "request",
        "leaver_still_active",
        "crm:ada",
        "--until",
        &until,
        "--reason",
        "r",
        "--instead",
        "i",
    ];
    assert_eq!(audit.run(&[&ask[..], &["--by", "Ada"]].concat()).code, 0);
    assert_eq!(audit.run(&["exceptions", "approve", "exception-1", "--by", "Grace"]).code, 0);
    send(audit, 0);
    send(audit, 0);
    let all = told(&receiver.came());
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    for one in ["overdue manual-1", "due_in_a_week manual-2", "ends_in_a_week exception-1"] {
        assert!(all.contains(&one.to_owned()), "{one}: {all:?}");
    }
    assert!(!all.iter().any(|one| one.ends_with("manual-3") && !one.starts_with("raised")), "{all:?}");
}

#[test]
fn a_chat_is_told_and_its_address_is_nowhere() {
    let receiver = Receiver::hook(None);
    let company = Company::found();
    let audit = &company.0;
    closed(audit, "slack.url", &format!("http://127.0.0.1:{}/services/CANARY-of-the-chat\n", receiver.port));
    audit.add("[notify.chat]\nkind = \"slack\"\nwebhook_url = { file = \"slack.url\" }\nabout = [\"findings\"]\n");
    company.look([true, true, false], 1);
    let test = audit.run(&["notify", "test", "chat"]);
    assert_eq!(test.code, 0, "{test:#?}");
    receiver.refuse(true);
    let refused = audit.run(&["notify", "send"]);
    receiver.refuse(false);
    let sent = audit.run(&["notify", "send"]);
    assert_eq!(sent.code, 0, "{sent:#?}");
    let came = receiver.came();
    assert_eq!(came.len(), 2, "{came:#?}");
    assert!(came[0]["body"]["text"].as_str().unwrap().contains("This is a test"));
    assert!(came[1]["body"]["text"].as_str().unwrap().contains(FINDING));
    assert_eq!(came[1]["path"], "/services/CANARY-of-the-chat");
    for outcome in [&test, &refused, &sent, &audit.run(&["notify", "list", "--all"]), &audit.run(&["doctor"])] {
        let Outcome { stdout, stderr, .. } = outcome;
        assert!(!stdout.contains("CANARY") && !stderr.contains("CANARY"), "{outcome:#?}");
    }
    assert_free_of(audit.path(".").as_path(), &["slack.url"], &["CANARY-of-the-chat"]);
}
