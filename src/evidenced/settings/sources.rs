//! `[sources.NAME]`: the common keys, then the keys of the named collector.

use super::Source;
use super::declared;
use super::fields::{Fields, Reading, url_problem};
use super::keys::{Key, Kind, SOURCE, collector_keys};
use super::problem::Place;
use super::secret::SecretRef;
use super::spread;
use super::suggest::did_you_mean;
use crate::daemon::Schedule;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use model::CollectorSpec;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const LONGEST_NAME: usize = 63;

/// What the collectors there are declare. That of one is read when a source names it: reading all takes longer than most commands.
pub(super) trait Specs {
    /// Of the collector `id`.
    fn find(&self, id: &str) -> Option<&CollectorSpec>;
    /// Every id.
    fn ids(&self) -> Vec<&str>;
}

/// The collectors of this program.
pub(super) struct Shipped;

impl Specs for Shipped {
    fn find(&self, id: &str) -> Option<&CollectorSpec> {
        collectors::find(id).map(egress::Collector::spec)
    }

    fn ids(&self) -> Vec<&str> {
        collectors::ids().to_vec()
    }
}

/// Every source, sorted by name.
pub(super) fn sources<'a>(
    reading: &'a Reading<'a>,
    value: Option<&'a Value>,
    specs: &dyn Specs,
    zone: &TimeZone,
) -> Vec<Source> {
    let path = vec!["sources".to_owned()];
    let section = Fields::open(reading, value, path, "[sources]".to_owned(), Vec::new());
    let Some(table) = value.and_then(Value::as_object) else { return Vec::new() };
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut sources = Vec::new();
    for (name, value) in table {
        let place = reading.layers.key_place(&section.child(name));
        if is_well_named(reading, place.clone(), name, "a source")
            && let Some(other) = seen.insert(name.replace('-', "_"), name)
        {
            reading.problem(
                place.clone(),
                format!("the names `{other}` and `{name}` differ only in `-` and `_`"),
                "give one of the two sources another name",
            );
        }
        sources.extend(source(reading, name, value, specs, zone, &place).unwrap_or_default());
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    // a section that stands for several sources may meet another
    for pair in sources.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        reading.problem(
            reading.layers.key_place(&section.child(&pair[0].name)),
            format!("two sources are named `{}`", pair[0].name),
            "give one of them another name; `account_ids` names a source after its section and the account",
        );
    }
    declared::refuse_same_names(reading, &sources);
    sources
}

/// Whether `name`, at `place`, can name `what`; a problem if not.
pub(super) fn is_well_named(reading: &Reading<'_>, place: Place, name: &str, what: &str) -> bool {
    let is_name = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if !is_name {
        reading.problem(
            place,
            format!("`{name}` cannot name {what}"),
            format!("use lower-case letters, digits, `-` and `_`, a letter or digit first, at most {LONGEST_NAME} characters"),
        );
    }
    is_name
}

fn source<'a>(
    reading: &'a Reading<'a>,
    name: &str,
    value: &'a Value,
    specs: &dyn Specs,
    zone: &TimeZone,
    place: &Place,
) -> Option<Vec<Source>> {
    let path = vec!["sources".to_owned(), name.to_owned()];
    let label = format!("[sources.{name}]");
    let common = Fields::open(reading, Some(value), path.clone(), label.clone(), SOURCE.to_vec());
    let zone = if common.has("timezone") { common.zone("timezone").map(|(_, zone)| zone) } else { Some(zone.clone()) };
    let expect_empty = common.boolean("expect_empty");
    let drop_guard = common.integer("drop_guard_percent").and_then(|percent| u8::try_from(percent).ok());
    let sample = common.boolean("sample");
    let custody = common.custody();
    if common.misspells("collector") {
        return None;
    }
    let collector = common.text("collector")?;
    let Some(spec) = specs.find(&collector) else {
        common.problem(
            "collector",
            format!("there is no collector `{collector}`"),
            did_you_mean(&collector, specs.ids()),
        );
        return None;
    };

    let own_keys = spread::keys(collector_keys(spec), value);
    let all_keys: Vec<_> = SOURCE.iter().chain(&own_keys).cloned().collect();
    let fields = Fields::open(reading, Some(value), path, label, all_keys);
    fields.refuse_unknown(&[]);
    let (mut settings, secrets) = own(&fields, &own_keys);
    aws_endpoint(&fields, &own_keys, spec, &mut settings);
    let declared = declared::declare(&fields, name, spec, &mut settings);

    let schedule = schedule(&common, spec, zone, place);
    let max_age = if common.has("max_age") {
        common.duration("max_age").map(|(duration, _)| duration)
    } else {
        default_max_age(reading, spec, place)
    };
    let retention = if common.has("retention") { Some(common.duration("retention")?.0) } else { None };
    if let (Some(retention), Some(max_age)) = (retention, max_age)
        && retention < max_age
    {
        common.problem(
            "retention",
            format!("`retention` in {} is shorter than `max_age`", common.label),
            "keep evidence at least as long as it counts as fresh",
        );
        return None;
    }
    declared?;
    let source = Source {
        name: name.to_owned(),
        collector,
        schedule: schedule.ok()?,
        max_age: max_age?,
        retention,
        custody,
        expect_empty: expect_empty?,
        drop_guard_percent: drop_guard?,
        sample: sample?,
        settings: Value::Object(settings),
        secrets,
    };
    Some(spread::spread(&fields, LONGEST_NAME, source))
}

