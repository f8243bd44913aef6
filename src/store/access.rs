//! Who may sign in, and who is signed in. Working tables: each change is made with the entry that says so, or not at all.

use crate::commit::{Draft, LogEntry};
use crate::error::StoreError;
use crate::reader::Reader;
use crate::store::Store;
use jiff::Timestamp;
use model::{Digest, Role, plain_name};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

type Result<T> = rusqlite::Result<T>;

/// Where a user's word for who they are comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSource {
    /// A password and a second factor, kept here.
    Local,
    /// The organisation's identity provider.
    Oidc,
}

impl UserSource {
    /// The word in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Oidc => "oidc",
        }
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Says nothing of who it is: entries of the log name it.
    pub id: String,
    /// The name they sign in by, and act under.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    /// Where their word comes from.
    pub source: UserSource,
    /// The password's hash (argon2id, PHC form); none: not set up yet.
    pub password: Option<String>,
    /// The second factor's secret, sealed under the password.
    pub second: Option<Vec<u8>>,
    /// The last 30 seconds whose code was used.
    pub last_step: u64,
    /// They may not sign in any more.
    pub disabled: bool,
    /// When they were added.
    pub made_at: Timestamp,
}

/// Somebody's being signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of what the browser holds.
    pub digest: Digest,
    /// The user's id.
    pub user: String,
    /// Since when.
    pub made_at: Timestamp,
    /// First instant it holds no longer.
    pub ends_at: Timestamp,
}

/// A link by which a user sets password and second factor, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The user's id.
    pub user: String,
    /// SHA-256 of what the link holds.
    pub digest: Digest,
    /// First instant it holds no longer.
    pub ends_at: Timestamp,
}

/// What changes of who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessChange {
    /// Somebody new may.
    Add(UserRow),
    /// The user of that id is there for something else.
    Role(String, Role),
    /// The user of that id may no longer: their sessions and link end.
    Disable(String),
    /// The user of that id may again.
    Enable(String),
    /// A link for a user, in place of a former one.
    Link(LinkRow),
    /// A user set password and second factor: their link is used up, and other sessions end.
    SetUp {
        /// The user's id.
        user: String,
        /// The password's hash.
        password: String,
        /// The second factor's secret, sealed under the password.
        second: Vec<u8>,
        /// The step of the code that showed it to be set up.
        step: u64,
    },
    /// Somebody signed in; with the step of the code they gave.
    SignIn(SessionRow, Option<u64>),
    /// The session of that digest ended.
    SignOut(Digest),
}

impl Store {
    /// Seals `drafts`, and makes `changes` in the same transaction: there is no change without its entry.
    pub fn change_access(
        &mut self,
        now: Timestamp,
        drafts: Vec<Draft>,
        changes: Vec<AccessChange>,
    ) -> std::result::Result<Vec<LogEntry>, StoreError> {
        let refuse = |problem: String| Err(StoreError::Unsealable { problem });
        if drafts.is_empty() {
            return refuse("who may sign in changes with an entry only".to_owned());
        }
        // before anything is sealed: a change that fails within the transaction would stop all further writing
        let mut added: Vec<&str> = Vec::new();
        for change in &changes {
            if let Some(problem) = hindrance(&self.reader(), change, &added)? {
                return refuse(problem);
            }
            if let AccessChange::Add(user) = change {
                added.push(&user.id);
            }
        }
        self.access = changes;
        let appended = self.append(now, drafts);
        // not with the next entry, where this one was refused
        self.access.clear();
        appended
    }
}

/// Why a change cannot be made. Those of `added` are users by the changes before it.
fn hindrance(
    reader: &Reader,
    change: &AccessChange,
    added: &[&str],
) -> std::result::Result<Option<String>, StoreError> {
    let (id, code) = match change {
        AccessChange::Add(user) => {
            let taken = reader.user_named(&user.name)?.is_some() || reader.user(&user.id)?.is_some();
            return Ok(taken.then(|| format!("there is a user `{}` already", user.name)));
        }
        AccessChange::SignOut(_) => return Ok(None),
        AccessChange::SignIn(session, used) => (&session.user, *used),
        AccessChange::Link(link) => (&link.user, None),
        AccessChange::Role(user, _)
        | AccessChange::Disable(user)
        | AccessChange::Enable(user)
        | AccessChange::SetUp { user, .. } => (user, None),
    };
    let lets_in = matches!(change, AccessChange::SignIn(..) | AccessChange::Link(_) | AccessChange::SetUp { .. });
    if added.contains(&id.as_str()) {
        return Ok(None);
    }
    Ok(match reader.user(id)? {
        None => Some(format!("there is no user `{id}`")),
        Some(found) if found.disabled && lets_in => Some(format!("the user `{id}` is disabled")),
        Some(found) if code.is_some_and(|step| step <= found.last_step) => Some("the code was used before".to_owned()),
        Some(_) => None,
    })
}

