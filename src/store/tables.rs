//! The SQL of the log and its projections: writing rows, reading them back.
//!
//! There is no statement here that changes or removes an entry or a node, and the schema's triggers refuse those of others.

use crate::project::Change;
use crate::rows::{
    ConfirmationRow, DamageRow, ErasedRow, EvaluationRow, FindingRow, HoldRow, RecordRow, ReviewItemRow, SlotRow,
    SnapshotRow,
};
use jiff::Timestamp;
use ledger::{Entry, Node, Nodes, TreeError};
use model::{Digest, Outcome, SnapshotStatus, VerdictCounts};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use std::cell::RefCell;
use std::collections::BTreeSet;

type Result<T> = rusqlite::Result<T>;

/// The tables in the order of the schema, each with the columns that sort it.
pub(crate) const TABLES: [(&str, &str); 12] = [
    ("entry", "idx"),
    ("node", "level, idx"),
    ("snapshot", "id"),
    ("slot", "source, due_at"),
    ("evaluation", "log_index"),
    ("finding", "id"),
    ("confirmation", "snapshot"),
    ("damage", "digest, snapshot"),
    ("hold", "id"),
    ("erased", "log_index"),
    ("record", "kind, id"),
    ("review_item", "review, account"),
];

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) leaf: Digest,
    pub(crate) opening: Option<Digest>,
}

impl StoredEntry {
    /// Whether the bytes are those that were hashed into the tree; in words if not.
    pub(crate) fn check_leaf(&self) -> std::result::Result<(), String> {
        if ledger::tree::leaf_hash(&self.bytes) == self.leaf {
            Ok(())
        } else {
            Err(format!("entry {} does not hash to its leaf", self.index))
        }
    }
}

pub(crate) fn sql(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn sql_opt(number: Option<u64>) -> Result<Option<i64>> {
    number.map(sql).transpose()
}

/// Canonical, so that the text does not depend on the order a build of this program keeps keys in.
fn canonical(value: &serde_json::Value) -> Result<String> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| rusqlite::Error::ToSqlConversionFailure(error);
    let bytes = model::canonical_json(value).map_err(|error| failed(error.into()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.into()))
}

fn millis(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

fn blob(digest: &Digest) -> &[u8] {
    digest.as_bytes()
}

fn misfit(column: usize, kind: Type, problem: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, problem.into())
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn unsigned_opt(row: &Row<'_>, column: usize) -> Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    number
        .map(|number| u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number)))
        .transpose()
}

pub(crate) fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    Ok(Digest::from_bytes(row.get(column)?))
}

fn digest_opt(row: &Row<'_>, column: usize) -> Result<Option<Digest>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Digest::from_bytes))
}

fn instant_opt(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    let number: Option<i64> = row.get(column)?;
    number
        .map(|number| {
            Timestamp::from_millisecond(number).map_err(|error| misfit(column, Type::Integer, error.to_string()))
        })
        .transpose()
}

fn instant(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    instant_opt(row, column)?.ok_or_else(|| misfit(column, Type::Null, "an instant is missing".to_owned()))
}

/// A word of an enumeration, as serde spells it.
fn word<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    let text: String = row.get(column)?;
    let deserializer: StrDeserializer<'_, serde::de::value::Error> = text.as_str().into_deserializer();
    T::deserialize(deserializer).map_err(|error| misfit(column, Type::Text, error.to_string()))
}

/// Number of entries.
pub(crate) fn size(connection: &Connection) -> Result<u64> {
    connection.query_row("SELECT coalesce(max(idx) + 1, 0) FROM entry", [], |row| unsigned(row, 0))
}

/// The leaf hash and position of the last entry of `series`.
pub(crate) fn last_of_series(connection: &Connection, series: &str) -> Result<Option<(u64, Digest, u64)>> {
    connection
        .prepare_cached("SELECT seq, leaf, idx FROM entry WHERE series = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([series], |row| Ok((unsigned(row, 0)?, digest(row, 1)?, unsigned(row, 2)?)))
        .optional()
}

pub(crate) fn series(connection: &Connection, series: &str) -> Result<Vec<u64>> {
    connection
        .prepare_cached("SELECT idx FROM entry WHERE series = ?1 ORDER BY seq")?
        .query_map([series], |row| unsigned(row, 0))?
        .collect()
}

pub(crate) fn insert_entry(connection: &Connection, index: u64, entry: &Entry) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO entry (idx, bytes, leaf, series, seq, kind, at, opening) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            sql(index)?,
            entry.bytes(),
            blob(&entry.leaf()),
            entry.series,
            sql(entry.seq)?,
            entry.body.kind(),
            millis(entry.at),
            entry.commit.as_ref().map(blob),
        ])?;
    Ok(())
}

