//! Asking an authority: one request, one bounded answer of the right kind, or a reason.

use super::server::{Reply, Server};
use crate::{AskError, PostError, Question, ask};
use std::time::{Duration, Instant};

async fn answer(reply: Reply) -> (Result<bytes::Bytes, AskError>, Vec<String>) {
    let server = Server::start(vec![reply]).await;
    let question = Question {
        url: server.url("/tsa"),
        media_type: "application/timestamp-query",
        body: "the question".into(),
        answer_media_type: "application/timestamp-reply",
        max_answer_bytes: 20,
        proxy: None,
        deadline: Duration::from_secs(2),
    };
    (ask(&question).await, server.requests())
}

fn status(status: &str, media_type: &str, body: &str) -> Reply {
    Reply::status(status, &format!("content-type: {media_type}\r\n"), body)
}

const RIGHT: &str = "application/timestamp-reply";

#[tokio::test]
async fn a_question_is_posted_once_and_its_answer_comes_back_whole() {
    let (answered, requests) =
        answer(status("200 OK", "Application/Timestamp-Reply; x=1", "twenty bytes exactly")).await;
    assert_eq!(answered.unwrap(), "twenty bytes exactly");
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("POST /tsa HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[0].contains("content-type: application/timestamp-query\r\n"), "{}", requests[0]);
    assert!(requests[0].ends_with("\r\n\r\nthe question"), "{}", requests[0]);
}

#[tokio::test]
async fn anything_else_is_no_answer_and_is_not_asked_for_again() {
    let moved = Reply::status("302 Found", "location: http://127.0.0.1:1/\r\n", "");
    for (reply, expected) in [
        (status("200 OK", RIGHT, "twenty-one bytes are too many"), AskError::NoAnswer(PostError::TooLarge(20))),
        (status("200 OK", "text/html", "x"), AskError::MediaType { expected: RIGHT, found: "text/html".into() }),
        (Reply::status("200 OK", "", "x"), AskError::MediaType { expected: RIGHT, found: "nothing".into() }),
        (status("500 Oops", RIGHT, "x"), AskError::Status(500)),
        (status("206 Partial", RIGHT, "x"), AskError::Status(206)),
        (moved, AskError::Redirect(302)),
        (Reply::Silence(Vec::new()), AskError::NoAnswer(PostError::Late(2))),
    ] {
        let (answered, requests) = answer(reply).await;
        assert_eq!(answered, Err(expected));
        assert_eq!(requests.len(), 1);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\n";
    // longer than it says nothing of, shorter than it says, and cut off
    let endless = format!("{head}\r\n{}", "x".repeat(100));
    assert_eq!(answer(Reply::Raw(endless.into_bytes())).await.0, Err(AskError::NoAnswer(PostError::TooLarge(20))));
    let cut = format!("{head}content-length: 20\r\n\r\nten bytes.");
    assert!(matches!(
        answer(Reply::Raw(cut.clone().into_bytes())).await.0,
        Err(AskError::NoAnswer(PostError::Transport(_)))
    ));
    assert!(matches!(answer(Reply::Reset(cut.into_bytes())).await.0, Err(AskError::NoAnswer(PostError::Transport(_)))));
    // begun and never ended
    let slow = format!("{head}content-length: 20\r\n\r\nten bytes.");
    let begun = Instant::now();
    assert_eq!(answer(Reply::Silence(slow.into_bytes())).await.0, Err(AskError::NoAnswer(PostError::Late(2))));
    assert!(begun.elapsed() < Duration::from_secs(20));
}
