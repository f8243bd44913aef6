//! `evidenced collect`.

use super::args::{Format, Global};
use super::{ConsoleProgress, print};
use crate::failure::{Exit, Failure};
use crate::line::{Line, Trigger};
use crate::settings::{Settings, Source};
use ledger::Sealed;
use model::{Manifest, SnapshotStatus};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn collect(settings: Settings, names: &[String], global: &Global) -> Result<Exit, Failure> {
    let sources = select(&settings, names)?;
    let line = Line::borrow(settings)?;
    let mut sealed = Vec::new();
    for source in &sources {
        let progress = Arc::new(ConsoleProgress::start(&source.name, global));
        let outcome = line.collect(source, Trigger::User, progress.clone()).await;
        progress.finish();
        let snapshot = outcome?;
        if global.format() == Format::Table {
            print::text_line(&summary(&snapshot))?;
        }
        sealed.push(snapshot);
    }
    if global.format() == Format::Json {
        let snapshots: Vec<Value> = sealed.iter().map(report).collect();
        print::json(&json!({"schema": "evidenced/collect/v1", "snapshots": snapshots}))?;
    }
    line.close()?;
    let all_complete = sealed.iter().all(|snapshot| snapshot.value().status == SnapshotStatus::Complete);
    Ok(if all_complete { Exit::Done } else { Exit::Inconclusive })
}

/// The configured sources named, all when none is.
fn select(settings: &Settings, names: &[String]) -> Result<Vec<Source>, Failure> {
    if let Some(unknown) = names.iter().find(|name| settings.sources.iter().all(|source| &source.name != *name)) {
        let known: Vec<_> = settings.sources.iter().map(|source| source.name.as_str()).collect();
        return Err(Failure::usage(
            format!("there is no source `{unknown}` in {}", settings.file.display()),
            format!("configured: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") }),
        ));
    }
    if settings.sources.is_empty() {
        return Err(Failure::usage(
            format!("{} configures no source", settings.file.display()),
            "add a section `[sources.NAME]`; the file shows examples",
        ));
    }
    let chosen = |source: &&Source| names.is_empty() || names.contains(&source.name);
    Ok(settings.sources.iter().filter(chosen).cloned().collect())
}

/// The documented JSON of one snapshot.
pub(crate) fn report(sealed: &Sealed<Manifest>) -> Value {
    let manifest = sealed.value();
    let tables: serde_json::Map<String, Value> = manifest
        .tables
        .iter()
        .map(|table| (table.name.clone(), json!({"rows": table.rows, "sha256": table.sha256})))
        .collect();
    json!({
        "id": manifest.id,
        "source": manifest.source,
        "collector": manifest.collector,
        "status": manifest.status,
        "reasons": manifest.completeness.reasons,
        "errors": manifest.errors,
        "tables": tables,
        "completeness": {
            "basis": manifest.completeness.basis,
            "declared": manifest.completeness.declared,
            "counted": manifest.completeness.counted,
            "counts": manifest.completeness.counts,
        },
        "caller": manifest.caller,
        "observed_at": manifest.observed_at,
        "sample": manifest.sample,
        "log_index": sealed.index(),
        "sealed_at": sealed.entry().at,
    })
}

/// One line for people, and one more for each thing that was not seen.
pub(crate) fn summary(sealed: &Sealed<Manifest>) -> String {
    let manifest = sealed.value();
    let counted = manifest.completeness.counted;
    let declared =
        manifest.completeness.declared.map(|declared| format!(" of {declared} declared")).unwrap_or_default();
    let members = manifest.completeness.counts.first().map_or("members", |count| count.table.as_str());
    let mut text = format!(
        "{:<10} {:<14} {counted} {members}{declared}, {} answers, sealed as entry {} ({})",
        manifest.status.as_str(),
        print::safe(&manifest.source),
        manifest.exchanges.len(),
        sealed.index(),
        manifest.id,
    );
    let mut told = std::collections::BTreeSet::new();
    let once = |reason: &&model::Reason| manifest.errors.is_empty() && told.insert(reason.message.clone());
    for reason in manifest.completeness.reasons.iter().filter(once) {
        text += &format!("\n             {}", print::safe(&reason.message));
        if let Some(permission) = &reason.permission {
            text += &format!("\n             help: grant {}", print::safe(permission));
        }
    }
    for error in &manifest.errors {
        text += &format!("\n             {}", print::safe(&error.message));
        if let Some(help) = &error.help {
            text += &format!("\n             help: {}", print::safe(help));
        }
    }
    text
}
