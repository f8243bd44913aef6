//! Who may sign in. Every change is sealed with the entry that says so: where that fails, nothing has changed.

use super::{Line, now};
use crate::access::{Password, Second, Secret};
use crate::failure::{Exit, Failure};
use jiff::SignedDuration;
use ledger::Body;
use model::{Digest, Role, Timestamp};
use serde::Serialize;
use store::{AccessChange, Document, Draft, LinkRow, Reader, SessionRow, StoreError, UserRow, UserSource};

/// The series of every such entry.
const SERIES: &str = "access";
const SCHEMA: &str = "evidenced/access-event/v1";
const MEDIA_TYPE: &str = "application/vnd.evidenced.access-event+json";

/// How long somebody stays signed in.
pub(crate) const SESSION: SignedDuration = SignedDuration::from_hours(12);
/// How long a set-up link holds.
const LINK: SignedDuration = SignedDuration::from_hours(24);
/// Names are read by people.
const LONGEST_NAME: usize = 200;

/// What happened: the document behind the entry.
#[derive(Serialize)]
struct Happened<'a> {
    schema: &'static str,
    event: &'a str,
    at: Timestamp,
    user: Whom<'a>,
    by: &'a str,
}

#[derive(Serialize)]
struct Whom<'a> {
    id: &'a str,
    name: &'a str,
    role: Role,
    source: &'static str,
    disabled: bool,
}

/// A link by which somebody sets password and second factor, once.
#[derive(Debug)]
pub(crate) struct SetUpLink {
    pub(crate) secret: Secret,
    pub(crate) ends_at: Timestamp,
}

impl Line {
    /// Lets somebody new sign in, who is to set password and second factor by the link.
    pub(crate) fn add_user(&self, name: &str, role: Role, by: &str) -> Result<(UserRow, SetUpLink), Failure> {
        named(by)?;
        let user = new_user(name, role)?;
        let (link, change) = new_link(&user.id)?;
        let store = self.store()?;
        refuse_taken(&store.reader(), &user)?;
        let drafts = vec![draft("added", &user, by)?, draft("set_up_link", &user, by)?];
        changed(store, drafts, vec![AccessChange::Add(user.clone()), change])?;
        Ok((user, link))
    }

    /// A new link for somebody there is, in place of the former one: what they have set so far holds until it is used.
    pub(crate) fn make_set_up_link(&self, name: &str, by: &str) -> Result<SetUpLink, Failure> {
        named(by)?;
        let store = self.store()?;
        let user = known(&store.reader(), name)?;
        if user.disabled {
            return Err(Failure::usage(format!("`{}` is disabled", user.name), "enable them first"));
        }
        if user.source == UserSource::Oidc {
            let help = "they sign in there, and have no password here";
            return Err(Failure::usage(format!("`{}` is known by the identity provider", user.name), help));
        }
        let (link, change) = new_link(&user.id)?;
        changed(store, vec![draft("set_up_link", &user, by)?], vec![change])?;
        Ok(link)
    }

    /// Changes what somebody is there for; it holds from their next request on.
    pub(crate) fn set_role(&self, name: &str, role: Role, by: &str) -> Result<UserRow, Failure> {
        named(by)?;
        let store = self.store()?;
        let reader = store.reader();
        let user = UserRow { role, ..known(&reader, name)? };
        refuse_own(&user, by)?;
        if role != Role::Administrator {
            refuse_last(&reader, &user)?;
        }
        changed(store, vec![draft("role", &user, by)?], vec![AccessChange::Role(user.id.clone(), role)])?;
        Ok(user)
    }

    /// Somebody may not sign in any more: their sessions end with it.
    pub(crate) fn disable_user(&self, name: &str, by: &str) -> Result<UserRow, Failure> {
        named(by)?;
        let store = self.store()?;
        let reader = store.reader();
        let user = UserRow { disabled: true, ..known(&reader, name)? };
        refuse_own(&user, by)?;
        refuse_last(&reader, &user)?;
        changed(store, vec![draft("disabled", &user, by)?], vec![AccessChange::Disable(user.id.clone())])?;
        Ok(user)
    }

