//! `hr_file`: a roster of people and their spells of employment from the file an HR system or a spreadsheet exports: CSV
//! and its like, XLSX, JSON. It never corrects what it reads.

mod cell;
mod dates;
mod decode;
mod delimited;
mod headers;
mod objects;
mod preview;
mod roster;
mod workbook;

#[cfg(test)]
mod tests;

use crate::provider::files;
use crate::provider::rows::{self, push, row};
use crate::settings;
use dates::Dates;
use decode::Encoding;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{CollectError, Completeness, Count, Exchange, Observation, Reason, ReasonCode, Row};
use roster::{Format, Kind, Roster, Spell};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));
const READ: &str = "read roster";

pub(crate) struct HrFile;

#[derive(Deserialize)]
struct Settings {
    path: PathBuf,
    format: Kind,
    encoding: Encoding,
    #[serde(default)]
    delimiter: Option<String>,
    #[serde(default)]
    sheet: Option<String>,
    last_line_open: bool,
    date_format: String,
    date_formats: BTreeMap<String, String>,
    columns: BTreeMap<String, String>,
}

impl Settings {
    fn read(settings: &Value) -> Result<Self, CollectError> {
        let read: Self = settings::typed(&SPEC, settings)?;
        if read.delimiter.as_ref().is_some_and(|delimiter| delimiter.len() != 1) {
            return Err(CollectError::Misconfigured {
                message: "`delimiter` is not one ASCII character".to_owned(),
                help: "write `,`, `;`, `|` or a tab, or leave it out: then it is detected".to_owned(),
            });
        }
        read.dates()?;
        Ok(read)
    }

    fn dates(&self) -> Result<Dates, CollectError> {
        Dates::declared(&self.date_format, &self.date_formats)
    }

    /// The roster in `content`.
    fn roster(&self, content: &[u8]) -> Result<Roster, CollectError> {
        let format = Format {
            kind: self.format,
            encoding: self.encoding,
            delimiter: self.delimiter.as_ref().map(|delimiter| delimiter.as_bytes()[0]),
            sheet: self.sheet.as_deref(),
            dates: &self.dates()?,
            columns: &self.columns,
        };
        let mut roster = roster::read(content, &format)?;
        roster.last_line_open &= !self.last_line_open;
        Ok(roster)
    }
}

#[async_trait::async_trait]
impl Collector for HrFile {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings = Settings::read(settings)?;
        Ok(files::policy(&SPEC, vec![settings.path]))
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings = Settings::read(&ctx.settings)?;
        let file = files::read(ctx, READ, &settings.path).await?.required(&SPEC, READ, &settings.path)?;
        let roster = settings.roster(&file.content)?;
        let mut observation = observe(roster)?;
        observation.observed_at = file.modified_at;
        Ok(observation)
    }

    fn preview(&self, settings: &Value, exchanges: &[Exchange]) -> Vec<String> {
        let Ok(settings) = Settings::read(settings) else { return Vec::new() };
        let answered = exchanges.iter().find(|exchange| exchange.record.status == Some(200));
        // what keeps it from being read is the run's error already
        let Some(Ok(roster)) = answered.map(|exchange| settings.roster(&exchange.body)) else { return Vec::new() };
        preview::lines(&roster, &settings)
    }
}

