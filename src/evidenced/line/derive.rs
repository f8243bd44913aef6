//! normalise, again: derives a sealed snapshot's tables anew from the bytes its source sent, and compares.

use super::collect::settled;
use crate::failure::Failure;
use bytes::Bytes;
use egress::{Context, Egress};
use ledger::Sealed;
use model::{Exchange, Manifest, SnapshotStatus};
use std::collections::BTreeMap;
use store::Reader;

/// Runs the snapshot's collector over its recording, and says where the result differs from what was sealed.
pub(crate) async fn rederive(reader: &Reader, snapshot: &Sealed<Manifest>) -> Result<Vec<String>, Failure> {
    let manifest = snapshot.value();
    if manifest.status == SnapshotStatus::Failed {
        return Ok(Vec::new());
    }
    let Some(collector) = collectors::find(&manifest.collector) else {
        return Ok(vec![format!("this version has no collector `{}`", manifest.collector)]);
    };
    if collector.spec().version != manifest.collector_version {
        return Ok(Vec::new());
    }
    let mut exchanges = Vec::with_capacity(manifest.exchanges.len());
    for record in &manifest.exchanges {
        let body = Bytes::from(reader.blob(&record.sha256)?);
        exchanges.push(Exchange { record: record.clone(), body });
    }
    let context = Context {
        source: manifest.source.clone(),
        settings: manifest.settings.clone(),
        secrets: BTreeMap::new(),
        egress: Egress::replay(exchanges),
        started_at: manifest.started_at,
    };
    let observation = match collector.collect(&context).await {
        Ok(observation) => settled(observation),
        Err(error) => return Ok(vec![format!("the recording cannot be read again: {error}")]),
    };
    let mut differences = Vec::new();
    for record in &manifest.tables {
        let derived = observation.tables.iter().find(|table| table.spec().name == record.name);
        match derived.map(model::Table::digest) {
            Some(sha256) if sha256 == record.sha256 => {}
            Some(sha256) => {
                differences.push(format!("table {} derives to {sha256}, sealed {}", record.name, record.sha256));
            }
            None => differences.push(format!("table {} is not derived any more", record.name)),
        }
    }
    let complete = matches!(observation.completeness, model::Completeness::Complete { .. });
    if complete != manifest.completeness.basis.is_some() {
        differences.push("the recording does not support the sealed completeness statement".to_owned());
    }
    Ok(differences)
}
