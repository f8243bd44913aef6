//! Backup tools: repositories that the real programs made, row by row as the test backed up; and what is wrong with them
//! never ends as a whole listing.

use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A password no other text of the test holds.
const PASSWORD: &str = "correct-horse-canary-battery";

/// Runs a backup tool as its user would, in UTC; its standard output.
fn run(program: &str, arguments: &[&str], environment: &[(&str, &Path)]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).env("TZ", "UTC").env("RESTIC_PASSWORD", PASSWORD).env("BORG_PASSPHRASE", PASSWORD);
    command.envs(environment.iter().copied()).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}: run tests/peers/install"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one snapshot of a collection that must not end as a whole listing.
fn not_complete(audit: &Audit) -> Value {
    let collected = audit.json(3, &["collect"]);
    let snapshot = collected["snapshots"][0].clone();
    assert!(["failed", "incomplete"].contains(&snapshot["status"].as_str().unwrap()), "{snapshot:#}");
    snapshot
}

fn complete(audit: &Audit) -> Value {
    let collected = audit.json(0, &["collect"]);
    let snapshot = collected["snapshots"][0].clone();
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    snapshot
}

/// Writes a secret as the program wants it kept.
fn secret(audit: &Audit, name: &str, value: &str) {
    audit.write(name, value);
    std::fs::set_permissions(audit.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A program of the test that does `script` with the arguments it gets.
fn script(audit: &Audit, name: &str, script: &str) -> String {
    audit.write(name, &format!("#!/bin/sh\n{script}\n"));
    let path = audit.path(name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// No file below the audit's folder but `keeper` holds the password, and no snapshot shows it.
fn assert_unspoken(audit: &Audit, keeper: &str) {
    for path in audit.everything().into_iter().filter(|path| path.is_file() && !path.ends_with(keeper)) {
        let content = std::fs::read(&path).unwrap();
        let spoken = content.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!spoken, "{} holds the password", path.display());
    }
    let listed = audit.json(0, &["snapshots", "list"]);
    for snapshot in listed["snapshots"].as_array().unwrap() {
        let shown = audit.run(&["snapshots", "show", snapshot["id"].as_str().unwrap(), "--format", "json"]);
        assert_eq!(shown.code, 0, "{shown:#?}");
        assert!(!shown.stdout.contains(PASSWORD), "a manifest holds the password");
    }
}

/// A folder with files to back up, beside the audits.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("db/rows", "many rows"), ("db/log", "a log"), ("site/index.html", "<p>hello</p>")] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

struct Restic {
    folder: tempfile::TempDir,
    data: tempfile::TempDir,
}

impl Restic {
    fn new() -> Self {
        let restic = Self { folder: tempfile::tempdir().unwrap(), data: data() };
        restic.run(&["init"]);
        restic
    }

    fn repository(&self) -> String {
        self.folder.path().join("repository").to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let repository = self.folder.path().join("repository");
        run("restic", &[&["--no-cache"], arguments].concat(), &[("RESTIC_REPOSITORY", &repository)])
    }

    /// Backs `paths` of the data up; the row that must come of it.
    fn back_up(&self, host: &str, at: &str, tags: &[&str], paths: &[&str]) -> Value {
        let paths: Vec<String> =
            paths.iter().map(|path| self.data.path().join(path).to_str().unwrap().to_owned()).collect();
        let mut arguments = vec!["backup", "--json", "--host", host, "--time", at];
        for tag in tags {
            arguments.extend(["--tag", tag]);
        }
        arguments.extend(paths.iter().map(String::as_str));
        let said = self.run(&arguments);
        let summary: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let made = summary["snapshot_id"].as_str().unwrap().get(..8).unwrap().to_owned();
        json!({
            "short": made, "hostname": host, "created_at": at.replace(' ', "T") + "Z",
            "paths": json!(paths).to_string(), "tags": json!(tags).to_string(),
        })
    }

    fn audit(&self, more: &str) -> Audit {
        let audit = Audit::with(&format!(
            "[sources.backup]\ncollector = \"restic\"\nrepository = \"{}\"\npassword = {{ file = \"password\" }}\n\
             schedule = \"manual\"\n{more}",
            self.repository()
        ));
        secret(&audit, "password", PASSWORD);
        audit
    }
}

#[test]
fn a_restic_repository_is_collected_as_it_was_backed_up() {
    let restic = Restic::new();
    let audit = restic.audit("check = true\nexpect_empty = true\ndrop_guard_percent = 90\n");
    assert_eq!(complete(&audit)["completeness"]["counted"], 0);

    let mut made = vec![
        restic.back_up("db-1.example", "2026-01-02 03:04:05", &["daily"], &["db"]),
        restic.back_up("db-1.example", "2026-01-03 03:04:05", &["daily", "kept"], &["db"]),
        restic.back_up("web-1.example", "2026-01-03 04:00:00", &[], &["db", "site"]),
    ];
    let snapshot = complete(&audit);
    assert_eq!(snapshot["completeness"]["declared"], 3);
    // ids are compared by the eight letters that `restic backup` prints
    let shorten = |rows: &[Value]| -> Vec<Value> {
        let answer = audit.json(0, &["query", "SELECT snapshot_id FROM restic_snapshot"]);
        let ids: BTreeMap<String, String> = answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[0].as_str().unwrap().to_owned())
            .map(|id| (id[..8].to_owned(), id))
            .collect();
        let whole = |row: &Value| {
            let mut row = row.as_object().unwrap().clone();
            let short = row.remove("short").unwrap();
            row.insert("snapshot_id".to_owned(), json!(ids[short.as_str().unwrap()]));
            Value::Object(row)
        };
        rows.iter().map(whole).collect()
    };
    assert_rows(&audit, "restic_snapshot", &shorten(&made));
    assert_rows(
        &audit,
        "restic_repository",
        &[json!({ "repository": restic.repository(), "check_passed": 1, "format_version": 2 })],
    );
    let points = ["db-1.example", "db-1.example", "web-1.example"]
        .map(|_| json!({ "encrypted": 1, "system": "backup", "source": "backup" }));
    assert_rows(&audit, "backup_point", &points);

    // what is forgotten is gone from the next listing
    let forgotten = made.remove(0);
    restic.run(&["forget", forgotten["short"].as_str().unwrap()]);
    complete(&audit);
    assert_rows(&audit, "restic_snapshot", &shorten(&made));
    assert_unspoken(&audit, "password");
    audit.assert_sound();
}

#[test]
fn no_fault_of_a_restic_repository_ends_as_a_whole_listing() {
    let restic = Restic::new();
    restic.back_up("db-1.example", "2026-01-02 03:04:05", &[], &["db"]);
    restic.back_up("db-1.example", "2026-01-03 03:04:05", &[], &["db"]);

    let audit = restic.audit("");
    secret(&audit, "password", "another-password");
    let said = not_complete(&audit);
    assert_eq!(said["errors"][0]["kind"], "denied", "{said:#}");
    secret(&audit, "password", PASSWORD);
    complete(&audit);

    let missing = restic.audit("program = \"no-such-program\"\n");
    let said = not_complete(&missing);
    assert!(said["errors"][0]["message"].as_str().unwrap().contains("does not exist"), "{said:#}");

    // a tool whose list is cut, and one that is ended midway
    for cut in ["| head -c 300", "; kill -KILL $$"] {
        let audit = restic.audit("program = \"cut\"\n");
        script(
            &audit,
            "cut",
            &format!("case \"$*\" in *snapshots*--json) restic \"$@\" {cut} ;; *) exec restic \"$@\" ;; esac"),
        );
        let said = not_complete(&audit);
        assert_eq!(said["status"], "failed", "{said:#}");
    }

    // restic leaves out a snapshot that it cannot read, and ends with 0
    let folder = restic.folder.path().join("repository/snapshots");
    let damaged = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::set_permissions(&damaged, std::fs::Permissions::from_mode(0o600)).unwrap();
    let whole = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, &whole[..whole.len() - 1]).unwrap();
    let audit = restic.audit("check = true\n");
    let said = not_complete(&audit);
    assert_eq!(said["reasons"][0]["code"], "counts_disagree", "{said:#}");
    assert_rows(&audit, "restic_repository", &[json!({ "check_passed": 0 })]);
    std::fs::write(&damaged, &whole).unwrap();
    complete(&audit);

    std::fs::remove_file(restic.folder.path().join("repository/config")).unwrap();
    let said = not_complete(&restic.audit(""));
    assert_eq!(said["errors"][0]["kind"], "misconfigured", "{said:#}");
}

struct Borg {
    folder: tempfile::TempDir,
    data: tempfile::TempDir,
}

impl Borg {
    fn new() -> Self {
        let borg = Self { folder: tempfile::tempdir().unwrap(), data: data() };
        borg.run(&["init", "--encryption", "repokey-blake2"]);
        borg
    }

    fn place(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let environment = [("BORG_REPO", self.place("repository")), ("BORG_BASE_DIR", self.place("base"))];
        run("borg", arguments, &environment.each_ref().map(|(name, path)| (*name, path.as_path())))
    }

    /// Makes an archive; the row that must come of it.
    fn back_up(&self, name: &str, at: &str, path: &str, files: u32, bytes: u32) -> Value {
        let path = self.data.path().join(path);
        let archive = format!("::{name}");
        let said = self.run(&["create", "--json", "--timestamp", at, &archive, path.to_str().unwrap()]);
        let said: Value = serde_json::from_str(&said).unwrap();
        json!({
            "archive_id": said["archive"]["id"], "name": name, "checkpoint": 0, "started_at": format!("{at}Z"),
            "files": files, "bytes": bytes,
        })
    }

    fn audit(&self, more: &str) -> Audit {
        let audit = Audit::with(&format!(
            "[sources.backup]\ncollector = \"borg\"\nrepository = \"{}\"\nbase_dir = \"{}\"\n\
             passphrase = {{ file = \"passphrase\" }}\nschedule = \"manual\"\n{more}",
            self.place("repository").display(),
            self.place("base").display(),
        ));
        secret(&audit, "passphrase", PASSWORD);
        audit
    }
}

#[test]
fn a_borg_repository_is_collected_as_it_was_backed_up() {
    let borg = Borg::new();
    let audit = borg.audit("check = true\nexpect_empty = true\ndrop_guard_percent = 90\n");
    assert_eq!(complete(&audit)["completeness"]["counted"], 0);

    let mut made = vec![
        borg.back_up("db-1", "2026-01-02T03:04:05", "db", 2, 14),
        borg.back_up("db-2", "2026-01-03T03:04:05", "db", 2, 14),
        borg.back_up("site-1", "2026-01-03T04:00:00", "site", 1, 12),
    ];
    // as an interrupted backup names what it leaves
    borg.run(&["rename", "::db-2", "db-2.checkpoint"]);
    let listed: Value = serde_json::from_str(&borg.run(&["list", "--consider-checkpoints", "--json"])).unwrap();
    let archives = listed["archives"].as_array().unwrap();
    let renamed = archives.iter().find(|archive| archive["name"] == "db-2.checkpoint").unwrap();
    made[1]["archive_id"] = renamed["id"].clone();
    made[1]["name"] = json!("db-2.checkpoint");
    made[1]["checkpoint"] = json!(1);

    assert_eq!(complete(&audit)["completeness"]["declared"], 3);
    assert_rows(&audit, "borg_archive", &made);
    let repository = json!({ "encryption": "repokey-blake2", "encrypted": 1, "check_passed": 1 });
    assert_rows(&audit, "borg_repository", &[repository]);
    let point = |row: &Value| {
        let id = format!("{} {}", row["name"].as_str().unwrap(), row["archive_id"].as_str().unwrap());
        json!({ "created_at": row["started_at"], "encrypted": 1, "point_id": id })
    };
    assert_rows(&audit, "backup_point", &[point(&made[0]), point(&made[2])]);

    borg.run(&["delete", "::db-1"]);
    made.remove(0);
    complete(&audit);
    assert_rows(&audit, "borg_archive", &made);
    assert_unspoken(&audit, "passphrase");
    audit.assert_sound();
}

#[test]
fn no_fault_of_a_borg_repository_ends_as_a_whole_listing() {
    let borg = Borg::new();
    borg.back_up("db-1", "2026-01-02T03:04:05", "db", 2, 14);
    borg.back_up("db-2", "2026-01-03T03:04:05", "db", 2, 14);

    let audit = borg.audit("");
    secret(&audit, "passphrase", "another-passphrase");
    let said = not_complete(&audit);
    assert_eq!(said["errors"][0]["kind"], "denied", "{said:#}");
    secret(&audit, "passphrase", PASSWORD);
    complete(&audit);

    let said = not_complete(&borg.audit("program = \"no-such-program\"\n"));
    assert!(said["errors"][0]["message"].as_str().unwrap().contains("does not exist"), "{said:#}");

    for cut in ["| head -c 300", "; kill -KILL $$"] {
        let audit = borg.audit("program = \"cut\"\n");
        script(&audit, "cut", &format!("case \"$1\" in info) borg \"$@\" {cut} ;; *) exec borg \"$@\" ;; esac"));
        let said = not_complete(&audit);
        assert_eq!(said["status"], "failed", "{said:#}");
    }

    // one bit of what the repository holds
    let segments = borg.place("repository/data/0");
    let newest = |folder: &Path| {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
    };
    let damaged = newest(&segments);
    let mut content = std::fs::read(&damaged).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&damaged, &content).unwrap();
    let audit = borg.audit("check = true\n");
    let collected = audit.run(&["collect", "--format", "json"]);
    let snapshot = serde_json::from_str::<Value>(&collected.stdout).unwrap()["snapshots"][0].clone();
    if snapshot["status"] == "complete" {
        // the damage is in the data of files, which listing does not read: the check does
        assert_rows(&audit, "borg_repository", &[json!({ "check_passed": 0 })]);
    }

    std::fs::remove_file(borg.place("repository/config")).unwrap();
    let said = not_complete(&borg.audit(""));
    assert_eq!(said["errors"][0]["kind"], "misconfigured", "{said:#}");
}

