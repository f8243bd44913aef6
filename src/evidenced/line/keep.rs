//! schedule: the line as the daemon's loop sees it.

use super::anchor::{self, Cadence};
use super::{Line, Outcome, Trigger, load_checks, now};
use crate::daemon::{self, Clock, Job, Unrun, UnrunOutcome};
use crate::failure::{Exit, Failure};
use crate::settings::{self, Settings, Source};
use egress::NoProgress;
use evaluate::{Check, CheckSet};
use jiff::{SignedDuration, Timestamp};
use ledger::{Body, SlotOutcome};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::{Document, Draft, Reader};

/// A line that keeps schedules, and whose configuration can be read again.
pub(crate) struct KeptLine {
    line: Line,
    checks: RwLock<Arc<CheckSet>>,
    /// When every check was evaluated last.
    round_at: Mutex<Option<Timestamp>>,
}

/// How often every check is evaluated, those too whose evidence nothing was added to: it grows stale meanwhile.
const ROUND: SignedDuration = SignedDuration::from_hours(1);

impl KeptLine {
    /// Keeps `line`, evaluating `checks` after every collection.
    pub(crate) fn new(line: Line, checks: CheckSet) -> Self {
        Self { line, checks: RwLock::new(Arc::new(checks)), round_at: Mutex::default() }
    }

    /// Closes the store.
    pub(crate) fn close(self) -> Result<(), Failure> {
        self.line.close()
    }

    /// The line that is kept.
    pub(crate) const fn line(&self) -> &Line {
        &self.line
    }

