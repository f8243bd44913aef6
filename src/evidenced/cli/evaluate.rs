//! `evidenced check`, `evidenced check test`, and the hidden worker.

use super::args::{Format, Global};
use super::{print, report};
use crate::failure::{Exit, Failure};
use crate::line::{self, Checked};
use crate::settings::{Settings, end_of_day};
use model::{Evaluation, Member, Outcome, Timestamp, Verdict, VerdictCounts};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) fn check(
    settings: Settings,
    names: &[String],
    as_of: Option<&str>,
    global: &Global,
) -> Result<Exit, Failure> {
    let checks = line::load_checks(Some(&settings))?;
    let as_of = as_of.map(|text| instant(text, &settings)).transpose()?;
    super::writing(settings, |line| {
        let checked = line.check(&checks, names, as_of)?;
        if let Some(format) = global.report() {
            let indexes = checked.evaluations.iter().map(|(index, _)| *index);
            report::evaluations(format, &line.settings(), &checks, &line.reader()?, indexes)?;
            return Ok(exit(&checked));
        }
        match global.format() {
            Format::Json => print::json(&report(&checked))?,
            Format::Table => {
                print::text_line(&summary(&checked))?;
                for followed in &checked.followed {
                    let (finding, event) = (&followed.finding, followed.event.as_str());
                    print::text_line(&format!("finding {finding} {event}: {}", followed.condition))?;
                }
            }
        }
        Ok(exit(&checked))
    })
}

/// Prints the last sealed evaluation of each check, and evaluates nothing. A check that was never evaluated is told on stderr, and
/// is as inconclusive as one that is.
pub(super) fn stored(settings: &Settings, names: &[String], global: &Global) -> Result<Exit, Failure> {
    let checks = line::load_checks(Some(settings))?;
    let reader = line::reader(settings)?;
    let (checked, never) = line::last_sealed(&reader, &checks, names)?;
    if !never.is_empty() && !global.quiet {
        print::line_to_stderr(&format!("never evaluated: {}", never.join(", ")));
    }
    match (global.report(), global.format()) {
        (Some(format), _) => {
            let indexes = checked.evaluations.iter().map(|(index, _)| *index);
            report::evaluations(format, settings, &checks, &reader, indexes)?;
        }
        (None, Format::Json) => print::json(&self::report(&checked))?,
        (None, Format::Table) => print::text_line(&summary(&checked))?,
    }
    match exit(&checked) {
        Exit::Done if !never.is_empty() => Ok(Exit::Inconclusive),
        exit => Ok(exit),
    }
}

/// Writes the two files of a new check and says what is next. Nothing that exists is touched.
pub(super) fn new(name: &str, folder: Option<PathBuf>, global: &Global) -> Result<Exit, Failure> {
    let settings = super::load(global);
    let configured = settings.as_ref().ok().and_then(|settings| settings.checks.paths.first().cloned());
    let folder = match (folder, configured, settings.as_ref().err()) {
        (Some(folder), _, _) | (None, Some(folder), _) => folder,
        (None, None, None) => {
            return Err(Failure::usage(
                "the configuration names no folder of checks",
                "add `paths = [\"./checks\"]` under `[checks]`, or name a folder: `evidenced check new NAME --in ./checks`",
            ));
        }
        (None, None, Some(failure)) => {
            let help = "name a folder: `evidenced check new NAME --in ./checks`";
            return Err(Failure::usage(failure.message.clone(), help));
        }
    };
    let scaffold = evaluate::scaffold(name).map_err(|wrong| Failure::usage(wrong.problem, wrong.help))?;
    if line::load_checks(None)?.get(name).is_some() {
        return Err(Failure::usage(format!("check `{name}` is built in already"), "give yours another name"));
    }
    let [sql, cases] = [scaffold.sql, scaffold.cases].map(|(file, text)| (folder.join(file), text));
    let there = [&sql.0, &cases.0].into_iter().find(|file| file.symlink_metadata().is_ok());
    if let Some(file) = there {
        let help = "give the check another name, or move the file away";
        return Err(Failure::usage(format!("{} exists already", file.display()), help));
    }
    let cannot = |file: &Path, error: std::io::Error| Failure::store(format!("{}: {error}", file.display()));
    std::fs::create_dir_all(&folder).map_err(|error| cannot(&folder, error))?;
    for (file, text) in [&sql, &cases] {
        let mut made = File::create_new(file).map_err(|error| cannot(file, error))?;
        made.write_all(text.as_bytes()).map_err(|error| cannot(file, error))?;
    }
    let loaded = settings.is_ok_and(|settings| settings.checks.paths.iter().any(|path| same(path, &folder)));
    let written = [sql.0.display().to_string(), cases.0.display().to_string()];
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/check-new/v1", "check": name, "written": written}))?,
        Format::Table => {
            print::text_line(&format!("wrote {}\nwrote {}", written[0], written[1]))?;
            if !global.quiet {
                let folder = folder.display();
                let mut next = format!("next: write the query and its cases, then `evidenced check test {folder}`");
                if !loaded {
                    next += &format!("; and add `paths = [\"{folder}\"]` under `[checks]`, which makes it run");
                }
                print::line_to_stderr(&next);
            }
        }
    }
    Ok(Exit::Done)
}

