//! Keeps the schedules of several sources at once: plans, starts runs, records what did not run.

use super::clock::Clock;
use super::plan::{SlotAction, plan};
use super::schedule::Schedule;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long a stopping daemon waits for the runs that are going.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A source and when it is due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// Configured source name.
    pub(crate) source: String,
    /// When it is due.
    pub(crate) schedule: Schedule,
}

/// What comes in from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Finish what is running and end. A second one ends at once.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// Why a due slot did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnrunOutcome {
    /// The daemon was not running, or the machine slept.
    Missed,
    /// The run before was still going.
    Skipped,
}

impl UnrunOutcome {
    /// The word used in the log and in the `slot` table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Skipped => "skipped",
        }
    }
}

/// A due slot, or a range of them, that ended without a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unrun {
    /// The slot; the newest of a range.
    pub(crate) due_at: Timestamp,
    /// The oldest of the range; equal to `due_at` for one slot.
    pub(crate) first: Timestamp,
    /// How many slots the range holds.
    pub(crate) count: u64,
    /// What became of it.
    pub(crate) outcome: UnrunOutcome,
    /// Why, in words.
    pub(crate) reason: String,
}

/// The rest of the line, as the loop sees it. An error ends the loop: it means the store cannot be relied on.
pub(crate) trait Line: Send + Sync + 'static {
    /// Collects `source` for `slot`, seals and checks. A failed collection is a snapshot, not an error.
    fn run(&self, source: &str, slot: Timestamp) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Records a slot that did not run. Durable when it returns.
    fn record(&self, source: &str, unrun: &Unrun) -> anyhow::Result<()>;
    /// The newest slot of `source` with an outcome (a snapshot's slot, or a recorded one), not later than `until`.
    /// Later ones were recorded by a clock that was ahead; waiting for them would keep the source silent until then.
    fn cursor(&self, source: &str, until: Timestamp) -> anyhow::Result<Option<Timestamp>>;
    /// Reads the configuration again; none, after saying why, when it is bad and the old one stays.
    fn reload(&self) -> Option<Vec<Job>>;
}

/// One source as the loop keeps it.
struct Kept {
    schedule: Schedule,
    /// The newest slot handed out by this process; guards against a second run before the store knows of the first.
    claimed: Option<Timestamp>,
    /// Nothing is due before this instant; none: the store has to be asked.
    next: Option<Timestamp>,
}

/// A run that is going.
struct Running {
    slot: Timestamp,
    task: tokio::task::Id,
}

/// Runs until [`Event::Stop`], or the first error of the line.
pub(crate) async fn keep<L: Line, C: Clock>(
    line: Arc<L>,
    clock: &C,
    jobs: Vec<Job>,
    events: mpsc::Receiver<Event>,
) -> anyhow::Result<()> {
    let mut keeper = Keeper {
        line,
        kept: BTreeMap::new(),
        running: BTreeMap::new(),
        tasks: JoinSet::new(),
        last_poll: Timestamp::MIN,
    };
    keeper.adopt(jobs);
    keeper.run(clock, events).await
}

struct Keeper<L> {
    line: Arc<L>,
    kept: BTreeMap<String, Kept>,
    /// Also holds sources that a reload removed while their run was going.
    running: BTreeMap<String, Running>,
    tasks: JoinSet<(String, anyhow::Result<()>)>,
    last_poll: Timestamp,
}

