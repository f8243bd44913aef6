//! Another Linux host over a real SSH server: its files give the tables they would give here, nothing secret travels or is
//! kept, and a host that is not the one, not reached or not whole never passes.

use crate::peers::sshd::{Sshd, key_pair, said};
use crate::support::Audit;
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const HASH: &str = "saltsalt$notarealhashbutitmustnottravel";
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const PRIVATE: &str = "words that only the owner of this file may read";
const TABLES: &[&str] = &["linux_account", "linux_group", "linux_sudo_rule", "linux_authorized_key"];

/// A source over this server.
fn source(name: &str, sshd: &Sshd, more: &str) -> String {
    let more = if more.contains("hostname") { more.to_owned() } else { format!("{more}hostname = \"{}\"\n", uname()) };
    format!(
        "[sources.{name}]\ncollector = \"linux_accounts\"\nschedule = \"manual\"\nhost = \"127.0.0.1\"\nport = {}\n\
         user = \"{}\"\nidentity_file = \"{}\"\nknown_hosts = \"{}\"\n{more}",
        sshd.port,
        said("id", &["-un"]),
        sshd.path("login").display(),
        sshd.path("known_hosts").display(),
    )
}

fn uname() -> String {
    said("uname", &["-n"])
}

fn collect(audit: &Audit, code: i32, source: &str) -> Value {
    audit.json(code, &["collect", source])["snapshots"][0].clone()
}

