//! Reading a local file or the names in a folder as an exchange. Never opens a device, a pipe or a file outside the
//! policy's, however it is linked.

use crate::failure::{Failure, Kind};
use crate::policy::Policy;
use crate::record::Outcome;
use bytes::Bytes;
use jiff::Timestamp;
use model::CollectError;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt as _;

/// Takes secrets out of a file before it is hashed or kept: the bytes that stay, and what was replaced, in words
/// without the secret.
pub type RedactFile = fn(&[u8]) -> (Bytes, Vec<String>);

/// The recorded header that says what [`RedactFile`] replaced, so that a replay says it too.
pub(crate) const REDACTED_HEADER: &str = "x-evidenced-redacted";

/// What is read at a path.
#[derive(Clone, Copy)]
pub(crate) enum Reading {
    /// A file as it is.
    File,
    /// A file without its secrets.
    Redacted(RedactFile),
    /// The names in a folder.
    Folder,
    /// What each name in a folder is, its size and when it was changed.
    Inventory,
}

impl Reading {
    /// The method of the recorded exchange.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::File | Self::Redacted(_) => "READ",
            Self::Folder => "LIST",
            Self::Inventory => "STAT",
        }
    }
}

/// The error of a path that is not absolute.
pub(crate) fn relative(path: &Path) -> CollectError {
    CollectError::Misconfigured {
        message: format!("`{}` is not an absolute path", path.display()),
        help: "a collector is given absolute paths; this is a defect of the program, not of the configuration"
            .to_owned(),
    }
}

/// Reads `path` if the policy names it or a folder it is in.
pub(crate) async fn read(policy: &Policy, path: &Path, reading: Reading) -> Outcome {
    let contents = match reading {
        Reading::Folder => try_list(policy, path).await,
        Reading::Inventory => try_take_stock(policy, path).await,
        Reading::File | Reading::Redacted(_) => try_read(policy, path, reading).await,
    };
    match contents {
        Ok((mut body, modified)) => {
            let modified = modified.and_then(|modified| http_date_text(Timestamp::try_from(modified).ok()?));
            let mut headers = BTreeMap::new();
            headers.extend(modified.map(|text| ("last-modified".to_owned(), text)));
            if let Reading::Redacted(redact) = reading {
                body = redacted(redact, &body, &mut headers);
            }
            Outcome { status: Some(200), headers, body, ..Outcome::default() }
        }
        Err(Trouble::Io(error)) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => status(404),
            io::ErrorKind::PermissionDenied => status(403),
            _ => Failure::new(Kind::Transport, error.to_string()).into(),
        },
        Err(Trouble::Failure(failure)) => failure.into(),
    }
}

/// What `redact` lets through of `body`; what it replaced is said in `headers`.
pub(crate) fn redacted(redact: RedactFile, body: &[u8], headers: &mut BTreeMap<String, String>) -> Bytes {
    let (clean, replaced) = redact(body);
    if !replaced.is_empty() {
        headers.insert(REDACTED_HEADER.to_owned(), replaced.join("; "));
    }
    clean
}

fn status(status: u16) -> Outcome {
    Outcome { status: Some(status), ..Outcome::default() }
}

