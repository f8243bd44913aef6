//! The pages at the front of a pack: index, coverage, controls, findings, scope. All derived from the sealed documents
//! and the plan; nothing is judged here that a check has not judged.

mod changes;
mod controls;
mod coverage;
mod days;
mod exceptions;
mod findings;
mod index;
mod last;
mod manual;
mod requests;
mod scope;
mod xlsx;

pub(crate) use changes::{Change, changes, changes_csv};
pub(crate) use controls::{controls_csv, roll_up};
pub(crate) use coverage::coverage_csv;
pub(crate) use days::{Days, days};
pub(crate) use exceptions::{Exceptions, NONE as NO_EXCEPTION, exceptions_csv, members as excepted_members, said};
pub(crate) use findings::{Findings, text, texts};
pub(crate) use index::{EvidenceRow, index_csv, index_json, index_xlsx, literal};
pub(crate) use manual::{Manual, standing};
pub(crate) use requests::requests_csv;
pub(crate) use scope::scope_json;
pub(crate) use xlsx::{Column as XlsxColumn, workbook};

use crate::anchors::Waiting;
use crate::cadence::Gap;
use crate::reperform::Bindings;
use model::{Digest, Evaluation, InputRef, Manifest, Outcome, SnapshotStatus, Timestamp, Verdict, VerdictCounts};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of a snapshot once it is written.
pub(crate) struct SnapshotNote {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) collector: String,
    pub(crate) collector_version: String,
    pub(crate) settings_sha256: Digest,
    pub(crate) tenant: String,
    pub(crate) population: String,
    pub(crate) log_index: u64,
    pub(crate) status: SnapshotStatus,
    pub(crate) sample: bool,
    pub(crate) slot: Option<Timestamp>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
    pub(crate) reasons: String,
}

