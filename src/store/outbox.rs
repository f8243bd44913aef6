//! The outbox: what is to be told to whom, and what became of it. Durable when a call returns, and no part of the log.
//!
//! A message that was claimed and never heard of again is sent again under the same id. Nothing here is removed.

use crate::database;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::store::Store;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

type Result<T> = rusqlite::Result<T>;

/// Something to be told to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Whom: the configured name.
    pub destination: String,
    /// The same for the same thing, always.
    pub key: String,
    /// What happened, in a word.
    pub happening: String,
    /// To what: `finding`, `exception`, `check`, `source`.
    pub kind: String,
    /// Its id or name.
    pub subject: String,
    /// The entry that tells of it.
    pub log_index: u64,
    /// When it was noted.
    pub at: Timestamp,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// It is to be sent, or sent again.
    Waiting,
    /// The destination took it.
    Sent,
    /// It was tried for as long as it may be.
    GivenUp,
}

impl MessageState {
    /// The word in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Sent, Self::GivenUp].into_iter().find(|state| state.as_str() == word)
    }
}

/// Notices that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The key under which it is sent, however often.
    pub id: String,
    /// Whom: the configured name.
    pub destination: String,
    /// Who there; none: those the configuration names, or it was sent.
    pub recipient: Option<String>,
    /// Where it stands.
    pub state: MessageState,
    /// When it was made.
    pub made_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// Somebody is sending it, until then.
    pub claimed_until: Option<Timestamp>,
    /// When it was sent or given up.
    pub done_at: Option<Timestamp>,
    /// What went wrong last.
    pub problem: Option<String>,
    /// How many notices it holds.
    pub notices: u64,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The destination took it.
    Sent,
    /// It did not.
    Failed {
        /// What went wrong.
        problem: String,
        /// When to try again; none: not any more.
        again_at: Option<Timestamp>,
    },
}

/// How far a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The first entry that was not looked at for it.
    pub next: u64,
    /// When its last digest was due.
    pub digest_at: Timestamp,
}

