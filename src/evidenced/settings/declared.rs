//! `[sources.NAME.table.TABLE]`: tables that a source declares, read and held against the vocabulary, so that a mapping that
//! cannot work is told with its line before anything is collected.

use super::Source;
use super::fields::{Fields, Reading, kind_of};
use super::keys::{Absent, Key, Kind, table_keys};
use super::secret::SecretRef;
use super::sources::own;
use super::suggest::did_you_mean;
use evaluate::VocabularyTable;
use model::CollectorSpec;
use model::collector::Setting;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The types a column can have.
pub(super) const COLUMN_TYPES: [&str; 6] = ["text", "integer", "boolean", "timestamp", "date", "json"];

/// Not a column of a map: which rows are meant.
const WHERE: &str = "where";

/// The secrets of the table `name`, each under the name it is handed over by: `secrets.TOKEN`.
pub(super) fn secrets(fields: &Fields<'_>, name: &str) -> BTreeMap<String, SecretRef> {
    let Some(value) = fields.raw(name) else { return BTreeMap::new() };
    let variables: Vec<&String> = value.as_object().into_iter().flat_map(Map::keys).collect();
    let keys = variables.iter().map(|variable| Key {
        name: (*variable).clone().into(),
        kind: Kind::Secret,
        absent: Absent::Nothing,
        help: "".into(),
        example: "{ env = \"VARIABLE\" }".into(),
    });
    let section = fields.section(name, keys.collect());
    let is_variable = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    for variable in variables.iter().filter(|variable| !is_variable(variable)) {
        section.problem(
            variable,
            format!("`{variable}` in {} is no name of a variable", section.label),
            "use letters, digits and `_`, and no digit first",
        );
    }
    variables
        .into_iter()
        .filter_map(|variable| Some((format!("{name}.{variable}"), section.secret(variable)?)))
        .collect()
}

/// Puts what the source declares into `settings`, all spelt out; none when a problem was noted.
pub(super) fn declare(
    fields: &Fields<'_>,
    source: &str,
    spec: &CollectorSpec,
    settings: &mut Map<String, Value>,
) -> Option<()> {
    let Some(table_settings) = &spec.table_settings else { return Some(()) };
    if fields.has("table") || spec.tables.is_empty() {
        settings.insert("table".to_owned(), tables(fields, table_settings)?);
    }
    check(fields, source, &spec.id, settings)
}

fn tables(fields: &Fields<'_>, table_settings: &BTreeMap<String, Setting>) -> Option<Value> {
    let all = fields.section("table", Vec::new());
    let Some(declared) = fields.raw("table").and_then(Value::as_object).filter(|declared| !declared.is_empty()) else {
        if fields.raw("table").is_none_or(Value::is_object) {
            fields.problem(
                "table",
                format!("{} declares no table", fields.label),
                format!("add a section `{}.table.user]` with `key` and `columns`", fields.label.trim_end_matches(']')),
            );
        }
        return None;
    };
    let keys = table_keys(table_settings);
    let read = declared.keys().map(|name| {
        let section = all.section(name, keys.clone());
        if !is_name(name) {
            section.problem_here(format!("`{name}` cannot name a table"), NAME_FORM);
            return None;
        }
        Some((name.clone(), table(&section, &keys)?))
    });
    // every table is read before giving up
    let read: Vec<Option<(String, Value)>> = read.collect();
    read.into_iter().collect::<Option<Map<String, Value>>>().map(Value::Object)
}

const NAME_FORM: &str = "use lower-case letters, digits and `_`, a letter first";

fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn table(section: &Fields<'_>, keys: &[Key]) -> Option<Value> {
    section.refuse_unknown(&[]);
    let (mut table, _) = own(section, keys);
    let columns = columns(section);
    let map = map(section);
    let (columns, map) = (columns?, map?);
    let key = table.get("key")?.as_array()?;
    let mut sound = !key.is_empty();
    if key.is_empty() {
        section.problem("key", format!("`key` in {} is empty", section.label), "name the columns that identify a row");
    }
    for column in key.iter().filter_map(Value::as_str).filter(|column| !columns.contains_key(*column)) {
        section.problem(
            "key",
            format!("`key` in {} names `{column}`, which is no column of it", section.label),
            did_you_mean(column, columns.keys().map(String::as_str)),
        );
        sound = false;
    }
    table.insert("columns".to_owned(), Value::Object(columns));
    table.insert("map".to_owned(), Value::Object(map));
    sound.then_some(Value::Object(table))
}

fn columns(section: &Fields<'_>) -> Option<Map<String, Value>> {
    let Some(given) = section.raw("columns") else {
        section.text("columns");
        return None;
    };
    let inner = section.section("columns", Vec::new());
    let given = given.as_object()?;
    let mut columns = Map::new();
    let mut sound = !given.is_empty();
    if given.is_empty() {
        section.problem("columns", format!("{} declares no column", section.label), "write `login = \"text\"`");
    }
    for (name, value) in given {
        let mut refuse = |message: String, help: String| {
            inner.problem(name, message, help);
            sound = false;
        };
        if !is_name(name) {
            refuse(format!("`{name}` cannot name a column"), NAME_FORM.to_owned());
            continue;
        }
        let long = match value {
            Value::String(kind) => json!({ "type": kind }),
            Value::Object(fields) if fields.values().all(Value::is_string) => value.clone(),
            other => {
                let help = "write its type, or `{ type = \"text\", from = \"field\" }`".to_owned();
                refuse(format!("column `{name}` of {} is {}", section.label, kind_of(other)), help);
                continue;
            }
        };
        let known = ["type", "from", "description"];
        let stray = long.as_object().into_iter().flat_map(Map::keys).find(|key| !known.contains(&key.as_str()));
        let kind = long.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(stray) = stray {
            refuse(
                format!("unknown key `{stray}` of column `{name}` in {}", section.label),
                did_you_mean(stray, known),
            );
        } else if !COLUMN_TYPES.contains(&kind) {
            refuse(
                format!("column `{name}` of {} has the type `{kind}`, which there is not", section.label),
                did_you_mean(kind, COLUMN_TYPES),
            );
        }
        columns.insert(name.clone(), long);
    }
    sound.then_some(columns)
}

/// The expressions by vocabulary table and column.
fn map(section: &Fields<'_>) -> Option<Map<String, Value>> {
    let Some(given) = section.raw("map") else { return Some(Map::new()) };
    let maps = section.section("map", Vec::new());
    let given = given.as_object()?;
    let mut sound = true;
    for (name, value) in given {
        let Some(table) = evaluate::vocabulary().iter().find(|table| table.name == *name) else {
            let known = evaluate::vocabulary().iter().map(|table| table.name.as_str());
            maps.problem(name, format!("there is no vocabulary table `{name}`"), did_you_mean(name, known));
            sound = false;
            continue;
        };
        sound &= mapped(&maps.section(name, Vec::new()), table, value);
    }
    sound.then(|| given.clone())
}

/// Whether the expressions of one vocabulary table are for columns that there are, and all that must be.
fn mapped(section: &Fields<'_>, table: &VocabularyTable, value: &Value) -> bool {
    let Some(given) = value.as_object() else { return false };
    let mut sound = true;
    let known =
        || table.columns.iter().map(|column| column.name.as_str()).filter(|name| *name != "source").chain([WHERE]);
    for (name, expression) in given {
        let (message, help) = if name == "source" {
            (format!("`source` of `{}` is not mapped: it is the source's name", table.name), "take it away".to_owned())
        } else if !known().any(|known| known == name) {
            (format!("vocabulary table `{}` has no column `{name}`", table.name), did_you_mean(name, known()))
        } else if expression.as_str().is_none_or(|text| text.trim().is_empty()) {
            let help =
                "write an SQL expression over the row's columns, in quotes: `\"lower(login)\"`, `\"1\"`".to_owned();
            (format!("`{name}` of `{}` is {}, not an SQL expression", table.name, kind_of(expression)), help)
        } else {
            continue;
        };
        section.problem(name, message, help);
        sound = false;
    }
    for column in table.columns.iter().filter(|column| column.required && column.name != "source") {
        if !given.contains_key(&column.name) {
            section.problem_here(
                format!("{} has no `{}`, which every `{}` must have", section.label, column.name, table.name),
                format!("add `{} = \"SQL expression\"`", column.name),
            );
            sound = false;
        }
    }
    sound
}

