//! What a run yields and need not hold: in memory while it is little, in an unnamed file beyond, so that neither what a source
//! sends nor what is made of it fills the memory of this process.

use bytes::Bytes;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What is laid aside may take so much of memory together before the next of it goes to the file.
const IN_MEMORY: u64 = 1 << 20;

/// Bytes as they were laid aside, wherever they lie.
#[derive(Debug, Clone)]
pub struct Kept {
    bytes: u64,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Bytes),
    File { file: Arc<File>, offset: u64 },
}

impl Kept {
    pub(crate) fn in_memory(body: Bytes) -> Self {
        Self { bytes: body.len() as u64, place: Place::Memory(body) }
    }

    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// A part of it, by positions in bytes. An error is the disk's.
    pub fn read(&self, part: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let place = |at: u64| usize::try_from(at).map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof));
        match &self.place {
            Place::Memory(body) => body
                .get(place(part.start)?..place(part.end)?)
                .map(Cow::Borrowed)
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            Place::File { file, offset } => {
                let mut bytes = vec![0; place(part.end.saturating_sub(part.start))?];
                file.read_exact_at(&mut bytes, offset + part.start)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// All of it. An error is the disk's.
    pub fn whole(&self) -> io::Result<Bytes> {
        match &self.place {
            Place::Memory(body) => Ok(body.clone()),
            Place::File { .. } => self.read(0..self.bytes).map(|bytes| bytes.into_owned().into()),
        }
    }
}

/// Where the yield of one run goes.
#[derive(Debug, Default)]
pub struct Aside {
    /// The folder of the unnamed file; none: all stays in memory.
    folder: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_memory: u64,
    file: Option<Arc<File>>,
    end: u64,
}

impl Aside {
    /// With its file in `folder`, once there is more than a little; none: all stays in memory.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder, state: Mutex::default() }
    }

    /// Lays `body` down. An error is the disk's, and says where.
    pub fn keep(&self, body: &Bytes) -> Result<Kept, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = body.len() as u64;
        let Some(folder) = self.folder.as_ref().filter(|_| state.in_memory + bytes > IN_MEMORY) else {
            state.in_memory += bytes;
            return Ok(Kept::in_memory(body.clone()));
        };
        let failed = |error: io::Error| format!("it could not be laid aside in {}: {error}", folder.display());
        let file = match &state.file {
            Some(file) => Arc::clone(file),
            None => Arc::new(tempfile::tempfile_in(folder).map_err(failed)?),
        };
        state.file = Some(Arc::clone(&file));
        let offset = state.end;
        file.write_all_at(body, offset).map_err(failed)?;
        state.end += bytes;
        Ok(Kept { bytes, place: Place::File { file, offset } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_in_memory_is_read_back_from_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let aside = Aside::in_folder(Some(folder.path().to_owned()));
        let body = |n: u8| Bytes::from(vec![n; 3 << 17]);
        let kept: Vec<Kept> = (0..5).map(|n| aside.keep(&body(n)).unwrap()).collect();
        let filed = kept.iter().filter(|kept| matches!(kept.place, Place::File { .. })).count();
        assert_eq!(filed, 3, "two of 384 KiB fit in a MiB");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a killed run leaves nothing");
        for (n, kept) in (0..).zip(&kept) {
            assert_eq!(kept.whole().unwrap(), body(n));
            assert_eq!(*kept.read(1..3).unwrap(), [n, n]);
        }
        assert!(kept[0].read(0..(4 << 17)).is_err());
    }

    #[test]
    fn a_folder_that_takes_nothing_is_named() {
        let aside = Aside::in_folder(Some(PathBuf::from("/nowhere/at/all")));
        let error = aside.keep(&Bytes::from(vec![0; 9 << 20])).unwrap_err();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
