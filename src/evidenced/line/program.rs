//! SHA-256 of the running program, which every snapshot names.
//!
//! Reading the program takes longer than a small collection, so a note beside the store says which file it was and what that hashed
//! to. The note bears a code made with the log's key: whoever could write one that is believed could sign the log. It is not
//! evidence, and nothing depends on it: where it does not fit, the program is read.

use super::{now, signing_key};
use crate::failure::Failure;
use crate::settings::Settings;
use ledger::SigningKey;
use model::{Digest, Hasher};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The note in the store's folder.
const FILE: &str = "program.sha256";

/// A file changed less than so many seconds ago may change again without its times telling.
const SETTLED_SECONDS: i64 = 5;

/// SHA-256 of the running program, computed once.
pub(super) fn sha256(settings: &Settings) -> Result<Digest, Failure> {
    static PROGRAM: OnceLock<Digest> = OnceLock::new();
    if let Some(digest) = PROGRAM.get() {
        return Ok(*digest);
    }
    let failed = |error: io::Error| Failure::store(format!("cannot read the running program: {error}"));
    // not its path: an upgrade may have put another file there
    let program = File::open("/proc/self/exe").map_err(failed)?;
    let file = FileId::of(&program).map_err(failed)?;
    let note = settings.store.dir.join(FILE);
    let key = signing_key(settings)?;
    let noted = std::fs::read_to_string(&note).ok().and_then(|text| told(&text, &file, &key));
    let digest = if let Some(digest) = noted {
        digest
    } else {
        let digest = digest_of(&program).map_err(failed)?;
        let is_the_same = FileId::of(&program).is_ok_and(|after| after == file);
        if is_the_same && file.is_settled(now().as_second()) {
            // where it cannot be noted it is read again the next time
            let _ = std::fs::write(&note, text_of(&file, &digest, &key));
        }
        digest
    };
    Ok(*PROGRAM.get_or_init(|| digest))
}

/// What tells a file, as it stands, from every other: nobody can write to it and leave the time of its last change as it was.
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileId {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether a change from now on would show in its times.
    fn is_settled(&self, now: i64) -> bool {
        self.modified.0.max(self.changed.0) + SETTLED_SECONDS < now
    }

    fn text(&self) -> String {
        let Self { device, inode, bytes, modified, changed } = self;
        format!("{device} {inode} {bytes} {}.{:09} {}.{:09}", modified.0, modified.1, changed.0, changed.1)
    }
}

/// What is wrong with the note: bytes that are not those that were written. One of another program, or under a former key of the
/// log, is whole and not believed.
pub(crate) fn problem(settings: &Settings) -> Option<(PathBuf, String)> {
    let note = settings.store.dir.join(FILE);
    let problem = match std::fs::read(&note) {
        Ok(bytes) if is_whole(&bytes) => return None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Ok(_) => "it is not what was written: remove it, and the program is read anew".to_owned(),
        Err(error) => format!("it cannot be read: {error}"),
    };
    Some((note, problem))
}

/// The note: digest and file, code, and the digest of these two lines.
fn text_of(file: &FileId, digest: &Digest, key: &SigningKey) -> String {
    let said = format!("{digest} {}", file.text());
    let code = code(&said, key);
    let lines = format!("{said}\n{code}\n");
    let whole = Digest::of(lines.as_bytes());
    format!("{lines}{whole}\n")
}

fn is_whole(note: &[u8]) -> bool {
    let digest_at = note.len().checked_sub(Digest::of(b"").to_string().len() + 1);
    digest_at
        .and_then(|at| note.split_at_checked(at))
        .is_some_and(|(lines, digest)| digest == format!("{}\n", Digest::of(lines)).as_bytes())
}

/// The digest that `note` gives for `file`, if it is ours and whole.
fn told(note: &str, file: &FileId, key: &SigningKey) -> Option<Digest> {
    let digest: Digest = note.split(' ').next()?.parse().ok()?;
    (note == text_of(file, &digest, key)).then_some(digest)
}

/// What only the owner of `key` can say of `said`.
fn code(said: &str, key: &SigningKey) -> Digest {
    let secret = key.to_text();
    let keyed = |message: &[u8]| {
        let mut hasher = Hasher::new();
        // the key has no newline; no other use of it begins like this
        for part in [&b"evidenced program\n"[..], secret.as_bytes(), b"\n", message] {
            hasher.update(part);
        }
        hasher.finish()
    };
    // twice, so that nothing can be appended
    keyed(keyed(said.as_bytes()).as_bytes())
}

fn digest_of(mut file: &File) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> FileId {
        FileId { device: 1, inode: 2, bytes: 3, modified: (100, 5), changed: (101, 6) }
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("log.example/a", &[seed; 32]).unwrap()
    }

    #[test]
    fn a_note_is_believed_of_the_very_file_it_was_made_of() {
        let digest = Digest::of(b"the program");
        let note = text_of(&file(), &digest, &key(1));
        assert_eq!(told(&note, &file(), &key(1)), Some(digest));
        for other in [
            FileId { device: 9, ..file() },
            FileId { inode: 9, ..file() },
            FileId { bytes: 9, ..file() },
            FileId { modified: (100, 4), ..file() },
            FileId { changed: (102, 6), ..file() },
        ] {
            assert_eq!(told(&note, &other, &key(1)), None, "{other:?}");
        }
    }

    #[test]
    fn nobody_makes_a_note_without_the_logs_key_and_no_byte_of_one_can_change() {
        let digest = Digest::of(b"the program");
        let note = text_of(&file(), &digest, &key(1));
        assert_eq!(told(&note, &file(), &key(2)), None);
        let other = note.replacen(&digest.to_string(), &Digest::of(b"another program").to_string(), 1);
        assert_eq!(told(&other, &file(), &key(1)), None);
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(told(&changed, &file(), &key(1)), None, "byte {at}");
            assert!(!is_whole(changed.as_bytes()), "byte {at}");
            assert_eq!(told(&note[..at], &file(), &key(1)), None, "cut at {at}");
            assert!(!is_whole(&note.as_bytes()[..at]), "cut at {at}");
        }
        assert!(is_whole(note.as_bytes()), "whoever has another key, or none, can tell damage all the same");
        assert_eq!(told("", &file(), &key(1)), None);
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_noted() {
        assert!(!file().is_settled(101));
        assert!(!file().is_settled(106));
        assert!(file().is_settled(107));
        assert!(!FileId { modified: (200, 0), ..file() }.is_settled(107), "nor one of the future");
    }
}