/// Holds what `settings` declare against what their collector and SQLite make of it; none when a problem was noted.
fn check(fields: &Fields<'_>, source: &str, collector: &str, settings: &Map<String, Value>) -> Option<()> {
    let Some(collector) = collectors::find(collector) else { return Some(()) };
    let shape = match collector.shape(source, &Value::Object(settings.clone())) {
        Ok(shape) => shape,
        // a key that is wrong in itself was noted already
        Err(error) => {
            if fields.is_sound() {
                fields.problem("table", format!("{}: {error}", fields.label), error.help().unwrap_or_default());
            }
            return None;
        }
    };
    let Some(declared) = settings.get("table").and_then(Value::as_object) else { return Some(()) };
    let own = collector.spec().tables.len();
    let mut sound = true;
    let section = fields.section("table", Vec::new());
    for ((name, declared), spec) in declared.iter().zip(shape.tables.iter().skip(own)) {
        let maps = section.section(name, Vec::new()).section("map", Vec::new());
        for (vocabulary, columns) in declared["map"].as_object().into_iter().flatten() {
            for (column, expression) in columns.as_object().into_iter().flatten() {
                let expression = expression.as_str().unwrap_or_default();
                if let Err(problem) = evaluate::compile_expression(&shape.tables, &spec.name, expression) {
                    let known = spec.columns.iter().map(|column| column.name.as_str());
                    let help = match problem.strip_prefix("no such column: ") {
                        Some(written) => did_you_mean(written, known),
                        None => "write one SQL expression that says something of each row".to_owned(),
                    };
                    let message = format!("the expression for `{vocabulary}.{column}` does not compile: {problem}");
                    maps.section(vocabulary, Vec::new()).problem(column, message, help);
                    sound = false;
                }
            }
        }
    }
    if sound && let Err(problem) = evaluate::compile_mapping(&shape.tables, &shape.provides, &shape.mapping) {
        fields.problem(
            "table",
            format!("the maps of {} do not compile: {problem}", fields.label),
            "look at its expressions",
        );
        sound = false;
    }
    sound.then_some(())
}

/// Notes each declared table whose name another source or a collector has already.
pub(super) fn refuse_same_names(reading: &Reading<'_>, sources: &[Source]) {
    let with_own_tables = |source: &Source| {
        let collector = collectors::find(&source.collector)?;
        collector.spec().table_settings.is_some().then_some(collector)
    };
    let declaring: Vec<_> = sources.iter().filter_map(|source| Some((source, with_own_tables(source)?))).collect();
    if declaring.is_empty() {
        // what all collectors give is read for nobody otherwise
        return;
    }
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for collector in collectors::all() {
        let of = format!("collector `{}`", collector.spec().id);
        taken.extend(collector.spec().tables.iter().map(|table| (table.name.clone(), of.clone())));
    }
    for (source, collector) in declaring {
        let Ok(shape) = collector.shape(&source.name, &source.settings) else { continue };
        let declared = shape.tables.into_iter().skip(collector.spec().tables.len());
        for table in declared {
            if let Some(other) = taken.insert(table.name.clone(), format!("source `{}`", source.name)) {
                let path = ["sources".to_owned(), source.name.clone(), "table".to_owned()];
                reading.problem(
                    reading.layers.key_place(&path),
                    format!("source `{}` gives a table `{}`, and so does {other}", source.name, table.name),
                    "name the source or its table otherwise",
                );
            }
        }
    }
}
