//! A server that answers each connection with the next scripted bytes, as they are, and closes.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// What one connection gets.
#[derive(Clone)]
pub(super) enum Reply {
    /// These bytes, then a close.
    Raw(Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
    /// These bytes, then silence.
    Silence(Vec<u8>),
    /// The other reply, after some time.
    Late(Duration, Box<Reply>),
}

impl Reply {
    pub(super) fn status(status: &str, headers: &str, body: &str) -> Self {
        Self::Raw(
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
                .into_bytes(),
        )
    }

    pub(super) fn ok(body: &str) -> Self {
        Self::status("200 OK", "content-type: application/json\r\n", body)
    }
}

pub(super) struct Server {
    address: std::net::SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves `script` in order; the last reply is repeated.
    pub(super) async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        tokio::spawn(async move {
            let mut next = 0;
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let reply = script[next.min(script.len() - 1)].clone();
                next += 1;
                tokio::spawn(answer(stream, reply, seen.clone()));
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// Requests as received, in the order they came.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, reply: Reply, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
    }
    seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    let reply = match reply {
        Reply::Late(wait, reply) => {
            tokio::time::sleep(wait).await;
            *reply
        }
        reply => reply,
    };
    let (Reply::Raw(bytes) | Reply::Reset(bytes) | Reply::Silence(bytes)) = &reply else { return };
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    match reply {
        Reply::Raw(_) => drop(stream.shutdown().await),
        Reply::Reset(_) => stream.set_zero_linger().unwrap(),
        Reply::Silence(_) | Reply::Late(..) => tokio::time::sleep(Duration::from_secs(30)).await,
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|v| v.trim().parse().unwrap()));
    body.len() >= length.unwrap_or(0)
}
