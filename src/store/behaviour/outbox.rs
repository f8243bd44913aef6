//! The outbox: nothing is told twice, nothing is lost, and two never send the same at once.

use super::support::{Scene, at, key};
use crate::{Attempt, MessageRow, MessageState, NoticeRow, Reader, Store};

fn row(key: &str) -> NoticeRow {
    NoticeRow {
        destination: "mail".to_owned(),
        key: key.to_owned(),
        happening: "raised".to_owned(),
        kind: "finding".to_owned(),
        subject: "x-1".to_owned(),
        log_index: 1,
        at: at(0),
    }
}

fn message(id: &str) -> MessageRow {
    MessageRow {
        id: id.to_owned(),
        destination: "mail".to_owned(),
        recipient: Some("ada@acme.example".to_owned()),
        state: MessageState::Waiting,
        made_at: at(1),
        attempts: 0,
        next_at: at(1),
        claimed_until: None,
        done_at: None,
        problem: None,
        notices: 0,
    }
}

fn with_a_message(scene: &Scene) -> Store {
    let mut store = scene.open().unwrap();
    store.note_notices("mail", &[row("a"), row("b")], 4, at(0)).unwrap();
    store.note_messages("mail", &[(message("m"), vec!["a".to_owned(), "b".to_owned()])], at(5)).unwrap();
    store
}

#[test]
fn the_same_thing_is_noted_once_whatever_became_of_it() {
    let scene = Scene::filled();
    let mut store = with_a_message(&scene);
    let reader = store.reader();
    store.note_notices("mail", &[row("a"), row("c")], 6, at(0)).unwrap();
    let waiting: Vec<String> = reader.waiting_notices("mail").unwrap().into_iter().map(|row| row.key).collect();
    assert_eq!(waiting, ["c"]);
    assert_eq!(reader.notices_of("m").unwrap().len(), 2);
    let told = reader.told("mail").unwrap().unwrap();
    assert_eq!((told.next, told.digest_at), (6, at(5)));
    assert_eq!(reader.told("slack").unwrap(), None);
}

#[test]
fn a_message_is_one_sender_s_until_its_claim_ends() {
    let scene = Scene::filled();
    let mut store = with_a_message(&scene);
    assert!(store.claim_message("m", at(10), at(70)).unwrap());
    assert!(!store.claim_message("m", at(20), at(80)).unwrap());
    assert!(store.claim_message("m", at(70), at(130)).unwrap());
    store.release_messages().unwrap();
    assert!(store.claim_message("m", at(71), at(131)).unwrap());
    store.note_attempt("m", &Attempt::Sent, at(72)).unwrap();
    store.release_messages().unwrap();
    assert!(!store.claim_message("m", at(200), at(300)).unwrap(), "what was sent is not sent again");
    assert_eq!(store.reader().messages(false).unwrap()[0].attempts, 3);
}

#[test]
fn the_outbox_survives_a_kill_and_forgets_who_was_told() {
    let scene = Scene::filled();
    let mut store = with_a_message(&scene);
    let again = Attempt::Failed { problem: "it is down".to_owned(), again_at: Some(at(60)) };
    assert!(store.claim_message("m", at(10), at(70)).unwrap());
    store.note_attempt("m", &again, at(11)).unwrap();
    store.note_ticket("tracker", "x-1", "7").unwrap();
    let image = scene.image();
    let reader = Reader::open(&image.paths, key().verifier()).unwrap();
    let left = reader.messages(true).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].next_at, left[0].attempts, left[0].notices), (at(60), 1, 2));
    assert_eq!(left[0].recipient.as_deref(), Some("ada@acme.example"));
    assert_eq!(reader.ticket("tracker", "x-1").unwrap().as_deref(), Some("7"));
    drop(reader);

    let mut store = image.open().unwrap();
    store.note_attempt("m", &Attempt::Failed { problem: "gone".to_owned(), again_at: None }, at(90)).unwrap();
    assert_eq!(store.reader().messages(true).unwrap()[0].state, MessageState::GivenUp);
    store.note_attempt("m", &Attempt::Sent, at(91)).unwrap();
    let sent = store.reader().messages(false).unwrap().remove(0);
    assert_eq!((sent.state, sent.recipient, sent.problem), (MessageState::Sent, None, None));
    assert!(store.reader().messages(true).unwrap().is_empty());
    drop(store);
    assert_eq!(super::fsck::check(&image).problems, []);
}

#[test]
fn what_was_last_told_of_evidence_is_found_by_subject() {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    let of = |key: &str, happening: &str| NoticeRow {
        happening: happening.to_owned(),
        kind: "source".to_owned(),
        subject: "aws".to_owned(),
        ..row(key)
    };
    store
        .note_notices("mail", &[of("1", "unseen"), of("2", "seen_again"), of("3", "unseen"), row("4")], 9, at(0))
        .unwrap();
    let last: Vec<String> = store.reader().last_of_evidence("mail").unwrap().into_iter().map(|row| row.key).collect();
    assert_eq!(last, ["3"]);
}
