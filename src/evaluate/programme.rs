//! What the programme knows of itself: its sources and snapshots, how populations were counted, what people decided, how the
//! log is kept. The checks over the programme read these tables; no source provides them.

use crate::inputs::{Inputs, SnapshotRow, SourceInput};
use jiff::Timestamp;
use model::time::seconds_text;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the organisation's own records say at the instant of the evaluation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Programme {
    /// How the populations of each source's latest snapshot were counted.
    pub counts: Vec<CountRow>,
    /// Every finding.
    pub findings: Vec<FindingRow>,
    /// Every exception that was approved and has begun.
    pub exceptions: Vec<ExceptionRow>,
    /// Every access review that was started.
    #[serde(default)]
    pub reviews: Vec<ReviewRow>,
    /// Every account of them.
    #[serde(default)]
    pub review_items: Vec<ReviewItemRow>,
    /// How the log is kept; none where there is no log, as in a case.
    pub log: Option<LogRow>,
}

/// A population of a snapshot: our count beside the source's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRow {
    /// The source.
    pub source: String,
    /// Its latest snapshot.
    pub snapshot: String,
    /// The table whose rows were counted.
    pub table: String,
    /// Members counted in the answers.
    pub counted: u64,
    /// Members the source declares independently, where it does.
    pub declared: Option<u64>,
    /// Where that declaration was read.
    pub declared_by: Option<String>,
}

/// A finding as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Its id.
    pub finding: String,
    /// The check that raised it; none where a person did.
    pub check: Option<String>,
    /// Where it stands.
    pub state: String,
    /// As a person classified it.
    pub class: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Last day to have it implemented.
    pub due: Option<String>,
    /// First instant after that day in the organisation's zone.
    pub due_at: Option<Timestamp>,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When a person confirmed it.
    pub confirmed_at: Option<Timestamp>,
    /// Items not shown resolved.
    pub open_items: u64,
}

/// An approved exception as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRow {
    /// Its id.
    pub exception: String,
    /// The check whose failures it tolerates.
    pub check: String,
    /// The subjects it names, as a JSON array.
    pub subjects: Vec<String>,
    /// Only where evidence of this source decided it.
    pub source: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// First instant it holds.
    pub from: Timestamp,
    /// First instant it no longer holds.
    pub until: Timestamp,
    /// Instant of the newest evaluation of its check that said pass or fail.
    pub judged_at: Option<Timestamp>,
    /// Open items of findings that it names and no other exception covers.
    pub open_items: u64,
}

/// An access review as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRow {
    /// Its id.
    pub review: String,
    /// The policy.
    pub policy: String,
    /// Where it stands.
    pub state: String,
    /// Who answers for it.
    pub owner: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// When reviewers could begin.
    pub opened_at: Option<Timestamp>,
    /// First instant it is overdue.
    pub due_at: Option<Timestamp>,
    /// When it was signed or cancelled.
    pub ended_at: Option<Timestamp>,
    /// Accounts reviewed.
    pub items: u64,
    /// Those without a decision.
    pub undecided: u64,
}

/// An account of an access review as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewItemRow {
    /// The review.
    pub review: String,
    /// The account.
    pub account_key: String,
    /// Its source.
    pub source: String,
    /// Where it stands.
    pub state: String,
    /// The answer that counts.
    pub answer: Option<String>,
    /// Who gave it.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Whether somebody who decided holds the account or answers for it; none: nobody knows whose it is.
    pub own_access: Option<bool>,
    /// The recorded safeguard under which that was allowed.
    pub safeguard: Option<String>,
    /// Where the removal stands.
    pub removal: Option<String>,
    /// First instant it is overdue.
    pub removal_due_at: Option<Timestamp>,
    /// What showed it gone is of this instant.
    pub verified_at: Option<Timestamp>,
}

/// How the log and the store are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// The log's name.
    pub origin: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When all that is stored was last read and compared; none: never.
    pub scrubbed_at: Option<Timestamp>,
    /// Stored things known to be damaged.
    pub damaged: u64,
    /// How many timestamp authorities are configured.
    pub authorities: u64,
    /// The time of the newest token of one.
    pub stamped_at: Option<Timestamp>,
}

/// A count as SQLite keeps it.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An instant as the tables hold it.
fn text(instant: Option<Timestamp>) -> Option<String> {
    instant.map(seconds_text)
}

