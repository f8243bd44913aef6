//! From checks and inputs to evaluations: says how every input stands, has the query run, applies the verdict table.
//!
//! The same checks, parameters and inputs give the same bytes. It reads no clock and writes nothing.

use crate::check::{COLUMNS, Check, CheckInput, ParameterError};
use crate::confine::Confinement;
use crate::exceptions;
use crate::history;
use crate::inputs::{Inputs, SourceInput};
use crate::people::Orphan;
use crate::rows::RowsError;
use crate::run::{LoadError, MAX_ROWS, Question, Runner, TakeRows};
use crate::scratch::Summary;
use crate::verdict::{self, Answer, Empty, Input};
use jiff::SignedDuration;
use model::time::{between, duration_text, seconds_text, seconds_up};
use model::{Detail, DetailNames, Digest, Evaluation, InputRef, InputState, Member, SnapshotStatus, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a batch of checks gave beside their evaluations.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The identity map used, as it is sealed: canonical JSON lines. None when the scratch database could not be built.
    pub identity_map: Option<Vec<u8>>,
    /// Accounts linked to nobody.
    pub orphans: Vec<Orphan>,
    /// How the worker process was confined; none when none could be started. It is not part of an evaluation, which is the
    /// same on every host.
    pub confinement: Option<Confinement>,
}

/// Why nothing could be evaluated at all.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A configured parameter value cannot be bound.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The stored rows of a snapshot are not those that were sealed: it counts as failed.
    #[error("snapshot {snapshot}: {problem}")]
    Damaged {
        /// Its id.
        snapshot: String,
        /// What is wrong.
        problem: String,
    },
    /// The rows of a snapshot could not be read: the disk is to blame.
    #[error("snapshot {snapshot}: {problem}")]
    Unreadable {
        /// Its id.
        snapshot: String,
        /// What is wrong.
        problem: String,
    },
    /// A query failed, in words.
    #[error("{0}")]
    Query(String),
    /// An evaluation could not be laid aside: the disk is to blame.
    #[error("an evaluation cannot be kept: {0}")]
    Kept(String),
    /// The scratch database could not be written: the disk is to blame.
    #[error("cannot write the scratch database: {0}")]
    Write(String),
}

impl EvaluateError {
    pub(crate) fn of_rows(snapshot: String, error: &RowsError) -> Self {
        let problem = error.to_string();
        match error {
            RowsError::Damaged(_) => Self::Damaged { snapshot, problem },
            RowsError::Unreadable(_) | RowsError::Refused(_) => Self::Unreadable { snapshot, problem },
        }
    }

    /// How to mend it, where that can be said.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Parameter(error) => Some(&error.help),
            Self::Write(_) | Self::Kept(_) => {
                Some("make room where temporary files lie, or name another folder in TMPDIR")
            }
            _ => None,
        }
    }
}

/// Takes one evaluation after another, in the order of the checks.
pub type Each<'a> = dyn FnMut(Evaluation) -> Result<(), EvaluateError> + 'a;

