//! Secrets by reference. A value is read when it is needed, held in `secrecy`, and never printed.

use secrecy::SecretString;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// More than any token or key; a reference to a disk image is a mistake.
const LARGEST_BYTES: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file that only its owner, or the owner's group, can read.
    File(PathBuf),
}

/// A secret that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    /// The variable is not there, or empty.
    #[error("environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("secret file {path} cannot be read: {problem}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// Others may read the file.
    #[error("secret file {path} has mode {mode:04o}: others on this machine can read or change it", path = .path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is empty, or far too large for a secret.
    #[error("secret file {path} holds {bytes} bytes, which is no secret", path = .path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
}

impl SecretError {
    /// How to mend it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NotSet(name) => {
                format!("export {name} where evidenced runs, or refer to a file: `{{ file = \"…\" }}`")
            }
            Self::Unreadable { path, .. } => format!(
                "make {} readable for the user that runs evidenced; the path is relative to the configuration file",
                path.display()
            ),
            Self::TooOpen { path, .. } => {
                format!("chmod 600 {} (Kubernetes: `defaultMode: 0400` on the secret volume)", path.display())
            }
            Self::Size { path, .. } => format!("{} must hold the secret and nothing else", path.display()),
        }
    }
}

impl SecretRef {
    /// Reads the secret; a trailing line end of a file is not part of it.
    pub(crate) fn resolve(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(SecretString::from(value)),
                _ => Err(SecretError::NotSet(name.clone())),
            },
            Self::File(path) => {
                check_file(path)?;
                let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
                let secret = text.trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    return Err(SecretError::Size { path: path.clone(), bytes: 0 });
                }
                Ok(SecretString::from(secret))
            }
        }
    }
}

/// Whether the file at `path` may hold a secret: there, not empty, closed to others. The group may read it, because
/// systemd credentials and Kubernetes volumes are handed over that way; writing is the owner's alone.
pub(super) fn check_file(path: &Path) -> Result<(), SecretError> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(SecretError::Unreadable { path: path.to_owned(), problem: "it is not a file".to_owned() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o027 != 0 {
        return Err(SecretError::TooOpen { path: path.to_owned(), mode });
    }
    if !(1..=LARGEST_BYTES).contains(&metadata.len()) {
        return Err(SecretError::Size { path: path.to_owned(), bytes: metadata.len() });
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> SecretError {
    SecretError::Unreadable { path: path.to_owned(), problem: error.to_string() }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(content: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_closed_file_is_read_without_its_line_end() {
        for mode in [0o600, 0o400, 0o440, 0o640] {
            let (_folder, path) = file("canary-1\n", mode);
            assert_eq!(SecretRef::File(path).resolve().unwrap().expose_secret(), "canary-1");
        }
    }

    #[test]
    fn a_file_others_can_read_or_change_is_refused() {
        for mode in [0o644, 0o604, 0o620, 0o602, 0o601] {
            let (_folder, path) = file("canary-2\n", mode);
            let error = SecretRef::File(path.clone()).resolve().unwrap_err();
            assert_eq!(error, SecretError::TooOpen { path, mode });
            assert!(!error.to_string().contains("canary") && error.help().starts_with("chmod 600"));
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_secret() {
        for content in ["", "\n", &"x".repeat(70_000)] {
            let (_folder, path) = file(content, 0o600);
            assert!(matches!(SecretRef::File(path).resolve(), Err(SecretError::Size { .. })));
        }
        let (folder, path) = file("x", 0o600);
        assert!(SecretRef::File(folder.path().to_owned()).resolve().is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(SecretRef::File(path).resolve(), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = SecretRef::Env("EVIDENCED_TEST_NO_SUCH_VARIABLE".to_owned()).resolve().unwrap_err();
        assert!(error.to_string().contains("EVIDENCED_TEST_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn what_is_read_is_never_shown() {
        let (_folder, path) = file("canary-3", 0o600);
        let secret = SecretRef::File(path).resolve().unwrap();
        assert!(!format!("{secret:?}").contains("canary"));
    }
}
