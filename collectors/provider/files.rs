//! Local files as a source: what is absent or may not be read is evidence, not an error.

use bytes::Bytes;
use egress::{Answer, Context, Policy, RedactFile};
use model::collector::CollectorSpec;
use model::{CollectError, Timestamp};
use std::path::{Path, PathBuf};

/// What reading a path gave.
pub(crate) enum File {
    Read(Content),
    Absent,
    Denied,
}

pub(crate) struct Content {
    pub(crate) content: Bytes,
    pub(crate) modified_at: Option<Timestamp>,
}

impl From<Answer> for File {
    fn from(answer: Answer) -> Self {
        match answer.status {
            200 => {
                let modified_at = answer
                    .headers
                    .get("last-modified")
                    .and_then(|value| jiff::fmt::rfc2822::parse(value.to_str().ok()?).ok())
                    .map(|zoned| zoned.timestamp());
                Self::Read(Content { content: answer.body, modified_at })
            }
            403 => Self::Denied,
            _ => Self::Absent,
        }
    }
}

impl File {
    /// The content of a file without which there is no population.
    pub(crate) fn required(self, spec: &CollectorSpec, operation: &str, path: &Path) -> Result<Content, CollectError> {
        match self {
            Self::Read(content) => Ok(content),
            Self::Absent => Err(CollectError::Misconfigured {
                message: format!("`{}` does not exist", path.display()),
                help: "look at the path in the source's settings; relative ones start at the configuration file"
                    .to_owned(),
            }),
            Self::Denied => Err(CollectError::Denied {
                operation: operation.to_owned(),
                permission: permission(spec, operation),
                message: format!("this process may not read `{}`", path.display()),
            }),
        }
    }
}

/// The permission `operation` needs, as collector.toml says.
pub(crate) fn permission(spec: &CollectorSpec, operation: &str) -> String {
    spec.operation(operation).map_or_else(|| operation.to_owned(), |operation| operation.permission.clone())
}

/// A policy that lets these files be read and nothing leave the host.
pub(crate) fn policy(spec: &CollectorSpec, files: Vec<PathBuf>) -> Policy {
    Policy {
        operations: spec.operations.iter().map(|operation| operation.name.clone()).collect(),
        files,
        ..Policy::default()
    }
}

pub(crate) async fn read(ctx: &Context, operation: &str, path: &Path) -> Result<File, CollectError> {
    ctx.egress.read_path(operation, path).await.map(File::from)
}

pub(crate) async fn read_redacted(
    ctx: &Context,
    operation: &str,
    path: &Path,
    redact: RedactFile,
) -> Result<File, CollectError> {
    ctx.egress.read_file_redacted(operation, path, redact).await.map(File::from)
}

/// The names in a folder; none when it is absent.
pub(crate) async fn list(ctx: &Context, operation: &str, path: &Path) -> Result<Option<Vec<String>>, CollectError> {
    match File::from(ctx.egress.list_folder(operation, path).await?) {
        File::Denied => Ok(None),
        File::Absent => Ok(Some(Vec::new())),
        File::Read(file) => serde_json::from_slice(&file.content).map(Some).map_err(|error| CollectError::Malformed {
            operation: operation.to_owned(),
            message: format!("not a JSON array of names: {error}"),
        }),
    }
}
