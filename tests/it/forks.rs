//! A store restored from an older copy, or copied and run twice, is told by a witness or a mirror, writes nothing, and goes
//! on only after a person has sealed why.

use crate::log_commands::{audit, log_key};
use crate::peers::witness::{self, Witness};
use crate::support::Audit;
use crate::verifier::{has, said};
use ledger::cosignature;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const ORIGIN: &str = "test.example/evidence";

/// A witness that trusts the log of `audit`, and its section in the audit's configuration. None where it is not installed.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn witnessed(audit: &Audit) -> Option<Witness> {
    if !witness::is_installed() {
        eprintln!("not run: the witness is not installed");
        return None;
    }
    let witness = Witness::start(ORIGIN, &log_key(audit).to_string());
    audit.add(&witness.section());
    Some(witness)
}

fn refused(audit: &Audit, arguments: &[&str], says: &str) {
    let before = fs::read(audit.path("evidence/log/checkpoint")).unwrap();
    let outcome = audit.run(arguments);
    assert_eq!(outcome.code, 2, "{outcome:#?}");
    assert!(outcome.stderr.contains(says), "{says}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("help: ") && outcome.stderr.contains("log restore"), "{}", outcome.stderr);
    assert_eq!(fs::read(audit.path("evidence/log/checkpoint")).unwrap(), before, "nothing was signed");
}

fn restored(audit: &Audit, held_by: &str) {
    let restored = audit.json(0, &["log", "restore", "--by", "Ada", "--reason", "the disk of the other copy is lost"]);
    assert_eq!(restored["held"][0]["by"], held_by, "{restored}");
    let tail = audit.json(0, &["log", "tail", "-n", "1"]);
    assert_eq!(tail["entries"][0]["entry"]["kind"], "restore");
    assert!(!tail.to_string().contains("Ada"), "names are in the document, not in the entry");
}

#[test]
fn a_real_witness_cosigns_what_others_verify_and_the_pack_carries_it() {
    let audit = audit();
    let Some(witness) = witnessed(&audit) else { return };
    audit.json(0, &["collect"]);
    let asked = audit.json(0, &["log", "witness"]);
    let size = asked["witnesses"][0]["size"].as_u64().unwrap();
    let checkpoint = audit.json(0, &["log", "checkpoint"]);
    assert_eq!(checkpoint["size"], size);
    assert_eq!(checkpoint["signatures"][1]["name"], witness::NAME);

    // a third party's verifier accepts log and witness together
    audit.write("log.vkey", checkpoint["log_key"].as_str().unwrap());
    audit.write("pinned", checkpoint["checkpoint"].as_str().unwrap());
    let judged = [
        "verify-checkpoint",
        "--note",
        "pinned",
        "--vkey-file",
        "log.vkey",
        "--witness-key",
        &witness.vkey,
        "--quorum",
        "1",
    ];
    witness::judge(&audit.path("."), &judged);

    let doctor = audit.run(&["doctor"]).stdout;
    assert!(doctor.contains(&format!("witness `{}` cosigned {size} of {size} entries", witness::NAME)), "{doctor}");

    // proofs are self-contained: the cosignature comes along
    let proof = audit.run(&["log", "prove", "0"]);
    assert!(proof.stdout.contains(&format!("— {} ", witness::NAME)), "{}", proof.stdout);

    audit.write("policy.toml", &format!("[witnesses]\nkeys = [\"{}\"]\nrequired = 1\n", witness.vkey));
    let packed = audit.run(&["pack", "create", "-o", "pack"]);
    assert_eq!(packed.code, 0, "{packed:#?}");
    let carried = fs::read_to_string(audit.path("pack/log/checkpoint")).unwrap();
    let carried = ledger::SignedCheckpoint::open(carried, &log_key(&audit)).unwrap();
    assert!(carried.size() > size, "the witness was asked for the pack");
    cosignature::verify(&carried, &witness.vkey.parse().unwrap()).unwrap();
    let verified = audit.json(0, &["verify", "pack", "--policy", "policy.toml"]);
    assert!(verified["proven"].to_string().contains("cosigned this checkpoint"), "{verified}");
    audit.assert_sound();
}

/// Turns one bit in the cosignature of a checkpoint's file, and in nothing else.
fn damage_the_cosignature(checkpoint: &Path) {
    let text = fs::read_to_string(checkpoint).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("— {} ", witness::NAME))).unwrap();
    // well within the signature: the last characters of Base64 hold bits that have to be zero
    let mut damaged = line.as_bytes().to_vec();
    let at = damaged.len() - 12;
    damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
    fs::write(checkpoint, text.replace(line, std::str::from_utf8(&damaged).unwrap())).unwrap();
}

