//! The scratch database: one SQLite database in memory that holds the rows of one evaluation's inputs.
//!
//! Source tables come first, each collector's mapping fills the vocabulary from them, then the engine adds what no
//! source knows: instants of employment, the account register, the identity map, the programme's own tables. It is
//! built from nothing every time and thrown away; nothing in it is evidence.

use crate::guard::{self, Rule};
use crate::history::LeftOut;
use crate::inputs::{Inputs, SnapshotInput, SourceInput, TableInput};
use crate::people::{Account, Directory, Holding, Link, Linker, Orphan, Person, Registration};
use crate::programme;
use crate::rows::{Filling, Pour, RowsError};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use model::time::seconds_text;
use model::{ColumnKind, TableSpec};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The statements that create the vocabulary.
pub const VOCABULARY: &str = include_str!("vocabulary.sql");

/// Tables that the engine fills; no collector provides them and no check declares them.
pub const ENGINE_TABLES: &[&str] = &[
    "access_review",
    "access_review_item",
    "account_history",
    "employment_history",
    "exception",
    "finding",
    "identity_link",
    "log_state",
    "person_history",
    "population_count",
    "possible_match",
    "registered_account",
    "slot",
    "snapshot",
    "source",
];

/// Why the scratch database could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScratchError {
    #[error("scratch database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("scratch database: person `{person}` has a date of employment that is none: `{date}`")]
    Date { person: String, date: String },
    #[error("scratch database: {0}")]
    Map(#[from] model::CanonicalError),
    #[error("rows of snapshot {snapshot}: {error}")]
    Rows { snapshot: String, error: RowsError },
    #[error("scratch database: the history that was left out is not that of the accounts there are")]
    LeftOut,
}

/// A built scratch database.
pub(crate) struct Scratch {
    pub connection: Connection,
    pub summary: Summary,
}

/// One whose sources are mapped, and to which the engine has added nothing yet.
pub(crate) struct Begun {
    pub connection: Connection,
    /// Sources whose rows could not be mapped, and why.
    pub unmapped: BTreeMap<String, String>,
}

impl Begun {
    /// Loads and maps the sources of `inputs`. The rows of every table are asked of `pour`, in the order of [`present_in_order`].
    pub(crate) fn of(inputs: &Inputs, pour: &mut Pour<'_>) -> Result<Self, ScratchError> {
        let mut connection = Scratch::empty()?;
        let unmapped = map_sources(&mut connection, &inputs.sources, pour)?;
        // what a source shows is believed only where its dates can be read
        connection.execute_batch("BEGIN")?;
        employment_instants(&connection, &inputs.timezone, inputs.last_day_ends)?;
        connection.execute_batch("COMMIT")?;
        Ok(Self { connection, unmapped })
    }

    /// Adds what the engine knows, for the same `inputs`; their history is looked at only here. Its rows are asked of `pour`, in
    /// the order of [`past_in_order`].
    pub(crate) fn finish(self, inputs: &Inputs, pour: &mut Pour<'_>) -> Result<Scratch, ScratchError> {
        let Self { connection, unmapped } = self;
        // the end of a transaction costs more than a row: there is one, not one for each
        connection.execute_batch("BEGIN")?;
        for one in &inputs.history {
            let filling = Filling::of_history(&connection, one).map_err(|error| sentence(&error));
            let filled = fill(filling.map(Some), &one.table, pour);
            filled
                .and_then(|filled| filled.map_err(RowsError::Unreadable))
                .map_err(|error| ScratchError::Rows { snapshot: one.newest_snapshot.clone(), error })?;
        }
        connection.execute_batch("COMMIT")?;
        Scratch::of(connection, inputs, unmapped)
    }
}

/// What building it showed.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Summary {
    /// `identity_link` as it is sealed: canonical JSON lines. It follows what else is told of a database.
    #[serde(skip)]
    pub links: Vec<u8>,
    /// Accounts linked to nobody.
    pub orphans: Vec<Orphan>,
    /// Sources whose rows could not be mapped, and why.
    pub unmapped: BTreeMap<String, String>,
    /// Rows per vocabulary and source table.
    pub rows: BTreeMap<String, u64>,
}

