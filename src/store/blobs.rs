//! Captured bytes, by their SHA-256: `blobs/<first two digits>/<digest>.zst`.
//!
//! A blob is written once and never changed; there is no way here to write one, see `shelf.rs`. Reading verifies.

use crate::blob_rows::Seal;
use crate::container;
use crate::error::StoreError;
use model::Digest;
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

    /// The seal in the head of a blob's file.
    pub(crate) fn seal(&self, digest: &Digest) -> Result<Seal, StoreError> {
        let path = self.path(digest);
        let failed = |error| StoreError::io("read", &path, error);
        let mut head = Vec::new();
        fs::File::open(&path).map_err(failed)?.take(64).read_to_end(&mut head).map_err(failed)?;
        Ok(container::seal(&head))
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

    fn put(blobs: &Blobs, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = blobs.path(&digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = match blobs.form {
            Form::Zstd => container::encode(bytes).unwrap(),
            Form::Plain => bytes.to_vec(),
        };
        fs::write(path, file).unwrap();
        digest
    }

    #[test]
    fn what_is_put_is_got() {
        for form in [Form::Zstd, Form::Plain] {
            let (_dir, blobs) = folder(form);
            for n in 0..50_u8 {
                let digest = put(&blobs, &[n; 300]);
                assert_eq!(blobs.get(&digest).unwrap(), [n; 300]);
                assert_eq!(blobs.digest_of(&blobs.path(&digest)), Some(digest));
            }
        }
    }

    #[test]
    fn a_changed_blob_is_named() {
        for form in [Form::Zstd, Form::Plain] {
            let (_dir, blobs) = folder(form);
            let digest = put(&blobs, b"evidence");
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
        let (one, two) = (put(&blobs, b"one"), put(&blobs, b"two"));
        fs::copy(blobs.path(&one), blobs.path(&two)).unwrap();
        assert!(blobs.get(&two).unwrap_err().to_string().contains("hashes to"));
        fs::write(blobs.path(&two), "").unwrap();
        assert!(blobs.get(&two).unwrap_err().to_string().contains("0 bytes"));
        fs::remove_file(blobs.path(&two)).unwrap();
        assert!(blobs.get(&two).unwrap_err().to_string().contains("missing"));
    }
}