impl<L: Line> Keeper<L> {
    async fn run<C: Clock>(mut self, clock: &C, mut events: mpsc::Receiver<Event>) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while outcome.is_ok() {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(Event::Reload) => self.reload(),
                    Some(Event::Stop) | None => break,
                },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => outcome = self.finished(done),
                () = clock.tick() => outcome = self.poll(clock.now()),
            }
        }
        self.stop(&mut events, outcome).await
    }

    fn adopt(&mut self, jobs: Vec<Job>) {
        let mut before = std::mem::take(&mut self.kept);
        for job in jobs {
            let claimed = before.remove(&job.source).and_then(|kept| {
                // a changed schedule promises nothing for the time before the change
                let promised_from = (kept.schedule != job.schedule).then_some(self.last_poll);
                kept.claimed.max(promised_from)
            });
            self.kept.insert(job.source, Kept { schedule: job.schedule, claimed, next: None });
        }
    }

    fn reload(&mut self) {
        if let Some(jobs) = self.line.reload() {
            self.adopt(jobs);
            tracing::info!(sources = self.kept.len(), "configuration read again");
        } else {
            tracing::warn!("configuration not changed: the new one is bad, the old one stays");
        }
    }

    /// Gives every slot due by now its outcome, or starts its run.
    fn poll(&mut self, now: Timestamp) -> anyhow::Result<()> {
        if now < self.last_poll {
            // the clock was set back: what was known about the next slots may be wrong
            self.kept.values_mut().for_each(|kept| kept.next = None);
        }
        self.last_poll = now;
        for (source, kept) in &mut self.kept {
            if kept.next.is_some_and(|next| now < next) {
                continue;
            }
            let claimed = kept.claimed.filter(|claimed| *claimed <= now);
            let mut cursor = self.line.cursor(source, now)?.max(claimed);
            if cursor.is_none() && (kept.claimed.is_some() || self.line.cursor(source, Timestamp::MAX)?.is_some()) {
                // not a new source: the clock was set back behind its first slot
                cursor = Some(now);
                kept.claimed = cursor;
            }
            let running = self.running.contains_key(source);
            for action in plan(now, cursor, &kept.schedule, running) {
                match action {
                    SlotAction::Run(slot) => {
                        kept.claimed = Some(slot);
                        tracing::info!(source, slot = %slot, "slot due");
                        let (line, name) = (Arc::clone(&self.line), source.clone());
                        let task = self.tasks.spawn(async move {
                            let result = line.run(&name, slot).await;
                            (name, result)
                        });
                        self.running.insert(source.clone(), Running { slot, task: task.id() });
                    }
                    SlotAction::Skip(slot) => {
                        let going = self.running.get(source).map_or(slot, |running| running.slot);
                        let unrun = Unrun {
                            due_at: slot,
                            first: slot,
                            count: 1,
                            outcome: UnrunOutcome::Skipped,
                            reason: format!(
                                "overlap: the run for {} was still going",
                                model::time::seconds_text(going)
                            ),
                        };
                        record(self.line.as_ref(), source, &unrun)?;
                        kept.claimed = Some(slot);
                    }
                    SlotAction::Miss { first, last, count } => {
                        record(self.line.as_ref(), source, &missed(first, last, count))?;
                        kept.claimed = Some(last);
                    }
                }
            }
            let newest = cursor.max(kept.claimed.filter(|claimed| *claimed <= now)).unwrap_or(now);
            kept.next = Some(kept.schedule.next_after(newest).unwrap_or(Timestamp::MAX));
        }
        Ok(())
    }

    fn finished(&mut self, done: Result<(String, anyhow::Result<()>), tokio::task::JoinError>) -> anyhow::Result<()> {
        match done {
            Ok((source, result)) => {
                self.running.remove(&source);
                result.map_err(|error| error.context(format!("source `{source}`")))
            }
            // a defect in one collector must neither silence the others nor leave its slot without an outcome
            Err(error) => {
                let source = self.running.iter().find(|(_, running)| running.task == error.id());
                let Some((source, slot)) = source.map(|(source, running)| (source.clone(), running.slot)) else {
                    return Ok(());
                };
                self.running.remove(&source);
                let reason = format!("the run ended abnormally: {}", panic_text(error));
                let unrun = Unrun { due_at: slot, first: slot, count: 1, outcome: UnrunOutcome::Skipped, reason };
                record(self.line.as_ref(), &source, &unrun)
            }
        }
    }

    /// Lets the runs that are going end, up to [`STOP_PATIENCE`] or a second request to stop.
    async fn stop(mut self, events: &mut mpsc::Receiver<Event>, mut outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        if !self.tasks.is_empty() {
            let sources: Vec<&str> = self.running.keys().map(String::as_str).collect();
            tracing::info!(sources = sources.join(", "), "stopping: waiting for the runs that are going");
        }
        let patience = tokio::time::sleep(STOP_PATIENCE);
        tokio::pin!(patience);
        let mut listening = true;
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(done) = self.tasks.join_next() => outcome = outcome.and(self.finished(done)),
                () = &mut patience => break,
                event = events.recv(), if listening => match event {
                    Some(Event::Stop) => break,
                    Some(Event::Reload) => {}
                    None => listening = false,
                },
            }
        }
        for source in self.running.keys() {
            tracing::warn!(source, "stopped before its run ended; the slot is due again at the next start");
        }
        self.tasks.shutdown().await;
        outcome
    }
}

fn record<L: Line>(line: &L, source: &str, unrun: &Unrun) -> anyhow::Result<()> {
    tracing::warn!(source, slot = %unrun.due_at, count = unrun.count, outcome = unrun.outcome.as_str(), reason = unrun.reason, "slot not run");
    line.record(source, unrun)
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => {
                panic.downcast_ref::<&str>().map_or("a defect in this program".to_owned(), ToString::to_string)
            }
        },
        Err(error) => error.to_string(),
    }
}

fn missed(first: Timestamp, last: Timestamp, count: u64) -> Unrun {
    let reason = if count == 1 {
        "the daemon was not running or the machine slept".to_owned()
    } else {
        let [from, to] = [first, last].map(model::time::seconds_text);
        format!("{count} slots from {from} to {to}: the daemon was not running or the machine slept")
    };
    Unrun { due_at: last, first, count, outcome: UnrunOutcome::Missed, reason }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
