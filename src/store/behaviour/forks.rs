//! A store that is not the only or not the newest copy of its log: told by the lock, the published log, a mirror or a
//! witness, refused, and taken up again on a person's word only.

use super::fsck::check;
use super::losses::files;
use super::support::{Scene, TOOL, at, fill, key, missed};
use crate::shelf::Hints;
use crate::{Asked, Consult, Cosigned, Held, Keeping, Reader, Restoration, Store, StoreError};
use ledger::{Body, NoteSignature, SignedCheckpoint, SigningKey, WitnessKey};
use std::cell::RefCell;
use std::fs;
use std::path::Path;

fn witness() -> WitnessKey {
    WitnessKey::from_seed("witness.example/w1", &[2; 32]).unwrap()
}

/// A witness that holds what it was shown last, and the rules of tlog-witness.
#[derive(Default)]
struct Witness {
    latest: RefCell<Option<SignedCheckpoint>>,
}

impl Witness {
    fn ask(&self, reader: &Reader, checkpoint: &SignedCheckpoint) -> Asked {
        let mut latest = self.latest.borrow_mut();
        if let Some(latest) = &*latest {
            let (size, by) = (latest.size(), witness().verifier().name().to_owned());
            let extended = size <= checkpoint.size()
                && reader
                    .consistency_between(size, checkpoint.size())
                    .unwrap()
                    .verify(latest.root(), checkpoint.size(), checkpoint.root())
                    .is_ok();
            if !extended {
                let problem = format!("witness has {size}");
                return Asked { held: vec![Held { by, size, checkpoint: None, problem }], cosigned: Vec::new() };
            }
        }
        let line: NoteSignature = witness().cosign(checkpoint, at(500)).unwrap();
        *latest = Some(checkpoint.clone());
        let cosigned = Cosigned::new(checkpoint, witness().verifier(), &[line]).unwrap();
        Asked { held: Vec::new(), cosigned: vec![cosigned] }
    }
}

fn open(scene: &Scene, mirror: Option<&Path>, consult: Option<Consult<'_>>) -> Result<Store, StoreError> {
    let key = key();
    let keeping = Keeping { mirror, consult, ..Keeping::with(&key) };
    Store::open_with(&scene.paths, &keeping, at(9_000), TOOL)
}

fn restore(scene: &Scene, mirror: Option<&Path>, consult: Option<Consult<'_>>) -> Result<Store, StoreError> {
    let key = key();
    let keeping = Keeping { mirror, consult, ..Keeping::with(&key) };
    let restoration = Restoration { by: "Ada", reason: "the disk died", held: &[] };
    let (store, entry) = Store::restore(&scene.paths, &keeping, &restoration, at(9_500), TOOL)?;
    assert!(matches!(entry.entry.body, Body::Restore { .. }));
    Ok(store)
}

fn refused(outcome: Result<Store, StoreError>, says: &str) {
    let error = outcome.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Rollback { .. }), "{error}");
    assert!(error.to_string().contains(says), "{error}");
    assert!(error.help().unwrap().contains("log restore"));
}

/// After a restore the store is sound, goes on, and says what was given up.
fn sound_and_going_on(scene: &Scene, mut store: Store, held: &[(&str, u64)]) {
    let entry = store.reader().last_of_series("log").unwrap().unwrap();
    let Body::Restore { held: cited, .. } = &entry.entry.body else { panic!("{entry:?}") };
    let cited: Vec<(&str, u64)> = cited.iter().map(|held| (held.by.as_str(), held.size)).collect();
    assert_eq!(cited, held);
    let document: serde_json::Value =
        serde_json::from_slice(&store.reader().document(entry.index).unwrap().unwrap()).unwrap();
    assert_eq!(document["reason"], "the disk died");
    store.append(at(9_600), vec![missed("z", 9)]).unwrap();
    drop(store);
    assert_eq!(check(scene).problems, []);
}

/// Stores of one log: one older than the other by two entries.
fn older_and_newer() -> (Scene, Scene) {
    let older = Scene::filled();
    let newer = older.image();
    newer.open().unwrap().append(at(100), vec![missed("a", 1), missed("a", 2)]).unwrap();
    (older, newer)
}

