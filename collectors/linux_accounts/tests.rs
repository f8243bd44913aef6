//! A live run over a folder that stands for a host: what is recorded holds no secret, and says the same again.

use crate::linux_accounts::LinuxAccounts;
use crate::settings::with_defaults;
use egress::{Collector as _, Context, Egress, NoProgress};
use model::{Completeness, Exchange, Observation};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const HASH: &str = "saltsalt$notarealhashbutitmustnotbekept";
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const PRIVATE: &str = "words that only the owner of this file may read";

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn host() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "etc/hostname", "host-1\n");
    write(
        root,
        "etc/passwd",
        &format!(
            "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:Ada:/home/ada:/bin/bash\n\
             grace:$6${HASH}:1001:1001::/home/grace:/bin/bash\nken:*:1002:1002::/home/../etc:/bin/bash\n"
        ),
    );
    write(root, "etc/shadow", &format!("root:!:20000::::::\nada:$y${HASH}:20000::::::\n"));
    write(root, "etc/group", "root:x:0:\nada:x:1000:\n");
    write(root, "home/ada/.ssh/authorized_keys", &format!("# mine\nssh-ed25519 {KEY} ada@laptop\n"));
    write(root, "home/grace/private", &format!("{PRIVATE}\n"));
    std::fs::create_dir_all(root.join("home/grace/.ssh")).unwrap();
    std::os::unix::fs::symlink(root.join("home/grace/private"), root.join("home/grace/.ssh/authorized_keys")).unwrap();
    folder
}

fn context(root: &Path, egress: Egress) -> Context {
    Context {
        source: "host".to_owned(),
        settings: with_defaults(LinuxAccounts.spec(), &json!({ "root": root })),
        secrets: BTreeMap::new(),
        egress,
        started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

async fn live(root: &Path) -> (Observation, Vec<Exchange>) {
    let settings = with_defaults(LinuxAccounts.spec(), &json!({ "root": root }));
    let egress = Egress::live(LinuxAccounts.policy(&settings).unwrap(), Arc::new(NoProgress)).unwrap();
    let observation = LinuxAccounts.collect(&context(root, egress.clone())).await.unwrap();
    (observation, egress.recorded().iter().map(|recorded| recorded.exchange().unwrap()).collect())
}

#[tokio::test]
async fn nothing_secret_is_recorded_and_the_recording_gives_the_same_tables() {
    let host = host();
    let (observation, exchanges) = live(host.path()).await;
    for exchange in &exchanges {
        let body = String::from_utf8_lossy(&exchange.body);
        for secret in [HASH, "saltsalt", KEY, PRIVATE] {
            assert!(!body.contains(secret), "{} holds {secret}", exchange.record.url);
        }
    }
    assert!(matches!(observation.completeness, Completeness::Complete { .. }), "{:?}", observation.completeness);
    let replaced: Vec<&str> = observation.redactions.iter().map(|redaction| redaction.field.as_str()).collect();
    assert_eq!(replaced.iter().filter(|field| field.contains("password hash")).count(), 2, "{replaced:?}");
    assert!(replaced.contains(&"line 1 (not a key)"), "{replaced:?}");

    let accounts: BTreeMap<String, model::Row> =
        observation.tables[0].rows().map(|row| (row["name"].as_str().unwrap().to_owned(), row)).collect();
    assert_eq!(accounts["ada"]["authorized_keys"], json!(1));
    assert_eq!(accounts["ada"]["password_algorithm"], json!("y"));
    assert_eq!(accounts["grace"]["authorized_keys"], json!(0));
    assert_eq!(accounts["grace"]["password_state"], json!("set"));
    let caller = observation.caller.as_ref().unwrap();
    assert_eq!(caller.tenant, "host-1");
    assert!(caller.identity.strip_prefix("uid ").is_some_and(|uid| uid.parse::<u32>().is_ok()), "{caller:?}");

    let again = LinuxAccounts.collect(&context(host.path(), Egress::replay(exchanges))).await.unwrap();
    assert_eq!(again.tables, observation.tables);
    assert_eq!(again.completeness, observation.completeness);
    assert_eq!(again.redactions, observation.redactions);
}

#[tokio::test]
async fn a_host_without_passwd_is_no_empty_host() {
    let host = tempfile::tempdir().unwrap();
    write(host.path(), "etc/hostname", "host-1\n");
    let settings = with_defaults(LinuxAccounts.spec(), &json!({ "root": host.path() }));
    let egress = Egress::live(LinuxAccounts.policy(&settings).unwrap(), Arc::new(NoProgress)).unwrap();
    let error = LinuxAccounts.collect(&context(host.path(), egress)).await.unwrap_err();
    assert_eq!(error.kind(), "misconfigured");
}

#[test]
fn another_host_gives_the_tables_this_host_would() {
    let cases = crate::fixture::house().join("linux_accounts/fixtures");
    for (here, there) in [("whole", "ssh_whole"), ("not_root", "ssh_not_root")] {
        for table in &LinuxAccounts.spec().tables {
            let derived = |case: &str| {
                std::fs::read_to_string(cases.join(case).join("expected").join(format!("{}.jsonl", table.name)))
                    .unwrap()
            };
            assert_eq!(derived(here), derived(there), "{}", table.name);
        }
    }
}

#[test]
fn settings_that_cannot_reach_another_host_are_refused_in_words() {
    let whole = json!({
        "host": "db1.example.com", "user": "evidenced",
        "identity_file": "/etc/evidenced/id", "known_hosts": "/etc/evidenced/known_hosts",
    });
    let policy = |change: &str, value: serde_json::Value| {
        let mut settings = whole.clone();
        settings[change] = value;
        LinuxAccounts.policy(&with_defaults(LinuxAccounts.spec(), &settings))
    };
    let programs = policy("port", json!(2222)).unwrap();
    assert_eq!(programs.programs, [Path::new("/usr/bin/ssh")]);
    assert!(programs.files.is_empty() && programs.origins.is_empty());
    for (change, value) in [
        ("host", json!("-oProxyCommand=sh")),
        ("host", json!("db1.example.com sh")),
        ("host", serde_json::Value::Null),
        ("user", json!("-l")),
        ("user", serde_json::Value::Null),
        ("root", json!("/image")),
        ("known_hosts", json!("/etc/known hosts")),
        ("identity_file", json!("/etc/%h")),
    ] {
        let error = policy(change, value.clone()).expect_err(&format!("{change} = {value}"));
        assert_eq!(error.kind(), "misconfigured", "{error}");
    }
}
