//! `02_EVIDENCE_INDEX`: one row per sealed document.

use super::{EvaluationNote, Summary, instant, pretty, reasons};
use crate::cells::Sheet;
use ledger::Entry;
use model::{Digest, Evaluation, Manifest};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One evidence item. Empty where a kind has no such thing.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct EvidenceRow {
    pub(crate) evidence_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) path: String,
    pub(crate) controls: String,
    pub(crate) source: String,
    pub(crate) tenant: String,
    pub(crate) collector: String,
    pub(crate) collector_version: String,
    pub(crate) requests: String,
    pub(crate) period_from: String,
    pub(crate) period_to: String,
    pub(crate) observed_at: String,
    pub(crate) collected_at: String,
    pub(crate) sealed_at: String,
    pub(crate) collected_by: String,
    pub(crate) triggered_by: String,
    pub(crate) status: String,
    pub(crate) rows: String,
    pub(crate) counted: String,
    pub(crate) independent_count: String,
    pub(crate) completeness: String,
    pub(crate) sha256: String,
    pub(crate) sha256_tables: String,
    pub(crate) log_index: u64,
    pub(crate) sample_data: bool,
    pub(crate) redactions: String,
}

impl EvidenceRow {
    /// The row of a document about which only its entry is known.
    pub(crate) fn of_entry(entry: &Entry, index: u64, path: &str, sha256: Digest) -> Self {
        Self {
            evidence_id: format!("{}-{index}", entry.body.kind()),
            kind: entry.body.kind().to_owned(),
            title: entry.series.clone(),
            path: path.to_owned(),
            sealed_at: instant(entry.at),
            sha256: sha256.to_string(),
            log_index: index,
            ..Self::default()
        }
    }

    /// Adds what a snapshot's manifest says.
    #[must_use]
    pub(crate) fn with_manifest(mut self, manifest: &Manifest) -> Self {
        let completeness = &manifest.completeness;
        self.evidence_id.clone_from(&manifest.id);
        self.title.clone_from(&manifest.population);
        self.source.clone_from(&manifest.source);
        self.collector.clone_from(&manifest.collector);
        self.collector_version.clone_from(&manifest.collector_version);
        if let Some(caller) = &manifest.caller {
            self.tenant.clone_from(&caller.tenant);
            self.collected_by.clone_from(&caller.identity);
        }
        self.requests = requests(manifest);
        self.period_from = instant(manifest.started_at);
        self.period_to = instant(manifest.finished_at);
        self.observed_at = manifest.observed_at.map(instant).unwrap_or_default();
        self.collected_at = instant(manifest.finished_at);
        self.triggered_by.clone_from(&manifest.triggered_by);
        manifest.status.as_str().clone_into(&mut self.status);
        self.rows = manifest.tables.iter().map(|table| table.rows).sum::<u64>().to_string();
        self.counted = completeness.counted.to_string();
        self.independent_count = completeness.declared.map(|count| count.to_string()).unwrap_or_default();
        self.completeness = match &completeness.basis {
            Some(basis) => basis.clone(),
            None => reasons(manifest),
        };
        self.sha256_tables = manifest
            .tables
            .iter()
            .map(|table| format!("{}={}", table.name, table.sha256))
            .collect::<Vec<_>>()
            .join(" ");
        self.sample_data = manifest.sample;
        self.redactions = manifest
            .redactions
            .iter()
            .map(|one| format!("{}:{}", one.exchange, one.field))
            .collect::<Vec<_>>()
            .join(" ");
        self
    }

    /// Adds what an evaluation says.
    #[must_use]
    pub(crate) fn with_evaluation(mut self, evaluation: &Evaluation) -> Self {
        self.title.clone_from(&evaluation.check);
        self.controls = evaluation.controls.join(" ");
        self.observed_at = instant(evaluation.as_of);
        self.period_to = instant(evaluation.as_of);
        evaluation.outcome.as_str().clone_into(&mut self.status);
        self.rows = evaluation.members.len().to_string();
        self.completeness = evaluation.why.join("; ");
        self
    }
}

/// Every operation and how often it was called; the literal requests are in the manifest.
fn requests(manifest: &Manifest) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for exchange in &manifest.exchanges {
        *counts.entry(&exchange.operation).or_default() += 1;
    }
    counts.into_iter().fold(String::new(), |mut text, (operation, count)| {
        let separator = if text.is_empty() { "" } else { "; " };
        // writing to a String cannot fail
        let _ = write!(text, "{separator}{operation} x{count}");
        text
    })
}

/// A snapshot serves the controls of the evaluations that used it.
pub(super) fn controls_of(evaluations: &[EvaluationNote]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut controls: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for evaluation in evaluations {
        for snapshot in &evaluation.snapshots {
            controls.entry(snapshot).or_default().extend(evaluation.controls.iter().map(String::as_str));
        }
    }
    controls
}

fn rows(summary: &Summary) -> Vec<EvidenceRow> {
    let controls = controls_of(&summary.evaluations);
    let mut rows = summary.rows.clone();
    for row in rows.iter_mut().filter(|row| row.kind == "snapshot") {
        if let Some(controls) = controls.get(row.evidence_id.as_str()) {
            row.controls = controls.iter().copied().collect::<Vec<_>>().join(" ");
        }
    }
    rows
}

/// The index for programs.
pub(crate) fn index_json(summary: &Summary) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Index {
        schema: &'static str,
        evidence: Vec<EvidenceRow>,
    }
    pretty(&Index { schema: "evidenced/evidence-index/v1", evidence: rows(summary) })
}

/// The index for people.
pub(crate) fn index_csv(summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let mut sheet = Sheet::new(&[
        "evidence_id",
        "type",
        "title",
        "path",
        "controls",
        "source",
        "tenant",
        "collector",
        "collector_version",
        "requests",
        "period_from",
        "period_to",
        "observed_at",
        "collected_at",
        "sealed_at",
        "collected_by",
        "triggered_by",
        "status",
        "rows",
        "counted",
        "independent_count",
        "completeness",
        "sha256",
        "sha256_tables",
        "log_index",
        "sample_data",
        "redactions",
    ])?;
    for row in rows(summary) {
        sheet.row([
            row.evidence_id,
            row.kind,
            row.title,
            row.path,
            row.controls,
            row.source,
            row.tenant,
            row.collector,
            row.collector_version,
            row.requests,
            row.period_from,
            row.period_to,
            row.observed_at,
            row.collected_at,
            row.sealed_at,
            row.collected_by,
            row.triggered_by,
            row.status,
            row.rows,
            row.counted,
            row.independent_count,
            row.completeness,
            row.sha256,
            row.sha256_tables,
            row.log_index.to_string(),
            row.sample_data.to_string(),
            row.redactions,
        ])?;
    }
    sheet.finish()
}
