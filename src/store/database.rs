//! Opens the SQLite databases of a store with the settings durability depends on. It knows no table.

use crate::durable;
use crate::error::StoreError;
use crate::open_files::{self, Counted};
use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, ffi};
use std::fs::OpenOptions;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// The first SQLite that does not lose commits with two connections.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a connection waits for another one.
const WAIT: Duration = Duration::from_secs(10);

/// Pages in a write-ahead log before it is moved into the database: some 4 MB.
const LONG: i64 = 1000;

/// What tells one database of ours from another and from anybody else's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    /// `PRAGMA application_id`.
    pub(crate) application: i64,
    /// The oldest schema any release wrote.
    pub(crate) oldest: i64,
    /// `PRAGMA user_version`: the newest schema this program knows.
    pub(crate) version: i64,
}

/// Whether rows are lost when power is, depends on this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write-ahead log, for the evidence: readers work beside the writer.
    Wal,
    /// Rollback journal, for the small lock database.
    Journal,
}

/// Fails when the linked SQLite is too old to be trusted with commits.
pub(crate) fn assert_sqlite() -> Result<(), StoreError> {
    sqlite_at_least(rusqlite::version_number(), rusqlite::version())
}

fn sqlite_at_least(number: i32, text: &str) -> Result<(), StoreError> {
    if number < OLDEST_SQLITE { Err(StoreError::SqliteTooOld { found: text.to_owned() }) } else { Ok(()) }
}

/// Opens an existing database to write. Its identity is checked, and nothing is written before [`settle`].
pub(crate) fn open_writer(path: &Path, identity: Identity) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_identity(&connection, path, identity)?;
    Ok(connection)
}

/// Makes a new database with `schema`.
pub(crate) fn create(path: &Path, identity: Identity, mode: Mode, schema: &str) -> Result<Connection, StoreError> {
    // the files SQLite adds to it later take their mode from this one
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(durable::FILE_MODE)
        .open(path)
        .map_err(|error| StoreError::io("create", path, error))?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let failed = |error| StoreError::database("make the schema", path, error);
    settle(&connection, path, mode)?;
    let Identity { application, version, .. } = identity;
    // one transaction: a database is empty or whole
    let script = format!(
        "BEGIN IMMEDIATE;\n{schema}\nPRAGMA application_id = {application};\nPRAGMA user_version = {version};\nCOMMIT;"
    );
    connection.execute_batch(&script).map_err(failed)?;
    Ok(connection)
}

/// A connection that reads; as long as it is open, nobody in this process reads the file as plain bytes.
#[derive(Debug)]
pub(crate) struct ReadConnection {
    // closed before it is no longer counted
    connection: Connection,
    _counted: Counted,
}

impl Deref for ReadConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Opens an existing database to read only.
pub(crate) fn open_reader(path: &Path, identity: Identity) -> Result<ReadConnection, StoreError> {
    let (connection, counted) = open_files::counted(path, || connect_reader(path, identity))?;
    Ok(ReadConnection { connection, _counted: counted })
}

fn connect_reader(path: &Path, identity: Identity) -> Result<Connection, StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match check_identity(&connection, path, identity) {
        Err(StoreError::Database { source, .. }) if needs_recovery(&source) => {
            // a writer was killed within a transaction: only a connection that may write can undo it
            drop(open_writer(path, identity)?);
            connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            check_identity(&connection, path, identity)?;
        }
        checked => checked?,
    }
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|error| StoreError::database("set up reading", path, error))?;
    Ok(connection)
}

/// Opens an existing database to look into, whoever made it and however far.
pub(crate) fn peek(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match connection.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0)) {
        Ok(_) => Ok(connection),
        Err(error) if needs_recovery(&error) => connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE),
        Err(error) => Err(StoreError::database("look into", path, error)),
    }
}

fn needs_recovery(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY | ffi::SQLITE_READONLY_CANTINIT))
}

/// An empty database with `schema` that nobody else sees and that is gone when it is closed, to replay into.
pub(crate) fn scratch(schema: &str) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::database("make a scratch database", Path::new("the temporary folder"), error);
    // the empty name: in memory while small, in a temporary file beyond that
    let connection = Connection::open("").map_err(failed)?;
    connection.execute_batch(schema).map_err(failed)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    assert_sqlite()?;
    let failed = |error| StoreError::database("open", path, error);
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(WAIT).map_err(failed)?;
    // after a failed fsync nothing more is written, not even on the way out: a clean close checkpoints by itself
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    // SQLite drops the outcome of the checkpoints it makes by itself, and with it a failed fsync: see `checkpoint_when_long`
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).map_err(failed)?;
    // a plan is made once and not again for each value that is bound: half the work of looking a blob up
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    // a damaged page is reported rather than followed, and no schema can run code
    connection.pragma_update(None, "cell_size_check", true).map_err(failed)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(failed)?;
    Ok(connection)
}

