//! The files of a host, read here or as another host told them. Whoever asks cannot tell the difference.

use crate::linux_accounts::frames::{Answer, Section};
use crate::linux_accounts::{HOSTNAME, SELF, SPEC, Settings};
use crate::provider::files::{self, Content, File};
use bytes::Bytes;
use egress::{Context, RedactFile};
use model::{Caller, CollectError};
use std::path::Path;

/// A host whose files can be read.
pub(super) enum Host<'a> {
    /// This one, or an image of one below a folder.
    Here { ctx: &'a Context, settings: &'a Settings },
    /// Another, that answered already.
    There { answer: Answer, login: String },
}

impl Host<'_> {
    /// Whether it can be asked about a path at all: an older script on another host does not tell of every one.
    pub(super) fn tells(&self, path: &str) -> bool {
        match self {
            Self::Here { .. } => true,
            Self::There { answer, .. } => answer.sections.contains_key(path),
        }
    }

    pub(super) async fn read(&self, operation: &str, path: &str) -> Result<File, CollectError> {
        match self {
            Self::Here { ctx, settings } => files::read(ctx, operation, &settings.fixed(path)).await,
            Self::There { answer, .. } => told(answer, operation, path),
        }
    }

    /// Reads a file without its secrets; another host's were taken out of its whole answer.
    pub(super) async fn read_redacted(
        &self,
        operation: &str,
        path: &str,
        redact: RedactFile,
    ) -> Result<File, CollectError> {
        match self {
            Self::Here { ctx, settings } => files::read_redacted(ctx, operation, &settings.fixed(path), redact).await,
            Self::There { answer, .. } => told(answer, operation, path),
        }
    }

    /// The names in a folder; none when it may not be read.
    pub(super) async fn list(&self, operation: &str, path: &str) -> Result<Option<Vec<String>>, CollectError> {
        match self {
            Self::Here { ctx, settings } => files::list(ctx, operation, &settings.fixed(path)).await,
            Self::There { answer, .. } => Ok(match told(answer, operation, path)? {
                File::Denied => None,
                File::Absent => Some(Vec::new()),
                File::Read(file) => Some(names(operation, path, &file.content)?),
            }),
        }
    }

    /// Which host, and as which user.
    pub(super) async fn caller(&self) -> Result<Caller, CollectError> {
        let (ctx, settings) = match self {
            Self::Here { ctx, settings } => (ctx, settings),
            Self::There { answer, login } => {
                let identity = format!("{login}, uid {}", answer.uid);
                return Ok(Caller { identity, tenant: answer.host.clone() });
            }
        };
        let tenant = match &settings.hostname {
            Some(hostname) => hostname.clone(),
            None => match self.read(HOSTNAME, "/etc/hostname").await? {
                File::Read(file) => String::from_utf8_lossy(&file.content).trim().to_owned(),
                File::Absent | File::Denied => String::new(),
            },
        };
        if tenant.is_empty() {
            return Err(CollectError::Misconfigured {
                message: "this host has no name in /etc/hostname".to_owned(),
                help: "set `hostname` of this source".to_owned(),
            });
        }
        let status = Path::new("/proc/self/status");
        let content = files::read(ctx, SELF, status).await?.required(&SPEC, SELF, status)?;
        // proc_pid_status(5): real, effective, saved and filesystem uid
        let effective = String::from_utf8_lossy(&content.content)
            .lines()
            .find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1).map(str::to_owned))
            .ok_or_else(|| malformed(SELF, "no `Uid:` line".to_owned()))?;
        Ok(Caller { identity: format!("uid {effective}"), tenant })
    }
}

fn malformed(operation: &str, message: String) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message }
}

fn told(answer: &Answer, operation: &str, path: &str) -> Result<File, CollectError> {
    match answer.sections.get(path) {
        Some(Section::Read(content)) => Ok(File::Read(Content { content: content.clone(), modified_at: None })),
        Some(Section::Absent) => Ok(File::Absent),
        Some(Section::Denied) => Ok(File::Denied),
        Some(Section::Unusable(what)) => Err(malformed(operation, format!("`{path}` of the host {what}"))),
        None => Err(malformed(operation, format!("the host's answer says nothing about `{path}`"))),
    }
}

fn names(operation: &str, path: &str, content: &Bytes) -> Result<Vec<String>, CollectError> {
    let text =
        std::str::from_utf8(content).map_err(|_| malformed(operation, format!("a name in `{path}` is not UTF-8")))?;
    Ok(text.lines().map(str::to_owned).collect())
}