/// Whether two paths name one folder.
fn same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// 1 when a check fails, else 3 when one is inconclusive, else 0.
pub(crate) fn exit(checked: &Checked) -> Exit {
    let has = |outcome| checked.evaluations.iter().any(|(_, evaluation)| evaluation.outcome == outcome);
    match (has(Outcome::Fail), has(Outcome::Inconclusive)) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Inconclusive,
        (false, false) => Exit::Done,
    }
}

/// The documented JSON.
fn report(checked: &Checked) -> Value {
    let evaluations: Vec<Value> = checked
        .evaluations
        .iter()
        .map(|(index, evaluation)| {
            let shown =
                |member: &Member| json!({"subject": member.subject, "reason": member.reason, "source": member.source});
            let failing: Vec<Value> = evaluation.failing().map(shown).collect();
            let unknown: Vec<Value> = unknown(evaluation).map(shown).collect();
            let excepted = evaluation.members.iter().filter(|member| member.verdict == Verdict::Excepted);
            let excepted: Vec<Value> = excepted
                .map(|member| json!({"subject": member.subject, "reason": member.reason, "source": member.source, "exception": member.exception}))
                .collect();
            let inputs: Vec<Value> = evaluation
                .inputs
                .iter()
                .map(|input| {
                    json!({"snapshot": input.snapshot, "source": input.source, "sha256": input.sha256,
                           "status": input.status, "state": input.state, "why": input.why})
                })
                .collect();
            json!({
                "check": evaluation.check, "outcome": evaluation.outcome, "why": evaluation.why,
                "population": population(evaluation), "verdicts": evaluation.verdicts, "failing": failing,
                "unknown": unknown, "excepted": excepted, "inputs": inputs, "controls": evaluation.controls, "log_index": index,
            })
        })
        .collect();
    json!({"schema": "evidenced/check/v1", "as_of": checked.as_of, "evaluations": evaluations})
}

/// The members of whom it cannot be said.
fn unknown(evaluation: &Evaluation) -> impl Iterator<Item = &Member> {
    evaluation.members.iter().filter(|member| member.verdict == Verdict::Unknown)
}

/// Some of `members`, each with why, under a heading; nothing where there is none.
fn listed<'a>(heading: &str, members: impl Iterator<Item = &'a Member>) -> String {
    const MOST: usize = 10;
    let mut members = members.peekable();
    if members.peek().is_none() {
        return String::new();
    }
    let mut text = format!("\n\n{heading}");
    for member in members.by_ref().take(MOST) {
        text += &format!("\n  {}: {}", print::safe(&member.subject), print::safe(&member.reason));
    }
    match members.count() {
        0 => text,
        more => text + &format!("\n  and {more} more"),
    }
}

/// Members by verdict; of excepted ones only where there are some.
fn members_text(counts: &VerdictCounts) -> String {
    let excepted = if counts.excepted > 0 { format!(", {} excepted", counts.excepted) } else { String::new() };
    format!("{} fail, {} pass, {} unknown{excepted}", counts.fail, counts.pass, counts.unknown)
}

/// Who fails under each exception, and until when.
fn tolerated(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for exception in &evaluation.exceptions {
        let under = evaluation.members.iter().filter(|member| member.exception.as_ref() == Some(&exception.id));
        let until = model::time::seconds_text(exception.until);
        text += &listed(&format!("{} fails under {} until {until} for", evaluation.check, exception.id), under);
    }
    text
}

