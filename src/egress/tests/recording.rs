//! The recording holds what was sent and received, and no credential.

use super::server::{Reply, Server};
use super::{OPERATION, get, live, policy, recorded};
use bytes::Bytes;
use model::{Digest, Redaction};
use secrecy::SecretString;

#[tokio::test]
async fn a_body_is_recorded_byte_for_byte_before_anything_parses_it() {
    let body = "{\"a\":1,\"a\":2, \"n\":9007199254740993}\r\n\u{feff}";
    let server = Server::start(vec![Reply::status(
        "200 OK",
        "content-type: application/json\r\nX-GitHub-Request-Id: r1\r\nset-cookie: session=no\r\nLink: <a>\r\nlink: <b>\r\n",
        body,
    )])
    .await;
    let egress = live(policy(&server));
    let answer = egress.send(OPERATION, get(&server.url("/things?page=1"))).await.unwrap();

    assert_eq!(answer.body, body.as_bytes());
    let recorded = recorded(&egress);
    let [exchange] = recorded.as_slice() else { panic!("one exchange: {recorded:?}") };
    assert_eq!(exchange.body, body.as_bytes());
    assert_eq!(exchange.record.sha256, Digest::of(body.as_bytes()));
    assert_eq!(exchange.record.bytes, body.len() as u64);
    assert_eq!((exchange.record.seq, exchange.record.attempt, exchange.record.status), (1, 1, Some(200)));
    assert_eq!(exchange.record.url, server.url("/things?page=1").to_string());
    assert_eq!(exchange.record.headers["x-github-request-id"], "r1");
    assert_eq!(exchange.record.headers["link"], "<a>, <b>");
    assert!(!exchange.record.headers.contains_key("set-cookie"));
    assert!(exchange.record.started_at <= exchange.record.finished_at);
}

#[tokio::test]
async fn a_collector_sees_no_header_that_the_recording_does_not_hold() {
    let server = Server::start(vec![Reply::status("200 OK", "x-unlisted: 1\r\netag: \"e\"\r\n", "{}")]).await;
    let egress = live(policy(&server));
    let answer = egress.send(OPERATION, get(&server.url("/things"))).await.unwrap();
    assert!(!answer.headers.contains_key("x-unlisted"));
    let recorded = &recorded(&egress)[0].record.headers;
    let seen: Vec<&str> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(seen.len(), recorded.len());
    assert!(seen.iter().all(|name| recorded.contains_key(*name)), "{seen:?} {recorded:?}");
}

/// Every place a credential can stand in a request or come back from a source.
#[tokio::test]
async fn no_credential_reaches_the_recording() {
    const CANARY: &str = "CANARY-7f3a91c2";
    let echo = format!("{{\"you_sent\":\"Bearer {CANARY}\"}}");
    let headers = format!("etag: \"{CANARY}\"\r\nlink: <http://x/?access_token={CANARY}&page=2>; rel=\"next\"\r\n");
    let server = Server::start(vec![Reply::status("200 OK", &headers, &echo)]).await;
    let egress = live(policy(&server));
    egress.protect(&SecretString::from(CANARY.to_owned()));

    let names = [
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "access_token",
        "token",
        "key",
        "client_secret",
    ];
    for name in names {
        let request = get(&server.url(&format!("/things?page=1&{name}={CANARY}&per_page=100")));
        egress.send(OPERATION, request).await.unwrap();
    }
    let bodies = [
        format!("Action=Go&Marker=m1&SecretAccessKey={CANARY}&nextToken=n1"),
        format!("{{\"query\":\"q\",\"variables\":{{\"password\":\"{CANARY}\",\"nextToken\":\"n1\"}}}}"),
    ];
    for body in bodies {
        let request = http::Request::post(server.url("/things").as_str())
            .header("authorization", format!("Bearer {CANARY}"))
            .header("x-amz-security-token", CANARY)
            .body(Bytes::from(body))
            .unwrap();
        egress.send(OPERATION, request).await.unwrap();
    }

    let recorded = recorded(&egress);
    assert_eq!(recorded.len(), names.len() + 2);
    for exchange in &recorded {
        let text =
            format!("{}{}", serde_json::to_string(&exchange.record).unwrap(), String::from_utf8_lossy(&exchange.body));
        assert!(!text.contains(CANARY), "{text}");
        assert!(exchange.record.request_body.is_some() || exchange.record.url.ends_with("?page=1&per_page=100"));
    }
    assert_eq!(
        recorded[names.len()].record.request_body.as_deref(),
        Some("Action=Go&Marker=m1&SecretAccessKey=REDACTED&nextToken=n1")
    );
    assert!(recorded[names.len() + 1].record.request_body.as_deref().unwrap().contains("\"nextToken\":\"n1\""));
    // it did reach the source, and the manifest can say where the source echoed it
    assert!(server.requests().iter().all(|request| request.contains(CANARY)));
    assert_eq!(egress.redactions().len(), recorded.len());
    let Redaction { exchange, .. } = &egress.redactions()[0];
    assert_eq!(*exchange, 1);
}

#[tokio::test]
async fn a_binary_request_body_is_sent_but_not_recorded() {
    let server = Server::start(vec![Reply::ok("{}")]).await;
    let egress = live(policy(&server));
    let request = http::Request::post(server.url("/things").as_str()).body(Bytes::from_static(&[0xff, 0xfe])).unwrap();
    egress.send(OPERATION, request).await.unwrap();
    assert_eq!(recorded(&egress)[0].record.request_body, None);
}

#[tokio::test]
async fn compressed_bytes_are_not_asked_for() {
    let server = Server::start(vec![Reply::ok("{}")]).await;
    live(policy(&server)).send(OPERATION, get(&server.url("/things"))).await.unwrap();
    let request = server.requests()[0].to_ascii_lowercase();
    assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
}

#[tokio::test]
async fn the_newest_date_of_the_answers_is_the_sources_time() {
    let dated = |date: &str| Reply::status("200 OK", &format!("date: {date}\r\n"), "{}");
    let server =
        Server::start(vec![dated("Sun, 06 Nov 1994 08:49:38 GMT"), dated("Sun, 06 Nov 1994 08:49:37 GMT")]).await;
    let egress = live(policy(&server));
    assert_eq!(egress.last_answer_date(), None);
    for _ in 0..2 {
        egress.send(OPERATION, get(&server.url("/things"))).await.unwrap();
    }
    assert_eq!(egress.last_answer_date(), Some("1994-11-06T08:49:38Z".parse().unwrap()));
}

#[tokio::test]
async fn a_call_given_up_by_its_collector_is_recorded_as_abandoned() {
    let server = Server::start(vec![Reply::Silence(Vec::new())]).await;
    let egress = live(policy(&server));
    let call = egress.send(OPERATION, get(&server.url("/things")));
    tokio::time::timeout(std::time::Duration::from_millis(50), call).await.unwrap_err();
    let recorded = recorded(&egress);
    assert_eq!(recorded.len(), 1);
    assert!(recorded[0].record.error.as_deref().unwrap().starts_with("abandoned: "));
}