impl Scratch {
    /// An empty database with the vocabulary's tables.
    pub(crate) fn empty() -> Result<Connection, ScratchError> {
        let connection = Connection::open_in_memory()?;
        guard::prepare_connection(&connection)?;
        connection.execute_batch(VOCABULARY)?;
        Ok(connection)
    }

    /// Loads and maps the sources of `inputs`, then adds what the engine knows.
    pub(crate) fn build(inputs: &Inputs, pour: &mut Pour<'_>) -> Result<Self, ScratchError> {
        Begun::of(inputs, pour)?.finish(inputs, pour)
    }

    /// Adds what the engine knows to a database whose vocabulary is filled.
    pub(crate) fn finish(
        connection: Connection,
        inputs: &Inputs,
        unmapped: BTreeMap<String, String>,
    ) -> Result<Self, ScratchError> {
        connection.execute_batch("BEGIN")?;
        employment_instants(&connection, &inputs.timezone, inputs.last_day_ends)?;
        connection.execute_batch("COMMIT")?;
        Self::of(connection, inputs, unmapped)
    }

    /// The same, where the instants of employment are there.
    fn of(connection: Connection, inputs: &Inputs, unmapped: BTreeMap<String, String>) -> Result<Self, ScratchError> {
        connection.execute_batch("BEGIN")?;
        programme::fill(&connection, inputs)?;
        let (links, orphans) = identities(&connection, inputs)?;
        connection.execute_batch("COMMIT")?;
        let mut rows = BTreeMap::new();
        for table in table_names(&connection)? {
            let count: i64 =
                connection.query_row(&format!("SELECT count(*) FROM {}", quoted(&table)), [], |row| row.get(0))?;
            rows.insert(table, u64::try_from(count).unwrap_or_default());
        }
        Ok(Self { connection, summary: Summary { links, orphans, unmapped, rows } })
    }
}

