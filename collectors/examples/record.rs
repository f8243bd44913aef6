//! Records one live run of a collector as a fixture: `cargo run -p collectors --example record -- aws_iam '{"account_id": "…"}' DIR`.
//!
//! Writes `exchanges.jsonl` and `expected/<table>.jsonl` into the folder, prints the completeness, and refuses to write
//! a recording whose replay does not give the same tables.

use egress::{Context, Egress, NoProgress};
use model::{CollectError, Observation, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a developer's tool")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [id, settings, folder] = arguments.as_slice() else {
        return Err("usage: record COLLECTOR SETTINGS-AS-JSON FOLDER".into());
    };
    let collector = collectors::find(id).ok_or_else(|| format!("no collector `{id}`"))?;
    let settings: serde_json::Value = serde_json::from_str(settings)?;
    let started_at = model::time::seconds_text(Timestamp::now()).parse::<Timestamp>()?;
    let context = |egress| Context {
        source: id.clone(),
        settings: settings.clone(),
        secrets: BTreeMap::new(),
        egress,
        started_at,
    };

    let live = Egress::live(collector.policy(&settings)?, Arc::new(NoProgress))?;
    let outcome = collector.collect(&context(live.clone())).await;
    let exchanges = live.recorded().iter().map(egress::Recorded::exchange).collect::<Result<Vec<_>, _>>()?;
    let replayed = collector.collect(&context(Egress::replay(exchanges.clone()))).await;
    let lines = lines(&outcome)?;
    if lines != self::lines(&replayed)? {
        return Err("the replay does not give what the live run gave".into());
    }

    let folder = Path::new(folder);
    std::fs::create_dir_all(folder.join("expected"))?;
    std::fs::write(folder.join("exchanges.jsonl"), collectors::recording::write(&exchanges))?;
    for (table, lines) in &lines {
        std::fs::write(folder.join("expected").join(format!("{table}.jsonl")), lines)?;
        println!("{table}: {} rows", lines.split(|byte| *byte == b'\n').count() - 1);
    }
    match outcome {
        Ok(observation) => println!("{:#?}\n{:#?}", observation.completeness, observation.counts),
        Err(error) => println!("failed: {error}"),
    }
    println!("started_at = \"{started_at}\", {} exchanges", exchanges.len());
    Ok(())
}

fn lines(outcome: &Result<Observation, CollectError>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let tables = outcome.iter().flat_map(|observation| &observation.tables);
    tables.map(|table| Ok((table.spec().name.clone(), table.to_lines()))).collect()
}
