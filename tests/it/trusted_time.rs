//! Trusted time: real authorities stamp the log, openssl believes what is kept, and no lie becomes an anchor.

use crate::peers::tsa::{Authority, Certificate, Issuer, Reply, response};
use crate::support::{Audit, Outcome};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOURCE: &str = r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
"#;

const STAFF: &str = "employee_id,name,work_email,start_date,end_date\nE1,Ada Example,ada@example.org,2020-01-01,\n";

/// An organisation of one person, with what `configuration` adds.
fn audit(configuration: &str) -> Audit {
    let audit = Audit::with(&format!("{configuration}{SOURCE}"));
    audit.write("hr.csv", STAFF);
    audit
}

/// The same with one authority, which signs with P-256 and can be told to answer otherwise.
fn audit_with_one() -> (Arc<Issuer>, Authority, Audit) {
    let issuer = Arc::new(Issuer::new());
    let authority = Authority::of(&issuer, issuer.signer("one", "P-256", "root"), "sha256");
    let audit = audit(&authority.section("one", &issuer.path("root.pem")));
    (issuer, authority, audit)
}

/// `openssl ts -verify` over files, as an auditor runs it.
fn openssl_accepts(data: &Path, answer: &Path, roots: &Path) -> bool {
    let (data, answer, roots) = (data.to_str().unwrap(), answer.to_str().unwrap(), roots.to_str().unwrap());
    let what = ["ts", "-verify", "-data", data, "-in", answer, "-CAfile", roots];
    let output = Command::new("openssl").args(what).output().unwrap();
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains("Verification: OK")
}

/// Every token below `folder`: its path, and that of what it is over.
fn tokens(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    if !folder.exists() {
        return Vec::new();
    }
    crate::support::files(folder)
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsr"))
        .map(|path| (folder.join(path), folder.join(path).with_file_name("checkpoint")))
        .collect()
}