/// Every table of the database.
pub(crate) fn table_names(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// `name` as an SQL identifier, whatever it holds.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Creates a source table `<table>(_source, _snapshot, …)`.
pub(crate) fn create_source_table(connection: &Connection, spec: &TableSpec) -> rusqlite::Result<()> {
    let columns: String = spec.columns.iter().fold(String::new(), |columns, column| {
        let affinity = match column.kind {
            ColumnKind::Integer | ColumnKind::Boolean => "INTEGER",
            ColumnKind::Text | ColumnKind::Timestamp | ColumnKind::Date | ColumnKind::Json => "TEXT",
        };
        format!("{columns}, {} {affinity}", quoted(&column.name))
    });
    connection.execute_batch(&format!(
        "CREATE TABLE {} (_source TEXT NOT NULL, _snapshot TEXT NOT NULL{columns}) STRICT",
        quoted(&spec.name)
    ))
}

/// The sources that share a collector and its mapping, which are loaded and mapped together.
fn alike(sources: &[SourceInput]) -> impl Iterator<Item = Vec<&SourceInput>> {
    let mut alike: BTreeMap<(&str, &str), Vec<&SourceInput>> = BTreeMap::new();
    for source in sources {
        alike.entry((&source.collector, &source.mapping_sql)).or_default().push(source);
    }
    alike.into_values()
}

/// Every table of a source in the order in which [`Begun::of`] asks for its rows, with its snapshot.
pub(crate) fn present_in_order(inputs: &Inputs) -> impl Iterator<Item = (&str, &TableInput)> {
    let present = alike(&inputs.sources).flatten().flat_map(tables_in_order);
    present.map(|(snapshot, table)| (snapshot.id.as_str(), table))
}

/// Every table of history in the order in which [`Begun::finish`] asks for its rows, with the newest snapshot it tells of.
pub(crate) fn past_in_order(inputs: &Inputs) -> impl Iterator<Item = (&str, &TableInput)> {
    inputs.history.iter().map(|one| (one.newest_snapshot.as_str(), &one.table))
}

fn tables_in_order(source: &SourceInput) -> impl Iterator<Item = (&SnapshotInput, &TableInput)> {
    source.snapshot.iter().flat_map(|snapshot| snapshot.tables.iter().map(move |table| (snapshot, table)))
}

/// Loads the sources that share a collector and its mapping together, and runs that mapping once over all of them. Where rows
/// cannot be mapped nothing is left behind, and each of these sources is named in the answer: it then counts as a failed input.
fn map_sources(
    connection: &mut Connection,
    sources: &[SourceInput],
    pour: &mut Pour<'_>,
) -> Result<BTreeMap<String, String>, ScratchError> {
    // tables come before any rows, because sources that are mapped apart may share one
    let mut unmapped = BTreeMap::new();
    for spec in union_of_specs(sources) {
        if let Err(error) = create_source_table(connection, &spec) {
            let concerned = sources.iter().filter(|source| tables_of(source).any(|table| table.name == spec.name));
            unmapped.extend(concerned.map(|source| (source.name.clone(), sentence(&error))));
        }
    }
    // nothing is rolled back without a journal; it holds the few pages that were there before the rows
    connection.execute_batch("PRAGMA journal_mode = MEMORY")?;
    for sources in alike(sources) {
        connection.execute_batch("SAVEPOINT sources")?;
        let mut loaded = Ok(());
        for source in &sources {
            for (snapshot, table) in tables_in_order(source) {
                // rows that have no table come all the same, and pass
                let filling = (!unmapped.contains_key(&source.name))
                    .then(|| Filling::new(connection, &table.spec, &source.name, &snapshot.id));
                let filled = filling.transpose().map_err(|error| sentence(&error));
                let filled = fill(filled, table, pour);
                let filled = filled.map_err(|error| ScratchError::Rows { snapshot: snapshot.id.clone(), error })?;
                loaded = loaded.and(filled);
            }
        }
        let sound: Vec<&SourceInput> =
            sources.into_iter().filter(|source| !unmapped.contains_key(&source.name)).collect();
        let mapped = loaded.and_then(|()| map_alike(connection, &sound));
        guard::lift(connection)?;
        match mapped {
            Ok(()) => connection.execute_batch("RELEASE sources")?,
            Err(problem) => {
                connection.execute_batch("ROLLBACK TO sources; RELEASE sources")?;
                unmapped.extend(sound.iter().map(|source| (source.name.clone(), problem.clone())));
            }
        }
    }
    connection.execute_batch("PRAGMA journal_mode = OFF")?;
    Ok(unmapped)
}

/// Has the rows of one table poured into `filling`. Whether they went in, in words if not: what comes after that passes unread.
fn fill(
    filling: Result<Option<Filling<'_>>, String>,
    table: &TableInput,
    pour: &mut Pour<'_>,
) -> Result<Result<(), String>, RowsError> {
    let mut filling = filling;
    pour(table, &mut |piece| {
        if let Ok(Some(open)) = &mut filling
            && let Err(problem) = open.take(piece)
        {
            filling = Err(problem);
        }
        Ok(())
    })?;
    Ok(filling.and_then(|filling| filling.map_or(Ok(()), Filling::finish)))
}

fn map_alike(connection: &mut Connection, sources: &[&SourceInput]) -> Result<(), String> {
    let in_words = |error: rusqlite::Error| sentence(&error);
    let Some(first) = sources.first() else { return Ok(()) };
    let provides = first.provides.iter().cloned().collect();
    let touched = guard::install(connection, Rule::Mapping { provides }).map_err(in_words)?;
    connection.execute_batch(&first.mapping_sql).map_err(|error| {
        let refused = touched.lock().ok().and_then(|touched| touched.refused.first().cloned());
        refused.unwrap_or_else(|| sentence(&error))
    })
}

/// The tables of `source` as it gives them now and as its snapshot holds them.
fn tables_of(source: &SourceInput) -> impl Iterator<Item = &TableSpec> {
    let sealed = source.snapshot.iter().flat_map(|snapshot| &snapshot.tables);
    source.specs.iter().chain(sealed.map(|table| &table.spec))
}

/// The tables of all `sources`, each with every column that this version or a snapshot's own version knows.
fn union_of_specs(sources: &[SourceInput]) -> Vec<TableSpec> {
    let mut tables: BTreeMap<String, TableSpec> = BTreeMap::new();
    for spec in sources.iter().flat_map(tables_of) {
        let table =
            tables.entry(spec.name.clone()).or_insert_with(|| TableSpec { columns: Vec::new(), ..spec.clone() });
        for column in &spec.columns {
            if !table.columns.iter().any(|known| known.name == column.name) {
                table.columns.push(column.clone());
            }
        }
    }
    tables.into_values().collect()
}

/// A cell as SQL: booleans 1 and 0, arrays and objects as text.
pub(crate) fn to_sql(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(flag) => Sql::Integer(i64::from(*flag)),
        Value::Number(number) => number.as_i64().map_or_else(|| Sql::Text(number.to_string()), Sql::Integer),
        Value::String(text) => Sql::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Sql::Text(value.to_string()),
    }
}

