//! Typed reading of one section: every wrong kind, missing key and unknown key becomes a problem with its place.

use super::document::KeyPath;
use super::keys::{Absent, Key, Kind, toml_value};
use super::layers::{Layers, Variables};
use super::problem::{Place, Problem};
use super::secret::{SecretRef, check_file};
use super::suggest::{did_you_mean, nearest};
use super::{Custody, end_of_day};
use crate::daemon::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What reading needs beside the values: where they stand, what the environment holds, the problems found so far.
pub(super) struct Reading<'a> {
    pub(super) layers: &'a Layers,
    pub(super) variables: &'a Variables,
    /// The folder relative paths start from.
    pub(super) base: &'a Path,
    /// Whether a secret that cannot be read is a problem now.
    pub(super) need_secrets: bool,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Reading<'a> {
    pub(super) const fn new(layers: &'a Layers, variables: &'a Variables, base: &'a Path, need_secrets: bool) -> Self {
        Self { layers, variables, base, need_secrets, problems: RefCell::new(Vec::new()) }
    }

    pub(super) fn problem(&self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::new(place, message, help));
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }

    /// `text` as an absolute path, seen from the configuration file.
    pub(super) fn absolute(&self, text: &str) -> PathBuf {
        self.base.join(text).components().filter(|part| *part != Component::CurDir).collect()
    }
}

/// One section under reading.
pub(super) struct Fields<'a> {
    pub(super) reading: &'a Reading<'a>,
    table: Option<&'a Map<String, Value>>,
    pub(super) path: KeyPath,
    /// `[sources.hr]`, for messages.
    pub(super) label: String,
    keys: Vec<Key>,
}

impl<'a> Fields<'a> {
    /// Opens the section at `path`; absent, it is read as empty.
    pub(super) fn open(
        reading: &'a Reading<'a>,
        value: Option<&'a Value>,
        path: KeyPath,
        label: String,
        keys: Vec<Key>,
    ) -> Self {
        let table = value.and_then(Value::as_object);
        if let (Some(value), None) = (value, table) {
            reading.problem(
                reading.layers.value_place(&path),
                format!("{label} is {}, not a section", kind_of(value)),
                format!("write its keys under a line `{label}`"),
            );
        }
        Self { reading, table, path, label, keys }
    }

