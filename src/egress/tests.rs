//! What the door does, watched with real connections to a server that misbehaves on demand.

mod adapters;
mod authority;
mod bounds;
mod conditional;
mod files;
mod grant;
mod programs;
mod recording;
mod replay;
mod retry;
mod server;
mod turns;
mod witness;

use crate::{Egress, NoProgress, Policy};
use bytes::Bytes;
use model::Exchange;
use std::sync::Arc;
use std::time::Duration;

const OPERATION: &str = "GET /things";

/// A policy for a local server, with waits a test can afford.
fn policy(server: &server::Server) -> Policy {
    Policy {
        origins: vec![server.url("/")],
        operations: vec![OPERATION.to_owned()],
        attempts: 3,
        first_wait: Duration::from_millis(5),
        max_wait: Duration::from_millis(20),
        request_timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(20),
        ..Policy::default()
    }
}

fn live(policy: Policy) -> Egress {
    Egress::live(policy, Arc::new(NoProgress)).unwrap()
}

/// What was recorded, its bodies in memory.
fn recorded(egress: &Egress) -> Vec<Exchange> {
    egress.recorded().iter().map(|recorded| recorded.exchange().unwrap()).collect()
}

fn get(url: &url::Url) -> http::Request<Bytes> {
    http::Request::get(url.as_str()).body(Bytes::new()).unwrap()
}
