//! The pages at the front of a pack: index, coverage, controls, findings, scope. All derived from the sealed documents
//! and the plan; nothing is judged here that a check has not judged.

mod controls;
mod coverage;
mod findings;
mod index;

pub(crate) use findings::Findings;
pub(crate) use index::{EvidenceRow, index_csv, index_json};

pub(crate) use controls::controls_csv;
pub(crate) use coverage::coverage_csv;

use crate::plan::Plan;
use crate::reperform::Bindings;
use model::{Evaluation, Manifest, Outcome, SnapshotStatus, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of a snapshot once it is written.
pub(crate) struct SnapshotNote {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) collector: String,
    pub(crate) tenant: String,
    pub(crate) status: SnapshotStatus,
    pub(crate) sample: bool,
    pub(crate) slot: Option<Timestamp>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
    pub(crate) reasons: String,
}

impl SnapshotNote {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            id: manifest.id.clone(),
            source: manifest.source.clone(),
            collector: manifest.collector.clone(),
            tenant: manifest.caller.as_ref().map(|caller| caller.tenant.clone()).unwrap_or_default(),
            status: manifest.status,
            sample: manifest.sample,
            slot: manifest.slot,
            started_at: manifest.started_at,
            finished_at: manifest.finished_at,
            reasons: reasons(manifest),
        }
    }
}

/// Why a snapshot is not complete, in one cell.
pub(crate) fn reasons(manifest: &Manifest) -> String {
    let reasons = manifest.completeness.reasons.iter().map(|reason| reason.message.as_str());
    let errors = manifest.errors.iter().map(|error| error.message.as_str());
    let mut seen = BTreeSet::new();
    reasons.chain(errors).filter(|text| seen.insert(*text)).collect::<Vec<_>>().join("; ")
}

/// What is kept of an evaluation once it is written.
pub(crate) struct EvaluationNote {
    pub(crate) check: String,
    pub(crate) as_of: Timestamp,
    pub(crate) log_index: u64,
    pub(crate) outcome: Outcome,
    pub(crate) failing: u64,
    pub(crate) why: Vec<String>,
    pub(crate) controls: Vec<String>,
    pub(crate) snapshots: Vec<String>,
    pub(crate) bindings: Bindings,
}

impl EvaluationNote {
    pub(crate) fn of(evaluation: &Evaluation, log_index: u64) -> Self {
        Self {
            check: evaluation.check.clone(),
            as_of: evaluation.as_of,
            log_index,
            outcome: evaluation.outcome,
            failing: evaluation.verdicts.fail,
            why: evaluation.why.clone(),
            controls: evaluation.controls.clone(),
            snapshots: evaluation.inputs.iter().filter_map(|input| input.snapshot.clone()).collect(),
            bindings: Bindings::of(evaluation),
        }
    }
}

/// Everything the front pages are made from.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) rows: Vec<EvidenceRow>,
    pub(crate) snapshots: Vec<SnapshotNote>,
    pub(crate) evaluations: Vec<EvaluationNote>,
    pub(crate) findings: Findings,
    pub(crate) other: u64,
}

impl Summary {
    /// The last evaluation of every check, by check.
    pub(crate) fn latest(&self) -> BTreeMap<&str, &EvaluationNote> {
        let mut latest: BTreeMap<&str, &EvaluationNote> = BTreeMap::new();
        for evaluation in &self.evaluations {
            let last = latest.entry(&evaluation.check).or_insert(evaluation);
            if (evaluation.as_of, evaluation.log_index) > (last.as_of, last.log_index) {
                *last = evaluation;
            }
        }
        latest
    }

    /// The evaluation of `check` that the database can repeat: the one of its instant, else the last.
    pub(crate) fn repeatable(&self, check: &str, as_of: Option<Timestamp>) -> Option<&EvaluationNote> {
        let same = |evaluation: &&EvaluationNote| evaluation.check == check && Some(evaluation.as_of) == as_of;
        self.evaluations
            .iter()
            .filter(same)
            .max_by_key(|evaluation| evaluation.log_index)
            .or_else(|| self.latest().get(check).copied())
    }
}

#[derive(Serialize)]
struct Scope<'a> {
    schema: &'static str,
    organisation: &'a str,
    from: String,
    to: String,
    framework: Option<&'a str>,
    created_at: String,
    tool: &'a str,
    log_origin: &'a str,
    log_key: String,
    log_size: u64,
    systems: Vec<System<'a>>,
    exclusions: Vec<Excluded<'a>>,
    statement_of_applicability: &'static str,
}

#[derive(Serialize)]
struct System<'a> {
    source: &'a str,
    collector: &'a str,
    tenant: &'a str,
    sample_data: bool,
    snapshots: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Excluded<'a> {
    what: &'a str,
    reason: &'a str,
}

/// `01_SCOPE.json`.
pub(crate) fn scope_json(plan: &Plan, summary: &Summary, log_size: u64) -> Result<Vec<u8>, serde_json::Error> {
    let mut systems: BTreeMap<&str, System<'_>> = BTreeMap::new();
    for snapshot in &summary.snapshots {
        let system = systems.entry(&snapshot.source).or_insert_with(|| System {
            source: &snapshot.source,
            collector: &snapshot.collector,
            tenant: &snapshot.tenant,
            sample_data: false,
            snapshots: BTreeMap::new(),
        });
        if !snapshot.tenant.is_empty() {
            system.tenant = &snapshot.tenant;
        }
        system.sample_data |= snapshot.sample;
        *system.snapshots.entry(snapshot.status.as_str()).or_default() += 1;
    }
    let scope = Scope {
        schema: "evidenced/scope/v1",
        organisation: &plan.organisation,
        from: instant(plan.from),
        to: instant(plan.to),
        framework: plan.framework.as_ref().map(|framework| framework.id.as_str()),
        created_at: instant(plan.created_at),
        tool: &plan.tool,
        log_origin: plan.log_key.name(),
        log_key: plan.log_key.to_string(),
        log_size,
        systems: systems.into_values().collect(),
        exclusions: plan
            .exclusions
            .iter()
            .map(|exclusion| Excluded { what: &exclusion.what, reason: &exclusion.reason })
            .collect(),
        statement_of_applicability: "not recorded by the program that made this pack: ask the organisation for it",
    };
    pretty(&scope)
}

/// JSON that people read, always the same for the same value.
pub(crate) fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn instant(instant: Timestamp) -> String {
    model::time::seconds_text(instant)
}
