//! `velero`: backups, restores and schedules of a Kubernetes cluster, by Velero's own command line. It never judges a
//! phase: that is the mapping's.

use crate::provider::rows::{push, row, table};
use crate::provider::tool::{self, Refusals, Tool};
use crate::settings;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const BACKUPS: &str = "velero backup get";
const RESTORES: &str = "velero restore get";
const SCHEDULES: &str = "velero schedule get";

/// The Kubernetes API's words for 401 and 403.
const REFUSALS: Refusals = Refusals {
    denied: (&[], &["is forbidden", "Unauthorized", "You must be logged in to the server"]),
    absent: (&[], &["no matches for kind", "the server could not find the requested resource"]),
};

/// The label Velero puts on the backups of a schedule.
const SCHEDULE_LABEL: &str = "velero.io/schedule-name";

pub(crate) struct Velero;

#[derive(Deserialize)]
struct Settings {
    namespace: String,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    #[serde(default)]
    context: Option<String>,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    timeout: String,
}

impl Settings {
    fn tool(&self) -> Result<Tool, CollectError> {
        Tool::new(self.program.clone(), &self.environment)
    }

    /// The arguments of listing `kind`.
    fn arguments(&self, kind: &str) -> Vec<String> {
        let mut arguments = vec![kind.to_owned(), "get".to_owned(), "--output=json".to_owned()];
        arguments.push(format!("--namespace={}", self.namespace));
        arguments.extend(self.kubeconfig.iter().map(|path| format!("--kubeconfig={}", path.display())));
        arguments.extend(self.context.iter().map(|context| format!("--kubecontext={context}")));
        arguments
    }
}

#[derive(Deserialize)]
struct Document {
    kind: String,
    #[serde(default)]
    metadata: Option<ListMetadata>,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default, rename = "remainingItemCount")]
    remaining: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    creation_timestamp: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    start_timestamp: Option<String>,
    completion_timestamp: Option<String>,
    expiration: Option<String>,
    last_backup: Option<String>,
    failure_reason: Option<String>,
    validation_errors: Option<Vec<String>>,
    errors: Option<i64>,
    warnings: Option<i64>,
    progress: Option<Progress>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    #[serde(default)]
    items_backed_up: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct BackupSpec {
    included_namespaces: Option<Vec<String>>,
    excluded_namespaces: Option<Vec<String>>,
    storage_location: Option<String>,
    ttl: Option<String>,
}

#[derive(Deserialize)]
struct Backup {
    metadata: Metadata,
    spec: BackupSpec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestoreSpec {
    #[serde(default)]
    backup_name: Option<String>,
}

#[derive(Deserialize)]
struct Restore {
    metadata: Metadata,
    spec: RestoreSpec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct ScheduleSpec {
    schedule: String,
    template: BackupSpec,
    #[serde(default)]
    paused: bool,
}

#[derive(Deserialize)]
struct Schedule {
    metadata: Metadata,
    spec: ScheduleSpec,
    #[serde(default)]
    status: Status,
}

#[async_trait::async_trait]
impl Collector for Velero {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        settings.tool()?.policy(&SPEC, &settings.timeout)
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let tool = settings.tool()?;
        let mut reasons = Vec::new();

        let mut backups = table(&SPEC, "velero_backup");
        for backup in list::<Backup>(ctx, &tool, &settings, BACKUPS, "backup").await? {
            push(&mut backups, backup_row(&backup)?)?;
        }
        let mut restores = table(&SPEC, "velero_restore");
        match list::<Restore>(ctx, &tool, &settings, RESTORES, "restore").await {
            Ok(found) => {
                for restore in found {
                    push(&mut restores, restore_row(&restore)?)?;
                }
            }
            Err(error) => reasons.push(unseen(&error, "velero_restore")),
        }
        let mut schedules = table(&SPEC, "velero_schedule");
        match list::<Schedule>(ctx, &tool, &settings, SCHEDULES, "schedule").await {
            Ok(found) => {
                for schedule in found {
                    push(&mut schedules, schedule_row(&schedule)?)?;
                }
            }
            Err(error) => reasons.push(unseen(&error, "velero_schedule")),
        }