/// Every row of a table that comes of one source, by every column.
fn rows(audit: &Audit, table: &str, source: &str) -> Value {
    let sql = format!("SELECT * FROM {table} WHERE _source = '{source}'");
    let answer = audit.json(0, &["query", &sql]);
    assert_eq!(answer["truncated"], false);
    let columns: Vec<&str> = answer["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let own = |row: &Value| {
        let cells = columns.iter().zip(row.as_array().unwrap()).filter(|(name, _)| !name.starts_with('_'));
        Value::Array(cells.map(|(_, cell)| cell.clone()).collect())
    };
    let mut rows: Vec<Value> = answer["rows"].as_array().unwrap().iter().map(own).collect();
    rows.sort_by_key(Value::to_string);
    Value::Array(rows)
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// The files of a host with every oddity that a shell or a parser could trip over.
fn odd_host(root: &Path) {
    write(root, "etc/hostname", "odd-1\n");
    write(
        root,
        "etc/passwd",
        format!(
            "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:Ada:/home/ada/:/bin/bash\n\
             grace:$6${HASH}:1001:1001:G\u{f6}the:/home/a b:/bin/bash\nken:*:1002:1002::/home/../etc:/bin/bash\n\
             eve:x:1003:1003::/home/$(touch owned);'\"`id`\\:/bin/sh\nnil:x:1004:1004:::/bin/sh\n\
             rel:x:1005:1005::home/ada:/bin/sh\nold:ab{HASH}:1006:1006::/home/old:/bin/sh\nlast:x:1007:0::/home/-n *:/bin/sh",
        ),
    );
    write(
        root,
        "etc/shadow",
        format!(
            "root:!*:20000::::::\nada:$y${HASH}:20000::::::\neve:!!$6${HASH}:20000::::::\nnil::20000::::::\n\
             rel:!:20000::::::\nlast:ab{HASH}:20000:0:99999:7::20001:"
        ),
    );
    write(root, "etc/group", "root:x:0:\nsudo:x:27:ada,\nada:x:1000:\n+end\n\nend\n");
    write(root, "etc/sudoers", "root ALL=(ALL) ALL\n+ALL\n@includedir /etc/sudoers.d\n");
    write(root, "etc/sudoers.d/grace", "grace ALL=(ALL) \\\n  ALL\ndone");
    for skipped in ["README.txt", "old~", "with space"] {
        write(root, &format!("etc/sudoers.d/{skipped}"), "ken ALL=(ALL) ALL\n");
    }
    write(root, "etc/sudoers.d/empty", "");
    write(root, "etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n+end\n");
    write(root, "etc/ssh/sshd_config.d/10 local.conf", "UsePAM yes\nend");
    for skipped in [".hidden.conf", "20-old.conf.bak", "README"] {
        write(root, &format!("etc/ssh/sshd_config.d/{skipped}"), "AuthorizedKeysFile /etc/keys/%u\n");
    }
    let key = |comment: &str| format!("ssh-ed25519 {KEY} {comment}");
    write(
        root,
        "home/ada/.ssh/authorized_keys",
        format!("# mine\n{}\n\n\t\nfrom=\"10.0.0.1\" {}", key("ada@laptop"), key("")),
    );
    write(root, "home/ada/.ssh/authorized_keys2", "");
    write(root, "home/a b/.ssh/authorized_keys", format!("{}\nfile read 1 /etc/passwd\n+x\nend\n", key("end")));
    write(root, "home/$(touch owned);'\"`id`\\/.ssh/authorized_keys", key("eve"));
    write(root, "home/-n */.ssh/authorized_keys", key("*"));
    write(root, ".ssh/authorized_keys", key("nobody's home"));
    write(root, "home/old/private", format!("{PRIVATE}\n"));
    std::fs::create_dir_all(root.join("home/old/.ssh")).unwrap();
    symlink("../private", root.join("home/old/.ssh/authorized_keys")).unwrap();
    symlink("nowhere", root.join("home/old/.ssh/authorized_keys2")).unwrap();
    let mut logins = vec![0_u8; 292 * 1002];
    logins[292 * 1001..292 * 1001 + 4].copy_from_slice(&1_767_225_600_u32.to_le_bytes());
    write(root, "var/log/lastlog", logins);
}

/// A command that sees `root`'s folders in the place of the host's, and calls the host `odd-1`; none where the system has
/// no such namespaces for whoever runs the test.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn inside(root: &Path) -> Option<String> {
    let root = root.to_str().unwrap();
    let mounts: String = ["etc", "home", "var/log"].map(|at| format!("mount --bind {root}/{at} /{at} && ")).concat();
    // what lies at the top is put there one by one: the programs come from the real host
    let namespace = "unshare --map-root-user --mount --uts -- sh -c";
    let inner =
        format!("{mounts} mkdir -p /.ssh && mount --bind {root}/.ssh /.ssh && echo odd-1 >/proc/sys/kernel/hostname");
    let tried = Command::new("sh").args(["-c", &format!("{namespace} '{inner}'")]).output().unwrap();
    if !tried.status.success() {
        eprintln!("not run: no namespaces here: {}", String::from_utf8_lossy(&tried.stderr));
        return None;
    }
    Some(format!("exec {namespace} '{inner} && eval \"$SSH_ORIGINAL_COMMAND\"'"))
}

