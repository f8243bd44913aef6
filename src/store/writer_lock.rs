//! One writer per store: an exclusive lock of the operating system on `writer.lock`, which no kill leaves behind.

use crate::durable::FILE_MODE;
use crate::error::StoreError;
use jiff::Timestamp;
use rustix::fs::FlockOperation;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The file that is locked. It holds a note of the holder while locked, and is empty after a clean close.
pub(crate) const FILE: &str = "writer.lock";

/// The socket beside it, on which a daemon that holds the lock may lend the store to a command.
pub const DAEMON_SOCKET: &str = "daemon.sock";

/// The lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
}

impl WriterLock {
    /// Takes the lock, or says who holds it.
    pub(crate) fn take(dir: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let failed = |error| StoreError::io("lock", &path, error);
        // std opens close-on-exec, so a child process does not inherit the lock
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::Busy { dir: dir.to_owned(), holder: holder(&mut file) });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        file.set_len(0).map_err(failed)?;
        let note = format!("process {} since {}\n", std::process::id(), model::time::seconds_text(now));
        file.write_all(note.as_bytes()).map_err(failed)?;
        Ok(Self { file })
    }

    /// Keeps writers out without leaving a note, for a reader that wants the store to hold still.
    pub(crate) fn hold_still(dir: &Path) -> Still {
        let file = match File::open(dir.join(FILE)) {
            Ok(file) => file,
            // no writer has come since the file was lost
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Still::Unlocked,
            Err(_) => return Still::Written,
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Still::Locked { _lock: Self { file } },
            Err(_) => Still::Written,
        }
    }
}

/// Whether a store holds still.
pub(crate) enum Still {
    /// As long as this is kept.
    Locked {
        /// Released when dropped.
        _lock: WriterLock,
    },
    /// It has no lock file, so there is no writer now.
    Unlocked,
    /// A writer is at work, or it cannot be told.
    Written,
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // the note is for people only; fails harmlessly on the read-only descriptor of `hold_still`
        let _ = self.file.set_len(0);
    }
}

/// Whether `bytes` are a note as [`WriterLock::take`] leaves it.
pub(crate) fn is_note(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).ok();
    let fields = text.and_then(|text| text.strip_prefix("process ")?.strip_suffix('\n')?.split_once(" since "));
    fields.is_some_and(|(process, since)| process.parse::<u32>().is_ok() && since.parse::<Timestamp>().is_ok())
}

fn holder(file: &mut File) -> Option<String> {
    let mut note = String::new();
    file.take(200).read_to_string(&mut note).ok()?;
    let note = note.trim();
    note.starts_with("process ").then(|| note.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_writer_learns_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let now = "2026-01-01T00:00:05Z".parse().unwrap();
        let first = WriterLock::take(dir.path(), now).unwrap();
        let error = WriterLock::take(dir.path(), now).unwrap_err();
        let expected = format!("in use by process {} since 2026-01-01T00:00:05Z", std::process::id());
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(matches!(WriterLock::hold_still(dir.path()), Still::Written));
        drop(first);
        assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), b"");
        let still = WriterLock::hold_still(dir.path());
        assert!(matches!(still, Still::Locked { .. }));
        WriterLock::take(dir.path(), now).unwrap_err();
        drop(still);
        WriterLock::take(dir.path(), now).unwrap();
    }
}
