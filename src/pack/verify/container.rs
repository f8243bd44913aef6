//! The bytes of a pack in either form, read only, with nothing in them trusted.
//!
//! What is kept of a file is its name, size and digest: memory grows with the number of files, which is limited.

use super::findings::Problems;
use crate::archive::{Archive, ArchiveError, looks_like_archive};
use crate::error::VerifyError;
use crate::manifest::MAX_FILES;
use crate::names::is_safe_path;
use model::{Digest, Hasher};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// All names of a folder together.
const MAX_NAMES: usize = 48 * 1024 * 1024;
/// Folders deeper than this are not looked into.
const MAX_DEPTH: usize = 12;
/// An archive may unpack to this many bytes ...
const FREE_BYTES: u64 = if cfg!(test) { 1 << 24 } else { 1 << 30 };
/// ... or to this many times its own length, whichever is more.
const MAX_RATIO: u64 = 400;

enum Form {
    Archive(Box<Archive>),
    Folder { root: PathBuf, names: Vec<Box<str>> },
}

impl Form {
    fn name(&self, position: u32) -> &str {
        let position = position as usize;
        match self {
            Self::Archive(archive) => archive.members().get(position).map_or("", |member| &member.name),
            Self::Folder { names, .. } => names.get(position).map_or("", |name| name),
        }
    }
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
    /// Positions of the files in the form, in the order of their names.
    order: Vec<u32>,
    /// The same order; none where the bytes could not be had whole, and a problem says so.
    seen: Vec<Option<Seen>>,
}

impl Container {
    /// Reads every file through. Damage becomes problems; none is returned when there is nothing left to look at.
    pub(super) fn open(path: &Path, problems: &mut Problems) -> Result<Option<Self>, VerifyError> {
        let failed = |source| VerifyError::Read { path: path.to_owned(), source };
        if fs::metadata(path).map_err(failed)?.is_dir() {
            return Self::folder(path, problems).map(Some).map_err(failed);
        }
        let file = open_plain(path).map_err(failed)?;
        Self::archive(path, file, problems)
    }

