//! Files that are either whole and on disk, or absent: temporary file, fsync, rename, fsync of the directory.
//!
//! It never retries an fsync and never writes over a file in place.

use crate::error::StoreError;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Name of the folder for files under construction. It lies inside the tree it serves, so that a rename never crosses file systems.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Evidence is personal data: nobody but its user looks into a store, whatever the umask. A folder that was there keeps its mode.
const FOLDER_MODE: u32 = 0o700;

/// The same for files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// How many files of a batch are written and synced at once.
const WRITERS: usize = 4;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Flushes a directory, so that the names in it survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(|error| StoreError::io("sync the folder", dir, error))
}

/// Makes `dir` and its missing parents, and flushes every folder that gained a name.
pub(crate) fn create_dirs(dir: &Path) -> Result<(), StoreError> {
    let mut gained = BTreeSet::new();
    let made = make_dirs(dir, &mut gained);
    // those that were made before a failure are there the next time, and are then no longer looked at
    gained.iter().try_for_each(|folder| sync_dir(folder))?;
    made
}

/// Makes `dir` and its missing parents; `gained` is told which folders have to be flushed.
fn make_dirs(dir: &Path, gained: &mut BTreeSet<PathBuf>) -> Result<(), StoreError> {
    let missing: Vec<&Path> =
        dir.ancestors().take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists()).collect();
    for folder in missing.iter().rev() {
        match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io("make the folder", folder, error)),
        }
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        gained.insert(parent.to_owned());
    }
    Ok(())
}

/// Flushes the names of `dir` and of the folders above it on its file system: the process that made one may have died before doing so.
pub(crate) fn sync_names(dir: &Path) -> Result<(), StoreError> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
    let failed = |path: &Path, error| StoreError::io("look at", path, error);
    let dir = fs::canonicalize(dir).map_err(|error| failed(dir, error))?;
    let mut own = device(&dir).map_err(|error| failed(&dir, error))?;
    for parent in dir.ancestors().skip(1) {
        let above = device(parent).map_err(|error| failed(parent, error))?;
        // a mount point is not a name this program made
        if above != own {
            break;
        }
        own = above;
        match File::open(parent) {
            Ok(file) => file.sync_all().map_err(|error| StoreError::io("sync the folder", parent, error))?,
            // nor is one in a folder this user cannot look into
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => break,
            Err(error) => return Err(StoreError::io("sync the folder", parent, error)),
        }
    }
    Ok(())
}

/// Flushes `root` and every folder below it that has folders of its own.
pub(crate) fn sync_folders(root: &Path) -> Result<(), StoreError> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| StoreError::io("list", &folder, error);
        let before = folders.len();
        for item in fs::read_dir(&folder).map_err(failed)? {
            let item = item.map_err(failed)?;
            if item.file_type().map_err(failed)?.is_dir() {
                folders.push(item.path());
            }
        }
        if folders.len() > before || folder == root {
            sync_dir(&folder)?;
        }
    }
    Ok(())
}

/// Makes `folders`, which lie below `root`, and the missing ones between. It never makes `root`: where that is gone, so is what it held.
fn create_below(root: &Path, folders: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
    if !root.is_dir() {
        return Err(StoreError::io("find the folder", root, std::io::ErrorKind::NotFound.into()));
    }
    let mut gained = BTreeSet::new();
    let made = folders.iter().try_for_each(|folder| make_dirs(folder, &mut gained));
    gained.iter().try_for_each(|folder| sync_dir(folder))?;
    made?;
    scratch(root).map(drop)
}

/// The folder in `root` for what outlives no process. It never makes `root`.
pub(crate) fn scratch(root: &Path) -> Result<PathBuf, StoreError> {
    if !root.is_dir() {
        return Err(StoreError::io("find the folder", root, std::io::ErrorKind::NotFound.into()));
    }
    let folder = root.join(TEMPORARY);
    // nothing has to outlive a power cut here, not even its name
    make_dirs(&folder, &mut BTreeSet::new())?;
    Ok(folder)
}

/// Removes what a killed process left under construction in `root`. Returns how many files that were.
pub(crate) fn sweep(root: &Path) -> Result<u64, StoreError> {
    let folder = root.join(TEMPORARY);
    let listing = match fs::read_dir(&folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(StoreError::io("list", &folder, error)),
    };
    let mut swept = 0;
    for item in listing {
        let path = item.map_err(|error| StoreError::io("list", &folder, error))?.path();
        fs::remove_file(&path).map_err(|error| StoreError::io("remove the temporary file", &path, error))?;
        swept += 1;
    }
    Ok(swept)
}

