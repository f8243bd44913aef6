//! check -> finding: evaluates over sealed snapshots, seals every evaluation and the findings that follow.

use super::blob::Blob;
use super::decide::finding_draft;
use super::inputs::over_inputs;
use super::overview::latest_evaluation;
use super::{Line, now, paths, shape};
use crate::failure::{Exit, Failure};
use crate::settings::{Settings, Source, did_you_mean, nearest};
use egress::Aside;
use evaluate::{Catalogues, Check, CheckSet, CollectorTables, Diagnostic, EvaluateError, Framework, Worker};
use model::{Evaluation, Timestamp, Verdict};
use std::collections::BTreeMap;
use std::path::PathBuf;
use store::{Document, Draft};
use workflow::{Change, Finding, FindingEvent, FindingText, Seen};

/// An evaluation and where it is sealed.
pub(crate) struct Checked {
    pub(crate) as_of: Timestamp,
    /// With the members that fail and those of whom it cannot be said; all of them are in what is sealed.
    pub(crate) evaluations: Vec<(u64, Evaluation)>,
    pub(crate) followed: Vec<Followed>,
}

/// What became of a finding.
pub(crate) struct Followed {
    pub(crate) finding: String,
    pub(crate) event: Change,
    /// What is, written from the evidence.
    pub(crate) condition: String,
}

impl Line {
    /// Evaluates `names` (all checks when empty) as of `as_of`, seals the results and the findings that follow.
    ///
    /// Findings move only with the present: an evaluation of the past (`--as-of`) is sealed and changes none.
    pub(crate) fn check(
        &self,
        checks: &CheckSet,
        names: &[String],
        as_of: Option<Timestamp>,
    ) -> Result<Checked, Failure> {
        self.evaluate(checks, names, as_of, false)
    }

    /// Like [`Line::check`], but seals nothing where the same evaluations over the same inputs are sealed already.
    pub(super) fn check_for_pack(
        &self,
        checks: &CheckSet,
        names: &[String],
        as_of: Option<Timestamp>,
    ) -> Result<Checked, Failure> {
        self.evaluate(checks, names, as_of, true)
    }

    fn evaluate(
        &self,
        checks: &CheckSet,
        names: &[String],
        as_of: Option<Timestamp>,
        reuse: bool,
    ) -> Result<Checked, Failure> {
        let at = now();
        let instant = model::time::seconds_up(as_of.unwrap_or(at));
        if as_of.is_some_and(|as_of| as_of > at) {
            return Err(Failure::usage(
                format!("{} is in the future", model::time::seconds_text(instant)),
                "evidence can be judged as of now or an instant in the past",
            ));
        }
        let settings = self.settings();
        let reader = self.reader()?;
        let chosen = select(checks, names)?;
        let folder = paths(&settings).scratch()?;
        let reader_of_past = reuse.then_some((&reader, as_of.is_some()));
        let (mut made, evaluated) = over_inputs(&settings, &reader, instant, chosen.len(), |inputs, session| {
            let mut made = Made::new(folder.clone(), reader_of_past);
            let parameters = &settings.checks.parameters;
            let evaluated = session.evaluate(&chosen, parameters, inputs, &mut |evaluation| {
                made.add(evaluation).map_err(|failure| EvaluateError::Kept(failure.message))
            })?;
            Ok((made, evaluated))
        })?
        .map_err(|error| evaluation_failure(&error))?;
        for lacking in evaluated.confinement.iter().flat_map(|confinement| &confinement.lacks) {
            tracing::warn!(
                lacking,
                "the worker process that runs the checks is not wholly confined; see `evidenced doctor`"
            );
        }
        if let Some(checked) = made.sealed_already() {
            return Ok(checked);
        }

        let sealed_map = match reader.last_of_series("identity_map")? {
            Some(last) => reader.opening(last.index)?.map(|opening| opening.sha256()),
            None => None,
        };
        let mut drafts = Vec::with_capacity(made.evaluations.len() + 1);
        // a map is sealed when it changed; none was made when the inputs could not be mapped at all
        if let Some(links) = evaluated.identity_map.filter(|links| sealed_map != Some(model::Digest::of(links))) {
            drafts.push(Draft {
                body: ledger::Body::IdentityMap,
                series: "identity_map".to_owned(),
                document: Some(Document::new(links, "application/x-ndjson")),
            });
        }
        let maps = drafts.len();
        drafts.extend(made.evaluations.iter().zip(made.documents).map(|(evaluation, document)| Draft {
            body: ledger::Body::Evaluation { check: evaluation.check.clone(), outcome: evaluation.outcome },
            series: format!("check/{}", evaluation.check),
            document: Some(Document::new(document, Evaluation::MEDIA_TYPE)),
        }));
        let appended = self.store()?.append(at, drafts)?;
        let evaluations: Vec<(u64, Evaluation)> =
            appended.iter().skip(maps).map(|entry| entry.index).zip(made.evaluations).collect();

        let followed = if as_of.is_none() { self.follow(&chosen, &evaluations)? } else { Vec::new() };
        Ok(Checked { as_of: instant, evaluations, followed })
    }