#[test]
fn a_database_behind_the_lock_goes_on_after_a_restore_only() {
    let (older, newer) = older_and_newer();
    fs::copy(older.paths.database(), newer.paths.database()).unwrap();
    refused(newer.open(), "a log of 12 entries was signed, 10 are here");
    // reading goes on, and says so
    let reader = Reader::open(&newer.paths, key().verifier()).unwrap();
    assert!(reader.behind(None).unwrap().unwrap().contains("12 entries was signed, 10 are here"));
    assert_eq!(reader.entries(0..100).unwrap().len(), 10);
    drop(reader);
    let store = restore(&newer, None, None).unwrap();
    sound_and_going_on(&newer, store, &[("lock", 12), ("published", 12)]);
    newer.open().unwrap();
}

#[test]
fn databases_behind_what_was_published_are_read_and_go_on_after_a_restore_only() {
    let (older, newer) = older_and_newer();
    for file in ["evidence.sqlite", "lock.sqlite"] {
        fs::copy(older.paths.dir.join(file), newer.paths.dir.join(file)).unwrap();
    }
    refused(newer.open(), "a log of 12 entries was published");
    let reader = Reader::open(&newer.paths, key().verifier()).unwrap();
    assert_eq!(reader.checkpoint().unwrap().size(), 10, "what is here can still be proven");
    reader.proof_file(9).unwrap();
    assert!(reader.behind(None).unwrap().is_some());
    drop(reader);
    let store = restore(&newer, None, None).unwrap();
    sound_and_going_on(&newer, store, &[("published", 12)]);
    // what was given up is kept
    let kept = fs::read(newer.paths.given_up(1).join("checkpoint")).unwrap();
    assert_eq!(SignedCheckpoint::open(kept, key().verifier()).unwrap().size(), 12);
}

#[test]
fn a_lock_that_is_older_than_rows_and_publication_is_refused() {
    let (older, newer) = older_and_newer();
    fs::copy(older.paths.dir.join("lock.sqlite"), newer.paths.dir.join("lock.sqlite")).unwrap();
    refused(newer.open(), "the last one known to be signed has 10");
    let store = restore(&newer, None, None).unwrap();
    sound_and_going_on(&newer, store, &[("published", 12)]);
    assert!(!newer.paths.given_up(1).exists(), "the published log is this one's");
}

#[test]
fn a_whole_copy_restored_from_an_older_one_is_told_by_the_mirror_alone() {
    let mirror = tempfile::tempdir().unwrap();
    let scene = Scene::filled();
    drop(open(&scene, Some(mirror.path()), None).unwrap());
    let backup = scene.image();
    let mut store = open(&scene, Some(mirror.path()), None).unwrap();
    store.append(at(100), vec![missed("a", 1)]).unwrap();
    drop(store);
    assert_eq!(fs::read(mirror.path().join("checkpoint")).unwrap(), fs::read(scene.paths.checkpoint()).unwrap());
    assert!(Reader::open(&backup.paths, key().verifier()).unwrap().behind(Some(mirror.path())).unwrap().is_some());

    let before = files(&backup.paths.dir);
    refused(open(&backup, Some(mirror.path()), None), "a log of 11 entries was shown to `mirror`");
    assert_eq!(files(&backup.paths.dir), before);
    // without the mirror nothing on this machine tells: that is the honest limit
    drop(backup.image().open().unwrap());

    let store = restore(&backup, Some(mirror.path()), None).unwrap();
    sound_and_going_on(&backup, store, &[("mirror", 11)]);
}

