//! A pack after another one of the same log: which one that was, and that the log only grew since.

use super::fixture::*;
use super::shell::{tools_are_there, verify_sh};
use super::tamper::{replace, sign_again};
use super::verdict;
use crate::layout::{PREVIOUS, PREVIOUS_GROWTH};
use crate::*;
use ledger::{Body, SigningKey};
use model::{Digest, canonical_json};
use std::fs;
use std::path::{Path, PathBuf};

/// What an earlier pack had for a manifest.
const MANIFEST: &[u8] = b"{}";

/// The document of an export whose pack shipped `size` entries of `log`.
fn record(log: &Log, size: usize) -> ExportRecord {
    let checkpoint = ledger::SignedCheckpoint::open(log.checkpoint_at(size, &key()), key().verifier()).unwrap();
    ExportRecord {
        schema: ExportRecord::SCHEMA.into(),
        manifest_sha256: Digest::of(MANIFEST),
        from: at("2026-01-01T00:00:00Z"),
        to: at("2026-01-31T00:00:00Z"),
        items: vec![1, 2],
        log_size: Some(checkpoint.size()),
        log_root: Some(checkpoint.root()),
    }
}

/// What fills a log before the export, and after it.
fn fill(log: &mut Log, entries: usize) {
    for _ in 0..entries {
        log.append("identity_map", Body::IdentityMap, Some((b"{}\n".to_vec(), "application/jsonl")));
    }
}

/// A log with an export after `before` more entries, and `after` entries after that; `document` is what the export says.
fn log_with_export(
    folder: &Path,
    (before, after): (usize, usize),
    document: impl FnOnce(&Log) -> Option<ExportRecord>,
) -> (Log, Plan, u64) {
    let (mut log, mut plan) = contents(folder);
    fill(&mut log, before);
    let document = document(&log).map(|record| (canonical_json(&record).unwrap(), ExportRecord::MEDIA_TYPE));
    let entry = log.append("export", Body::Export { pack: Digest::of(MANIFEST) }, document);
    fill(&mut log, after);
    plan.checkpoint = log.checkpoint(&key());
    (log, plan, entry)
}

/// An unpacked pack of a log that has shipped one before, of all its entries before the export.
fn second() -> (tempfile::TempDir, PathBuf, Log, u64) {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan, entry) = log_with_export(folder.path(), (0, 2), |log| Some(record(log, log.entries.len())));
    let path = folder.path().join("q2");
    export(&plan, &log, &path, Form::Folder).unwrap();
    (folder, path, log, entry)
}

#[test]
fn a_second_pack_proves_that_the_log_only_grew_since_the_first() {
    let (_folder, path, log, entry) = second();
    let report = verdict(&path);
    assert_eq!(report.problems, []);
    let proven = report.proven.join("\n");
    let said = format!("which entry {entry} records as exported at 2026-02-01T00:09:00Z: its first 9 entries");
    assert!(proven.contains(&said), "{proven}");
    let digest = Digest::of(MANIFEST).to_string();
    assert!(report.not_proven.iter().any(|line| line.contains(&digest)), "{:?}", report.not_proven);

    // whoever kept the first pack need not compare anything
    let pinned = VerifyOptions { pinned_checkpoint: Some(log.checkpoint_at(9, &key())), ..VerifyOptions::default() };
    let report = verify(&path, &pinned).unwrap();
    assert!(report.verified && !report.not_proven.join("\n").contains("earlier pack you hold"), "{report:?}");
    assert!(report.proven.join("\n").contains("the log only grew since"));

    // and the file alone shows it, to any program that reads the published format
    let file = ledger::ConsistencyFile::parse(&fs::read(path.join(PREVIOUS_GROWTH)).unwrap()).unwrap();
    let old = ledger::SignedCheckpoint::open(log.checkpoint_at(9, &key()), key().verifier()).unwrap();
    assert_eq!(file.verify(&old, key().verifier()).unwrap().size(), 12);
}