    /// Seals the finding events that follow from `evaluations`, and from time.
    fn follow(&self, checks: &[&Check], evaluations: &[(u64, Evaluation)]) -> Result<Vec<Followed>, Failure> {
        let reader = self.reader()?;
        let rules = self.settings().findings.rules;
        let aside = Aside::in_folder(Some(paths(&self.settings()).scratch()?));
        let (mut followed, mut drafts) = (Vec::new(), Vec::new());
        let mut seal = |event: FindingEvent| -> Result<Finding, Failure> {
            let document = Blob::aside(&aside, model::canonical_json(&event)?)?;
            drafts.push(finding_draft(&event, document));
            let FindingEvent { event, finding, .. } = event;
            let condition = finding.condition.clone();
            followed.push(Followed { finding: finding.id.clone(), event, condition });
            Ok(finding)
        };
        let mut known: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        for finding in findings(&reader)? {
            let finding = match workflow::expire(&finding, now()) {
                Some(event) => seal(event)?,
                None => finding,
            };
            if let Some(check) = &finding.check {
                known.entry(check.clone()).or_default().push(finding);
            }
        }
        let begun = |snapshot: &str| reader.snapshot_row(snapshot).ok().flatten().map(|row| row.started_at);
        for (index, evaluation) in evaluations {
            let Some(check) = checks.iter().find(|check| check.name == evaluation.check) else { continue };
            let known = known.remove(&check.name).unwrap_or_default();
            let failed_before = failed_before(&reader, *index, evaluation, rules.raise_after)?;
            let text = text(check);
            let seen = Seen { evaluation, log_index: *index, text: &text, failed_before, begun: &begun };
            for event in workflow::follow(&known, &seen, rules) {
                seal(event)?;
            }
        }
        if !drafts.is_empty() {
            self.store()?.append(now(), drafts)?;
        }
        Ok(followed)
    }
}

/// Evaluations in a row just before the one at `index`, each on other evidence, that failed; no more than `most` are looked at.
fn failed_before(reader: &store::Reader, index: u64, evaluation: &Evaluation, most: u32) -> Result<u32, Failure> {
    let mut count = 0;
    let mut last = snapshots_of(evaluation);
    if most <= 1 {
        return Ok(count);
    }
    for row in reader.evaluations(Some(&evaluation.check), None)? {
        if row.log_index >= index || row.as_of > evaluation.as_of {
            continue;
        }
        if row.outcome != model::Outcome::Fail || count + 1 >= most {
            break;
        }
        let sealed = reader.evaluation(row.log_index)?;
        let snapshots = snapshots_of(sealed.value());
        // the programme's own record is other evidence each time
        if snapshots.is_empty() || snapshots != last {
            count += 1;
            last = snapshots;
        }
    }
    Ok(count)
}

fn snapshots_of(evaluation: &Evaluation) -> Vec<String> {
    evaluation.inputs.iter().filter_map(|input| input.snapshot.clone()).collect()
}

/// Evaluations as they are made: the whole of each is laid aside, ready to be sealed.
struct Made<'a> {
    aside: Aside,
    /// Without the members that pass or are not concerned.
    evaluations: Vec<Evaluation>,
    documents: Vec<Blob>,
    /// Where to look for the same evaluations, and whether they are of the past.
    reader: Option<(&'a store::Reader, bool)>,
    /// The sealed evaluations that say the same, as long as there is one for each.
    sealed: Vec<(u64, Evaluation)>,
}