    /// Somebody may sign in again, as they did.
    pub(crate) fn enable_user(&self, name: &str, by: &str) -> Result<UserRow, Failure> {
        named(by)?;
        let store = self.store()?;
        let user = UserRow { disabled: false, ..known(&store.reader(), name)? };
        refuse_own(&user, by)?;
        changed(store, vec![draft("enabled", &user, by)?], vec![AccessChange::Enable(user.id.clone())])?;
        Ok(user)
    }

    /// Adds the first administrator, who sets password and second factor at once. Refused where anybody is known.
    pub(crate) fn add_first(
        &self,
        name: &str,
        password: &Password,
        second: &Second,
        step: u64,
    ) -> Result<UserRow, Failure> {
        let mut user = new_user(name, Role::Administrator)?;
        user.password = Some(password.hash()?);
        user.second = Some(second.seal(password)?);
        user.last_step = step;
        let store = self.store()?;
        if !store.reader().users()?.is_empty() {
            return Err(Failure::usage("somebody can sign in already", "ask them for a set-up link"));
        }
        let drafts = vec![draft("added", &user, &user.name)?, draft("set_up", &user, &user.name)?];
        changed(store, drafts, vec![AccessChange::Add(user.clone())])?;
        Ok(user)
    }

    /// Sets password and second factor of the user whose link that is, and uses the link up.
    pub(crate) fn set_up(
        &self,
        link: &Digest,
        password: &Password,
        second: &Second,
        step: u64,
    ) -> Result<Option<UserRow>, Failure> {
        let (hash, sealed) = (password.hash()?, second.seal(password)?);
        let store = self.store()?;
        let Some(user) = store.reader().linked(link, now())? else { return Ok(None) };
        let set_up = AccessChange::SetUp { user: user.id.clone(), password: hash, second: sealed, step };
        changed(store, vec![draft("set_up", &user, &user.name)?], vec![set_up])?;
        Ok(Some(user))
    }