fn entries(audit: &Audit) -> Vec<Value> {
    let tail = audit.run(&["log", "tail", "-n", "1000", "--format", "json"]);
    assert_eq!(tail.code, 0, "{tail:#?}");
    let read: Value = serde_json::from_str(&tail.stdout).unwrap_or_else(|_| {
        Value::Array(tail.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    });
    let list = read.as_array().cloned().or_else(|| read["entries"].as_array().cloned()).unwrap();
    list.into_iter().map(|row| row.get("entry").filter(|entry| entry.is_object()).cloned().unwrap_or(row)).collect()
}

#[test]
fn authorities_of_three_kinds_stamp_the_log_and_openssl_believes_what_is_kept_and_packed() {
    let issuer = Arc::new(Issuer::new());
    let root = issuer.path("root.pem");
    let authorities = [
        Authority::of(&issuer, issuer.signer("rsa", "RSA:2048", "root"), "sha256"),
        Authority::of(&issuer, issuer.signer("p256", "P-256", "root"), "sha384"),
        Authority::of(&issuer, issuer.signer("p384", "P-384", "intermediate"), "sha512"),
    ];
    let names = ["rsa", "p256", "p384"];
    let sections: String =
        names.iter().zip(&authorities).map(|(name, authority)| authority.section(name, &root)).collect();
    let audit = audit(&sections);

    let first = audit.json(0, &["log", "timestamp"]);
    let asked = first["asked"].as_array().unwrap();
    assert_eq!(asked.iter().map(|one| one["authority"].as_str().unwrap()).collect::<Vec<_>>(), names);
    assert!(asked.iter().all(|one| one["size"] == asked[0]["size"]), "all stamp the same checkpoint: {first:#}");
    assert_eq!(asked[2]["signer"], "CN=p384");
    assert_eq!(audit.json(0, &["log", "timestamp"])["asked"].as_array().unwrap().len(), 0, "nothing new, nobody asked");

    assert_eq!(audit.run(&["collect"]).code, 0);
    let second = audit.json(0, &["log", "timestamp"]);
    assert_eq!(second["asked"].as_array().unwrap().len(), 3);

    let kept = tokens(&audit.path("evidence/anchors"));
    assert_eq!(kept.len(), 6);
    for (answer, data) in &kept {
        assert!(openssl_accepts(data, answer, &root), "{}", answer.display());
    }
    // the last token is named by whatever is sealed after it
    let pinned = entries(&audit);
    let anchors: Vec<&Value> = pinned.iter().filter(|entry| entry["kind"] == "anchor").collect();
    assert_eq!(anchors.len(), 6);
    let snapshot = pinned.iter().find(|entry| entry["kind"] == "snapshot").unwrap();
    assert_eq!(snapshot["anchor"], anchors[2]["token"]);
    assert_eq!(anchors[3]["anchor"], anchors[2]["token"]);
    audit.assert_sound();

    // a pack is stamped before it is written, and openssl believes what is in it
    let packed = audit.run(&["pack", "create", "-o", "pack"]);
    assert_eq!(packed.code, 0, "{packed:#?}");
    let log = audit.path("pack/log/anchors");
    let shipped = tokens(&log);
    assert_eq!(shipped.len(), 9);
    for (answer, data) in &shipped {
        assert!(openssl_accepts(data, answer, &root), "{}", answer.display());
        let name = answer.file_stem().unwrap().to_str().unwrap();
        assert!(openssl_accepts(data, answer, &log.join(format!("roots/{name}.pem"))));
        let growth = fs::read_to_string(answer.with_file_name("consistency")).unwrap();
        let checkpoint = fs::read_to_string(audit.path("pack/log/checkpoint")).unwrap();
        assert!(growth.starts_with("old ") && growth.ends_with(&checkpoint), "{growth}");
    }
    let readme = fs::read_to_string(audit.path("pack/00_README.txt")).unwrap();
    assert!(readme.contains("9 tokens by p256, p384, rsa"), "{readme}");
    assert!(readme.contains("openssl ts -verify"), "{readme}");
    let verified = audit.run(&["verify", "pack"]);
    assert_eq!(verified.code, 0, "{verified:#?}");
    for (authority, name) in authorities.iter().zip(names) {
        assert_eq!(authority.asked(), 3, "{name}");
    }
}

/// What an authority with the means of `Issuer` makes of a query.
type Answering = dyn Fn(&Issuer, &[u8]) -> Reply + Send + Sync;

/// Asks, and expects no anchor and this complaint.
fn refused(audit: &Audit, complaint: &str) {
    let before = entries(audit).len();
    let outcome = audit.run(&["log", "timestamp"]);
    assert_eq!(outcome.code, 3, "{complaint}: {outcome:#?}");
    assert!(outcome.stdout.contains(complaint), "{complaint}: {outcome:#?}");
    assert!(outcome.stdout.contains("one: not stamped") && outcome.stdout.contains("help: "), "{outcome:#?}");
    assert_eq!(entries(audit).len(), before, "{complaint}");
    assert_eq!(fs::read_dir(audit.path("evidence/anchors")).map_or(0, Iterator::count), 0, "{complaint}");
}

#[test]
fn no_lie_of_an_authority_becomes_an_anchor_and_none_stops_collection() {
    let (issuer, authority, audit) = audit_with_one();
    let other = Certificate { name: "other-root", issuer: "other-root", ..issuer.signer("unused", "P-256", "root") };
    issuer.issue(Certificate { section: "root", ..other });
    let foreign = issuer.signer("foreign", "P-256", "other-root");
    let code = Certificate { name: "code", section: "code", ..foreign };
    issuer.issue(Certificate { issuer: "root", ..code });
    let expired = Certificate { name: "expired", valid: ("20200101000000Z", "20210101000000Z"), ..foreign };
    issuer.issue(Certificate { issuer: "root", ..expired });

    let own = |issuer: &Issuer, query: &[u8]| issuer.answer(query, "one", "sha256", "root");
    // an answer to another checkpoint, kept from before
    let old = {
        let query = Command::new("openssl")
            .args(["ts", "-query", "-digest", &"ab".repeat(32), "-sha256", "-cert"])
            .output()
            .unwrap();
        own(&issuer, &query.stdout)
    };
    let turn = |answer: Box<Answering>| {
        let issuer = Arc::clone(&issuer);
        authority.turn(move |query| answer(&issuer, query));
    };

    turn(Box::new(move |_, _| Reply::Token(old.clone())));
    refused(&audit, "timestamp token is over other data");
    turn(Box::new(move |issuer, query| {
        // the nonce stands in the eight bytes before certReq; a first byte of zero to seven keeps its length
        let mut query = query.to_vec();
        let at = query.len() - 4;
        query[at] ^= 1;
        Reply::Token(own(issuer, &query))
    }));
    refused(&audit, "does not carry the nonce of the request");
    turn(Box::new(move |issuer, query| Reply::Token(issuer.answer(query, "foreign", "sha256", "other-root"))));
    refused(&audit, "no chain to the given roots");
    turn(Box::new(move |issuer, query| Reply::Token(issuer.signed_by(&own(issuer, query), "expired"))));
    refused(&audit, "had expired by then");
    turn(Box::new(move |issuer, query| Reply::Token(issuer.signed_by(&own(issuer, query), "code"))));
    refused(&audit, "must not sign timestamps");
    turn(Box::new(move |issuer, query| {
        let granted = own(issuer, query);
        // the status of an answer of openssl stands nine bytes in: SEQUENCE, length, SEQUENCE, length, INTEGER, length
        let token = granted[4..].iter().position(|byte| *byte == 0x30).map(|at| 4 + at).unwrap();
        let status = usize::from(granted[token + 1]);
        Reply::Token(response(5, &granted[token + 2 + status..]))
    }));
    refused(&audit, "revocation notification");
    turn(Box::new(|_, _| Reply::Token(response(2, &[]))));
    refused(&audit, "did not grant the timestamp: rejection");
    turn(Box::new(|_, _| Reply::Token(b"<html>sign in</html>".to_vec())));
    refused(&audit, "is not a TimeStampResp");
    turn(Box::new(|_, _| Reply::Endless));
    refused(&audit, "longer than 65536 bytes");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: 10000000000\r\n\r\n";
    turn(Box::new(move |_, _| Reply::Raw(head.as_bytes().to_vec())));
    refused(&audit, "longer than 65536 bytes");
    turn(Box::new(|_, _| {
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 1\r\n\r\nx".to_vec())
    }));
    refused(&audit, "it answered with `text/html`");
    turn(Box::new(|_, _| {
        Reply::Raw(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec())
    }));
    refused(&audit, "redirect (302)");
    turn(Box::new(|_, _| Reply::Raw(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec())));
    refused(&audit, "it answered 503");
    turn(Box::new(|_, _| Reply::Raw(Vec::new())));
    refused(&audit, "the connection failed");

    // collection goes on throughout, and once the authority is honest again it stamps all of it
    assert_eq!(audit.run(&["collect"]).code, 0);
    turn(Box::new(move |issuer, query| Reply::Token(own(issuer, query))));
    assert_eq!(audit.json(0, &["log", "timestamp"])["asked"].as_array().unwrap().len(), 1);
    audit.assert_sound();
}

#[test]
fn a_damaged_missing_or_foreign_token_is_found_by_fsck_and_named() {
    let (_issuer, _authority, audit) = audit_with_one();
    assert_eq!(audit.run(&["log", "timestamp"]).code, 0);
    assert_eq!(audit.run(&["collect"]).code, 0);
    assert_eq!(audit.run(&["log", "timestamp"]).code, 0);
    let kept = tokens(&audit.path("evidence/anchors"));
    let [(first, data), (second, _)] = kept.as_slice() else { panic!("{kept:?}") };
    let names = |path: &Path, outcome: &Outcome| {
        assert_eq!(outcome.code, 1, "{outcome:#?}");
        assert!(outcome.stdout.contains(path.file_name().unwrap().to_str().unwrap()), "{outcome:#?}");
        assert!(outcome.stdout.contains("anchors/"), "{outcome:#?}");
    };

    let good = fs::read(first).unwrap();
    for bit in [0, good.len() * 4, good.len() * 8 - 1] {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(first, bad).unwrap();
        names(first, &audit.run(&["fsck"]));
    }
    fs::copy(second, first).unwrap();
    names(first, &audit.run(&["fsck"]));
    fs::remove_file(first).unwrap();
    names(first, &audit.run(&["fsck"]));
    fs::write(first, &good).unwrap();
    audit.assert_sound();

    let checkpoint = fs::read(data).unwrap();
    fs::write(data, [&checkpoint[..], b"\n"].concat()).unwrap();
    names(data, &audit.run(&["fsck"]));
    fs::write(data, &checkpoint).unwrap();

    // a pack with such a token is not written
    fs::remove_file(second).unwrap();
    let packed = audit.run(&["pack", "create", "-o", "pack.zip"]);
    assert_ne!(packed.code, 0, "{packed:#?}");
    assert!(!audit.path("pack.zip").exists());
}

#[test]
fn a_chain_to_other_roots_is_no_longer_believed_and_doctor_and_fsck_say_so() {
    let (issuer, _authority, audit) = audit_with_one();
    assert_eq!(audit.run(&["log", "timestamp"]).code, 0);
    let healthy = audit.run(&["doctor"]);
    assert!(healthy.stdout.contains("one: stamped"), "{healthy:#?}");
    assert!(!healthy.stdout.contains("warn  time"), "{healthy:#?}");

    let signer = issuer.signer("unused", "P-256", "root");
    issuer.issue(Certificate { name: "other-root", issuer: "other-root", section: "root", ..signer });
    let good = fs::read(issuer.path("root.pem")).unwrap();
    fs::copy(issuer.path("other-root.pem"), issuer.path("root.pem")).unwrap();
    let doubtful = audit.run(&["doctor"]);
    assert!(doubtful.stdout.contains("warn  time           one: its last token"), "{doubtful:#?}");
    let fsck = audit.run(&["fsck"]);
    assert_eq!(fsck.code, 1, "{fsck:#?}");
    assert!(fsck.stdout.contains("no chain to the given roots"), "{fsck:#?}");
    fs::write(issuer.path("root.pem"), good).unwrap();
    audit.assert_sound();
}

#[test]
fn a_certificate_that_expires_soon_is_warned_about() {
    let issuer = Arc::new(Issuer::new());
    let soon = Command::new("date").args(["-u", "-d", "+20 days", "+%Y%m%d%H%M%SZ"]).output().unwrap().stdout;
    let soon: &'static str = Box::leak(String::from_utf8(soon).unwrap().trim().to_owned().into_boxed_str());
    let signer = Certificate { valid: ("20200101000000Z", soon), name: "soon", ..issuer.signer("x", "P-256", "root") };
    issuer.issue(signer);
    let authority = Authority::of(&issuer, signer, "sha256");
    let audit = audit(&authority.section("one", &issuer.path("root.pem")));
    assert_eq!(audit.run(&["log", "timestamp"]).code, 0);
    let doctor = audit.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("warn  time           one: the certificate it signs with (`CN=soon`) expires on"),
        "{doctor:#?}"
    );
}

