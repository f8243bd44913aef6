//! Asking a witness: whatever it answers is handed on as it is, and nothing it does keeps the asker.

use super::server::{Reply, Server};
use crate::{PostError, add_checkpoint};
use std::time::Duration;

async fn ask(reply: Reply) -> (Result<crate::Reply, PostError>, Server) {
    let server = Server::start(vec![reply]).await;
    let outcome =
        add_checkpoint(&server.url("/prefix/"), "old 0\n\nlog\n".to_owned(), Duration::from_secs(2), None).await;
    (outcome, server)
}

#[tokio::test]
async fn every_answer_comes_with_status_type_and_body() {
    let (reply, server) = ask(Reply::status("409 Conflict", "content-type: Text/X.tlog.size; a=b\r\n", "17\n")).await;
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.media_type.as_str(), &reply.body[..]), (409, "text/x.tlog.size", &b"17\n"[..]));
    let asked = server.requests();
    assert!(asked[0].starts_with("POST /prefix/add-checkpoint HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].ends_with("\r\n\r\nold 0\n\nlog\n"), "{asked:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (reply, server) =
        ask(Reply::status("307 Temporary Redirect", "location: http://169.254.169.254/\r\n", "")).await;
    assert_eq!(reply.unwrap().status, 307);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn silence_a_reset_and_an_endless_answer_end() {
    let (reply, _server) = ask(Reply::Silence(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec())).await;
    assert_eq!(reply.unwrap_err(), PostError::Late(2));
    let (reply, _server) = ask(Reply::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec())).await;
    assert!(matches!(reply.unwrap_err(), PostError::Transport(_)));
    let (reply, _server) = ask(Reply::ok(&"x".repeat(70_000))).await;
    assert_eq!(reply.unwrap_err(), PostError::TooLarge(64 * 1024));
}