impl Store {
    /// Notes what is to be told to `destination`, and how far the log was read for it. What was noted before stays as it was.
    pub fn note_notices(
        &mut self,
        destination: &str,
        notices: &[NoticeRow],
        next: u64,
        now: Timestamp,
    ) -> std::result::Result<(), StoreError> {
        self.outbox("note what is to be told", |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO notice (destination, key, happening, kind, subject, log_index, at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (destination, key) DO NOTHING",
            )?;
            for row in notices {
                insert.execute(params![
                    row.destination,
                    row.key,
                    row.happening,
                    row.kind,
                    row.subject,
                    number(row.log_index)?,
                    row.at.as_millisecond(),
                ])?;
            }
            // the first digest of a destination that is new is the next one
            connection.execute(
                "INSERT INTO told VALUES (?1, ?2, ?3) ON CONFLICT (destination) DO UPDATE SET next = excluded.next",
                params![destination, number(next)?, now.as_millisecond()],
            )?;
            Ok(())
        })
    }

    /// Makes messages of notices that wait: each with the keys of those it holds. `digest_at` is noted for the destination.
    pub fn note_messages(
        &mut self,
        destination: &str,
        messages: &[(MessageRow, Vec<String>)],
        digest_at: Timestamp,
    ) -> std::result::Result<(), StoreError> {
        self.outbox("make a message", |connection| {
            for (row, keys) in messages {
                connection.execute(
                    "INSERT INTO message (id, destination, recipient, state, made_at, attempts, next_at) \
                     VALUES (?1, ?2, ?3, 'waiting', ?4, 0, ?5)",
                    params![
                        row.id,
                        destination,
                        row.recipient,
                        row.made_at.as_millisecond(),
                        row.next_at.as_millisecond()
                    ],
                )?;
                let mut take = connection.prepare_cached(
                    "UPDATE notice SET message = ?1 WHERE destination = ?2 AND key = ?3 AND message IS NULL",
                )?;
                for key in keys {
                    take.execute(params![row.id, destination, key])?;
                }
            }
            connection.execute(
                "UPDATE told SET digest_at = max(digest_at, ?2) WHERE destination = ?1",
                params![destination, digest_at.as_millisecond()],
            )?;
            Ok(())
        })
    }

    /// Takes a message that is not claimed, to send it before `until`. Whether it is the caller's.
    pub fn claim_message(
        &mut self,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> std::result::Result<bool, StoreError> {
        self.outbox("claim a message", |connection| {
            let taken = connection.execute(
                "UPDATE message SET claimed_until = ?3, attempts = attempts + 1 \
                 WHERE id = ?1 AND state <> 'sent' AND (claimed_until IS NULL OR claimed_until <= ?2)",
                params![id, now.as_millisecond(), until.as_millisecond()],
            )?;
            Ok(taken == 1)
        })
    }

    /// Takes back the claims of a program that is no more. For whoever alone may send.
    pub fn release_messages(&mut self) -> std::result::Result<(), StoreError> {
        self.outbox("take back messages", |connection| {
            connection.execute("UPDATE message SET claimed_until = NULL WHERE claimed_until IS NOT NULL", [])?;
            Ok(())
        })
    }

    /// Notes what became of an attempt.
    pub fn note_attempt(&mut self, id: &str, attempt: &Attempt, now: Timestamp) -> std::result::Result<(), StoreError> {
        let now = now.as_millisecond();
        self.outbox("note an attempt", |connection| {
            match attempt {
                Attempt::Sent => connection.execute(
                    "UPDATE message SET state = 'sent', claimed_until = NULL, done_at = ?2, problem = NULL, recipient = NULL \
                     WHERE id = ?1",
                    params![id, now],
                )?,
                Attempt::Failed { problem, again_at: Some(again_at) } => connection.execute(
                    "UPDATE message SET state = 'waiting', claimed_until = NULL, done_at = NULL, problem = ?2, next_at = ?3 \
                     WHERE id = ?1",
                    params![id, problem, again_at.as_millisecond()],
                )?,
                Attempt::Failed { problem, again_at: None } => connection.execute(
                    "UPDATE message SET state = 'given_up', claimed_until = NULL, done_at = ?3, problem = ?2 WHERE id = ?1",
                    params![id, problem, now],
                )?,
            };
            Ok(())
        })
    }

    /// Remembers the ticket of a finding.
    pub fn note_ticket(
        &mut self,
        destination: &str,
        finding: &str,
        reference: &str,
    ) -> std::result::Result<(), StoreError> {
        self.outbox("remember a ticket", |connection| {
            connection.execute(
                "INSERT INTO ticket VALUES (?1, ?2, ?3) ON CONFLICT (destination, finding) DO UPDATE SET reference = excluded.reference",
                params![destination, finding, reference],
            )?;
            Ok(())
        })
    }

    /// One transaction over the outbox.
    fn outbox<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        self.refuse_poisoned()?;
        let path = self.paths.database();
        let done = self.evidence_database().and_then(|connection| {
            database::checkpoint_when_long(connection, &path)?;
            let transact = || -> Result<T> {
                let transaction =
                    rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            };
            transact().map_err(|error| StoreError::database(what, &path, error))
        });
        self.guard(done)
    }
}

impl Reader {
    /// How far `destination` is; none: it was never told anything.
    pub fn told(&self, destination: &str) -> std::result::Result<Option<Progress>, StoreError> {
        self.read_outbox("read how far a destination is", |connection| {
            connection
                .prepare_cached("SELECT next, digest_at FROM told WHERE destination = ?1")?
                .query_row([destination], |row| {
                    Ok(Progress { next: unsigned(row, 0)?, digest_at: instant(row, 1)?.unwrap_or(Timestamp::MIN) })
                })
                .optional()
        })
        .map(Option::flatten)
    }

    /// Whether `destination` was told `key`, or is about to be.
    pub fn is_noted(&self, destination: &str, key: &str) -> std::result::Result<bool, StoreError> {
        self.read_outbox("look for what was told", |connection| {
            connection
                .prepare_cached("SELECT 1 FROM notice WHERE destination = ?1 AND key = ?2")?
                .exists([destination, key])
        })
        .map(Option::unwrap_or_default)
    }

    /// What waits to be made a message of for `destination`, oldest first.
    pub fn waiting_notices(&self, destination: &str) -> std::result::Result<Vec<NoticeRow>, StoreError> {
        self.notice_rows("SELECT * FROM notice WHERE destination = ?1 AND message IS NULL ORDER BY id", destination)
    }

