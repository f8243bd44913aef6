//! A small store to try things on.

use crate::{Document, Draft, Store, StoreError, StorePaths};
use jiff::Timestamp;
use ledger::{Body, SigningKey, SlotOutcome};
use model::{
    ClockState, CompletenessRecord, Digest, Evaluation, ExchangeRecord, Manifest, Outcome, SnapshotStatus, TableRecord,
    TableSpec, VerdictCounts,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(super) const TOOL: &str = "evidenced/test";

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed("evidenced.example/test", &[7; 32]).unwrap()
}

/// The instant `seconds` after the start of 2026.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

pub(super) struct Scene {
    _dir: tempfile::TempDir,
    pub(super) paths: StorePaths,
}

impl Scene {
    /// A place without a store.
    pub(super) fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = StorePaths::new(dir.path().join("evidence"));
        Self { _dir: dir, paths }
    }

    pub(super) fn init(&self) -> Store {
        Store::init(&self.paths, &key(), at(0), TOOL).unwrap()
    }

    pub(super) fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.paths, &key(), at(9_000), TOOL)
    }

    /// What the disk holds now, as another store: what a kill at this moment leaves behind.
    pub(super) fn image(&self) -> Self {
        let copy = Self::bare();
        copy_tree(&self.paths.dir, &copy.paths.dir);
        copy
    }

    /// A store with some of everything in it, closed.
    pub(super) fn filled() -> Self {
        let scene = Self::bare();
        let mut store = scene.init();
        fill(&mut store);
        drop(store);
        scene
    }
}

pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy_tree(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}

/// Two snapshots of one source, one failed one of another, missed slots, an evaluation, a finding in two states, a confirmation.
pub(super) fn fill(store: &mut Store) {
    for n in 0..2 {
        let (manifest, blobs) = snapshot("aws-prod", n, SnapshotStatus::Complete);
        store.seal_snapshot(at(10 + n), &manifest, &blobs).unwrap();
    }
    let (manifest, blobs) = snapshot("github", 5, SnapshotStatus::Suspect);
    store.seal_snapshot(at(20), &manifest, &blobs).unwrap();
    store
        .append(at(21), vec![missed("aws-prod", 3600), missed("github", 7200), evaluation("mfa_missing", at(21))])
        .unwrap();
    store.append(at(22), vec![finding("f-1", "raised", "draft"), finding("f-1", "item_added", "open")]).unwrap();
    let confirmation = Draft {
        body: Body::Confirmation { snapshot: manifest.id },
        series: "confirmation".into(),
        document: Some(json(&serde_json::json!({"by": "somebody", "reason": "we closed a department"}))),
    };
    store.append(at(23), vec![confirmation]).unwrap();
}

/// An exception in two states, a file with its record.
pub(super) fn decide(store: &mut Store) {
    store.append(at(24), vec![exception("requested"), exception("approved")]).unwrap();
    let file = Draft {
        body: Body::Evidence { evidence: "evidence-1".into(), event: "file".into() },
        series: "evidence/evidence-1".into(),
        document: Some(Document::new(b"%PDF minutes".to_vec(), "application/pdf")),
    };
    let record = Draft {
        body: Body::Evidence { evidence: "evidence-1".into(), event: "added".into() },
        series: "evidence/evidence-1".into(),
        document: Some(json(&serde_json::json!({
            "schema": "evidenced/evidence-event/v1", "event": "added", "evidence": {"id": "evidence-1", "by": "somebody"},
        }))),
    };
    store.append(at(25), vec![file, record]).unwrap();
    let item = |state: &str| serde_json::json!({"account": "git:ada", "source": "git", "state": state, "assigned": {"reviewer": {"key": "hr:1"}}});
    let other = serde_json::json!({"account": "git:bot", "source": "git", "state": "pending", "assigned": {}});
    store
        .append(
            at(26),
            vec![
                review("opened", &[item("pending"), other]),
                review("decided", &[item("decided")]),
                review("report", &[]),
            ],
        )
        .unwrap();
}

fn review(event: &str, items: &[serde_json::Value]) -> Draft {
    Draft {
        body: Body::AccessReview { review: "quarterly-1".into(), event: event.into() },
        series: "access_review/quarterly-1".into(),
        document: Some(json(&serde_json::json!({
            "schema": "evidenced/access_review-event/v1", "event": event, "items": items,
            "access_review": {"id": "quarterly-1", "state": "open"},
        }))),
    }
}

