//! A small log with everything a pack holds, and a source over it.

use crate::{
    Applicability, CheckFile, Control, Database, Exclusion, Form, Framework, PackError, Plan, Progress, Request, Slot,
    Source, SourceError, Written, prepare,
};
use ledger::{Body, Checkpoint, Entry, EntryFields, MemoryNodes, Opening, SigningKey, SlotOutcome};
use model::{
    Caller, ClockState, Column, ColumnKind, CompletenessRecord, Count, Digest, Evaluation, ExchangeRecord, InputRef,
    InputState, Manifest, Member, Outcome, Reason, ReasonCode, SnapshotStatus, Table, TableRecord, TableSpec,
    Timestamp, Verdict, VerdictCounts, canonical_json,
};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const ORIGIN: &str = "acme.example/evidence";

pub(super) const CHECK: &str = r#"/*---
title = "Leaver still has an active account"
controls = ["iso27001:2022/A.5.18"]
---*/
SELECT account_key AS subject,
       CASE WHEN status = 'enabled' AND unixepoch(:as_of) - unixepoch(ended_at) > :grace THEN 'fail' ELSE 'pass' END AS verdict,
       'ended at ' || ended_at AS reason,
       source
FROM account ORDER BY account_key;
"#;

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Entries, openings, documents and blobs in memory.
#[derive(Default)]
pub(crate) struct Log {
    pub(super) entries: Vec<Vec<u8>>,
    openings: BTreeMap<u64, String>,
    documents: BTreeMap<u64, Vec<u8>>,
    pub(super) blobs: BTreeMap<Digest, Vec<u8>>,
    series: BTreeMap<String, (u64, Digest)>,
    /// Blobs that can still be read before the source fails.
    pub(super) fuse: Cell<Option<u32>>,
}

impl Log {
    pub(super) fn append(&mut self, series: &str, body: Body, document: Option<(Vec<u8>, &str)>) -> u64 {
        let index = self.entries.len() as u64;
        let nonce = *Digest::of(&index.to_le_bytes()).as_bytes();
        let opening = document.as_ref().map(|(bytes, media)| Opening::of(nonce, bytes, media).unwrap());
        let last = self.series.get(series).copied();
        let entry = Entry::new(EntryFields {
            v: 1,
            at: at("2026-02-01T00:00:00Z") + std::time::Duration::from_secs(index * 60),
            tool: "evidenced/0.1.0".into(),
            series: series.into(),
            seq: last.map_or(1, |(seq, _)| seq + 1),
            prev: last.map(|(_, leaf)| leaf),
            anchor: None,
            commit: opening.as_ref().map(Opening::commit),
            body,
        })
        .unwrap();
        self.series.insert(series.into(), (entry.seq, entry.leaf()));
        self.entries.push(entry.encode());
        if let (Some(opening), Some((bytes, _))) = (opening, document) {
            self.openings.insert(index, opening.to_string());
            self.documents.insert(index, bytes);
        }
        index
    }

    pub(super) fn checkpoint(&self, key: &SigningKey) -> String {
        self.checkpoint_at(self.entries.len(), key)
    }

    /// The checkpoint the log had when it held `size` entries.
    pub(super) fn checkpoint_at(&self, size: usize, key: &SigningKey) -> String {
        let leaves = self.entries[..size].iter().map(|entry| ledger::tree::leaf_hash(entry));
        let root = MemoryNodes::from_leaves(leaves).unwrap().root();
        Checkpoint { origin: ORIGIN.into(), size: size as u64, root }.sign(key).unwrap().text()
    }

    /// Seals another snapshot like the roster's first, after `change`, and puts it into `plan`.
    pub(super) fn manifest(&mut self, plan: &mut Plan, change: impl FnOnce(&mut Manifest)) -> Manifest {
        let mut manifest: Manifest = serde_json::from_slice(&self.documents[&1]).unwrap();
        manifest.id.push_str("-more");
        change(&mut manifest);
        let body = Body::Snapshot {
            snapshot: manifest.id.clone(),
            source: manifest.source.clone(),
            collector: manifest.collector.clone(),
            status: manifest.status,
            slot: manifest.slot,
        };
        let document = canonical_json(&manifest).unwrap();
        let series = format!("snapshot:{}", manifest.source);
        plan.items.push(self.append(&series, body, Some((document, Manifest::MEDIA_TYPE))));
        plan.checkpoint = self.checkpoint(&key());
        manifest
    }