/// Fills the programme's tables.
pub(crate) fn fill(connection: &Connection, inputs: &Inputs) -> rusqlite::Result<()> {
    sources(connection, inputs)?;
    let Programme { counts, findings, exceptions, reviews, review_items, log } = &inputs.programme;
    let mut insert = connection.prepare("INSERT INTO population_count VALUES (?, ?, ?, ?, ?, ?)")?;
    for row in counts {
        insert.execute(params![
            row.source,
            row.snapshot,
            row.table,
            integer(row.counted),
            row.declared.map(integer),
            row.declared_by
        ])?;
    }
    let mut insert = connection.prepare("INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for row in findings {
        insert.execute(params![
            row.finding,
            row.check,
            row.state,
            row.class,
            row.owner,
            row.due,
            text(row.due_at),
            seconds_text(row.raised_at),
            text(row.confirmed_at),
            integer(row.open_items),
        ])?;
    }
    let mut insert = connection.prepare("INSERT INTO exception VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for row in exceptions {
        insert.execute(params![
            row.exception,
            row.check,
            serde_json::Value::from(row.subjects.clone()).to_string(),
            row.source,
            row.approved_by,
            seconds_text(row.from),
            seconds_text(row.until),
            text(row.judged_at),
            integer(row.open_items),
        ])?;
    }
    let mut insert = connection.prepare("INSERT INTO access_review VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for row in reviews {
        insert.execute(params![
            row.review,
            row.policy,
            row.state,
            row.owner,
            seconds_text(row.started_at),
            text(row.opened_at),
            text(row.due_at),
            text(row.ended_at),
            integer(row.items),
            integer(row.undecided),
        ])?;
    }
    let mut insert =
        connection.prepare("INSERT INTO access_review_item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for row in review_items {
        insert.execute(params![
            row.review,
            row.account_key,
            row.source,
            row.state,
            row.answer,
            row.decided_by,
            text(row.decided_at),
            row.own_access,
            row.safeguard,
            row.removal,
            text(row.removal_due_at),
            text(row.verified_at),
        ])?;
    }
    if let Some(row) = log {
        connection.execute(
            "INSERT INTO log_state VALUES (?, ?, ?, ?, ?, ?)",
            params![
                row.origin,
                seconds_text(row.began_at),
                text(row.scrubbed_at),
                integer(row.damaged),
                integer(row.authorities),
                text(row.stamped_at)
            ],
        )?;
    }
    Ok(())
}

fn sources(connection: &Connection, inputs: &Inputs) -> rusqlite::Result<()> {
    let mut sources: Vec<&SourceInput> = inputs.sources.iter().collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let mut insert = connection.prepare(
        "INSERT INTO source (source, collector, max_age_seconds, required, snapshot, seen_at) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for source in &sources {
        let snapshot = source.snapshot.as_ref();
        insert.execute(params![
            source.name,
            source.collector,
            source.max_age.as_secs(),
            source.required,
            snapshot.map(|snapshot| &snapshot.id),
            snapshot.map(|snapshot| seconds_text(snapshot.seen_at())),
        ])?;
    }

    let mut snapshots: BTreeMap<String, SnapshotRow> =
        sources.iter().filter_map(|source| source.snapshot_row()).map(|row| (row.snapshot.clone(), row)).collect();
    snapshots.extend(inputs.snapshots.iter().map(|row| (row.snapshot.clone(), row.clone())));
    let mut insert = connection.prepare(
        "INSERT INTO snapshot (snapshot, source, collector, status, started_at, finished_at, observed_at, slot)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for row in snapshots.values().filter(|row| row.finished_at <= inputs.as_of) {
        insert.execute(params![
            row.snapshot,
            row.source,
            row.collector,
            row.status.as_str(),
            seconds_text(row.started_at),
            seconds_text(row.finished_at),
            text(row.observed_at),
            text(row.slot),
        ])?;
    }

    let mut slots: Vec<_> = inputs.slots.iter().filter(|slot| slot.due_at <= inputs.as_of).collect();
    slots.sort_by(|a, b| (&a.source, a.due_at).cmp(&(&b.source, b.due_at)));
    let mut insert =
        connection.prepare("INSERT INTO slot (source, due_at, outcome, reason, snapshot) VALUES (?, ?, ?, ?, ?)")?;
    for slot in slots {
        insert.execute(params![slot.source, seconds_text(slot.due_at), slot.outcome, slot.reason, slot.snapshot])?;
    }
    Ok(())
}