        let count = |table: &model::Table| Count {
            table: table.spec().name.clone(),
            counted: table.rows().len() as u64,
            declared: None,
            declared_by: None,
        };
        let counts = vec![count(&backups), count(&restores), count(&schedules)];
        let basis = format!(
            "three lists of namespace `{}`, each a whole document without continuation and with exit code 0",
            settings.namespace
        );
        let mut observation = Observation {
            tables: vec![backups, restores, schedules],
            completeness: Completeness::from_reasons(basis, reasons),
            counts,
            caller: None,
            observed_at: None,
            redactions: Vec::new(),
        };
        observation.settle();
        Ok(observation)
    }
}

/// A listing without which the backups still say something.
fn unseen(error: &CollectError, table: &str) -> Reason {
    let code = match error {
        CollectError::Denied { .. } => ReasonCode::Denied,
        CollectError::Malformed { .. } => ReasonCode::Malformed,
        CollectError::Incomplete { code, .. } => *code,
        _ => ReasonCode::Failed,
    };
    let reason = Reason::new(code, error.to_string()).table(table);
    match error {
        CollectError::Denied { permission, .. } => reason.permission(permission),
        _ => reason,
    }
}

/// Every object of `kind` in the namespace.
async fn list<T: DeserializeOwned>(
    ctx: &Context,
    tool: &Tool,
    settings: &Settings,
    operation: &str,
    kind: &str,
) -> Result<Vec<T>, CollectError> {
    let arguments = settings.arguments(kind);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = REFUSALS.output(tool.ask(ctx, operation, &arguments).await?, &SPEC, operation)?;
    let document: Document = tool::parse(operation, &output)?;
    let single = kind[..1].to_uppercase() + &kind[1..];
    // of a list of one the program prints that one
    let items = if document.kind == single {
        vec![tool::parse::<Value>(operation, &output)?]
    } else if document.kind == format!("{single}List") {
        if document.metadata.is_some_and(|list| {
            list.next.is_some_and(|token| !token.is_empty()) || list.remaining.is_some_and(|more| more > 0)
        }) {
            return Err(CollectError::Incomplete {
                operation: operation.to_owned(),
                message: "the list says that it goes on".to_owned(),
                code: ReasonCode::CountsDisagree,
            });
        }
        document.items.unwrap_or_default()
    } else {
        return Err(tool::malformed(operation, format!("a `{}`, and no {kind}", document.kind)));
    };
    items
        .into_iter()
        .map(|item| {
            let namespace = item["metadata"]["namespace"].as_str().unwrap_or_default();
            if namespace != settings.namespace {
                return Err(tool::malformed(operation, format!("an object of namespace `{namespace}`")));
            }
            serde_json::from_value(item).map_err(|error| tool::malformed(operation, error.to_string()))
        })
        .collect()
}

fn instant(operation: &str, text: Option<&String>) -> Result<Option<Value>, CollectError> {
    text.map(|text| tool::instant(operation, text)).transpose()
}

/// What a backup holds, in one word for one place.
fn namespaces(spec: &BackupSpec) -> String {
    let joined = |names: &Option<Vec<String>>| {
        let mut names = names.clone().unwrap_or_default();
        names.sort();
        names.join(",")
    };
    let (included, excluded) = (joined(&spec.included_namespaces), joined(&spec.excluded_namespaces));
    let included = if included.is_empty() { "*".to_owned() } else { included };
    if excluded.is_empty() { included } else { format!("{included} except {excluded}") }
}

fn message(status: &Status) -> Option<String> {
    let wrong = status.validation_errors.iter().flatten().cloned().collect::<Vec<_>>().join("; ");
    let words: Vec<String> =
        status.failure_reason.iter().cloned().chain(Some(wrong).filter(|text| !text.is_empty())).collect();
    Some(words.join("; ")).filter(|text| !text.is_empty())
}

fn backup_row(backup: &Backup) -> Result<model::Row, CollectError> {
    let Backup { metadata, spec, status } = backup;
    Ok(row(json!({
        "name": metadata.name,
        "schedule": metadata.labels.get(SCHEDULE_LABEL),
        "namespaces": namespaces(spec),
        "storage_location": spec.storage_location,
        "phase": status.phase,
        "created_at": tool::instant(BACKUPS, &metadata.creation_timestamp)?,
        "started_at": instant(BACKUPS, status.start_timestamp.as_ref())?,
        "finished_at": instant(BACKUPS, status.completion_timestamp.as_ref())?,
        "expires_at": instant(BACKUPS, status.expiration.as_ref())?,
        "items": status.progress.as_ref().and_then(|progress| progress.items_backed_up),
        "errors": status.errors,
        "warnings": status.warnings,
        "message": message(status),
    })))
}

fn restore_row(restore: &Restore) -> Result<model::Row, CollectError> {
    let Restore { metadata, spec, status } = restore;
    Ok(row(json!({
        "name": metadata.name,
        "backup": spec.backup_name,
        "phase": status.phase,
        "created_at": tool::instant(RESTORES, &metadata.creation_timestamp)?,
        "started_at": instant(RESTORES, status.start_timestamp.as_ref())?,
        "finished_at": instant(RESTORES, status.completion_timestamp.as_ref())?,
        "errors": status.errors,
        "warnings": status.warnings,
        "message": message(status),
    })))
}

fn schedule_row(schedule: &Schedule) -> Result<model::Row, CollectError> {
    let Schedule { metadata, spec, status } = schedule;
    let ttl = spec
        .template
        .ttl
        .as_deref()
        .map(|ttl| hours(ttl).ok_or_else(|| tool::malformed(SCHEDULES, format!("`{ttl}` is no duration"))));
    Ok(row(json!({
        "name": metadata.name,
        "schedule": spec.schedule,
        "namespaces": namespaces(&spec.template),
        "paused": spec.paused,
        // zero is Velero's own default
        "ttl_hours": ttl.transpose()?.filter(|hours| *hours > 0),
        "phase": status.phase,
        "last_backup_at": instant(SCHEDULES, status.last_backup.as_ref())?,
    })))
}

/// Whole hours of a Go duration: `720h0m0s`, `90m`.
fn hours(text: &str) -> Option<i64> {
    let mut seconds = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let (unit, factor) =
            [("h", 3600), ("m", 60), ("s", 1)].into_iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[digits + unit.len()..];
    }
    (!text.is_empty()).then_some(seconds / 3600)
}

#[cfg(test)]
mod tests {
    use super::{BackupSpec, hours, namespaces};

    #[test]
    fn durations_of_go_are_read_in_whole_hours() {
        for (text, expected) in [("720h0m0s", Some(720)), ("90m", Some(1)), ("0s", Some(0)), ("36h30m", Some(36))] {
            assert_eq!(hours(text), expected, "{text}");
        }
        for text in ["", "30d", "h", "-1h", "1.5h", "99999999999999999999h"] {
            assert_eq!(hours(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_backup_holds_is_named_alike_whatever_the_order() {
        let spec = |included: &[&str], excluded: &[&str]| BackupSpec {
            included_namespaces: Some(included.iter().map(|name| (*name).to_owned()).collect()),
            excluded_namespaces: Some(excluded.iter().map(|name| (*name).to_owned()).collect()),
            ..BackupSpec::default()
        };
        assert_eq!(namespaces(&spec(&["shop", "app"], &[])), namespaces(&spec(&["app", "shop"], &[])));
        assert_eq!(namespaces(&BackupSpec::default()), "*");
        assert_eq!(namespaces(&spec(&["*"], &["kube-system"])), "* except kube-system");
    }
}
