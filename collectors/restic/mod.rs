//! `restic`: the snapshots of a repository, by the program's own listing. It never locks, changes or restores, and never
//! takes a snapshot that was not listed for one that is not there.

use crate::provider::rows::{push, row, table};
use crate::provider::tool::{self, Refusals, Tool};
use crate::settings;
use egress::{Collector, Context, Policy, Ran};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const CONFIG: &str = "restic cat config";
const SNAPSHOTS: &str = "restic snapshots";
const LIST: &str = "restic list snapshots";
const CHECK: &str = "restic check";

/// Exit codes 10 and 12 are those of 0.17; before, everything is 1 and only the words differ.
const REFUSALS: Refusals = Refusals {
    denied: (&[12], &["wrong password or no key found"]),
    absent: (&[10], &["unable to open config file", "Is there a repository at the following location?"]),
};

/// How many ids a message names.
const SHOWN: usize = 5;

pub(crate) struct Restic;

#[derive(Deserialize)]
struct Settings {
    repository: String,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    repository_id: Option<String>,
    check: bool,
    timeout: String,
}

impl Settings {
    fn tool(&self) -> Result<Tool, CollectError> {
        tool::check_repository(&self.repository)?;
        Ok(Tool::new(self.program.clone(), &self.environment)?
            .set("RESTIC_REPOSITORY", &self.repository)
            .secret("password", "RESTIC_PASSWORD")
            .secret("access_key_id", "AWS_ACCESS_KEY_ID")
            .secret("secret_access_key", "AWS_SECRET_ACCESS_KEY"))
    }
}

/// `restic cat config`.
#[derive(Deserialize)]
struct Config {
    id: String,
    version: i64,
}

/// One element of `restic snapshots --json`.
#[derive(Deserialize)]
struct Snapshot {
    id: String,
    time: String,
    tree: String,
    paths: Vec<String>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    program_version: Option<String>,
    #[serde(default)]
    summary: Option<Summary>,
}

#[derive(Deserialize)]
struct Summary {
    backup_end: String,
    total_files_processed: i64,
    total_bytes_processed: i64,
}

#[async_trait::async_trait]
impl Collector for Restic {
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
        // neither a lock in the repository nor a cache on this host: nothing is written
        let ask = async |operation: &str, arguments: &[&str]| {
            tool.ask(ctx, operation, &[&["--no-lock", "--no-cache"], arguments].concat()).await
        };
        let output = |ran, operation| REFUSALS.output(ran, &SPEC, operation);

        let config: Config = tool::parse(CONFIG, &output(ask(CONFIG, &["cat", "config"]).await?, CONFIG)?)?;
        tool::check_id(&config.id, settings.repository_id.as_deref())?;
        let described = ask(SNAPSHOTS, &["snapshots", "--json"]).await?;
        let passed_over = described.last_words();
        // an empty repository is `[]`, with some versions `null`
        let described: Option<Vec<Snapshot>> = tool::parse(SNAPSHOTS, &output(described, SNAPSHOTS)?)?;
        let listed = ids(&output(ask(LIST, &["list", "snapshots"]).await?, LIST)?)?;
        let mut checked = None;
        if settings.check {
            checked = Some(Checked::of(&ask(CHECK, &["check"]).await?));
        }
        observe(&settings, &config, &described.unwrap_or_default(), &listed, &passed_over, checked.as_ref())
    }
}

/// What `restic check` said.
struct Checked {
    /// None: it did not run to its end, so it says nothing.
    passed: Option<bool>,
    words: Option<String>,
}

impl Checked {
    fn of(ran: &Ran) -> Self {
        let passed = match ran.exit_code {
            0 => Some(true),
            // the exit code of everything that goes wrong; only the words tell
            1 if ran.stderr.contains("repository contains errors") => Some(false),
            _ => None,
        };
        let words = ran.last_words().trim_start_matches([':', ' ']).to_owned();
        Self { passed, words: Some(words).filter(|words| passed != Some(true) && !words.is_empty()) }
    }
}

