//! Exit codes, and errors that know theirs.

use std::fmt;

/// How a command ended. Programs rely on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done and nothing wrong.
    Done = 0,
    /// A check failed, or verification found tampering.
    Failed = 1,
    /// Usage, configuration or unreadable input.
    Usage = 2,
    /// Evidence missing, partial or stale, and nothing failed.
    Inconclusive = 3,
    /// The disk or store failed.
    Store = 74,
    /// The store is in use.
    Busy = 75,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that could not do what was asked: what happened, how to mend it, the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Failure {
    /// A mistake in what was asked.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), help: Some(help.into()) }
    }

    /// A failure of this program or of the machine under it.
    pub(crate) fn store(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Store, message: message.to_string(), help: None }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}
