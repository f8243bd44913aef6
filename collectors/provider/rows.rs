//! Tables from their specification, and rows from JSON objects.

use model::collector::CollectorSpec;
use model::{CollectError, Row, Table};
use serde_json::Value;

/// An empty table as `spec` declares it.
pub(crate) fn table(spec: &CollectorSpec, name: &str) -> Table {
    Table::new(spec.table(name).expect("a collector only asks for tables its collector.toml declares").clone())
}

/// A row from a `json!` object; null members are *not reported*.
pub(crate) fn row(object: Value) -> Row {
    match object {
        Value::Object(members) => members.into_iter().collect(),
        _ => Row::new(),
    }
}

/// Adds a row; one that does not fit its table means that the source answered something its documentation does not know.
pub(crate) fn push(table: &mut Table, row: Row) -> Result<(), CollectError> {
    let name = table.spec().name.clone();
    table
        .push(row)
        .map_err(|error| CollectError::Malformed { operation: format!("rows of {name}"), message: error.to_string() })
}