#[test]
fn the_small_verifier_takes_the_word_of_the_witness_that_the_auditor_names_and_of_no_other() {
    let audit = audit();
    let Some(witness) = witnessed(&audit) else { return };
    audit.json(0, &["collect"]);
    assert_eq!(audit.run(&["pack", "create", "-o", "pack"]).code, 0);
    // the entry of the export as well
    audit.json(0, &["log", "witness"]);
    let (store, pack) = (audit.path("evidence"), audit.path("pack"));
    // somebody else's key, under the same name
    let other = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
    assert_ne!(witness.vkey, other);
    let policy = |name: &str, keys: &[&str], required: usize| {
        audit.write(name, &format!("[witnesses]\nkeys = {keys:?}\nrequired = {required}\n"));
        audit.path(name).to_str().unwrap().to_owned()
    };
    let named = policy("named.toml", &[&witness.vkey], 1);
    let mistaken = policy("mistaken.toml", &[other], 1);
    let either = policy("either.toml", &[other, &witness.vkey], 1);
    let both = policy("both.toml", &[other, &witness.vkey], 2);
    let cosigned = format!("the witness {} cosigned this checkpoint at ", witness::NAME);

    for path in [&pack, &store] {
        for policy in [&named, &either] {
            let report = said(0, path, &["--policy", policy]);
            assert!(has(&report, "proven", &cosigned), "{report:#}");
            assert!(!has(&report, "not_proven", "second history"), "{report:#}");
        }
        for policy in [&mistaken, &both] {
            let report = said(1, path, &["--policy", policy]);
            assert!(has(&report, "problems", "not cosigned by `witness.example/w1`"), "{report:#}");
            assert_eq!(report["proven"], serde_json::json!([]));
        }
        // without a policy it is somebody's signature
        assert!(has(&said(0, path, &[]), "not_proven", "1 signatures beside the log's own"));
    }
    let readme = fs::read_to_string(pack.join("00_README.txt")).unwrap();
    assert!(readme.contains("those of witnesses you trust") && !readme.contains("no witness"), "{readme}");
    let shell = std::process::Command::new("bash").arg("verify.sh").current_dir(&pack).output().unwrap();
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stdout));

    for path in [&pack, &store] {
        damage_the_cosignature(&path.join("log/checkpoint"));
        let report = said(1, path, &["--policy", &named]);
        assert!(has(&report, "problems", "your policy asks for 1 of your witnesses, 0 cosigned"), "{report:#}");
    }
}

#[test]
fn a_restored_store_is_told_by_the_witness_and_goes_on_after_a_restore_until_the_other_copy_moves() {
    let audit = audit();
    let Some(_witness) = witnessed(&audit) else { return };
    audit.json(0, &["collect"]);
    let backup = audit.copy();
    audit.json(0, &["collect"]);
    audit.json(0, &["log", "witness"]);

    refused(&backup, &["collect"], "has cosigned a log of");
    // reading goes on
    backup.json(0, &["log", "checkpoint"]);
    backup.json(0, &["snapshots"]);
    backup.assert_sound();

    restored(&backup, witness::NAME);
    backup.json(0, &["collect"]);
    let asked = backup.json(3, &["log", "witness"]);
    assert!(
        asked["witnesses"][0]["problem"].as_str().unwrap().contains("a restore entry has given that up"),
        "{asked}"
    );
    backup.assert_sound();

    // the original was not lost after all
    audit.json(0, &["collect"]);
    audit.json(0, &["log", "witness"]);
    refused(&backup, &["collect"], "has cosigned a log of");
}

