//! What one run may talk to and how much it may take. Decided before the run, from its settings alone.

use crate::address;
use crate::failure::{Failure, Kind};
use model::CollectError;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The bounds of one run.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Scheme, host, port and base path that may be talked to. Plain `http` only where an origin itself is `http`.
    pub origins: Vec<Url>,
    /// Operations that may be made, as `collector.toml` names them.
    pub operations: Vec<String>,
    /// Files that may be read, and folders whose files may be.
    pub files: Vec<PathBuf>,
    /// Ends of paths that may be read anywhere, through a redaction only: `.ssh/authorized_keys`.
    pub redacted_endings: Vec<PathBuf>,
    /// Programs that may be run, by absolute path.
    pub programs: Vec<PathBuf>,
    /// Databases that may be asked, by host and port.
    pub databases: Vec<(String, u16)>,
    /// Cap on one body.
    pub max_body_bytes: u64,
    /// How much of what a program writes to standard error is kept: its end.
    pub max_stderr_bytes: usize,
    /// Cap on all bodies of the run together.
    pub max_total_bytes: u64,
    /// Cap on the pages of one listing; enforced by [`crate::Pages`].
    pub max_pages: u32,
    /// Time the whole run may take, waiting included.
    pub deadline: Duration,
    /// Time one attempt, or one program, may take.
    pub request_timeout: Duration,
    /// Attempts at one request.
    pub attempts: u32,
    /// The wait before the second attempt where the source names none; doubled for each further one.
    pub first_wait: Duration,
    /// Cap on any wait, whatever `retry-after` says.
    pub max_wait: Duration,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Whether the source's ETags can be relied on, so that it may be asked whether an answer of before still holds.
    pub conditional: bool,
}

impl Default for Policy {
    /// Nothing may be talked to; the caps are those of the documentation.
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            operations: Vec::new(),
            files: Vec::new(),
            redacted_endings: Vec::new(),
            programs: Vec::new(),
            databases: Vec::new(),
            max_body_bytes: 64 * 1024 * 1024,
            max_stderr_bytes: 4 * 1024,
            max_total_bytes: 1024 * 1024 * 1024,
            max_pages: 10_000,
            deadline: Duration::from_mins(10),
            request_timeout: Duration::from_mins(1),
            attempts: 4,
            first_wait: Duration::from_millis(500),
            max_wait: Duration::from_mins(1),
            concurrency: 4,
            conditional: false,
        }
    }
}

/// A door that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// An origin that is not a web address.
    #[error("`{0}` is not an http or https origin without user, query and fragment")]
    Origin(Url),
    /// An origin where no source is.
    #[error("`{0}` is {1}")]
    Address(Url, &'static str),
    /// The HTTP client could not be set up.
    #[error("the http client cannot be set up: {0}")]
    Client(String),
}

impl From<EgressError> for CollectError {
    fn from(error: EgressError) -> Self {
        let help = match error {
            EgressError::Origin(_) => "write the address as `https://host/base-path`",
            EgressError::Address(..) => "write the address of the source itself",
            EgressError::Client(_) => "look at the host's certificate store",
        };
        Self::Misconfigured { message: error.to_string(), help: help.to_owned() }
    }
}

impl Policy {
    pub(crate) fn check(&self) -> Result<(), EgressError> {
        let plain = |url: &&Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        if let Some(url) = self.origins.iter().find(|url| !plain(url)) {
            return Err(EgressError::Origin(url.clone()));
        }
        let forbidden = |url: &Url| Some(EgressError::Address(url.clone(), address::forbidden_origin(url)?));
        self.origins.iter().find_map(forbidden).map_or(Ok(()), Err)
    }

    /// Whether `operation` may be asked of `url`.
    pub(crate) fn allows(&self, operation: &str, url: &Url) -> Result<(), Failure> {
        self.allows_operation(operation)?;
        if self.origins.iter().any(|origin| is_within(origin, url)) {
            return Ok(());
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let place = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or("?"), url.path());
        Err(Failure::new(Kind::Refused, format!("{place} is outside the places this source may talk to")))
    }

    pub(crate) fn allows_operation(&self, operation: &str) -> Result<(), Failure> {
        if self.operations.iter().any(|allowed| allowed == operation) {
            return Ok(());
        }
        Err(Failure::new(Kind::Refused, format!("`{operation}` is not an operation of this collector")))
    }
}

/// Whether `url` has the scheme, host and port of `base`, no user, and a path at or below its path.
pub(crate) fn is_within(base: &Url, url: &Url) -> bool {
    let base_path = base.path().trim_end_matches('/');
    let below = url.path().strip_prefix(base_path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    base.scheme() == url.scheme()
        && base.host() == url.host()
        && base.port_or_known_default() == url.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none()
        && below
}
