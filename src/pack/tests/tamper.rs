//! Nothing in a pack can be altered without being found and named.

use super::fixture::{key, pack};
use super::verdict;
use crate::manifest::{self, FileRecord, MANIFEST, PackManifest, SIGNATURE, SUMS};
use crate::{Form, VerifyError, VerifyOptions, verify};
use model::{Digest, canonical_json};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn files(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

fn named(path: &Path) -> Vec<String> {
    let report = verdict(path);
    assert!(!report.verified && report.proven.is_empty());
    report.problems.into_iter().map(|problem| problem.path).collect()
}

#[test]
fn a_single_bit_in_any_file_of_a_folder_is_found_and_the_file_named() {
    let (_folder, path) = pack(Form::Folder);
    let mut flips = 0;
    for name in files(&path) {
        let file = path.join(&name);
        let good = fs::read(&file).unwrap();
        for at in [0, good.len() / 3, good.len() / 2, good.len().saturating_sub(1)] {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&file, &bad).unwrap();
            let named = named(&path);
            assert!(named.contains(&name), "byte {at} of {name}: {named:?}");
            flips += 1;
        }
        fs::write(&file, &good).unwrap();
    }
    assert!(flips > 150, "{flips}");
    assert!(verdict(&path).verified);
}

#[test]
fn every_bit_of_the_signature_and_the_digest_list_counts() {
    let (_folder, path) = pack(Form::Folder);
    for name in [SIGNATURE, "log/checkpoint", "log/log-key.vkey"] {
        let file = path.join(name);
        let good = fs::read(&file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&file, &bad).unwrap();
            let named = named(&path);
            assert!(named.iter().any(|path| path == name), "byte {at} of {name}: {named:?}");
        }
        fs::write(&file, &good).unwrap();
    }
}

#[test]
fn a_single_bit_anywhere_in_an_archive_is_found_and_the_file_named() {
    let (_folder, path) = pack(Form::Archive);
    let good = fs::read(&path).unwrap();
    let mut members: Vec<(std::ops::Range<u64>, String)> = Vec::new();
    let mut other = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
    for index in 0..other.len() {
        let member = other.by_index_raw(index).unwrap();
        let start = member.data_start().unwrap();
        members.push((start..start + member.compressed_size(), member.name().unwrap().into_owned()));
    }
    let step = good.len() / 300;
    let mut in_members = 0;
    for at in (0..good.len()).step_by(step) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let named = named(&path);
        match members.iter().find(|(range, _)| range.contains(&(at as u64))) {
            // a bit of the compression that changes no content is named by the archive
            Some((_, name)) => {
                assert!(named.contains(name) || named == ["q1.zip"], "byte {at}, in {name}: {named:?}");
                in_members += usize::from(named.contains(name));
            }
            None => assert!(!named.is_empty(), "byte {at}"),
        }
    }
    assert!(in_members > 120, "{in_members}");
}

#[test]
fn files_added_removed_swapped_or_linked_are_named() {
    let (_folder, path) = pack(Form::Folder);
    fs::write(path.join("evidence/extra.txt"), "x").unwrap();
    assert_eq!(named(&path), ["evidence/extra.txt"]);
    fs::remove_file(path.join("evidence/extra.txt")).unwrap();
    fs::write(path.join(".hidden"), "x").unwrap();
    assert_eq!(named(&path), [".hidden"]);
    fs::remove_file(path.join(".hidden")).unwrap();

    for name in
        [MANIFEST, SIGNATURE, SUMS, "log/entries.jsonl", "log/proofs/1.tlog-proof", "evidence.sqlite", "00_README.txt"]
    {
        let good = fs::read(path.join(name)).unwrap();
        fs::remove_file(path.join(name)).unwrap();
        assert!(named(&path).contains(&name.to_owned()), "{name}");
        fs::write(path.join(name), good).unwrap();
    }

    let (one, two) = (path.join("log/openings/1.txt"), path.join("log/openings/2.txt"));
    fs::rename(&one, path.join("swap")).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(path.join("swap"), &two).unwrap();
    let mut swapped = named(&path);
    swapped.dedup();
    assert_eq!(swapped, ["log/openings/1.txt", "log/openings/2.txt"]);
    fs::rename(&one, path.join("swap")).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(path.join("swap"), &two).unwrap();
    assert!(verdict(&path).verified);

    #[cfg(unix)]
    {
        let file = path.join("01_SCOPE.json");
        let aside = path.parent().unwrap().join("aside");
        fs::rename(&file, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, &file).unwrap();
        assert!(named(&path).contains(&"01_SCOPE.json".to_owned()), "the same bytes behind a link are not the file");
    }
}

/// Alters a file and signs the pack again, as whoever holds the key of the log could.
pub(super) fn forge(change: impl FnOnce(&Path, &mut PackManifest)) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = pack(Form::Folder);
    sign_again(&path, change);
    (folder, path)
}

/// Alters the unpacked pack in `path` and signs it again.
pub(super) fn sign_again(path: &Path, change: impl FnOnce(&Path, &mut PackManifest)) {
    let mut manifest: PackManifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
    change(path, &mut manifest);
    manifest.files = files(path)
        .into_iter()
        .filter(|name| ![MANIFEST, SIGNATURE, SUMS].contains(&name.as_str()))
        .map(|name| {
            let bytes = fs::read(path.join(&name)).unwrap();
            FileRecord { path: name, size: bytes.len() as u64, sha256: Digest::of(&bytes) }
        })
        .collect();
    let bytes = canonical_json(&manifest).unwrap();
    let signature = manifest::sign(&bytes, &key()).unwrap();
    let sums = manifest::sums(&manifest, Digest::of(&bytes), Digest::of(signature.as_bytes()));
    fs::write(path.join(MANIFEST), bytes).unwrap();
    fs::write(path.join(SIGNATURE), signature).unwrap();
    fs::write(path.join(SUMS), sums).unwrap();
}