impl<'a> Made<'a> {
    fn new(folder: PathBuf, reader: Option<(&'a store::Reader, bool)>) -> Self {
        let aside = Aside::in_folder(Some(folder));
        Self { aside, evaluations: Vec::new(), documents: Vec::new(), reader, sealed: Vec::new() }
    }

    fn add(&mut self, evaluation: Evaluation) -> Result<(), Failure> {
        if let Some((reader, of_the_past)) = self.reader {
            match sealed_alike(reader, &evaluation, of_the_past)? {
                Some((index, sealed)) => self.sealed.push((index, without_the_rest(sealed))),
                None => self.reader = None,
            }
        }
        self.documents.push(Blob::aside(&self.aside, model::canonical_json(&evaluation)?)?);
        self.evaluations.push(without_the_rest(evaluation));
        Ok(())
    }

    /// What is sealed already, where all of it is.
    fn sealed_already(&mut self) -> Option<Checked> {
        self.reader?;
        let evaluations = std::mem::take(&mut self.sealed);
        let as_of = evaluations.first()?.1.as_of;
        // one database holds the state of one instant
        let together = evaluations.iter().all(|(_, evaluation)| evaluation.as_of == as_of);
        together.then_some(Checked { as_of, evaluations, followed: Vec::new() })
    }
}

/// `evaluation` with those members only that something follows from.
fn without_the_rest(mut evaluation: Evaluation) -> Evaluation {
    evaluation.members.retain(|member| matches!(member.verdict, Verdict::Fail | Verdict::Unknown | Verdict::Excepted));
    evaluation.members.shrink_to_fit();
    evaluation
}

/// The sealed evaluation that says what `fresh` says.
///
/// Of a past instant it must be the same bytes. Of the present, the last one counts when only its instant differs: nothing that
/// was collected, configured or came of age since has changed a word of it.
fn sealed_alike(
    reader: &store::Reader,
    fresh: &Evaluation,
    of_the_past: bool,
) -> Result<Option<(u64, Evaluation)>, Failure> {
    let rows = reader.evaluations(Some(&fresh.check), if of_the_past { None } else { Some(1) })?;
    let same = if of_the_past {
        let sha256 = model::Digest::of(&model::canonical_json(fresh)?);
        rows.iter().find(|row| row.as_of == fresh.as_of && row.sha256 == sha256)
    } else {
        rows.first()
    };
    let Some(row) = same else { return Ok(None) };
    let sealed = reader.evaluation(row.log_index)?.into_value();
    let alike = Evaluation { as_of: sealed.as_of, ..fresh.clone() } == sealed;
    Ok(alike.then_some((row.log_index, sealed)))
}

/// The last sealed evaluation of each of the checks `names` (all when empty), and the names of those that have none.
pub(crate) fn last_sealed<'a>(
    reader: &store::Reader,
    checks: &'a CheckSet,
    names: &[String],
) -> Result<(Checked, Vec<&'a str>), Failure> {
    let (mut evaluations, mut never) = (Vec::new(), Vec::new());
    for check in select(checks, names)? {
        match latest_evaluation(reader, &check.name)? {
            Some(sealed) => evaluations.push((sealed.index(), without_the_rest(sealed.into_value()))),
            None => never.push(check.name.as_str()),
        }
    }
    let as_of = evaluations.iter().map(|(_, evaluation)| evaluation.as_of).max().unwrap_or_else(now);
    Ok((Checked { as_of, evaluations, followed: Vec::new() }, never))
}

/// The findings as the log leaves them, in the order they were raised.
pub(crate) fn findings(reader: &store::Reader) -> Result<Vec<Finding>, Failure> {
    Ok(sealed_findings(reader)?.into_iter().map(|(_, finding)| finding).collect())
}

/// The same, each with the entry of its last event.
pub(crate) fn sealed_findings(reader: &store::Reader) -> Result<Vec<(u64, Finding)>, Failure> {
    let mut findings = Vec::new();
    for row in reader.findings()? {
        let finding = serde_json::from_value::<Finding>(row.body)
            .map_err(|error| Failure::store(format!("finding {} cannot be read: {error}", row.id)))?;
        findings.push((row.log_index, finding));
    }
    findings.sort_by(|(_, a), (_, b)| (a.raised_at, &a.id).cmp(&(b.raised_at, &b.id)));
    Ok(findings)
}

/// Loads the built-in checks and those of `[checks] paths`, with the shipped catalogues. What the configuration says of checks and
/// controls must fit them: every problem at once.
pub(crate) fn load_checks(settings: Option<&Settings>) -> Result<CheckSet, Failure> {
    let (paths, sources) = settings.map_or((&[][..], &[][..]), |settings| (&settings.checks.paths, &settings.sources));
    let against = || Ok((Catalogues::builtin()?, tables(sources)));
    let checks = CheckSet::load_to_run(paths, against).map_err(|found| diagnosed(&found))?;
    let Some(settings) = settings else { return Ok(checks) };
    let problems = unfit(settings, &checks)?;
    if problems.is_empty() {
        return Ok(checks);
    }
    let file = settings.file.display();
    let lines: Vec<String> = problems.iter().map(|(what, help)| format!("{file}: {what}\n  help: {help}")).collect();
    Err(Failure { exit: Exit::Usage, message: lines.join("\n"), help: None })
}