#[test]
fn of_two_running_copies_the_second_to_sign_stops_before_its_signature_leaves() {
    let mirror = tempfile::tempdir().unwrap();
    let one = Scene::filled();
    let two = one.image();
    let mut first = open(&one, Some(mirror.path()), None).unwrap();
    let mut second = open(&two, Some(mirror.path()), None).unwrap();
    first.append(at(100), vec![missed("a", 1)]).unwrap();
    let error = second.append(at(101), vec![missed("a", 2)]).unwrap_err();
    assert!(error.to_string().contains("another copy of this store has signed"), "{error}");
    assert_eq!(second.reader().checkpoint().unwrap().size(), 10);
    let error = second.append(at(102), vec![missed("a", 3)]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
    first.append(at(103), vec![missed("a", 4)]).unwrap();
    drop(second);
    refused(open(&two, Some(mirror.path()), None), "mirror");
}

#[test]
fn a_mirror_that_is_not_there_is_not_made() {
    let scene = Scene::filled();
    let away = scene.paths.dir.with_extension("no-mirror");
    let error = open(&scene, Some(&away), None).unwrap_err();
    assert!(matches!(error, StoreError::MirrorAway { .. }), "{error}");
    assert!(!away.exists());
}

#[test]
fn a_witness_tells_a_restored_copy_and_after_the_restore_only_a_living_other_copy() {
    let witness = Witness::default();
    let ask = |reader: &Reader, checkpoint: &SignedCheckpoint| witness.ask(reader, checkpoint);
    let scene = Scene::filled();
    let backup = scene.image();
    let mut store = open(&scene, None, Some(&ask)).unwrap();
    store.append(at(100), vec![missed("a", 1)]).unwrap();
    let asked = witness.ask(&store.reader(), &store.reader().checkpoint().unwrap());
    store.witnessed(&asked).unwrap();
    let shown = store.reader().checkpoint().unwrap();
    ledger::cosignature::verify(&shown, super::forks::witness().verifier()).unwrap();
    drop(store);
    assert_eq!(check(&scene).problems, []);
    assert_eq!(open(&scene, None, Some(&ask)).unwrap().reader().cosigned().unwrap().len(), 1);

    refused(open(&backup, None, Some(&ask)), "witness has 11");
    let store = restore(&backup, None, Some(&ask)).unwrap();
    sound_and_going_on(&backup, store, &[("witness.example/w1", 11)]);
    // what was given up no longer stands in the way
    drop(open(&backup, None, Some(&ask)).unwrap());
    // but the other copy is still alive
    open(&scene, None, None).unwrap().append(at(110), vec![missed("a", 5)]).unwrap();
    drop(open(&scene, None, Some(&ask)).unwrap());
    refused(open(&backup, None, Some(&ask)), "witness has 12");
}

#[test]
fn a_running_store_stops_when_a_witness_knows_another_log() {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    let held = Held { by: "w".into(), size: 99, checkpoint: None, problem: "the witness has 99".into() };
    let error = store.witnessed(&Asked { held: vec![held], cosigned: Vec::new() }).unwrap_err();
    assert!(matches!(error, StoreError::Rollback { .. }), "{error}");
    assert!(matches!(store.append(at(1), vec![missed("a", 1)]), Err(StoreError::Poisoned { .. })));
}

#[test]
fn what_is_not_behind_is_not_restored() {
    let scene = Scene::filled();
    let before = files(&scene.paths.dir);
    let error = restore(&scene, None, None).unwrap_err();
    assert!(matches!(error, StoreError::NotBehind { .. }), "{error}");
    assert_eq!(files(&scene.paths.dir), before);
}

#[test]
fn a_checkpoint_that_somebody_brings_along_is_cited() {
    let (older, newer) = older_and_newer();
    let file = newer.paths.checkpoint();
    let key = key();
    let restoration = Restoration { by: "Ada", reason: "the disk died", held: std::slice::from_ref(&file) };
    let (store, _) = Store::restore(&older.paths, &Keeping::with(&key), &restoration, at(9_500), TOOL).unwrap();
    sound_and_going_on(&older, store, &[("file", 12)]);
    // one that this log extends, or that another key signed, is no reason
    let own = older.paths.checkpoint();
    let restoration = Restoration { held: std::slice::from_ref(&own), ..restoration };
    let outcome = Store::restore(&older.paths, &Keeping::with(&key), &restoration, at(9_600), TOOL);
    assert!(matches!(outcome, Err(StoreError::NotBehind { .. })));
}

#[test]
fn a_swap_lost_to_another_process_shows_nothing() {
    let scene = Scene::bare();
    let mut store = scene.init();
    fill(&mut store);
    let mut prepared = store.prepare(at(100), vec![missed("a", 1)]).unwrap();
    store.store_documents::<Vec<u8>>(&mut prepared, &[], &[], Hints::new()).unwrap();
    store.acknowledge(&prepared).unwrap();
    store.integrate().unwrap();
    // somebody signs the same size in between
    let other = scene.image();
    drop(other.open().unwrap());
    fs::copy(other.paths.dir.join("lock.sqlite"), scene.paths.dir.join("lock.sqlite")).unwrap();
    let before = fs::read(scene.paths.checkpoint()).unwrap();
    let error = store.sign().unwrap_err();
    assert!(error.is_fail_stop(), "{error}");
    store.show().unwrap();
    assert_eq!(fs::read(scene.paths.checkpoint()).unwrap(), before);
}

#[test]
fn a_kill_between_swap_mirror_and_publication_is_completed() {
    let mirror = tempfile::tempdir().unwrap();
    let scene = Scene::filled();
    drop(open(&scene, Some(mirror.path()), None).unwrap());
    let before = fs::read(mirror.path().join("checkpoint")).unwrap();
    let mut store = open(&scene, Some(mirror.path()), None).unwrap();
    let mut prepared = store.prepare(at(100), vec![missed("a", 1)]).unwrap();
    store.store_documents::<Vec<u8>>(&mut prepared, &[], &[], Hints::new()).unwrap();
    store.acknowledge(&prepared).unwrap();
    store.integrate().unwrap();
    store.sign().unwrap();
    // swapped, neither mirrored nor published
    let killed = scene.image();
    fs::write(mirror.path().join("checkpoint"), before).unwrap();
    drop(open(&killed, Some(mirror.path()), None).unwrap());
    let shown = fs::read(killed.paths.checkpoint()).unwrap();
    assert_eq!(SignedCheckpoint::open(&shown, key().verifier()).unwrap().size(), 11);
    assert_eq!(fs::read(mirror.path().join("checkpoint")).unwrap(), shown);
}

#[test]
fn a_restore_killed_after_any_step_is_refused_again_or_explained() {
    // what a restore writes, in its order: the entry, the published log aside, the lock, the published checkpoint
    let (older, newer) = older_and_newer();
    for file in ["evidence.sqlite", "lock.sqlite"] {
        fs::copy(older.paths.dir.join(file), newer.paths.dir.join(file)).unwrap();
    }
    let whole = newer.image();
    drop(restore(&whole, None, None).unwrap());
    // killed after the entry
    let entry_only = newer.image();
    fs::copy(whole.paths.database(), entry_only.paths.database()).unwrap();
    super::support::copy_tree(&whole.paths.openings(), &entry_only.paths.openings());
    super::support::copy_tree(&whole.paths.blobs, &entry_only.paths.blobs);
    refused(entry_only.open(), "12 entries");
    let store = restore(&entry_only, None, None).unwrap();
    sound_and_going_on(&entry_only, store, &[("published", 12)]);
    // killed after the published log was put aside
    let aside = newer.image();
    fs::copy(whole.paths.database(), aside.paths.database()).unwrap();
    super::support::copy_tree(&whole.paths.openings(), &aside.paths.openings());
    super::support::copy_tree(&whole.paths.blobs, &aside.paths.blobs);
    fs::rename(aside.paths.log(), aside.paths.given_up(1)).unwrap();
    let store = aside.open().unwrap();
    assert!(matches!(store.reader().last_of_series("log").unwrap().unwrap().entry.body, Body::Restore { .. }));
    drop(store);
    assert_eq!(check(&aside).problems, []);
}

#[test]
fn a_changed_key_is_signed_by_both_and_followed_from_the_first() {
    let (old, new) = (key(), SigningKey::from_seed("evidenced.example/test", &[9; 32]).unwrap());
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    let entry = store.rotate(at(100), &new).unwrap();
    let checkpoint = store.reader().checkpoint().unwrap();
    assert!(checkpoint.is_signed_by(old.verifier()) && checkpoint.is_signed_by(new.verifier()));
    store.append(at(101), vec![missed("a", 1)]).unwrap();
    assert!(store.reader().checkpoint().unwrap().is_signed_by(old.verifier()), "the overlap");
    drop(store);
    assert_eq!(check(&scene).problems, [], "with the old key");
    let error = scene.open().unwrap_err();
    assert!(matches!(error, StoreError::FormerKey { entry: 10, .. }), "{error}");

    let keeping = Keeping { previous_key: Some(&old), ..Keeping::with(&new) };
    let mut store = Store::open_with(&scene.paths, &keeping, at(200), TOOL).unwrap();
    store.append(at(201), vec![missed("a", 2)]).unwrap();
    assert!(store.reader().checkpoint().unwrap().is_signed_by(old.verifier()));
    drop(store);
    // the overlap ends
    let mut store = Store::open(&scene.paths, &new, at(300), TOOL).unwrap();
    store.append(at(301), vec![missed("a", 3)]).unwrap();
    let last = store.reader().checkpoint().unwrap();
    assert!(!last.is_signed_by(old.verifier()));
    let rotations = store.reader().rotations().unwrap();
    assert_eq!(rotations.len(), 1);
    assert_eq!(rotations[0].0, entry.index);
    let handover = SignedCheckpoint::open(&rotations[0].1, old.verifier()).unwrap();
    assert!(handover.is_signed_by(new.verifier()) && handover.size() > entry.index);
    drop(store);
    for key in [&old, &new] {
        let report = crate::fsck(&scene.paths, key.verifier(), &|_, _, _| {}).unwrap();
        assert_eq!(report.problems, []);
        let reader = Reader::open(&scene.paths, key.verifier()).unwrap();
        assert_eq!(reader.checkpoint().unwrap().body(), last.body());
    }
    // what shows that the old key agreed is part of the store
    fs::remove_file(scene.paths.rotation(entry.index)).unwrap();
    let report = check_with(&scene, &new);
    assert!(report.iter().any(|problem| problem.contains("former key signed entry 10")), "{report:?}");
}

fn check_with(scene: &Scene, key: &SigningKey) -> Vec<String> {
    let report = crate::fsck(&scene.paths, key.verifier(), &|_, _, _| {}).unwrap();
    report.problems.iter().map(|problem| problem.problem.clone()).collect()
}

#[test]
fn a_change_of_key_killed_before_its_signature_needs_both_keys_once() {
    let (old, new) = (key(), SigningKey::from_seed("evidenced.example/test", &[9; 32]).unwrap());
    let scene = Scene::filled();
    let rotated = scene.image();
    rotated.open().unwrap().rotate(at(100), &new).unwrap();
    // the rows say it, nothing signed covers it
    fs::copy(rotated.paths.database(), scene.paths.database()).unwrap();
    assert!(matches!(scene.open(), Err(StoreError::FormerKey { .. })));
    let error = Store::open(&scene.paths, &new, at(1), TOOL).unwrap_err();
    assert!(matches!(error, StoreError::UnsignedRotation { entry: 10, .. }), "{error}");
    let keeping = Keeping { previous_key: Some(&old), ..Keeping::with(&new) };
    let store = Store::open_with(&scene.paths, &keeping, at(200), TOOL).unwrap();
    assert_eq!(store.reader().rotations().unwrap().len(), 1);
    drop(store);
    drop(Store::open(&scene.paths, &new, at(300), TOOL).unwrap());
    assert_eq!(check_with(&scene, &new), Vec::<String>::new());
}

#[test]
fn a_stolen_former_key_signs_nothing_that_is_accepted() {
    let (old, new) = (key(), SigningKey::from_seed("evidenced.example/test", &[9; 32]).unwrap());
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    store.rotate(at(100), &new).unwrap();
    let checkpoint = store.reader().checkpoint().unwrap().checkpoint().clone();
    drop(store);
    let forged = checkpoint.sign(&old).unwrap();
    fs::write(scene.paths.checkpoint(), forged.text()).unwrap();
    let error = Store::open(&scene.paths, &new, at(1), TOOL).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    // nor is the former key the log's for a second change
    let other = SigningKey::from_seed("evidenced.example/test", &[10; 32]).unwrap();
    assert!(matches!(Store::open(&scene.paths, &other, at(1), TOOL), Err(StoreError::WrongKey { .. })));
}