/// A problem has been noted.
struct Noted;

/// When a source is due; none: only when a person asks.
fn schedule(
    common: &Fields<'_>,
    spec: &CollectorSpec,
    zone: Option<TimeZone>,
    place: &Place,
) -> Result<Option<Schedule>, Noted> {
    let written = common.has("schedule");
    let expression = if written { common.text("schedule").ok_or(Noted)? } else { spec.schedule.clone() };
    if expression == "manual" {
        return Ok(None);
    }
    Schedule::parse(&expression, zone.ok_or(Noted)?).map(Some).map_err(|error| {
        let at = if written { common.place("schedule") } else { place.clone() };
        common.reading.problem(at, format!("bad schedule in {}: {error}", common.label), error.help());
        Noted
    })
}

fn default_max_age(reading: &Reading<'_>, spec: &CollectorSpec, place: &Place) -> Option<SignedDuration> {
    let parsed = model::time::parse_duration(&spec.max_age);
    if parsed.is_err() {
        reading.problem(
            place.clone(),
            format!("the default `max_age` of collector `{}` is not a duration", spec.id),
            "set `max_age` on the source",
        );
    }
    parsed.ok()
}

/// The collector's own keys: settings without secrets, and the secrets beside them.
pub(super) fn own(fields: &Fields<'_>, keys: &[Key]) -> (Map<String, Value>, BTreeMap<String, SecretRef>) {
    let mut settings = Map::new();
    let mut secrets = BTreeMap::new();
    for key in keys {
        let name = key.name.as_ref();
        let value = match key.kind {
            Kind::Secret => {
                if let Some(reference) = fields.secret(name) {
                    secrets.insert(name.to_owned(), reference);
                }
                continue;
            }
            Kind::Secrets => {
                secrets.extend(declared::secrets(fields, name));
                continue;
            }
            // those of declared tables are read with the tables
            Kind::Tables | Kind::Columns | Kind::Maps => continue,
            Kind::Integer(..) => fields.integer(name).map(Value::from),
            Kind::Boolean => fields.boolean(name).map(Value::from),
            Kind::Duration => fields.duration(name).map(|(_, text)| Value::from(text)),
            Kind::Path => {
                fields.text(name).map(|text| fields.reading.absolute(&text).to_string_lossy().into_owned().into())
            }
            Kind::Url => fields.url(name).map(Value::from),
            Kind::Map => {
                fields.map(name).map(|map| Value::Object(map.into_iter().map(|(k, v)| (k, v.into())).collect()))
            }
            Kind::Texts => fields.texts(name).map(Value::from),
            Kind::Text | Kind::Word(_) | Kind::Instant | Kind::Parameters => fields.text(name).map(Value::from),
        };
        if let Some(value) = value {
            settings.insert(name.to_owned(), value);
        }
    }
    (settings, secrets)
}

/// The AWS tools' own variable moves every AWS source to a compatible service, as it does for those tools.
fn aws_endpoint(fields: &Fields<'_>, keys: &[Key], spec: &CollectorSpec, settings: &mut Map<String, Value>) {
    const VARIABLE: &str = "AWS_ENDPOINT_URL";
    let applies = spec.id.starts_with("aws_") && keys.iter().any(|key| key.name == "endpoint_url");
    let Some(url) = fields.reading.variables.get(VARIABLE).filter(|url| !url.is_empty()) else { return };
    if !applies || fields.has("endpoint_url") {
        return;
    }
    match url_problem(url) {
        None => drop(settings.insert("endpoint_url".to_owned(), url.clone().into())),
        Some((problem, help)) => fields.reading.problem(Place::Variable(VARIABLE.to_owned()), problem, help),
    }
}
