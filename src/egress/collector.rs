//! What a collector is, and what it is given. Judges nothing.

use crate::{Egress, Policy};
use model::{CollectError, CollectorSpec, Exchange, Observation, TableSpec, Timestamp};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// Reads one kind of evidence from one source.
///
/// The result may depend on the answers, `ctx.settings` and `ctx.started_at`, and on nothing else: the same code runs
/// again over the recording, and its tables must come out the same byte for byte.
#[async_trait::async_trait]
pub trait Collector: Send + Sync {
    /// `collector.toml`.
    fn spec(&self) -> &CollectorSpec;

    /// `mapping.sql`: from this collector's tables to the vocabulary. Empty where the configuration declares the tables.
    fn mapping(&self) -> &'static str {
        ""
    }

    /// What the source `source` gives with these settings: what `collector.toml` and `mapping.sql` say, where the
    /// configuration does not declare tables of its own. Pure; an error is a configuration problem in words.
    fn shape(&self, _source: &str, _settings: &serde_json::Value) -> Result<Shape, CollectError> {
        let spec = self.spec();
        Ok(Shape {
            population: spec.population.clone(),
            provides: spec.provides.clone(),
            tables: spec.tables.clone(),
            mapping: self.mapping().to_owned(),
        })
    }

    /// Hosts, files and caps for these settings. Pure; an error is a configuration problem in words.
    fn policy(&self, settings: &serde_json::Value) -> Result<Policy, CollectError>;

    /// Reads the source through `ctx.egress` only.
    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError>;

    /// For `doctor` only: lines that let a person compare what was read with the source. Most collectors have none.
    fn preview(&self, _settings: &serde_json::Value, _exchanges: &[Exchange]) -> Vec<String> {
        Vec::new()
    }
}

/// What one configured source gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What its population is and is not.
    pub population: String,
    /// Vocabulary tables that the mapping fills.
    pub provides: Vec<String>,
    /// Its tables, in the order a run derives them.
    pub tables: Vec<TableSpec>,
    /// From its tables to the vocabulary, in SQL.
    pub mapping: String,
}

/// What a collector is given for one run.
pub struct Context {
    /// The configured source's name.
    pub source: String,
    /// This source's settings: defaults filled in, paths absolute, no secrets.
    pub settings: serde_json::Value,
    /// Secrets by settings key; empty in replay.
    pub secrets: BTreeMap<String, SecretString>,
    /// The door to the source.
    pub egress: Egress,
    /// When the run started; in replay, when the recorded run did.
    pub started_at: Timestamp,
}
