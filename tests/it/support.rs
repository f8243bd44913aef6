//! Runs the program as a user would: a folder, a configuration, commands, their exit codes and output.

use crate::peers::faketime;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The program under test: the one built with the tests, or another build of it that `EVIDENCED_PROGRAM` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("EVIDENCED_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_evidenced").into(), PathBuf::from)
}

/// A folder made by `evidenced init`.
pub(crate) struct Audit {
    folder: tempfile::TempDir,
    /// What its clock shows when a command begins; none: the host's.
    clock: Mutex<Option<model::Timestamp>>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Audit {
    /// `evidenced init`, then `sources` in place of the starter's.
    pub(crate) fn with(sources: &str) -> Self {
        let audit = Self::new(None);
        audit.write("evidenced.toml", &audit.init());
        audit.add(sources);
        audit
    }

    /// A folder made at `instant`, without sources. Its commands run with the clock that [`Audit::set_clock`] set last.
    pub(crate) fn at(instant: model::Timestamp) -> Self {
        let audit = Self::new(Some(instant));
        audit.write("evidenced.toml", &audit.init());
        audit
    }

    fn new(clock: Option<model::Timestamp>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Mutex::new(clock) }
    }

    /// Lets the next commands begin at `instant`.
    pub(crate) fn set_clock(&self, instant: model::Timestamp) {
        *self.clock.lock().unwrap() = Some(instant);
    }

    /// `evidenced init`; what it wrote, without the starter's sources.
    fn init(&self) -> String {
        let init = self.command(&["init", ".", "--name", "Test Ltd", "--origin", "test.example/evidence"]).output();
        let init = Outcome::of(init.unwrap());
        assert_eq!(init.code, 0, "{init:?}");
        let starter = std::fs::read_to_string(self.path("evidenced.toml")).unwrap();
        let (general, _) = starter.split_once("# This host's own accounts").unwrap();
        general.to_owned()
    }

    /// Appends to the configuration.
    pub(crate) fn add(&self, text: &str) {
        let file = self.path("evidenced.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, before + "\n" + text).unwrap();
    }

    /// A file or folder of the audit.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The same folder once more, with everything in it.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(*self.clock.lock().unwrap());
        for path in self.everything() {
            let to = copy.path(path.strip_prefix(self.folder.path()).unwrap().to_str().unwrap());
            if path.is_dir() {
                std::fs::create_dir_all(&to).unwrap();
            } else {
                std::fs::copy(&path, &to).unwrap();
            }
            std::fs::set_permissions(&to, std::fs::metadata(&path).unwrap().permissions()).unwrap();
        }
        copy
    }

    /// Every file and folder below the folder, folders before what is in them.
    pub(crate) fn everything(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path);
            }
        }
        found
    }

    /// The program in the folder, with a clean environment and credentials no real service knows.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("GITHUB_TOKEN", "example-token")
            .stdin(Stdio::null());
        if let Some(instant) = *self.clock.lock().unwrap() {
            faketime::begin_at(&mut command, instant);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(arguments).output().unwrap())
    }

    /// Runs it with `--format json`, asserts the exit code, and reads what it printed.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let outcome = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(outcome.code, code, "{arguments:?}: {outcome:#?}");
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{outcome:#?}"))
    }

    /// Asserts that `fsck` finds nothing wrong.
    pub(crate) fn assert_sound(&self) {
        let fsck = self.run(&["fsck"]);
        assert_eq!(fsck.code, 0, "{fsck:#?}");
    }
}

impl Outcome {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let std::process::Output { status, stdout, stderr } = output;
        Self {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

/// Every regular file below `folder`, with its path relative to it, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Whether the full counts are asked for (`tests/run --long`).
pub(crate) fn long() -> bool {
    std::env::var_os("EVIDENCED_TEST_LONG").is_some()
}
