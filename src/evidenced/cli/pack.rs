//! `evidenced pack` and `evidenced verify`.

use super::args::{Format, Global, PackCommand};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, PackRequest};
use crate::settings::Settings;
use indicatif::{ProgressBar, ProgressDrawTarget};
use ledger::Body;
use model::time::seconds_text;
use pack::VerifyOptions;
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn pack(settings: Settings, command: PackCommand, global: &Global) -> Result<Exit, Failure> {
    match command {
        PackCommand::Create { from, to, framework, redact, output } => {
            let redact = redact.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
            let from = from.map(|text| first_instant(&text, &settings)).transpose()?;
            let to = to.map(|text| super::evaluate::instant(&text, &settings)).transpose()?;
            if let (Some(from), Some(to)) = (from, to)
                && from > to
            {
                return Err(Failure::usage("the period ends before it begins", "swap --from and --to"));
            }
            if output.exists() {
                return Err(Failure::usage(
                    format!("{} exists already", output.display()),
                    "a pack is never overwritten: name another file",
                ));
            }
            let checks = line::load_checks(Some(&settings))?;
            let target = if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
            let bar = ProgressBar::with_draw_target(None, target);
            let request = PackRequest { from, to, framework, redact, output: output.clone() };
            super::writing(settings, |line| {
                let packed = line.pack(&checks, &request, &mut |progress| {
                    bar.set_length(progress.total);
                    bar.set_position(progress.done);
                });
                bar.finish_and_clear();
                let packed = packed?;
                for warning in &packed.warnings {
                    print::line_to_stderr(&format!("warning: {}", print::safe(warning)));
                }
                match global.format() {
                    Format::Json => print::json(&json!({
                        "schema": "evidenced/pack/v1", "pack": output, "files": packed.files,
                        "manifest_sha256": packed.manifest_sha256, "log_index": packed.log_index,
                        "warnings": packed.warnings,
                    }))?,
                    Format::Table => print::text_line(&format!(
                        "{} ({} files), export sealed as entry {}\nverify it with\n  evidenced verify {}",
                        output.display(),
                        packed.files,
                        packed.log_index,
                        output.display()
                    ))?,
                }
                Ok(Exit::Done)
            })
        }
        PackCommand::List => list(&settings, global),
        PackCommand::Reveal { snapshot, column: name, row } => {
            let (table, column) = column(&name)?;
            let opened = line::reveal(&settings, &snapshot, &table, &column, row)?;
            match global.format() {
                Format::Json => print::json(&json!({
                    "schema": "evidenced/revealed/v1", "snapshot": snapshot, "table": table, "column": column, "row": row,
                    "salt": opened.salt, "value": opened.value, "commitment": opened.commitment,
                }))?,
                Format::Table => print::text_line(&format!(
                    "value       {}\nsalt        {}\ncommitment  {}\nSHA-256 over the 32 bytes of the salt and the bytes of the \
                     value gives the commitment, which the pack shows in row {row} of {table}",
                    print::safe(&opened.value),
                    opened.salt,
                    opened.commitment
                ))?,
            }
            Ok(Exit::Done)
        }
    }
}

/// `TABLE.COLUMN` in its two parts.
fn column(name: &str) -> Result<(String, String), Failure> {
    name.split_once('.')
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .ok_or_else(|| Failure::usage(format!("`{name}` is not a column of a table"), "write it like `hr_person.name`"))
}

/// The exports the log knows of.
fn list(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let size = reader.checkpoint()?.size();
    let exports: Vec<(u64, model::Timestamp, model::Digest)> = reader
        .entries(0..size)?
        .into_iter()
        .filter_map(|stored| match stored.entry.body {
            Body::Export { pack } => Some((stored.index, stored.entry.at, pack)),
            _ => None,
        })
        .collect();
    match global.format() {
        Format::Json => {
            let packs: Vec<Value> = exports
                .iter()
                .map(|(index, at, pack)| json!({"log_index": index, "exported_at": at, "manifest_sha256": pack}))
                .collect();
            print::json(&json!({"schema": "evidenced/packs/v1", "packs": packs}))?;
        }
        Format::Table => print::table(
            ["ENTRY", "EXPORTED", "MANIFEST SHA-256"],
            exports
                .into_iter()
                .map(|(index, at, pack)| [index.to_string(), seconds_text(at), pack.to_string()])
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

pub(super) fn verify(
    path: &Path,
    checkpoint: Option<&Path>,
    key: Option<&str>,
    policy: Option<&Path>,
    global: &Global,
) -> Result<Exit, Failure> {
    if !path.exists() {
        return Err(Failure::usage(
            format!("there is no {}", path.display()),
            "name a pack (a ZIP file or a folder) or a store",
        ));
    }
    let unusable = |error: pack::VerifyError| Failure { exit: Exit::Usage, message: error.to_string(), help: None };
    let options = VerifyOptions::read(checkpoint, key, policy).map_err(unusable)?;
    let report = pack::verify(path, &options).map_err(unusable)?;
    match global.format() {
        Format::Json => print::json(&report)?,
        Format::Table => print::text_line(&report.to_string())?,
    }
    Ok(if report.verified { Exit::Done } else { Exit::Failed })
}

/// Like [`super::evaluate::instant`], but a date means the beginning of that day.
pub(crate) fn first_instant(text: &str, settings: &Settings) -> Result<model::Timestamp, Failure> {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) => date
            .to_zoned(settings.organisation.timezone.clone())
            .map(|zoned| zoned.timestamp())
            .map_err(|error| Failure::usage(format!("`{text}` has no beginning: {error}"), "name another day")),
        Err(_) => super::evaluate::instant(text, settings),
    }
}
