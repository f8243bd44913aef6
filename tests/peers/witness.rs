//! `aics-witness`, a third party's witness of transparency logs (C2SP tlog-witness), and `aics-tlog`, its verifier.

use super::{Program, installed};
use crate::faults::Request;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// The name it cosigns under.
pub(crate) const NAME: &str = "witness.example/w1";

/// Whether it could be installed: it needs a Python that not every machine has.
pub(crate) fn is_installed() -> bool {
    let there = installed("witness/bin/aics-witness").exists();
    assert!(there || std::env::var_os("CI").is_none(), "the witness is not installed: run tests/peers/install");
    there
}

pub(crate) struct Witness {
    folder: tempfile::TempDir,
    program: Option<Program>,
    address: SocketAddr,
    /// Its verifier key.
    pub(crate) vkey: String,
}

impl Witness {
    /// A witness that trusts the log `origin` with the key `log_key`.
    pub(crate) fn start(origin: &str, log_key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "--name", NAME, "--listen", "127.0.0.1:1"]);
        run(folder.path(), &["add-log", "--origin", origin, "--vkey", log_key]);
        let status: serde_json::Value = serde_json::from_str(&run(folder.path(), &["status", "--json"])).unwrap();
        let program = serve(folder.path(), None);
        Self {
            vkey: status["witness"]["vkey"].as_str().unwrap().to_owned(),
            address: program.address,
            program: Some(program),
            folder,
        }
    }

    /// Ends it; what it knows stays.
    pub(crate) fn stop(&mut self) {
        self.program = None;
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.program = Some(serve(self.folder.path(), Some(self.address)));
    }

    /// The section of the configuration that names it.
    pub(crate) fn section(&self) -> String {
        format!("[[log.witness]]\nname = \"{NAME}\"\nurl = \"http://{}\"\nkey = \"{}\"\n", self.address, self.vkey)
    }
}

fn serve(folder: &Path, at: Option<SocketAddr>) -> Program {
    let command = |port: u16| {
        let port = at.map_or(port, |at| at.port());
        let mut command = Command::new(installed("witness/bin/aics-witness"));
        command.current_dir(folder).args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
        command
    };
    // it has nothing to show yet, and says so
    Program::start_at(command, at, &Request::new("GET", "/", ""), 404)
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    output(Command::new(installed("witness/bin/aics-witness")).current_dir(folder).args(arguments))
}

/// Runs the third party's verifier in `folder`, which has to accept.
pub(crate) fn judge(folder: &Path, arguments: &[&str]) -> String {
    output(Command::new(installed("witness/bin/aics-tlog")).current_dir(folder).args(arguments))
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/peers/install"));
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {said:?}");
    let [stdout, _] = said;
    stdout
}
