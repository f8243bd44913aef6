//! `02_EVIDENCE_INDEX`: one row per sealed document.

use super::requests::asks_for;
use super::xlsx::{Column, workbook};
use super::{EvaluationNote, Summary, instant, pretty, reasons, said, standing, text, texts};
use crate::cells::Sheet;
use crate::plan::Plan;
use ledger::Entry;
use model::{Digest, Evaluation, ExchangeRecord, Manifest};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One evidence item. Empty where a kind has no such thing, or nobody has said it: nothing is filled in.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct EvidenceRow {
    pub(crate) evidence_id: String,
    pub(crate) controls: String,
    pub(crate) request_id: String,
    pub(crate) title: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) path: String,
    pub(crate) source: String,
    pub(crate) tenant: String,
    pub(crate) collector: String,
    pub(crate) collector_version: String,
    pub(crate) exact_request: String,
    pub(crate) observed_at: String,
    pub(crate) collected_at: String,
    pub(crate) sealed_at: String,
    pub(crate) period_from: String,
    pub(crate) period_to: String,
    pub(crate) collected_by: String,
    pub(crate) triggered_by: String,
    pub(crate) rows: String,
    pub(crate) counted: String,
    pub(crate) independent_count: String,
    pub(crate) completeness: String,
    pub(crate) sha256: String,
    pub(crate) sha256_raw: String,
    pub(crate) sha256_tables: String,
    pub(crate) log_index: u64,
    pub(crate) owner: String,
    pub(crate) reviewer: String,
    pub(crate) classification: String,
    pub(crate) redactions: String,
    pub(crate) supersedes: String,
    pub(crate) retain_until: String,
    pub(crate) sample_data: bool,
    #[serde(skip)]
    pub(crate) series: String,
}

