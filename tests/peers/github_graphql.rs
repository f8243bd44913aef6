//! GitHub's published GraphQL schema over the REST emulator, executed by the reference implementation.

use super::{Program, folder, installed};
use crate::faults::Request;
use std::net::SocketAddr;
use std::process::Command;

pub(crate) struct GraphQl(Program);

impl GraphQl {
    pub(crate) fn over(emulator: SocketAddr) -> Self {
        let command = |port: u16| {
            // modules are found from where they are installed
            let place = installed("github");
            let mut command = Command::new(place.join("node_modules/node/bin/node"));
            command.arg(folder().join("github_graphql.mjs")).arg(format!("http://{emulator}")).arg(port.to_string());
            command.current_dir(place);
            command
        };
        Self(Program::start(command, &Request::new("GET", "/", "")))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }
}