pub(super) const HR: &str = "evidence/hr/2026-02-01/20260201T000000Z-hr-1";

pub(super) fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn signing_an_unchanged_pack_again_is_no_forgery() {
    let (_folder, path) = forge(|_, _| ());
    assert_eq!(verdict(&path).problems, []);
}

#[test]
fn whoever_holds_the_key_still_cannot_alter_what_is_sealed() {
    type Change = fn(&Path);
    let cases: [(&str, Change); 12] = [
        ("tables/hr_person.csv", |path| replace(&path.join(HR).join("tables/hr_person.csv"), "Ada", "Eva")),
        ("tables/hr_person.jsonl", |path| replace(&path.join(HR).join("tables/hr_person.jsonl"), "Ada", "Eva")),
        ("exchanges/0002-read.csv.txt", |path| {
            replace(&path.join(HR).join("exchanges/0002-read.csv.txt"), "cmd", "and");
        }),
        ("manifest.json", |path| replace(&path.join(HR).join("manifest.json"), "single document", "every document")),
        ("exchanges/0002-", |path| fs::remove_file(path.join(HR).join("exchanges/0002-read.csv.txt")).unwrap()),
        ("exchanges/0001-", |path| fs::write(path.join(HR).join("exchanges/0001-z.txt"), "x").unwrap()),
        ("exchanges/0009-z.txt", |path| fs::write(path.join(HR).join("exchanges/0009-z.txt"), "x").unwrap()),
        ("log/openings/1.txt", |path| replace(&path.join("log/openings/1.txt"), "nonce ", "nonce 0")),
        ("log/proofs/1.tlog-proof", |path| replace(&path.join("log/proofs/1.tlog-proof"), "index 1", "index 2")),
        ("log/entries.jsonl", |path| replace(&path.join("log/entries.jsonl"), "missed", "skipped")),
        ("checks/leaver_still_active.sql", |path| {
            replace(&path.join("checks/leaver_still_active.sql"), "> :grace", "< :grace");
        }),
        ("log/log-key.pem", |path| replace(&path.join("log/log-key.pem"), "MC", "MD")),
    ];
    for (name, change) in cases {
        let (_folder, path) = forge(|path, _| change(path));
        let named = named(&path);
        assert!(named.iter().any(|path| path.ends_with(name)), "{name}: {named:?}");
    }
}

#[test]
fn a_forged_manifest_cannot_name_other_documents() {
    let cases: [fn(&mut PackManifest); 5] = [
        |manifest| manifest.items[0].kind = "evaluation".into(),
        |manifest| manifest.items[0].log_index = 0,
        |manifest| manifest.items[0].log_index = 99,
        |manifest| manifest.items.truncate(3),
        |manifest| manifest.log_size = 5,
    ];
    for (number, change) in cases.into_iter().enumerate() {
        let (_folder, path) = forge(|_, manifest| change(manifest));
        assert!(!named(&path).is_empty(), "case {number}");
    }
}

#[test]
fn a_pack_of_a_newer_format_is_not_called_tampered() {
    let (_folder, path) = forge(|_, manifest| manifest.schema = "evidenced/pack/v2".into());
    assert!(matches!(verify(&path, &VerifyOptions::default()), Err(VerifyError::Newer { .. })));
}

#[test]
fn hostile_names_in_an_archive_are_named_and_touch_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q1.zip");
    for name in ["../outside.txt", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "aux", "x\u{1b}[2J"] {
        let mut archive = crate::archive::ArchiveWriter::new(Vec::new());
        for name in [name, SUMS, SUMS] {
            archive.add(name, 1, &mut &b"x"[..]).unwrap();
        }
        fs::write(&path, archive.finish().unwrap()).unwrap();
        let named = named(&path);
        assert!(named.contains(&name.replace('\u{1b}', "\u{fffd}")), "{named:?}");
        assert!(named.contains(&SUMS.to_owned()), "the same name twice: {named:?}");
    }
    assert_eq!(super::names(folder.path()), ["q1.zip"]);
}

#[test]
fn an_archive_that_unpacks_to_absurdly_much_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q1.zip");
    let mut archive = crate::archive::ArchiveWriter::new(Vec::new());
    let size = (1 << 24) + 1;
    archive.add(SUMS, size, &mut std::io::Read::take(std::io::repeat(0), size)).unwrap();
    fs::write(&path, archive.finish().unwrap()).unwrap();
    let report = verdict(&path);
    assert!(report.problems[0].problem.contains("absurdly"), "{:?}", report.problems);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_ends_in_a_report_or_a_refusal(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let (_folder, path) = pack(Form::Archive);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        for (at, byte) in changes {
            let at = at.index(bad.len());
            bad[at] = byte;
        }
        if let Some(cut) = cut {
            bad.truncate(cut.index(bad.len()));
        }
        prop_assume!(bad != good);
        fs::write(&path, &bad).unwrap();
        match verify(&path, &VerifyOptions::default()) {
            Ok(report) => prop_assert!(!report.verified && !report.problems.is_empty()),
            Err(error) => prop_assert!(matches!(error, VerifyError::NotAPack(_)), "{}", error),
        }
    }
}
