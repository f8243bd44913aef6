//! People, what belongs to them and why: suggestions, approved links, and the time line of one person.

use crate::support::Audit;
use serde_json::Value;
use std::fs;

const SOURCES: &str = r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
columns = { employee_id = "ID", name = "Name", work_email = "Email", start_date = "Start", end_date = "End" }

[sources.host]
collector = "linux_accounts"
root = "host"
hostname = "build-1"
"#;

fn roster(audit: &Audit, bob_ends: &str) {
    audit.write(
        "hr.csv",
        &format!("ID,Name,Email,Start,End\nE1,Ada Example,ada@example.org,2020-01-01,\nE2,Bob Example,bob@example.org,2020-01-01,{bob_ends}\n"),
    );
}

fn host(audit: &Audit, accounts: &[&str]) {
    let etc = audit.path("host/etc");
    fs::create_dir_all(&etc).unwrap();
    let line =
        |(number, account): (usize, &&str)| format!("{account}:x:{0}:{0}::/home/{account}:/bin/bash\n", 1000 + number);
    let lines: String = accounts.iter().enumerate().map(line).collect();
    fs::write(etc.join("passwd"), format!("root:x:0:0:root:/root:/bin/bash\n{lines}")).unwrap();
    let hashes: String =
        accounts.iter().map(|account| format!("{account}:$6$salt$notarealhash:19000:0:99999:7:::\n")).collect();
    fs::write(etc.join("shadow"), format!("root:*:19000:0:99999:7:::\n{hashes}")).unwrap();
    fs::write(etc.join("group"), "root:x:0:\nsudo:x:27:ada\n").unwrap();
    fs::write(etc.join("sudoers"), "root ALL=(ALL:ALL) ALL\n").unwrap();
    fs::write(etc.join("hostname"), "build-1\n").unwrap();
}

fn links(audit: &Audit) -> Vec<(String, String, String)> {
    let listed = audit.json(0, &["people", "links"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let links = listed["links"].as_array().unwrap().iter();
    links.map(|link| (text(&link["account_key"]), text(&link["person_key"]), text(&link["link"]))).collect()
}

#[test]
fn a_link_is_suggested_approved_shown_with_proof_and_revoked() {
    let audit = Audit::with(SOURCES);
    roster(&audit, "");
    host(&audit, &["ada", "bob", "carol", "dan"]);
    audit.json(0, &["collect"]);

    let suggested = audit.json(0, &["people", "suggest"]);
    let first = &suggested["suggestions"][0];
    assert_eq!((&first["account_key"], &first["person_key"]), (&"host:ada".into(), &"hr:E1".into()), "{suggested:#}");
    assert_eq!(first["basis"], "local_part");
    assert!(links(&audit).is_empty(), "what is suggested is not applied");

    let approve = |code, account, person| {
        audit.json(code, &["people", "approve", account, person, "--by", "Grace", "--reason", "she showed it to me"])
    };
    let approved = approve(0, "host:ada", "hr:E1");
    approve(0, "host:bob", "hr:E2");
    let link = approved["link"].as_str().unwrap().to_owned();
    assert_eq!(links(&audit)[0], ("host:ada".to_owned(), "hr:E1".to_owned(), link.clone()));
    for (account, person, says) in [
        ("host:ada", "hr:E2", "is linked to `hr:E1` already"),
        ("host:eve", "hr:E2", "no source lists an account"),
        ("host:root", "hr:E9", "no roster has a person"),
    ] {
        let refused = audit.run(&["people", "approve", account, person, "--by", "Grace", "--reason", "why"]);
        assert_eq!(refused.code, 2, "{refused:#?}");
        assert!(refused.stderr.contains(says), "{refused:#?}");
    }

    // a name is in no entry
    let index = approved["log_index"].to_string();
    let entry = audit.run(&["log", "prove", &index]);
    for word in ["ada", "Grace", "hr:E1"] {
        assert!(!entry.stdout.contains(word), "{entry:#?}");
    }

    roster(&audit, "2024-03-31");
    audit.json(0, &["collect"]);
    host(&audit, &["ada", "carol", "dan"]);
    audit.json(0, &["collect", "host"]);
    let bob = audit.json(0, &["person", "show", "BOB@example.org"]);
    assert_eq!(bob["person"]["person_key"], "hr:E2", "{bob:#}");
    let runs = bob["accounts"].as_array().unwrap();
    let statuses: Vec<&str> = runs.iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["enabled", "not listed"], "{bob:#}");
    assert!(runs.iter().all(|run| run["since_snapshot"].is_string()));
    let removal = &bob["removals"][0];
    let minutes = |name: &str| removal[name].as_i64().unwrap();
    assert!(minutes("at_least_minutes") > 500_000 && minutes("at_most_minutes") >= minutes("at_least_minutes"));
    let ada = audit.run(&["person", "show", "E1"]);
    assert!(ada.stdout.contains("host:ada  enabled, administrator"), "{ada:#?}");
    let before = audit.json(0, &["person", "show", "hr:E2", "--on", "2020-01-01"]);
    assert_eq!(before["accounts"].as_array().unwrap().len(), 0, "nothing was seen yet");
    assert_eq!(audit.run(&["person", "show", "nobody@example.org"]).code, 2);

    let revoked = audit.run(&["people", "revoke", &link, "--by", "Grace", "--reason", "it was another Ada's"]);
    assert_eq!(revoked.code, 0, "{revoked:#?}");
    let left: Vec<String> = links(&audit).into_iter().map(|(account, ..)| account).collect();
    assert_eq!(left, ["host:bob"]);
    assert_eq!(audit.run(&["people", "revoke", &link, "--by", "Grace", "--reason", "again"]).code, 2);
    audit.assert_sound();
}
