//! `emulate`, a third party's emulators of the APIs of GitHub, Google, Okta and Microsoft, each started with a seed and asked over HTTP.

use super::{Program, installed};
use crate::faults::{Request, Response};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// The token every test calls with; the seed says whose it is.
pub(crate) const TOKEN: &str = "example-token";

pub(crate) struct Emulator {
    program: Program,
    /// How the token is announced.
    word: &'static str,
}

impl Emulator {
    pub(crate) fn github(seed: &Value) -> Self {
        Self::start("github", "Bearer", "/user", seed)
    }

    pub(crate) fn google(seed: &Value) -> Self {
        Self::start("google", "Bearer", "/oauth2/v3/certs", seed)
    }

    pub(crate) fn okta(seed: &Value) -> Self {
        Self::start("okta", "SSWS", "/api/v1/users/me", seed)
    }

    pub(crate) fn microsoft(seed: &Value) -> Self {
        Self::start("microsoft", "Bearer", "/discovery/v2.0/keys", seed)
    }

    fn start(service: &str, word: &'static str, probe: &str, seed: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seed.json");
        std::fs::write(&file, seed.to_string()).unwrap();
        let command = |port: u16| {
            let modules = installed("github/node_modules");
            // not the wrapper in .bin: what is started is what is ended
            let mut command = Command::new(modules.join("node/bin/node"));
            command.arg(modules.join("emulate/dist/index.js")).args(["start", "-s", service, "-p", &port.to_string()]);
            command.arg("--seed").arg(&file);
            command
        };
        Self { program: Program::start(command, &request(word, TOKEN, "GET", probe, "")), word }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// What stands at a path.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.find(path).unwrap_or_else(|| panic!("GET {path}: there is nothing"))
    }

    /// The same; nothing when there is nothing.
    pub(crate) fn find(&self, path: &str) -> Option<Value> {
        let response = self.ask("GET", path);
        match response.status {
            200 => Some(serde_json::from_slice(&response.body).unwrap()),
            404 => None,
            status => panic!("GET {path}: {status}: {}", response.text()),
        }
    }

    /// One request, answered whatever the status.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Response {
        self.program.ask(&request(self.word, TOKEN, method, path, ""))
    }

    /// Changes something.
    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        self.change_as(TOKEN, method, path, body)
    }

    /// Changes something as somebody else.
    pub(crate) fn change_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.program.ask(&request(self.word, token, method, path, &body));
        assert!((200..300).contains(&response.status), "{method} {path}: {}: {}", response.status, response.text());
        serde_json::from_slice(&response.body).unwrap_or_default()
    }
}

fn request(word: &str, token: &str, method: &str, path: &str, body: &str) -> Request {
    let mut request = Request::new(method, path, body);
    request.headers.push(("authorization".to_owned(), format!("{word} {token}")));
    request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
    request
}
