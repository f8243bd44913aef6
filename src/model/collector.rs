//! What a collector declares of itself (`collector.toml`) and how its run can fail.

use crate::table::TableSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `collector.toml`: population, permissions, settings, tables. The collector's README and policies are generated from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectorSpec {
    /// Folder, module, configuration key and docs page.
    pub id: String,
    /// Raised when derived tables change for the same bytes.
    pub version: String,
    /// One line.
    pub title: String,
    /// What the population is and is not, in a sentence an auditor can quote.
    pub population: String,
    /// How completeness is proven, in a sentence.
    pub completeness: String,
    /// Default cron expression (five fields).
    pub schedule: String,
    /// Default age beyond which its evidence is stale: `24h`.
    pub max_age: String,
    /// Vocabulary tables that `mapping.sql` fills.
    pub provides: Vec<String>,
    /// Hosts it talks to, in words or patterns, for the README and firewall rules; the run's allowlist comes from its settings.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Every call it may make. Nothing else leaves the process.
    pub operations: Vec<Operation>,
    /// Configuration keys beside the common ones.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Tables it derives; none where each source's configuration declares its own.
    pub tables: Vec<TableSpec>,
    /// Of a collector whose tables the configuration declares: the keys of a declared table beside the common ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_settings: Option<BTreeMap<String, Setting>>,
}

/// One call a collector may make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// `iam:ListUsers`, `GET /orgs/{org}/members`.
    pub name: String,
    /// The permission it needs: an IAM action, a token scope, a file mode.
    pub permission: String,
    /// Why it is needed.
    pub reason: String,
    /// Tables (or `table.column`s) it feeds; refused, these are *not reported*.
    pub feeds: Vec<String>,
}

/// Kind of a configuration value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// Text.
    String,
    /// Whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// `24h`, `30d`.
    Duration,
    /// A file or folder, relative to the configuration file.
    Path,
    /// A URL.
    Url,
    /// A secret by reference: `{ env = "…" }` or `{ file = "…" }`.
    Secret,
    /// A table of secrets by reference, each under the name by which it is handed over.
    Secrets,
    /// A table of texts.
    Map,
    /// A list of texts.
    List,
}

/// One configuration key of a collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it holds.
    pub kind: SettingKind,
    /// Whether a source cannot do without it.
    #[serde(default)]
    pub required: bool,
    /// The value when it is absent.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
    /// One line.
    pub help: String,
    /// An example value for the generated README.
    #[serde(default)]
    pub example: Option<String>,
    /// Whether generated examples hold it although it is not required.
    #[serde(default)]
    pub in_example: bool,
}

impl CollectorSpec {
    /// The table `name`.
    pub fn table(&self, name: &str) -> Option<&TableSpec> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The operation `name`.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}

/// Why a run gave no usable population. The exchanges up to it are sealed all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// The source refused a call without which there is no population.
    #[error("{operation} was refused: {message}")]
    Denied {
        /// The operation as `collector.toml` names it.
        operation: String,
        /// The permission that would mend it.
        permission: String,
        /// What the source said.
        message: String,
    },
    /// The configuration cannot work: missing credential, foreign account, unreadable file.
    #[error("{message}")]
    Misconfigured {
        /// What is wrong.
        message: String,
        /// How to mend it.
        help: String,
    },
    /// The source kept asking to slow down until the deadline.
    #[error("{operation} was throttled: {message}")]
    Throttled {
        /// The operation.
        operation: String,
        /// What the source said, and how long it asked to wait.
        message: String,
    },
    /// Network or server trouble that outlived the retries.
    #[error("{operation} failed: {message}")]
    Transient {
        /// The operation.
        operation: String,
        /// What happened.
        message: String,
    },
    /// The answer is not what the source's documentation promises.
    #[error("{operation} answered something unreadable: {message}")]
    Malformed {
        /// The operation.
        operation: String,
        /// What is wrong with it.
        message: String,
    },
    /// A listing could not be followed to its end.
    #[error("{operation} could not be read to its end: {message}")]
    Incomplete {
        /// The operation.
        operation: String,
        /// Page cap, page loop, repeated page.
        message: String,
        /// The machine-readable reason.
        code: crate::ReasonCode,
    },
}

impl CollectError {
    /// The word used in manifests: `denied`, `misconfigured`, `throttled`, `transient`, `malformed`, `incomplete`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Throttled { .. } => "throttled",
            Self::Transient { .. } => "transient",
            Self::Malformed { .. } => "malformed",
            Self::Incomplete { .. } => "incomplete",
        }
    }

    /// How to mend it, where that can be said.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Denied { permission, .. } => Some(format!("grant `{permission}` to the credential this source uses")),
            Self::Misconfigured { help, .. } => Some(help.clone()),
            Self::Throttled { .. } => Some("collect less often, or ask the provider for a higher limit".to_owned()),
            Self::Transient { .. } => Some("collect again; if it persists, look at the source's status page and the network".to_owned()),
            Self::Malformed { .. } => Some("the bytes are sealed: look at them with `evidenced snapshots show`; the endpoint may not be the API it claims to be".to_owned()),
            Self::Incomplete { .. } => Some("the bytes are sealed; raise `max_pages` if the population is really that large".to_owned()),
        }
    }
}
