//! `borg`: the archives of a repository, by the program's own listings. It never locks but for a check, never changes or
//! restores.

use crate::provider::rows::{push, row, table};
use crate::provider::tool::{self, Refusals, Tool};
use crate::settings;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const LIST: &str = "borg list";
const INFO: &str = "borg info";
const CHECK: &str = "borg check";

/// Borg 1.2 ends with 2 whatever is wrong; 1.4 has codes of its own.
const REFUSALS: Refusals = Refusals {
    denied: (&[52, 53], &["passphrase supplied in", "Passphrase is incorrect", "No key file for repository"]),
    absent: (&[13, 15], &["does not exist.", "is not a valid repository"]),
};

/// The exit code of a check that ran to its end and found something.
const FOUND_SOMETHING: u16 = 1;

/// How many names a message names.
const SHOWN: usize = 5;

pub(crate) struct Borg;

#[derive(Deserialize)]
struct Settings {
    repository: String,
    program: PathBuf,
    #[serde(default)]
    base_dir: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    repository_id: Option<String>,
    check: bool,
    timeout: String,
}

impl Settings {
    fn tool(&self) -> Result<Tool, CollectError> {
        tool::check_repository(&self.repository)?;
        let mut tool = Tool::new(self.program.clone(), &self.environment)?
            .set("BORG_REPO", &self.repository)
            .secret("passphrase", "BORG_PASSPHRASE");
        if let Some(folder) = &self.base_dir {
            tool = tool.set("BORG_BASE_DIR", folder.to_string_lossy());
        }
        Ok(tool)
    }
}

/// `borg list --json`.
#[derive(Deserialize)]
struct Listing {
    archives: Vec<Listed>,
    encryption: Encryption,
    repository: Repository,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Encryption {
    mode: String,
}

#[derive(Deserialize)]
struct Repository {
    id: String,
    location: String,
    last_modified: String,
}

/// `borg info --json` of every archive.
#[derive(Deserialize)]
struct Details {
    archives: Vec<Archive>,
}

#[derive(Deserialize)]
struct Archive {
    id: String,
    name: String,
    hostname: String,
    username: String,
    command_line: Value,
    comment: String,
    start: String,
    end: String,
    stats: Stats,
}

#[derive(Deserialize)]
struct Stats {
    nfiles: i64,
    original_size: i64,
}

#[async_trait::async_trait]
impl Collector for Borg {
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
        let output = |ran, operation| REFUSALS.output(ran, &SPEC, operation);

        let ran = tool.ask(ctx, LIST, &["list", "--bypass-lock", "--consider-checkpoints", "--json"]).await?;
        let listing: Listing = tool::parse(LIST, &output(ran, LIST)?)?;
        tool::check_id(&listing.repository.id, settings.repository_id.as_deref())?;
        // a pattern that matches no archive is an error to Borg
        let details = if listing.archives.is_empty() {
            Details { archives: Vec::new() }
        } else {
            let arguments = ["info", "--bypass-lock", "--glob-archives", "*", "--json"];
            let ran = tool.ask(ctx, INFO, &arguments).await?;
            tool::parse(INFO, &output(ran, INFO)?)?
        };
        let mut checked = None;
        if settings.check {
            let ran = tool.ask(ctx, CHECK, &["check"]).await?;
            let words = ran.last_words().trim_start_matches([':', ' ']).to_owned();
            checked = Some((ran.exit_code, words));
        }
        observe(&listing, &details, checked.as_ref())
    }
}

/// Whether a mode encrypts; `authenticated` ones only sign.
fn encrypts(mode: &str) -> Option<bool> {
    match mode {
        "none" | "authenticated" | "authenticated-blake2" => Some(false),
        "repokey" | "keyfile" | "repokey-blake2" | "keyfile-blake2" => Some(true),
        _ => None,
    }
}

