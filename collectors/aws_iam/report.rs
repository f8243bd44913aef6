//! The credential report: one CSV with the password, MFA and access key state of every user.
//!
//! AWS makes it on request and then gives the same one for four hours. It is parsed by column name, never by position,
//! and a value that is neither one of AWS's words nor of the column's kind is not reported and says so.

use crate::provider::aws::call;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::ReportStateType;
use egress::Context;
use model::time::seconds_text;
use model::{CollectError, Timestamp};
use serde_json::Value;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The name the report gives the account's root.
pub(super) const ROOT: &str = "<root_account>";

/// How long to wait for AWS to make the report: some accounts take minutes.
const POLLS: u32 = 60;
const POLL_WAIT: Duration = Duration::from_secs(3);

/// Columns without which the report does not say what it is read for.
const COLUMNS: &[&str] = &[
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_2_active",
];

/// AWS's words for "does not apply", "nothing known" and "not for this kind of user".
const NOTHING: &[&str] = &["N/A", "no_information", "not_supported", ""];

/// The report, read.
#[derive(Debug)]
pub(super) struct Report {
    /// When AWS made it.
    pub generated_at: Option<Timestamp>,
    /// By user name; root under [`ROOT`].
    pub rows: BTreeMap<String, ReportRow>,
    /// Cells that could not be read: column and value.
    pub strange: BTreeSet<(String, String)>,
}

/// One user's cells, in as little as they take: there may be very many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportRow {
    positions: Arc<BTreeMap<&'static str, usize>>,
    /// One after another.
    cells: Box<str>,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl Report {
    /// Users, without root.
    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str).filter(|name| *name != ROOT)
    }
}

impl ReportRow {
    /// A cell's text; none for AWS's words for nothing.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        let position = *self.positions.get(column)?;
        let end = |position: usize| self.ends.get(position).and_then(|end| usize::try_from(*end).ok());
        let start = position.checked_sub(1).map_or(Some(0), end)?;
        self.cells.get(start..end(position)?).filter(|text| !NOTHING.contains(text))
    }

    fn of(positions: &Arc<BTreeMap<&'static str, usize>>, record: &csv::StringRecord) -> Result<Self, String> {
        let end = |position| record.range(position).and_then(|range| u32::try_from(range.end).ok());
        let ends: Option<Box<[u32]>> = (0..record.len()).map(end).collect();
        let ends = ends.ok_or("a row is longer than any can be")?;
        Ok(Self { positions: Arc::clone(positions), cells: record.as_slice().into(), ends })
    }

    /// A cell of `true` or `false`.
    pub(super) fn flag(&self, column: &str) -> Option<bool> {
        read_flag(self.text(column)?)
    }

    /// A cell that holds an instant.
    pub(super) fn instant(&self, column: &str) -> Option<Timestamp> {
        self.text(column)?.parse().ok()
    }

    /// The same, as tables hold it.
    pub(super) fn instant_text(&self, column: &str) -> Value {
        self.instant(column).map_or(Value::Null, |instant| seconds_text(instant).into())
    }
}

fn read_flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Has AWS make the report, waits for it, and reads it.
pub(super) async fn read(ctx: &Context, iam: &Client) -> Result<Report, CollectError> {
    const OPERATION: &str = "iam:GetCredentialReport";
    generate(ctx, iam).await?;
    let (answer, _) = call(OPERATION, |guard| iam.get_credential_report().customize().interceptor(guard).send())
        .await
        .map_err(|failure| failure.error)?;
    let malformed = |message: String| CollectError::Malformed { operation: OPERATION.to_owned(), message };
    let generated_at = answer.generated_time().and_then(|instant| Timestamp::from_second(instant.secs()).ok());
    let content = answer.content().map(AsRef::as_ref).unwrap_or_default();
    let (rows, strange) = parse(content).map_err(malformed)?;
    Ok(Report { generated_at, rows, strange })
}

async fn generate(ctx: &Context, iam: &Client) -> Result<(), CollectError> {
    const OPERATION: &str = "iam:GenerateCredentialReport";
    for _ in 0..POLLS {
        let (answer, _) =
            call(OPERATION, |guard| iam.generate_credential_report().customize().interceptor(guard).send())
                .await
                .map_err(|failure| failure.error)?;
        match answer.state() {
            Some(ReportStateType::Complete) => return Ok(()),
            Some(ReportStateType::Started | ReportStateType::Inprogress) => {}
            other => {
                let state = other.map_or("none", ReportStateType::as_str);
                let message = format!("the report is in a state nobody documents: {state}");
                return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
            }
        }
        // a recording answers at once
        if !ctx.egress.is_replay() {
            tokio::time::sleep(POLL_WAIT).await;
        }
    }
    Err(CollectError::Transient {
        operation: OPERATION.to_owned(),
        message: format!("AWS had not made the report after {POLLS} requests"),
    })
}

