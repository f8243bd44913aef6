//! Memory while a pack is written does not grow with what goes into it.

use super::fixture::{Log, contents, key};
use crate::{Form, Source, SourceError, prepare};
use ledger::Body;
use model::{Digest, Manifest, SnapshotStatus, canonical_json};
use std::collections::BTreeMap;

/// Bytes of one answer.
const ANSWER: usize = 4 << 20;
/// What the process may need beyond what it had: a few answers and the pages.
const ALLOWANCE: u64 = 96 << 20;

/// A source whose answers are made when they are asked for.
struct Endless {
    log: Log,
    answers: BTreeMap<Digest, u64>,
}

impl Source for Endless {
    fn entry(&self, index: u64) -> Result<Vec<u8>, SourceError> {
        self.log.entry(index)
    }

    fn opening(&self, index: u64) -> Result<String, SourceError> {
        self.log.opening(index)
    }

    fn document(&self, index: u64) -> Result<Vec<u8>, SourceError> {
        self.log.document(index)
    }

    fn anchor(&self, index: u64) -> Result<(Vec<u8>, Vec<u8>), SourceError> {
        Err(format!("entry {index} is no anchor").into())
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        self.answers.get(digest).map_or_else(|| self.log.blob(digest), |number| Ok(answer(*number)))
    }
}

/// Text that differs with its number and is not all alike.
fn answer(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(ANSWER);
    while bytes.len() < ANSWER {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = format!("{{\"id\":{state:016x},\"role\":\"member\",\"active\":true}}\n");
        bytes.extend(word.as_bytes());
    }
    bytes.truncate(ANSWER);
    bytes
}

/// The most memory this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_stays_flat_however_much_goes_into_a_pack() {
    let bytes: u64 = if std::env::var_os("EVIDENCED_TEST_LONG").is_some() { 10 << 30 } else { 300 << 20 };
    let folder = tempfile::tempdir().unwrap();
    let (mut log, mut plan) = contents(folder.path());
    let template: Manifest = serde_json::from_slice(&log.document(1).unwrap()).unwrap();
    let (mut answers, mut items) = (BTreeMap::new(), plan.items.clone());
    for number in 0..bytes / ANSWER as u64 {
        let body = answer(number);
        let digest = Digest::of(&body);
        answers.insert(digest, number);
        let mut manifest = template.clone();
        manifest.id = format!("20260203T000000Z-big-{number}");
        manifest.source = "big".into();
        manifest.tables.clear();
        manifest.exchanges.truncate(1);
        manifest.exchanges[0].sha256 = digest;
        manifest.exchanges[0].bytes = body.len() as u64;
        let entry = Body::Snapshot {
            snapshot: manifest.id.clone(),
            source: "big".into(),
            collector: "hr_file".into(),
            status: SnapshotStatus::Complete,
            slot: manifest.slot,
        };
        let document = canonical_json(&manifest).unwrap();
        items.push(log.append("snapshot:big", entry, Some((document, Manifest::MEDIA_TYPE))));
    }
    plan.items = items;
    plan.checkpoint = log.checkpoint(&key());
    let source = Endless { log, answers };
    let before = peak();
    let target = folder.path().join("big.zip");
    let written = prepare(&plan, &source, &key(), &target, Form::Archive, &mut |_| ()).unwrap().publish().unwrap();
    let grown = peak() - before;
    println!("{} MiB written, memory grew by {} MiB beyond {} MiB", written.bytes >> 20, grown >> 20, before >> 20);
    assert!(written.bytes > bytes, "{}", written.bytes);
    assert!(grown < ALLOWANCE, "{grown} bytes more for {bytes} bytes of answers");
}
