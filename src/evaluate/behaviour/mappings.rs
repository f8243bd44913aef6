//! Every collector's mapping against the vocabulary, under the rule that is in force when it runs.

use crate::catalogue::Catalogues;
use crate::inputs::{Inputs, SourceInput};
use crate::run::{InProcess, Runner};
use crate::scratch::{Scratch, create_source_table};
use crate::set::{CheckSet, CollectorTables};
use crate::testing::{inputs, toy_source};
use model::CollectorSpec;
use rusqlite::fallible_iterator::FallibleIterator as _;
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

/// What SQLite plans to look through anew for each row of something else: the square of the rows.
fn squares(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut batch = rusqlite::Batch::new(connection, sql);
    while let Some(statement) = batch.next().unwrap() {
        let text = statement.expanded_sql().unwrap();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let nodes: Vec<(i64, i64, String)> = plan
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(3)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let parent = |id: i64| nodes.iter().find(|(own, ..)| *own == id);
        let is_scan = |(_, _, detail): &&(i64, i64, String)| {
            detail.starts_with("SCAN ") && !detail.contains("VIRTUAL TABLE") && !detail.contains("CONSTANT ROW")
        };
        for node in nodes.iter().filter(is_scan) {
            let mut outer = nodes.iter().filter(|other| other.1 == node.1).take_while(|other| other.0 != node.0);
            let is_inner = outer.any(|other| is_scan(&other));
            let mut above = parent(node.1);
            let mut is_correlated = false;
            while let Some((_, next, detail)) = above {
                is_correlated |= detail.starts_with("CORRELATED");
                above = parent(*next);
            }
            // what a subquery reads stands beneath it with a node of its own
            if is_inner || (is_correlated && !node.2.starts_with("SCAN (subquery")) {
                found.push(format!("{} in {}", node.2, text.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
    }
    found
}

#[test]
fn no_mapping_costs_the_square_of_its_rows() {
    for (spec, mapping) in collectors() {
        let connection = Scratch::empty().unwrap();
        for table in &spec.tables {
            create_source_table(&connection, table).unwrap();
        }
        assert_eq!(squares(&connection, &mapping), [""; 0], "{}", spec.id);
    }
    let connection = Scratch::empty().unwrap();
    let looked_up =
        "SELECT 1 FROM account AS a WHERE NOT EXISTS (SELECT 1 FROM person AS p WHERE p.work_email = a.email);";
    assert_eq!(squares(&connection, looked_up).len(), 1, "it can be found");
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