impl SnapshotNote {
    pub(crate) fn of(manifest: &Manifest, log_index: u64) -> Self {
        Self {
            id: manifest.id.clone(),
            source: manifest.source.clone(),
            collector: manifest.collector.clone(),
            collector_version: manifest.collector_version.clone(),
            settings_sha256: manifest.settings_sha256,
            population: manifest.population.clone(),
            log_index,
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
    pub(crate) path: String,
    pub(crate) check_sha256: Digest,
    pub(crate) outcome: Outcome,
    pub(crate) verdicts: VerdictCounts,
    pub(crate) why: Vec<String>,
    pub(crate) controls: Vec<String>,
    pub(crate) snapshots: Vec<String>,
    /// Members by the exception they fail under.
    pub(crate) exceptions: BTreeMap<String, u64>,
    pub(crate) bindings: Bindings,
}

impl EvaluationNote {
    pub(crate) fn of(evaluation: &Evaluation, path: &str, log_index: u64) -> Self {
        let mut exceptions = BTreeMap::new();
        for exception in evaluation.members.iter().filter_map(|member| member.exception.as_ref()) {
            *exceptions.entry(exception.clone()).or_default() += 1;
        }
        Self {
            exceptions,
            path: path.to_owned(),
            check_sha256: evaluation.check_sha256,
            check: evaluation.check.clone(),
            as_of: evaluation.as_of,
            log_index,
            outcome: evaluation.outcome,
            verdicts: evaluation.verdicts,
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
    pub(crate) exceptions: Exceptions,
    pub(crate) manual: Manual,
    pub(crate) other: u64,
    /// Whether somebody else's signature stands beside the log's own on its checkpoint.
    pub(crate) cosigned: bool,
    /// How the log's timestamp tokens stand.
    pub(crate) waiting: Waiting,
    /// Times without a token that were longer than the cadence allows.
    pub(crate) gaps: Vec<Gap>,
    /// Of the last evaluation of every check: who fails, who is unknown, and on what it rests.
    pub(crate) details: BTreeMap<String, Detail>,
    /// Of the last snapshot of every source that is worth a statement: what its population is.
    pub(crate) populations: BTreeMap<String, PopulationNote>,
}

/// Members of a verdict that are kept for the pages; the evaluation lists all.
const MOST_MEMBERS: usize = 60;

/// What the pages show of a check's last evaluation.
pub(crate) struct Detail {
    pub(crate) as_of: Timestamp,
    pub(crate) log_index: u64,
    /// Members that fail, then members of whom nothing can be said: subject, whether it fails, reason.
    pub(crate) members: Vec<(String, bool, String)>,
    pub(crate) inputs: Vec<InputRef>,
}

/// What a population's statement is made from.
pub(crate) struct PopulationNote {
    pub(crate) started_at: Timestamp,
    pub(crate) complete: bool,
    pub(crate) path: String,
    /// The manifest without its exchanges.
    pub(crate) manifest: Manifest,
    /// Each operation: how often it was called, its first and its last literal request, and the last answer's status.
    pub(crate) operations: Vec<OperationNote>,
}

/// One operation of a run.
pub(crate) struct OperationNote {
    pub(crate) name: String,
    pub(crate) calls: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) last_status: Option<u16>,
    pub(crate) last_seq: u32,
    pub(crate) last_link: Option<String>,
}

impl Summary {
    /// Takes note of a snapshot that was written to `path`.
    pub(crate) fn snapshot(&mut self, manifest: Manifest, path: &str, log_index: u64) {
        self.snapshots.push(SnapshotNote::of(&manifest, log_index));
        let complete = manifest.status == SnapshotStatus::Complete;
        let better = |known: &PopulationNote| (complete, manifest.started_at) >= (known.complete, known.started_at);
        if self.populations.get(&manifest.source).is_none_or(better) {
            let operations = operations(&manifest.exchanges);
            let note = PopulationNote {
                started_at: manifest.started_at,
                complete,
                path: path.to_owned(),
                operations,
                manifest: Manifest { exchanges: Vec::new(), ..manifest },
            };
            self.populations.insert(note.manifest.source.clone(), note);
        }
    }

    /// Takes note of an evaluation that was written to `path`.
    pub(crate) fn evaluation(&mut self, evaluation: Evaluation, path: &str, log_index: u64) {
        self.evaluations.push(EvaluationNote::of(&evaluation, path, log_index));
        let later = |known: &Detail| (evaluation.as_of, log_index) > (known.as_of, known.log_index);
        if self.details.get(&evaluation.check).is_none_or(later) {
            let mut members = Vec::new();
            for verdict in [Verdict::Fail, Verdict::Unknown] {
                let of_verdict =
                    evaluation.members.iter().filter(|member| member.verdict == verdict).take(MOST_MEMBERS);
                members
                    .extend(of_verdict.map(|one| (one.subject.clone(), verdict == Verdict::Fail, one.reason.clone())));
            }
            let detail = Detail { as_of: evaluation.as_of, log_index, members, inputs: evaluation.inputs };
            self.details.insert(evaluation.check, detail);
        }
    }

    /// The sources that are sample data, of the snapshots that `of` names.
    pub(crate) fn samples(&self, of: impl Fn(&SnapshotNote) -> bool) -> BTreeSet<&str> {
        self.snapshots.iter().filter(|note| note.sample && of(note)).map(|note| note.source.as_str()).collect()
    }

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

/// JSON that people read, always the same for the same value.
pub(crate) fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn instant(instant: Timestamp) -> String {
    model::time::seconds_text(instant)
}

/// The operations of a run, in the order in which they were first called.
fn operations(exchanges: &[model::ExchangeRecord]) -> Vec<OperationNote> {
    let mut notes: Vec<OperationNote> = Vec::new();
    for exchange in exchanges {
        let literal = literal(exchange);
        if let Some(note) = notes.iter_mut().find(|note| note.name == exchange.operation) {
            note.calls += 1;
            note.last = literal;
            note.last_status = exchange.status;
            note.last_seq = exchange.seq;
            note.last_link = exchange.headers.get("link").cloned();
        } else {
            notes.push(OperationNote {
                name: exchange.operation.clone(),
                calls: 1,
                first: literal.clone(),
                last: literal,
                last_status: exchange.status,
                last_seq: exchange.seq,
                last_link: exchange.headers.get("link").cloned(),
            });
        }
    }
    notes
}
