//! Packs as whoever makes and whoever receives them sees them.

mod bits;
mod extent;
pub(crate) mod fixture;
mod hostile;
mod mutated;
mod pages;
mod previous;
mod redaction;
mod rotation;
mod shell;
mod streaming;
mod tamper;

use crate::*;
use fixture::*;
use std::fs;
use std::path::Path;

fn verdict(path: &Path) -> VerifyReport {
    verify(path, &VerifyOptions::default()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_pack_verifies_in_both_forms_and_says_what_it_does_not_prove() {
    for form in [Form::Archive, Form::Folder] {
        let (_folder, path) = pack(form);
        let report = verdict(&path);
        assert_eq!(report.problems, []);
        assert!(report.verified);
        let proven = report.proven.join("\n");
        assert!(proven.contains("9 entries"), "{proven}");
        assert!(
            proven.contains("6 sealed documents (1 evaluation, 1 finding_event, 1 identity_map, 3 snapshot)"),
            "{proven}"
        );
        assert!(proven.contains("the 9 answers in exchanges/ and the 3 tables"), "{proven}");
        let not_proven = report.not_proven.join("\n");
        for limit in
            ["1 of the log's 4 snapshots", "second history", "timestamp authority", "sources told the truth", "--key"]
        {
            assert!(not_proven.contains(limit), "{limit}: {not_proven}");
        }
    }
}

#[test]
fn the_same_contents_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let (one, two) = (folder.path().join("one.zip"), folder.path().join("two.zip"));
    let first = export(&plan, &log, &one, Form::Archive).unwrap();
    let second = export(&plan, &log, &two, Form::Archive).unwrap();
    assert_eq!(first.manifest_sha256, second.manifest_sha256);
    assert!(fs::read(one).unwrap() == fs::read(two).unwrap());
    let third = export(&plan, &log, &folder.path().join("three"), Form::Folder).unwrap();
    assert_eq!(first.manifest_sha256, third.manifest_sha256, "both forms hold the same files");
}

#[test]
fn foreign_names_stay_inside_and_foreign_cells_stay_inert() {
    let (_folder, path) = pack(Form::Folder);
    let snapshot = path.join("evidence/aws-prod/2026-02-01/20260201T000000Z-aws-.-x");
    assert!(snapshot.join("manifest.json").is_file(), "{:?}", names(&path.join("evidence")));
    assert_eq!(
        names(&snapshot.join("exchanges")),
        ["0001-GET-people-.-.-id.json", "0002-read.csv.txt", "0003-read.bin"]
    );
    let sheet = fs::read_to_string(snapshot.join("tables/hr_person.csv")).unwrap();
    assert!(sheet.contains("1,\"'=HYPERLINK(\"\"http://evil.example\"\")\",-3,"), "{sheet}");
    let findings = fs::read_to_string(path.join("findings/findings.csv")).unwrap();
    assert!(findings.contains(",'=aws:ada,"), "{findings}");
    let html = fs::read_to_string(path.join("00_README.html")).unwrap();
    assert!(html.contains("Acme &lt;Ltd&gt;") && !html.contains("<script") && !html.contains("href"), "{html}");
}

#[test]
fn the_front_pages_say_what_the_documents_say() {
    let (_folder, path) = pack(Form::Folder);
    let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(
        read("controls/iso27001-2022.csv"),
        "control,title,coverage,outcome,checks,evaluated_at,evaluations_in_period,added_evidence\n\
         A.5.18,Access,check,fail,leaver_still_active fail,2026-02-01T01:00:00Z,1,\n\
         A.7.1,Boundaries,manual,manual evidence,,,0,\n"
    );
    let coverage = read("04_COVERAGE.csv");
    assert!(coverage.contains("hr,2026-02-02T00:00:00Z,yes,missed,the daemon was off,,,\n"), "{coverage}");
    assert!(coverage.contains("incomplete,a call was refused,20260201T000000Z-aws/../x"), "{coverage}");
    let index = read("02_EVIDENCE_INDEX.csv");
    assert_eq!(index.lines().count(), 7, "{index}");
    let hr = index.lines().find(|line| line.starts_with("20260201T000000Z-hr-1,")).unwrap();
    assert!(hr.contains("iso27001:2022/A.5.18") && hr.contains("GET https://hr.example/x"), "{hr}");
    assert!(hr.contains(",R-7,"), "{hr}");
    assert_eq!(
        read("03_REQUESTS.csv"),
        "request_id,request,controls,sources,due,our_status,our_note,auditor_status,auditor_note,evidence_items\n\
         R-7,'=Show the leavers,iso27001:2022/A.5.18,,2026-04-01,submitted,,,sample of two,2\n"
    );
    assert_eq!(read("05_EXCEPTIONS.csv").lines().count(), 1);
    let scope = read("01_SCOPE.json");
    assert!(scope.contains("no premises") && scope.contains("\"what\": \"payroll\""), "{scope}");
    let readme = read("00_README.txt");
    for said in [
        "SAMPLE DATA",
        "payroll: out of scope",
        "3: 2 complete, 1 incomplete, 0 suspect, 0 failed",
        "1, of which 1 are open",
    ] {
        assert!(readme.contains(said), "{said}: {readme}");
    }
    let entries = read("log/entries.jsonl");
    assert_eq!(entries.lines().count(), 9, "every entry, also those whose documents are not shipped");
    assert!(!path.join("log/openings/8.txt").exists(), "no opening without its document");
}

#[test]
fn a_failed_export_leaves_nothing() {
    for form in [Form::Archive, Form::Folder] {
        let folder = tempfile::tempdir().unwrap();
        let (log, plan) = contents(folder.path());
        log.fuse.set(Some(5));
        let error = export(&plan, &log, &folder.path().join("q1"), form).unwrap_err();
        assert!(matches!(error, PackError::Source { .. }), "{error}");
        assert_eq!(names(folder.path()), ["tables.sqlite"]);
    }
}

#[test]
fn what_a_killed_export_left_is_cleared_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    fs::create_dir_all(folder.path().join(".q1.zip.partial/x")).unwrap();
    export(&plan, &log, &folder.path().join("q1.zip"), Form::Archive).unwrap();
    assert_eq!(names(folder.path()), ["q1.zip", "tables.sqlite"]);
}