type Rows = BTreeMap<String, ReportRow>;

fn parse(content: &[u8]) -> Result<(Rows, BTreeSet<(String, String)>), String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut positions = BTreeMap::new();
    for column in COLUMNS {
        let mut found = header.iter().enumerate().filter(|(_, name)| name == column).map(|(position, _)| position);
        match (found.next(), found.next()) {
            (Some(position), None) => positions.insert(*column, position),
            (None, _) => return Err(format!("the report has no column `{column}`")),
            (Some(_), Some(_)) => return Err(format!("the report has column `{column}` twice")),
        };
    }
    let positions = Arc::new(positions);
    let mut rows = Rows::new();
    let mut strange = BTreeSet::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        let row = ReportRow::of(&positions, &record)?;
        let user = row.text("user").ok_or("a row names no user")?.to_owned();
        note_strange(&row, &mut strange);
        match rows.entry(user) {
            Entry::Vacant(place) => drop(place.insert(row)),
            Entry::Occupied(earlier) if *earlier.get() == row => {}
            Entry::Occupied(earlier) => return Err(format!("user `{}` has two rows that differ", earlier.key())),
        }
    }
    Ok((rows, strange))
}

fn note_strange(row: &ReportRow, strange: &mut BTreeSet<(String, String)>) {
    for column in COLUMNS {
        let Some(text) = row.text(column) else { continue };
        let readable = match *column {
            column if column.ends_with("_active") || column == "password_enabled" => read_flag(text).is_some(),
            "user_creation_time" | "password_last_used" | "password_last_changed" | "password_next_rotation" => {
                row.instant(column).is_some()
            }
            column if column.ends_with("_last_rotated") || column.ends_with("_last_used_date") => {
                row.instant(column).is_some()
            }
            _ => true,
        };
        if !readable {
            strange.insert(((*column).to_owned(), text.chars().take(40).collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, ROOT, parse};

    fn report(rows: &[&[(&str, &str)]]) -> String {
        let mut text = format!("{},additional\n", COLUMNS.join(","));
        for row in rows {
            let cells =
                COLUMNS.iter().map(|column| row.iter().find(|(name, _)| name == column).map_or("N/A", |cell| cell.1));
            text.push_str(&cells.chain(["x"]).collect::<Vec<_>>().join(","));
            text.push('\n');
        }
        text
    }

    #[test]
    fn awss_words_for_nothing_are_not_reported_and_not_false() {
        let text = report(&[
            &[("user", ROOT), ("password_enabled", "not_supported"), ("mfa_active", "true")],
            &[("user", "ada"), ("password_last_used", "no_information"), ("password_enabled", "false")],
        ]);
        let (rows, strange) = parse(text.as_bytes()).unwrap();
        assert!(strange.is_empty());
        assert_eq!(rows[ROOT].flag("password_enabled"), None);
        assert_eq!(rows[ROOT].flag("mfa_active"), Some(true));
        assert_eq!(rows["ada"].flag("password_enabled"), Some(false));
        assert_eq!(rows["ada"].instant("password_last_used"), None);
    }

    #[test]
    fn report_times_with_an_offset_become_utc() {
        let text = report(&[&[("user", "ada"), ("password_last_changed", "2026-03-01T10:00:00+02:00")]]);
        let (rows, _) = parse(text.as_bytes()).unwrap();
        assert_eq!(rows["ada"].instant_text("password_last_changed"), "2026-03-01T08:00:00Z");
    }

    #[test]
    fn a_value_nobody_documents_is_not_reported_and_is_named() {
        let text = report(&[&[("user", "ada"), ("mfa_active", "maybe"), ("access_key_1_last_rotated", "yesterday")]]);
        let (rows, strange) = parse(text.as_bytes()).unwrap();
        assert_eq!(rows["ada"].flag("mfa_active"), None);
        let named: Vec<&str> = strange.iter().map(|(column, _)| column.as_str()).collect();
        assert_eq!(named, ["access_key_1_last_rotated", "mfa_active"]);
    }

    #[test]
    fn a_report_that_lost_a_column_a_cell_or_its_consistency_is_unreadable() {
        let whole = report(&[&[("user", "ada")]]);
        assert!(parse(whole.replace("mfa_active", "mfa").as_bytes()).is_err());
        assert!(parse(&whole.as_bytes()[..whole.len() - 5]).is_err());
        assert!(parse(b"").is_err());
        assert!(parse(b"<html>busy</html>").is_err());
        let twice = report(&[&[("user", "ada"), ("mfa_active", "true")], &[("user", "ada"), ("mfa_active", "false")]]);
        assert!(parse(twice.as_bytes()).is_err());
    }
}
