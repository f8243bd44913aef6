//! Every collector's mapping against the vocabulary, under the rule that is in force when it runs.

use crate::catalogue::Catalogues;
use crate::inputs::{Inputs, SourceInput};
use crate::run::{InProcess, Runner};
use crate::set::{CheckSet, CollectorTables};
use crate::testing::{inputs, toy_source};
use model::CollectorSpec;
use std::fs;
use std::path::Path;

/// Specification and mapping of every collector of the house, read from its folder.
fn collectors() -> Vec<(CollectorSpec, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../collectors");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        if let (Ok(spec), Ok(mapping)) =
            (fs::read_to_string(folder.join("collector.toml")), fs::read_to_string(folder.join("mapping.sql")))
        {
            found.push((toml::from_str(&spec).unwrap(), mapping));
        }
    }
    found
}

fn source((spec, mapping): &(CollectorSpec, String)) -> SourceInput {
    SourceInput {
        name: format!("my-{}", spec.id),
        collector: spec.id.clone(),
        mapping_sql: mapping.clone(),
        provides: spec.provides.clone(),
        specs: spec.tables.clone(),
        snapshot: None,
        ..toy_source("unused", "2026-03-10T12:00:00Z", &[])
    }
}

#[test]
fn every_mapping_runs_over_empty_tables_and_stays_within_what_it_provides() {
    let collectors = collectors();
    assert!(!collectors.is_empty());
    let inputs = Inputs { sources: collectors.iter().map(source).collect(), ..inputs("2026-03-10T12:00:00Z") };
    let summary = InProcess::default().load(&inputs).unwrap();
    assert!(summary.unmapped.is_empty(), "{:?}", summary.unmapped);
}

#[test]
fn every_shipped_check_finds_a_collector_for_each_of_its_inputs() {
    let collectors = collectors();
    let tables: Vec<CollectorTables> = collectors
        .iter()
        .map(|(spec, _)| CollectorTables { id: spec.id.clone(), tables: spec.tables.clone() })
        .collect();
    let set = CheckSet::builtin(&Catalogues::builtin().unwrap(), &tables).unwrap_or_else(|found| panic!("{found:?}"));
    for check in set.checks() {
        for (table, input) in &check.inputs {
            let feeds = |spec: &CollectorSpec| {
                let named = input.collectors.is_empty() || input.collectors.contains(&spec.id);
                named && !input.except.contains(&spec.id) && spec.provides.contains(table)
            };
            assert!(collectors.iter().any(|(spec, _)| feeds(spec)), "{}: nobody provides `{table}`", check.name);
        }
    }
}