    fn archive(path: &Path, mut file: File, problems: &mut Problems) -> Result<Option<Self>, VerifyError> {
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
                problems.push(
                    name,
                    format!(
                        "the archive is not as it was written: {problem}; if a program packed it again, unpack it and verify the folder"
                    ),
                );
                return Ok(None);
            }
        };
        let unpacked = archive.members().iter().try_fold(0_u64, |sum, member| sum.checked_add(member.size));
        if unpacked.is_none_or(|unpacked| unpacked > FREE_BYTES.max(length.saturating_mul(MAX_RATIO))) {
            problems.push(name, "it would unpack to absurdly many bytes: it was not looked into");
            return Ok(None);
        }
        if archive.members().len() > MAX_FILES {
            problems.push(name, format!("it holds more than {MAX_FILES} files: it was not looked into"));
            return Ok(None);
        }
        let mut container = Self { form: Form::Archive(Box::new(archive)), order: Vec::new(), seen: Vec::new() };
        container.list_archive(problems);
        container.read_through(problems);
        if let Form::Archive(archive) = &container.form {
            let intact = archive.bytes_match().map_err(|error| match error {
                ArchiveError::Io(source) => failed(source),
                ArchiveError::Damaged(problem) => failed(io::Error::other(problem)),
            })?;
            if !intact && container.seen.iter().all(Option::is_some) {
                problems.push(
                    name,
                    "its bytes are not those that were written, although its files unpack: some were changed that no file depends on",
                );
            }
        }
        Ok(Some(container))
    }

    fn list_archive(&mut self, problems: &mut Problems) {
        let Form::Archive(archive) = &self.form else { return };
        let mut folded = BTreeSet::new();
        for (position, member) in (0_u32..).zip(archive.members()) {
            if !is_safe_path(&member.name) {
                problems.push(
                    &member.name,
                    "not a name a pack may hold: it could lead out of the folder it is unpacked to",
                );
            } else if !folded.insert(fold(&member.name)) {
                problems.push(&member.name, "the archive holds this name twice, or another that differs in case only");
            } else {
                self.order.push(position);
            }
        }
        self.sort();
    }

    fn folder(root: &Path, problems: &mut Problems) -> io::Result<Self> {
        let (mut names, mut left) = (Vec::new(), MAX_NAMES);
        walk(root, "", 0, &mut names, &mut left, problems)?;
        let order = (0_u32..).zip(&names).map(|(position, _)| position).collect();
        let mut container = Self { form: Form::Folder { root: root.to_owned(), names }, order, seen: Vec::new() };
        container.sort();
        container.read_through(problems);
        Ok(container)
    }

    fn sort(&mut self) {
        let Self { form, order, .. } = self;
        order.sort_unstable_by(|a, b| form.name(*a).cmp(form.name(*b)));
    }

    fn read_through(&mut self, problems: &mut Problems) {
        for position in &self.order {
            let (mut hasher, mut size) = (Hasher::new(), 0_u64);
            let streamed = self.stream_position(*position, &mut |piece| {
                hasher.update(piece);
                size += piece.len() as u64;
            });
            self.seen.push(match streamed {
                Ok(()) => Some(Seen { size, sha256: hasher.finish() }),
                Err(problem) => {
                    problems.push(self.form.name(*position), problem);
                    None
                }
            });
        }
    }

    /// Number of files.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Where a file is among all by name.
    pub(crate) fn number(&self, path: &str) -> Option<usize> {
        self.order.binary_search_by(|position| self.form.name(*position).cmp(path)).ok()
    }

    /// What is known of a file that could be read whole.
    pub(crate) fn seen(&self, path: &str) -> Option<Seen> {
        *self.seen.get(self.number(path)?)?
    }

    /// Whether there is a file of that name whose damage has been reported.
    pub(crate) fn is_broken(&self, path: &str) -> bool {
        self.number(path).is_some_and(|number| self.seen.get(number) == Some(&None))
    }

    /// Every file that could be read whole, in the order of their names.
    pub(crate) fn files(&self) -> impl Iterator<Item = (usize, &str, Seen)> {
        self.from(0)
    }

    /// Those whose names begin with `prefix`.
    pub(crate) fn below(&self, prefix: &str) -> impl Iterator<Item = (usize, &str, Seen)> {
        let first = self.order.partition_point(|position| self.form.name(*position) < prefix);
        self.from(first).take_while(move |(_, name, _)| name.starts_with(prefix))
    }

    fn from(&self, first: usize) -> impl Iterator<Item = (usize, &str, Seen)> {
        let files = self.order.iter().zip(&self.seen).enumerate().skip(first);
        files.filter_map(|(number, (position, seen))| Some((number, self.form.name(*position), (*seen)?)))
    }

    /// Hands out a file's bytes piece by piece.
    pub(crate) fn stream(&self, path: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let number = self.number(path).ok_or("it is missing")?;
        self.stream_position(self.order[number], each)
    }

    fn stream_position(&self, position: u32, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        match &self.form {
            Form::Archive(archive) => archive.stream(position as usize, each).map_err(|error| error.to_string()),
            Form::Folder { root, .. } => stream_file(&root.join(self.form.name(position)), each)
                .map_err(|error| format!("it cannot be read: {error}")),
        }
    }

    /// A whole file of at most `limit` bytes, the same bytes that were read through before.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let seen = self.seen(path).ok_or("it is missing")?;
        if seen.size > limit {
            return Err(format!("it has {} bytes, more than such a file may have", seen.size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(seen.size).unwrap_or(0));
        // a file that grows meanwhile does not fill the memory
        self.stream(path, &mut |piece| {
            if bytes.len() as u64 <= limit {
                bytes.extend_from_slice(piece);
            }
        })?;
        if Digest::of(&bytes) == seen.sha256 { Ok(bytes) } else { Err("it changed while it was examined".to_owned()) }
    }
}

/// What two names have in common that are one file on some systems. Safe names are plain ASCII.
pub(crate) fn fold(name: &str) -> Digest {
    Digest::of(name.to_ascii_lowercase().as_bytes())
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    names: &mut Vec<Box<str>>,
    left: &mut usize,
    problems: &mut Problems,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let shown = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        // a name that is not text shows a character no safe name has
        let safe = is_safe_path(&shown);
        if kind.is_dir() && depth < MAX_DEPTH && safe {
            walk(&entry.path(), &format!("{shown}/"), depth + 1, names, left, problems)?;
        } else if kind.is_file() && safe && names.len() < MAX_FILES && shown.len() <= *left {
            *left -= shown.len();
            names.push(shown.into_boxed_str());
        } else {
            let what = if kind.is_symlink() { "a link" } else { "a name, depth, number or kind of file" };
            problems.push(shown, format!("not part of the pack: {what} that no pack holds; it was not opened"));
        }
    }
    Ok(())
}

/// Hands out the bytes of a plain file piece by piece.
pub(crate) fn stream_file(path: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut file = open_plain(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => each(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Opens a plain file, never a link, a pipe or a device.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    // a named pipe would block the open itself
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(path)
}