/// An SQLite error without the statement it repeats.
pub(crate) fn sentence(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

/// `start_at` is the first instant of `start_date`, `end_at` the first instant after the last day, in the organisation's zone.
fn employment_instants(
    connection: &Connection,
    zone: &TimeZone,
    last_day_ends: Option<Time>,
) -> Result<(), ScratchError> {
    let mut select = connection.prepare("SELECT rowid, person_key, start_date, end_date FROM employment")?;
    let mut update = connection.prepare("UPDATE employment SET start_at = ?2, end_at = ?3 WHERE rowid = ?1")?;
    let mut rows = select.query([])?;
    // many begin or end on the same day
    let mut known: HashMap<(String, bool), String> = HashMap::new();
    while let Some(row) = rows.next()? {
        let (rowid, person): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut instant = |date: Option<String>, last_day: bool| -> Result<Option<String>, ScratchError> {
            let Some(date) = date else { return Ok(None) };
            let date = (date, last_day);
            if let Some(instant) = known.get(&date) {
                return Ok(Some(instant.clone()));
            }
            let (date, _) = date;
            // a date that cannot be read must not look like employment without end
            let refuse = || ScratchError::Date { person: person.clone(), date: date.clone() };
            let day: Date = date.parse().map_err(|_| refuse())?;
            let zoned = match last_day_ends.filter(|_| last_day) {
                Some(time) => day.to_datetime(time).to_zoned(zone.clone()),
                None if last_day => day.tomorrow().and_then(|next| next.to_zoned(zone.clone())),
                None => day.to_zoned(zone.clone()),
            };
            let instant = seconds_text(zoned.map_err(|_| refuse())?.timestamp());
            known.insert((date, last_day), instant.clone());
            Ok(Some(instant))
        };
        update.execute(params![rowid, instant(row.get(2)?, false)?, instant(row.get(3)?, true)?])?;
    }
    Ok(())
}

/// Fills the account register and the identity map; the map's lines, and who is not on it.
fn identities(connection: &Connection, inputs: &Inputs) -> Result<(Vec<u8>, Vec<Orphan>), ScratchError> {
    let persons = persons(connection)?;
    let directory = Directory::new(&persons, inputs.fold_local_part);
    let mut linker = Linker::new(inputs, &directory, holdings(connection)?);
    let mut registered = Vec::new();
    let mut lines = Vec::new();
    // the links by person come in no order: sorting them once costs less than finding the place of each
    let indexes = take_indexes(connection, "identity_link")?;
    {
        let mut insert = connection.prepare(
            "INSERT INTO identity_link (account_key, source, person_key, method, confidence, approved_by, valid_from, valid_to)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let since_when = linker.asks_since_when();
        // how many accounts of each source history says nothing of
        let mut unknown: HashMap<&str, (&LeftOut, u64)> =
            left_out(inputs).map(|(of, left_out)| (of, (left_out, 0))).collect();
        each_account(connection, since_when, |mut account, standing| {
            let is_listed = standing != Standing::Gone;
            if standing == Standing::Unknown
                && let Some((left_out, count)) = unknown.get_mut(account.source.as_str())
            {
                *count += 1;
                account.known_since = account.known_since.or_else(|| Some(left_out.since_at.clone()));
            }
            if let Some(entry) = Registration::of(&account, &inputs.accounts, &directory) {
                account.kind.clone_from(&entry.kind);
                if is_listed {
                    registered.push(entry);
                }
            }
            let (key, source) = (account.key.clone(), account.source.clone());
            let Some(link) = linker.link(account) else { return Ok(()) };
            insert.execute(params![
                key,
                source,
                link.person_key,
                link.method,
                link.confidence,
                link.approved_by,
                link.valid_from,
                link.valid_to,
            ])?;
            add_line(&mut lines, &LinkLine::of(&key, &source, &link))
        })?;
        if unknown.values().any(|(left_out, count)| left_out.count != *count) {
            return Err(ScratchError::LeftOut);
        }
        connection.execute_batch(&indexes)?;
    }
    enter(connection, &registered)?;

    let (orphans, possible) = linker.finish(&persons);
    let mut insert = connection.prepare(
        "INSERT INTO possible_match (account_key, source, person_key, basis, set_aside_by) VALUES (?, ?, ?, ?, ?)",
    )?;
    for found in &possible {
        insert.execute(params![found.account_key, found.source, found.person_key, found.basis, found.set_aside_by])?;
    }
    Ok((lines, orphans))
}

/// Takes the indexes of `table` away; the statements that make them again.
fn take_indexes(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let mut select = connection.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name",
    )?;
    let indexes: Vec<(String, String)> =
        select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    drop(select);
    let mut again = String::new();
    for (name, sql) in indexes {
        connection.execute_batch(&format!("DROP INDEX {}", quoted(&name)))?;
        again += &format!("{sql};");
    }
    Ok(again)
}

/// What history lacks of each source's accounts.
fn left_out(inputs: &Inputs) -> impl Iterator<Item = (&str, &LeftOut)> {
    inputs.history.iter().filter_map(|one| Some((one.source.as_str(), one.left_out.as_ref()?)))
}

/// A row of the identity map, as it is sealed: [`crate::people::identity_link_spec`] describes it.
#[derive(serde::Serialize)]
struct LinkLine<'a> {
    // in the order of canonical JSON, so that writing a million of them moves nothing
    account_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<&'a str>,
    confidence: &'static str,
    method: &'static str,
    person_key: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<&'a str>,
}