enum Trouble {
    Io(io::Error),
    Failure(Failure),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Contents = (Bytes, Option<std::time::SystemTime>);

fn refused(detail: String) -> Trouble {
    Trouble::Failure(Failure::new(Kind::Refused, detail))
}

/// The place `path` stands for, if the policy lets it be read.
async fn resolve(policy: &Policy, path: &Path, reading: Reading) -> Result<PathBuf, Trouble> {
    let plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
    // what a redaction lets through is harmless wherever a link leads: the path itself decides
    let by_ending = matches!(reading, Reading::Redacted(_))
        && policy.redacted_endings.iter().any(|ending| !ending.as_os_str().is_empty() && path.ends_with(ending));
    let by_place = policy.files.iter().any(|allowed| path.starts_with(allowed));
    if !plain || !(by_ending || by_place) {
        return Err(refused(format!("`{}` is not a file this source may read", path.display())));
    }
    // a link inside an allowed folder must not lead out of it
    let real = tokio::fs::canonicalize(path).await?;
    if !by_ending && !is_allowed(policy, &real).await {
        return Err(refused(format!("`{}` leads to a file this source may not read", path.display())));
    }
    Ok(real)
}

/// The names in a folder, sorted, as a JSON array.
async fn try_list(policy: &Policy, path: &Path) -> Result<Contents, Trouble> {
    let real = resolve(policy, path, Reading::Folder).await?;
    let mut entries = tokio::fs::read_dir(&real).await?;
    let mut names = Vec::new();
    let mut bytes = 0;
    while let Some(entry) = entries.next_entry().await? {
        let Ok(name) = entry.file_name().into_string() else {
            let detail = format!("a name in `{}` is not UTF-8", path.display());
            return Err(Trouble::Failure(Failure::new(Kind::Encoded, detail)));
        };
        bytes += name.len() as u64;
        if bytes > policy.max_body_bytes {
            let detail = format!("the names in the folder are larger than {} bytes", policy.max_body_bytes);
            return Err(Trouble::Failure(Failure::new(Kind::TooLarge, detail)));
        }
        names.push(name);
    }
    names.sort();
    let modified = tokio::fs::metadata(&real).await?.modified().ok();
    Ok((serde_json::Value::from(names).to_string().into(), modified))
}

/// What is in a folder, sorted by name, as a JSON array; nothing is opened and no link followed.
async fn try_take_stock(policy: &Policy, path: &Path) -> Result<Contents, Trouble> {
    let real = resolve(policy, path, Reading::Inventory).await?;
    let mut entries = tokio::fs::read_dir(&real).await?;
    let mut stock = BTreeMap::new();
    while let Some(entry) = entries.next_entry().await? {
        let Ok(name) = entry.file_name().into_string() else {
            let detail = format!("a name in `{}` is not UTF-8", path.display());
            return Err(Trouble::Failure(Failure::new(Kind::Encoded, detail)));
        };
        // of the entry itself, not of where a link leads
        let metadata = entry.metadata().await?;
        let kind = match metadata.file_type() {
            kind if kind.is_file() => "file",
            kind if kind.is_dir() => "folder",
            kind if kind.is_symlink() => "link",
            _ => "other",
        };
        let modified = metadata.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
        let modified = modified.map(model::time::seconds_text);
        let bytes = (kind == "file").then_some(metadata.len());
        stock.insert(name.clone(), json!({ "name": name, "kind": kind, "bytes": bytes, "modified_at": modified }));
    }
    let body = stock.into_values().collect::<serde_json::Value>().to_string();
    if body.len() as u64 > policy.max_body_bytes {
        let detail = format!("what the folder holds is described by more than {} bytes", policy.max_body_bytes);
        return Err(Trouble::Failure(Failure::new(Kind::TooLarge, detail)));
    }
    Ok((body.into(), None))
}

async fn try_read(policy: &Policy, path: &Path, reading: Reading) -> Result<Contents, Trouble> {
    let real = resolve(policy, path, reading).await?;
    let before = tokio::fs::metadata(&real).await?;
    if !before.is_file() {
        return Err(refused(format!("`{}` is not a regular file", path.display())));
    }
    let cap = policy.max_body_bytes;
    let mut body = Vec::new();
    let mut file = tokio::fs::File::open(&real).await?;
    (&mut file).take(cap.saturating_add(1)).read_to_end(&mut body).await?;
    if body.len() as u64 > cap {
        return Err(Trouble::Failure(Failure::new(Kind::TooLarge, format!("the file is larger than {cap} bytes"))));
    }
    let after = file.metadata().await?;
    // files of procfs have no length
    if (after.len() != 0 && after.len() != body.len() as u64) || after.modified().ok() != before.modified().ok() {
        return Err(Trouble::Failure(Failure::new(Kind::Changed, "the file changed while it was read")));
    }
    Ok((Bytes::from(body), after.modified().ok()))
}

async fn is_allowed(policy: &Policy, real: &Path) -> bool {
    for allowed in &policy.files {
        let allowed: PathBuf = tokio::fs::canonicalize(allowed).await.unwrap_or_else(|_| allowed.clone());
        if real.starts_with(&allowed) {
            return true;
        }
    }
    false
}

fn http_date_text(instant: Timestamp) -> Option<String> {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).ok()
}