/// Evaluates `checks` with whatever holds the scratch database.
pub(crate) fn evaluate_with(
    runner: &mut dyn Runner,
    checks: &[&Check],
    parameters: &BTreeMap<String, BTreeMap<String, Value>>,
    inputs: &Inputs,
    each: &mut Each<'_>,
) -> Result<Evaluated, EvaluateError> {
    let mut bound = Vec::with_capacity(checks.len());
    for check in checks {
        bound.push(check.bind(parameters.get(&check.name))?);
    }
    let reads_history = checks.iter().any(|check| check.reads_history);
    let loaded = if reads_history { runner.load(inputs) } else { runner.load(&history::for_links(inputs)) };
    let loaded = match loaded {
        // of accounts that could not be mapped, say
        Err(LoadError::LeftOut) => runner.load(inputs),
        loaded => loaded,
    };
    let loaded = match loaded {
        Ok(summary) => Ok(summary),
        Err(LoadError::Unbuilt(problem)) => Err(problem),
        Err(error @ LoadError::LeftOut) => Err(error.to_string()),
        Err(LoadError::Rows { snapshot, error }) => return Err(EvaluateError::of_rows(snapshot, &error)),
    };
    // reading all of it for nobody is time
    let history_sha256 = if reads_history {
        history::digest(&inputs.history)
            .map_err(|error| EvaluateError::of_rows("the history of earlier snapshots".to_owned(), &error))?
    } else {
        None
    };
    let map_sha256 = loaded.as_ref().ok().map(|summary| Digest::of(&summary.links));

    for (check, parameters) in checks.iter().zip(bound) {
        let answer = match &loaded {
            Ok(_) => Members::ask(runner, &question(check, &parameters, inputs), inputs),
            Err(problem) => Err(problem.clone()),
        };
        let summary = loaded.as_ref().ok();
        let mut evaluation = conclude(check, parameters, inputs, summary, map_sha256, answer);
        evaluation.history_sha256 = history_sha256.filter(|_| check.reads_history);
        each(evaluation)?;
    }
    let (identity_map, orphans) = match loaded {
        Ok(summary) => (Some(summary.links), summary.orphans),
        Err(_) => (None, Vec::new()),
    };
    Ok(Evaluated { identity_map, orphans, confinement: None })
}

/// The check's query with its values.
pub(crate) fn question(check: &Check, parameters: &BTreeMap<String, Value>, inputs: &Inputs) -> Question {
    let mut values = parameters.clone();
    values.insert("as_of".to_owned(), json!(seconds_text(seconds_up(inputs.as_of))));
    Question { sql: check.text.clone(), parameters: values, most: MAX_ROWS, whole: true, schema: false }
}

/// Builds the evaluation from the answer of the query.
pub(crate) fn conclude(
    check: &Check,
    parameters: BTreeMap<String, Value>,
    inputs: &Inputs,
    summary: Option<&Summary>,
    map_sha256: Option<Digest>,
    answer: Result<Vec<Member>, String>,
) -> Evaluation {
    let fed = feeding(check, inputs);
    let mut refs: Vec<InputRef> = fed.iter().map(|source| assess(check, source, inputs, summary)).collect();
    refs.sort_by(|a, b| a.source.cmp(&b.source));
    let judged: Vec<Input> = refs
        .iter()
        .map(|input| Input {
            source: input.source.clone(),
            state: input.state,
            why: input.why.clone(),
            monotone: input.tables.iter().all(|table| check.inputs.get(table).is_some_and(|input| input.monotone)),
        })
        .collect();

    let answer = match (unprovided(check, inputs), answer) {
        (Some(why), _) => Answer::NotConfigured(why),
        (None, Err(problem)) => Answer::Broken(problem),
        (None, Ok(members)) => Answer::Rows(exceptions::apply(members, &check.name, inputs)),
    };
    let judgement = verdict::judge(&judged, answer, &empty(check, &fed, summary));
    let exceptions = exceptions::used(&judgement.members, inputs);
    Evaluation {
        schema: Evaluation::SCHEMA.to_owned(),
        check: check.name.clone(),
        check_sha256: check.sha256,
        as_of: seconds_up(inputs.as_of),
        parameters,
        engine: format!("sqlite {}", rusqlite::version()),
        outcome: judgement.outcome,
        why: judgement.why,
        verdicts: verdict::count(&judgement.members),
        members: judgement.members,
        inputs: refs,
        exceptions,
        identity_map_sha256: map_sha256.filter(|_| check.reads_identity_map),
        history_sha256: None,
        controls: check.controls.clone(),
    }
}

fn provides(source: &SourceInput, table: &str, input: &CheckInput) -> bool {
    let named = input.collectors.is_empty() || input.collectors.contains(&source.collector);
    named
        && !input.except.contains(&source.collector)
        && (source.provides.iter().any(|own| own == table) || source.specs.iter().any(|own| own.name == table))
}