impl EvidenceRow {
    /// The row of a document about which only its entry is known.
    pub(crate) fn of_entry(entry: &Entry, index: u64, path: &str, sha256: Digest) -> Self {
        Self {
            evidence_id: format!("{}-{index}", entry.body.kind()),
            kind: entry.body.kind().to_owned(),
            title: entry.series.clone(),
            series: entry.series.clone(),
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
        self.exact_request = listed(manifest.exchanges.iter().map(literal), "; ");
        self.sha256_raw = listed(manifest.exchanges.iter().map(|one| format!("{:04}={}", one.seq, one.sha256)), "; ");
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
            .join("; ");
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

/// Literal requests and digests shown in a cell; the manifest lists all.
const MOST_SHOWN: usize = 20;

/// `all` in one cell, cut after a few.
fn listed(all: impl Iterator<Item = String>, separator: &str) -> String {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        all.truncate(MOST_SHOWN);
        all.push(format!("and {more} more in the manifest"));
    }
    all.join(separator)
}

/// A request as it was sent, credentials apart.
pub(crate) fn literal(exchange: &ExchangeRecord) -> String {
    let body = exchange.request_body.as_deref().map(|body| format!(" {body}")).unwrap_or_default();
    format!("{} {}{body}", exchange.method, exchange.url)
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

impl Summary {
    /// The rows of the index, with what only the whole pack tells: controls, requests they answer, what they follow.
    pub(crate) fn evidence(&self, plan: &Plan) -> Vec<EvidenceRow> {
        let controls = controls_of(&self.evaluations);
        let mut rows = self.rows.clone();
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        for row in &mut rows {
            if row.kind == "snapshot" {
                if let Some(controls) = controls.get(row.evidence_id.as_str()) {
                    row.controls = controls.iter().copied().collect::<Vec<_>>().join(" ");
                }
                if let Some(spec) = plan.collector(&row.collector) {
                    row.title = format!("{}: {}", row.source, spec.title);
                }
            } else if let Some(check) =
                plan.checks.iter().find(|check| row.kind == "evaluation" && check.name == row.title)
            {
                row.title = format!("{}: {}", check.name, check.title);
            }
            let added = row.series.strip_prefix("evidence/").and_then(|id| Some((id, self.manual.get(id)?)));
            if let Some((id, (file, evidence))) = added.filter(|_| row.kind == "evidence") {
                let what = if row.path == file { id.to_owned() } else { format!("{id}, what was said of it") };
                row.title = format!("{id}: {}", text(evidence, "title"));
                row.evidence_id = what;
                row.controls = texts(evidence, "controls").join(" ");
                row.collected_by = said(evidence, "added", "by");
                row.collected_at = said(evidence, "added", "at");
                row.period_from = text(evidence, "from");
                row.period_to = text(evidence, "to");
                row.status = standing(evidence, plan.to);
            } else {
                row.supersedes = last.insert(row.series.clone(), row.evidence_id.clone()).unwrap_or_default();
            }
            if let Some(custody) = plan.custody.get(&row.log_index) {
                row.owner = custody.owner.clone().unwrap_or_default();
                row.reviewer = custody.reviewer.clone().unwrap_or_default();
                row.classification = custody.classification.clone().unwrap_or_default();
                row.retain_until = custody.kept();
            }
            let requests: Vec<&str> = plan
                .requests
                .iter()
                .filter(|request| asks_for(request, row))
                .map(|request| request.id.as_str())
                .collect();
            row.request_id = requests.join(" ");
        }
        rows
    }
}

/// The index for programs.
pub(crate) fn index_json(rows: &[EvidenceRow]) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Index<'a> {
        schema: &'static str,
        evidence: &'a [EvidenceRow],
    }
    pretty(&Index { schema: "evidenced/evidence-index/v1", evidence: rows })
}

/// Every column in order: name, width in a spreadsheet, whether it is a number, and its cell.
type ColumnOf = (&'static str, u32, bool, fn(&EvidenceRow) -> String);

const COLUMNS: &[ColumnOf] = &[
    ("evidence_id", 34, false, |row| row.evidence_id.clone()),
    ("controls", 28, false, |row| row.controls.clone()),
    ("request_id", 12, false, |row| row.request_id.clone()),
    ("title", 44, false, |row| row.title.clone()),
    ("type", 14, false, |row| row.kind.clone()),
    ("status", 13, false, |row| row.status.clone()),
    ("path", 44, false, |row| row.path.clone()),
    ("source", 16, false, |row| row.source.clone()),
    ("tenant", 16, false, |row| row.tenant.clone()),
    ("collector", 16, false, |row| row.collector.clone()),
    ("collector_version", 10, false, |row| row.collector_version.clone()),
    ("exact_request", 60, false, |row| row.exact_request.clone()),
    ("observed_at", 21, false, |row| row.observed_at.clone()),
    ("collected_at", 21, false, |row| row.collected_at.clone()),
    ("sealed_at", 21, false, |row| row.sealed_at.clone()),
    ("period_from", 21, false, |row| row.period_from.clone()),
    ("period_to", 21, false, |row| row.period_to.clone()),
    ("collected_by", 30, false, |row| row.collected_by.clone()),
    ("triggered_by", 12, false, |row| row.triggered_by.clone()),
    ("rows", 9, true, |row| row.rows.clone()),
    ("counted", 9, true, |row| row.counted.clone()),
    ("independent_count", 12, true, |row| row.independent_count.clone()),
    ("completeness", 60, false, |row| row.completeness.clone()),
    ("sha256", 34, false, |row| row.sha256.clone()),
    ("sha256_raw", 34, false, |row| row.sha256_raw.clone()),
    ("sha256_tables", 34, false, |row| row.sha256_tables.clone()),
    ("log_index", 9, true, |row| row.log_index.to_string()),
    ("owner", 14, false, |row| row.owner.clone()),
    ("reviewer", 14, false, |row| row.reviewer.clone()),
    ("classification", 14, false, |row| row.classification.clone()),
    ("redactions", 20, false, |row| row.redactions.clone()),
    ("supersedes", 34, false, |row| row.supersedes.clone()),
    ("retain_until", 21, false, |row| row.retain_until.clone()),
    ("sample_data", 10, false, |row| row.sample_data.to_string()),
];

/// The index for people, as CSV.
pub(crate) fn index_csv(rows: &[EvidenceRow]) -> Result<Vec<u8>, csv::Error> {
    let header: Vec<&str> = COLUMNS.iter().map(|(name, ..)| *name).collect();
    let mut sheet = Sheet::new(&header)?;
    for row in rows {
        sheet.row(COLUMNS.iter().map(|(.., cell)| cell(row)))?;
    }
    sheet.finish()
}

/// The index for people, as a workbook.
pub(crate) fn index_xlsx(rows: &[EvidenceRow]) -> std::io::Result<Vec<u8>> {
    let columns: Vec<Column> =
        COLUMNS.iter().map(|(title, width, number, _)| Column { title, width: *width, number: *number }).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| COLUMNS.iter().map(|(.., cell)| cell(row)).collect()).collect();
    workbook("Evidence", &columns, &cells)
}
