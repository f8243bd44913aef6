//! The house stands as designed: the crate graph has the allowed edges and no others.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Who may depend on whom; `src/README.md` shows the same graph.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("ledger", &["model"]),
    ("egress", &["model"]),
    ("evaluate", &["model"]),
    ("workflow", &["model"]),
    ("store", &["model", "ledger"]),
    ("pack", &["model", "ledger"]),
    ("collectors", &["model", "egress"]),
    ("evidenced", &["model", "ledger", "egress", "store", "evaluate", "workflow", "pack", "collectors"]),
];

/// Third-party crates that only one room may use.
const WRAPPED: &[(&str, &str)] =
    &[("reqwest", "egress"), ("tokio-postgres", "egress"), ("lettre", "egress"), ("axum", "evidenced")];

#[test]
fn crate_graph_has_only_the_allowed_edges() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    assert_eq!(members, allowed.keys().copied().collect(), "crates of the workspace and rooms of the house");

    for package in packages {
        let room = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            if members.contains(name) {
                assert!(allowed[room].contains(&name), "{room} must not depend on {name}");
            }
            for (wrapped, only) in WRAPPED {
                assert!(name != *wrapped || room == *only, "{room} must not use {wrapped}: only {only} may");
            }
        }
    }
}
