//! The rows of one declared table, record by record, and what was wrong with those that gave none.

use super::cell::cell;
use super::{Declared, Place};
use egress::Context;
use model::{Caller, Completeness, Count, Observation, Reason, ReasonCode, Row, Table, Timestamp};
use serde_json::Value;

/// How many rejected records a message names.
const SHOWN: usize = 5;

/// One table under construction.
pub(crate) struct Gather<'a, T> {
    pub(crate) declared: &'a Declared<T>,
    table: Table,
    records: u64,
    /// Columns that some record named, null or not.
    named: Vec<bool>,
    rejected: Vec<String>,
    rejections: u64,
    reasons: Vec<Reason>,
    count: Option<(u64, String)>,
    counts_repeats: bool,
}

impl<'a, T> Gather<'a, T> {
    pub(crate) fn new(declared: &'a Declared<T>) -> Self {
        Self {
            declared,
            table: Table::new(declared.spec.clone()),
            records: 0,
            named: vec![false; declared.places.len()],
            rejected: Vec::new(),
            rejections: 0,
            reasons: Vec::new(),
            count: None,
            counts_repeats: false,
        }
    }

    /// Adds what `record` says; `at` names it where it fits no row: `line 7`.
    pub(crate) fn add(&mut self, at: &str, record: &Value) {
        self.records += 1;
        if let Err(problem) = self.row(record) {
            self.rejections += 1;
            if self.rejected.len() < SHOWN {
                self.rejected.push(format!("{at} {problem}"));
            }
        }
    }

    fn row(&mut self, record: &Value) -> Result<(), String> {
        if !record.is_object() {
            return Err("is not a JSON object".to_owned());
        }
        let mut row = Row::new();
        // a record that fits no row still tells which fields there are
        let mut problem = None;
        for (position, (column, place)) in self.declared.spec.columns.iter().zip(&self.declared.places).enumerate() {
            let found = match place {
                Place::Field(name) => record.get(name),
                Place::Path(path) => {
                    path.query(record).at_most_one().map_err(|_| format!("has several values for `{}`", column.name))?
                }
            };
            let Some(value) = found else { continue };
            if let Some(named) = self.named.get_mut(position) {
                *named = true;
            }
            match cell(column.kind, value) {
                Ok(value) => drop(row.insert(column.name.clone(), value)),
                Err(why) => {
                    problem.get_or_insert(format!("`{}` {why}", column.name));
                }
            }
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        let is_missing = |column: &&String| row.get(*column).is_none_or(|value| value.is_null() || *value == "");
        if let Some(missing) = self.declared.spec.key.iter().find(is_missing) {
            return Err(format!("has no value for the key `{missing}`"));
        }
        self.table.push(row).map_err(|error| error.to_string())
    }

    /// What the source itself says how many there are, and where.
    pub(crate) fn declare(&mut self, declared: u64, by: impl Into<String>) {
        self.count = Some((declared, by.into()));
    }

    /// The same, where the source may say the same record again and counts it each time.
    pub(crate) fn declare_with_repeats(&mut self, declared: u64, by: impl Into<String>) {
        self.declare(declared, by);
        self.counts_repeats = true;
    }

    /// Something that was not seen of this table.
    pub(crate) fn miss(&mut self, code: ReasonCode, message: impl Into<String>) {
        self.reasons.push(Reason::new(code, message).table(&self.declared.spec.name));
    }

    /// Why records of this table were not seen.
    pub(crate) fn unseen(&mut self, reason: Reason) {
        self.reasons.push(reason.table(&self.declared.spec.name));
    }

    /// Whether no record came.
    pub(crate) const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Names records that came more than once, for a source of which nothing else says that none is missing for them.
    pub(crate) fn refuse_repeats(&mut self) {
        self.table.settle();
        let repeats = self.records - self.rejections - self.table.len() as u64;
        if repeats > 0 && self.count.is_none() {
            let message = format!(
                "{repeats} records of `{}` came more than once, and nothing says that no other is missing for them",
                self.declared.spec.name
            );
            self.miss(ReasonCode::CountsDisagree, message);
        }
    }

    fn finish(mut self) -> (Table, Count, Vec<Reason>) {
        self.table.settle();
        let different = self.table.len() as u64 + self.rejections;
        let name = &self.declared.spec.name;
        if self.rejections > 0 {
            let more = self.rejections - self.rejected.len() as u64;
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            let message =
                format!("{} records of `{name}` give no row: {}{more}", self.rejections, self.rejected.join("; "));
            self.miss(ReasonCode::RowRejected, message);
        }
        let unnamed: Vec<&str> = self
            .declared
            .spec
            .columns
            .iter()
            .zip(&self.named)
            .filter(|(_, named)| !**named)
            .map(|(column, _)| column.name.as_str())
            .collect();
        if self.records > 0 && !unnamed.is_empty() {
            let columns = unnamed.join("`, `");
            let mut reason = Reason::new(ReasonCode::Malformed, format!("no record of `{name}` has `{columns}`"));
            reason = reason.table(name);
            reason.columns = unnamed.into_iter().map(str::to_owned).collect();
            self.reasons.push(reason);
        }
        let different = if self.counts_repeats { self.records } else { different };
        let miscounted = |(declared, _): &&(u64, String)| *declared != self.records || *declared != different;
        if let Some((declared, by)) = self.count.as_ref().filter(miscounted) {
            let twice = if different == self.records { String::new() } else { format!(", {different} different ones") };
            let message = format!("{} records of `{name}` were read{twice}, {by} says {declared}", self.records);
            self.miss(ReasonCode::CountsDisagree, message);
        }
        let count = Count {
            table: self.declared.spec.name.clone(),
            counted: self.records,
            declared: self.count.as_ref().map(|(declared, _)| *declared),
            declared_by: self.count.map(|(_, by)| by),
        };
        (self.table, count, self.reasons)
    }
}

/// What a run saw of its source, when it saw each table to its end or says what it missed.
pub(crate) fn observe<T>(
    ctx: &Context,
    gathered: Vec<Gather<'_, T>>,
    basis: impl Into<String>,
    mut reasons: Vec<Reason>,
    caller: Option<Caller>,
    observed_at: Option<Timestamp>,
) -> Observation {
    let (mut tables, mut counts) = (Vec::new(), Vec::new());
    for gather in gathered {
        let (table, count, missed) = gather.finish();
        tables.push(table);
        counts.push(count);
        reasons.extend(missed);
    }
    let completeness = if reasons.is_empty() {
        Completeness::Complete { basis: basis.into() }
    } else {
        Completeness::Incomplete { reasons }
    };
    let redactions = ctx.egress.redactions();
    let mut observation = Observation { tables, completeness, counts, caller, observed_at, redactions };
    observation.settle();
    observation
}