pub(crate) fn insert_node(connection: &Connection, node: &Node) -> Result<()> {
    connection.prepare_cached("INSERT INTO node (level, idx, hash) VALUES (?1, ?2, ?3)")?.execute(params![
        node.level,
        sql(node.index)?,
        blob(&node.hash)
    ])?;
    Ok(())
}

const ENTRY: &str = "SELECT idx, bytes, leaf, opening FROM entry";

fn stored_entry(row: &Row<'_>) -> Result<StoredEntry> {
    Ok(StoredEntry {
        index: unsigned(row, 0)?,
        bytes: row.get(1)?,
        leaf: digest(row, 2)?,
        opening: digest_opt(row, 3)?,
    })
}

pub(crate) fn entry(connection: &Connection, index: u64) -> Result<Option<StoredEntry>> {
    connection.prepare_cached(&format!("{ENTRY} WHERE idx = ?1"))?.query_row([sql(index)?], stored_entry).optional()
}

/// Entries from `start` on, before `end`, at most `limit` of them.
pub(crate) fn entries(connection: &Connection, start: u64, end: u64) -> Result<Vec<StoredEntry>> {
    connection
        .prepare_cached(&format!("{ENTRY} WHERE idx >= ?1 AND idx < ?2 ORDER BY idx"))?
        .query_map([sql(start)?, sql(end)?], stored_entry)?
        .collect()
}

/// The entries of `series` at `start` or later, in their order.
pub(crate) fn of_series(connection: &Connection, series: &str, start: u64) -> Result<Vec<StoredEntry>> {
    // the number in the series follows the position in the log, and has the index
    connection
        .prepare_cached(&format!("{ENTRY} WHERE series = ?1 AND idx >= ?2 ORDER BY seq"))?
        .query_map(params![series, sql(start)?], stored_entry)?
        .collect()
}

/// The first entry at `start` or later that is of another series.
pub(crate) fn first_not_of(connection: &Connection, series: &str, start: u64) -> Result<Option<StoredEntry>> {
    connection
        .prepare_cached(&format!("{ENTRY} WHERE idx >= ?2 AND series <> ?1 ORDER BY idx LIMIT 1"))?
        .query_row(params![series, sql(start)?], stored_entry)
        .optional()
}

/// The tree's nodes in the database. A failed read looks like an absent node to the tree; [`SqlNodes::finish`] tells them apart.
pub(crate) struct SqlNodes<'a> {
    connection: &'a Connection,
    failure: RefCell<Option<rusqlite::Error>>,
}

impl<'a> SqlNodes<'a> {
    pub(crate) const fn new(connection: &'a Connection) -> Self {
        Self { connection, failure: RefCell::new(None) }
    }

    /// Whatever the tree computed from these nodes, unless a read failed on the way.
    pub(crate) fn finish<T>(
        self,
        outcome: std::result::Result<T, TreeError>,
    ) -> Result<std::result::Result<T, TreeError>> {
        self.failure.into_inner().map_or(Ok(outcome), Err)
    }
}

impl Nodes for SqlNodes<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let read = sql(index).and_then(|index| {
            self.connection
                .prepare_cached("SELECT hash FROM node WHERE level = ?1 AND idx = ?2")?
                .query_row(params![level, index], |row| digest(row, 0))
                .optional()
        });
        read.unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            None
        })
    }
}

