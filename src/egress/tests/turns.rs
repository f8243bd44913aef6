//! Runs that share a credential: one queue, one rest.

use super::server::{Reply, Server};
use super::{OPERATION, get, policy};
use crate::{Egress, Means, NoProgress, Policy, Queues};
use secrecy::SecretString;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn run(server: &Server, queues: &Queues, secret: &str, width: usize) -> Egress {
    let policy = Policy { concurrency: width, max_wait: Duration::from_secs(1), attempts: 2, ..policy(server) };
    let secrets = [SecretString::from(secret)];
    let means = Means { turns: queues.of(&policy.origins, secrets.iter(), policy.concurrency), ..Means::default() };
    Egress::live_by(policy, means, Arc::new(NoProgress)).unwrap()
}

/// How long two runs take that each ask once of a source that answers after 300 ms.
async fn together(one: &str, other: &str) -> Duration {
    let server = Server::start(vec![Reply::Late(Duration::from_millis(300), Box::new(Reply::ok("[]")))]).await;
    let queues = Queues::default();
    let (one, other) = (run(&server, &queues, one, 1), run(&server, &queues, other, 1));
    let begun = Instant::now();
    let url = server.url("/things");
    let (a, b) = tokio::join!(one.send(OPERATION, get(&url)), other.send(OPERATION, get(&url)));
    assert_eq!((a.unwrap().status, b.unwrap().status), (200, 200));
    begun.elapsed()
}

#[tokio::test]
async fn runs_with_the_same_credential_take_turns_and_others_do_not_wait() {
    assert!(together("same-credential", "same-credential").await >= Duration::from_millis(600));
    assert!(together("one-credential", "another-credential").await < Duration::from_millis(600));
}

#[tokio::test]
async fn when_a_source_asks_one_run_to_slow_down_the_others_rest_too() {
    let slow = Reply::status("429 Too Many Requests", "retry-after: 1\r\n", "");
    let server = Server::start(vec![slow, Reply::ok("[]")]).await;
    let queues = Queues::default();
    let (one, other) = (run(&server, &queues, "credential", 4), run(&server, &queues, "credential", 4));
    let url = server.url("/things");
    let begun = Instant::now();
    let (first, second) = tokio::join!(one.send(OPERATION, get(&url)), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let answer = other.send(OPERATION, get(&url)).await;
        (answer, begun.elapsed())
    });
    assert_eq!(first.unwrap().status, 200);
    assert_eq!(second.0.unwrap().status, 200);
    assert!(second.1 >= Duration::from_millis(900), "it asked after {:?}", second.1);
}

#[tokio::test]
async fn a_queue_ends_with_its_last_run() {
    let server = Server::start(vec![Reply::ok("[]")]).await;
    let queues = Queues::default();
    let origins = [server.url("/")];
    let secret = [SecretString::from("credential")];
    let narrow = queues.of(&origins, secret.iter(), 1).unwrap();
    assert!(Arc::ptr_eq(&narrow, &queues.of(&origins, secret.iter(), 9).unwrap()));
    assert!(!Arc::ptr_eq(&narrow, &queues.of(&origins, [].iter(), 9).unwrap()));
    assert!(queues.of(&[], secret.iter(), 1).is_none(), "files are nobody's queue");
}
