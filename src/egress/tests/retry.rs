//! Trying again: when, how long to wait, and when to stop.

use super::server::{Reply, Server};
use super::{OPERATION, get, live, policy, recorded};
use crate::throttle::{Judgement, asked_wait, judge, wait_before};
use crate::{Egress, Policy, Progress};
use model::CollectError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn exchange(&self, operation: &str, bytes: u64) {
        self.0.lock().unwrap().push(format!("{operation} {bytes} bytes"));
    }
    fn waiting(&self, operation: &str, seconds: u64) {
        self.0.lock().unwrap().push(format!("{operation} waits {seconds}"));
    }
}

#[tokio::test]
async fn passing_trouble_is_tried_again_and_every_attempt_is_recorded() {
    let server = Server::start(vec![
        Reply::Reset(Vec::new()),
        Reply::status("502 Bad Gateway", "", "<html>"),
        Reply::ok("{\"ok\":true}"),
    ])
    .await;
    let told = Arc::new(Told::default());
    let egress = Egress::live(policy(&server), told.clone()).unwrap();
    let answer = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap();
    assert_eq!(answer.status, 200);
    let attempts: Vec<_> =
        recorded(&egress).iter().map(|e| (e.record.seq, e.record.attempt, e.record.status)).collect();
    assert_eq!(attempts, [(1, 1, None), (2, 2, Some(502)), (3, 3, Some(200))]);
    assert!(recorded(&egress)[0].record.error.is_some());
    let waits = format!("{OPERATION} waits 0");
    assert_eq!(
        *told.0.lock().unwrap(),
        [
            format!("{OPERATION} 0 bytes"),
            waits.clone(),
            format!("{OPERATION} 6 bytes"),
            waits,
            format!("{OPERATION} 11 bytes")
        ]
    );
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_then_reported() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url::Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let server = Server::start(vec![Reply::ok("")]).await;
    let egress = live(Policy { origins: vec![url.clone()], ..policy(&server) });
    let error = egress.send(OPERATION, get(&url)).await.unwrap_err();
    assert!(matches!(&error, CollectError::Transient { message, .. } if message.contains("3 attempts")), "{error}");
    assert!(recorded(&egress).iter().all(|e| e.record.error.as_deref().unwrap().starts_with("unreachable: ")));
}