/// The sources that feed the check, whatever their state.
fn feeding<'a>(check: &Check, inputs: &'a Inputs) -> Vec<&'a SourceInput> {
    let feeds = |source: &&SourceInput| check.inputs.iter().any(|(table, input)| provides(source, table, input));
    inputs.sources.iter().filter(feeds).collect()
}

/// Why the check is not applicable: a table that no configured source provides.
fn unprovided(check: &Check, inputs: &Inputs) -> Option<String> {
    let (table, input) = check
        .inputs
        .iter()
        .find(|(table, input)| !inputs.sources.iter().any(|source| provides(source, table, input)))?;
    let of = if input.collectors.is_empty() { String::new() } else { format!(" of {}", input.collectors.join(" or ")) };
    Some(format!("no source{of} is configured that provides `{table}`"))
}

fn assess(check: &Check, source: &SourceInput, inputs: &Inputs, summary: Option<&Summary>) -> InputRef {
    let fed = check.inputs.iter().filter(|(table, input)| provides(source, table, input));
    let limit = check.max_age.map_or(source.max_age, |max_age| max_age.min(source.max_age));
    let unmapped = summary.and_then(|summary| summary.unmapped.get(&source.name));
    let (state, why) = state(source, inputs, limit, unmapped);
    InputRef {
        source: source.name.clone(),
        tables: fed.map(|(table, _)| table.clone()).collect(),
        state,
        snapshot: source.snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
        sha256: source.snapshot.as_ref().map(|snapshot| snapshot.manifest_sha256),
        status: source.snapshot.as_ref().map(|snapshot| snapshot.status),
        why,
    }
}

/// How the evidence of a source stands, and in words why it is not good.
pub(crate) fn state(
    source: &SourceInput,
    inputs: &Inputs,
    limit: SignedDuration,
    unmapped: Option<&String>,
) -> (InputState, Option<String>) {
    let Some(snapshot) = &source.snapshot else {
        return (InputState::Missing, Some("it was never collected".to_owned()));
    };
    let reasons = |otherwise: &str| {
        Some(if snapshot.reasons.is_empty() { otherwise.to_owned() } else { snapshot.reasons.join("; ") })
    };
    if let Some(problem) = unmapped {
        return (InputState::Failed, Some(format!("its rows could not be mapped: {problem}")));
    }
    match snapshot.status {
        SnapshotStatus::Failed => return (InputState::Failed, reasons("its latest run failed")),
        SnapshotStatus::Incomplete => return (InputState::Incomplete, reasons("not everything was seen")),
        SnapshotStatus::Suspect if !snapshot.confirmed => {
            return (InputState::Suspect, reasons("it is implausible and nobody confirmed it"));
        }
        SnapshotStatus::Suspect | SnapshotStatus::Complete => {}
    }
    let age = inputs.as_of.duration_since(snapshot.seen_at());
    if age > limit {
        let (age, limit) = (duration_text(between(snapshot.seen_at(), inputs.as_of)), duration_text(limit));
        return (InputState::Stale, Some(format!("its evidence is {age} old, and at most {limit} is allowed")));
    }
    (InputState::Good, None)
}

/// What no rows would mean.
fn empty(check: &Check, fed: &[&SourceInput], summary: Option<&Summary>) -> Empty {
    let count = |table: &String| summary.and_then(|summary| summary.rows.get(table)).copied().unwrap_or_default();
    let rows: u64 = check.inputs.keys().map(count).sum();
    if check.empty_is_not_applicable {
        Empty::Declared(format!("there is nobody to judge, which the check allows: {}", check.population))
    } else if rows == 0 && !fed.is_empty() && fed.iter().all(|source| source.expect_empty) {
        Empty::Declared("there is nobody to judge, which the configuration expects (`expect_empty`)".to_owned())
    } else if rows == 0 {
        Empty::Undeclared("the population is empty, and nobody declared that to be expected".to_owned())
    } else {
        let problem = format!("the query returned no member although its input tables hold {rows} rows");
        Empty::Undeclared(format!("{problem}: {}", check.population))
    }
}