fn population(evaluation: &Evaluation) -> u64 {
    let VerdictCounts { pass, fail, unknown, not_applicable, excepted } = evaluation.verdicts;
    pass + fail + unknown + not_applicable + excepted
}

/// A table for people: fails first, then what is inconclusive and why.
pub(crate) fn summary(checked: &Checked) -> String {
    let mut evaluations: Vec<&Evaluation> = checked.evaluations.iter().map(|(_, evaluation)| evaluation).collect();
    let rank = |outcome| match outcome {
        Outcome::Fail => 0,
        Outcome::Inconclusive => 1,
        Outcome::Pass => 2,
        Outcome::NotApplicable => 3,
    };
    evaluations.sort_by_key(|evaluation| (rank(evaluation.outcome), evaluation.check.clone()));
    let rows = evaluations
        .iter()
        .map(|evaluation| {
            let counts = &evaluation.verdicts;
            [evaluation.outcome.as_str().to_owned(), evaluation.check.clone(), members_text(counts)]
        })
        .collect();
    let mut text = print::aligned(["OUTCOME", "CHECK", "MEMBERS"], rows);
    for evaluation in &evaluations {
        text += &listed(&format!("{} fails for", evaluation.check), evaluation.failing());
        text += &listed(&format!("{} cannot be said for", evaluation.check), unknown(evaluation));
        text += &tolerated(evaluation);
        if evaluation.outcome == Outcome::Inconclusive {
            text += &format!("\n\n{} is inconclusive", evaluation.check);
        }
        if matches!(evaluation.outcome, Outcome::Inconclusive | Outcome::Fail) {
            for why in &evaluation.why {
                text += &format!("\n  because {}", print::safe(why));
            }
        }
    }
    text
}

/// Runs the cases of built-in checks, of the configuration's and of the folders named.
pub(super) fn test(what: &[String], global: &Global) -> Result<Exit, Failure> {
    let (folders, names): (Vec<&String>, Vec<&String>) = what.iter().partition(|text| Path::new(text).is_dir());
    let folders: Vec<PathBuf> = folders.into_iter().map(PathBuf::from).collect();
    // they may read the tables that a configuration declares, where there is one
    let (sources, configured) =
        super::load(global).map(|settings| (settings.sources, settings.checks.paths)).unwrap_or_default();
    let mut all = folders.clone();
    all.extend(configured.into_iter().filter(|path| !folders.iter().any(|folder| same(folder, path))));
    let checks = line::load_checks_and_cases(&all, &sources)?;
    let mut failed = Vec::new();
    let mut cases = 0;
    for check in checks.checks() {
        let inside = || folders.iter().any(|folder| Path::new(&check.file).starts_with(folder));
        let wanted = what.is_empty() || names.contains(&&check.name) || (!check.is_shipped() && inside());
        if !wanted {
            continue;
        }
        for case in evaluate::run_cases(check, checks.cases(&check.name)) {
            cases += 1;
            if let Some(difference) = &case.difference {
                let place = format!("{}:{}", Path::new(&check.file).with_extension("cases.toml").display(), case.line);
                failed.push(json!({"check": check.name, "case": case.name, "place": place, "difference": difference}));
                if global.format() == Format::Table {
                    let difference = difference.replace('\n', "\n  ");
                    print::text_line(&format!("FAIL {} / {} ({place})\n  {difference}", check.name, case.name))?;
                }
            }
        }
    }
    if cases == 0 {
        return Err(Failure::usage(
            "no case was found",
            "name a check, or a folder that holds checks with their cases",
        ));
    }
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/check-test/v1", "cases": cases, "failed": failed}))?,
        Format::Table => print::text_line(&format!("{} passed, {} failed", cases - failed.len(), failed.len()))?,
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The hidden worker: evaluates for the process that started it.
pub(super) fn worker() -> ExitCode {
    match evaluate::worker_main(std::io::stdin().lock(), std::io::stdout().lock()) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// An instant as people write it: RFC 3339, or a date, which means the end of that day in the organisation's zone.
pub(crate) fn instant(text: &str, settings: &Settings) -> Result<Timestamp, Failure> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let date = text.parse().ok();
    date.and_then(|date| end_of_day(date, &settings.organisation.timezone)).ok_or_else(|| {
        Failure::usage(
            format!("`{text}` is not an instant"),
            "write 2026-03-31 (the end of that day) or 2026-03-31T12:00:00Z",
        )
    })
}
