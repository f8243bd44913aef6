//! `emulate`, a GitHub API emulator, started with its organisation as a seed and asked over HTTP.

use super::{Program, installed};
use crate::faults::Request;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// The token every test calls with; the seed says whose it is.
pub(crate) const TOKEN: &str = "example-token";

pub(crate) struct GitHub(Program);

impl GitHub {
    pub(crate) fn start(seed: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seed.json");
        std::fs::write(&file, seed.to_string()).unwrap();
        let command = |port: u16| {
            let modules = installed("github/node_modules");
            // not the wrapper in .bin: what is started is what is ended
            let mut command = Command::new(modules.join("node/bin/node"));
            command.arg(modules.join("emulate/dist/index.js")).args(["start", "-s", "github", "-p", &port.to_string()]);
            command.arg("--seed").arg(&file);
            command
        };
        Self(Program::start(command, &request("GET", "/user", "")))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What stands at a path; nothing when there is nothing.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let response = self.0.ask(&request("GET", path, ""));
        match response.status {
            200 => Some(serde_json::from_slice(&response.body).unwrap()),
            404 => None,
            status => panic!("GET {path}: {status}: {}", response.text()),
        }
    }

    /// Changes something.
    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        self.change_as(TOKEN, method, path, body)
    }

    /// Changes something as somebody else.
    pub(crate) fn change_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = request(method, path, &body);
        request.headers[0].1 = format!("Bearer {token}");
        let response = self.0.ask(&request);
        assert!((200..300).contains(&response.status), "{method} {path}: {}: {}", response.status, response.text());
        serde_json::from_slice(&response.body).unwrap_or_default()
    }
}

fn request(method: &str, path: &str, body: &str) -> Request {
    let mut request = Request::new(method, path, body);
    request.headers.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
    request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
    request
}
