//! Reading a local file as an exchange. Never opens a device, a pipe or a file outside the policy's, however it is
//! linked.

use crate::failure::{Failure, Kind};
use crate::policy::Policy;
use crate::record::Outcome;
use bytes::Bytes;
use jiff::Timestamp;
use model::CollectError;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt as _;

/// The error of a path that is not absolute.
pub(crate) fn relative(path: &Path) -> CollectError {
    CollectError::Misconfigured {
        message: format!("`{}` is not an absolute path", path.display()),
        help: "a collector is given absolute paths; this is a defect of the program, not of the configuration"
            .to_owned(),
    }
}

/// Reads `path` if the policy names it or a folder it is in.
pub(crate) async fn read(policy: &Policy, path: &Path) -> Outcome {
    match try_read(policy, path).await {
        Ok((body, modified)) => {
            let modified = modified.and_then(|modified| http_date_text(Timestamp::try_from(modified).ok()?));
            let headers = modified.map(|text| BTreeMap::from([("last-modified".to_owned(), text)]));
            Outcome { status: Some(200), headers: headers.unwrap_or_default(), body, failure: None }
        }
        Err(Trouble::Io(error)) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => status(404),
            io::ErrorKind::PermissionDenied => status(403),
            _ => Failure::new(Kind::Transport, error.to_string()).into(),
        },
        Err(Trouble::Failure(failure)) => failure.into(),
    }
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

async fn try_read(policy: &Policy, path: &Path) -> Result<Contents, Trouble> {
    let refused = |detail: String| Trouble::Failure(Failure::new(Kind::Refused, detail));
    if !policy.files.iter().any(|allowed| path.starts_with(allowed)) {
        return Err(refused(format!("`{}` is not a file this source may read", path.display())));
    }
    // a link inside an allowed folder must not lead out of it
    let real = tokio::fs::canonicalize(path).await?;
    if !is_allowed(policy, &real).await {
        return Err(refused(format!("`{}` leads to a file this source may not read", path.display())));
    }
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
    if after.len() != body.len() as u64 || after.modified().ok() != before.modified().ok() {
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
