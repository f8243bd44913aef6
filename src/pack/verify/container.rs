//! The bytes of a pack in either form, read only, with nothing in them trusted.

use super::report::Problem;
use crate::archive::{Archive, ArchiveError, looks_like_archive};
use crate::error::VerifyError;
use crate::names::is_safe_path;
use model::{Digest, Hasher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Files beyond this are not looked at.
const MAX_FILES: usize = 2_000_000;
/// Folders deeper than this are not looked into.
const MAX_DEPTH: usize = 12;
/// An archive may unpack to this many bytes ...
const FREE_BYTES: u64 = if cfg!(test) { 1 << 24 } else { 1 << 30 };
/// ... or to this many times its own length, whichever is more.
const MAX_RATIO: u64 = 400;

enum Form {
    Archive(Box<Archive>),
    Folder(PathBuf),
}

/// What is known of a file after reading it through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
}

/// A pack whose files have all been read through once.
pub(crate) struct Container {
    form: Form,
    positions: BTreeMap<String, usize>,
    seen: BTreeMap<String, Seen>,
    /// Files whose bytes could not be had whole; each has a problem already.
    broken: BTreeSet<String>,
}

impl Container {
    /// Reads every file through. Damage becomes problems; none is returned when there is nothing left to look at.
    pub(crate) fn open(path: &Path, problems: &mut Vec<Problem>) -> Result<Option<Self>, VerifyError> {
        let failed = |source| VerifyError::Read { path: path.to_owned(), source };
        if fs::metadata(path).map_err(failed)?.is_dir() {
            return Self::folder(path, problems).map(Some).map_err(failed);
        }
        let file = open_plain(path).map_err(failed)?;
        Self::archive(path, file, problems)
    }

    fn archive(path: &Path, mut file: File, problems: &mut Vec<Problem>) -> Result<Option<Self>, VerifyError> {
        let failed = |source| VerifyError::Read { path: path.to_owned(), source };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if !looks_like_archive(&mut file).map_err(failed)? {
            return Err(VerifyError::NotAPack(path.to_owned()));
        }
        let length = file.metadata().map_err(failed)?.len();
        let archive = match Archive::open(file) {
            Ok(archive) => archive,
            Err(ArchiveError::Io(source)) => return Err(failed(source)),
            Err(ArchiveError::Damaged(problem)) => {
                problems.push(Problem::new(
                    name,
                    format!(
                        "the archive is not as it was written: {problem}; if a program packed it again, unpack it and verify the folder"
                    ),
                ));
                return Ok(None);
            }
        };
        let unpacked = archive.members().iter().try_fold(0_u64, |sum, member| sum.checked_add(member.size));
        if unpacked.is_none_or(|unpacked| unpacked > FREE_BYTES.max(length.saturating_mul(MAX_RATIO))) {
            problems.push(Problem::new(name, "it would unpack to absurdly many bytes: it was not looked into"));
            return Ok(None);
        }
        let mut container = Self {
            form: Form::Archive(Box::new(archive)),
            positions: BTreeMap::new(),
            seen: BTreeMap::new(),
            broken: BTreeSet::new(),
        };
        container.list_archive(problems);
        container.read_through(problems);
        if let Form::Archive(archive) = &container.form {
            let intact = archive.bytes_match().map_err(|error| match error {
                ArchiveError::Io(source) => failed(source),
                ArchiveError::Damaged(problem) => failed(io::Error::other(problem)),
            })?;
            if !intact && container.broken.is_empty() {
                problems.push(Problem::new(
                    name,
                    "its bytes are not those that were written, although its files unpack: some were changed that no file depends on",
                ));
            }
        }
        Ok(Some(container))
    }