/// Writes one row of a projection.
pub(crate) fn apply(connection: &Connection, change: &Change) -> Result<()> {
    match change {
        Change::Snapshot(row) => connection
            .prepare_cached(
                "INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                row.id,
                sql(row.log_index)?,
                row.source,
                row.collector,
                row.collector_version,
                row.status.as_str(),
                millis(row.started_at),
                millis(row.finished_at),
                row.observed_at.map(millis),
                row.slot.map(millis),
                sql(row.counted)?,
                sql_opt(row.declared)?,
                row.sample,
                blob(&row.manifest_sha256),
            ])?,
        Change::Slot(row) => {
            connection.prepare_cached("INSERT INTO slot VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
                row.source,
                millis(row.due_at),
                row.outcome,
                row.reason,
                row.snapshot,
                sql(row.log_index)?,
            ])?
        }
        Change::Evaluation(row) => connection
            .prepare_cached("INSERT INTO evaluation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
            .execute(params![
                sql(row.log_index)?,
                row.check,
                millis(row.as_of),
                row.outcome.as_str(),
                sql(row.verdicts.pass)?,
                sql(row.verdicts.fail)?,
                sql(row.verdicts.unknown)?,
                sql(row.verdicts.not_applicable)?,
                sql(row.verdicts.excepted)?,
                blob(&row.sha256),
            ])?,
        Change::Finding(row) => connection
            .prepare_cached(
                "INSERT INTO finding VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET \
                 check_name = excluded.check_name, state = excluded.state, body = excluded.body, \
                 log_index = excluded.log_index",
            )?
            .execute(params![row.id, row.check, row.state, canonical(&row.body)?, sql(row.log_index)?])?,
        Change::Confirmation(row) => connection
            .prepare_cached("INSERT INTO confirmation VALUES (?1, ?2, ?3) ON CONFLICT (snapshot) DO NOTHING")?
            .execute(params![row.snapshot, millis(row.at), sql(row.log_index)?])?,
        Change::Damage(rows) => {
            connection.execute("DELETE FROM damage", [])?;
            let mut insert =
                connection.prepare_cached("INSERT OR IGNORE INTO damage VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for row in rows {
                let digest = row.digest.to_string();
                let values = params![digest, row.snapshot, row.source, row.path, row.problem, sql(row.log_index)?];
                insert.execute(values)?;
            }
            rows.len()
        }
        Change::Hold(row) => connection
            .prepare_cached("INSERT INTO hold VALUES (?1, ?2, ?3, ?4, ?5, NULL)")?
            .execute(params![row.id, sql(row.log_index)?, millis(row.at), row.source, row.snapshot])?,
        Change::Release { hold, at } => connection
            .prepare_cached("UPDATE hold SET released = ?2 WHERE id = ?1 AND released IS NULL")?
            .execute(params![hold, millis(*at)])?,
        Change::Record(row) => connection
            .prepare_cached(
                "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, id) DO UPDATE SET \
                 body = excluded.body, log_index = excluded.log_index",
            )?
            .execute(params![row.kind, row.id, canonical(&row.body)?, sql(row.since)?, sql(row.log_index)?])?,
        Change::ReviewItem(row) => connection
            .prepare_cached(
                "INSERT INTO review_item VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (review, account) DO UPDATE SET \
                 source = excluded.source, reviewer = excluded.reviewer, state = excluded.state, body = excluded.body, \
                 log_index = excluded.log_index",
            )?
            .execute(params![
                row.review,
                row.account,
                row.source,
                row.reviewer,
                row.state,
                canonical(&row.body)?,
                sql(row.log_index)?
            ])?,
        Change::Erased(row) => {
            let index = sql(row.log_index)?;
            for statement in [
                "DELETE FROM snapshot WHERE log_index = ?1",
                "DELETE FROM evaluation WHERE log_index = ?1",
                "DELETE FROM finding WHERE log_index = ?1",
                "UPDATE slot SET reason = NULL WHERE log_index = ?1",
            ] {
                connection.prepare_cached(statement)?.execute([index])?;
            }
            connection.prepare_cached("INSERT OR IGNORE INTO erased VALUES (?1, ?2, ?3)")?.execute(params![
                index,
                sql(row.by_index)?,
                millis(row.at)
            ])?
        }
    };
    Ok(())
}

/// Which snapshots are asked for; every part narrows.
#[derive(Debug, Clone, Default)]
pub struct SnapshotFilter {
    /// Of this source only.
    pub source: Option<String>,
    /// Finished at this instant or before.
    pub as_of: Option<Timestamp>,
    /// Of this worth only.
    pub status: Option<SnapshotStatus>,
    /// At most so many, newest first.
    pub limit: Option<u64>,
}

