//! A source's settings as a collector sees them: defaults filled from `collector.toml`, typed access, no secrets.

use model::CollectError;
use model::collector::{CollectorSpec, Setting};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// `given` with every default of `spec` filled in. Unknown keys stay: refusing them is the configuration's business.
pub(crate) fn with_defaults(spec: &CollectorSpec, given: &Value) -> Value {
    filled(Some(&spec.settings), given)
}

/// The same for the keys of `known`.
pub(crate) fn filled(known: Option<&BTreeMap<String, Setting>>, given: &Value) -> Value {
    let mut settings: Map<String, Value> = given.as_object().cloned().unwrap_or_default();
    for (name, setting) in known.into_iter().flatten() {
        if let Some(default) = &setting.default {
            settings.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    Value::Object(settings)
}

/// The settings as the collector's own type.
pub(crate) fn typed<T: DeserializeOwned>(spec: &CollectorSpec, given: &Value) -> Result<T, CollectError> {
    serde_json::from_value(with_defaults(spec, given)).map_err(|error| CollectError::Misconfigured {
        message: format!("the settings of this source do not fit `{}`: {error}", spec.id),
        help: format!("the keys are listed in the README of collector `{}`", spec.id),
    })
}
