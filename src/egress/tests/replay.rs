//! A recording served back gives what the run got.

use super::server::{Reply, Server};
use super::{OPERATION, get, live, policy, recorded};
use crate::{Answer, Egress, Policy};
use bytes::Bytes;
use model::{CollectError, Exchange};
use std::time::Duration;

/// What a small collector makes of a source: everything it was told, errors included.
async fn read(egress: &Egress, base: &url::Url) -> Vec<String> {
    let mut seen = Vec::new();
    for page in ["1", "2", "3", "3", "4"] {
        let said = egress.send(OPERATION, get(&base.join(&format!("things?page={page}&token=x")).unwrap())).await;
        seen.push(tell(said));
    }
    for text in ["Action=List&Marker=a", "Action=List&Marker=b"] {
        let request = http::Request::post(base.as_str()).body(Bytes::from(text)).unwrap();
        seen.push(tell(egress.send(OPERATION, request).await));
    }
    let away = http::Request::get("http://192.0.2.1/").body(Bytes::new()).unwrap();
    seen.push(tell(egress.send(OPERATION, away).await));
    seen.push(format!("{:?} {:?}", egress.last_answer_date(), egress.redactions()));
    seen
}

fn tell(said: Result<Answer, CollectError>) -> String {
    match said {
        Ok(answer) => {
            let mut headers: Vec<_> = answer.headers.iter().collect();
            headers.sort_by_key(|(name, _)| name.as_str());
            format!("{} {headers:?} {:?}", answer.status, answer.body)
        }
        Err(error) => format!("{error:?}"),
    }
}

fn script() -> Vec<Reply> {
    vec![
        Reply::status("500 Internal Server Error", "", "oops"),
        Reply::status("200 OK", "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nlink: <x>; rel=\"next\"\r\n", "[1]"),
        Reply::status("403 Forbidden", "", "{\"message\":\"no\"}"),
        Reply::ok("[3]"),
        Reply::ok("[3, \"again\"]"),
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[4".to_vec()),
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[4,".to_vec()),
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[4,4".to_vec()),
        Reply::status("429 Too Many Requests", "retry-after: 9\r\n", ""),
        Reply::ok("a"),
        Reply::status("302 Found", "location: http://elsewhere.test/\r\n", ""),
    ]
}

#[tokio::test]
async fn a_replay_tells_what_the_run_was_told() {
    let server = Server::start(script()).await;
    let egress = live(policy(&server));
    let base = server.url("/");
    let told = read(&egress, &base).await;
    assert!(told[0].starts_with("200"), "{told:?}");
    assert!(told[1].starts_with("403"));
    assert!(told[4].contains("3 attempts"), "{}", told[4]);
    assert!(told[5].starts_with("200") && told[6].contains("redirect refused"), "{told:?}");

    let recorded = recorded(&egress);
    drop(server);
    let replay = Egress::replay(recorded.clone());
    let started = std::time::Instant::now();
    assert_eq!(read(&replay, &base).await, told);
    assert!(started.elapsed() < Duration::from_secs(1), "a replay does not wait");
    assert_eq!(format!("{:?}", super::recorded(&replay)), format!("{recorded:?}"), "everything recorded was asked for");
}

#[tokio::test]
async fn what_was_not_recorded_is_not_answered() {
    let server = Server::start(vec![Reply::ok("[1]")]).await;
    let egress = live(policy(&server));
    let url = server.url("/things");
    egress.send(OPERATION, get(&url)).await.unwrap();
    let replay = Egress::replay(recorded(&egress));
    let other = replay.send(OPERATION, get(&server.url("/things?page=2"))).await.unwrap_err();
    assert!(other.to_string().contains("not in the recording"), "{other}");
    let other = replay.send("GET /others", get(&url)).await.unwrap_err();
    assert!(other.to_string().contains("not in the recording"), "{other}");
    replay.send(OPERATION, get(&url)).await.unwrap();
    let again = replay.send(OPERATION, get(&url)).await.unwrap_err();
    assert!(again.to_string().contains("not in the recording"), "{again}");
}

/// Two calls for the same thing that ran side by side, their attempts interleaved in the recording.
#[tokio::test]
async fn attempts_of_interleaved_calls_are_not_mixed_up() {
    let server = Server::start(vec![Reply::status("500 Internal Server Error", "", "x"), Reply::ok("[1]")]).await;
    let egress = live(policy(&server));
    let url = server.url("/things");
    egress.send(OPERATION, get(&url)).await.unwrap();
    let [failed, answered] = recorded(&egress).try_into().unwrap();
    let numbered = |mut exchange: Exchange, seq: u32| {
        exchange.record.seq = seq;
        exchange
    };
    let interleaved =
        vec![numbered(failed.clone(), 1), numbered(failed, 2), numbered(answered.clone(), 3), numbered(answered, 4)];
    let replay = Egress::replay(interleaved);
    for _ in 0..2 {
        assert_eq!(replay.send(OPERATION, get(&url)).await.unwrap().body, "[1]");
    }
    replay.send(OPERATION, get(&url)).await.unwrap_err();
    assert_eq!(recorded(&replay).len(), 4);
}

#[tokio::test]
async fn calls_side_by_side_are_replayed_to_the_same_effect() {
    let server = Server::start(vec![Reply::ok("[1]")]).await;
    let egress = live(Policy { concurrency: 8, ..policy(&server) });
    let ask = |egress: Egress, server: &Server| {
        let calls: Vec<_> = (0..20)
            .map(|n| {
                let (egress, request) = (egress.clone(), get(&server.url(&format!("/things?page={n}"))));
                tokio::spawn(async move { tell(egress.send(OPERATION, request).await) })
            })
            .collect();
        async move {
            let mut told = Vec::new();
            for call in calls {
                told.push(call.await.unwrap());
            }
            told
        }
    };
    let told = ask(egress.clone(), &server).await;
    let recorded = recorded(&egress);
    let numbers: Vec<_> = recorded.iter().map(|exchange| exchange.record.seq).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert_eq!(ask(Egress::replay(recorded), &server).await, told);
}
