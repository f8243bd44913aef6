//! Why a pack could not be written or examined.

#[cfg(feature = "write")]
use crate::plan::SourceError;
use std::io;
use std::path::PathBuf;

/// A pack that could not be written. Nothing is left under the final name.
#[cfg(feature = "write")]
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something of that name exists.
    #[error("cannot write the pack: `{0}` exists already\nhelp: choose another name, or remove it first")]
    Exists(PathBuf),
    /// The disk failed.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The pack, or the file in it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The store could not hand something out.
    #[error("cannot read {what} from the store: {source}\nhelp: `evidenced fsck` says what is damaged")]
    Source {
        /// What was asked for.
        what: String,
        /// What the store said.
        source: SourceError,
    },
    /// What was handed out is not what the log says.
    #[error(
        "{what} is not what the log holds: {problem}\nhelp: `evidenced fsck` says what is damaged; nothing was written"
    )]
    Unproven {
        /// Which document, entry or body.
        what: String,
        /// Where the proof breaks.
        problem: String,
    },
    /// Nobody could verify it.
    #[error(
        "the pack would be too large to be verified: {0}\nhelp: narrow the period (--from, --to) or choose a framework (--framework)"
    )]
    TooLarge(String),
    /// The plan contradicts itself.
    #[error("the pack cannot be made: {0}")]
    Plan(String),
    /// A value has no canonical form.
    #[error(transparent)]
    Canonical(#[from] model::CanonicalError),
    /// A summary could not be written.
    #[error("cannot make a summary: {0}")]
    Summary(#[from] csv::Error),
    /// JSON of a summary could not be written.
    #[error("cannot make a summary: {0}")]
    Json(#[from] serde_json::Error),
}

#[cfg(feature = "write")]
impl PackError {
    /// Whether the disk is to blame rather than the plan or the store.
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Write { .. })
    }
}

/// Something that could not be examined at all. Damage is not an error: it is a problem in the report.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be opened or read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else.
    #[error("`{0}` is not an evidence pack\nhelp: give the ZIP file or the folder that `evidenced pack create` wrote")]
    NotAPack(PathBuf),
    /// A newer program wrote it.
    #[error(
        "`{path}` is a pack of the format `{schema}`, which this program does not know\nhelp: use a newer `evidenced`"
    )]
    Newer {
        /// The pack.
        path: PathBuf,
        /// Its format.
        schema: String,
    },
    /// The checkpoint or key given to compare with cannot be used.
    #[error("{what} cannot be used: {problem}")]
    Option {
        /// Which option.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}
