//! `pgbackrest`: backups of PostgreSQL clusters, by the program's own listing. It never takes exit code 0 for an answer:
//! pgBackRest ends so whatever is wrong.

use crate::provider::rows::{push, row, table};
use crate::provider::tool::{self, Refusals, Tool};
use crate::settings;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const INFO: &str = "pgbackrest info";
const FOLDERS: &str = "pgbackrest repo-ls";

/// Its exit codes name kinds of errors, not whose they are: only the words tell a refusal.
const REFUSALS: Refusals = Refusals { denied: (&[], &["Permission denied"]), absent: (&[], &[]) };

/// Statuses of a repository that was read to its end: all is well, and no backup yet.
const READ: [i64; 2] = [0, 2];

/// What lies beside the folders of backups.
const HISTORY: &str = "backup.history";

pub(crate) struct PgBackRest;

#[derive(Deserialize)]
struct Settings {
    stanzas: Vec<String>,
    config: PathBuf,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    timeout: String,
}

impl Settings {
    fn read(settings: &Value) -> Result<Self, CollectError> {
        let read: Self = settings::typed(&SPEC, settings)?;
        if read.stanzas.is_empty() {
            return Err(CollectError::Misconfigured {
                message: "`stanzas` names no stanza".to_owned(),
                help: "name those that must be there: without them an empty listing proves nothing".to_owned(),
            });
        }
        Ok(read)
    }

    fn tool(&self) -> Result<Tool, CollectError> {
        Ok(Tool::new(self.program.clone(), &self.environment)?
            .set("PGBACKREST_CONFIG", self.config.to_string_lossy())
            // neither a log file nor a line on standard output that is not the answer
            .set("PGBACKREST_LOG_LEVEL_FILE", "off")
            .set("PGBACKREST_LOG_LEVEL_CONSOLE", "off")
            .set("PGBACKREST_LOG_LEVEL_STDERR", "warn")
            .secret("cipher_pass", "PGBACKREST_REPO1_CIPHER_PASS"))
    }
}

/// One element of `pgbackrest info --output=json`.
#[derive(Deserialize)]
struct Stanza {
    name: String,
    backup: Vec<Backup>,
    repo: Vec<Repository>,
    status: StanzaStatus,
}

#[derive(Deserialize)]
struct StanzaStatus {
    #[serde(default)]
    lock: Option<Lock>,
}

#[derive(Deserialize)]
struct Lock {
    backup: Held,
}

#[derive(Deserialize)]
struct Held {
    held: bool,
}

#[derive(Deserialize)]
struct Repository {
    key: i64,
    cipher: String,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Backup {
    label: String,
    #[serde(rename = "type")]
    kind: String,
    database: Database,
    timestamp: Span,
    info: Info,
    #[serde(default)]
    prior: Option<String>,
    #[serde(default)]
    error: Option<bool>,
    #[serde(default)]
    archive: Option<Archive>,
    #[serde(default)]
    backrest: Option<Program>,
}

#[derive(Deserialize)]
struct Database {
    #[serde(rename = "repo-key")]
    repository: i64,
}

#[derive(Deserialize)]
struct Span {
    start: i64,
    stop: i64,
}

#[derive(Deserialize)]
struct Info {
    size: i64,
    #[serde(default)]
    repository: Option<Size>,
}

#[derive(Deserialize)]
struct Size {
    #[serde(default)]
    size: Option<i64>,
}

#[derive(Deserialize)]
struct Archive {
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    stop: Option<String>,
}

#[derive(Deserialize)]
struct Program {
    version: String,
}

/// One entry of `pgbackrest repo-ls --output=json`.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
}

#[async_trait::async_trait]
impl Collector for PgBackRest {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings = Settings::read(settings)?;
        settings.tool()?.policy(&SPEC, &settings.timeout)
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings = Settings::read(&ctx.settings)?;
        let tool = settings.tool()?;
        let info = REFUSALS.output(tool.ask(ctx, INFO, &["info", "--output=json"]).await?, &SPEC, INFO)?;
        let stanzas: Vec<Stanza> = tool::parse(INFO, &info)?;

        let mut folders = BTreeMap::new();
        for stanza in &stanzas {
            for repository in stanza.repo.iter().filter(|repository| READ.contains(&repository.status.code)) {
                let place = format!("backup/{}", stanza.name);
                let number = format!("--repo={}", repository.key);
                let ran = tool.ask(ctx, FOLDERS, &["repo-ls", "--output=json", &number, &place]).await?;
                let entries: BTreeMap<String, Entry> = tool::parse(FOLDERS, &REFUSALS.output(ran, &SPEC, FOLDERS)?)?;
                let found: BTreeSet<String> = entries
                    .into_iter()
                    .filter(|(name, entry)| entry.kind == "path" && name != "." && name != HISTORY)
                    .map(|(name, _)| name)
                    .collect();
                folders.insert((stanza.name.clone(), repository.key), found);
            }
        }
        observe(&settings, &stanzas, &folders)
    }
}