#[test]
fn two_copies_that_both_ran_are_told_by_the_witness_whichever_is_longer() {
    let audit = audit();
    let Some(witness) = witnessed(&audit) else { return };
    audit.json(0, &["collect"]);
    let copy = audit.copy();
    // the copy runs on without its witness
    let with_witness = fs::read_to_string(copy.path("evidenced.toml")).unwrap();
    copy.write("evidenced.toml", &with_witness.replace(&witness.section(), ""));
    audit.json(0, &["collect"]);
    audit.json(0, &["log", "witness"]);
    for _ in 0..3 {
        copy.json(0, &["collect"]);
    }
    copy.write("evidenced.toml", &with_witness);
    refused(&copy, &["collect"], "here do not extend");
    audit.json(0, &["collect"]);
}

#[test]
fn a_witness_that_is_away_or_does_not_know_the_log_stops_nothing_and_is_named() {
    let audit = audit();
    let Some(mut witness) = witnessed(&audit) else { return };
    witness.stop();
    let collected = audit.run(&["collect"]);
    assert_eq!(collected.code, 0, "{collected:#?}");
    assert!(collected.stderr.contains("it cannot be reached"), "{}", collected.stderr);
    let asked = audit.json(3, &["log", "witness"]);
    assert!(asked["witnesses"][0]["problem"].as_str().unwrap().contains("it cannot be reached"), "{asked}");

    // another log's witness
    let other = ledger::SigningKey::from_seed("other.example/log", &[5; 32]).unwrap();
    let stranger = Witness::start("other.example/log", &other.verifier().to_string());
    let configuration = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    audit.write("evidenced.toml", &configuration.replace(&witness.section(), &stranger.section()));
    let asked = audit.json(3, &["log", "witness"]);
    assert!(asked["witnesses"][0]["problem"].as_str().unwrap().contains("does not know this log"), "{asked}");
}

