//! Where a pack is written: a folder or an archive, under a temporary name until it is whole and durable.

use crate::archive::ArchiveWriter;
use crate::manifest::FileRecord;
use crate::names::is_safe_path;
use crate::plan::Form;
use model::{Digest, Hasher};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

enum Out {
    Folder(PathBuf),
    Archive(Box<ArchiveWriter<BufWriter<File>>>),
    Done,
}

/// A pack under construction. Dropped before [`Sink::publish`], it leaves nothing behind.
pub(crate) struct Sink {
    out: Out,
    temporary: PathBuf,
    target: PathBuf,
    files: Vec<FileRecord>,
    bytes: u64,
}

impl Sink {
    /// Begins a pack that will be called `target`.
    pub(crate) fn create(target: &Path, form: Form) -> io::Result<Self> {
        let already = || io::Error::new(io::ErrorKind::AlreadyExists, "a file or folder of that name exists");
        if target.symlink_metadata().is_ok() {
            return Err(already());
        }
        let name = target.file_name().ok_or_else(|| io::Error::other("the target has no file name"))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".partial");
        let temporary = target.with_file_name(hidden);
        clear(&temporary)?;
        let out = match form {
            Form::Folder => {
                fs::create_dir(&temporary)?;
                Out::Folder(temporary.clone())
            }
            Form::Archive => {
                let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
                Out::Archive(Box::new(ArchiveWriter::new(BufWriter::with_capacity(1 << 20, file))))
            }
        };
        Ok(Self { out, temporary, target: target.to_owned(), files: Vec::new(), bytes: 0 })
    }

    /// Writes a file from memory.
    pub(crate) fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<Digest> {
        self.add_from(path, bytes.len() as u64, &mut &bytes[..])
    }

    /// Writes a file of exactly `size` bytes from a reader.
    pub(crate) fn add_from(&mut self, path: &str, size: u64, content: &mut dyn Read) -> io::Result<Digest> {
        if !is_safe_path(path) {
            return Err(io::Error::other(format!("`{path}` is not a safe name for a file of a pack")));
        }
        let sha256 = match &mut self.out {
            Out::Archive(archive) => archive.add(path, size, content)?,
            Out::Folder(folder) => write_file(&folder.join(path), size, content)?,
            Out::Done => return Err(io::Error::other("the pack is finished")),
        };
        self.bytes += size;
        self.files.push(FileRecord { path: path.to_owned(), size, sha256 });
        Ok(sha256)
    }

    /// Every file so far, sorted by path.
    pub(crate) fn files(&self) -> Vec<FileRecord> {
        let mut files = self.files.clone();
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        files
    }

    /// Bytes written so far, before compression.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes everything durable under the temporary name, and looks whether the final one is free.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.out, Out::Done) {
            Out::Archive(archive) => {
                let writer = archive.finish()?;
                let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.sync_all()?;
            }
            Out::Folder(folder) => sync_folders(&folder)?,
            Out::Done => {}
        }
        self.free()
    }

    /// Gives the settled pack its name.
    pub(crate) fn publish(&self) -> io::Result<()> {
        self.free()?;
        fs::rename(&self.temporary, &self.target)?;
        sync_folder(parent(&self.target))
    }

    fn free(&self) -> io::Result<()> {
        if self.target.symlink_metadata().is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file or folder of that name appeared meanwhile",
            ));
        }
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // the archive's file must be closed before it can be removed everywhere
        self.out = Out::Done;
        // after a rename there is nothing of that name; a leftover is cleared by the next export
        let _ = clear(&self.temporary);
    }
}

fn write_file(path: &Path, size: u64, content: &mut dyn Read) -> io::Result<Digest> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let (mut hasher, mut length, mut buffer) = (Hasher::new(), 0_u64, vec![0; 64 * 1024]);
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
        length += read as u64;
    }
    if length != size {
        return Err(io::Error::other(format!("`{}` has {length} bytes where {size} were announced", path.display())));
    }
    file.sync_all()?;
    Ok(hasher.finish())
}

fn clear(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