fn check_identity(connection: &Connection, path: &Path, identity: Identity) -> Result<(), StoreError> {
    let read = |name: &str| -> Result<i64, StoreError> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(|error| StoreError::database("read the version", path, error))
    };
    let application = read("application_id")?;
    if application != identity.application {
        return Err(StoreError::Foreign { path: path.to_owned(), found: application });
    }
    let version = read("user_version")?;
    if version > identity.version {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: identity.version });
    }
    if version < identity.oldest {
        return Err(StoreError::damaged(
            path,
            format!("its schema version is {version}, which no release has written"),
        ));
    }
    Ok(())
}

/// The version of the schema.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| StoreError::database("read the version", path, error))
}

/// Brings a database to the newest schema; each step is there wholly or not at all. `upgrades` begin with the one to version 2.
pub(crate) fn upgrade(connection: &Connection, path: &Path, upgrades: &[&str]) -> Result<(), StoreError> {
    let found = version(connection, path)?;
    for (to, upgrade) in (2_i64..).zip(upgrades).filter(|(to, _)| *to > found) {
        let script = format!("BEGIN IMMEDIATE;\n{upgrade}\nPRAGMA user_version = {to};\nCOMMIT;");
        connection.execute_batch(&script).map_err(|error| StoreError::database("upgrade the schema", path, error))?;
    }
    Ok(())
}

/// One column of the only row of `query`, which is run to its end: a pragma commits after its row, and when the row is all that is
/// asked for, an fsync that fails then goes unseen.
pub(crate) fn only_row<T: FromSql>(connection: &Connection, query: &str, column: usize) -> rusqlite::Result<T> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let value = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?.get(column)?;
    while rows.next()?.is_some() {}
    Ok(value)
}

/// Moves what a long write-ahead log holds into the database. What a reader elsewhere still needs stays for a later call.
pub(crate) fn checkpoint_when_long(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::database("checkpoint", path, error);
    let pages = |query| only_row::<i64>(connection, query, 1).map_err(failed);
    if pages("PRAGMA wal_checkpoint(NOOP)")? >= LONG {
        pages("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(())
}

/// Chooses journal and durability for writing.
pub(crate) fn settle(connection: &Connection, path: &Path, mode: Mode) -> Result<(), StoreError> {
    let failed = |error| StoreError::database("set up writing", path, error);
    let (journal, synchronous) = match mode {
        // each commit is synced before it returns
        Mode::Wal => ("wal", "FULL"),
        // EXTRA also syncs the folder after the journal is unlinked: without it a commit can come undone
        Mode::Journal => ("delete", "EXTRA"),
    };
    let found: String = only_row(connection, &format!("PRAGMA journal_mode = {journal}"), 0).map_err(failed)?;
    if found != journal {
        return Err(StoreError::Database {
            what: "choose the journal",
            path: path.to_owned(),
            source: rusqlite::Error::InvalidParameterName(format!("journal mode stays {found}")),
        });
    }
    connection.pragma_update(None, "synchronous", synchronous).map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    // without it, INSERT OR REPLACE passes by the triggers that refuse deletion
    connection.pragma_update(None, "recursive_triggers", true).map_err(failed)?;
    connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity { application: 0x4556_0001, oldest: 1, version: 1 };

    #[test]
    fn an_old_sqlite_is_refused() {
        assert!(matches!(sqlite_at_least(3_051_002, "3.51.2"), Err(StoreError::SqliteTooOld { .. })));
        sqlite_at_least(3_051_003, "3.51.3").unwrap();
        assert_sqlite().unwrap();
    }

    #[test]
    fn a_newer_schema_is_refused_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sqlite");
        let connection = create(&path, IDENTITY, Mode::Journal, "CREATE TABLE t (a);").unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
        drop(connection);
        let before = std::fs::read(&path).unwrap();
        let error = open_writer(&path, IDENTITY).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
        assert!(matches!(open_reader(&path, IDENTITY), Err(StoreError::Newer { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_foreign_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sqlite");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(matches!(open_writer(&path, IDENTITY), Err(StoreError::Foreign { found: 0, .. })));
        std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
        assert!(matches!(open_writer(&path, IDENTITY), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn commits_are_synced_and_triggers_cannot_be_passed_by() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sqlite");
        let connection = create(&path, IDENTITY, Mode::Wal, "CREATE TABLE t (a);").unwrap();
        let read = |name: &str| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        assert_eq!(read("synchronous"), 2);
        assert_eq!(read("recursive_triggers"), 1);
        assert_eq!(read("foreign_keys"), 1);
    }
}
