//! scrub: looks through what is stored for damage, and seals what it finds, so that no check relies on it.
//!
//! The daemon does it slowly, a slice at a time, and goes on after a restart where it was. It mends nothing.

use super::{KeptLine, Line, now, paths};
use crate::failure::Failure;
use ledger::Body;
use model::Digest;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use store::{Damage, Document, Draft, Reader, ScrubOptions};

/// Time between the end of one pass and the beginning of the next.
const REST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// What the daemon reads before it notes how far it is, in seconds at its rate.
const SLICE_SECONDS: u64 = 30;

/// How often it looks whether there is something to do.
const LOOK: Duration = Duration::from_mins(1);

/// How long it waits after the disk failed.
const AFTER_FAILURE: Duration = Duration::from_mins(10);

/// What is damaged now: the thing, where it lies, what is wrong, and the snapshots that rest on it.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) damage: Damage,
    /// Snapshot and source.
    pub(crate) snapshots: Vec<(String, String)>,
}

/// Puts together what was just found and what was known and still is damaged. None when that is what the log says already.
pub(crate) fn standing(reader: &Reader, found: &[Damage]) -> Result<(Vec<Standing>, bool), Failure> {
    let known = reader.damage()?;
    let before: BTreeSet<Digest> = known.iter().map(|row| row.digest).collect();
    let mut all: BTreeMap<Digest, Damage> = found.iter().map(|damage| (damage.digest, damage.clone())).collect();
    for row in &known {
        if !all.contains_key(&row.digest) && !reader.sound(&row.digest)? {
            let damage = Damage { digest: row.digest, path: (&row.path).into(), problem: row.problem.clone() };
            all.insert(row.digest, damage);
        }
    }
    let digests: BTreeSet<Digest> = all.keys().copied().collect();
    let mut dependents = if digests.is_empty() { BTreeMap::new() } else { reader.dependents(&digests)? };
    let standing = all
        .into_iter()
        .map(|(digest, damage)| Standing { damage, snapshots: dependents.remove(&digest).unwrap_or_default() })
        .collect();
    Ok((standing, digests != before))
}

impl Line {
    /// Seals what is damaged now, where that changed. Returns the entry.
    pub(crate) fn note_damage(&self, found: &[Damage]) -> Result<Option<u64>, Failure> {
        let reader = self.reader()?;
        let before: BTreeSet<Digest> = reader.damage()?.iter().map(|row| row.digest).collect();
        if found.is_empty() && before.is_empty() {
            return Ok(None);
        }
        let (standing, changed) = standing(&reader, found)?;
        if !changed {
            return Ok(None);
        }
        let still: BTreeSet<Digest> = standing.iter().map(|standing| standing.damage.digest).collect();
        let mended: Vec<&Digest> = before.difference(&still).collect();
        let mut rows = Vec::new();
        for Standing { damage, snapshots } in &standing {
            let path = damage.path.strip_prefix(&reader.paths().dir).unwrap_or(&damage.path);
            let nobody = [(String::new(), String::new())];
            let snapshots = if snapshots.is_empty() { &nobody[..] } else { snapshots };
            rows.extend(snapshots.iter().map(|(snapshot, source)| {
                json!({
                    "digest": damage.digest, "path": path, "problem": damage.problem,
                    "snapshot": snapshot, "source": source,
                })
            }));
        }
        let bytes = model::canonical_json(&json!({
            "schema": "evidenced/damage/v1", "standing": rows, "mended": mended,
        }))?;
        let draft = Draft {
            body: Body::Damage { damaged: still.len() as u64, mended: mended.len() as u64 },
            series: "damage".to_owned(),
            document: Some(Document::new(bytes, "application/vnd.evidenced.damage+json")),
        };
        let appended = self.store()?.append(now(), vec![draft])?;
        Ok(appended.first().map(|entry| entry.index))
    }

    /// The same after all that is stored was looked through, which is noted too.
    pub(crate) fn note_looked_through(&self, found: &[Damage]) -> Result<Option<u64>, Failure> {
        let sealed = self.note_damage(found)?;
        self.store()?.note_scrub(0, Some(now()))?;
        Ok(sealed)
    }

    /// One slice of the daemon's scrub. Says whether there was one to do.
    fn scrub_slice(&self, stop: &AtomicBool) -> Result<bool, Failure> {
        let settings = self.settings();
        let Some(rate) = settings.store.scrub_rate else { return Ok(false) };
        let (from, finished_at) = self.reader()?.scrub_position()?;
        if from == 0 && finished_at.is_some_and(|at| now().duration_since(at) < REST) {
            return Ok(false);
        }
        let options = ScrubOptions { threads: 1, rate: Some(rate), from, budget: Some(rate * SLICE_SECONDS) };
        let scrubbed = store::scrub(&paths(&settings), &options, stop, &|_, _| {})?;
        for damage in &scrubbed.damage {
            tracing::error!(path = %damage.path.display(), problem = damage.problem, "stored evidence is damaged");
        }
        // what was damaged before may have been mended: the end of a pass looks at that too
        if !scrubbed.damage.is_empty() || scrubbed.next.is_none() {
            self.note_damage(&scrubbed.damage)?;
        }
        let finished = scrubbed.next.is_none().then(now);
        self.store()?.note_scrub(scrubbed.next.unwrap_or_default(), finished)?;
        Ok(scrubbed.next.is_some())
    }
}

/// The daemon's scrub, until it is dropped.
pub(crate) struct Scrubbing {
    stop: Arc<AtomicBool>,
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scrubbing {
    /// Begins to look through the store of `line`, at the rate its settings say.
    pub(crate) fn begin(line: Arc<KeptLine>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = channel();
        let stopped = Arc::clone(&stop);
        let work = move || loop {
            let pause = match line.line().scrub_slice(&stopped) {
                Ok(true) => Duration::ZERO,
                Ok(false) => LOOK,
                Err(failure) => {
                    tracing::error!(problem = %failure.message, "the store could not be scrubbed");
                    AFTER_FAILURE
                }
            };
            if stopped.load(Ordering::Relaxed) || woken.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("scrub".to_owned()).spawn(work)?;
        Ok(Self { stop, wake: Some(wake), thread: Some(thread) })
    }
}

impl Drop for Scrubbing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // a defect there is no reason to end otherwise
            let _ = thread.join();
        }
    }
}
