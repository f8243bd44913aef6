//! Tables that a source's configuration declares: what they are, what becomes of a record, and the way to the vocabulary.
//!
//! A record that does not fit its table is never bent until it does: it is rejected by name, and the snapshot is incomplete.

mod cell;
mod gather;
mod mapping;
mod record;

pub(crate) use gather::{Gather, observe};
pub(crate) use record::{Record, record};

use crate::settings;
use egress::Shape;
use model::collector::CollectorSpec;
use model::{CollectError, Column, ColumnKind, TableSpec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json_path::JsonPath;
use std::collections::BTreeMap;

/// What the settings of every source with declared tables hold.
#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    population: Option<String>,
    #[serde(default)]
    table: BTreeMap<String, Declaration>,
}

#[derive(Deserialize)]
struct Declaration {
    key: Vec<String>,
    columns: BTreeMap<String, ColumnDeclaration>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    map: BTreeMap<String, BTreeMap<String, String>>,
    /// The collector's own keys of a table.
    #[serde(flatten)]
    own: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct ColumnDeclaration {
    #[serde(rename = "type")]
    kind: ColumnKind,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// One declared table.
pub(crate) struct Declared<T> {
    /// The name the configuration gives it: `user`.
    pub(crate) name: String,
    /// As it is derived: `crm_user`, its key first.
    pub(crate) spec: TableSpec,
    /// Where each column's value stands in a record, in the order of `spec.columns`.
    places: Vec<Place>,
    /// What the collector wants to know of it besides.
    pub(crate) own: T,
}

/// Where a value stands in a record.
enum Place {
    /// In the field of this name.
    Field(String),
    /// Where this JSONPath leads.
    Path(JsonPath),
}

impl Place {
    fn parse(text: &str) -> Result<Self, CollectError> {
        if !text.starts_with('$') {
            return Ok(Self::Field(text.to_owned()));
        }
        json_path(text).map(Self::Path)
    }
}

/// A JSONPath of the settings.
pub(crate) fn json_path(text: &str) -> Result<JsonPath, CollectError> {
    JsonPath::parse(text).map_err(|error| CollectError::Misconfigured {
        message: format!("`{text}` is no JSONPath: {error}"),
        help: "write it like `$.items` or `$.profile.email` (RFC 9535)".to_owned(),
    })
}

/// The name under which `table` of `source` is derived: unlike the names of any other source's.
fn derived_name(source: &str, table: &str) -> String {
    format!("{}_{table}", source.replace('-', "_"))
}

fn misconfigured(message: String) -> CollectError {
    let help = "declare it under `[sources.NAME.table.TABLE]` as the collector's README shows".to_owned();
    CollectError::Misconfigured { message, help }
}

/// The tables that `given` declares for `source`, sorted by name; where the collector has tables of its own, there may be none.
pub(crate) fn tables<T: DeserializeOwned>(
    spec: &CollectorSpec,
    source: &str,
    given: &Value,
) -> Result<Vec<Declared<T>>, CollectError> {
    let settings: Settings = settings::typed(spec, given)?;
    if settings.table.is_empty() && spec.tables.is_empty() {
        return Err(misconfigured("no table is declared".to_owned()));
    }
    settings.table.into_iter().map(|(name, declaration)| table(spec, source, name, declaration)).collect()
}

fn table<T: DeserializeOwned>(
    collector: &CollectorSpec,
    source: &str,
    name: String,
    declaration: Declaration,
) -> Result<Declared<T>, CollectError> {
    let Declaration { key, mut columns, description, own, .. } = declaration;
    let mut ordered = Vec::with_capacity(columns.len());
    for column in &key {
        let declared = columns
            .remove(column)
            .ok_or_else(|| misconfigured(format!("key `{column}` of table `{name}` is no column of it")))?;
        ordered.push((column.clone(), declared));
    }
    if key.is_empty() {
        return Err(misconfigured(format!("table `{name}` has no key")));
    }
    ordered.extend(columns);
    let mut spec = TableSpec {
        name: derived_name(source, &name),
        description: description.unwrap_or_else(|| format!("`{name}` as the configuration declares it.")),
        key,
        columns: Vec::with_capacity(ordered.len()),
    };
    let mut places = Vec::with_capacity(ordered.len());
    for (column, declared) in ordered {
        let from = declared.from.as_deref().unwrap_or(&column);
        places.push(Place::parse(from)?);
        let description = declared.description.unwrap_or_else(|| format!("`{from}` of the record."));
        spec.columns.push(Column { name: column, kind: declared.kind, description });
    }
    let own = settings::filled(collector.table_settings.as_ref(), &Value::Object(own));
    let own = serde_json::from_value(own).map_err(|error| misconfigured(format!("table `{name}`: {error}")))?;
    Ok(Declared { name, spec, places, own })
}

/// What the source gives: the collector's own tables, then those that are declared.
pub(crate) fn shape(spec: &CollectorSpec, source: &str, given: &Value) -> Result<Shape, CollectError> {
    let declared = tables::<serde::de::IgnoredAny>(spec, source, given)?;
    let settings: Settings = settings::typed(spec, given)?;
    let maps = settings.table.iter().map(|(name, table)| (derived_name(source, name), &table.map));
    let (provides, mapping) = mapping::mapping(maps);
    Ok(Shape {
        population: settings.population.unwrap_or_else(|| spec.population.clone()),
        provides,
        tables: spec.tables.iter().cloned().chain(declared.into_iter().map(|table| table.spec)).collect(),
        mapping,
    })
}