fn observe(roster: Roster) -> Result<Observation, CollectError> {
    let mut reasons: Vec<Reason> = roster
        .rejected
        .iter()
        .map(|rejected| {
            Reason::new(ReasonCode::RowRejected, format!("{} {} {}", roster.unit, rejected.line, rejected.why))
        })
        .collect();
    if roster.unbalanced_quotes {
        reasons.push(Reason::new(
            ReasonCode::Malformed,
            "a quotation mark is not closed, so a field may have swallowed the rows after it",
        ));
    }
    if roster.last_line_open {
        reasons.push(Reason::new(
            ReasonCode::Malformed,
            "the last line has no end, so the file may have been cut in it; where the exporting system always leaves it \
             out, say `last_line_open = true`",
        ));
    }
    let kept = roster.spells.len() as u64;

    let mut people: BTreeMap<String, Vec<Spell>> = BTreeMap::new();
    for spell in roster.spells {
        people.entry(spell.employee_id.clone()).or_default().push(spell);
    }
    let mut persons = rows::table(&SPEC, "hr_person");
    let mut spells = rows::table(&SPEC, "hr_spell");
    for (employee_id, mut of_person) in people {
        of_person.sort();
        of_person.dedup_by(|second, first| Spell { line: first.line, ..second.clone() } == *first);
        for pair in of_person.windows(2).filter(|pair| pair[0].start_date == pair[1].start_date) {
            let message = format!(
                "employee `{employee_id}` has two spells with the same start that differ ({}s {} and {})",
                roster.unit, pair[0].line, pair[1].line
            );
            reasons.push(Reason::new(ReasonCode::DuplicateDiffers, message));
        }
        if let Some((one, other)) = two_people(&of_person) {
            let message = format!(
                "employee `{employee_id}` is two people at once by name and address ({}s {} and {})",
                roster.unit, one.line, other.line
            );
            reasons.push(Reason::new(ReasonCode::DuplicateDiffers, message));
        }
        push(&mut persons, person(&employee_id, &of_person))?;
        for (index, spell) in of_person.iter().enumerate() {
            push(&mut spells, spell_row(&employee_id, index + 1, spell))?;
        }
    }

    let blank = if roster.blank == 0 { String::new() } else { format!("; {} without any value", roster.blank) };
    let basis =
        format!("the file was read to its end as {}: {} records, each a row kept{blank}", roster.how, roster.records);
    let counts = vec![
        Count {
            table: "hr_spell".to_owned(),
            counted: kept,
            declared: Some(roster.records),
            declared_by: Some("records of the file".to_owned()),
        },
        Count { table: "hr_person".to_owned(), counted: persons.len() as u64, declared: None, declared_by: None },
    ];
    let mut observation = Observation {
        tables: vec![persons, spells],
        completeness: Completeness::from_reasons(basis, reasons),
        counts,
        caller: None,
        observed_at: None,
        redactions: Vec::new(),
    };
    observation.settle();
    Ok(observation)
}

/// Two spells that overlap and differ in name and in address: people may have two contracts, and may marry between two spells.
fn two_people(spells: &[Spell]) -> Option<(&Spell, &Spell)> {
    let same = |one: &Option<String>, other: &Option<String>| match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    };
    let overlap = |one: &Spell, other: &Spell| {
        one.end_date.is_none_or(|end| other.start_date.is_none_or(|start| start <= end))
            && other.end_date.is_none_or(|end| one.start_date.is_none_or(|start| start <= end))
    };
    let differ = |one: &Spell, other: &Spell| {
        !same(&one.name, &other.name) && !same(&one.work_email, &other.work_email) && overlap(one, other)
    };
    let (index, one) =
        spells.iter().enumerate().find(|(index, one)| spells[index + 1..].iter().any(|other| differ(one, other)))?;
    spells[index + 1..].iter().find(|other| differ(one, other)).map(|other| (one, other))
}

/// What the latest spell says, and the addresses only earlier ones have.
fn person(employee_id: &str, spells: &[Spell]) -> Row {
    let Some(latest) = spells.last() else { return Row::new() };
    let others: BTreeSet<&str> = spells
        .iter()
        .filter_map(|spell| spell.work_email.as_deref())
        .filter(|email| Some(*email) != latest.work_email.as_deref())
        .collect();
    row(json!({
        "employee_id": employee_id,
        "name": latest.name,
        "work_email": latest.work_email,
        "other_emails": others,
        "manager": latest.manager,
        "department": latest.department,
        "employment_type": latest.employment_type,
        "start_date": latest.start_date,
        "end_date": latest.end_date,
        "end_recorded_at": latest.end_recorded_at.map(model::time::seconds_text),
        "status": latest.status,
        "spells": spells.len(),
    }))
}

fn spell_row(employee_id: &str, number: usize, spell: &Spell) -> Row {
    row(json!({
        "employee_id": employee_id,
        "spell": number,
        "line": spell.line,
        "start_date": spell.start_date,
        "end_date": spell.end_date,
        "end_recorded_at": spell.end_recorded_at.map(model::time::seconds_text),
        "employment_type": spell.employment_type,
    }))
}
