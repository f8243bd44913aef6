//! `file_drop`: a folder where people and other tools leave files. The bytes are evidence and so is who left them: a file
//! about which nobody says anything is named, never passed over. It follows no link and changes nothing.

mod records;
mod word;

use crate::provider::declared::{self, Gather};
use crate::provider::files::{self, File};
use crate::provider::rows::{push, row, table};
use crate::settings;
use egress::{Collector, Context, Policy, Shape};
use model::collector::CollectorSpec;
use model::time::seconds_text;
use model::{CollectError, Count, Digest, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use word::{SUFFIX, Word};

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const LIST: &str = "list the folder";
const READ: &str = "read a file";
const WORD: &str = "read the word about a file";
const FILE: &str = "file_drop_file";

pub(crate) struct FileDrop;

#[derive(Deserialize)]
struct Settings {
    folder: PathBuf,
    ignore: Vec<String>,
}

/// What is declared of a table besides.
#[derive(Deserialize)]
struct Own {
    file: String,
}

/// A name in the folder.
#[derive(Deserialize, PartialEq, Eq)]
struct Entry {
    name: String,
    kind: String,
    bytes: Option<u64>,
    modified_at: Option<model::Timestamp>,
}

#[async_trait::async_trait]
impl Collector for FileDrop {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn shape(&self, source: &str, settings: &Value) -> Result<Shape, CollectError> {
        declared::shape(&SPEC, source, settings)
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        Ok(files::policy(&SPEC, vec![settings.folder]))
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let tables = declared::tables::<Own>(&SPEC, &ctx.source, &ctx.settings)?;
        let before = list(ctx, &settings).await?;
        let mut drop = Drop { ctx, settings: &settings, reasons: Vec::new() };
        let mut files = table(&SPEC, FILE);
        let mut read: BTreeMap<&str, bytes::Bytes> = BTreeMap::new();
        let mut made_at = BTreeMap::new();
        let mut listed = 0;
        let names = |name: &str| before.iter().any(|entry| entry.name == name && entry.kind == "file");
        for entry in before.iter().filter(|entry| !settings.ignore.contains(&entry.name)) {
            let name = entry.name.as_str();
            if entry.kind != "file" {
                drop.miss(format!("`{name}` is a {}, not a file", kind(&entry.kind)));
                continue;
            }
            if let Some(of) = name.strip_suffix(SUFFIX) {
                if !names(of) {
                    drop.miss(format!("`{name}` is about `{of}`, which is not there"));
                }
                continue;
            }
            listed += 1;
            let Some(content) = drop.read(READ, name).await? else { continue };
            let sha256 = Digest::of(&content);
            let about = format!("{name}{SUFFIX}");
            let word = if names(&about) { drop.word(&about).await? } else { None };
            if !names(&about) {
                drop.miss(format!("nobody says what `{name}` is: `{about}` is not there"));
            }
            if let Some(expected) = word.as_ref().and_then(|word| word.sha256.as_ref())
                && !expected.eq_ignore_ascii_case(&sha256.to_string())
            {
                drop.miss(format!("`{name}` has the digest {sha256}, `{about}` says {expected}"));
            }
            if let Some(word) = &word {
                if word.is_ahead_of(ctx.started_at) {
                    drop.miss(format!("`{about}` says that `{name}` is of {}, a day yet to come", word.when));
                }
                made_at.extend(word.made_at().map(|made_at| (name, made_at)));
            }
            push(&mut files, file_row(entry, sha256, content.len(), word.as_ref()))?;
            read.insert(name, content);
        }
        if list(ctx, &settings).await? != before {
            drop.miss("the folder changed while it was read".to_owned());
        }

        let mut gathered = Vec::with_capacity(tables.len());
        for table in &tables {
            let mut gather = Gather::new(table);
            let file = &table.own.file;
            match read.get(file.as_str()) {
                Some(content) => records::read(file, content, &mut gather),
                None => gather.miss(ReasonCode::MemberFailed, format!("`{file}` was not read")),
            }
            gathered.push(gather);
        }
        let counted = Count {
            table: FILE.to_owned(),
            counted: files.len() as u64,
            declared: Some(listed),
            declared_by: Some("the list of the folder".to_owned()),
        };
        let basis =
            "every file of the folder was read and has a word about it, and the folder was the same before and after";
        // rows are as old as the oldest file they come from, however lately it was read
        let oldest = tables.iter().filter_map(|table| made_at.get(table.own.file.as_str())).min();
        let observed_at = oldest.map(|made_at| (*made_at).min(ctx.started_at));
        let mut observation = declared::observe(ctx, gathered, basis, drop.reasons, None, observed_at);
        observation.tables.insert(0, files);
        observation.counts.insert(0, counted);
        Ok(observation)
    }
}

async fn list(ctx: &Context, settings: &Settings) -> Result<Vec<Entry>, CollectError> {
    let answer = ctx.egress.take_stock(LIST, &settings.folder).await?;
    let listed = File::from(answer).required(&SPEC, LIST, &settings.folder)?;
    serde_json::from_slice(&listed.content).map_err(|error| CollectError::Malformed {
        operation: LIST.to_owned(),
        message: format!("not a list of what the folder holds: {error}"),
    })
}

/// One run over the folder, and what it missed.
struct Drop<'a> {
    ctx: &'a Context,
    settings: &'a Settings,
    reasons: Vec<Reason>,
}

impl Drop<'_> {
    fn miss(&mut self, message: String) {
        self.reasons.push(Reason::new(ReasonCode::MemberFailed, message).table(FILE));
    }

    /// The bytes of the file `name`; none when they could not be had, which is then said.
    async fn read(&mut self, operation: &str, name: &str) -> Result<Option<bytes::Bytes>, CollectError> {
        let why = match files::read(self.ctx, operation, &self.settings.folder.join(name)).await {
            Ok(File::Read(file)) => return Ok(Some(file.content)),
            Ok(File::Denied) => {
                let reason = Reason::new(ReasonCode::Denied, format!("this process may not read `{name}`"));
                self.reasons.push(reason.table(FILE).permission(&files::permission(&SPEC, operation)));
                return Ok(None);
            }
            Ok(File::Absent) => "it is gone".to_owned(),
            Err(error) => error.to_string(),
        };
        self.miss(format!("`{name}` was not read: {why}"));
        Ok(None)
    }

    async fn word(&mut self, about: &str) -> Result<Option<Word>, CollectError> {
        let Some(content) = self.read(WORD, about).await? else { return Ok(None) };
        match Word::parse(&content) {
            Ok(word) => Ok(Some(word)),
            Err(problem) => {
                self.miss(format!("`{about}` {problem}"));
                Ok(None)
            }
        }
    }
}

fn file_row(entry: &Entry, sha256: Digest, bytes: usize, word: Option<&Word>) -> model::Row {
    row(json!({
        "file": entry.name,
        "sha256": sha256.to_string(),
        "bytes": bytes,
        "modified_at": entry.modified_at.map(seconds_text),
        "who": word.map(|word| &word.who),
        "what": word.map(|word| &word.what),
        "made_on": word.map(|word| word.when.to_string()),
        "controls": word.map(|word| &word.controls),
        "note": word.and_then(|word| word.note.as_ref()),
    }))
}

fn kind(kind: &str) -> &str {
    match kind {
        "link" => "symbolic link",
        "folder" => "folder",
        _ => "device, pipe or socket",
    }
}
