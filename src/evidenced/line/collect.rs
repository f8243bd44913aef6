//! schedule -> collect -> snapshot -> seal: one run of one source, sealed whatever became of it.

use super::describe::{Run, describe};
use super::{Line, now, paths, program, proxy};
use crate::failure::Failure;
use crate::settings::{Settings, Source};
use bytes::Bytes;
use egress::{Aside, Context, Earlier, Egress, Means, Progress, Queues, Recorded};
use ledger::Sealed;
use model::{CollectError, Manifest, Observation, SnapshotStatus, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use store::Reader;

/// What started a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trigger {
    /// A person or a program asked.
    User,
    /// A due slot of the source's schedule.
    Slot(Timestamp),
}

/// A run's whole yield, before it is sealed.
#[derive(Debug)]
pub(crate) struct Capture {
    /// Every exchange, failed attempts included, in order.
    pub(crate) exchanges: Vec<Recorded>,
    /// What the collector made of them, or why it could not.
    pub(crate) outcome: Result<Observation, CollectError>,
}

impl Line {
    /// Collects `source` now and seals what came of it. An `Err` means that nothing could be sealed.
    pub(crate) async fn collect(
        &self,
        source: &Source,
        trigger: Trigger,
        progress: Arc<dyn Progress>,
    ) -> Result<Sealed<Manifest>, Failure> {
        let collector = collectors::find(&source.collector).ok_or_else(|| {
            Failure::store(format!("no collector `{}` although the configuration loaded", source.collector))
        })?;
        let started_at = now();
        let settings = self.settings();
        let reader = self.reader()?;
        let last = reader.last_complete_snapshot(&source.name, started_at)?;
        let folder = paths(&settings).scratch()?;
        let aside = Aside::in_folder(Some(folder.clone()));
        let means = Means {
            folder: Some(folder),
            earlier: last.as_ref().map(|last| earlier(&reader, last.value())),
            ..Means::default()
        };
        let capture = capture(collector, source, started_at, &settings, (means, Some(&self.queues)), progress).await;
        let (triggered_by, slot) = match trigger {
            Trigger::User => ("user", None),
            Trigger::Slot(slot) => ("schedule", Some(slot)),
        };
        // a source whose settings make no shape fails for the same reason when it is collected
        let population = collector
            .shape(&source.name, &source.settings)
            .map_or_else(|_| collector.spec().population.clone(), |shape| shape.population);
        let run = Run {
            source,
            spec: collector.spec(),
            population: &population,
            triggered_by,
            slot,
            started_at,
            finished_at: now(),
            binary_sha256: program::sha256(&settings)?,
            synchronised: synchronised(),
            last_counts: last.map(|last| last.value().completeness.counts.clone()).unwrap_or_default(),
        };
        let (manifest, blobs) = describe(capture, &run, &aside)?;
        tokio::task::block_in_place(|| Ok(self.store()?.seal_snapshot(now(), &manifest, &blobs)?))
    }

    /// Seals a person's word that a suspect snapshot is right.
    pub(crate) fn confirm(&self, snapshot: &str, by: &str, reason: &str) -> Result<u64, Failure> {
        let known = self.reader()?.snapshot(snapshot)?;
        let status = known.map(|sealed| sealed.value().status);
        if status != Some(SnapshotStatus::Suspect) {
            let state = status.map_or("not in this store", SnapshotStatus::as_str);
            return Err(Failure::usage(
                format!("snapshot `{snapshot}` is {state}; only a suspect one can be confirmed"),
                "`evidenced snapshots list` shows them",
            ));
        }
        let at = now();
        let document = model::canonical_json(&serde_json::json!({
            "schema": "evidenced/confirmation/v1", "snapshot": snapshot, "by": by, "reason": reason, "at": at,
        }))?;
        let draft = store::Draft {
            body: ledger::Body::Confirmation { snapshot: snapshot.to_owned() },
            series: "confirmation".to_owned(),
            document: Some(store::Document::new(document, "application/vnd.evidenced.confirmation+json")),
        };
        let appended = self.store()?.append(at, vec![draft])?;
        appended.first().map(|entry| entry.index).ok_or_else(|| Failure::store("the log returned no entry"))
    }
}

/// What the source may say still holds.
fn earlier(reader: &Reader, last: &Manifest) -> Earlier {
    let reader = reader.clone();
    Earlier::of(&last.id, &last.exchanges, move |digest| reader.blob(digest).ok().map(Bytes::from))
}

/// Runs the collector over the network and keeps every exchange, also of a run that failed.
pub(crate) async fn capture(
    collector: &dyn egress::Collector,
    source: &Source,
    started_at: Timestamp,
    settings: &Settings,
    (mut means, queues): (Means, Option<&Queues>),
    progress: Arc<dyn Progress>,
) -> Capture {
    let failed = |error: CollectError| Capture { exchanges: Vec::new(), outcome: Err(error) };
    let policy = match collector.policy(&source.settings) {
        Ok(policy) => policy,
        Err(error) => return failed(error),
    };
    let mut secrets = BTreeMap::new();
    for (key, reference) in &source.secrets {
        match reference.resolve() {
            Ok(secret) => drop(secrets.insert(key.clone(), secret)),
            Err(problem) => {
                return failed(CollectError::Misconfigured {
                    message: format!("`{key}` of source `{}` cannot be read: {problem}", source.name),
                    help: "set the variable or make the file readable, then collect again".to_owned(),
                });
            }
        }
    }
    means.proxy = match proxy(settings) {
        Ok(proxy) => proxy,
        Err(Failure { message, help, .. }) => {
            return failed(CollectError::Misconfigured { message, help: help.unwrap_or_default() });
        }
    };
    let deadline = policy.deadline;
    means.turns = queues.and_then(|queues| queues.of(&policy.origins, secrets.values(), policy.concurrency));
    let egress = match Egress::live_by(policy, means, progress) {
        Ok(egress) => egress,
        Err(error) => {
            return failed(CollectError::Misconfigured {
                message: error.to_string(),
                help: "check the URLs and files of this source".to_owned(),
            });
        }
    };
    let context = Context {
        source: source.name.clone(),
        settings: source.settings.clone(),
        secrets,
        egress: egress.clone(),
        started_at,
    };
    let outcome = tokio::time::timeout(deadline, collector.collect(&context)).await.unwrap_or_else(|_| {
        Err(CollectError::Transient {
            operation: collector.spec().id.clone(),
            message: format!("the run took longer than its deadline of {} s", deadline.as_secs()),
        })
    });
    Capture { exchanges: egress.recorded(), outcome: outcome.map(settled) }
}

/// Brings the tables into their stored order; differing duplicates make the observation incomplete.
pub(super) fn settled(mut observation: Observation) -> Observation {
    observation.settle();
    observation
}

/// Whether the host's time service says the clock is synchronised; none where it does not say.
fn synchronised() -> Option<bool> {
    Path::new("/run/systemd/timesync/synchronized").exists().then_some(true)
}
