//! What can go wrong with a store, where, and how it is mended. It decides no exit code: the binary does.

use jiff::Timestamp;
use model::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store in the directory.
    #[error("there is no evidence store in {}", dir.display())]
    NotAStore {
        /// Where one was looked for.
        dir: PathBuf,
    },
    /// `init` on a directory that holds a store already.
    #[error("there is an evidence store in {} already", dir.display())]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process writes to the store.
    #[error("the store in {} is in use{}", dir.display(), holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    Busy {
        /// The store.
        dir: PathBuf,
        /// `process 4711 since 2026-01-01T00:00:05Z`, where the holder left its note.
        holder: Option<String>,
    },
    /// The store was written by a later version; nothing has been written to it.
    #[error("{} has schema version {found}, this program knows versions up to {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// A file that is not this program's database.
    #[error("{} is not an evidence database (application id {found:#x})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its `application_id`.
        found: i64,
    },
    /// The linked SQLite can lose commits with two connections.
    #[error("SQLite {found} is linked, at least 3.51.3 is needed")]
    SqliteTooOld {
        /// Its version.
        found: String,
    },
    /// No space left where something had to be written.
    #[error("the disk is full: could not {what} {} ({free_bytes} bytes free there)", path.display())]
    DiskFull {
        /// What was being done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Bytes still free to this user on that file system.
        free_bytes: u64,
    },
    /// The operating system refused or failed.
    #[error("could not {what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused or failed.
    #[error("could not {what} in {}: {source}", path.display())]
    Database {
        /// What was being done.
        what: &'static str,
        /// In which database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Stored bytes are not what was stored.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// The store is older than a checkpoint it has signed: it was restored or copied.
    #[error("the store in {} is not the newest copy of its log: {problem}", dir.display())]
    Rollback {
        /// The store.
        dir: PathBuf,
        /// Which sizes or roots disagree.
        problem: String,
    },
    /// The folder of blobs is not the one this store writes to.
    #[error("the blobs of this store are not in {}: {problem}", blobs.display())]
    BlobsAway {
        /// The folder.
        blobs: PathBuf,
        /// What is there instead, or is not.
        problem: String,
    },
    /// The key given was the log's until an entry replaced it.
    #[error("the key `{given}` was replaced by `{expected}` in entry {entry} of the log in {}", dir.display())]
    FormerKey {
        /// The store.
        dir: PathBuf,
        /// The entry that replaced it.
        entry: u64,
        /// The key in force.
        expected: String,
        /// The key given.
        given: String,
    },
    /// The change of the key is in the log, and no checkpoint with the former key's signature covers it yet.
    #[error("entry {entry} of the log in {} replaces the key `{former}`, which has not signed that yet", dir.display())]
    UnsignedRotation {
        /// The store.
        dir: PathBuf,
        /// The entry.
        entry: u64,
        /// The key it replaces.
        former: String,
    },
    /// The second place checkpoints are copied to is not there.
    #[error("the mirror of the log is not in {}: {problem}", mirror.display())]
    MirrorAway {
        /// The folder.
        mirror: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// Nothing says that this store is behind anything.
    #[error("the store in {} is not behind any checkpoint known here, so there is nothing to restore", dir.display())]
    NotBehind {
        /// The store.
        dir: PathBuf,
    },
    /// The log was signed with another key.
    #[error("the log in {} belongs to the key `{expected}`, not to `{given}`", dir.display())]
    WrongKey {
        /// The store.
        dir: PathBuf,
        /// The key named in the genesis entry.
        expected: String,
        /// The key given.
        given: String,
    },
    /// An earlier failure left the outcome of a write unknown, so this process writes no more.
    #[error("the store stopped writing after an earlier failure: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// Entries are in the log for good, and publishing them failed.
    #[error("the entries are in the log, but could not be published: {source}")]
    Unpublished {
        /// What publishing met.
        source: Box<StoreError>,
    },
    /// The schedule slot has an outcome already.
    #[error("source `{source_name}` has an outcome for the slot {due_at} already")]
    SlotTaken {
        /// The source.
        source_name: String,
        /// When the slot was due.
        due_at: Timestamp,
    },
    /// What was to be sealed contradicts itself or refers to something absent.
    #[error("refused to seal: {problem}")]
    Unsealable {
        /// Why.
        problem: String,
    },
    /// Something asked for by digest or index is not there.
    #[error("{what} is not in the store in {}", dir.display())]
    Absent {
        /// `entry 7`, `blob 3f…`.
        what: String,
        /// The store.
        dir: PathBuf,
    },
    /// A blob larger than the cap.
    #[error("blob {digest} has {bytes} bytes, the cap is {cap}")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// Its size.
        bytes: u64,
        /// The cap.
        cap: u64,
    },
}

