//! Hidden fields are nowhere in the pack, each answers to its commitment, and the pack says what it cannot prove.

use super::fixture::{contents, export, key};
use super::verdict;
use crate::manifest::{MANIFEST, PackManifest};
use crate::{Form, PackError, VerifyError, VerifyOptions, open_redacted, verify};
use model::{Digest, Hasher};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const HR: &str = "evidence/hr/2026-02-01/20260201T000000Z-hr-1";

fn redacted(columns: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut plan) = contents(folder.path());
    plan.database = None;
    plan.redact = columns.iter().map(|(table, column)| ((*table).to_owned(), (*column).to_owned())).collect();
    let path = folder.path().join("q1");
    export(&plan, &log, &path, Form::Folder).unwrap();
    (folder, path)
}

fn every_file(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { every_file(&path, each) } else { each(&path, &fs::read(&path).unwrap()) }
    }
}

#[test]
fn a_hidden_value_is_in_no_file_of_the_pack() {
    let (_folder, path) = redacted(&[("hr_person", "name")]);
    let mut seen = 0;
    every_file(&path, &mut |name, bytes| {
        seen += 1;
        for value in ["Countess", "HYPERLINK(", "evil.example"] {
            let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!found, "{value} in {}", name.display());
        }
    });
    assert!(seen > 30, "{seen}");
    assert!(!path.join(HR).join("exchanges").exists(), "the answers hold the values too");
}

#[test]
fn what_is_left_verifies_and_what_is_not_proven_is_said() {
    let (_folder, path) = redacted(&[("hr_person", "name")]);
    let report = verdict(&path);
    assert_eq!(report.problems, []);
    let doubts = report.not_proven.join("\n");
    for words in ["3 redacted tables (hr_person.name)", "9 answers that are withheld", "salted commitment"] {
        assert!(doubts.contains(words), "{words}: {doubts}");
    }
    assert!(!report.proven.join("\n").contains("3 tables are the bytes"), "{:?}", report.proven);
    let readme = fs::read_to_string(path.join("00_README.txt")).unwrap();
    assert!(readme.contains("What is redacted") && readme.contains("hr_person.name"), "{readme}");
}

#[test]
fn a_field_opens_to_its_commitment_and_to_no_other() {
    let (_folder, path) = redacted(&[("hr_person", "name")]);
    let lines = fs::read_to_string(path.join(HR).join("tables/hr_person.redacted.jsonl")).unwrap();
    let row: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!(row["id"], "2", "what is not hidden stays");
    let manifest: Value = serde_json::from_slice(&fs::read(path.join(HR).join("manifest.json")).unwrap()).unwrap();
    let table: Digest = manifest["tables"][0]["sha256"].as_str().unwrap().parse().unwrap();
    let opened = open_redacted(&key(), table, 2, "name", &json!("Ada, Countess")).unwrap();
    assert_eq!(row["name"]["redacted"], opened.commitment.to_string());
    // as a stranger would compute it
    let salt: Digest = opened.salt.parse().unwrap();
    let mut hasher = Hasher::new();
    hasher.update(salt.as_bytes());
    hasher.update(b"\"Ada, Countess\"");
    assert_eq!(hasher.finish(), opened.commitment);
    for (number, value) in [(1, "Ada, Countess"), (2, "Eva")] {
        let other = open_redacted(&key(), table, number, "name", &json!(value)).unwrap();
        assert_ne!(other.commitment, opened.commitment);
    }
}

#[test]
fn a_document_that_names_a_hidden_value_is_withheld_with_its_opening() {
    // the evaluation, the finding and the identity map name accounts by it
    let folder = tempfile::tempdir().unwrap();
    let (mut log, mut plan) = contents(folder.path());
    let note = ledger::Body::IdentityMap;
    let named =
        log.append("identity_map", note, Some((b"{\"name\":\"ada, countess\"}\n".to_vec(), "application/jsonl")));
    plan.items.push(named);
    plan.checkpoint = log.checkpoint(&key());
    plan.database = None;
    plan.redact = vec![("hr_person".to_owned(), "name".to_owned())];
    let path = folder.path().join("q1");
    export(&plan, &log, &path, Form::Folder).unwrap();
    assert!(!path.join(format!("log/openings/{named}.txt")).exists());
    assert!(path.join("log/openings/7.txt").exists(), "the other map names nobody");
    let report = verdict(&path);
    assert_eq!(report.problems, []);
    assert!(report.not_proven.join("\n").contains("1 documents that are withheld"), "{:?}", report.not_proven);
    let index = fs::read_to_string(path.join("02_EVIDENCE_INDEX.csv")).unwrap();
    assert!(index.contains("withheld whole"), "{index}");
}

#[test]
fn a_redacted_pack_is_still_found_altered() {
    let (_folder, path) = redacted(&[("hr_person", "name")]);
    let file = path.join(HR).join("tables/hr_person.redacted.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("redacted", "redActed", 1)).unwrap();
    let report = verdict(&path);
    assert!(!report.verified);
    assert!(report.problems.iter().any(|problem| problem.path.ends_with("hr_person.redacted.jsonl")), "{report:?}");
}

#[test]
fn what_cannot_be_redacted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut plan) = contents(folder.path());
    let target = folder.path().join("q1");
    plan.redact = vec![("hr_person".to_owned(), "name".to_owned())];
    assert!(matches!(export(&plan, &log, &target, Form::Folder), Err(PackError::Plan(_))), "the database shows it");
    plan.database = None;
    plan.redact = vec![("hr_person".to_owned(), "nmae".to_owned())];
    let error = export(&plan, &log, &target, Form::Folder).unwrap_err();
    assert!(error.to_string().contains("hr_person.nmae"), "{error}");
    assert!(!target.exists());
}

#[test]
fn only_a_redacted_pack_has_the_second_format() {
    let (_folder, path) = redacted(&[("hr_person", "name")]);
    let manifest: PackManifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
    assert_eq!(manifest.schema, PackManifest::REDACTED);
    assert_eq!(manifest.redaction.unwrap().columns, ["hr_person.name"]);
    let (_folder, path) = super::fixture::pack(Form::Folder);
    let manifest: PackManifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
    assert_eq!((manifest.schema.as_str(), manifest.redaction), (PackManifest::SCHEMA, None));
    assert!(!matches!(verify(&path, &VerifyOptions::default()), Err(VerifyError::Newer { .. })));
}