/// Waits for a program to end by itself.
fn ended(child: &mut Child) -> i32 {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        assert!(started.elapsed() < Duration::from_mins(1), "the daemon goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_running_daemon_has_its_log_cosigned_and_stops_when_the_witness_knows_another() {
    let audit = audit();
    let Some(mut witness) = witnessed(&audit) else { return };
    let configuration = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    audit.write(
        "evidenced.toml",
        &configuration.replace("[[log.witness]]", "[log]\nwitness_every = \"1s\"\n[[log.witness]]"),
    );
    let text = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    // one [log] section only
    let (first, second) = text.split_once("[log]\nwitness_every = \"1s\"\n").unwrap();
    audit.write("evidenced.toml", &(first.replacen("[log]\n", "[log]\nwitness_every = \"1s\"\n", 1) + second));

    let other = audit.copy();
    other.json(0, &["collect"]);
    other.json(0, &["collect"]);
    other.json(0, &["log", "witness"]);
    witness.stop();
    let mut daemon = audit.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // it starts without the witness, and keeps schedules
    let started = Instant::now();
    while audit.json(0, &["log", "checkpoint"])["size"] == 1 {
        assert!(started.elapsed() < Duration::from_mins(1), "the daemon seals nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    witness.restart();
    assert_eq!(ended(&mut daemon), 2);
    let said = std::io::read_to_string(daemon.stderr.take().unwrap()).unwrap();
    assert!(said.contains("has cosigned a log of"), "{said}");

    // the copy that the witness knows is kept cosigned by its daemon
    let mut daemon = other.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    loop {
        let checkpoint = other.json(0, &["log", "checkpoint"]);
        if checkpoint["size"].as_u64() > Some(3) && checkpoint["signatures"][1]["name"] == witness::NAME {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{checkpoint}");
        std::thread::sleep(Duration::from_millis(100));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon), rustix::process::Signal::TERM).unwrap();
    assert_eq!(ended(&mut daemon), 0);
    other.assert_sound();
}

#[test]
fn without_a_witness_the_mirror_tells_a_restored_store_and_the_second_of_two_copies() {
    let mirror = tempfile::tempdir().unwrap();
    let audit = audit();
    let configuration = fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let line = format!("[log]\nmirror = {:?}\n", mirror.path());
    audit.write("evidenced.toml", &configuration.replacen("[log]\n", &line, 1));
    audit.json(0, &["collect"]);
    let copy = audit.copy();
    audit.json(0, &["collect"]);
    refused(&copy, &["collect"], "was shown to `mirror`");
    let reading = copy.run(&["log", "checkpoint"]);
    assert_eq!(reading.code, 0, "{reading:?}");
    assert!(reading.stderr.contains("not the newest copy of its log"), "{}", reading.stderr);

    restored(&copy, "mirror");
    copy.json(0, &["collect"]);
    copy.assert_sound();
    // now it is the first that is not the log any more
    refused(&audit, &["collect"], "`mirror`");

    fs::rename(mirror.path(), mirror.path().with_extension("away")).unwrap();
    let away = copy.run(&["collect"]);
    assert_eq!(away.code, 2, "{away:?}");
    assert!(away.stderr.contains("the mirror of the log is not in"), "{}", away.stderr);
    fs::rename(mirror.path().with_extension("away"), mirror.path()).unwrap();
}

#[test]
fn a_folder_put_back_over_the_store_is_told_by_what_was_left_in_place() {
    let audit = audit();
    audit.json(0, &["collect"]);
    let backup = audit.copy();
    audit.json(0, &["collect"]);
    for file in ["evidence.sqlite", "lock.sqlite", "databases.sha256"] {
        fs::copy(backup.path("evidence").join(file), audit.path("evidence").join(file)).unwrap();
    }
    refused(&audit, &["collect"], "was published");
    let reading = audit.run(&["snapshots"]);
    assert_eq!(reading.code, 0, "{reading:?}");
    assert!(reading.stderr.contains("not the newest copy of its log"), "{}", reading.stderr);
    let fsck = audit.run(&["fsck"]);
    assert_eq!(fsck.code, 1, "{fsck:?}");

    let needless = backup.run(&["log", "restore", "--by", "Ada", "--reason", "to see"]);
    assert_eq!(needless.code, 2, "{needless:?}");
    assert!(needless.stderr.contains("nothing to restore"), "{}", needless.stderr);
    let unexplained = audit.run(&["log", "restore", "--by", "Ada", "--reason", " "]);
    assert_eq!(unexplained.code, 2, "{unexplained:?}");

    restored(&audit, "published");
    audit.json(0, &["collect"]);
    audit.assert_sound();
}

#[test]
fn a_pinned_checkpoint_tells_what_nothing_on_the_machine_can() {
    let audit = audit();
    audit.json(0, &["collect"]);
    let backup = audit.copy();
    audit.json(0, &["collect"]);
    let pinned = audit.run(&["log", "checkpoint"]).stdout;
    backup.write("pinned", &pinned);
    // a whole copy, rolled back with everything in it: by itself it is a sound store
    backup.json(0, &["collect"]);
    let refused = backup.run(&["pack", "create", "-o", "pack"]);
    assert_eq!(refused.code, 0, "{refused:?}");
    let verified = backup.json(1, &["verify", "pack", "--checkpoint", "pinned"]);
    assert_eq!(verified["verified"], false);
    // and the operator who is shown it can seal what happened
    let restored =
        backup.json(0, &["log", "restore", "--by", "Ada", "--reason", "restored by mistake", "--held", "pinned"]);
    assert_eq!(restored["held"][0]["by"], "file");
}