    /// Seals another evaluation like the fixture's, after `change`, and puts it into `plan`.
    pub(super) fn evaluation(&mut self, plan: &mut Plan, change: impl FnOnce(&mut Evaluation)) {
        let mut evaluation: Evaluation = serde_json::from_slice(&self.documents[&5]).unwrap();
        change(&mut evaluation);
        let body = Body::Evaluation { check: evaluation.check.clone(), outcome: evaluation.outcome };
        let document = canonical_json(&evaluation).unwrap();
        let series = format!("evaluation:{}", evaluation.check);
        plan.items.push(self.append(&series, body, Some((document, Evaluation::MEDIA_TYPE))));
        plan.checkpoint = self.checkpoint(&key());
    }

    /// Seals a finding with an item a source and snapshot, and puts it into `plan`.
    pub(super) fn finding(&mut self, plan: &mut Plan, id: &str, items: &[(&str, &str)]) {
        let item =
            |(source, snapshot): &(&str, &str)| json!({ "subject": "x", "source": source, "failed_on": [snapshot] });
        let items: Vec<Value> = items.iter().map(item).collect();
        let event = json!({ "finding": { "id": id, "state": "draft", "items": items } });
        let body = Body::FindingEvent { finding: id.to_owned(), event: "raised".into() };
        let document = (canonical_json(&event).unwrap(), "application/json");
        plan.items.push(self.append(&format!("finding:{id}"), body, Some(document)));
        plan.checkpoint = self.checkpoint(&key());
    }

    fn blob(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.blobs.insert(digest, bytes.to_vec());
        digest
    }
}

impl Source for Log {
    fn entry(&self, index: u64) -> Result<Vec<u8>, SourceError> {
        Ok(self.entries.get(usize::try_from(index)?).ok_or("no such entry")?.clone())
    }

    fn opening(&self, index: u64) -> Result<String, SourceError> {
        Ok(self.openings.get(&index).ok_or("no such opening")?.clone())
    }

    fn document(&self, index: u64) -> Result<Vec<u8>, SourceError> {
        Ok(self.documents.get(&index).ok_or("no such document")?.clone())
    }

    fn anchor(&self, index: u64) -> Result<(Vec<u8>, Vec<u8>), SourceError> {
        Err(format!("entry {index} is no anchor").into())
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        if let Some(left) = self.fuse.get() {
            self.fuse.set(Some(left.checked_sub(1).ok_or("the store went away")?));
        }
        Ok(self.blobs.get(digest).ok_or("no such blob")?.clone())
    }
}

fn spec() -> TableSpec {
    let column = |name: &str, kind| Column { name: name.into(), kind, description: "d".into() };
    TableSpec {
        name: "hr_person".into(),
        description: "people".into(),
        key: vec!["id".into()],
        columns: vec![
            column("id", ColumnKind::Text),
            column("name", ColumnKind::Text),
            column("days", ColumnKind::Integer),
            column("tags", ColumnKind::Json),
        ],
    }
}

fn exchange(seq: u32, operation: &str, kind: &str, body: &[u8]) -> ExchangeRecord {
    ExchangeRecord {
        seq,
        operation: operation.into(),
        method: "GET".into(),
        url: "https://hr.example/x".into(),
        request_body: None,
        attempt: 1,
        status: Some(200),
        headers: BTreeMap::from([("content-type".into(), kind.into())]),
        bytes: body.len() as u64,
        sha256: Digest::of(body),
        started_at: at("2026-02-01T00:00:00Z"),
        finished_at: at("2026-02-01T00:00:01Z"),
        error: None,
    }
}

