//! What the tests of this room share.

use crate::catalogue::Catalogues;
use crate::check::{self, Check, Known};
use crate::confine::Confinement;
use crate::diagnostic::{Diagnostic, Place};
use crate::evaluation::{Each, EvaluateError, Evaluated};
use crate::inputs::{Inputs, SnapshotInput, SourceInput};
use crate::people::Orphan;
use crate::set::{CheckSet, CollectorTables};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use model::{Column, ColumnKind, Digest, Evaluation, Row, SnapshotStatus, Table, TableSpec};
use serde_json::Value;

/// Everything a batch of checks gave.
pub(crate) struct All {
    pub evaluations: Vec<Evaluation>,
    pub identity_map: Option<Vec<u8>>,
    pub orphans: Vec<Orphan>,
    pub confinement: Option<Confinement>,
}

/// Gathers what `evaluate` hands over one by one.
pub(crate) fn all(
    evaluate: impl FnOnce(&mut Each<'_>) -> Result<Evaluated, EvaluateError>,
) -> Result<All, EvaluateError> {
    let mut evaluations = Vec::new();
    let Evaluated { identity_map, orphans, confinement } = evaluate(&mut |evaluation| {
        evaluations.push(evaluation);
        Ok(())
    })?;
    Ok(All { evaluations, identity_map, orphans, confinement })
}

/// Inputs without sources.
pub(crate) fn inputs(as_of: &str) -> Inputs {
    Inputs {
        as_of: as_of.parse().unwrap(),
        timezone: TimeZone::UTC,
        last_day_ends: None,
        domains: Vec::new(),
        fold_local_part: false,
        sources: Vec::new(),
        snapshots: Vec::new(),
        slots: Vec::new(),
        links: Vec::new(),
        accounts: Vec::new(),
        exceptions: Vec::new(),
        history: Vec::new(),
        programme: crate::programme::Programme::default(),
    }
}

/// The collectors that the shipped checks name, without tables of their own.
pub(crate) fn collectors() -> Vec<CollectorTables> {
    [
        "aws_backup",
        "aws_iam",
        "aws_organization",
        "borg",
        "entra_id",
        "github_org",
        "github_repos",
        "google_workspace",
        "hr_file",
        "http_json",
        "linux_accounts",
        "okta",
        "pgbackrest",
        "restic",
        "scim",
        "velero",
    ]
    .map(|id| CollectorTables { id: id.to_owned(), tables: Vec::new() })
    .into()
}

/// The shipped checks.
pub(crate) fn shipped() -> CheckSet {
    match CheckSet::builtin(&Catalogues::builtin().unwrap(), &collectors()) {
        Ok(set) => set,
        Err(problems) => {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// Parses a check text as `t.sql`.
pub(crate) fn parse(text: &str) -> Result<Check, Vec<Diagnostic>> {
    let controls = Catalogues::builtin().unwrap();
    let collectors = collectors();
    check::parse(Place { file: "t.sql", text }, "t", &Known::new(&controls, &collectors))
}

/// A check that declares `inputs` (TOML) and runs `sql`.
pub(crate) fn check(name: &str, inputs: &str, sql: &str) -> Check {
    let text = format!(
        "/*---\ntitle = \"T\"\nseverity = \"minor\"\ncontrols = [\"iso27001:2022/9.1\"]\nsubject = \"x\"\n\
         population = \"all\"\n[inputs]\n{inputs}\n[finding]\ncriteria = \"c\"\nimpact = \"i\"\naction = \"a\"\n---*/\n{sql}"
    );
    let mut check = parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    name.clone_into(&mut check.name);
    check
}

/// A collector's source with one table `toy_user(login, email)` that maps to `account`.
pub(crate) fn toy_source(name: &str, seen_at: &str, logins: &[(&str, &str)]) -> SourceInput {
    let text = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text, description: String::new() };
    let spec = TableSpec {
        name: "toy_user".to_owned(),
        description: String::new(),
        key: vec!["login".to_owned()],
        columns: vec![text("login"), text("email")],
    };
    let mut table = Table::new(spec.clone());
    for (login, email) in logins {
        let cell = |text: &str| Value::String(text.to_owned());
        table.push(Row::from([("login".to_owned(), cell(login)), ("email".to_owned(), cell(email))])).unwrap();
    }
    let at = seen_at.parse().unwrap();
    SourceInput {
        name: name.to_owned(),
        collector: "toy".to_owned(),
        mapping_sql: "INSERT INTO account (account_key, source, login, email, status)
                      SELECT _source || ':' || login, _source, login, email, 'enabled' FROM toy_user;"
            .to_owned(),
        provides: vec!["account".to_owned()],
        specs: vec![spec],
        max_age: SignedDuration::from_hours(24),
        required: true,
        expect_empty: false,
        snapshot: Some(SnapshotInput {
            id: format!("s-{name}"),
            manifest_sha256: Digest::of(name.as_bytes()),
            status: SnapshotStatus::Complete,
            started_at: at,
            finished_at: at,
            observed_at: None,
            slot: None,
            reasons: Vec::new(),
            tables: vec![table.into()],
            confirmed: false,
        }),
    }
}