/// A PostgreSQL cluster in a folder of the test, and its repository. Both belong to a user that is not root, because
/// PostgreSQL runs as no other.
struct Cluster {
    folder: tempfile::TempDir,
}

const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

impl Cluster {
    fn new() -> Self {
        let cluster = Self { folder: tempfile::tempdir().unwrap() };
        let place = cluster.folder.path().display().to_string();
        cluster.root(&format!("chmod 755 {place} && chown postgres {place}"));
        let configuration = format!(
            "[global]\nrepo1-path={place}/repo\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass={PASSWORD}\n\
             repo1-retention-full=9\nlog-path={place}\nlock-path={place}/lock\nspool-path={place}/spool\nstart-fast=y\n\
             compress-level=1\n[demo]\npg1-path={place}/pg\npg1-socket-path={place}\n"
        );
        std::fs::write(cluster.folder.path().join("pgbackrest.conf"), configuration).unwrap();
        cluster.run(&format!("{POSTGRES}/initdb -D {place}/pg -A trust --no-sync"));
        cluster.run(&format!(
            "printf '%s\\n' archive_mode=on listen_addresses=\\'\\' unix_socket_directories=\\'{place}\\' fsync=off \
             \"archive_command='pgbackrest --config={place}/pgbackrest.conf --stanza=demo archive-push %p'\" \
             >> {place}/pg/postgresql.conf"
        ));
        cluster.run(&format!("{POSTGRES}/pg_ctl -D {place}/pg -w -l {place}/pg.log start"));
        cluster.back("stanza-create");
        cluster
    }

