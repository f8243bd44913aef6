//! `emulate`'s Okta API, started with its organisation as a seed and asked over HTTP.

use super::{Program, installed};
use crate::faults::{Request, Response};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// The token every test calls with; the seed says whose it is.
pub(crate) const TOKEN: &str = "example-token";

pub(crate) struct Okta(Program);

impl Okta {
    pub(crate) fn start(seed: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seed.json");
        std::fs::write(&file, seed.to_string()).unwrap();
        let command = |port: u16| {
            let modules = installed("github/node_modules");
            // not the wrapper in .bin: what is started is what is ended
            let mut command = Command::new(modules.join("node/bin/node"));
            command.arg(modules.join("emulate/dist/index.js")).args(["start", "-s", "okta", "-p", &port.to_string()]);
            command.arg("--seed").arg(&file);
            command
        };
        Self(Program::start(command, &request("GET", "/api/v1/users/me")))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What stands at a path.
    pub(crate) fn get(&self, path: &str) -> Value {
        let response = self.ask("GET", path);
        assert_eq!(response.status, 200, "GET {path}: {}", response.text());
        serde_json::from_slice(&response.body).unwrap()
    }

    /// One request, answered whatever the status.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Response {
        self.0.ask(&request(method, path))
    }
}

fn request(method: &str, path: &str) -> Request {
    let mut request = Request::new(method, path, "");
    request.headers.push(("authorization".to_owned(), format!("SSWS {TOKEN}")));
    request
}
