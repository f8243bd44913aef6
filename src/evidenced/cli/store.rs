//! `evidenced fsck` and `evidenced doctor`.

use super::args::{Format, Global};
use super::print;
use crate::doctor;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use serde_json::{Value, json};
use std::path::PathBuf;
use store::{Problem, SnapshotFilter};

pub(super) async fn fsck(settings: &Settings, derive: bool, global: &Global) -> Result<Exit, Failure> {
    let verifier = line::signing_key(settings)?;
    let verifier = verifier.verifier();
    let mut report = store::fsck(&line::paths(settings), verifier, &|_, _, _| {})?;
    if report.problems.is_empty() {
        let unproven = line::anchor::unproven(settings, &line::reader(settings)?)?;
        let path = |authority: &str| PathBuf::from(format!("authority {authority}"));
        report
            .problems
            .extend(unproven.into_iter().map(|(authority, problem)| Problem { path: path(&authority), problem }));
    }
    if report.problems.is_empty() {
        let found = line::history_problems(settings, &line::reader(settings)?, derive)?;
        let found = found.into_iter().chain(line::program_problem(settings));
        report.problems.extend(found.map(|(path, problem)| Problem { path, problem }));
    }
    let mut derived = 0;
    if derive && report.problems.is_empty() {
        let reader = line::reader(settings)?;
        for row in reader.snapshots(&SnapshotFilter::default())? {
            let Some(snapshot) = reader.snapshot(&row.id)? else { continue };
            derived += 1;
            let path = PathBuf::from(format!("snapshot {}", row.id));
            let differences = line::rederive(&reader, &snapshot).await?;
            report.problems.extend(differences.into_iter().map(|problem| Problem { path: path.clone(), problem }));
        }
    }
    match global.format() {
        Format::Json => {
            let problems: Vec<Value> = report
                .problems
                .iter()
                .map(|problem| json!({"path": problem.path, "problem": problem.problem}))
                .collect();
            print::json(&json!({
                "schema": "evidenced/fsck/v1", "entries": report.entries, "blobs": report.blobs, "derived": derived,
                "problems": problems,
            }))?;
        }
        Format::Table => {
            print::text_line(&format!(
                "{} entries, {} blobs, {derived} snapshots derived again, {} problems",
                report.entries,
                report.blobs,
                report.problems.len()
            ))?;
            for problem in &report.problems {
                print::text_line(&format!("  {}: {}", problem.path.display(), print::safe(&problem.problem)))?;
            }
        }
    }
    Ok(if report.problems.is_empty() { Exit::Done } else { Exit::Failed })
}

pub(super) async fn doctor(settings: &Settings, source: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let findings = doctor::doctor(settings, source).await;
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/doctor/v1", "findings": findings}))?,
        Format::Table => {
            for finding in &findings {
                let mut text =
                    format!("{:<5} {:<14} {}", finding.level.as_str(), finding.area, print::safe(&finding.message));
                if let Some(help) = &finding.help {
                    text += &format!("\n      help: {}", print::safe(help));
                }
                print::text_line(&text)?;
            }
        }
    }
    let worst = findings.iter().map(|finding| finding.level).max();
    Ok(match worst {
        Some(doctor::Level::Fail) => Exit::Usage,
        Some(doctor::Level::Warn) => Exit::Inconclusive,
        _ => Exit::Done,
    })
}
