//! `scim2-server`, a third party's SCIM 2.0 provider, filled over SCIM itself.

use super::{Program, installed};
use crate::faults::{Request, Response};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// The token it accepts.
pub(crate) const TOKEN: &str = "example-token";

/// Whether it could be installed: it needs a Python that not every machine has.
pub(crate) fn is_installed() -> bool {
    let there = installed("scim/bin/scim2-server").exists();
    assert!(there || std::env::var_os("CI").is_none(), "the SCIM server is not installed: run tests/peers/install");
    there
}

pub(crate) struct ScimServer(Program);

impl ScimServer {
    pub(crate) fn start() -> Self {
        let command = |port: u16| {
            let mut command = Command::new(installed("scim/bin/scim2-server"));
            command.args(["--port", &port.to_string(), "--bearer-token", TOKEN]);
            command
        };
        Self(Program::start(command, &request("GET", "/ServiceProviderConfig", "")))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What stands at a path.
    pub(crate) fn get(&self, path: &str) -> Value {
        let response = self.ask("GET", path, &Value::Null);
        assert_eq!(response.status, 200, "GET {path}: {}", response.text());
        serde_json::from_slice(&response.body).unwrap()
    }

    /// Makes a resource; its id.
    pub(crate) fn create(&self, kind: &str, resource: &Value) -> String {
        let response = self.ask("POST", kind, resource);
        assert_eq!(response.status, 201, "POST {kind} {resource}: {}", response.text());
        let made: Value = serde_json::from_slice(&response.body).unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    /// One request, answered whatever the status.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.0.ask(&request(method, path, &body))
    }
}

fn request(method: &str, path: &str, body: &str) -> Request {
    let mut request = Request::new(method, path, body);
    request.headers.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
    request.headers.push(("content-type".to_owned(), "application/scim+json".to_owned()));
    request
}