pub(super) fn exception(event: &str) -> Draft {
    Draft {
        body: Body::Exception { exception: "exception-1".into(), event: event.into() },
        series: "exception/exception-1".into(),
        document: Some(json(&serde_json::json!({
            "schema": "evidenced/exception-event/v1", "event": event, "exception": {"id": "exception-1", "state": event},
        }))),
    }
}

pub(super) fn json(value: &serde_json::Value) -> Document {
    Document::new(model::canonical_json(value).unwrap(), "application/json")
}

/// A snapshot of `source` that ran `n` seconds into the year.
pub(super) fn snapshot(source: &str, n: i64, status: SnapshotStatus) -> (Manifest, Vec<(Digest, Vec<u8>)>) {
    // too much, and too little alike, for the database: the first answer of a source is a file, the next ones differ little
    let seed = u32::try_from(source.len()).unwrap() * 7919;
    let noise = |m: u32| Digest::of(&(m + seed).to_be_bytes()).to_string();
    let padding = (0..150).map(noise).collect::<String>();
    let body = format!("{{\"Users\":[\"u-{n}\"],\"Padding\":\"{padding}\"}}").into_bytes();
    let spec = TableSpec { name: "user".into(), description: "a user".into(), key: vec![], columns: vec![] };
    let rows = format!("{{\"name\":\"u-{n}\"}}\n").into_bytes();
    let exchange = ExchangeRecord {
        seq: 1,
        operation: "iam:ListUsers".into(),
        method: "POST".into(),
        url: "https://iam.example/".into(),
        request_body: None,
        attempt: 1,
        status: Some(200),
        headers: BTreeMap::new(),
        bytes: body.len() as u64,
        sha256: Digest::of(&body),
        started_at: at(n),
        finished_at: at(n),
        error: None,
    };
    let settings = serde_json::json!({});
    let manifest = Manifest {
        schema: Manifest::SCHEMA.into(),
        id: format!("{source}-{n}"),
        source: source.into(),
        collector: "aws_iam".into(),
        collector_version: "1".into(),
        population: "every user".into(),
        sample: false,
        triggered_by: "schedule".into(),
        slot: Some(at(n)),
        started_at: at(n),
        finished_at: at(n + 1),
        observed_at: Some(at(n)),
        caller: None,
        exchanges: vec![exchange],
        tables: vec![TableRecord { name: "user".into(), rows: 1, sha256: Digest::of(&rows), spec }],
        completeness: CompletenessRecord {
            basis: Some("last page reached".into()),
            declared: Some(1),
            counted: 1,
            difference: Some(0),
            counts: vec![],
            reasons: vec![],
        },
        status,
        errors: vec![],
        redactions: vec![],
        settings_sha256: Digest::of(&model::canonical_json(&settings).unwrap()),
        settings,
        binary_sha256: Digest::of(b"program"),
        clock: ClockState { skew_seconds: None, synchronised: None },
    };
    (manifest, vec![(Digest::of(&body), body), (Digest::of(&rows), rows)])
}

pub(super) fn missed(source: &str, seconds: i64) -> Draft {
    Draft {
        body: Body::Slot { source: source.into(), due_at: at(seconds), outcome: SlotOutcome::Missed },
        series: crate::snapshot_series(source),
        document: Some(json(&serde_json::json!({"reason": "the daemon was off"}))),
    }
}

pub(super) fn evaluation(check: &str, as_of: Timestamp) -> Draft {
    let evaluation = Evaluation {
        schema: Evaluation::SCHEMA.into(),
        check: check.into(),
        check_sha256: Digest::of(b"select"),
        as_of,
        parameters: BTreeMap::new(),
        engine: "sqlite".into(),
        outcome: Outcome::Fail,
        why: vec![],
        verdicts: VerdictCounts { pass: 3, fail: 1, ..VerdictCounts::default() },
        members: vec![],
        inputs: vec![],
        exceptions: vec![],
        identity_map_sha256: None,
        history_sha256: None,
        controls: vec!["iso27001:2022/A.5.17".into()],
    };
    Draft {
        body: Body::Evaluation { check: check.into(), outcome: evaluation.outcome },
        series: format!("evaluation:{check}"),
        document: Some(Document::new(model::canonical_json(&evaluation).unwrap(), Evaluation::MEDIA_TYPE)),
    }
}

pub(super) fn finding(id: &str, event: &str, state: &str) -> Draft {
    Draft {
        body: Body::FindingEvent { finding: id.into(), event: event.into() },
        series: format!("finding:{id}"),
        document: Some(json(&serde_json::json!({
            "schema": "evidenced/finding-event/v1",
            "event": event,
            "finding": {"id": id, "check": "mfa_missing", "state": state, "items": [{"subject": "u-1"}]},
        }))),
    }
}