impl StoreError {
    /// How to mend it.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::NotAStore { .. } => {
                "run `evidenced init`, or point `[store] url` at the directory that holds `evidence.sqlite`".to_owned()
            }
            Self::Exists { .. } => "use it as it is, or choose an empty directory".to_owned(),
            Self::Busy { .. } => {
                "only one process writes: wait until it ends; reading commands work beside it"
                    .to_owned()
            }
            Self::Newer { .. } => "run the version of evidenced that last opened this store, or a later one".to_owned(),
            Self::Foreign { .. } => "point `[store] url` at a directory made by `evidenced init`".to_owned(),
            Self::SqliteTooOld { .. } => "build with the bundled SQLite (the default)".to_owned(),
            Self::DiskFull { path, .. } => {
                format!("{} and run the command again; nothing sealed was lost", free_space(path))
            }
            Self::Io { path, source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    format!("give the user that runs evidenced access to {}", path.display())
                }
                io::ErrorKind::ReadOnlyFilesystem => "mount the file system for writing".to_owned(),
                _ => "look at the system's log for disk errors, then run `evidenced fsck`".to_owned(),
            },
            Self::Database { .. } => "look at the system's log for disk errors, then run `evidenced fsck`".to_owned(),
            Self::Damaged { .. } => {
                "run `evidenced fsck` for the whole extent, and restore the named files from a backup".to_owned()
            }
            Self::Rollback { .. } => {
                "this is a restored or copied store, and nothing is written to it; reading commands work. Bring back the newest copy; if it is lost for good, `evidenced log restore --by NAME --reason \"…\"` seals that and goes on from here"
                    .to_owned()
            }
            Self::BlobsAway { .. } => {
                "mount the file system that holds the blobs, or point `[store] blobs` at their folder; nothing is written until then"
                    .to_owned()
            }
            Self::FormerKey { .. } => {
                "point `[log] key` at the new key's file, and `[log] previous_key` at this one as long as both sign".to_owned()
            }
            Self::UnsignedRotation { .. } => "point `[log] previous_key` at that key's file once more".to_owned(),
            Self::MirrorAway { .. } => {
                "mount or make that folder, or change `[log] mirror`; nothing is written until then".to_owned()
            }
            Self::NotBehind { .. } => {
                "if somebody holds a newer checkpoint, name its file: `--held FILE`; otherwise use the store as it is".to_owned()
            }
            Self::WrongKey { .. } => "point `[log] key` at the key this log was begun with".to_owned(),
            Self::Poisoned { .. } => {
                "the process must end; the next start completes or discards what was in flight".to_owned()
            }
            Self::Unpublished { source } => {
                let mend = match &**source {
                    Self::DiskFull { path, .. } => Some(free_space(path)),
                    other => other.help(),
                };
                let rest = "the next start publishes them: do not seal them again";
                mend.map_or_else(|| rest.to_owned(), |mend| format!("{mend}; {rest}"))
            }
            Self::SlotTaken { .. } => "a slot is run once; collect without a slot for another snapshot".to_owned(),
            Self::Unsealable { .. } | Self::Absent { .. } => return None,
            Self::TooLarge { .. } => "narrow the source's scope so that one answer stays below the cap".to_owned(),
        };
        Some(help)
    }

    /// Whether this process must not write again: the outcome of a write, or the integrity of what is stored, is unknown.
    pub const fn is_fail_stop(&self) -> bool {
        matches!(
            self,
            Self::Io { .. }
                | Self::Database { .. }
                | Self::Damaged { .. }
                | Self::Rollback { .. }
                | Self::BlobsAway { .. }
                | Self::Poisoned { .. }
                | Self::Unpublished { .. }
        )
    }

    /// Whether SQLite only found another connection in its way.
    pub(crate) fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode;
        matches!(self, Self::Database { source, .. }
            if matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)))
    }

    /// `what` says what could not be done; whatever begins with `sync` is a failed fsync.
    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        // a write that finds no room leaves things as they were; after an fsync that finds none, nobody knows what is on disk
        let full = !what.starts_with("sync")
            && [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT]
                .iter()
                .any(|errno| source.raw_os_error() == Some(errno.raw_os_error()));
        if full {
            Self::DiskFull { what, path: path.to_owned(), free_bytes: free_bytes(path) }
        } else {
            Self::Io { what, path: path.to_owned(), source }
        }
    }

    pub(crate) fn database(what: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull { what, path: path.to_owned(), free_bytes: free_bytes(path) },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path: path.to_owned(), problem: format!("could not {what}: {source}") }
            }
            _ => Self::Database { what, path: path.to_owned(), source },
        }
    }

    pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }
}

fn free_space(path: &Path) -> String {
    format!("free space on the file system of {}", path.display())
}

/// Bytes free to this user on the file system of `path`, or of its nearest existing parent.
fn free_bytes(path: &Path) -> u64 {
    path.ancestors()
        .find_map(|ancestor| rustix::fs::statvfs(ancestor).ok())
        .map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}
