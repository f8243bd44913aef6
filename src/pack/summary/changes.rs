//! `06_CHECK_CHANGES.csv`: when what was tested, or how, changed within the period.
//!
//! From sealed things only: the digest and parameters each evaluation names, and the configuration entries of the log.

use super::{EvaluationNote, Summary, instant};
use crate::cells::Sheet;
use crate::entries::Entries;
use crate::plan::Plan;
use model::Timestamp;
use std::collections::BTreeMap;

/// One change.
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    pub(crate) log_index: u64,
    /// `check text`, `parameter`, `collector version`, `source settings` (with them, what a source declares of its tables and their
    /// meaning; the snapshots' manifests hold them), `configuration`.
    pub(crate) what: &'static str,
    pub(crate) subject: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Every change of the period, in the order of time.
pub(crate) fn changes(plan: &Plan, summary: &Summary, entries: &Entries) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut before: Option<&str> = None;
    for (index, at, digest) in &entries.configurations {
        if plan.from <= *at && *at <= plan.to {
            changes.push(Change {
                at: *at,
                log_index: *index,
                what: "configuration",
                subject: "evidenced.toml".to_owned(),
                before: before.unwrap_or_default().to_owned(),
                after: digest.clone(),
            });
        }
        before = Some(digest);
    }
    let mut by_check: BTreeMap<&str, Vec<&EvaluationNote>> = BTreeMap::new();
    for evaluation in &summary.evaluations {
        by_check.entry(&evaluation.check).or_default().push(evaluation);
    }
    for (check, mut evaluations) in by_check {
        // in the order they were made: an evaluation of the past does not undo a change
        evaluations.sort_by_key(|evaluation| evaluation.log_index);
        for pair in evaluations.windows(2) {
            between(check, pair[0], pair[1], &mut changes);
        }
    }
    let mut versions: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut settings = BTreeMap::new();
    let mut snapshots: Vec<_> = summary.snapshots.iter().collect();
    snapshots.sort_by_key(|snapshot| snapshot.log_index);
    for snapshot in snapshots {
        let digest = snapshot.settings_sha256;
        if let Some(last) = settings.insert(snapshot.source.as_str(), digest).filter(|last| *last != digest) {
            changes.push(Change {
                at: snapshot.started_at,
                log_index: snapshot.log_index,
                what: "source settings",
                subject: snapshot.source.clone(),
                before: last.to_string(),
                after: digest.to_string(),
            });
        }
        let now = (snapshot.collector.as_str(), snapshot.collector_version.as_str());
        if let Some(last) = versions.insert(&snapshot.source, now).filter(|last| *last != now) {
            changes.push(Change {
                at: snapshot.started_at,
                log_index: snapshot.log_index,
                what: "collector version",
                subject: snapshot.source.clone(),
                before: format!("{} {}", last.0, last.1),
                after: format!("{} {}", now.0, now.1),
            });
        }
    }
    changes.sort_by(|a, b| (a.at, a.log_index, &a.subject).cmp(&(b.at, b.log_index, &b.subject)));
    changes
}

fn between(check: &str, old: &EvaluationNote, new: &EvaluationNote, changes: &mut Vec<Change>) {
    let mut push = |what, subject: String, before: String, after: String| {
        changes.push(Change { at: new.as_of, log_index: new.log_index, what, subject, before, after });
    };
    if old.check_sha256 != new.check_sha256 {
        push("check text", check.to_owned(), old.check_sha256.to_string(), new.check_sha256.to_string());
    }
    let (was, is) = (&old.bindings.parameters, &new.bindings.parameters);
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|name| was.get(*name) != is.get(*name)) {
        let shown = |value: Option<&serde_json::Value>| value.map(ToString::to_string).unwrap_or_default();
        push("parameter", format!("{check}.{name}"), shown(was.get(name)), shown(is.get(name)));
    }
}

/// The sheet.
pub(crate) fn changes_csv(changes: &[Change]) -> Result<Vec<u8>, csv::Error> {
    let mut sheet = Sheet::new(&["at", "changed", "subject", "before", "after", "log_index"])?;
    for change in changes {
        sheet.row([
            instant(change.at).as_str(),
            change.what,
            &change.subject,
            &change.before,
            &change.after,
            &change.log_index.to_string(),
        ])?;
    }
    sheet.finish()
}
