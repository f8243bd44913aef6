//! The loop under a clock that the test sets.

use super::*;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Notify;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn job(source: &str, expression: &str) -> Job {
    Job { source: source.to_owned(), schedule: Schedule::parse(expression, TimeZone::UTC).unwrap() }
}

/// Shows the script's times one by one, does what stands between them, and asks the loop to stop at its end.
struct Script {
    now: Mutex<Timestamp>,
    steps: Mutex<VecDeque<Step>>,
    events: mpsc::Sender<Event>,
    release: Arc<Notify>,
}

enum Step {
    Time(&'static str),
    Reload,
    /// Lets every run that is held end.
    Release,
}

impl Clock for Script {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn tick(&self) {
        // lets started runs get as far as they can
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let step = self.steps.lock().unwrap().pop_front();
        match step {
            Some(Step::Time(time)) => *self.now.lock().unwrap() = at(time),
            Some(Step::Reload) => self.events.send(Event::Reload).await.unwrap(),
            Some(Step::Release) => self.release.notify_waiters(),
            None => {
                self.events.send(Event::Stop).await.unwrap();
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Writes down what happens; `held` runs wait for a release.
#[derive(Default)]
struct Notes {
    lines: Mutex<Vec<String>>,
    recorded: Mutex<BTreeMap<String, Vec<Timestamp>>>,
    held: bool,
    panics: bool,
    fails: bool,
    release: Arc<Notify>,
    reloads: Mutex<VecDeque<Option<Vec<Job>>>>,
}

impl Notes {
    fn with_cursor(self, source: &str, cursor: &str) -> Self {
        self.recorded.lock().unwrap().insert(source.to_owned(), vec![at(cursor)]);
        self
    }

    fn outcome(&self, source: &str, slot: Timestamp) {
        self.recorded.lock().unwrap().entry(source.to_owned()).or_default().push(slot);
    }
}

impl Line for Notes {
    async fn run(&self, source: &str, slot: Timestamp) -> anyhow::Result<()> {
        self.lines.lock().unwrap().push(format!("run {source} {slot}"));
        assert!(!self.panics, "a collector broke");
        if self.held {
            self.release.notified().await;
            self.lines.lock().unwrap().push(format!("ran {source} {slot}"));
        }
        self.outcome(source, slot);
        if self.fails { Err(anyhow::anyhow!("the disk is full")) } else { Ok(()) }
    }

    fn record(&self, source: &str, unrun: &Unrun) -> anyhow::Result<()> {
        let line = format!("{} {source} {} x{}: {}", unrun.outcome.as_str(), unrun.due_at, unrun.count, unrun.reason);
        self.lines.lock().unwrap().push(line);
        self.outcome(source, unrun.due_at);
        Ok(())
    }

    fn cursor(&self, source: &str, now: Timestamp) -> anyhow::Result<Option<Timestamp>> {
        let recorded = self.recorded.lock().unwrap();
        Ok(recorded.get(source).and_then(|slots| slots.iter().copied().filter(|slot| *slot <= now).max()))
    }

    fn reload(&self) -> Option<Vec<Job>> {
        self.reloads.lock().unwrap().pop_front().flatten()
    }
}

async fn keep_through(notes: Notes, jobs: Vec<Job>, steps: Vec<Step>) -> (anyhow::Result<()>, Vec<String>) {
    let (events, receiver) = mpsc::channel(4);
    let clock = Script {
        now: Mutex::new(Timestamp::MIN),
        steps: Mutex::new(steps.into()),
        events,
        release: Arc::clone(&notes.release),
    };
    let line = Arc::new(notes);
    let outcome = keep(Arc::clone(&line), &clock, jobs, receiver).await;
    let lines = line.lines.lock().unwrap().clone();
    (outcome, lines)
}

#[tokio::test(start_paused = true)]
async fn every_slot_runs_once_however_often_the_clock_is_read() {
    let notes = Notes::default().with_cursor("hr", "2026-01-01T10:00:00Z");
    let (outcome, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        [
            "2026-01-01T10:59:59Z",
            "2026-01-01T11:00:00Z",
            "2026-01-01T11:00:01Z",
            "2026-01-01T11:00:02Z",
            "2026-01-01T12:00:00.4Z",
        ]
        .map(Step::Time)
        .into(),
    )
    .await;
    outcome.unwrap();
    assert_eq!(lines, ["run hr 2026-01-01T11:00:00Z", "run hr 2026-01-01T12:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_sleep_misses_the_older_slots_and_catches_up_once() {
    let notes = Notes::default().with_cursor("hr", "2026-01-01T10:00:00Z");
    let (_, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        ["2026-01-01T10:30:00Z", "2026-01-01T13:10:00Z", "2026-01-01T13:10:01Z"].map(Step::Time).into(),
    )
    .await;
    assert_eq!(
        lines,
        [
            "missed hr 2026-01-01T11:00:00Z x1: the daemon was not running or the machine slept",
            "missed hr 2026-01-01T12:00:00Z x1: the daemon was not running or the machine slept",
            "run hr 2026-01-01T13:00:00Z",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_slot_due_during_a_run_is_skipped_and_recorded() {
    let notes = Notes { held: true, ..Notes::default() }.with_cursor("hr", "2026-01-01T10:00:00Z");
    let (_, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        vec![
            Step::Time("2026-01-01T11:00:00Z"),
            Step::Time("2026-01-01T12:00:00Z"),
            Step::Time("2026-01-01T12:00:01Z"),
            Step::Release,
            Step::Time("2026-01-01T13:00:00Z"),
            Step::Release,
        ],
    )
    .await;
    assert_eq!(
        lines,
        [
            "run hr 2026-01-01T11:00:00Z",
            "skipped hr 2026-01-01T12:00:00Z x1: overlap: the run for 2026-01-01T11:00:00Z was still going",
            "ran hr 2026-01-01T11:00:00Z",
            "run hr 2026-01-01T13:00:00Z",
            "ran hr 2026-01-01T13:00:00Z",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn sources_run_side_by_side() {
    let notes = Notes { held: true, ..Notes::default() };
    let (_, lines) = keep_through(
        notes,
        vec![job("aws", "0 * * * *"), job("hr", "0 * * * *")],
        vec![Step::Time("2026-01-01T11:00:00Z"), Step::Time("2026-01-01T11:00:01Z"), Step::Release],
    )
    .await;
    assert_eq!(lines[..2], ["run aws 2026-01-01T11:00:00Z", "run hr 2026-01-01T11:00:00Z"]);
    assert_eq!(lines.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_and_forward_again_repeats_nothing() {
    let notes = Notes::default().with_cursor("hr", "2026-01-01T10:00:00Z");
    let (_, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        [
            "2026-01-01T11:00:00Z",
            "2026-01-01T10:59:58Z",
            "2026-01-01T11:00:00Z",
            "2026-01-01T09:30:00Z",
            "2026-01-01T11:30:00Z",
            "2026-01-01T12:00:00Z",
        ]
        .map(Step::Time)
        .into(),
    )
    .await;
    assert_eq!(lines, ["run hr 2026-01-01T11:00:00Z", "run hr 2026-01-01T12:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_a_year_ahead_does_not_silence_a_source() {
    let notes = Notes::default().with_cursor("hr", "2026-01-01T10:00:00Z");
    notes.outcome("hr", at("2027-01-01T10:00:00Z"));
    let (_, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        ["2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z"].map(Step::Time).into(),
    )
    .await;
    assert_eq!(lines, ["run hr 2026-01-01T11:00:00Z", "run hr 2026-01-01T12:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_changes_the_schedules_and_a_bad_file_changes_nothing() {
    let notes = Notes::default().with_cursor("hr", "2026-01-01T10:00:00Z");
    notes.reloads.lock().unwrap().extend([None, Some(vec![job("hr", "*/10 * * * *"), job("aws", "0 * * * *")])]);
    let (_, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        vec![
            Step::Time("2026-01-01T11:00:00Z"),
            Step::Reload,
            Step::Time("2026-01-01T12:00:00Z"),
            Step::Time("2026-01-01T12:45:00Z"),
            Step::Reload,
            Step::Time("2026-01-01T12:45:01Z"),
            Step::Time("2026-01-01T12:50:00Z"),
        ],
    )
    .await;
    assert_eq!(
        lines,
        [
            "run hr 2026-01-01T11:00:00Z",
            "run hr 2026-01-01T12:00:00Z",
            // the new source starts at once; the changed one does not invent misses at 12:10 to 12:40
            "run aws 2026-01-01T12:00:00Z",
            "run hr 2026-01-01T12:50:00Z",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_a_run_but_not_for_ever() {
    let notes = Notes { held: true, ..Notes::default() };
    let begin = tokio::time::Instant::now();
    let (outcome, lines) =
        keep_through(notes, vec![job("hr", "0 * * * *")], vec![Step::Time("2026-01-01T11:00:00Z")]).await;
    outcome.unwrap();
    assert_eq!(lines, ["run hr 2026-01-01T11:00:00Z"], "the run was cut off");
    assert_eq!(begin.elapsed().as_secs(), STOP_PATIENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_ends_the_loop_with_its_error() {
    let notes = Notes { fails: true, ..Notes::default() };
    let (outcome, _) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        ["2026-01-01T11:00:00Z", "2026-01-01T11:00:01Z"].map(Step::Time).into(),
    )
    .await;
    assert_eq!(format!("{:#}", outcome.unwrap_err()), "source `hr`: the disk is full");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_gets_an_outcome_and_the_daemon_goes_on() {
    let notes = Notes { panics: true, ..Notes::default() };
    let (outcome, lines) = keep_through(
        notes,
        vec![job("hr", "0 * * * *")],
        ["2026-01-01T11:00:00Z", "2026-01-01T11:00:01Z", "2026-01-01T12:00:00Z"].map(Step::Time).into(),
    )
    .await;
    outcome.unwrap();
    assert_eq!(
        lines[..3],
        [
            "run hr 2026-01-01T11:00:00Z",
            "skipped hr 2026-01-01T11:00:00Z x1: the run ended abnormally: a collector broke",
            "run hr 2026-01-01T12:00:00Z",
        ]
    );
}