    /// Signs `user` in: what the browser is to hold. `step` is that of the code they gave. None where they may not any more, or
    /// the code was used meanwhile.
    pub(crate) fn begin_session(&self, user: &UserRow, step: Option<u64>) -> Result<Option<Secret>, Failure> {
        let (secret, made_at) = (Secret::new()?, now());
        let session =
            SessionRow { digest: secret.digest(), user: user.id.clone(), made_at, ends_at: later(made_at, SESSION)? };
        let drafts = vec![draft("signed_in", user, &user.name)?];
        match self.store()?.change_access(now(), drafts, vec![AccessChange::SignIn(session, step)]) {
            Ok(_) => Ok(Some(secret)),
            Err(StoreError::Unsealable { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the session of `user` that `secret` holds.
    pub(crate) fn end_session(&self, user: &UserRow, secret: &Secret) -> Result<(), Failure> {
        let drafts = vec![draft("signed_out", user, &user.name)?];
        changed(self.store()?, drafts, vec![AccessChange::SignOut(secret.digest())])
    }

    /// Seals that somebody tried to sign in as `user` until they were made to wait.
    pub(crate) fn note_refused(&self, user: &UserRow) -> Result<(), Failure> {
        let drafts = vec![draft("sign_in_refused", user, "somebody who did not know how")?];
        changed(self.store()?, drafts, Vec::new())
    }
}

/// The user who signs in by `name` with `password` and the second factor `code`, and the step of that; none: not like this.
pub(crate) fn recognise(
    reader: &Reader,
    name: &str,
    password: &Password,
    code: &str,
) -> Result<Option<(UserRow, u64)>, Failure> {
    let user = reader.user_named(name)?.filter(|user| !user.disabled);
    // as long for a name nobody has
    if !password.is(user.as_ref().and_then(|user| user.password.as_deref()))? {
        return Ok(None);
    }
    let Some(user) = user else { return Ok(None) };
    let second = user.second.as_deref().map(|sealed| Second::open(sealed, password)).transpose()?.flatten();
    let step = second.and_then(|second| second.step_of(code, now(), user.last_step));
    Ok(step.map(|step| (user, step)))
}

fn changed(mut store: super::Held<'_>, drafts: Vec<Draft>, changes: Vec<AccessChange>) -> Result<(), Failure> {
    match store.change_access(now(), drafts, changes) {
        Ok(_) => Ok(()),
        // what was looked at before says the same in kinder words
        Err(StoreError::Unsealable { problem }) => Err(Failure::usage(problem, "look again, then decide")),
        Err(error) => Err(error.into()),
    }
}

fn draft(event: &str, user: &UserRow, by: &str) -> Result<Draft, Failure> {
    let document = Happened {
        schema: SCHEMA,
        event,
        at: now(),
        user: Whom {
            id: &user.id,
            name: &user.name,
            role: user.role,
            source: user.source.as_str(),
            disabled: user.disabled,
        },
        by,
    };
    Ok(Draft {
        body: Body::Access { user: user.id.clone(), event: event.to_owned() },
        series: SERIES.to_owned(),
        document: Some(Document::new(model::canonical_json(&document)?, MEDIA_TYPE)),
    })
}

fn new_user(name: &str, role: Role) -> Result<UserRow, Failure> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Failure::usage(
            "that is no name to sign in by",
            format!("an address like ada@acme.example, or a name, of at most {LONGEST_NAME} bytes"),
        ));
    }
    Ok(UserRow {
        id: format!("u-{}", &Secret::new()?.derived("user")[..16]),
        name,
        role,
        source: UserSource::Local,
        password: None,
        second: None,
        last_step: 0,
        disabled: false,
        made_at: now(),
    })
}

fn new_link(user: &str) -> Result<(SetUpLink, AccessChange), Failure> {
    let link = SetUpLink { secret: Secret::new()?, ends_at: later(now(), LINK)? };
    let row = LinkRow { user: user.to_owned(), digest: link.secret.digest(), ends_at: link.ends_at };
    Ok((link, AccessChange::Link(row)))
}

fn later(instant: Timestamp, by: SignedDuration) -> Result<Timestamp, Failure> {
    instant.checked_add(by).map_err(Failure::store)
}

fn named(by: &str) -> Result<(), Failure> {
    if by.trim().is_empty() {
        return Err(Failure::usage("nobody is named", "say who acts with `--by`"));
    }
    Ok(())
}

fn known(reader: &Reader, name: &str) -> Result<UserRow, Failure> {
    reader
        .user_named(name)?
        .ok_or_else(|| Failure::usage(format!("there is no user `{name}`"), "`evidenced user list` shows them"))
}

fn refuse_taken(reader: &Reader, user: &UserRow) -> Result<(), Failure> {
    if reader.user_named(&user.name)?.is_none() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Usage,
        message: format!("there is a user `{}` already", user.name),
        help: Some("make them a new set-up link, change their role, or enable them".to_owned()),
    })
}

/// Nobody gives themselves a role, or decides on their own being let in.
fn refuse_own(user: &UserRow, by: &str) -> Result<(), Failure> {
    if workflow::same_person(&user.name, by) {
        return Err(Failure::usage("nobody decides on their own access", "ask another administrator"));
    }
    Ok(())
}

/// Somebody has to be left who can say who may sign in.
fn refuse_last(reader: &Reader, user: &UserRow) -> Result<(), Failure> {
    let left =
        reader.users()?.iter().any(|other| other.id != user.id && other.role == Role::Administrator && !other.disabled);
    if left {
        return Ok(());
    }
    Err(Failure::usage(
        format!("`{}` is the last administrator", user.name),
        "make somebody else an administrator first",
    ))
}