/// Makes `changes`, within the transaction of their entry.
pub(crate) fn apply(connection: &Connection, changes: &[AccessChange]) -> Result<()> {
    for change in changes {
        match change {
            AccessChange::Add(user) => {
                connection.execute(
                    "INSERT INTO user VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    params![
                        user.id,
                        user.name,
                        plain_name(&user.name),
                        user.role.as_str(),
                        user.source.as_str(),
                        user.password,
                        user.second,
                        step(user.last_step),
                        user.disabled,
                        user.made_at.as_millisecond(),
                    ],
                )?;
            }
            AccessChange::Role(user, role) => {
                one(connection.execute("UPDATE user SET role = ?2 WHERE id = ?1", params![user, role.as_str()])?)?;
            }
            AccessChange::Disable(user) => {
                one(connection.execute("UPDATE user SET disabled = 1 WHERE id = ?1", [user])?)?;
                shut_out(connection, user)?;
            }
            AccessChange::Enable(user) => {
                one(connection.execute("UPDATE user SET disabled = 0 WHERE id = ?1", [user])?)?;
            }
            AccessChange::Link(link) => {
                connection.execute(
                    "INSERT INTO set_up_link VALUES (?1, ?2, ?3) ON CONFLICT (user) DO UPDATE SET \
                     digest = excluded.digest, ends_at = excluded.ends_at",
                    params![link.user, bytes(&link.digest), link.ends_at.as_millisecond()],
                )?;
            }
            AccessChange::SetUp { user, password, second, step: used } => {
                one(connection.execute(
                    "UPDATE user SET password = ?2, second = ?3, last_step = ?4 WHERE id = ?1",
                    params![user, password, second, step(*used)],
                )?)?;
                shut_out(connection, user)?;
            }
            AccessChange::SignIn(session, used) => {
                let made_at = session.made_at.as_millisecond();
                connection.execute("DELETE FROM session WHERE ends_at <= ?1", [made_at])?;
                connection.execute(
                    "INSERT INTO session VALUES (?1, ?2, ?3, ?4)",
                    params![bytes(&session.digest), session.user, made_at, session.ends_at.as_millisecond()],
                )?;
                if let Some(used) = used {
                    one(connection.execute(
                        "UPDATE user SET last_step = ?2 WHERE id = ?1 AND last_step < ?2",
                        params![session.user, step(*used)],
                    )?)?;
                }
            }
            AccessChange::SignOut(digest) => {
                connection.execute("DELETE FROM session WHERE digest = ?1", [bytes(digest)])?;
            }
        }
    }
    Ok(())
}

/// The change has to be of somebody there is.
fn one(changed: usize) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(changed)) }
}

fn shut_out(connection: &Connection, user: &str) -> Result<()> {
    connection.execute("DELETE FROM session WHERE user = ?1", [user])?;
    connection.execute("DELETE FROM set_up_link WHERE user = ?1", [user])?;
    Ok(())
}

const fn bytes(digest: &Digest) -> &[u8; 32] {
    digest.as_bytes()
}

fn step(step: u64) -> i64 {
    // 30 seconds each: it does not come near
    i64::try_from(step).unwrap_or(i64::MAX)
}

impl Reader {
    /// Everybody who may or might sign in, by name.
    pub fn users(&self) -> std::result::Result<Vec<UserRow>, StoreError> {
        self.read_access("list users", |connection| {
            connection.prepare_cached("SELECT * FROM user ORDER BY plain")?.query_map([], user)?.collect()
        })
        .map(Option::unwrap_or_default)
    }

    /// The user of that id.
    pub fn user(&self, id: &str) -> std::result::Result<Option<UserRow>, StoreError> {
        self.one_user("look up a user", "SELECT * FROM user WHERE id = ?1", [id])
    }

    /// The user who signs in by `name`.
    pub fn user_named(&self, name: &str) -> std::result::Result<Option<UserRow>, StoreError> {
        self.one_user("look up a user", "SELECT * FROM user WHERE plain = ?1", [plain_name(name)])
    }

    /// Whoever is signed in at `now` by what has that digest: nobody, when they may not any more.
    pub fn signed_in(&self, digest: &Digest, now: Timestamp) -> std::result::Result<Option<UserRow>, StoreError> {
        self.one_user(
            "look up a session",
            "SELECT user.* FROM session JOIN user ON user.id = session.user \
             WHERE digest = ?1 AND session.ends_at > ?2 AND NOT disabled",
            params![bytes(digest), now.as_millisecond()],
        )
    }

    /// The user whose link has that digest at `now`.
    pub fn linked(&self, digest: &Digest, now: Timestamp) -> std::result::Result<Option<UserRow>, StoreError> {
        self.one_user(
            "look up a set-up link",
            "SELECT user.* FROM set_up_link JOIN user ON user.id = set_up_link.user \
             WHERE digest = ?1 AND set_up_link.ends_at > ?2 AND NOT disabled",
            params![bytes(digest), now.as_millisecond()],
        )
    }

    fn one_user(
        &self,
        what: &'static str,
        sql: &str,
        parameters: impl Params,
    ) -> std::result::Result<Option<UserRow>, StoreError> {
        self.read_access(what, |connection| connection.prepare_cached(sql)?.query_row(parameters, user).optional())
            .map(Option::flatten)
    }

    /// None in a store of an older version, where nobody could sign in.
    fn read_access<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<Option<T>, StoreError> {
        self.read(what, |connection| {
            if connection.table_exists(None, "set_up_link")? { work(connection).map(Some) } else { Ok(None) }
        })
    }
}

fn user(row: &Row<'_>) -> Result<UserRow> {
    let misfit =
        |column: usize, problem: String| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, problem.into());
    let role: String = row.get("role")?;
    let source: String = row.get("source")?;
    let last_step: i64 = row.get("last_step")?;
    let made_at: i64 = row.get("made_at")?;
    Ok(UserRow {
        id: row.get("id")?,
        name: row.get("name")?,
        role: Role::parse(&role).ok_or_else(|| misfit(3, format!("no role is called `{role}`")))?,
        source: if source == UserSource::Oidc.as_str() { UserSource::Oidc } else { UserSource::Local },
        password: row.get("password")?,
        second: row.get("second")?,
        last_step: u64::try_from(last_step).unwrap_or_default(),
        disabled: row.get("disabled")?,
        made_at: Timestamp::from_millisecond(made_at).map_err(|error| misfit(9, error.to_string()))?,
    })
}
