//! Who may sign in: no change without its entry, no entry without its change, and nobody in who may not be.

use super::support::{Scene, at, key};
use crate::{AccessChange, Draft, LinkRow, Reader, SessionRow, Store, UserRow, UserSource};
use ledger::Body;
use model::{Digest, Role};

fn ada() -> UserRow {
    UserRow {
        id: "u-1".to_owned(),
        name: "Ada  Lovelace".to_owned(),
        role: Role::ControlOwner,
        source: UserSource::Local,
        password: None,
        second: None,
        last_step: 0,
        disabled: false,
        made_at: at(0),
    }
}

fn draft(event: &str) -> Draft {
    Draft {
        body: Body::Access { user: "u-1".to_owned(), event: event.to_owned() },
        series: "access".to_owned(),
        document: None,
    }
}

fn change(store: &mut Store, second: i64, changes: Vec<AccessChange>) -> Result<u64, crate::StoreError> {
    let appended = store.change_access(at(second), vec![draft("changed")], changes)?;
    Ok(appended[0].index)
}

fn session(name: &[u8], ends: i64) -> SessionRow {
    SessionRow { digest: Digest::of(name), user: "u-1".to_owned(), made_at: at(10), ends_at: at(ends) }
}

fn set_up(store: &mut Store) {
    // both at once, as whoever is added gets a link
    let link = LinkRow { user: "u-1".to_owned(), digest: Digest::of(b"link"), ends_at: at(60) };
    change(store, 1, vec![AccessChange::Add(ada()), AccessChange::Link(link)]).unwrap();
    let set_up = AccessChange::SetUp {
        user: "u-1".to_owned(),
        password: "$argon2id$".to_owned(),
        second: vec![1, 2, 3],
        step: 7,
    };
    let reader = store.reader();
    assert_eq!(reader.linked(&Digest::of(b"link"), at(59)).unwrap().unwrap().id, "u-1");
    assert_eq!(reader.linked(&Digest::of(b"link"), at(60)).unwrap(), None, "it ended");
    change(store, 3, vec![set_up]).unwrap();
    assert_eq!(reader.linked(&Digest::of(b"link"), at(59)).unwrap(), None, "it was used");
}

#[test]
fn a_session_holds_until_it_ends_or_its_user_may_not_any_more() {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    set_up(&mut store);
    let reader = Reader::open(&scene.paths, key().verifier()).unwrap();
    let who = |name: &[u8], second| reader.signed_in(&Digest::of(name), at(second)).unwrap().map(|user| user.role);
    change(&mut store, 10, vec![AccessChange::SignIn(session(b"one", 100), Some(8))]).unwrap();
    change(&mut store, 10, vec![AccessChange::SignIn(session(b"two", 100), Some(9))]).unwrap();
    assert_eq!(who(b"one", 99), Some(Role::ControlOwner));
    assert_eq!(who(b"one", 100), None, "it ended by itself");
    assert_eq!(who(b"else", 99), None);
    // another role holds at once
    change(&mut store, 11, vec![AccessChange::Role("u-1".to_owned(), Role::Auditor)]).unwrap();
    assert_eq!(who(b"one", 99), Some(Role::Auditor));
    change(&mut store, 12, vec![AccessChange::SignOut(Digest::of(b"one"))]).unwrap();
    assert_eq!((who(b"one", 99), who(b"two", 99)), (None, Some(Role::Auditor)));
    change(&mut store, 13, vec![AccessChange::Disable("u-1".to_owned())]).unwrap();
    assert_eq!(who(b"two", 99), None);
    change(&mut store, 14, vec![AccessChange::Enable("u-1".to_owned())]).unwrap();
    assert_eq!(who(b"two", 99), None, "a session that ended does not come back");
    assert_eq!(reader.user_named("ada lovelace ").unwrap().unwrap().id, "u-1");
    drop((reader, store));
    assert_eq!(super::fsck::check(&scene).problems, []);
}

#[test]
fn a_change_that_cannot_be_made_leaves_no_entry_and_a_kill_keeps_what_was_sealed() {
    let scene = Scene::filled();
    let mut store = scene.open().unwrap();
    set_up(&mut store);
    let before = store.reader().checkpoint().unwrap().size();
    // a code that was used, a name that is taken, somebody who is not there
    let used = AccessChange::SignIn(session(b"one", 100), Some(7));
    let twin = AccessChange::Add(UserRow { id: "u-2".to_owned(), name: "ADA lovelace".to_owned(), ..ada() });
    let nobody = AccessChange::Role("u-3".to_owned(), Role::Administrator);
    for refused in [used, twin, nobody] {
        let error = change(&mut store, 20, vec![refused]).unwrap_err();
        assert!(matches!(error, crate::StoreError::Unsealable { .. }), "{error}");
    }
    assert_eq!(store.reader().signed_in(&Digest::of(b"one"), at(50)).unwrap(), None);
    assert_eq!(store.reader().checkpoint().unwrap().size(), before);
    store.change_access(at(21), Vec::new(), vec![AccessChange::Disable("u-1".to_owned())]).unwrap_err();
    assert!(!store.reader().user("u-1").unwrap().unwrap().disabled, "not without an entry");
    // and the store is still one that can be written
    change(&mut store, 22, vec![AccessChange::SignIn(session(b"one", 100), Some(8))]).unwrap();
    let image = scene.image();
    drop(image.open().unwrap());
    let reader = Reader::open(&image.paths, key().verifier()).unwrap();
    assert_eq!(reader.signed_in(&Digest::of(b"one"), at(50)).unwrap().unwrap().last_step, 8);
    assert_eq!(reader.checkpoint().unwrap().size(), before + 1);
}
