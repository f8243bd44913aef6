//! Who is told: `aiosmtpd`, a third party's mail server, and a web server that judges signatures by `standardwebhooks`.

use super::{folder, installed};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running receiver. What came to it outlives its stops.
pub(crate) struct Receiver {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
    /// The port it keeps.
    pub(crate) port: u16,
}

impl Receiver {
    /// A mail server: open, or with the certificate at `certificate` (`.pem`, `.key`) and one user.
    pub(crate) fn smtp(signed_in: Option<(&Path, &str, &str)>) -> Self {
        let arguments = signed_in.map_or_else(Vec::new, |(certificate, user, password)| {
            vec![certificate.display().to_string(), user.to_owned(), password.to_owned()]
        });
        Self::start("smtp", arguments)
    }

    /// A web server that takes what is posted; with a secret only what it signed.
    pub(crate) fn hook(secret: Option<&str>) -> Self {
        Self::start("hook", secret.map(str::to_owned).into_iter().collect())
    }

    fn start(kind: &str, more: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut receiver = Self { folder, arguments: [vec![kind.to_owned()], more].concat(), child: None, port: 0 };
        receiver.restart();
        receiver
    }

    /// Ends it: whoever tells it something finds nobody.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it where it was.
    pub(crate) fn restart(&mut self) {
        self.stop();
        // the port may be somebody else's for a moment
        for _ in 0..50 {
            let mut command = Command::new(installed("notify/bin/python"));
            let (kind, more) = self.arguments.split_first().unwrap();
            command.arg(self::folder().join("receivers.py")).arg(kind).arg(self.port.to_string()).arg(self.file());
            let mut child = command
                .args(more)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/peers/install"));
            let mut said = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
            if let Ok(port) = said.trim().parse() {
                (self.port, self.child) = (port, Some(child));
                return;
            }
            let _ = child.wait();
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the receiver does not start on port {}", self.port);
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("came")
    }

    fn word(&self, what: &str, is_so: bool) {
        let path = self.folder.path().join(format!("came.{what}"));
        if is_so {
            std::fs::write(path, "").unwrap();
        } else {
            let _ = std::fs::remove_file(path);
        }
    }

    /// From now on it refuses, or no longer.
    pub(crate) fn refuse(&self, is_so: bool) {
        self.word("refuse", is_so);
    }

    /// From now on it takes and does not answer, or answers again.
    pub(crate) fn hang(&self, is_so: bool) {
        self.word("hang", is_so);
    }

    /// All that came, oldest first.
    pub(crate) fn came(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until `count` have come.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + super::PATIENCE;
        loop {
            let came = self.came();
            if came.len() >= count {
                return came;
            }
            assert!(Instant::now() < until, "{count} were to come, and these did: {came:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}
