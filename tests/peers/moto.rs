//! `moto`, an AWS API emulator. It is filled and read over HTTP through boto3, by the scripts beside this file.

use super::{Program, folder, installed};
use crate::faults::Request;
use serde_json::Value;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;

/// The account every call belongs to.
pub(crate) const ACCOUNT: &str = "123456789012";

pub(crate) struct Moto(Program);

impl Moto {
    pub(crate) fn start() -> Self {
        let command = |port: u16| {
            let mut command = Command::new(installed("aws/bin/moto_server"));
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            // images of other accounts bring snapshots with them, and it does not tell owners apart
            command.env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false");
            command
        };
        Self(Program::start(command, &Request::new("GET", "/moto-api/data.json", "")))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Makes users, who differ in everything an account can say of them; what it answered about their credentials.
    pub(crate) fn populate(&self, users: usize) -> String {
        self.script("populate_aws.py", &[&users.to_string()])
    }

    /// What it holds, table by table, after it answered `created` when it was populated.
    pub(crate) fn dump(&self, created: &str) -> Value {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(created.as_bytes()).unwrap();
        serde_json::from_str(&self.script("dump_aws.py", &[file.path().to_str().unwrap()])).unwrap()
    }

    /// Makes an organisation of so many accounts beside its own; what it then holds.
    pub(crate) fn organize(&self, accounts: usize) -> Value {
        serde_json::from_str(&self.script("organize_aws.py", &[&accounts.to_string()])).unwrap()
    }

    /// Makes databases and volumes with so many snapshots of each kind; what it then holds, table by table.
    pub(crate) fn snapshot(&self, region: &str, each: usize) -> Value {
        serde_json::from_str(&self.script("snapshots_aws.py", &[region, &each.to_string()])).unwrap()
    }

    pub(crate) fn remove_user(&self, user: &str) {
        self.script("remove_aws_user.py", &[user]);
    }

    /// Runs a script of this folder against it; what it prints.
    fn script(&self, name: &str, arguments: &[&str]) -> String {
        let mut python = Command::new(installed("aws/bin/python"));
        python.arg(folder().join(name)).arg(format!("http://{}", self.0.address)).args(arguments);
        let output = python.output().unwrap_or_else(|error| panic!("{python:?}: {error}: run tests/peers/install"));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