    /// What the message `id` holds, oldest first.
    pub fn notices_of(&self, id: &str) -> std::result::Result<Vec<NoticeRow>, StoreError> {
        self.notice_rows("SELECT * FROM notice WHERE message = ?1 ORDER BY id", id)
    }

    /// Of each check and source that `destination` was told of, what it was told last.
    pub fn last_of_evidence(&self, destination: &str) -> std::result::Result<Vec<NoticeRow>, StoreError> {
        self.notice_rows(
            "SELECT * FROM notice WHERE id IN (SELECT max(id) FROM notice WHERE destination = ?1 AND kind IN ('check', 'source') \
             GROUP BY kind, subject) ORDER BY id",
            destination,
        )
    }

    /// Every message, oldest first; only those not sent, where `open` says so.
    pub fn messages(&self, open: bool) -> std::result::Result<Vec<MessageRow>, StoreError> {
        self.read_outbox("read the outbox", |connection| {
            connection
                .prepare_cached(
                    "SELECT id, destination, recipient, state, made_at, attempts, next_at, claimed_until, done_at, problem, \
                     (SELECT count(*) FROM notice WHERE notice.message = message.id) \
                     FROM message WHERE NOT ?1 OR state <> 'sent' ORDER BY made_at, id",
                )?
                .query_map([open], message)?
                .collect::<Result<Vec<_>>>()
        })
        .map(Option::unwrap_or_default)
    }

    /// The ticket of a finding.
    pub fn ticket(&self, destination: &str, finding: &str) -> std::result::Result<Option<String>, StoreError> {
        self.read_outbox("read a ticket", |connection| {
            connection
                .prepare_cached("SELECT reference FROM ticket WHERE destination = ?1 AND finding = ?2")?
                .query_row([destination, finding], |row| row.get(0))
                .optional()
        })
        .map(Option::flatten)
    }

    fn notice_rows(&self, query: &str, parameter: &str) -> std::result::Result<Vec<NoticeRow>, StoreError> {
        self.read_outbox("read what is to be told", |connection| {
            let mut statement = connection.prepare_cached(query)?;
            statement.query_map([parameter], notice)?.collect::<Result<Vec<_>>>()
        })
        .map(Option::unwrap_or_default)
    }

    /// None in a store of an older version, where nobody was told anything.
    fn read_outbox<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<Option<T>, StoreError> {
        self.read(
            what,
            |connection| {
                if connection.table_exists(None, "message")? { work(connection).map(Some) } else { Ok(None) }
            },
        )
    }
}

fn notice(row: &Row<'_>) -> Result<NoticeRow> {
    Ok(NoticeRow {
        destination: row.get("destination")?,
        key: row.get("key")?,
        happening: row.get("happening")?,
        kind: row.get("kind")?,
        subject: row.get("subject")?,
        log_index: unsigned(row, 6)?,
        at: instant(row, 7)?.unwrap_or(Timestamp::MIN),
    })
}

fn message(row: &Row<'_>) -> Result<MessageRow> {
    let state: String = row.get(3)?;
    Ok(MessageRow {
        id: row.get(0)?,
        destination: row.get(1)?,
        recipient: row.get(2)?,
        state: MessageState::parse(&state).ok_or_else(|| misfit(3, format!("no state is called `{state}`")))?,
        made_at: instant(row, 4)?.unwrap_or(Timestamp::MIN),
        attempts: row.get(5)?,
        next_at: instant(row, 6)?.unwrap_or(Timestamp::MIN),
        claimed_until: instant(row, 7)?,
        done_at: instant(row, 8)?,
        problem: row.get(9)?,
        notices: unsigned(row, 10)?,
    })
}

fn instant(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    let number: Option<i64> = row.get(column)?;
    number
        .map(|number| Timestamp::from_millisecond(number).map_err(|error| misfit(column, error.to_string())))
        .transpose()
}

fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    crate::tables::unsigned(row, column)
}

fn number(number: u64) -> Result<i64> {
    crate::tables::sql(number)
}

fn misfit(column: usize, problem: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, problem.into())
}
