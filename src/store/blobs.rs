//! Captured bytes, by their SHA-256: `blobs/<first two digits>/<digest>.zst`.
//!
//! A blob is written once and never changed; there is no way here to overwrite or delete one. Reading verifies.

use crate::container;
use crate::durable::{self, Planned};
use crate::error::StoreError;
use model::Digest;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The largest blob that is stored or unpacked.
pub(crate) const MAX_BLOB_BYTES: u64 = 1 << 30;

/// Files named by digest, below one folder.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    root: PathBuf,
    form: Form,
}

/// How the files below a folder are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Compressed, `<digest>.zst`.
    Zstd,
    /// As they are, `<digest>`, so that `sha256sum` checks them.
    Plain,
}

impl Blobs {
    pub(crate) fn new(root: PathBuf, form: Form) -> Self {
        Self { root, form }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the blob lies, or would lie.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let file = match self.form {
            Form::Zstd => format!("{name}.zst"),
            Form::Plain => name.clone(),
        };
        self.root.join(&name[..2]).join(file)
    }

    /// The digest a path of this folder stands for; none when the path is none that [`Blobs::path`] makes.
    pub(crate) fn digest_of(&self, path: &Path) -> Option<Digest> {
        let name = path.file_name()?.to_str()?;
        let digits = match self.form {
            Form::Zstd => name.strip_suffix(".zst")?,
            Form::Plain => name,
        };
        let digest = digits.parse().ok()?;
        (self.path(&digest) == path).then_some(digest)
    }

    /// Whether a file of that name is there. It may be damaged.
    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Stores every blob durably; those already there and intact cost nothing but the check. `relied_on` are there and verified, and are
    /// made durable too: a process that was killed may have left them without their folder synced.
    pub(crate) fn put_all<B: AsRef<[u8]> + Sync>(
        &self,
        blobs: &[(Digest, B)],
        relied_on: &[Digest],
    ) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        let mut planned = Vec::new();
        let mut settled: Vec<PathBuf> = relied_on.iter().map(|digest| self.path(digest)).collect();
        for (digest, bytes) in blobs {
            let bytes = bytes.as_ref();
            if bytes.len() as u64 > MAX_BLOB_BYTES {
                return Err(StoreError::TooLarge { digest: *digest, bytes: bytes.len() as u64, cap: MAX_BLOB_BYTES });
            }
            if Digest::of(bytes) != *digest {
                return Err(StoreError::Unsealable {
                    problem: format!("the bytes given as {digest} hash to {}", Digest::of(bytes)),
                });
            }
            if !seen.insert(*digest) {
                continue;
            }
            let target = self.path(digest);
            if target.exists() {
                self.get(digest)?;
                settled.push(target);
            } else {
                let path = target.clone();
                let content = move || match self.form {
                    Form::Zstd => container::encode(bytes).map_err(|error| StoreError::io("compress", &path, error)),
                    Form::Plain => Ok(bytes.to_vec()),
                };
                planned.push(Planned { target, content: Box::new(content) });
            }
        }
        durable::write_batch(&self.root, &planned, &settled)
    }

    /// The blob's bytes; their digest has been verified.
    pub(crate) fn get(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        let file = read_capped(&path, MAX_BLOB_BYTES + (1 << 20)).map_err(|error| match error {
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                StoreError::damaged(&path, "the file is missing")
            }
            other => other,
        })?;
        let bytes = match self.form {
            Form::Zstd => {
                container::decode(&file, MAX_BLOB_BYTES).map_err(|problem| StoreError::damaged(&path, problem))?
            }
            Form::Plain => file,
        };
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(StoreError::damaged(&path, format!("its content hashes to {found}, not to its name")))
        }
    }
}

/// A file's bytes, refused beyond `cap`.
pub(crate) fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, StoreError> {
    let failed = |error| StoreError::io("read", path, error);
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > cap {
        return Err(StoreError::damaged(path, format!("it is larger than {cap} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(form: Form) -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path().join("blobs"), form);
        fs::create_dir(blobs.root()).unwrap();
        (dir, blobs)
    }

    fn named(bytes: &[u8]) -> (Digest, Vec<u8>) {
        (Digest::of(bytes), bytes.to_vec())
    }

    #[test]
    fn what_is_put_is_got() {
        for form in [Form::Zstd, Form::Plain] {
            let (_dir, blobs) = folder(form);
            let items: Vec<_> = (0..50_u8).map(|n| named(&[n; 300])).collect();
            blobs.put_all(&items, &[]).unwrap();
            for (digest, bytes) in &items {
                assert_eq!(&blobs.get(digest).unwrap(), bytes);
                assert_eq!(blobs.digest_of(&blobs.path(digest)), Some(*digest));
            }
        }
    }

    #[test]
    fn the_folder_itself_is_never_made() {
        let (_dir, blobs) = folder(Form::Zstd);
        fs::remove_dir(blobs.root()).unwrap();
        blobs.put_all(&[named(b"one")], &[]).unwrap_err();
        assert!(!blobs.root().exists());
    }

    #[test]
    fn the_same_bytes_are_stored_once() {
        let (_dir, blobs) = folder(Form::Zstd);
        let item = named(b"same");
        blobs.put_all(&[item.clone(), item.clone()], &[]).unwrap();
        let before = fs::metadata(blobs.path(&item.0)).unwrap().modified().unwrap();
        blobs.put_all(std::slice::from_ref(&item), &[]).unwrap();
        assert_eq!(fs::metadata(blobs.path(&item.0)).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read_dir(blobs.path(&item.0).parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_changed_blob_is_named() {
        for form in [Form::Zstd, Form::Plain] {
            let (_dir, blobs) = folder(form);
            let (digest, bytes) = named(b"evidence");
            blobs.put_all(&[(digest, bytes)], &[]).unwrap();
            let path = blobs.path(&digest);
            let mut file = fs::read(&path).unwrap();
            *file.last_mut().unwrap() ^= 1;
            fs::write(&path, file).unwrap();
            let error = blobs.get(&digest).unwrap_err();
            assert!(matches!(&error, StoreError::Damaged { path: named, .. } if *named == path), "{error}");
        }
    }

    #[test]
    fn swapped_missing_and_empty_blobs_are_named() {
        let (_dir, blobs) = folder(Form::Zstd);
        let (one, two) = (named(b"one"), named(b"two"));
        blobs.put_all(&[one.clone(), two.clone()], &[]).unwrap();
        fs::copy(blobs.path(&one.0), blobs.path(&two.0)).unwrap();
        assert!(blobs.get(&two.0).unwrap_err().to_string().contains("hashes to"));
        fs::write(blobs.path(&two.0), "").unwrap();
        assert!(blobs.get(&two.0).unwrap_err().to_string().contains("0 bytes"));
        fs::remove_file(blobs.path(&two.0)).unwrap();
        assert!(blobs.get(&two.0).unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn nothing_is_built_on_a_damaged_blob() {
        let (_dir, blobs) = folder(Form::Zstd);
        let item = named(b"one");
        blobs.put_all(std::slice::from_ref(&item), &[]).unwrap();
        fs::write(blobs.path(&item.0), "rot").unwrap();
        assert!(matches!(blobs.put_all(&[item], &[]), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn bytes_under_a_false_name_are_refused() {
        let (_dir, blobs) = folder(Form::Zstd);
        let error = blobs.put_all(&[(Digest::of(b"one"), b"two")], &[]).unwrap_err();
        assert!(matches!(error, StoreError::Unsealable { .. }));
        assert!(!blobs.contains(&Digest::of(b"one")));
    }
}