#[test]
fn a_second_pack_of_an_earlier_program_verifies_for_ever() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/packs/v1/second.zip");
    if std::env::var_os("UPDATE").is_some() && !golden.exists() {
        let folder = tempfile::tempdir().unwrap();
        let (log, plan, _) = log_with_export(folder.path(), (0, 2), |log| Some(record(log, log.entries.len())));
        export(&plan, &log, &golden, Form::Archive).unwrap();
    }
    let report = verdict(&golden);
    assert_eq!(report.problems, []);
    assert!(report.proven.join("\n").contains("entry 9 records as exported"), "{:?}", report.proven);
}

#[test]
fn a_first_pack_says_nothing_of_an_earlier_one() {
    let (_folder, path) = pack(Form::Folder);
    assert!(!path.join("log/previous").exists());
    let report = verdict(&path);
    assert!(!report.proven.iter().chain(&report.not_proven).any(|line| line.contains("pack before this one")));
}

#[test]
fn an_export_that_did_not_record_its_log_is_bounded_by_its_position_and_that_is_said() {
    type Document = fn(&Log) -> Option<ExportRecord>;
    let older = |log: &Log| {
        let record = record(log, 9);
        Some(ExportRecord { schema: "evidenced/export/v1".into(), log_size: None, log_root: None, ..record })
    };
    let cases: [Document; 2] = [older, |_| None];
    for document in cases {
        let folder = tempfile::tempdir().unwrap();
        let (log, plan, entry) = log_with_export(folder.path(), (3, 1), document);
        let path = folder.path().join("q2.zip");
        export(&plan, &log, &path, Form::Archive).unwrap();
        let report = verdict(&path);
        assert_eq!(report.problems, []);
        let doubt = format!("its export does not say, and {entry} is the most it can have been");
        assert!(report.not_proven.iter().any(|line| line.contains(&doubt)), "{:?}", report.not_proven);
        assert!(report.proven.iter().any(|line| line.contains(&format!("its first {entry} entries"))));
    }
}

#[test]
fn a_log_whose_export_contradicts_it_gives_no_pack() {
    type Change = fn(&mut ExportRecord);
    let cases: [Change; 3] = [
        |record| record.log_size = Some(99),
        |record| record.log_size = Some(8),
        |record| record.log_root = Some(Digest::of(b"another history")),
    ];
    for change in cases {
        let folder = tempfile::tempdir().unwrap();
        let (log, plan, _) = log_with_export(folder.path(), (0, 1), |log| {
            let mut record = record(log, 9);
            change(&mut record);
            Some(record)
        });
        let error = export(&plan, &log, &folder.path().join("q2.zip"), Form::Archive).unwrap_err();
        assert!(matches!(error, PackError::Unproven { .. }), "{error}");
    }
}

#[test]
fn whoever_holds_the_key_cannot_ship_another_growth_than_the_logs() {
    type Change = fn(&Path);
    let cases: [(&str, Change); 11] = [
        (PREVIOUS, |path| replace(&path.join(PREVIOUS), "\"log_size\":9", "\"log_size\":8")),
        (PREVIOUS, |path| replace(&path.join(PREVIOUS), "\"log_size\":9", "\"log_size\":11")),
        (PREVIOUS, |path| replace(&path.join(PREVIOUS), "\"export_entry\":9", "\"export_entry\":1")),
        (PREVIOUS, |path| replace(&path.join(PREVIOUS), "\"log_root\":\"", "\"log_root\":\"0123")),
        (PREVIOUS, |path| {
            let text = fs::read_to_string(path.join(PREVIOUS)).unwrap();
            let other = text.replace(&Digest::of(MANIFEST).to_string(), &Digest::of(b"another pack").to_string());
            fs::write(path.join(PREVIOUS), other).unwrap();
        }),
        (PREVIOUS, |path| fs::write(path.join(PREVIOUS), "{}").unwrap()),
        (PREVIOUS, |path| fs::remove_file(path.join(PREVIOUS)).unwrap()),
        (PREVIOUS_GROWTH, |path| fs::remove_file(path.join(PREVIOUS_GROWTH)).unwrap()),
        (PREVIOUS_GROWTH, |path| replace(&path.join(PREVIOUS_GROWTH), "old 9", "old 8")),
        (PREVIOUS_GROWTH, |path| {
            let text = fs::read_to_string(path.join(PREVIOUS_GROWTH)).unwrap();
            let mut lines: Vec<&str> = text.split('\n').collect();
            lines.remove(2);
            fs::write(path.join(PREVIOUS_GROWTH), lines.join("\n")).unwrap();
        }),
        (PREVIOUS_GROWTH, |path| replace(&path.join(PREVIOUS_GROWTH), "\n12\n", "\n11\n")),
    ];
    for (number, (name, change)) in cases.into_iter().enumerate() {
        let (_folder, path, ..) = second();
        sign_again(&path, |path, _| change(path));
        let report = verdict(&path);
        assert!(report.problems.iter().any(|problem| problem.path == name), "case {number}: {:?}", report.problems);
        if tools_are_there() {
            let (right, said) = verify_sh(&path, &[]);
            assert!(!right && said.contains("PROBLEM  log/previous/"), "case {number}: {said}");
        }
    }
}