fn observe(listing: &Listing, details: &Details, checked: Option<&(u16, String)>) -> Result<Observation, CollectError> {
    let mut archives = table(&SPEC, "borg_archive");
    for archive in &details.archives {
        push(
            &mut archives,
            row(json!({
                "archive_id": archive.id,
                "name": archive.name,
                "checkpoint": is_checkpoint(&archive.name),
                "hostname": archive.hostname,
                "username": archive.username,
                "command_line": words(&archive.command_line),
                "comment": Some(&archive.comment).filter(|comment| !comment.is_empty()),
                "started_at": tool::instant(INFO, &archive.start)?,
                "finished_at": tool::instant(INFO, &archive.end)?,
                "files": archive.stats.nfiles,
                "bytes": archive.stats.original_size,
            })),
        )?;
    }
    let mode = &listing.encryption.mode;
    let (passed, message) = match checked {
        None => (None, None),
        Some((0, _)) => (Some(true), None),
        Some((FOUND_SOMETHING, words)) => (Some(false), Some(words)),
        // it did not run to its end, so it says nothing
        Some((_, words)) => (None, Some(words)),
    };
    let mut repositories = table(&SPEC, "borg_repository");
    push(
        &mut repositories,
        row(json!({
            "repository_id": listing.repository.id,
            "repository": listing.repository.location,
            "encryption": mode,
            "encrypted": encrypts(mode),
            "last_modified_at": tool::instant(LIST, &listing.repository.last_modified)?,
            "check_passed": passed,
            "check_message": message,
        })),
    )?;

    let mut reasons = Vec::new();
    let listed: BTreeSet<(&str, &str)> =
        listing.archives.iter().map(|archive| (archive.id.as_str(), archive.name.as_str())).collect();
    let opened: BTreeSet<(&str, &str)> =
        details.archives.iter().map(|archive| (archive.id.as_str(), archive.name.as_str())).collect();
    let differing: Vec<&str> = listed.symmetric_difference(&opened).map(|(_, name)| *name).collect();
    if !differing.is_empty() || opened.len() != details.archives.len() || listed.len() != listing.archives.len() {
        let message = format!(
            "`borg list` names {} archives, `borg info` {}; not in both: {}{}",
            listing.archives.len(),
            details.archives.len(),
            differing.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", "),
            if differing.len() > SHOWN { ", …" } else { "" },
        );
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("borg_archive"));
    }
    if let Some((code @ 2.., words)) = checked {
        let message = format!("`borg check` did not run to its end: exit code {code}: {words}");
        let reason = Reason::new(ReasonCode::Failed, message).table("borg_repository");
        reasons.push(reason.columns(&["check_passed"]));
    }
    let count = opened.len() as u64;
    let basis = format!("Borg ended with exit code 0; its list names {count} archives, and each of them was opened");
    let mut observation = Observation {
        tables: vec![repositories, archives],
        completeness: Completeness::from_reasons(basis, reasons),
        counts: vec![Count {
            table: "borg_archive".to_owned(),
            counted: count,
            declared: Some(listed.len() as u64),
            declared_by: Some(LIST.to_owned()),
        }],
        caller: Some(Caller {
            identity: "the key of the repository".to_owned(),
            tenant: listing.repository.id.clone(),
        }),
        observed_at: None,
        redactions: Vec::new(),
    };
    observation.settle();
    Ok(observation)
}

/// The names Borg gives to what an interrupted backup leaves: `name.checkpoint`, `name.checkpoint.1`.
fn is_checkpoint(name: &str) -> bool {
    let (stem, last) = name.rsplit_once('.').unwrap_or(("", name));
    last == "checkpoint"
        || (stem.ends_with(".checkpoint") && !last.is_empty() && last.bytes().all(|c| c.is_ascii_digit()))
}

/// A command line: an array of words in Borg 1.2, one text in 1.4.
fn words(command_line: &Value) -> Value {
    match command_line {
        Value::String(text) => json!([text]),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{encrypts, is_checkpoint};

    #[test]
    fn what_an_interrupted_backup_leaves_is_told_by_its_name() {
        assert!(is_checkpoint("daily.checkpoint") && is_checkpoint("daily.checkpoint.12"));
        assert!(!is_checkpoint("daily") && !is_checkpoint("checkpoint.daily") && !is_checkpoint("a.checkpoint.b"));
    }

    #[test]
    fn a_signature_is_no_encryption_and_an_unknown_mode_says_nothing() {
        assert_eq!(encrypts("repokey-blake2"), Some(true));
        assert_eq!(encrypts("authenticated-blake2"), Some(false));
        assert_eq!(encrypts("repokey-chacha20-poly1305"), None);
    }
}