    /// Opens the section `name` inside this one.
    pub(super) fn section(&self, name: &str, keys: Vec<Key>) -> Fields<'a> {
        let label = format!("{}.{name}]", self.label.trim_end_matches(']'));
        Fields::open(self.reading, self.raw(name), self.child(name), label, keys)
    }

    /// A problem of the section as a whole.
    pub(super) fn problem_here(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reading.problem(self.reading.layers.key_place(&self.path), message, help);
    }

    /// Whether no problem has been noted so far.
    pub(super) fn is_sound(&self) -> bool {
        self.reading.problems.borrow().is_empty()
    }

    /// Reports every key that is not one of the section's.
    pub(super) fn refuse_unknown(&self, later: &[&str]) {
        for name in self.table.into_iter().flat_map(Map::keys) {
            if later.contains(&name.as_str()) || self.keys.iter().any(|key| key.name == *name) {
                continue;
            }
            self.reading.problem(
                self.reading.layers.key_place(&self.child(name)),
                format!("unknown key `{name}` in {}", self.label),
                did_you_mean(name, self.keys.iter().map(|key| key.name.as_ref())),
            );
        }
    }

    /// Whether a key that was meant to be `name` is written otherwise; it is then a problem.
    pub(super) fn misspells(&self, name: &str) -> bool {
        let written = self.table.into_iter().flat_map(Map::keys);
        let is_meant =
            |key: &&String| !self.keys.iter().any(|known| known.name == **key) && nearest(key, &[name]).is_some();
        let Some(key) = (!self.has(name)).then(|| written.into_iter().find(is_meant)).flatten() else { return false };
        self.reading.problem(
            self.reading.layers.key_place(&self.child(key)),
            format!("unknown key `{key}` in {}", self.label),
            format!("did you mean `{name}`?"),
        );
        true
    }

    /// Whether the configuration says anything about `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.table.and_then(|table| table.get(name))
    }

    pub(super) fn child(&self, name: &str) -> KeyPath {
        [self.path.as_slice(), &[name.to_owned()]].concat()
    }

    /// Where the value of `name` stands.
    pub(super) fn place(&self, name: &str) -> Place {
        self.reading.layers.value_place(&self.child(name))
    }

    pub(super) fn problem(&self, name: &str, message: impl Into<String>, help: impl Into<String>) {
        self.reading.problem(self.place(name), message, help);
    }

    fn wrong_kind(&self, name: &str, value: &Value, wanted: &str, example: &str) {
        self.problem(
            name,
            format!("`{name}` in {} is {}, not {wanted}", self.label, kind_of(value)),
            format!("write it like `{name} = {example}`"),
        );
    }

    /// The value, or its default; a problem when it is required and absent.
    fn value(&self, name: &str) -> Option<(Value, String)> {
        let key = self.keys.iter().find(|key| key.name == name);
        let example = key.map_or_else(String::new, |key| key.example.to_string());
        if let Some(value) = self.raw(name) {
            return Some((value.clone(), example));
        }
        match key.map(|key| &key.absent) {
            Some(Absent::Refused) => {
                self.reading.problem(
                    self.reading.layers.key_place(&self.path),
                    format!("{} has no `{name}`: {}", self.label, key.map_or("", |key| key.help.as_ref())),
                    format!("add `{name} = {example}`"),
                );
                None
            }
            Some(Absent::Default(text)) => toml_value(text).map(|value| (value, example)),
            _ => None,
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let (value, example) = self.value(name)?;
        match value {
            Value::String(text) if text.trim().is_empty() => {
                self.problem(
                    name,
                    format!("`{name}` in {} is empty", self.label),
                    format!("write it like `{name} = {example}`"),
                );
                None
            }
            Value::String(text) => Some(text),
            other => {
                self.wrong_kind(name, &other, "text", &example);
                None
            }
        }
    }

    /// Who answers for what the section is about, and how it may be shared.
    pub(super) fn custody(&self) -> Custody {
        let (owner, reviewer) = (self.text("owner"), self.text("reviewer"));
        Custody { owner, reviewer, classification: self.text("classification") }
    }

    /// One of the key's words.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        match self.keys.iter().find(|key| key.name == name).map(|key| key.kind) {
            Some(Kind::Word(words)) if !words.contains(&text.as_str()) => {
                self.problem(name, format!("`{name}` cannot be `{text}`"), did_you_mean(&text, words.iter().copied()));
                None
            }
            _ => Some(text),
        }
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        let (value, example) = self.value(name)?;
        match value {
            Value::Bool(truth) => Some(truth),
            Value::String(text) if self.outside(name) && matches!(text.as_str(), "true" | "false") => {
                Some(text == "true")
            }
            other => {
                self.wrong_kind(name, &other, "`true` or `false`", &example);
                None
            }
        }
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        let (value, example) = self.value(name)?;
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if self.outside(name) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.wrong_kind(name, &value, "a whole number", &example);
            return None;
        };
        match self.keys.iter().find(|key| key.name == name).map(|key| key.kind) {
            Some(Kind::Integer(least, most)) if number < least || number > most => {
                self.problem(
                    name,
                    format!("`{name}` in {} is {number}", self.label),
                    format!("it lies between {least} and {most}"),
                );
                None
            }
            _ => Some(number),
        }
    }

    /// A duration longer than nothing, and the text it was written as.
    pub(super) fn duration(&self, name: &str) -> Option<(SignedDuration, String)> {
        let text = self.text(name)?;
        match model::time::parse_duration(&text) {
            Ok(duration) if duration.is_positive() => Some((duration, text)),
            Ok(_) => {
                self.problem(name, format!("`{name}` in {} is no time at all", self.label), "write it like `24h`");
                None
            }
            Err(_) => {
                self.problem(
                    name,
                    format!("`{name}` in {} is not a duration: `{text}`", self.label),
                    "write a whole number and a unit: `90s`, `15m`, `24h`, `30d`, `2w`",
                );
                None
            }
        }
    }

    /// A list of texts; from the environment, separated by commas.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let (value, example) = self.value(name)?;
        let texts = match &value {
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect::<Option<Vec<_>>>()
            }
            Value::String(text) if self.outside(name) => {
                Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(ToOwned::to_owned).collect())
            }
            _ => None,
        };
        if texts.is_none() {
            self.wrong_kind(name, &value, "a list of texts", &example);
        }
        texts
    }

    /// A table of texts.
    pub(super) fn map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let (value, example) = self.value(name)?;
        let Some(table) = value.as_object() else {
            self.wrong_kind(name, &value, "a table of texts", &example);
            return None;
        };
        let mut map = BTreeMap::new();
        for (inner, value) in table {
            if let Some(text) = value.as_str() {
                map.insert(inner.clone(), text.to_owned());
            } else {
                self.reading.problem(
                    self.reading
                        .layers
                        .value_place(&[self.child(name).as_slice(), std::slice::from_ref(inner)].concat()),
                    format!("`{inner}` of `{name}` in {} is {}, not text", self.label, kind_of(value)),
                    format!("write it like `{name} = {example}`"),
                );
            }
        }
        Some(map)
    }

    /// A web address without credentials.
    pub(super) fn url(&self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        match url_problem(&text) {
            None => Some(text),
            Some((problem, help)) => {
                self.problem(name, format!("`{name}` in {} {problem}", self.label), help);
                None
            }
        }
    }

    /// A time zone by its IANA name.
    pub(super) fn zone(&self, name: &str) -> Option<(String, TimeZone)> {
        let text = self.text(name)?;
        if let Ok(zone) = TimeZone::get(&text) {
            return Some((text, zone));
        }
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let help = match super::suggest::nearest(&text, &known.iter().map(String::as_str).collect::<Vec<_>>()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of the IANA database, such as `Europe/Berlin` or `UTC`".to_owned(),
        };
        self.problem(name, format!("`{text}` is not a time zone"), help);
        None
    }

    /// An instant, or a date in `zone`: its first instant, or with `day_included` the first instant after it.
    pub(super) fn instant(&self, name: &str, zone: &TimeZone, day_included: bool) -> Option<Timestamp> {
        let text = self.text(name)?;
        let date = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
        let instant = match date {
            Some(date) => {
                if day_included {
                    end_of_day(date, zone)
                } else {
                    date.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).ok()
                }
            }
            None => text.parse::<Timestamp>().ok(),
        };
        if instant.is_none() {
            self.problem(
                name,
                format!("`{name}` in {} is neither a date nor an instant: `{text}`", self.label),
                "write it like `2026-12-31` or `2026-12-31T17:00:00Z`",
            );
        }
        instant
    }

    /// When something is done, by the key `schedule`; none where nothing is written there.
    #[expect(clippy::option_option, reason = "the outer one says whether it can be read")]
    pub(super) fn schedule(&self, zone: &TimeZone) -> Option<Option<Schedule>> {
        if !self.has("schedule") {
            return Some(None);
        }
        match Schedule::parse(&self.text("schedule")?, zone.clone()) {
            Ok(schedule) => Some(Some(schedule)),
            Err(error) => {
                self.problem("schedule", format!("`schedule` in {}: {error}", self.label), error.help());
                None
            }
        }
    }

    /// A secret by reference. Never written into the configuration, and never shown in a message.
    pub(super) fn secret(&self, name: &str) -> Option<SecretRef> {
        const FORM: &str = "refer to it: `{ env = \"VARIABLE\" }` or `{ file = \"path\" }`";
        let (value, _) = self.value(name)?;
        let table = match &value {
            Value::Object(table) => table,
            Value::String(_) => {
                self.problem(
                    name,
                    format!("`{name}` in {} holds a secret itself; secrets are not kept in configuration", self.label),
                    format!("{FORM}; change the secret, for it has been written down"),
                );
                return None;
            }
            other => {
                self.problem(
                    name,
                    format!("`{name}` in {} is {}, not a reference to a secret", self.label, kind_of(other)),
                    FORM,
                );
                return None;
            }
        };
        let text = |field: &str| table.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let reference = match (table.len(), text("env"), text("file")) {
            (1, Some(variable), None) => SecretRef::Env(variable.to_owned()),
            (1, None, Some(path)) => SecretRef::File(self.reading.absolute(path)),
            _ => {
                let stray = table.keys().find(|key| !matches!(key.as_str(), "env" | "file"));
                let (place, message) = match stray {
                    Some(stray) => (
                        self.reading
                            .layers
                            .key_place(&[self.child(name).as_slice(), std::slice::from_ref(stray)].concat()),
                        format!("unknown key `{stray}` in the secret `{name}` of {}", self.label),
                    ),
                    None => (self.place(name), format!("`{name}` in {} does not say where the secret is", self.label)),
                };
                self.reading.problem(place, message, FORM);
                return None;
            }
        };
        if self.reading.need_secrets {
            self.check_secret(name, &reference);
        }
        Some(reference)
    }

    fn check_secret(&self, name: &str, reference: &SecretRef) {
        let error = match reference {
            SecretRef::Env(variable) => {
                let set = self.reading.variables.get(variable).is_some_and(|value| !value.is_empty());
                if set { None } else { Some(super::secret::SecretError::NotSet(variable.clone())) }
            }
            SecretRef::File(path) => check_file(path).err(),
        };
        if let Some(error) = error {
            self.problem(name, format!("`{name}` in {}: {error}", self.label), error.help());
        }
    }

    fn outside(&self, name: &str) -> bool {
        self.reading.layers.is_outside(&self.child(name))
    }
}

/// What is wrong with `text` as a web address, and how to mend it.
pub(super) fn url_problem(text: &str) -> Option<(String, &'static str)> {
    const FORM: &str = "write it like `https://host/path`";
    // what stands before an @ may be a password
    let shown = if text.contains('@') { String::new() } else { format!(": `{text}`") };
    let Ok(url) = url::Url::parse(text) else {
        return Some((format!("is not a URL{shown}"), FORM));
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Some((format!("is not a web address{shown}"), FORM));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("carries a credential".to_owned(), "credentials go into the source's secrets, by reference"));
    }
    if url.fragment().is_some() || url.query().is_some() {
        return Some((format!("has a query or fragment{shown}"), FORM));
    }
    None
}

/// What a value is, in words.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