    fn root(&self, script: &str) {
        let done = Command::new("/bin/sh").args(["-c", script]).output().unwrap();
        assert!(done.status.success(), "{script}: {done:?} in {}", self.folder.path().display());
    }

    /// Runs a script as the cluster's user.
    fn run(&self, script: &str) -> String {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "/bin/sh", "-c", script]);
        command.env("TZ", "UTC").stdin(Stdio::null()).current_dir(self.folder.path());
        let done = command.output().unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn back(&self, command: &str) -> String {
        self.run(&format!(
            "pgbackrest --config={}/pgbackrest.conf --stanza=demo {command}",
            self.folder.path().display()
        ))
    }

    fn audit(&self, more: &str) -> Audit {
        Audit::with(&format!(
            "[sources.backup]\ncollector = \"pgbackrest\"\nstanzas = [\"demo\"]\nschedule = \"manual\"\n\
             config = \"{}/pgbackrest.conf\"\n{more}",
            self.folder.path().display()
        ))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let place = self.folder.path().display();
        self.run(&format!("{POSTGRES}/pg_ctl -D {place}/pg -w -m immediate stop || true"));
    }
}

/// The cluster needs root, to become another user.
fn may_change_user() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn backups_of_a_postgresql_cluster_are_collected_and_no_fault_ends_as_a_whole_listing() {
    if !may_change_user() {
        println!("pgBackRest was not tried: PostgreSQL needs a user of its own, and only root can become one");
        return;
    }
    let cluster = Cluster::new();
    let audit = cluster.audit("expect_empty = true\n");
    assert_eq!(complete(&audit)["completeness"]["counted"], 0);
    assert_rows(&audit, "pgbackrest_stanza", &[json!({ "stanza": "demo", "status": 2, "cipher": "aes-256-cbc" })]);

    cluster.back("--type=full backup");
    cluster.back("--type=incr backup");
    // the labels are the folders that pgBackRest made
    let folders = cluster.run(&format!("ls {}/repo/backup/demo", cluster.folder.path().display()));
    let labels: Vec<&str> = folders.lines().filter(|name| name.ends_with(['F', 'I'])).collect();
    let [full, incremental] = labels[..] else { panic!("{folders}") };
    assert_eq!(complete(&audit)["completeness"]["declared"], 2);
    let row = |label: &str, kind: &str, prior: Value| json!({ "stanza": "demo", "repository": 1, "label": label, "type": kind, "prior": prior, "error": 0 });
    assert_rows(&audit, "pgbackrest_backup", &[row(full, "full", Value::Null), row(incremental, "incr", json!(full))]);
    let point = |label: &str| json!({ "resource": "demo", "point_id": format!("repo1:demo/{label}"), "encrypted": 1 });
    assert_rows(&audit, "backup_point", &[point(full), point(incremental)]);
    assert_unspoken(&audit, "no secret of its own");
    audit.assert_sound();

    // pgBackRest ends with exit code 0 in every one of these
    let place = cluster.folder.path().display().to_string();
    let environment =
        |name: &str, value: &str| format!("environment = {{ PGBACKREST_REPO1_PATH = \"{value}\" }}\n# {name}\n");
    let said = not_complete(&cluster.audit(&environment("no repository", &format!("{place}/nowhere"))));
    assert!(said["reasons"][0]["message"].as_str().unwrap().contains("`demo` is not listed"), "{said:#}");
    let wrong = cluster.audit("cipher_pass = { file = \"passphrase\" }\n");
    secret(&wrong, "passphrase", "another-passphrase");
    not_complete(&wrong);
    cluster.root(&format!("mv {place}/repo/backup/demo/{full} {place}/{full}"));
    let said = not_complete(&cluster.audit(""));
    assert_eq!(said["reasons"][0]["code"], "counts_disagree", "{said:#}");
    cluster.root(&format!("mv {place}/{full} {place}/repo/backup/demo/{full}"));

    let said = not_complete(&cluster.audit("program = \"no-such-program\"\n"));
    assert!(said["errors"][0]["message"].as_str().unwrap().contains("does not exist"), "{said:#}");
    let cut = cluster.audit("program = \"cut\"\n");
    script(&cut, "cut", "pgbackrest \"$@\" | head -c 300");
    assert_eq!(not_complete(&cut)["errors"][0]["kind"], "malformed");
    complete(&cluster.audit(""));
}

/// `doctor` runs the tool too, and says what is wrong in words.
#[test]
fn doctor_names_a_backup_tool_that_is_not_there() {
    let restic = Restic::new();
    let audit = restic.audit("program = \"no-such-program\"\n");
    let doctor = audit.run(&["doctor", "backup"]);
    assert_ne!(doctor.code, 0);
    assert!(doctor.stdout.contains("no-such-program"), "{doctor:#?}");
}