#[test]
fn an_existing_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let target = folder.path().join("q1.zip");
    fs::write(&target, "mine").unwrap();
    assert!(matches!(export(&plan, &log, &target, Form::Archive), Err(PackError::Exists(_))));
    assert_eq!(fs::read(&target).unwrap(), b"mine");
}

#[test]
fn a_store_whose_bytes_do_not_prove_gives_no_pack() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("q1.zip");
    let (mut log, plan) = contents(folder.path());
    let first = *log.blobs.keys().next().unwrap();
    log.blobs.insert(first, b"something else".to_vec());
    assert!(matches!(export(&plan, &log, &target, Form::Archive), Err(PackError::Unproven { .. })));

    fs::remove_file(folder.path().join("tables.sqlite")).unwrap();
    let (mut log, plan) = contents(folder.path());
    log.entries[4].push(b' ');
    assert!(matches!(export(&plan, &log, &target, Form::Archive), Err(PackError::Unproven { .. })));

    let other = ledger::SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap();
    let wrong = prepare(&plan, &log, &other, &target, Form::Archive, &mut |_| ());
    assert!(matches!(wrong, Err(PackError::Plan(_))));
    assert!(!target.exists());
}

#[test]
fn progress_counts_the_documents() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let mut seen = Vec::new();
    prepare(&plan, &log, &key(), &folder.path().join("q1.zip"), Form::Archive, &mut |step| {
        seen.push((step.done, step.total));
    })
    .unwrap();
    assert_eq!(seen, (1..=6).map(|done| (done, 6)).collect::<Vec<_>>());
}

#[test]
fn a_pinned_checkpoint_shows_whether_the_log_is_the_same_one() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let path = folder.path().join("q1.zip");
    export(&plan, &log, &path, Form::Archive).unwrap();
    let with = |checkpoint: String| {
        verify(&path, &VerifyOptions { pinned_checkpoint: Some(checkpoint), ..VerifyOptions::default() })
    };
    for size in [0, 1, 5, 9] {
        let report = with(log.checkpoint_at(size, &key())).unwrap();
        assert!(report.verified, "{size}: {:?}", report.problems);
        assert!(report.proven.join("\n").contains(&format!("its first {size} entries")));
        assert!(!report.not_proven.join("\n").contains("second history"));
    }
    let mut other = Log::default();
    other.append("log", ledger::Body::IdentityMap, Some((b"x".to_vec(), "text/plain")));
    let report = with(other.checkpoint(&key())).unwrap();
    assert_eq!(report.problems[0].path, "log/checkpoint");
    assert!(report.problems[0].problem.contains("rewritten"), "{:?}", report.problems);

    let mut longer = contents(&tempfile::tempdir().unwrap().keep()).0;
    longer.append("log", ledger::Body::IdentityMap, Some((b"x".to_vec(), "text/plain")));
    let report = with(longer.checkpoint(&key())).unwrap();
    assert!(report.problems[0].problem.contains("older than your checkpoint"), "{:?}", report.problems);
    assert!(matches!(with("nonsense".into()), Err(VerifyError::Option { .. })));
}

#[test]
fn a_pack_of_another_key_is_found_when_the_key_is_known() {
    let (_folder, path) = pack(Form::Archive);
    let with = |seed: u8| {
        let key = ledger::SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap();
        verify(&path, &VerifyOptions { expected_key: Some(key.verifier().clone()), ..VerifyOptions::default() })
            .unwrap()
    };
    let report = with(7);
    assert!(report.verified && !report.not_proven.join("\n").contains("--key"));
    let report = with(8);
    assert!(report.problems.iter().any(|problem| problem.path == "log/log-key.vkey"), "{:?}", report.problems);
}

#[test]
fn what_is_not_a_pack_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(verify(folder.path(), &VerifyOptions::default()), Err(VerifyError::NotAPack(_))));
    assert!(matches!(verify(&folder.path().join("absent"), &VerifyOptions::default()), Err(VerifyError::Read { .. })));
    for bytes in [&b""[..], b"hello", &[0; 4096]] {
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        assert!(matches!(verify(&path, &VerifyOptions::default()), Err(VerifyError::NotAPack(_))));
    }
}

#[test]
fn a_pack_of_an_earlier_program_verifies_for_ever() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/packs/v1/small.zip");
    if std::env::var_os("UPDATE").is_some() && !golden.exists() {
        let folder = tempfile::tempdir().unwrap();
        let (log, plan) = contents(folder.path());
        export(&plan, &log, &golden, Form::Archive).unwrap();
    }
    let options = VerifyOptions {
        expected_key: Some(key().verifier().clone()),
        pinned_checkpoint: Some(contents(&tempfile::tempdir().unwrap().keep()).0.checkpoint_at(3, &key())),
        policy: None,
    };
    let report = verify(&golden, &options).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.proven.len(), 7, "{:?}", report.proven);
}