fn snapshot_row(row: &Row<'_>) -> Result<SnapshotRow> {
    Ok(SnapshotRow {
        id: row.get(0)?,
        log_index: unsigned(row, 1)?,
        source: row.get(2)?,
        collector: row.get(3)?,
        collector_version: row.get(4)?,
        status: word(row, 5)?,
        started_at: instant(row, 6)?,
        finished_at: instant(row, 7)?,
        observed_at: instant_opt(row, 8)?,
        slot: instant_opt(row, 9)?,
        counted: unsigned(row, 10)?,
        declared: unsigned_opt(row, 11)?,
        sample: row.get(12)?,
        manifest_sha256: digest(row, 13)?,
    })
}

/// Snapshots sealed before `size`, newest first.
pub(crate) fn snapshots(connection: &Connection, filter: &SnapshotFilter, size: u64) -> Result<Vec<SnapshotRow>> {
    connection
        .prepare_cached(
            "SELECT * FROM snapshot WHERE log_index < ?1 AND (?2 IS NULL OR source = ?2) \
             AND (?3 IS NULL OR finished_at <= ?3) AND (?4 IS NULL OR status = ?4) \
             ORDER BY finished_at DESC, log_index DESC LIMIT ?5",
        )?
        .query_map(
            params![
                sql(size)?,
                filter.source,
                filter.as_of.map(millis),
                filter.status.map(SnapshotStatus::as_str),
                filter.limit.map_or(Ok(-1), sql)?,
            ],
            snapshot_row,
        )?
        .collect()
}

/// The newest snapshot of `source` that had finished at `as_of`, of the given worth where one is given.
pub(crate) fn latest_snapshot(
    connection: &Connection,
    source: &str,
    as_of: Timestamp,
    status: Option<SnapshotStatus>,
    size: u64,
) -> Result<Option<SnapshotRow>> {
    connection
        .prepare_cached(
            "SELECT * FROM snapshot WHERE source = ?1 AND finished_at <= ?2 AND log_index < ?3 \
             AND (?4 IS NULL OR status = ?4) ORDER BY finished_at DESC, log_index DESC LIMIT 1",
        )?
        .query_row(params![source, millis(as_of), sql(size)?, status.map(SnapshotStatus::as_str)], snapshot_row)
        .optional()
}

pub(crate) fn snapshot(connection: &Connection, id: &str) -> Result<Option<SnapshotRow>> {
    connection.prepare_cached("SELECT * FROM snapshot WHERE id = ?1")?.query_row([id], snapshot_row).optional()
}

fn evaluation_row(row: &Row<'_>) -> Result<EvaluationRow> {
    Ok(EvaluationRow {
        log_index: unsigned(row, 0)?,
        check: row.get(1)?,
        as_of: instant(row, 2)?,
        outcome: word::<Outcome>(row, 3)?,
        verdicts: VerdictCounts {
            pass: unsigned(row, 4)?,
            fail: unsigned(row, 5)?,
            unknown: unsigned(row, 6)?,
            not_applicable: unsigned(row, 7)?,
            excepted: unsigned(row, 8)?,
        },
        sha256: digest(row, 9)?,
    })
}

/// Evaluations sealed before `size`, newest first.
pub(crate) fn evaluations(
    connection: &Connection,
    check: Option<&str>,
    limit: Option<u64>,
    size: u64,
) -> Result<Vec<EvaluationRow>> {
    let limit = limit.map_or(Ok(-1), sql)?;
    // one statement for both could not use the index
    match check {
        Some(check) => connection
            .prepare_cached(
                "SELECT * FROM evaluation WHERE check_name = ?1 AND log_index < ?2 ORDER BY log_index DESC LIMIT ?3",
            )?
            .query_map(params![check, sql(size)?, limit], evaluation_row)?
            .collect(),
        None => connection
            .prepare_cached("SELECT * FROM evaluation WHERE log_index < ?1 ORDER BY log_index DESC LIMIT ?2")?
            .query_map(params![sql(size)?, limit], evaluation_row)?
            .collect(),
    }
}

/// The evaluation of `check` for the latest instant, sealed before `size`; of several for one instant the last.
pub(crate) fn latest_evaluation(connection: &Connection, check: &str, size: u64) -> Result<Option<EvaluationRow>> {
    connection
        .prepare_cached(
            "SELECT * FROM evaluation WHERE check_name = ?1 AND log_index < ?2 \
             ORDER BY as_of DESC, log_index DESC LIMIT 1",
        )?
        .query_row(params![check, sql(size)?], evaluation_row)
        .optional()
}