/// Makes members of rows, or finds which rule they break.
pub(crate) struct Members<'a> {
    inputs: &'a Inputs,
    places: Result<Places, String>,
    /// Up to the first row that breaks a rule.
    made: Result<Vec<Member>, String>,
}

/// Where in a row is what.
struct Places {
    /// Subject, verdict, reason, source.
    of: [usize; COLUMNS.len()],
    detail: DetailNames,
    /// Of each name of `detail`, in their order.
    detail_at: Vec<usize>,
}

impl Places {
    fn of(columns: &[String]) -> Result<Self, String> {
        let mut of = [0; COLUMNS.len()];
        for (place, name) in of.iter_mut().zip(COLUMNS) {
            let found = columns.iter().position(|column| column == name);
            *place = found.ok_or_else(|| format!("the query returned no column `{name}`"))?;
        }
        let further = columns.iter().filter(|column| !COLUMNS.contains(&column.as_str()));
        let detail: DetailNames = further.map(String::as_str).collect();
        // of columns that share a name the last counts
        let at = |name: &str| columns.iter().rposition(|column| column == name).unwrap_or_default();
        let detail_at = detail.iter().map(at).collect();
        Ok(Self { of, detail, detail_at })
    }

    fn member(&self, mut row: Vec<Value>, inputs: &Inputs) -> Result<Member, String> {
        let [subject, verdict, reason, source] = self.of.map(|at| match row.get_mut(at).map(Value::take) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        });
        let subject = subject.ok_or("a row has no subject")?;
        let word = verdict.ok_or_else(|| format!("subject `{subject}` has no verdict"))?;
        let verdict = [Verdict::Pass, Verdict::Fail, Verdict::Unknown, Verdict::NotApplicable]
            .into_iter()
            .find(|verdict| verdict.as_str() == word)
            .ok_or_else(|| format!("subject `{subject}` has the unknown verdict `{word}`"))?;
        let reason = reason.ok_or_else(|| format!("subject `{subject}` has no reason"))?;
        if let Some(source) = &source
            && !inputs.sources.iter().any(|known| known.name == *source)
        {
            return Err(format!("subject `{subject}` names `{source}`, which is no configured source"));
        }
        let mut at = self.detail_at.iter();
        let cell = |_: &str| at.next().and_then(|at| row.get_mut(*at)).map(Value::take).unwrap_or_default();
        let detail = Detail::of(&self.detail, cell);
        Ok(Member { subject, verdict, reason, source, exception: None, detail })
    }
}

impl TakeRows for Members<'_> {
    fn columns(&mut self, columns: &[String]) {
        self.places = Places::of(columns);
    }

    fn row(&mut self, cells: Vec<Value>) {
        let (Ok(made), Ok(places)) = (&mut self.made, &self.places) else { return };
        match places.member(cells, self.inputs) {
            Ok(member) => made.push(member),
            Err(problem) => self.made = Err(problem),
        }
    }
}

impl<'a> Members<'a> {
    /// Asks `question` of `runner`. The error says why there are none.
    pub(crate) fn ask(runner: &mut dyn Runner, question: &Question, inputs: &'a Inputs) -> Result<Vec<Member>, String> {
        let mut asked = Self { inputs, places: Err("the query did not run".to_owned()), made: Ok(Vec::new()) };
        runner.rows(question, &mut asked)?;
        asked.places?;
        let members = asked.made?;
        let mut subjects: Vec<&str> = members.iter().map(|member| member.subject.as_str()).collect();
        subjects.sort_unstable();
        if let Some((twice, _)) = subjects.iter().zip(subjects.iter().skip(1)).find(|(one, next)| one == next) {
            return Err(format!("subject `{twice}` was returned more than once"));
        }
        Ok(members)
    }
}