    fn list_archive(&mut self, problems: &mut Vec<Problem>) {
        let Form::Archive(archive) = &self.form else { return };
        let mut folded = BTreeSet::new();
        for (position, member) in archive.members().iter().enumerate() {
            if !is_safe_path(&member.name) {
                problems.push(Problem::new(
                    &member.name,
                    "not a name a pack may hold: it could lead out of the folder it is unpacked to",
                ));
            } else if !folded.insert(member.name.to_ascii_lowercase()) {
                problems.push(Problem::new(&member.name, "the archive holds this name twice"));
            } else {
                self.positions.insert(member.name.clone(), position);
            }
        }
    }

    fn folder(root: &Path, problems: &mut Vec<Problem>) -> io::Result<Self> {
        let mut container = Self {
            form: Form::Folder(root.to_owned()),
            positions: BTreeMap::new(),
            seen: BTreeMap::new(),
            broken: BTreeSet::new(),
        };
        container.walk(root, "", 0, problems)?;
        container.read_through(problems);
        Ok(container)
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize, problems: &mut Vec<Problem>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let shown = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            // a name that is not text shows a character no safe name has
            let safe = is_safe_path(&shown);
            if kind.is_dir() && depth < MAX_DEPTH && safe {
                self.walk(&entry.path(), &format!("{shown}/"), depth + 1, problems)?;
            } else if kind.is_file() && safe && self.positions.len() < MAX_FILES {
                self.positions.insert(shown, 0);
            } else {
                let what = if kind.is_symlink() { "a link" } else { "a name, depth or kind of file" };
                problems.push(Problem::new(
                    shown,
                    format!("not part of the pack: {what} that no pack holds; it was not opened"),
                ));
            }
        }
        Ok(())
    }

    fn read_through(&mut self, problems: &mut Vec<Problem>) {
        for path in self.positions.keys().cloned().collect::<Vec<_>>() {
            let (mut hasher, mut size) = (Hasher::new(), 0_u64);
            let streamed = self.stream(&path, &mut |piece| {
                hasher.update(piece);
                size += piece.len() as u64;
            });
            match streamed {
                Ok(()) => {
                    self.seen.insert(path, Seen { size, sha256: hasher.finish() });
                }
                Err(problem) => {
                    problems.push(Problem::new(&path, problem));
                    self.broken.insert(path);
                }
            }
        }
    }

    /// Every file that could be read whole.
    pub(crate) const fn seen(&self) -> &BTreeMap<String, Seen> {
        &self.seen
    }

    /// Whether there is a file of that name whose damage has been reported.
    pub(crate) fn is_broken(&self, path: &str) -> bool {
        self.broken.contains(path)
    }

    /// Hands out a file's bytes piece by piece.
    pub(crate) fn stream(&self, path: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let position = *self.positions.get(path).ok_or("it is missing")?;
        match &self.form {
            Form::Archive(archive) => archive.stream(position, each).map_err(|error| error.to_string()),
            Form::Folder(root) => {
                let failed = |error: io::Error| format!("it cannot be read: {error}");
                let mut file = open_plain(&root.join(path)).map_err(failed)?;
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    match file.read(&mut buffer) {
                        Ok(0) => return Ok(()),
                        Ok(read) => each(&buffer[..read]),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(failed(error)),
                    }
                }
            }
        }
    }

    /// A whole file of at most `limit` bytes, the same bytes that were read through before.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let seen = self.seen.get(path).ok_or("it is missing")?;
        if seen.size > limit {
            return Err(format!("it has {} bytes, more than such a file may have", seen.size));
        }
        let mut bytes = Vec::new();
        // a file that grows meanwhile does not fill the memory
        self.stream(path, &mut |piece| {
            if bytes.len() as u64 <= limit {
                bytes.extend_from_slice(piece);
            }
        })?;
        if Digest::of(&bytes) == seen.sha256 { Ok(bytes) } else { Err("it changed while it was examined".to_owned()) }
    }
}

/// Opens a plain file, never a link, a pipe or a device.
fn open_plain(path: &Path) -> io::Result<File> {
    // a named pipe would block the open itself
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(path)
}