/// The latest instant up to `as_of` for which `check` was evaluated with one of `outcomes`.
pub(crate) fn last_evaluated(
    connection: &Connection,
    check: &str,
    as_of: Timestamp,
    outcomes: [Outcome; 2],
    size: u64,
) -> Result<Option<Timestamp>> {
    let [one, other] = outcomes.map(Outcome::as_str);
    connection
        .prepare_cached(
            "SELECT max(as_of) FROM evaluation \
             WHERE check_name = ?1 AND log_index < ?2 AND as_of <= ?3 AND outcome IN (?4, ?5)",
        )?
        .query_row(params![check, sql(size)?, millis(as_of), one, other], |row| instant_opt(row, 0))
}

/// Those of the entries at `indexes` that were written after `instant`.
pub(crate) fn written_after(
    connection: &Connection,
    indexes: impl IntoIterator<Item = u64>,
    instant: Timestamp,
) -> Result<BTreeSet<u64>> {
    let mut look = connection.prepare_cached("SELECT at > ?2 FROM entry WHERE idx = ?1")?;
    let mut after = BTreeSet::new();
    for index in indexes {
        if look.query_row(params![sql(index)?, millis(instant)], |row| row.get(0))? {
            after.insert(index);
        }
    }
    Ok(after)
}

/// Every finding, by id.
pub(crate) fn findings(connection: &Connection) -> Result<Vec<FindingRow>> {
    connection
        .prepare_cached("SELECT id, check_name, state, body, log_index FROM finding ORDER BY id")?
        .query_map([], |row| {
            let body: String = row.get(3)?;
            Ok(FindingRow {
                id: row.get(0)?,
                check: row.get(1)?,
                state: row.get(2)?,
                body: serde_json::from_str(&body).map_err(|error| misfit(3, Type::Text, error.to_string()))?,
                log_index: unsigned(row, 4)?,
            })
        })?
        .collect()
}

/// Slots of one source or of all that were due in the period, oldest first.
pub(crate) fn slots(
    connection: &Connection,
    source: Option<&str>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Vec<SlotRow>> {
    connection
        .prepare_cached(
            "SELECT source, due_at, outcome, reason, snapshot, log_index FROM slot \
             WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR due_at >= ?2) AND (?3 IS NULL OR due_at <= ?3) \
             ORDER BY source, due_at",
        )?
        .query_map(params![source, from.map(millis), to.map(millis)], slot_row)?
        .collect()
}

fn slot_row(row: &Row<'_>) -> Result<SlotRow> {
    Ok(SlotRow {
        source: row.get(0)?,
        due_at: instant(row, 1)?,
        outcome: row.get(2)?,
        reason: row.get(3)?,
        snapshot: row.get(4)?,
        log_index: unsigned(row, 5)?,
    })
}

/// The last slot of `source` that has an outcome.
pub(crate) fn last_slot(connection: &Connection, source: &str) -> Result<Option<SlotRow>> {
    connection
        .prepare_cached(
            "SELECT source, due_at, outcome, reason, snapshot, log_index FROM slot WHERE source = ?1 \
             ORDER BY due_at DESC LIMIT 1",
        )?
        .query_row([source], slot_row)
        .optional()
}

pub(crate) fn slot_is_taken(connection: &Connection, source: &str, due_at: Timestamp) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM slot WHERE source = ?1 AND due_at = ?2")?
        .exists(params![source, millis(due_at)])
}

/// The confirmation of a snapshot.
pub(crate) fn confirmation(connection: &Connection, snapshot: &str) -> Result<Option<ConfirmationRow>> {
    connection
        .prepare_cached("SELECT snapshot, at, log_index FROM confirmation WHERE snapshot = ?1")?
        .query_row([snapshot], |row| {
            Ok(ConfirmationRow { snapshot: row.get(0)?, at: instant(row, 1)?, log_index: unsigned(row, 2)? })
        })
        .optional()
}

/// Whether the database has the tables of version 2.
fn is_second(connection: &Connection) -> Result<bool> {
    crate::blob_rows::is_there(connection)
}

/// All that is damaged as far as is known.
pub(crate) fn damage(connection: &Connection) -> Result<Vec<DamageRow>> {
    if !is_second(connection)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached("SELECT digest, snapshot, source, path, problem, log_index FROM damage ORDER BY 1, 2")?
        .query_map([], |row| {
            let digest: String = row.get(0)?;
            Ok(DamageRow {
                digest: digest.parse().map_err(|_| misfit(0, Type::Text, format!("`{digest}` is no digest")))?,
                snapshot: row.get(1)?,
                source: row.get(2)?,
                path: row.get(3)?,
                problem: row.get(4)?,
                log_index: unsigned(row, 5)?,
            })
        })?
        .collect()
}

