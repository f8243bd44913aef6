//! Bodies that did not arrive whole, places that may not be talked to, and caps.

use super::server::{Reply, Server};
use super::{OPERATION, get, live, policy, recorded};
use crate::{Egress, EgressError, NoProgress, Pages, Policy, next_page_within};
use model::{CollectError, Digest, ReasonCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Sends once to a server with `script` and returns the error with the recorded attempts' errors.
async fn failing(script: Vec<Reply>, change: impl FnOnce(&mut Policy)) -> (CollectError, Egress) {
    let server = Server::start(script).await;
    let mut policy = policy(&server);
    change(&mut policy);
    let egress = live(policy);
    let error = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap_err();
    (error, egress)
}

fn errors(egress: &Egress) -> Vec<String> {
    recorded(egress).into_iter().map(|exchange| exchange.record.error.unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_cut_body_is_recorded_and_never_handed_on() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n[{\"id\":1}".to_vec();
    for reply in [Reply::Raw(cut.clone()), Reply::Reset(cut)] {
        let (error, egress) = failing(vec![reply.clone()], |_| ()).await;
        assert!(matches!(&error, CollectError::Transient { .. }), "{error}");
        assert_eq!(recorded(&egress).len(), 3, "every attempt is an exchange");
        for exchange in recorded(&egress) {
            assert!(exchange.record.error.as_deref().unwrap().starts_with("cut: "), "{:?}", exchange.record);
            assert_eq!(exchange.record.status, Some(200));
            if matches!(reply, Reply::Raw(_)) {
                assert_eq!(exchange.body.as_ref(), b"[{\"id\":1}", "what had arrived is kept");
            }
        }
    }
}

#[tokio::test]
async fn a_chunked_body_without_its_last_chunk_is_cut() {
    let cut = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1]\r\n".to_vec();
    let (error, egress) = failing(vec![Reply::Raw(cut)], |_| ()).await;
    assert!(matches!(error, CollectError::Transient { .. }), "{error}");
    assert!(errors(&egress)[0].starts_with("cut: "), "{:?}", errors(&egress));
    assert_eq!(recorded(&egress)[0].body.as_ref(), b"[1]");
}

#[tokio::test]
async fn a_body_whose_end_nobody_states_is_refused() {
    let (error, egress) = failing(vec![Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\n[1]".to_vec())], |_| ()).await;
    assert!(matches!(error, CollectError::Malformed { .. }), "{error}");
    assert!(errors(&egress)[0].starts_with("unframed: "), "{:?}", errors(&egress));
}

#[tokio::test]
async fn two_lengths_that_disagree_are_an_error() {
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ".to_vec();
    let (error, _) = failing(vec![Reply::Raw(two)], |_| ()).await;
    assert!(matches!(error, CollectError::Transient { .. }), "{error}");
}

#[tokio::test]
async fn an_encoded_body_is_refused_and_kept_as_received() {
    let (error, egress) =
        failing(vec![Reply::status("200 OK", "content-encoding: gzip\r\n", "not really gzip")], |_| ()).await;
    assert!(matches!(error, CollectError::Malformed { .. }), "{error}");
    assert_eq!(recorded(&egress)[0].body.as_ref(), b"not really gzip");
}

#[tokio::test]
async fn a_redirect_is_refused_and_nothing_follows_it() {
    for location in ["http://169.254.169.254/latest/meta-data/", "/elsewhere", "https://example.org/?token=CANARY"] {
        let reply = Reply::status("302 Found", &format!("location: {location}\r\n"), "moved");
        let (error, egress) = failing(vec![reply], |_| ()).await;
        assert!(error.to_string().contains("redirect refused"), "{error}");
        assert!(matches!(error, CollectError::Malformed { .. }));
        assert!(!format!("{:?}", recorded(&egress)).contains("CANARY"));
        assert_eq!(recorded(&egress).len(), 1);
        assert_eq!(recorded(&egress)[0].record.status, Some(302));
    }
}

#[tokio::test]
async fn nothing_leaves_for_a_place_outside_the_policy() {
    let server = Server::start(vec![Reply::ok("{}")]).await;
    let base = server.url("/api/v3/");
    let egress = live(Policy { origins: vec![base.clone()], ..policy(&server) });
    let port = base.port().unwrap();
    let outside = [
        format!("https://127.0.0.1:{port}/api/v3/things"),
        format!("http://localhost:{port}/api/v3/things"),
        format!("http://127.0.0.1:{}/api/v3/things", port.wrapping_add(1)),
        format!("http://127.0.0.1:{port}/things"),
        format!("http://127.0.0.1:{port}/api/v33/things"),
        format!("http://127.0.0.1:{port}/api/v3/../admin"),
        format!("http://127.0.0.1:{port}/api/v3/%2e%2e/admin"),
    ];
    for url in outside {
        let request = http::Request::get(&url).body(bytes::Bytes::new()).unwrap();
        let error = egress.send(OPERATION, request).await.unwrap_err();
        assert!(matches!(error, CollectError::Misconfigured { .. }), "{url}: {error}");
    }
    let error = egress.send("DELETE /things", get(&base)).await.unwrap_err();
    assert!(matches!(error, CollectError::Misconfigured { .. }), "{error}");
    assert!(server.requests().is_empty(), "{:?}", server.requests());
    // positive control: the same door lets the allowed place through
    egress.send(OPERATION, get(&server.url("/api/v3/things"))).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    // and each refusal is evidence of its own
    assert_eq!(errors(&egress).iter().filter(|error| error.starts_with("refused: ")).count(), 8);
}

#[test]
fn an_origin_with_a_user_or_another_scheme_opens_no_door() {
    for origin in ["ftp://example.org/", "https://user@example.org/", "https://example.org/?a=1", "file:///etc/"] {
        let policy = Policy { origins: vec![Url::parse(origin).unwrap()], ..Policy::default() };
        assert!(matches!(Egress::live(policy, Arc::new(NoProgress)), Err(EgressError::Origin(_))), "{origin}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_refused_declared_or_not() {
    let declared = Reply::ok(&"x".repeat(100));
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\n{}\r\n0\r\n\r\n", "x".repeat(100));
    for reply in [declared, Reply::Raw(chunked.into_bytes())] {
        let (error, egress) = failing(vec![reply], |policy| policy.max_body_bytes = 99).await;
        assert!(error.to_string().contains("larger than 99 bytes"), "{error}");
        assert_eq!(recorded(&egress).len(), 1, "not worth another attempt");
        assert!(recorded(&egress)[0].body.len() <= 99);
    }
}

#[tokio::test]
async fn the_answers_of_a_run_together_are_capped() {
    let server = Server::start(vec![Reply::ok(&"x".repeat(60))]).await;
    let egress = live(Policy { max_total_bytes: 100, ..policy(&server) });
    egress.send(OPERATION, get(&server.url("/things?page=1"))).await.unwrap();
    let error = egress.send(OPERATION, get(&server.url("/things?page=2"))).await.unwrap_err();
    assert!(matches!(error, CollectError::Incomplete { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_source_is_a_timeout_and_the_deadline_bounds_all_attempts() {
    let started = Instant::now();
    let (error, egress) = failing(vec![Reply::Silence(Vec::new())], |policy| {
        policy.request_timeout = Duration::from_millis(60);
        policy.deadline = Duration::from_millis(150);
        policy.attempts = 100;
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(matches!(error, CollectError::Transient { .. }), "{error}");
    assert!(errors(&egress)[0].starts_with("timeout: "), "{:?}", errors(&egress));
    assert!(recorded(&egress).len() < 5);
}

#[tokio::test]
async fn a_body_that_stops_halfway_is_a_timeout_with_what_had_arrived() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n[1,2".to_vec();
    let (_, egress) =
        failing(vec![Reply::Silence(half)], |policy| policy.request_timeout = Duration::from_millis(80)).await;
    assert_eq!(recorded(&egress)[0].body.as_ref(), b"[1,2");
    assert!(errors(&egress)[0].starts_with("timeout: "));
}

#[tokio::test]
async fn after_the_deadline_no_request_leaves() {
    let server = Server::start(vec![Reply::ok("{}")]).await;
    let egress = live(Policy { deadline: Duration::ZERO, ..policy(&server) });
    let error = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap_err();
    assert!(error.to_string().contains("time was up"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn paging_ends_at_the_cap_at_a_loop_and_at_a_repeated_page() {
    let body = |n: u8| Digest::of(&[n]);
    let code = |error| match error {
        CollectError::Incomplete { code, .. } => code,
        other => panic!("{other}"),
    };
    let mut pages = Pages::new(OPERATION, 2);
    pages.page(Some("a"), body(1)).unwrap();
    assert_eq!(code(pages.page(Some("b"), body(2)).unwrap_err()), ReasonCode::PageCap);

    let mut pages = Pages::new(OPERATION, 2);
    pages.page(Some("a"), body(1)).unwrap();
    pages.page(None, body(2)).unwrap();

    let mut pages = Pages::new(OPERATION, 9);
    pages.page(Some("a"), body(1)).unwrap();
    assert_eq!(code(pages.page(Some("a"), body(2)).unwrap_err()), ReasonCode::PageLoop);

    let mut pages = Pages::new(OPERATION, 9);
    pages.page(Some("a"), body(1)).unwrap();
    assert_eq!(code(pages.page(Some("b"), body(1)).unwrap_err()), ReasonCode::PageRepeated);
}

#[test]
fn the_next_page_stays_where_the_first_was() {
    let base = Url::parse("https://ghe.example/api/v3/").unwrap();
    assert_eq!(
        next_page_within(&base, "https://ghe.example/api/v3/orgs/a/members?page=2").unwrap().as_str(),
        "https://ghe.example/api/v3/orgs/a/members?page=2"
    );
    assert_eq!(next_page_within(&base, "orgs?page=2").unwrap().path(), "/api/v3/orgs");
    let away = [
        "http://ghe.example/api/v3/orgs?page=2",
        "https://ghe.example.evil.test/api/v3/orgs",
        "https://ghe.example:444/api/v3/orgs",
        "https://ghe.example@evil.test/api/v3/orgs",
        "https://token@ghe.example/api/v3/orgs",
        "https://ghe.example/api/v3/../../admin",
        "//evil.test/api/v3/orgs",
        "/admin",
    ];
    for next in away {
        assert!(matches!(next_page_within(&base, next), Err(CollectError::Malformed { .. })), "{next}");
    }
}