/// One file of a batch.
pub(crate) struct Planned<'a> {
    /// Where it goes.
    pub(crate) target: PathBuf,
    /// Makes its content; called on one of the batch's threads.
    pub(crate) content: Box<dyn Fn() -> Result<Vec<u8>, StoreError> + Send + Sync + 'a>,
}

/// Writes a batch below `root`: every file written and synced, all renamed, every folder concerned synced once.
/// `settled` names files that exist already; their folders are synced too, since the process that renamed them may have died before doing so.
pub(crate) fn write_batch(root: &Path, planned: &[Planned<'_>], settled: &[PathBuf]) -> Result<(), StoreError> {
    if planned.is_empty() && settled.is_empty() {
        return Ok(());
    }
    let folders: BTreeSet<PathBuf> = planned
        .iter()
        .map(|file| &file.target)
        .chain(settled)
        .map(|path| path.parent().unwrap_or(root).to_owned())
        .collect();
    create_below(root, &folders)?;

    let temporaries: Vec<PathBuf> = planned.iter().map(|_| temporary(root)).collect();
    let outcome = write_temporaries(planned, &temporaries).and_then(|()| {
        for (file, temporary) in planned.iter().zip(&temporaries) {
            fs::rename(temporary, &file.target)
                .map_err(|error| StoreError::io("rename into place", &file.target, error))?;
        }
        folders.iter().try_for_each(|folder| sync_dir(folder))
    });
    if outcome.is_err() {
        // best effort: what stays is swept at the next open
        for temporary in &temporaries {
            let _ = fs::remove_file(temporary);
        }
    }
    outcome
}

/// Writes one file below `root`, replacing a former one whole.
pub(crate) fn write_file(root: &Path, target: &Path, content: &[u8]) -> Result<(), StoreError> {
    let planned = Planned { target: target.to_owned(), content: Box::new(|| Ok(content.to_vec())) };
    write_batch(root, &[planned], &[])
}

fn temporary(root: &Path) -> PathBuf {
    root.join(TEMPORARY).join(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn write_temporaries(planned: &[Planned<'_>], temporaries: &[PathBuf]) -> Result<(), StoreError> {
    let next = AtomicU64::new(0);
    let failure: Mutex<Option<StoreError>> = Mutex::new(None);
    let work = || {
        while let Some(index) =
            usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().filter(|index| *index < planned.len())
        {
            let written = (planned[index].content)().and_then(|content| write_synced(&temporaries[index], &content));
            if let Err(error) = written {
                next.store(u64::MAX / 2, Ordering::Relaxed);
                failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
            }
        }
    };
    if planned.len() == 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..WRITERS.min(planned.len()) {
                scope.spawn(work);
            }
        });
    }
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

fn write_synced(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(|error| StoreError::io("create", path, error))?;
    file.write_all(content).map_err(|error| StoreError::io("write", path, error))?;
    file.sync_all().map_err(|error| StoreError::io("sync", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_in_place_and_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let planned: Vec<Planned<'_>> = (0..20)
            .map(|n| Planned {
                target: dir.path().join(format!("{:02x}", n % 3)).join(n.to_string()),
                content: Box::new(move || Ok(vec![n; 10])),
            })
            .collect();
        write_batch(dir.path(), &planned, &[]).unwrap();
        assert_eq!(fs::read(dir.path().join("01/13")).unwrap(), vec![13; 10]);
        assert_eq!(fs::read_dir(dir.path().join(TEMPORARY)).unwrap().count(), 0);
    }

    #[test]
    fn a_batch_that_fails_puts_nothing_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let planned: Vec<Planned<'_>> = (0..20)
            .map(|n| Planned {
                target: dir.path().join(n.to_string()),
                content: Box::new(move || match n {
                    7 => Err(StoreError::Unsealable { problem: "seven".into() }),
                    n => Ok(vec![n; 10]),
                }),
            })
            .collect();
        let error = write_batch(dir.path(), &planned, &[]).unwrap_err();
        assert!(matches!(error, StoreError::Unsealable { .. }));
        assert!((0..20).all(|n| !dir.path().join(n.to_string()).exists()));
        assert_eq!(fs::read_dir(dir.path().join(TEMPORARY)).unwrap().count(), 0);
    }

    #[test]
    fn leftovers_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(TEMPORARY)).unwrap();
        fs::write(dir.path().join(TEMPORARY).join("1-2"), "half").unwrap();
        assert_eq!(sweep(dir.path()).unwrap(), 1);
        assert_eq!(sweep(dir.path()).unwrap(), 0);
    }
}