type Folders = BTreeMap<(String, i64), BTreeSet<String>>;

fn observe(settings: &Settings, stanzas: &[Stanza], folders: &Folders) -> Result<Observation, CollectError> {
    let mut reasons = Vec::new();
    let mut stanza_rows = table(&SPEC, "pgbackrest_stanza");
    let mut backup_rows = table(&SPEC, "pgbackrest_backup");
    let mut declared = 0;
    for stanza in stanzas {
        for repository in &stanza.repo {
            let of_repository: BTreeSet<&str> = stanza
                .backup
                .iter()
                .filter(|backup| backup.database.repository == repository.key)
                .map(|backup| backup.label.as_str())
                .collect();
            let found = folders.get(&(stanza.name.clone(), repository.key));
            let unlisted = found
                .map(|found| found.iter().filter(|name| !of_repository.contains(name.as_str())).collect::<Vec<_>>());
            push(&mut stanza_rows, stanza_row(stanza, repository, &json!(unlisted)))?;
            let place = format!("stanza `{}`, repository {}", stanza.name, repository.key);
            let Some(found) = found else {
                let message = format!("{place}: {}", first_line(&repository.status.message));
                reasons.push(Reason::new(ReasonCode::Failed, message));
                continue;
            };
            let missing: Vec<&str> = of_repository.iter().copied().filter(|label| !found.contains(*label)).collect();
            declared += of_repository.len() - missing.len();
            if !missing.is_empty() {
                let message = format!("{place}: listed, and no folder in the repository: {}", missing.join(", "));
                reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("pgbackrest_backup"));
            }
        }
        if stanza.repo.is_empty() {
            reasons.push(Reason::new(ReasonCode::Malformed, format!("stanza `{}` is in no repository", stanza.name)));
        }
        for backup in &stanza.backup {
            push(&mut backup_rows, backup_row(&stanza.name, backup)?)?;
            if !stanza.repo.iter().any(|repository| repository.key == backup.database.repository) {
                let message = format!("backup `{}` is in a repository that is not listed", backup.label);
                reasons.push(Reason::new(ReasonCode::Malformed, message).table("pgbackrest_backup"));
            }
        }
    }
    for wanted in settings.stanzas.iter().filter(|wanted| stanzas.iter().all(|stanza| stanza.name != **wanted)) {
        reasons.push(Reason::new(ReasonCode::CountsDisagree, format!("stanza `{wanted}` is not listed")));
    }

    let count = backup_rows.rows().len() as u64;
    let basis = format!(
        "every stanza of the settings is listed, every repository was read, and the folder of each of the {count} backups is there"
    );
    let mut observation = Observation {
        tables: vec![stanza_rows, backup_rows],
        completeness: Completeness::from_reasons(basis, reasons),
        counts: vec![Count {
            table: "pgbackrest_backup".to_owned(),
            counted: count,
            declared: Some(declared as u64),
            declared_by: Some(FOLDERS.to_owned()),
        }],
        caller: None,
        observed_at: None,
        redactions: Vec::new(),
    };
    observation.settle();
    Ok(observation)
}

fn stanza_row(stanza: &Stanza, repository: &Repository, unlisted: &Value) -> model::Row {
    row(json!({
        "stanza": stanza.name,
        "repository": repository.key,
        "status": repository.status.code,
        "message": first_line(&repository.status.message),
        // of a repository that could not be read it only says what the configuration says
        "cipher": Some(&repository.cipher).filter(|_| READ.contains(&repository.status.code)),
        "running": stanza.status.lock.as_ref().map(|lock| lock.backup.held),
        "unlisted": unlisted,
    }))
}

fn backup_row(stanza: &str, backup: &Backup) -> Result<model::Row, CollectError> {
    let at = |seconds: i64| {
        model::Timestamp::from_second(seconds)
            .map(model::time::seconds_text)
            .map_err(|error| tool::malformed(INFO, format!("`{seconds}` is no instant: {error}")))
    };
    let archive = backup.archive.as_ref();
    Ok(row(json!({
        "stanza": stanza,
        "repository": backup.database.repository,
        "label": backup.label,
        "type": backup.kind,
        "prior": backup.prior,
        "started_at": at(backup.timestamp.start)?,
        "finished_at": at(backup.timestamp.stop)?,
        "error": backup.error,
        "bytes": backup.info.size,
        "repository_bytes": backup.info.repository.as_ref().and_then(|repository| repository.size),
        "wal_start": archive.and_then(|archive| archive.start.clone()),
        "wal_stop": archive.and_then(|archive| archive.stop.clone()),
        "program_version": backup.backrest.as_ref().map(|program| program.version.clone()),
    })))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