#[test]
fn the_files_of_another_host_give_the_tables_they_would_give_here() {
    let root = tempfile::tempdir().unwrap();
    odd_host(root.path());
    let Some(inside) = inside(root.path()) else { return };
    for (shell, tools) in [
        ("/usr/bin/dash", &["sh"][..]),
        ("/usr/bin/bash", &["sh"]),
        ("/usr/bin/busybox", &["sh", "cat", "sed", "wc", "od", "ls", "cut", "sort", "uname", "id"]),
    ] {
        let sshd = Sshd::start("ForceCommand FOLDER/inside");
        std::fs::create_dir(sshd.path("bin")).unwrap();
        for tool in tools {
            symlink(shell, sshd.path("bin").join(tool)).unwrap();
        }
        sshd.script("inside", &inside);
        let audit = Audit::with(&source("there", &sshd, "hostname = \"odd-1\"\nssh = \"overhear\"\n"));
        audit.add(&format!(
            "[sources.here]\ncollector = \"linux_accounts\"\nschedule = \"manual\"\nroot = \"{}\"\n",
            root.path().display()
        ));
        // what travels, before anything is taken out of it here
        let overheard = audit.path("overheard");
        let overhear = sshd.script("overhear", &format!("/usr/bin/ssh \"$@\" | tee {}", overheard.display()));
        std::fs::copy(overhear, audit.path("overhear")).unwrap();

        let here = collect(&audit, 3, "here");
        let there = collect(&audit, 3, "there");
        assert_eq!(there["status"], here["status"], "{shell}: {there:#}");
        assert_eq!(there["reasons"], here["reasons"], "{shell}");
        assert_eq!(there["completeness"], here["completeness"], "{shell}");
        for table in TABLES {
            let expected = rows(&audit, table, "here");
            assert!(expected.as_array().unwrap().len() > 2, "{table}: {expected}");
            assert_eq!(rows(&audit, table, "there"), expected, "{shell}: {table}");
        }
        // an account without password and key is disabled where sshd looks for keys in homes alone
        let status = "SELECT _source, keys_only_at_home FROM linux_account WHERE name = 'rel'";
        let told = audit.json(0, &["query", status]);
        assert_eq!(told["rows"], serde_json::json!([["here", 1], ["there", 1]]), "{shell}");
        let status = audit.json(0, &["query", "SELECT status FROM account WHERE login = 'rel'"]);
        assert_eq!(status["rows"], serde_json::json!([["disabled"], ["disabled"]]), "{shell}");
        let travelled = String::from_utf8_lossy(&std::fs::read(&overheard).unwrap()).into_owned();
        assert!(travelled.contains("/etc/shadow") && travelled.ends_with("done\n"), "{travelled}");
        std::fs::remove_file(&overheard).unwrap();
        for secret in [HASH, "saltsalt", PRIVATE] {
            assert!(!travelled.contains(secret), "{shell}: {secret} leaves the host:\n{travelled}");
        }
        for path in audit.everything().into_iter().filter(|path| path.is_file()) {
            let content = std::fs::read(&path).unwrap();
            let holds = |secret: &str| content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(![HASH, PRIVATE, KEY].into_iter().any(holds), "{} holds a secret", path.display());
        }
        let derived = audit.run(&["fsck", "--derive"]);
        assert_eq!(derived.code, 0, "{derived:#?}");
    }
}

#[test]
fn a_host_as_its_user_sees_it_is_collected_once_for_each_source() {
    let sshd = Sshd::start("");
    let audit = Audit::with(&source("there", &sshd, ""));
    audit.add("[sources.here]\ncollector = \"linux_accounts\"\nschedule = \"manual\"\n");
    let code = audit.run(&["collect"]).code;
    assert!([0, 3].contains(&code), "{code}");
    for table in ["linux_account", "linux_group"] {
        let expected = rows(&audit, table, "here");
        assert!(expected.as_array().unwrap().len() > 10, "{table}: {expected}");
        assert_eq!(rows(&audit, table, "there"), expected, "{table}");
    }
    audit.assert_sound();
}

/// Asserts that collecting fails so, with these words in the message.
fn assert_fails(audit: &Audit, kind: &str, words: &str) {
    let snapshot = collect(audit, 3, "there");
    assert_eq!(snapshot["status"], "failed", "{words}: {snapshot:#}");
    let error = &snapshot["errors"][0];
    assert_eq!(error["kind"], kind, "{words}: {snapshot:#}");
    assert!(error["message"].as_str().unwrap().contains(words), "{words}: {snapshot:#}");
}

