//! What verification would refuse is not written.

use super::fixture::{contents, export, key};
use crate::extent::Limits;
use crate::write::prepare_within;
use crate::{Form, PackError};
use std::fs;

/// What making the fixture's pack within `limits` says, and what it leaves beside the database.
fn within(limits: Limits) -> (Result<u64, PackError>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let target = folder.path().join("q1.zip");
    let made = prepare_within(limits, &plan, &log, &key(), &target, Form::Archive, &mut |_| ());
    let files = made.map(|prepared| prepared.written().files);
    (files, fs::read_dir(folder.path()).unwrap().count() - 1)
}

#[test]
fn a_pack_that_nobody_could_verify_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let files = export(&plan, &log, &folder.path().join("q1"), Form::Folder).unwrap().files;
    let limit = |files: u64| Limits { files: usize::try_from(files).unwrap(), ..Limits::OF_VERIFY };
    assert_eq!(within(limit(files)).0.unwrap(), files, "the limit itself is allowed");
    for fewer in [1, 20, files - 1] {
        let (refused, left) = within(limit(fewer));
        let error = refused.unwrap_err();
        assert!(matches!(error, PackError::TooLarge(_)), "{error}");
        assert!(error.to_string().contains(&format!("verification takes {fewer}\nhelp: narrow the period")), "{error}");
        assert_eq!(left, 0);
    }
    let (refused, left) = within(Limits { document: 100, ..Limits::OF_VERIFY });
    assert!(refused.unwrap_err().to_string().contains("the document of entry 1 has "));
    assert_eq!(left, 0);
}

#[test]
fn too_many_files_are_told_before_an_answer_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    // the first answer that is asked for would end it otherwise
    log.fuse.set(Some(0));
    let limits = Limits { files: 30, ..Limits::OF_VERIFY };
    let made = prepare_within(limits, &plan, &log, &key(), &folder.path().join("q1"), Form::Folder, &mut |_| ());
    // six documents with opening and proof, nine answers, three tables in two forms, and the controls
    assert!(matches!(made.err(), Some(PackError::TooLarge(why)) if why.contains("it would hold 36 files or more")));
}
