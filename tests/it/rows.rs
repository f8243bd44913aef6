//! Compares a collected table with what an emulator holds, row by row.

use crate::support::Audit;
use serde_json::Value;
use std::collections::BTreeMap;

/// Asserts that `table` has exactly the `expected` rows, in the columns these have; how many there are.
pub(crate) fn assert_rows(audit: &Audit, table: &str, expected: &[Value]) -> usize {
    let first = expected.first().unwrap_or_else(|| panic!("{table}: nothing to compare with proves nothing"));
    let columns: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let answer = audit.json(0, &["query", &format!("SELECT {} FROM {table}", columns.join(", "))]);
    assert_eq!(answer["truncated"], false);
    // a row that comes twice is not the same as one that comes once
    let mut balance: BTreeMap<String, i64> = BTreeMap::new();
    for row in expected {
        let cells = row.as_object().unwrap();
        assert!(cells.keys().map(String::as_str).eq(columns.iter().copied()), "{table}: {row}");
        *balance.entry(Value::Array(cells.values().cloned().collect()).to_string()).or_default() += 1;
    }
    for row in answer["rows"].as_array().unwrap() {
        *balance.entry(row.to_string()).or_default() -= 1;
    }
    let show = |wanted: fn(i64) -> bool| {
        let rows: Vec<&String> = balance.iter().filter(|(_, count)| wanted(**count)).map(|(row, _)| row).collect();
        format!("{}, such as {:#?}", rows.len(), rows.iter().take(3).collect::<Vec<_>>())
    };
    assert!(
        balance.values().all(|count| *count == 0),
        "{table} {columns:?}\nrows only the emulator holds: {}\nrows only the table has: {}",
        show(|count| count > 0),
        show(|count| count < 0),
    );
    expected.len()
}