#[test]
fn a_host_that_is_not_the_one_or_not_reached_never_passes() {
    let sshd = Sshd::start("");
    let audit = Audit::with(&source("there", &sshd, ""));
    let other = sshd.path("other");
    let key = key_pair(&other);
    sshd.know(&key);
    assert_fails(&audit, "misconfigured", "another host key");
    std::fs::write(sshd.path("known_hosts"), "").unwrap();
    assert_fails(&audit, "misconfigured", "has no key of 127.0.0.1");
    sshd.know_itself();

    let audit = Audit::with(&source("there", &sshd, "hostname = \"db1\"\n"));
    assert_fails(&audit, "misconfigured", "calls itself");
    let stranger = source("there", &sshd, "").replace(sshd.path("login").to_str().unwrap(), other.to_str().unwrap());
    assert_fails(&Audit::with(&stranger), "denied", "not in with this key");
    let missing = source("there", &sshd, "").replace(sshd.path("login").to_str().unwrap(), "/no/such/key");
    assert_fails(&Audit::with(&missing), "misconfigured", "`identity_file` cannot be used");

    let audit = Audit::with(&source("there", &sshd, "sudo = true\n"));
    sshd.script("bin/sudo", "echo 'sudo: a password is required' >&2; exit 1");
    assert_fails(&audit, "denied", "a password is required");

    let gone = source("there", &sshd, "");
    drop(sshd);
    let audit = Audit::with(&gone);
    let snapshot = collect(&audit, 3, "there");
    assert_eq!(snapshot["status"], "failed", "{snapshot:#}");
}

#[test]
fn an_answer_that_is_cut_or_not_the_hosts_own_never_passes() {
    for (forced, kind, words) in [
        ("sh -c \"$SSH_ORIGINAL_COMMAND\" | head -c 900", "malformed", "ends before its last word"),
        ("sh -c \"$SSH_ORIGINAL_COMMAND\" | grep -v ^+root", "malformed", "changed while it was read"),
        ("echo hello; sh -c \"$SSH_ORIGINAL_COMMAND\"", "malformed", "prints something else"),
        (
            "sh -c \"$SSH_ORIGINAL_COMMAND\" | sed '/^file .* .etc.shadow$/,/^end$/d'",
            "malformed",
            "says nothing about `/etc/shadow`",
        ),
        ("true", "malformed", "prints something else"),
        ("sh -c \"$SSH_ORIGINAL_COMMAND\"; exit 9", "transient", "exit code 9"),
        ("sh -c \"$SSH_ORIGINAL_COMMAND\" & sleep 0.2; kill -KILL $PPID", "transient", "exit code 255"),
    ] {
        let sshd = Sshd::start("ForceCommand FOLDER/forced");
        sshd.script("forced", forced);
        assert_fails(&Audit::with(&source("there", &sshd, "")), kind, words);
    }
    let sshd = Sshd::start("ForceCommand FOLDER/forced");
    sshd.script("forced", "sleep 60");
    let snapshot = collect(&Audit::with(&source("there", &sshd, "timeout = \"1s\"\n")), 3, "there");
    assert_eq!(snapshot["status"], "failed", "{snapshot:#}");
}

#[test]
fn a_key_that_is_forced_to_the_script_and_to_nothing_else_is_enough() {
    let sshd = Sshd::start("");
    let script = include_str!("../../collectors/linux_accounts/remote.sh");
    let installed = sshd.script("accounts", "");
    std::fs::write(&installed, script).unwrap();
    let key = std::fs::read_to_string(sshd.path("login").with_extension("pub")).unwrap();
    let line = format!("restrict,command=\"{}\" {key}", installed.display());
    std::fs::write(sshd.path("authorized_keys"), line).unwrap();
    // what is asked for is not what runs
    let audit = Audit::with(&source("there", &sshd, "sudo = true\n"));
    sshd.script("bin/sudo", "echo 'this must not run' >&2; exit 1");
    audit.add("[sources.here]\ncollector = \"linux_accounts\"\nschedule = \"manual\"\n");
    let code = audit.run(&["collect"]).code;
    assert!([0, 3].contains(&code), "{code}");
    let expected = rows(&audit, "linux_account", "here");
    assert!(expected.as_array().unwrap().len() > 10, "{expected}");
    assert_eq!(rows(&audit, "linux_account", "there"), expected);
}