impl<'a> LinkLine<'a> {
    fn of(account_key: &'a str, source: &'a str, link: &'a Link<'_>) -> Self {
        Self {
            account_key,
            approved_by: link.approved_by,
            confidence: link.confidence,
            method: link.method,
            person_key: link.person_key,
            source,
            valid_from: link.valid_from.as_deref(),
            valid_to: link.valid_to.as_deref(),
        }
    }
}

fn add_line(lines: &mut Vec<u8>, line: &LinkLine<'_>) -> Result<(), ScratchError> {
    lines.extend(model::canonical_json(line)?);
    lines.push(b'\n');
    Ok(())
}

fn persons(connection: &Connection) -> rusqlite::Result<Vec<Person>> {
    let mut select =
        connection.prepare("SELECT person_key, work_email, other_emails, employee_id, name FROM person")?;
    select
        .query_map([], |row| {
            let work: Option<String> = row.get(1)?;
            let other: Option<String> = row.get(2)?;
            let other: Vec<String> = other.and_then(|other| serde_json::from_str(&other).ok()).unwrap_or_default();
            let addresses = work.into_iter().chain(other).collect();
            Ok(Person { key: row.get(0)?, employee_id: row.get(3)?, name: row.get(4)?, addresses })
        })?
        .collect()
}