    /// Whether all checks are to be evaluated now; the next round is then an hour away.
    fn is_round_due(&self) -> bool {
        let now = now();
        let mut last = self.round_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.duration_since(last).abs() >= ROUND);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    pub(crate) fn checks(&self) -> Arc<CheckSet> {
        Arc::clone(&self.checks.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeptLine {
    /// Has the log stamped at the configured cadence, for as long as it is polled. It ends only with the store's failure.
    pub(crate) async fn keep_anchored<C: Clock>(&self, clock: &C) -> Failure {
        let reader = match self.line.reader() {
            Ok(reader) => reader,
            Err(failure) => return failure,
        };
        let mut cadence = Cadence::default();
        loop {
            clock.tick().await;
            if let Err(failure) = self.anchor_when_due(&reader, &mut cadence, clock.now()).await {
                return failure;
            }
        }
    }

    async fn anchor_when_due(&self, reader: &Reader, cadence: &mut Cadence, now: Timestamp) -> Result<(), Failure> {
        let log = &self.line.settings().log;
        if log.authorities.is_empty() {
            return Ok(());
        }
        let states = anchor::authorities(log, reader, now)?;
        let waiting = states.iter().filter_map(|state| state.waiting_since).min();
        if !cadence.is_due(waiting, now, log.timestamp_every) {
            return Ok(());
        }
        cadence.asked(now);
        self.line.anchor(None).await?.iter().for_each(anchor::Asked::report);
        Ok(())
    }
}

/// How often the calendar of access reviews is looked at.
const REVIEWED: SignedDuration = SignedDuration::from_secs(60);

impl KeptLine {
    /// Begins access reviews on their schedule, reminds and escalates, for as long as it is polled. It ends only with the store's
    /// failure.
    pub(crate) async fn keep_reviewed<C: Clock>(&self, clock: &C) -> Failure {
        let mut looked: Option<Timestamp> = None;
        loop {
            clock.tick().await;
            let now = clock.now();
            if looked.is_some_and(|looked| now.duration_since(looked).abs() < REVIEWED) {
                continue;
            }
            // a store that is opened again is looked through for what its evidence allows now
            let is_first = looked.is_none();
            looked = Some(now);
            if let Err(failure) = tokio::task::block_in_place(|| self.review(is_first)) {
                return failure;
            }
        }
    }

    /// One look at the access reviews. What people have to mend is told and ends nothing.
    fn review(&self, news: bool) -> Result<(), Failure> {
        match self.line.keep_reviews(news) {
            Ok(kept) => {
                for (entry, event) in kept.done.iter().filter(|(_, event)| super::review::is_news(event.event)) {
                    let review = &event.access_review.id;
                    tracing::info!(review, event = event.event.as_str(), entry, "access review changed");
                }
                for (review, why) in &kept.waiting {
                    tracing::warn!(review, why, "access review waits");
                }
                Ok(())
            }
            Err(failure) if failure.exit == Exit::Usage => {
                tracing::error!(problem = failure.message, "access reviews were not looked at");
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }
}

/// The checks that read what `source` gives, and those that read the programme's own tables.
fn concerned(checks: &CheckSet, source: &Source) -> Vec<String> {
    let Ok(shape) = super::shape(source) else { return Vec::new() };
    let gives = |table: &String| shape.provides.contains(table) || shape.tables.iter().any(|spec| spec.name == *table);
    let reads = |check: &&Check| check.inputs.is_empty() || check.inputs.keys().any(gives);
    checks.checks().iter().filter(reads).map(|check| check.name.clone()).collect()
}

/// The sources of `settings` that have a schedule.
pub(crate) fn jobs(settings: &Settings) -> Vec<Job> {
    settings
        .sources
        .iter()
        .filter_map(|source| Some(Job { source: source.name.clone(), schedule: source.schedule.clone()? }))
        .collect()
}

impl daemon::Witnessing for KeptLine {
    fn every(&self) -> Option<SignedDuration> {
        let settings = self.line.settings();
        (!settings.log.witnesses.is_empty()).then_some(settings.log.witness_every)
    }

    fn is_due(&self) -> anyhow::Result<bool> {
        Ok(self.line.has_unwitnessed()?)
    }

    async fn ask(&self) -> anyhow::Result<()> {
        for answer in self.line.witness().await? {
            if let Outcome::Cosigned(cosigned) = &answer.outcome {
                tracing::info!(witness = answer.witness, entries = cosigned.checkpoint().size(), "log cosigned");
            }
        }
        Ok(())
    }
}

impl daemon::Line for KeptLine {
    async fn run(&self, source: &str, slot: Timestamp) -> anyhow::Result<()> {
        let settings = self.line.settings();
        let Some(source) = settings.sources.iter().find(|configured| configured.name == source) else {
            return Ok(());
        };
        let sealed = self.line.collect(source, Trigger::Slot(slot), Arc::new(NoProgress)).await?;
        let manifest = sealed.value();
        tracing::info!(
            source = manifest.source,
            snapshot = manifest.id,
            status = manifest.status.as_str(),
            counted = manifest.completeness.counted,
            entry = sealed.index(),
            "snapshot sealed"
        );
        let checks = self.checks();
        let names = if self.is_round_due() { Vec::new() } else { concerned(&checks, source) };
        let checked = tokio::task::block_in_place(|| self.line.check(&checks, &names, None))?;
        for followed in checked.followed.iter().filter(|followed| followed.event != workflow::Change::Seen) {
            tracing::info!(finding = followed.finding, event = followed.event.as_str(), "finding changed");
        }
        tokio::task::block_in_place(|| self.review(true))?;
        Ok(())
    }

    fn record(&self, source: &str, unrun: &Unrun) -> anyhow::Result<()> {
        let outcome = match unrun.outcome {
            UnrunOutcome::Missed => SlotOutcome::Missed,
            UnrunOutcome::Skipped => SlotOutcome::Skipped,
        };
        let document = model::canonical_json(&serde_json::json!({
            "schema": "evidenced/slot/v1", "source": source, "due_at": unrun.due_at, "first_due_at": unrun.first,
            "count": unrun.count, "outcome": unrun.outcome.as_str(), "reason": unrun.reason,
        }))?;
        let draft = Draft {
            body: Body::Slot { source: source.to_owned(), due_at: unrun.due_at, outcome },
            series: format!("slot/{source}"),
            document: Some(Document::new(document, "application/vnd.evidenced.slot+json")),
        };
        self.line.store()?.append(now(), vec![draft])?;
        Ok(())
    }

    fn cursor(&self, source: &str, until: Timestamp) -> anyhow::Result<Option<Timestamp>> {
        let slots = self.line.reader()?.slots(Some(source), None, Some(until))?;
        Ok(slots.last().map(|slot| slot.due_at))
    }

    fn reload(&self) -> Option<Vec<Job>> {
        let before = self.line.settings();
        let settings = match settings::load(&before.file, &before.overrides) {
            Ok(settings) => settings,
            Err(problems) => {
                for problem in problems {
                    tracing::error!(%problem, "configuration problem");
                }
                return None;
            }
        };
        let checks = match load_checks(Some(&settings)) {
            Ok(checks) => checks,
            Err(failure) => {
                tracing::error!(problem = %failure.message, "check problem");
                return None;
            }
        };
        let jobs = jobs(&settings);
        if let Err(failure) = self.line.adopt(settings) {
            tracing::error!(problem = %failure.message, "configuration not adopted");
            return None;
        }
        *self.checks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(checks);
        Some(jobs)
    }
}