/// Also without another export: the log's last one is the one that counts.
#[test]
fn a_pack_that_leaves_a_later_export_out_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, mut plan, first) = log_with_export(folder.path(), (0, 0), |log| Some(record(log, 9)));
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    export(&plan, &log, &one, Form::Folder).unwrap();
    let document = canonical_json(&record(&log, 10)).unwrap();
    log.append("export", Body::Export { pack: Digest::of(MANIFEST) }, Some((document, ExportRecord::MEDIA_TYPE)));
    plan.checkpoint = log.checkpoint(&key());
    export(&plan, &log, &two, Form::Folder).unwrap();
    assert!(verdict(&two).verified);
    sign_again(&two, |path, _| {
        fs::copy(one.join(PREVIOUS), path.join(PREVIOUS)).unwrap();
    });
    let problems = verdict(&two).problems;
    let said = format!("it is not the pack that the log records last, as entry {}", first + 1);
    assert!(problems.iter().any(|problem| problem.path == PREVIOUS && problem.problem == said), "{problems:?}");
}

#[test]
fn verify_sh_follows_every_shape_of_growth_and_a_checkpoint_that_was_kept() {
    if !tools_are_there() {
        return;
    }
    // before and after the export: sizes at, below and above powers of two
    for (before, after) in [(0, 0), (0, 5), (3, 0), (6, 0), (6, 9), (7, 1), (7, 16), (8, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (log, plan, entry) =
            log_with_export(folder.path(), (before, after), |log| Some(record(log, log.entries.len())));
        let path = folder.path().join("q2");
        export(&plan, &log, &path, Form::Folder).unwrap();
        assert!(verdict(&path).verified);
        let kept = folder.path().join("kept");
        fs::write(&kept, log.checkpoint_at(usize::try_from(entry).unwrap(), &key())).unwrap();
        let (right, said) = verify_sh(&path, &["--checkpoint", kept.to_str().unwrap()]);
        assert!(right, "{before}, {after}: {said}");
        assert!(said.contains(&format!("its first {entry} entries are unchanged")), "{said}");
        assert!(said.contains(&format!("the first {entry} entries are those of the checkpoint you kept")), "{said}");
    }
    let (folder, path, ..) = second();
    let kept = folder.path().join("kept");
    let stranger = SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap();
    let mut other = Log::default();
    fill(&mut other, 4);
    for (checkpoint, words) in [
        (other.checkpoint(&key()), "does not continue the checkpoint you kept, of 4 entries"),
        (other.checkpoint(&stranger), "the checkpoint you gave is not signed by the key"),
    ] {
        fs::write(&kept, checkpoint).unwrap();
        let (right, said) = verify_sh(&path, &["--checkpoint", kept.to_str().unwrap()]);
        assert!(!right && said.contains(words), "{said}");
    }
}