#[tokio::test]
async fn trouble_that_stays_is_transient_and_throttling_that_stays_is_throttled() {
    let cases = [
        ("500 Internal Server Error", "", "", false),
        ("503 Service Unavailable", "", "", false),
        ("429 Too Many Requests", "", "", true),
        ("429 Too Many Requests", "retry-after: 999999999999999999999\r\n", "", true),
        ("429 Too Many Requests", "retry-after: -5\r\n", "", true),
        ("403 Forbidden", "retry-after: 60\r\n", "", true),
        ("403 Forbidden", "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 4102444800\r\n", "", true),
        ("429 Too Many Requests", "x-rate-limit-remaining: 0\r\nx-rate-limit-reset: 4102444800\r\n", "", true),
        ("403 Forbidden", "", "{\"error\":{\"errors\":[{\"reason\":\"userRateLimitExceeded\"}]}}", true),
        ("403 Forbidden", "", "{\"message\":\"You have exceeded a secondary rate limit\"}", true),
        ("400 Bad Request", "", "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", true),
        ("400 Bad Request", "x-amzn-errortype: TooManyRequestsException:http://x/\r\n", "{}", true),
        ("400 Bad Request", "", "{\"__type\":\"com.amazon.coral#RequestLimitExceeded\"}", true),
    ];
    for (status, headers, body, throttled) in cases {
        let server = Server::start(vec![Reply::status(status, headers, body)]).await;
        let egress = live(policy(&server));
        let started = Instant::now();
        let error = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(3), "waits are capped: {status} {headers}");
        assert_eq!(recorded(&egress).len(), 3, "{status} {headers}");
        assert_eq!(matches!(error, CollectError::Throttled { .. }), throttled, "{status} {headers}{body}: {error}");
        assert_eq!(matches!(error, CollectError::Transient { .. }), !throttled, "{status} {headers}{body}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_trouble_is_returned_whatever_its_status() {
    for status in [
        "200 OK",
        "204 No Content",
        "304 Not Modified",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "501 Not Implemented",
    ] {
        let server = Server::start(vec![Reply::status(status, "x-ratelimit-remaining: 5\r\n", "")]).await;
        let egress = live(policy(&server));
        let answer = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap();
        assert!(status.starts_with(&answer.status.to_string()));
        assert_eq!(recorded(&egress).len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_wait_that_would_outlast_the_run_is_not_begun() {
    let server = Server::start(vec![Reply::status("429 Too Many Requests", "retry-after: 30\r\n", "")]).await;
    let egress =
        live(Policy { max_wait: Duration::from_mins(1), deadline: Duration::from_secs(10), ..policy(&server) });
    let started = Instant::now();
    let error = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(&error, CollectError::Throttled { message, .. } if message.contains("`30`")), "{error}");
    assert_eq!(recorded(&egress).len(), 1);
}

#[tokio::test]
async fn a_wait_the_source_asks_for_is_kept() {
    let server =
        Server::start(vec![Reply::status("429 Too Many Requests", "retry-after: 1\r\n", ""), Reply::ok("{}")]).await;
    let egress = live(Policy { max_wait: Duration::from_secs(5), ..policy(&server) });
    let started = Instant::now();
    egress.send(OPERATION, get(&server.url("/things"))).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_policy_says() {
    let server = Server::start(vec![Reply::Silence(Vec::new())]).await;
    let egress = live(Policy { concurrency: 2, request_timeout: Duration::from_secs(3), ..policy(&server) });
    let calls: Vec<_> = (0..6)
        .map(|n| {
            let (egress, request) = (egress.clone(), get(&server.url(&format!("/things?page={n}"))));
            tokio::spawn(async move { egress.send(OPERATION, request).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.requests().len(), 2);
    for call in calls {
        call.abort();
    }
}

fn headers(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_wait_asked_for_is_read_from_seconds_dates_and_resets() {
    let now = "1994-11-06T08:49:00Z".parse().unwrap();
    let asked = |pairs: &[(&str, &str)]| asked_wait(&headers(pairs), now);
    assert_eq!(asked(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
    assert_eq!(asked(&[("retry-after", "-7")]), None);
    assert_eq!(asked(&[("retry-after", "soon")]), None);
    assert_eq!(asked(&[("retry-after", "99999999999999999999")]), Some(Duration::from_secs(u64::MAX)));
    assert_eq!(asked(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(Duration::from_secs(37)));
    assert_eq!(asked(&[("retry-after", "Sun, 06 Nov 1994 08:48:37 GMT")]), None);
    // the source's clock counts, not ours
    let date = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
    assert_eq!(asked(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), date]), Some(Duration::from_secs(7)));
    let reset = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111777"), date];
    assert_eq!(asked(&reset), Some(Duration::from_secs(7)));
    let okta = [("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "784111777"), date];
    assert_eq!(asked(&okta), Some(Duration::from_secs(7)));
    assert_eq!(asked(&[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "784111777")]), None);
    assert_eq!(asked(&[]), None);
}

#[test]
fn waits_double_and_are_capped() {
    let (first, cap) = (Duration::from_millis(500), Duration::from_mins(1));
    let waits: Vec<_> = (2..6).map(|next| wait_before(next, None, first, cap).as_millis()).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000]);
    assert_eq!(wait_before(200, None, first, cap), cap);
    assert_eq!(wait_before(2, Some(Duration::from_secs(u64::MAX)), first, cap), cap);
}

#[test]
fn a_message_that_mentions_throttling_is_not_throttling() {
    let body = b"<Error><Code>ValidationError</Code><Message>Throttling is not a name</Message></Error>";
    assert_eq!(judge(400, &BTreeMap::new(), body), Judgement::Final);
    assert_eq!(judge(403, &BTreeMap::new(), b"{\"message\":\"Must have admin rights\"}"), Judgement::Final);
}