/// The ids of `restic list snapshots`, one a line.
fn ids(output: &[u8]) -> Result<BTreeSet<String>, CollectError> {
    let text = std::str::from_utf8(output).map_err(|error| tool::malformed(LIST, error.to_string()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(tool::malformed(LIST, "its last line has no end: it is cut".to_owned()));
    }
    let is_id = |line: &str| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.lines()
        .map(
            |line| {
                if is_id(line) { Ok(line.to_owned()) } else { Err(tool::malformed(LIST, format!("`{line}` is no id"))) }
            },
        )
        .collect()
}

fn observe(
    settings: &Settings,
    config: &Config,
    described: &[Snapshot],
    listed: &BTreeSet<String>,
    passed_over: &str,
    checked: Option<&Checked>,
) -> Result<Observation, CollectError> {
    let mut snapshots = table(&SPEC, "restic_snapshot");
    for snapshot in described {
        let summary = snapshot.summary.as_ref();
        push(
            &mut snapshots,
            row(json!({
                "snapshot_id": snapshot.id,
                "created_at": tool::instant(SNAPSHOTS, &snapshot.time)?,
                "hostname": snapshot.hostname,
                "username": snapshot.username,
                "paths": snapshot.paths,
                "tags": snapshot.tags.clone().unwrap_or_default(),
                "tree": snapshot.tree,
                "program_version": snapshot.program_version,
                "finished_at": summary.map(|summary| tool::instant(SNAPSHOTS, &summary.backup_end)).transpose()?,
                "files": summary.map(|summary| summary.total_files_processed),
                "bytes": summary.map(|summary| summary.total_bytes_processed),
            })),
        )?;
    }
    let mut repositories = table(&SPEC, "restic_repository");
    push(
        &mut repositories,
        row(json!({
            "repository_id": config.id,
            "repository": settings.repository,
            "format_version": config.version,
            "check_passed": checked.and_then(|checked| checked.passed),
            "check_message": checked.and_then(|checked| checked.words.clone()),
        })),
    )?;

    let known: BTreeSet<String> = described.iter().map(|snapshot| snapshot.id.clone()).collect();
    let mut reasons = Vec::new();
    if known.len() != described.len() {
        reasons
            .push(Reason::new(ReasonCode::DuplicateDiffers, "a snapshot is described twice").table("restic_snapshot"));
    }
    let differing: Vec<&str> = listed.symmetric_difference(&known).map(|id| &id[..id.len().min(8)]).collect();
    if !differing.is_empty() {
        let message = format!(
            "the repository lists {} snapshots, {} are described; not in both: {}{}{passed_over}",
            listed.len(),
            known.len(),
            differing.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", "),
            if differing.len() > SHOWN { ", …" } else { "" },
        );
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("restic_snapshot"));
    }
    if let Some(Checked { passed: None, words }) = checked {
        let message =
            format!("`restic check` did not run to its end: {}", words.as_deref().unwrap_or("no word of why"));
        let reason = Reason::new(ReasonCode::Failed, message).table("restic_repository");
        reasons.push(reason.columns(&["check_passed"]));
    }
    let count = known.len() as u64;
    let basis = format!(
        "restic ended with exit code 0 and described {count} snapshots, the same that the repository lists as files"
    );
    let mut observation = Observation {
        tables: vec![repositories, snapshots],
        completeness: Completeness::from_reasons(basis, reasons),
        counts: vec![Count {
            table: "restic_snapshot".to_owned(),
            counted: count,
            declared: Some(listed.len() as u64),
            declared_by: Some(LIST.to_owned()),
        }],
        caller: Some(Caller { identity: "a password of the repository".to_owned(), tenant: config.id.clone() }),
        observed_at: None,
        redactions: Vec::new(),
    };
    observation.settle();
    Ok(observation)
}
