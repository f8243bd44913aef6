//! Sources behind an organisation's proxy.

use crate::peers::moto::{ACCOUNT, Moto};
use crate::peers::tinyproxy::TinyProxy;
use crate::peers::tsa::{Certificate, Issuer, LONG};
use crate::support::Audit;
use crate::tls;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

const CREDENTIAL: (&str, &str) = ("auditor", "CANARY-of-the-proxy");

fn network(proxy: SocketAddr, more: &str) -> String {
    format!("[network]\nproxy = \"http://{proxy}\"\n{more}\n")
}

fn aws(moto: &Moto) -> String {
    format!(
        "[sources.aws]\ncollector = \"aws_iam\"\naccount_id = \"{ACCOUNT}\"\nendpoint_url = \"http://{}\"\n\
         other_credentials = false\n",
        moto.address()
    )
}

/// The proxy's credential, readable for its owner alone.
fn credential(audit: &Audit, text: &str) {
    audit.write("proxy.credential", text);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(audit.path("proxy.credential"), mode).unwrap();
}

/// What `doctor` and `collect` say of a run that did not get through.
fn stopped(audit: &Audit) -> String {
    let collected = audit.json(3, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "failed", "{snapshot}");
    assert_ne!(audit.run(&["doctor"]).code, 0);
    format!("{} {}", snapshot["errors"][0]["message"], snapshot["errors"][0]["help"])
}

#[test]
fn a_source_is_asked_through_the_proxy_and_only_with_its_credential() {
    let moto = Moto::start();
    moto.populate(3);
    let proxy = TinyProxy::start(Some(CREDENTIAL));
    let file = "proxy_credential = { file = \"./proxy.credential\" }";

    let audit = Audit::with(&(network(proxy.address(), file) + &aws(&moto)));
    credential(&audit, &format!("{}:{}\n", CREDENTIAL.0, CREDENTIAL.1));
    assert_eq!(audit.json(0, &["collect"])["snapshots"][0]["status"], "complete");
    assert!(proxy.asked().contains(&moto.address().to_string()), "{}", proxy.asked());
    audit.assert_sound();
    for path in audit.everything().iter().filter(|path| path.is_file() && !path.ends_with("proxy.credential")) {
        let content = std::fs::read(path).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("CANARY"), "{}", path.display());
    }

    credential(&audit, "auditor:something-else\n");
    // this proxy answers 401 to another credential, as a source would
    stopped(&audit);
    let audit = Audit::with(&(network(proxy.address(), "") + &aws(&moto)));
    let message = stopped(&audit);
    assert!(message.contains("proxy_credential"), "{message}");

    let before = proxy.asked();
    let audit = Audit::with(&(network(proxy.address(), "no_proxy = [\"127.0.0.0/8\"]") + &aws(&moto)));
    assert_eq!(audit.json(0, &["collect"])["snapshots"][0]["status"], "complete");
    assert_eq!(proxy.asked(), before, "who is asked directly is not asked through it");
}

#[test]
fn a_proxy_of_the_environment_is_not_used_and_one_that_is_away_is_told() {
    let moto = Moto::start();
    moto.populate(1);
    let audit = Audit::with(&aws(&moto));
    let mut command = audit.command(&["collect"]);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    assert_eq!(command.output().unwrap().status.code(), Some(0));

    let audit = Audit::with(&(network("127.0.0.1:9".parse().unwrap(), "") + &aws(&moto)));
    let message = stopped(&audit);
    assert!(message.contains("unreachable"), "{message}");
}

#[test]
fn tls_goes_through_the_proxy_to_the_source_itself() {
    let issuer = Issuer::new();
    for (name, section) in [("good", "here"), ("other", "elsewhere")] {
        issuer.issue(Certificate { name, key: "P-256", issuer: "root", section, valid: LONG });
    }
    let proxy = TinyProxy::start(Some(CREDENTIAL));
    let through = |server: &tls::Server, more: &str| {
        tls::stopped(&(network(proxy.address(), more) + &server.source()), &issuer.path("root.pem"), |audit| {
            credential(audit, "auditor:CANARY-of-the-proxy");
        })
    };
    let with_it = "proxy_credential = { file = \"./proxy.credential\" }";
    let server = tls::Server::start(&issuer, "good");
    assert!(through(&server, with_it).contains("401"), "the source's own answer");
    assert!(proxy.asked().contains("CONNECT localhost:"), "{}", proxy.asked());
    let refused = through(&server, "");
    assert!(refused.contains("proxy authorization required"), "{refused}");
    let message = through(&tls::Server::start(&issuer, "other"), with_it);
    assert!(message.contains("nothing proves whose server"), "{message}");
}

/// What a daemon cannot read any more stops the run of a source, and not the daemon.
#[test]
fn a_daemon_outlives_the_credential_of_its_proxy() {
    let moto = Moto::start();
    moto.populate(1);
    let proxy = TinyProxy::start(Some(CREDENTIAL));
    let file = "proxy_credential = { file = \"./proxy.credential\" }";
    let audit = Audit::with(&(network(proxy.address(), file) + &aws(&moto) + "schedule = \"* * * * *\"\n"));
    credential(&audit, "auditor:CANARY-of-the-proxy");
    audit.json(0, &["collect"]);
    let mut daemon = audit.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !audit.path("evidence/daemon.sock").exists() {
        assert!(started.elapsed() < Duration::from_mins(1), "the daemon does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::remove_file(audit.path("proxy.credential")).unwrap();
    let failed = || {
        let listed = audit.json(0, &["snapshots", "list"]);
        let snapshots = listed["snapshots"].as_array().unwrap().clone();
        snapshots.into_iter().find(|snapshot| snapshot["status"] == "failed")
    };
    while failed().is_none() {
        assert!(started.elapsed() < Duration::from_mins(3), "no slot is recorded");
        assert!(daemon.try_wait().unwrap().is_none(), "the daemon ended");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(daemon.try_wait().unwrap().is_none(), "the daemon ended");
    let shown = audit.json(0, &["snapshots", "show", failed().unwrap()["id"].as_str().unwrap()]).to_string();
    assert!(shown.contains("the proxy's credential cannot be read"), "{shown}");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
