//! Answers of before, which the source says still hold.

use super::server::{Reply, Server};
use super::{OPERATION, get, policy, recorded};
use crate::{Answer, Earlier, Egress, Means, NoProgress, Policy};
use bytes::Bytes;
use model::Exchange;
use std::sync::Arc;

fn run(server: &Server, conditional: bool, earlier: Option<Earlier>) -> Egress {
    let policy = Policy { conditional, ..policy(server) };
    Egress::live_by(policy, Means { earlier, ..Means::default() }, Arc::new(NoProgress)).unwrap()
}

async fn ask(egress: &Egress, server: &Server) -> Answer {
    egress.send(OPERATION, get(&server.url("/things?page=1"))).await.unwrap()
}

/// What a snapshot holds of `exchanges`.
fn sealed(exchanges: &[Exchange]) -> Earlier {
    let records: Vec<_> = exchanges.iter().map(|exchange| exchange.record.clone()).collect();
    let bodies: Vec<_> = exchanges.iter().map(|exchange| (exchange.record.sha256, exchange.body.clone())).collect();
    Earlier::of("20260101T000000Z-x-1", &records, move |digest| {
        bodies.iter().find(|(known, _)| known == digest).map(|(_, body)| body.clone())
    })
}

fn whole() -> Reply {
    Reply::status("200 OK", "etag: W/\"one\"\r\nlink: <http://x.example/2>; rel=\"next\"\r\n", "[1,2]")
}

fn unchanged(tag: &str) -> Reply {
    Reply::status("304 Not Modified", &format!("etag: {tag}\r\nx-ratelimit-remaining: 7\r\n"), "")
}

#[tokio::test]
async fn an_answer_that_still_holds_is_cited_and_replays_the_same() {
    let server = Server::start(vec![whole(), unchanged("\"one\""), unchanged("W/\"one\"")]).await;
    let first = run(&server, true, None);
    ask(&first, &server).await;
    let mut before = recorded(&first);
    // twice, so that what is cited once can be cited again
    for _ in 0..2 {
        let again = run(&server, true, Some(sealed(&before)));
        let answer = ask(&again, &server).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"[1,2]"[..]));
        assert_eq!(answer.headers["link"], "<http://x.example/2>; rel=\"next\"");
        assert_eq!(answer.headers["x-ratelimit-remaining"], "7", "what came now counts");
        before = recorded(&again);
        assert_eq!(before.len(), 1);
        assert_eq!((before[0].record.status, before[0].record.bytes), (Some(304), 5));
        assert_eq!(before[0].record.headers["x-evidenced-unchanged-since"], "20260101T000000Z-x-1");
        let replay = Egress::replay(before.clone());
        let replayed = ask(&replay, &server).await;
        assert_eq!((replayed.status, replayed.body, replayed.headers), (200, answer.body, answer.headers));
    }
    let asked: Vec<bool> = server.requests().iter().map(|request| request.contains("if-none-match: ")).collect();
    assert_eq!(asked, [false, true, true]);
}

#[tokio::test]
async fn what_cannot_be_cited_is_asked_for_anew() {
    let another_version = vec![whole(), unchanged("\"two\""), Reply::ok("[3]")];
    let without_body = vec![whole(), unchanged("\"one\""), Reply::ok("[3]")];
    for (script, is_stored) in [(another_version, true), (without_body, false)] {
        let server = Server::start(script).await;
        let first = run(&server, true, None);
        ask(&first, &server).await;
        let records: Vec<_> = recorded(&first).into_iter().map(|exchange| exchange.record).collect();
        let earlier = if is_stored { sealed(&recorded(&first)) } else { Earlier::of("x", &records, |_| None) };
        let again = run(&server, true, Some(earlier));
        assert_eq!(ask(&again, &server).await.body, Bytes::from_static(b"[3]"));
        assert!(!server.requests()[2].contains("if-none-match"), "{}", server.requests()[2]);
        assert_eq!(recorded(&again).len(), 2);
    }
}

#[tokio::test]
async fn nobody_is_asked_conditionally_who_need_not_be_believed() {
    let server = Server::start(vec![whole(), unchanged("\"one\"")]).await;
    let first = run(&server, false, None);
    ask(&first, &server).await;
    let again = run(&server, false, Some(sealed(&recorded(&first))));
    assert_eq!(ask(&again, &server).await.status, 304, "an answer without a body is none");
    assert!(!server.requests()[1].contains("if-none-match"));

    // an answer to another question, a failed one and one without a tag are not cited
    let mut other = recorded(&first).remove(0);
    other.record.url += "&per_page=100";
    let mut failed = recorded(&first).remove(0);
    failed.record.status = Some(500);
    let mut untagged = recorded(&first).remove(0);
    untagged.record.headers.remove("etag");
    let again = run(&server, true, Some(sealed(&[other, failed, untagged])));
    assert_eq!(ask(&again, &server).await.status, 304);
    assert!(!server.requests()[2].contains("if-none-match"));
}