/// Enters `registered` into the account register, whose word on an account's kind goes before its source's.
fn enter(connection: &Connection, registered: &[Registration]) -> rusqlite::Result<()> {
    let mut set_kind = connection.prepare("UPDATE account SET kind = ?2 WHERE account_key = ?1")?;
    let mut insert = connection.prepare(
        "INSERT INTO registered_account (account_key, source, kind, owner, owner_key, purpose, justification, approved_by,
                                         valid_to, tested_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for entry in registered {
        set_kind.execute(params![entry.account_key, entry.kind])?;
        insert.execute(params![
            entry.account_key,
            entry.source,
            entry.kind,
            entry.owner,
            entry.owner_key,
            entry.purpose,
            entry.justification,
            entry.approved_by,
            entry.valid_to.map(seconds_text),
            entry.tested_at.map(seconds_text),
        ])?;
    }
    Ok(())
}

/// What there is of an account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is listed, and history tells of it.
    Known,
    /// It is listed, and history does not tell of it.
    Unknown,
    /// It was listed.
    Gone,
}

/// Gives every account that is listed, and every one that was, in the order of their keys and each key once; those that are no
/// longer, as they were seen last. Since when one is known is looked up only where that is asked for.
fn each_account(
    connection: &Connection,
    since_when: bool,
    mut each: impl FnMut(Account, Standing) -> Result<(), ScratchError>,
) -> Result<(), ScratchError> {
    let mut select = connection.prepare(
        "SELECT account_key, source, login, email, kind, employee_id, external_id, display_name,
                CASE WHEN ?1 THEN coalesce(created_at, (SELECT min(h.since_at) FROM account_history AS h
                                                         WHERE h.account_key = account.account_key)) END
           FROM account
          ORDER BY account_key",
    )?;
    // of the keys alone an index has them all in order: asking of each whether it is listed would cost as much as all the rest
    let mut keys_seen = connection.prepare("SELECT DISTINCT account_key FROM account_history ORDER BY account_key")?;
    let mut state_before = connection.prepare(
        "SELECT account_key, source, login, email, kind, employee_id, external_id, NULL,
                CASE WHEN ?1 THEN (SELECT min(f.since_at) FROM account_history AS f WHERE f.account_key = ?2) END
           FROM account_history
          WHERE account_key = ?2 AND listed = 1
          ORDER BY since_at",
    )?;
    let mut last_seen = |key: &str| -> rusqlite::Result<Option<Account>> {
        state_before.query_map(params![since_when, key], account)?.last().transpose()
    };

    let mut past = keys_seen.query([])?;
    let mut next_past = || -> rusqlite::Result<Option<String>> { past.next()?.map(|row| row.get(0)).transpose() };
    let mut known = next_past()?;
    let mut listed = select.query_map([since_when], account)?.peekable();
    loop {
        let next = listed.peek();
        let is_before = |key: &mut String| match next {
            Some(Ok(account)) => *key < account.key,
            Some(Err(_)) => false,
            None => true,
        };
        if let Some(gone) = known.take_if(is_before) {
            if let Some(account) = last_seen(&gone)? {
                each(account, Standing::Gone)?;
            }
            known = next_past()?;
            continue;
        }
        let Some(account) = listed.next().transpose()? else { return Ok(()) };
        // of a key that comes twice the last counts
        if matches!(listed.peek(), Some(Ok(next)) if next.key == account.key) {
            continue;
        }
        if known.as_ref() == Some(&account.key) {
            known = next_past()?;
            each(account, Standing::Known)?;
        } else {
            each(account, Standing::Unknown)?;
        }
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        key: row.get(0)?,
        source: row.get(1)?,
        login: row.get(2)?,
        email: row.get(3)?,
        kind: row.get(4)?,
        employee_id: row.get(5)?,
        external_id: row.get(6)?,
        display_name: row.get(7)?,
        known_since: row.get(8)?,
    })
}

/// Who had which address, as far as complete snapshots of rosters tell.
fn holdings(connection: &Connection) -> rusqlite::Result<Vec<Holding>> {
    let mut select = connection.prepare(
        "SELECT person_key, work_email, min(since_at) FROM person_history WHERE work_email IS NOT NULL GROUP BY 1, 2",
    )?;
    select.query_map([], |row| Ok(Holding { person: row.get(0)?, address: row.get(1)?, since: row.get(2)? }))?.collect()
}
