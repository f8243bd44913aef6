//! Redaction: chosen columns of tables are replaced by salted commitments, and what else holds their values is withheld.
//!
//! The sealed digest of a table covers its rows as they are, so a redacted table cannot be proven to be the sealed one; the
//! pack says so. What it can do is answer for every field: the commitment is under the log's signature, and whoever holds
//! the log's key can open one field without the others. Salts follow from a signature that never leaves the house.

use crate::entries;
use crate::error::PackError;
use crate::plan::{Plan, Source};
use aho_corasick::{AhoCorasick, MatchKind};
use ledger::{Body, Entry, Note, SigningKey};
use model::{Digest, Hasher, Manifest, Row, canonical_json};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Shorter values are not looked for elsewhere: they are in everything.
const SHORTEST: usize = 3;

/// A field that was opened: what `pack reveal` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// 64 hexadecimal digits.
    pub salt: String,
    /// The value as canonical JSON.
    pub value: String,
    /// `SHA-256(salt bytes, value bytes)`, as the pack shows it.
    pub commitment: Digest,
}

/// What is to be hidden.
pub(crate) struct Redaction {
    columns: BTreeSet<(String, String)>,
    values: Option<AhoCorasick>,
}

impl Redaction {
    /// Reads the tables concerned and remembers the values that must not appear elsewhere.
    pub(crate) fn gather(plan: &Plan, source: &dyn Source, items: &[u64]) -> Result<Self, PackError> {
        let columns: BTreeSet<(String, String)> = plan.redact.iter().cloned().collect();
        let mut redaction = Self { columns, values: None };
        if redaction.columns.is_empty() {
            return Ok(redaction);
        }
        let (mut values, mut met) = (BTreeSet::new(), BTreeSet::new());
        for index in items {
            let failed = |source| PackError::Source { what: format!("the document of entry {index}"), source };
            let unproven = |problem: String| PackError::Unproven { what: format!("entry {index}"), problem };
            let entry = Entry::decode(&entries::read(source, *index)?).map_err(|error| unproven(error.to_string()))?;
            if !matches!(entry.body, Body::Snapshot { .. }) {
                continue;
            }
            let manifest: Manifest = serde_json::from_slice(&source.document(*index).map_err(failed)?)
                .map_err(|error| unproven(error.to_string()))?;
            for table in &manifest.tables {
                let hidden: Vec<&str> = redaction.of_table(&table.name).collect();
                met.extend(
                    hidden
                        .iter()
                        .filter(|name| table.spec.columns.iter().any(|column| column.name == **name))
                        .map(|name| (table.name.clone(), (*name).to_owned())),
                );
                if hidden.is_empty() {
                    continue;
                }
                let lines = source.blob(&table.sha256).map_err(failed)?;
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let row: Row = serde_json::from_slice(line).map_err(|error| unproven(error.to_string()))?;
                    for column in &hidden {
                        texts(row.get(*column), &mut values);
                    }
                }
            }
        }
        if let Some((table, column)) = redaction.columns.iter().find(|column| !met.contains(*column)) {
            return Err(PackError::Plan(format!("no snapshot in it has a column `{table}.{column}` to redact")));
        }
        if !values.is_empty() {
            let found = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(&values)
                .map_err(|error| PackError::Plan(format!("the redacted values cannot be looked for: {error}")))?;
            redaction.values = Some(found);
        }
        Ok(redaction)
    }

    /// Columns of `table` that are hidden.
    pub(crate) fn of_table<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        self.columns.iter().filter(move |(of, _)| of == table).map(|(_, column)| column.as_str())
    }

    /// Whether a snapshot has something to hide.
    pub(crate) fn touches(&self, manifest: &Manifest) -> bool {
        manifest.tables.iter().any(|table| self.of_table(&table.name).next().is_some())
    }

    /// Whether anything is hidden at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// `table.column`, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(table, column)| format!("{table}.{column}")).collect()
    }

    /// Whether a document names a hidden value, as a word of its own.
    pub(crate) fn named_in(&self, document: &[u8]) -> bool {
        let Some(values) = &self.values else { return false };
        let letter = |at: Option<usize>| at.and_then(|at| document.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        values
            .find_overlapping_iter(document)
            .any(|found| !letter(found.start().checked_sub(1)) && !letter(Some(found.end())))
    }

    /// The lines of a table with its hidden fields replaced.
    pub(crate) fn lines(
        &self,
        table: &str,
        sealed: Digest,
        lines: &[u8],
        key: &SigningKey,
    ) -> Result<Vec<u8>, PackError> {
        let mut out = Vec::with_capacity(lines.len());
        for (number, line) in (1_u64..).zip(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())) {
            let mut row: Row = serde_json::from_slice(line)?;
            for column in self.of_table(table) {
                if let Some(value) = row.get_mut(column) {
                    let opened = open(key, sealed, number, column, value)?;
                    *value = json!({ "redacted": opened.commitment.to_string() });
                }
            }
            out.extend(canonical_json(&row)?);
            out.push(b'\n');
        }
        Ok(out)
    }
}

/// Every text in a value, as JSON spells it.
fn texts(value: Option<&Value>, into: &mut BTreeSet<String>) {
    match value {
        Some(Value::String(text)) if text.chars().count() >= SHORTEST => {
            let spelt = Value::String(text.clone()).to_string();
            into.insert(spelt.trim_matches('"').to_owned());
        }
        Some(Value::Array(items)) => items.iter().for_each(|item| texts(Some(item), into)),
        Some(Value::Object(fields)) => fields.values().for_each(|field| texts(Some(field), into)),
        _ => {}
    }
}

/// The commitment to the field in `row` (from 1) and `column` of the table sealed as `table`, and what opens it.
pub fn open(key: &SigningKey, table: Digest, row: u64, column: &str, value: &Value) -> Result<Opened, PackError> {
    // Ed25519 signs the same text alike every time, and nobody without the key can: a secret that need not be kept
    let signed = Note::sign(format!("evidenced/redaction/v1\ntable {table}\n"), key)
        .map_err(|error| PackError::Plan(error.to_string()))?;
    let mut salt = Hasher::new();
    salt.update(Digest::of(signed.to_string().as_bytes()).as_bytes());
    salt.update(&row.to_be_bytes());
    salt.update(column.as_bytes());
    let salt = salt.finish();
    let value = canonical_json(value)?;
    let mut commitment = Hasher::new();
    commitment.update(salt.as_bytes());
    commitment.update(&value);
    Ok(Opened {
        salt: salt.to_string(),
        value: String::from_utf8_lossy(&value).into_owned(),
        commitment: commitment.finish(),
    })
}