/// Every hold, released ones too, in the order they were made.
pub(crate) fn holds(connection: &Connection) -> Result<Vec<HoldRow>> {
    if !is_second(connection)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached("SELECT id, log_index, at, source, snapshot, released FROM hold ORDER BY log_index")?
        .query_map([], |row| {
            Ok(HoldRow {
                id: row.get(0)?,
                log_index: unsigned(row, 1)?,
                at: instant(row, 2)?,
                source: row.get(3)?,
                snapshot: row.get(4)?,
                released: instant_opt(row, 5)?,
            })
        })?
        .collect()
}

/// All of one kind that people decide on, in the order they came to be.
pub(crate) fn records(connection: &Connection, kind: &str) -> Result<Vec<RecordRow>> {
    if !connection.table_exists(None, "record")? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached("SELECT kind, id, body, since, log_index FROM record WHERE kind = ?1 ORDER BY since")?
        .query_map([kind], |row| {
            let body: String = row.get(2)?;
            Ok(RecordRow {
                kind: row.get(0)?,
                id: row.get(1)?,
                body: serde_json::from_str(&body).map_err(|error| misfit(2, Type::Text, error.to_string()))?,
                since: unsigned(row, 3)?,
                log_index: unsigned(row, 4)?,
            })
        })?
        .collect()
}

/// The items of an access review, by account; with `account` that one only.
pub(crate) fn review_items(connection: &Connection, review: &str, account: Option<&str>) -> Result<Vec<ReviewItemRow>> {
    if !connection.table_exists(None, "review_item")? {
        return Ok(Vec::new());
    }
    let read = |row: &Row<'_>| {
        let body: String = row.get(5)?;
        Ok(ReviewItemRow {
            review: row.get(0)?,
            account: row.get(1)?,
            source: row.get(2)?,
            reviewer: row.get(3)?,
            state: row.get(4)?,
            body: serde_json::from_str(&body).map_err(|error| misfit(5, Type::Text, error.to_string()))?,
            log_index: unsigned(row, 6)?,
        })
    };
    match account {
        Some(account) => connection
            .prepare_cached("SELECT * FROM review_item WHERE review = ?1 AND account = ?2")?
            .query_map([review, account], read)?
            .collect(),
        None => connection
            .prepare_cached("SELECT * FROM review_item WHERE review = ?1 ORDER BY account")?
            .query_map([review], read)?
            .collect(),
    }
}

/// Every entry whose document was erased.
pub(crate) fn all_erased(connection: &Connection) -> Result<Vec<ErasedRow>> {
    if !is_second(connection)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached("SELECT log_index, by_index, at FROM erased ORDER BY log_index")?
        .query_map([], |row| {
            Ok(ErasedRow { log_index: unsigned(row, 0)?, by_index: unsigned(row, 1)?, at: instant(row, 2)? })
        })?
        .collect()
}

/// Whether the document of the entry at `index` was erased, and by which entry.
pub(crate) fn erased(connection: &Connection, index: u64) -> Result<Option<u64>> {
    if !is_second(connection)? {
        return Ok(None);
    }
    connection
        .prepare_cached("SELECT by_index FROM erased WHERE log_index = ?1")?
        .query_row([sql(index)?], |row| unsigned(row, 0))
        .optional()
}

/// How far scrubbing is: the row it goes on from, and when it last came to the end.
pub(crate) fn scrub_position(connection: &Connection) -> Result<(u64, Option<Timestamp>)> {
    if !is_second(connection)? {
        return Ok((0, None));
    }
    let found = connection
        .prepare_cached("SELECT next, finished_at FROM scrub WHERE one = 1")?
        .query_row([], |row| Ok((unsigned(row, 0)?, instant_opt(row, 1)?)))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Notes how far scrubbing is.
pub(crate) fn set_scrub_position(connection: &Connection, next: u64, finished_at: Option<Timestamp>) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO scrub VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE SET next = excluded.next, \
             finished_at = coalesce(excluded.finished_at, finished_at)",
        )?
        .execute(params![sql(next)?, finished_at.map(millis)])?;
    Ok(())
}
