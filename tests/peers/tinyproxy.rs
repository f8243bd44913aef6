//! `tinyproxy`: an organisation's proxy, with a credential or without.

use super::Program;
use crate::faults::Request;
use std::net::SocketAddr;
use std::process::Command;

pub(crate) struct TinyProxy {
    program: Program,
    folder: tempfile::TempDir,
}

impl TinyProxy {
    /// One that wants `credential`, a user and a password; none: nothing.
    pub(crate) fn start(credential: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wants = credential.map_or_else(String::new, |(user, password)| format!("BasicAuth {user} {password}\n"));
        let command = |port: u16| {
            let (file, log) = (folder.path().join("tinyproxy.conf"), folder.path().join("log"));
            let log = log.display();
            let text =
                format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nLogFile \"{log}\"\nLogLevel Connect\n{wants}");
            std::fs::write(&file, text).unwrap();
            let mut command = Command::new("tinyproxy");
            command.args(["-d", "-c"]).arg(file);
            command
        };
        // what is no request to a proxy it refuses by itself
        let status = if credential.is_some() { 407 } else { 400 };
        let program = Program::start_at(command, None, &Request::new("GET", "/", ""), status);
        Self { program, folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// What it was asked for, as it wrote it down.
    pub(crate) fn asked(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}
