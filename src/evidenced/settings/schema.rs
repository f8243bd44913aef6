//! JSON Schema of the configuration, from the same table the reader follows.

#![cfg(test)]

use super::declared::COLUMN_TYPES;
use super::keys::{Absent, Key, Kind, SECTIONS, SOURCE, Times, WAYS, Way, collector_keys, table_keys, toml_value};
use super::spread::may_be;
use model::CollectorSpec;
use serde_json::{Map, Value, json};

/// The schema, as `config/evidenced.schema.json` holds it.
pub(super) fn schema(specs: &[&CollectorSpec]) -> String {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for section in SECTIONS {
        let body = match section.times {
            Times::Once => table(section.help, section.keys),
            Times::Listed => json!({ "type": "array", "items": table(section.help, section.keys) }),
            Times::Named => json!({
                "type": "object",
                "description": section.help,
                "propertyNames": { "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$" },
                "additionalProperties": match section.name {
                    "sources" => json!({ "oneOf": specs.iter().map(|spec| source(spec)).collect::<Vec<_>>() }),
                    "reviews" => table(section.help, section.keys),
                    _ => json!({ "oneOf": WAYS.iter().map(|way| destination(section.keys, way)).collect::<Vec<_>>() }),
                },
            }),
        };
        if section.times == Times::Once && section.keys.iter().any(|key| key.absent == Absent::Refused) {
            required.push(section.name);
        }
        match section.name.split_once('.') {
            // a list inside a section that stands before it
            Some((outer, inner)) => properties[outer]["properties"][inner] = body,
            None => drop(properties.insert(section.name.to_owned(), body)),
        }
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "evidenced configuration",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    format!("{schema:#}\n")
}

fn source(spec: &CollectorSpec) -> Value {
    let keys: Vec<Key> = SOURCE.iter().cloned().chain(collector_keys(spec)).collect();
    let mut schema = table(&spec.title, &keys);
    schema["title"] = json!(spec.id);
    schema["properties"]["collector"] = json!({ "const": spec.id, "description": spec.title });
    schema["properties"]["schedule"]["default"] = json!(spec.schedule);
    schema["properties"]["max_age"]["default"] = json!(spec.max_age);
    if let Some(own) = &spec.table_settings {
        schema["properties"]["table"]["additionalProperties"] = table("A declared table.", &table_keys(own));
    }
    schema
}

fn destination(common: &[Key], way: &Way) -> Value {
    let keys: Vec<Key> = common.iter().chain(way.keys).cloned().collect();
    let mut schema = table(way.help, &keys);
    schema["title"] = json!(way.kind);
    schema["properties"]["kind"] = json!({ "const": way.kind, "description": way.help });
    schema
}

fn secret() -> Value {
    json!({
        "oneOf": [
            { "type": "object", "properties": { "env": { "type": "string", "minLength": 1 } }, "required": ["env"], "additionalProperties": false },
            { "type": "object", "properties": { "file": { "type": "string", "minLength": 1 } }, "required": ["file"], "additionalProperties": false },
        ],
    })
}

/// An SQL expression for each column of the vocabulary that a map may fill.
fn vocabulary() -> Value {
    let tables = evaluate::vocabulary().iter().map(|table| {
        let given = table.columns.iter().filter(|column| column.name != "source");
        let required: Vec<&str> =
            given.clone().filter(|column| column.required).map(|column| column.name.as_str()).collect();
        let columns: Map<String, Value> = given
            .map(|column| column.name.as_str())
            .chain(["where"])
            .map(|name| (name.to_owned(), json!({ "type": "string", "minLength": 1 })))
            .collect();
        let table_schema =
            json!({ "type": "object", "properties": columns, "required": required, "additionalProperties": false });
        (table.name.clone(), table_schema)
    });
    Value::Object(tables.collect())
}

fn table(help: &str, keys: &[Key]) -> Value {
    let required: Vec<&str> =
        keys.iter().filter(|key| key.absent == Absent::Refused).map(|key| key.name.as_ref()).collect();
    let mut required = required;
    let mut either = Value::Null;
    if may_be(keys) {
        required.retain(|name| *name != "account_id");
        either = json!([{ "required": ["account_id"] }, { "required": ["account_ids", "role_name"] }]);
    }
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_string(), value(key))).collect();
    let mut schema = json!({
        "type": "object",
        "description": help,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if !either.is_null() {
        schema["oneOf"] = either;
    }
    schema
}

fn value(key: &Key) -> Value {
    let mut schema = match key.kind {
        Kind::Text | Kind::Path | Kind::Instant => json!({ "type": "string", "minLength": 1 }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Integer(i64::MIN, i64::MAX) => json!({ "type": "integer" }),
        Kind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+[smhdw]$" }),
        Kind::Url => json!({ "type": "string", "format": "uri", "pattern": "^https?://" }),
        Kind::Secret => secret(),
        Kind::Secrets => json!({
            "type": "object", "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }, "additionalProperties": secret(),
        }),
        // what a table holds depends on the collector: see `source`
        Kind::Tables => json!({ "type": "object", "minProperties": 1 }),
        Kind::Columns => json!({
            "type": "object",
            "minProperties": 1,
            "additionalProperties": { "oneOf": [
                { "enum": COLUMN_TYPES },
                {
                    "type": "object",
                    "properties": {
                        "type": { "enum": COLUMN_TYPES },
                        "from": { "type": "string", "minLength": 1 },
                        "description": { "type": "string", "minLength": 1 },
                    },
                    "required": ["type"],
                    "additionalProperties": false,
                },
            ] },
        }),
        Kind::Maps => json!({
            "type": "object",
            "properties": vocabulary(),
            "additionalProperties": false,
        }),
        Kind::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Parameters => json!({
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": { "type": ["string", "number", "boolean", "array"] },
            },
        }),
    };
    schema["description"] = json!(key.help);
    if let Absent::Default(text) = &key.absent {
        schema["default"] = toml_value(text).unwrap_or_default();
    }
    schema
}