/// A snapshot with three answers and a table, hostile names and cells included.
fn snapshot(log: &mut Log, source: &str, id: &str, status: SnapshotStatus) -> (u64, Digest) {
    let bodies = [
        ("GET /people/../../{id}", "application/json; charset=utf-8", br#"[{"id":"1"},{"id":"2"}]"#.to_vec()),
        ("read", "text/csv", b"id,name\n1,=cmd|' /C calc'!A0\n".to_vec()),
        ("read", "application/octet-stream", vec![0xff, 0, 1, 2]),
    ];
    let exchanges: Vec<ExchangeRecord> =
        (1..).zip(&bodies).map(|(seq, (operation, kind, body))| exchange(seq, operation, kind, body)).collect();
    for (_, _, body) in &bodies {
        log.blob(body);
    }
    let mut table = Table::new(spec());
    for row in [
        json!({"id": "1", "name": "=HYPERLINK(\"http://evil.example\")", "days": -3, "tags": ["a", "b"]}),
        json!({"id": "2", "name": "Ada, Countess"}),
    ] {
        table.push(serde_json::from_value(row).unwrap()).unwrap();
    }
    let lines = table.to_lines();
    let sha256 = log.blob(&lines);
    let complete = status == SnapshotStatus::Complete;
    let manifest = Manifest {
        schema: Manifest::SCHEMA.into(),
        id: id.into(),
        source: source.into(),
        collector: "hr_file".into(),
        collector_version: "1".into(),
        population: "every person in the roster".into(),
        sample: source == "sample",
        triggered_by: "schedule".into(),
        slot: Some(at("2026-02-01T00:00:00Z")),
        started_at: at("2026-02-01T00:00:00Z"),
        finished_at: at("2026-02-01T00:00:02Z"),
        observed_at: None,
        caller: Some(Caller { identity: "evidenced".into(), tenant: "acme".into() }),
        exchanges,
        tables: vec![TableRecord { name: "hr_person".into(), rows: 2, sha256, spec: spec() }],
        completeness: CompletenessRecord {
            basis: complete.then(|| "single document".into()),
            declared: None,
            counted: 2,
            difference: None,
            counts: vec![Count { table: "hr_person".into(), counted: 2, declared: None, declared_by: None }],
            reasons: if complete { vec![] } else { vec![Reason::new(ReasonCode::Denied, "a call was refused")] },
        },
        status,
        errors: vec![],
        redactions: vec![],
        settings: json!({}),
        settings_sha256: Digest::of(b"{}"),
        binary_sha256: Digest::of(b"binary"),
        clock: ClockState { skew_seconds: None, synchronised: None },
    };
    let document = canonical_json(&manifest).unwrap();
    let digest = Digest::of(&document);
    let body = Body::Snapshot {
        snapshot: id.into(),
        source: source.into(),
        collector: "hr_file".into(),
        status,
        slot: manifest.slot,
    };
    let index = log.append(&format!("snapshot:{source}"), body, Some((document, Manifest::MEDIA_TYPE)));
    (index, digest)
}

fn evaluation(snapshot: &str, sha256: Digest) -> Evaluation {
    let member = |subject: &str, verdict| Member {
        subject: subject.into(),
        verdict,
        reason: "ended at 2026-01-01T00:00:00Z".into(),
        source: Some("hr".into()),
        exception: None,
        detail: model::Detail::default(),
    };
    Evaluation {
        schema: Evaluation::SCHEMA.into(),
        check: "leaver_still_active".into(),
        check_sha256: Digest::of(CHECK.as_bytes()),
        as_of: at("2026-02-01T01:00:00Z"),
        parameters: BTreeMap::from([("grace".to_owned(), Value::from(86_400))]),
        engine: "sqlite".into(),
        outcome: Outcome::Fail,
        why: vec![],
        verdicts: VerdictCounts { pass: 1, fail: 1, ..VerdictCounts::default() },
        members: vec![member("aws:ada", Verdict::Fail), member("aws:bob", Verdict::Pass)],
        inputs: vec![InputRef {
            source: "hr".into(),
            tables: vec!["person".into()],
            state: InputState::Good,
            snapshot: Some(snapshot.into()),
            sha256: Some(sha256),
            status: Some(SnapshotStatus::Complete),
            why: None,
        }],
        exceptions: vec![],
        identity_map_sha256: None,
        history_sha256: None,
        controls: vec!["iso27001:2022/A.5.18".into()],
    }
}

/// The log, and a plan for all of it; the database lies in `folder`.
pub(crate) fn contents(folder: &Path) -> (Log, Plan) {
    let mut log = Log::default();
    let genesis = Body::Genesis { origin: ORIGIN.into(), log_key: key().verifier().to_string() };
    log.append("log", genesis, None);
    let (hr, sha256) = snapshot(&mut log, "hr", "20260201T000000Z-hr-1", SnapshotStatus::Complete);
    let (aws, _) = snapshot(&mut log, "../aws prod", "20260201T000000Z-aws/../x", SnapshotStatus::Incomplete);
    let (sample, _) = snapshot(&mut log, "sample", "20260201T000000Z-sample-1", SnapshotStatus::Complete);
    let missed = Body::Slot { source: "hr".into(), due_at: at("2026-02-02T00:00:00Z"), outcome: SlotOutcome::Missed };
    log.append("slot:hr", missed, None);
    let document = canonical_json(&evaluation("20260201T000000Z-hr-1", sha256)).unwrap();
    let body = Body::Evaluation { check: "leaver_still_active".into(), outcome: Outcome::Fail };
    let evaluated = log.append("evaluation:leaver_still_active", body, Some((document, Evaluation::MEDIA_TYPE)));
    let event = json!({
        "schema": "evidenced/finding-event/v1", "event": "raised",
        "finding": { "id": "leaver_still_active:organisation", "check": "leaver_still_active", "state": "draft",
            "items": [{ "subject": "=aws:ada", "first_seen": "2026-02-01T01:00:00Z", "last_seen": "2026-02-01T01:00:00Z" }] },
    });
    let body = Body::FindingEvent { finding: "leaver_still_active:organisation".into(), event: "raised".into() };
    let finding = log.append("finding:1", body, Some((canonical_json(&event).unwrap(), "application/json")));
    let links = b"{\"account_key\":\"aws:ada\"}\n".to_vec();
    let map = log.append("identity_map", Body::IdentityMap, Some((links, "application/jsonl")));
    snapshot(&mut log, "hr", "20260202T000000Z-hr-2", SnapshotStatus::Complete);
    let plan = Plan {
        organisation: "Acme <Ltd>".into(),
        from: at("2026-02-01T00:00:00Z"),
        to: at("2026-02-28T23:59:59Z"),
        zone: jiff::tz::TimeZone::UTC,
        log_key: key().verifier().clone(),
        rotations: Vec::new(),
        checkpoint: log.checkpoint(&key()),
        items: vec![map, finding, hr, aws, sample, evaluated],
        custody: BTreeMap::new(),
        anchors: vec![],
        authorities: vec![],
        timestamp_every: jiff::SignedDuration::from_mins(10),
        checks: vec![CheckFile {
            name: "leaver_still_active".into(),
            title: "Leaver still has an active account".into(),
            file: CHECK.as_bytes().to_vec(),
        }],
        framework: Some("iso27001:2022".into()),
        frameworks: vec![Framework {
            id: "iso27001:2022".into(),
            title: "ISO/IEC 27001:2022".into(),
            controls: vec![
                Control { id: "A.5.18".into(), title: "Access".into(), coverage: "check".into() },
                Control { id: "A.7.1".into(), title: "Boundaries".into(), coverage: "manual".into() },
            ],
        }],
        collectors: vec![],
        applicability: vec![Applicability {
            control: "iso27001:2022/A.7.1".into(),
            applicable: false,
            justification: "no premises".into(),
        }],
        requests: vec![Request {
            id: "R-7".into(),
            text: "=Show the leavers".into(),
            controls: vec!["iso27001:2022/A.5.18".into()],
            sources: vec![],
            due: Some("2026-04-01".into()),
            our_status: Some("submitted".into()),
            our_note: None,
            auditor_status: None,
            auditor_note: Some("sample of two".into()),
        }],
        slots: vec![
            Slot {
                source: "hr".into(),
                due_at: at("2026-02-01T00:00:00Z"),
                outcome: "complete".into(),
                reason: None,
                snapshot: Some("20260201T000000Z-hr-1".into()),
            },
            Slot {
                source: "hr".into(),
                due_at: at("2026-02-02T00:00:00Z"),
                outcome: "missed".into(),
                reason: Some("the daemon was off".into()),
                snapshot: None,
            },
        ],
        exclusions: vec![Exclusion { what: "payroll".into(), reason: "out of scope".into() }],
        damage: vec![],
        redact: vec![],
        database: Some(Database { path: folder.join("tables.sqlite"), as_of: at("2026-02-01T01:00:00Z") }),
        created_at: at("2026-03-01T00:00:00Z"),
        tool: "evidenced/0.1.0".into(),
    };
    let database = rusqlite::Connection::open(folder.join("tables.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE account (account_key TEXT, status TEXT, ended_at TEXT, source TEXT);
             INSERT INTO account VALUES ('aws:ada', 'enabled', '2026-01-01T00:00:00Z', 'hr'), ('aws:bob', 'disabled', '2026-01-01T00:00:00Z', 'hr');",
        )
        .unwrap();
    (log, plan)
}

pub(super) fn export(plan: &Plan, log: &Log, target: &Path, form: Form) -> Result<Written, PackError> {
    prepare(plan, log, &key(), target, form, &mut |_: Progress<'_>| ())?.publish()
}

/// A pack on disk, with the folder it is in.
pub(super) fn pack(form: Form) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (log, plan) = contents(folder.path());
    let target = folder.path().join(if form == Form::Archive { "q1.zip" } else { "q1" });
    export(&plan, &log, &target, form).unwrap();
    (folder, target)
}