/// A daemon that is ended when the test ends.
struct Daemon(Child);

impl Daemon {
    fn start(audit: &Audit) -> Self {
        let mut command = audit.command(&["run"]);
        Self(command.stdout(Stdio::null()).stderr(fs::File::create(audit.path("daemon.log")).unwrap()).spawn().unwrap())
    }

    /// Asks it to stop, and returns its exit code.
    fn stop(mut self) -> i32 {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_daemon_anchors_at_its_cadence_outlives_an_authority_and_says_what_waits() {
    let issuer = Arc::new(Issuer::new());
    let authority = Authority::of(&issuer, issuer.signer("one", "P-256", "root"), "sha256");
    let section = authority.section("one", &issuer.path("root.pem"));
    let audit = Audit::with(&format!("{section}{SOURCE}"));
    audit.write("hr.csv", STAFF);
    let configuration = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    audit.write("evidenced.toml", &configuration.replace("[log]\n", "[log]\ntimestamp_every = \"2s\"\n"));

    let daemon = Daemon::start(&audit);
    let anchors = || tokens(&audit.path("evidence/anchors")).len();
    until("a first anchor", || anchors() >= 1);
    // what is new is the anchors' own entries: nobody is asked for those
    until("the run at the start is stamped", || {
        let doctor = audit.run(&["doctor"]);
        doctor.stdout.contains("one: stamped") && entries(&audit).iter().any(|entry| entry["kind"] == "snapshot")
    });
    std::thread::sleep(Duration::from_secs(6));
    let (asked, made) = (authority.asked(), anchors());
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!((authority.asked(), anchors()), (asked, made), "nothing was sealed, so nothing is stamped");
    assert_eq!(daemon.stop(), 0);

    authority.turn(|_| Reply::Raw(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec()));
    audit.add("# changed, so that something new is sealed\n");
    let daemon = Daemon::start(&audit);
    let asked = authority.asked();
    until("it asks again at the next cadence", || authority.asked() >= asked + 2);
    until("doctor says what waits", || audit.run(&["doctor"]).stdout.contains("; what was sealed since "));
    assert_eq!(anchors(), made);
    authority.turn({
        let issuer = Arc::clone(&issuer);
        move |query| Reply::Token(issuer.answer(query, "one", "sha256", "root"))
    });
    until("the authority is back", || anchors() > made);
    assert_eq!(daemon.stop(), 0);
    let log = fs::read_to_string(audit.path("daemon.log")).unwrap();
    assert!(log.contains("log not stamped") && log.contains("it answered 503") && log.contains("log stamped"), "{log}");
    audit.assert_sound();
    for (answer, data) in tokens(&audit.path("evidence/anchors")) {
        assert!(openssl_accepts(&data, &answer, &issuer.path("root.pem")), "{}", answer.display());
    }
}

#[test]
fn a_pack_names_every_time_without_a_token_that_was_longer_than_the_cadence() {
    let (_issuer, _authority, audit) = audit_with_one();
    let configuration = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let with = |every: &str| {
        let line = format!("[log]\ntimestamp_every = \"{every}\"\n");
        audit.write("evidenced.toml", &configuration.replacen("[log]\n", &line, 1));
    };
    with("1s");
    assert_eq!(audit.run(&["collect"]).code, 0);
    // two cadences and more without a token
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2_500) {
        std::thread::sleep(Duration::from_millis(100));
    }
    audit.json(0, &["log", "timestamp"]);
    let coverage = |name: &str| {
        assert_eq!(audit.run(&["pack", "create", "-o", name]).code, 0);
        assert_eq!(audit.run(&["verify", name]).code, 0);
        let rows = csv::Reader::from_path(audit.path(name).join("04_COVERAGE.csv")).unwrap().into_records();
        let rows: Vec<csv::StringRecord> = rows.map(Result::unwrap).collect();
        rows.into_iter().filter(|row| row[0].starts_with("timestamps")).collect::<Vec<_>>()
    };
    let late = coverage("late");
    let token = entries(&audit).into_iter().find(|entry| entry["kind"] == "anchor").unwrap();
    let seconds = |instant: &Value| instant.as_str().unwrap()[..19].to_owned() + "Z";
    let first = late.first().unwrap_or_else(|| panic!("no row for the time without a token"));
    assert_eq!(
        (&first[0], &first[3], &first[7]),
        ("timestamps by one", "missed", seconds(&token["gen_time"]).as_str())
    );
    let genesis = seconds(&entries(&audit)[0]["at"]);
    assert_eq!(first[6], genesis, "what waited longest was the log's first entry");
    assert!(
        first[4].contains("no timestamp token of `one` from") && first[4].contains("timestamp_every is 1 s"),
        "{first:?}"
    );
    let readme = fs::read_to_string(audit.path("late/00_README.txt")).unwrap();
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains("gaps longer than the cadence allows: "), "{readme}");

    let report = fs::read_to_string(audit.path("late/report.html")).unwrap();
    assert!(report.contains("Times without a timestamp token, longer than the cadence allows: "), "{report}");

    // the same log, held to a cadence that it kept
    with("1h");
    assert_eq!(coverage("in-time"), Vec::<csv::StringRecord>::new());
}
