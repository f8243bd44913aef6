//! `evidenced log`: what other people's tools are handed, and that it can be had beside a running daemon.

use crate::support::Audit;
use ledger::{ConsistencyFile, Entry, Proof, SignedCheckpoint, VerifierKey};
use std::fs;

const SOURCES: &str = r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
schedule = "manual"
columns = { employee_id = "ID", name = "Name", work_email = "Email", employment_type = "Type", start_date = "Start", end_date = "End" }
"#;

/// An audit of one roster.
pub(crate) fn audit() -> Audit {
    let audit = Audit::with(SOURCES);
    audit.write("hr.csv", "ID,Name,Email,Type,Start,End\nE1,Ada,ada@example.org,employee,2020-01-01,\n");
    audit
}

/// The public half of the log's key.
pub(crate) fn log_key(audit: &Audit) -> VerifierKey {
    audit.json(0, &["log", "checkpoint"])["log_key"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_checkpoint_a_proof_and_a_pinned_size_are_verified_with_the_key_alone() {
    let audit = audit();
    audit.json(0, &["collect"]);
    let pinned = audit.run(&["log", "checkpoint"]);
    assert_eq!(pinned.stdout, fs::read_to_string(audit.path("evidence/log/checkpoint")).unwrap(), "to the byte");
    let key = log_key(&audit);
    let pinned = SignedCheckpoint::open(&pinned.stdout, &key).unwrap();

    audit.json(0, &["collect"]);
    let tail = audit.json(0, &["log", "tail", "-n", "2"]);
    assert_eq!(tail["entries"].as_array().unwrap().len(), 2);
    let last = &tail["entries"][1];
    assert_eq!(last["entry"]["kind"], "snapshot");
    let index = last["index"].to_string();

    let proof = audit.run(&["log", "prove", &index, "-o", "entry.tlog-proof"]);
    assert_eq!(proof.code, 0, "{proof:?}");
    let proof = Proof::parse(&fs::read(audit.path("entry.tlog-proof")).unwrap()).unwrap();
    let entry = model::canonical_json(&last["entry"]).unwrap();
    assert_eq!(Entry::decode(&entry).unwrap().leaf().to_string(), last["leaf"].as_str().unwrap());
    assert!(proof.verify(&entry, &key).unwrap().size() > pinned.size());

    let grown = audit.run(&["log", "prove", "--from", &pinned.size().to_string()]);
    let grown = ConsistencyFile::parse(grown.stdout.as_bytes()).unwrap();
    grown.verify(&pinned, &key).unwrap();
}

#[test]
fn what_cannot_be_proven_is_said_and_nothing_is_overwritten() {
    let audit = audit();
    for (arguments, says) in [
        (&["log", "prove", "99"][..], "there is no entry 99: the log has 1"),
        (&["log", "prove", "--from", "99"], "the log has 1 entries, the pinned checkpoint 99"),
        (&["log", "prove", "0", "-o", "hr.csv"], "exists already"),
        (&["log", "prove"], "required"),
        (&["log", "prove", "0", "--from", "1"], "cannot be used with"),
    ] {
        let outcome = audit.run(arguments);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(says), "{arguments:?}: {}", outcome.stderr);
    }
    assert!(fs::read_to_string(audit.path("hr.csv")).unwrap().starts_with("ID,Name"));
}

#[test]
fn a_rotated_key_signs_with_the_old_one_and_then_alone() {
    let audit = audit();
    let old = log_key(&audit);
    audit.json(0, &["collect"]);
    audit.write("pinned", &audit.run(&["log", "checkpoint"]).stdout);
    let rotated = audit.json(0, &["log", "rotate"]);
    let new: VerifierKey = rotated["log_key"].as_str().unwrap().parse().unwrap();
    let file = rotated["key_file"].as_str().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // until the configuration says so nothing is written, and it can be read
    let refused = audit.run(&["collect"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("was replaced by") && refused.stderr.contains("previous_key"),
        "{}",
        refused.stderr
    );
    audit.json(0, &["snapshots"]);

    let configuration = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let key_line = configuration.lines().find(|line| line.starts_with("key = ")).unwrap();
    let both = format!("key = {{ file = {file:?} }}\nprevious_{key_line}");
    audit.write("evidenced.toml", &configuration.replacen(key_line, &both, 1));
    audit.json(0, &["collect"]);
    let text = audit.run(&["log", "checkpoint"]).stdout;
    for key in [&old, &new] {
        SignedCheckpoint::open(&text, key).unwrap();
    }

    audit.write("evidenced.toml", &configuration.replacen(key_line, &format!("key = {{ file = {file:?} }}"), 1));
    audit.json(0, &["collect"]);
    let text = audit.run(&["log", "checkpoint"]).stdout;
    SignedCheckpoint::open(&text, &new).unwrap();
    assert!(SignedCheckpoint::open(&text, &old).is_err());
    audit.assert_sound();

    // whoever has either key verifies what is handed over, and the store itself
    assert_eq!(audit.run(&["pack", "create", "-o", "pack.zip"]).code, 0);
    for what in ["pack.zip", "evidence"] {
        for key in [&old, &new] {
            let verified = audit.json(0, &["verify", what, "--key", &key.to_string(), "--checkpoint", "pinned"]);
            let proven = verified["proven"].to_string();
            assert!(proven.contains("whoever has only that one gets to this one"), "{what}: {proven}");
            assert!(proven.contains("continues the one you pinned"), "{what}: {proven}");
        }
    }
    let again = audit.json(0, &["log", "rotate"]);
    assert_ne!(again["log_key"], rotated["log_key"]);
}