/// What the configuration says of checks and controls that do not exist, or that they cannot take; each with its mend.
fn unfit(settings: &Settings, checks: &CheckSet) -> Result<Vec<(String, String)>, Failure> {
    let mut problems = Vec::new();
    for (name, given) in &settings.checks.parameters {
        match checks.get(name) {
            None => {
                let known = checks.checks().iter().map(|check| check.name.as_str());
                problems.push((format!("[checks] parameters: there is no check `{name}`"), did_you_mean(name, known)));
            }
            Some(check) => {
                if let Err(error) = check.bind(Some(given)) {
                    problems.push((format!("[checks] parameters: {error}"), error.help.clone()));
                }
            }
        }
    }
    let applicability = settings.handover.applicability.iter().map(|one| ("[[applicability]]", &one.control));
    let requests =
        settings.handover.requests.iter().flat_map(|one| &one.controls).map(|control| ("[[requests]]", control));
    let mut named = applicability.chain(requests).peekable();
    if named.peek().is_none() {
        // nobody names a control
        return Ok(problems);
    }
    let catalogues = catalogues()?;
    for (section, control) in named {
        if catalogues.control(control).is_none() {
            let of = |framework: &Framework| -> Vec<String> {
                framework.controls.iter().map(|control| format!("{}/{}", framework.framework, control.id)).collect()
            };
            let known: Vec<String> = catalogues.frameworks().iter().flat_map(of).collect();
            let help = match nearest(control, &known.iter().map(String::as_str).collect::<Vec<_>>()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write it like `iso27001:2022/A.5.18`; `evidenced controls` lists them".to_owned(),
            };
            problems.push((format!("{section}: no catalogue has a control `{control}`"), help));
        }
    }
    Ok(problems)
}

/// Loads the built-in checks and those of `directories`, which may read the tables that `sources` declare, with their cases.
pub(crate) fn load_checks_and_cases(directories: &[PathBuf], sources: &[Source]) -> Result<CheckSet, Failure> {
    CheckSet::load(directories, &catalogues()?, &tables(sources)).map_err(|problems| diagnosed(&problems))
}

/// What every collector gives, with what `sources` declare beside it.
fn tables(sources: &[Source]) -> Vec<CollectorTables> {
    let of = |collector: &&dyn egress::Collector| {
        let spec = collector.spec();
        let mut tables = spec.tables.clone();
        if spec.table_settings.is_some() {
            let of_it = sources.iter().filter(|source| source.collector == spec.id);
            let declared = of_it.filter_map(|source| shape(source).ok()).flat_map(|shape| shape.tables);
            tables.extend(declared.filter(|table| spec.table(&table.name).is_none()));
        }
        CollectorTables { id: spec.id.clone(), tables }
    };
    collectors::all().iter().map(of).collect()
}

/// The shipped control catalogues.
pub(crate) fn catalogues() -> Result<Catalogues, Failure> {
    Catalogues::builtin().map_err(|problems| diagnosed(&problems))
}

fn diagnosed(problems: &[Diagnostic]) -> Failure {
    let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Failure { exit: Exit::Usage, message, help: None }
}

/// The worker: this program's own hidden subcommand in a process of its own.
pub(crate) fn worker(settings: &Settings) -> Result<Worker, Failure> {
    let program = std::env::current_exe().map_err(Failure::store)?;
    Ok(Worker { sandbox: settings.checks.sandbox, ..Worker::new(program, vec!["worker".to_owned()]) })
}

/// What stops an evaluation as a whole: a bad parameter, a bad query, rows that cannot be read, a database that cannot be written.
pub(crate) fn evaluation_failure(error: &EvaluateError) -> Failure {
    let exit = if matches!(error, EvaluateError::Write(_) | EvaluateError::Unreadable { .. }) {
        Exit::Store
    } else {
        Exit::Usage
    };
    Failure { exit, message: error.to_string(), help: error.help().map(str::to_owned) }
}

/// The checks of these names, or all of them where there is none.
pub(super) fn select<'a>(checks: &'a CheckSet, names: &[String]) -> Result<Vec<&'a Check>, Failure> {
    if names.is_empty() {
        return Ok(checks.checks().iter().collect());
    }
    names
        .iter()
        .map(|name| {
            checks.checks().iter().find(|check| &check.name == name).ok_or_else(|| {
                Failure::usage(format!("there is no check `{name}`"), "`evidenced checks list` shows them")
            })
        })
        .collect()
}

fn text(check: &Check) -> FindingText {
    FindingText {
        title: check.title.clone(),
        severity: check.severity.as_str().to_owned(),
        criteria: check.finding.criteria.clone(),
        impact: check.finding.impact.clone(),
        action: check.finding.action.clone(),
    }
}
