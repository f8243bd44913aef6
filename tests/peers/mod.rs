//! Third-party programs the tests run against. Each starts on a free loopback port and ends when it is dropped;
//! `tests/peers/install` put it under `tests/.cache`.

pub(crate) mod emulate;
pub(crate) mod faketime;
pub(crate) mod github_gaps;
pub(crate) mod github_graphql;
pub(crate) mod keys;
pub(crate) mod moto;
pub(crate) mod postgres;
pub(crate) mod published;
pub(crate) mod receivers;
pub(crate) mod scim;
pub(crate) mod sshd;
pub(crate) mod stand_in;
pub(crate) mod tinyproxy;
pub(crate) mod tlog;
pub(crate) mod tsa;
pub(crate) mod witness;

use crate::faults::{Request, Response, ask};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Emulators import a lot before they listen, and the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A running program.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts what `command` makes for a port, and waits until `probe` is answered with 200.
    fn start(command: impl Fn(u16) -> Command, probe: &Request) -> Self {
        Self::start_at(command, None, probe, 200)
    }

    /// The same for a program that answers `probe` with `status`, or that has its address already.
    fn start_at(command: impl Fn(u16) -> Command, at: Option<SocketAddr>, probe: &Request, status: u16) -> Self {
        // somebody else may take the port before the program does
        for _ in 0..5 {
            let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let address = at.unwrap_or_else(free);
            let mut command = command(address.port());
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/peers/install"));
            let mut program = Self { child, address };
            if program.answers(probe, status) {
                return program;
            }
        }
        panic!("{:?} ends before it answers", command(0));
    }

    /// Whether it answers; no, when it ended.
    fn answers(&mut self, probe: &Request, status: u16) -> bool {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if ask(self.address, probe).status == status {
                return true;
            }
            assert!(started.elapsed() < PATIENCE, "the program at {} does not answer", self.address);
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// One request, answered whatever the status.
    fn ask(&self, request: &Request) -> Response {
        ask(self.address, request)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the files of the third-party programs are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").canonicalize().unwrap()
}

/// What `tests/peers/install` installed.
pub(crate) fn installed(path: &str) -> PathBuf {
    folder().join("../.cache").join(path)
}
