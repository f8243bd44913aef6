//! Just enough HTTP/1.1 to be a source: one request a connection, and answers that can be broken.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Parameters that say which page of a listing is asked for.
const PAGE_PARAMETERS: &[&str] = &[
    "Marker",
    "MaxItems",
    "nextToken",
    "maxResults",
    "NextToken",
    "MaxResults",
    "page",
    "after",
    "startIndex",
    "$skiptoken",
    "pageToken",
    "page%5Bafter%5D",
    "offset",
];

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path with query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str, body: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: body.to_owned() }
    }

    pub(crate) fn read(stream: &mut TcpStream) -> Option<Self> {
        let (head, body) = read_message(stream, |_| true)?;
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers = lines.filter_map(header).collect();
        Some(Self { method, target, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Whether both ask for the same thing; headers, which carry signatures and dates, do not count but the call's name,
    /// and neither do the
    /// secrets of a form, which no recording holds.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.method, &self.target, self.call()) == (&other.method, &other.target, other.call())
            && (self.body == other.body || self.without_secrets() == other.without_secrets())
    }

    /// What AWS's JSON protocol calls: nothing else tells its requests apart.
    fn call(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == "x-amz-target").map(|(_, target)| target.as_str())
    }

    fn without_secrets(&self) -> String {
        let is_secret = |pair: &&str| pair.starts_with("client_secret=") || pair.starts_with("assertion=");
        self.body.split('&').filter(|pair| !is_secret(pair)).collect::<Vec<_>>().join("&")
    }

    /// Whether both ask for the same listing, whichever page.
    pub(crate) fn is_page_of(&self, other: &Self) -> bool {
        self.whole().is_same(&other.whole())
    }

    /// The same request without its page.
    pub(crate) fn whole(&self) -> Self {
        let without = |text: &str| {
            let named = |pair: &&str| !PAGE_PARAMETERS.contains(&pair.split('=').next().unwrap_or_default());
            text.split('&').filter(named).collect::<Vec<_>>().join("&")
        };
        let target = match self.target.split_once('?') {
            Some((path, query)) => format!("{path}?{}", without(query)).trim_end_matches('?').to_owned(),
            None => self.target.clone(),
        };
        let body = if self.parameter("Action").is_some() { without(&self.body) } else { without_cursor(&self.body) };
        Self { target, body, ..self.clone() }
    }

    /// A parameter of the query or of a form.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = query.split('&').chain(self.body.split('&'));
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    }
}

/// The body of a GraphQL query, or of a request of AWS's JSON protocol, without the cursor of its page.
fn without_cursor(body: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(serde_json::Value::Object(mut asked)) if asked.contains_key("NextToken") => {
            asked.remove("NextToken");
            serde_json::Value::Object(asked).to_string()
        }
        Ok(mut query) if query["variables"].get("after").is_some() => {
            query["variables"]["after"] = serde_json::Value::Null;
            query.to_string()
        }
        _ => body.to_owned(),
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case; the length is added when it is written.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), kind.to_owned())], body: body.into() }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads an answer whose end is its length, its last chunk or the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Option<Self> {
        let (head, body) = read_message(stream, |head| header_of(head, "content-length").is_some())?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let framing = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        let headers = head.lines().skip(1).filter_map(header);
        let headers = headers.filter(|(name, _)| !framing.contains(&name.as_str())).collect();
        let chunked = header_of(&head, "transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        Some(Self { status, headers, body: if chunked { unchunk(&body)? } else { body } })
    }

    fn head(&self, length: usize) -> String {
        let mut head = format!("HTTP/1.1 {} Answer\r\ncontent-length: {length}\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }
}

/// What is done with a connection.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The whole answer.
    Whole(Response),
    /// Half of the body, then the end of the connection.
    Half(Response),
    /// Half of the body, then a reset.
    HalfThenReset(Response),
    /// A length that is smaller than the body.
    Short(Response),
    /// A reset at once.
    Reset,
    /// Nothing, for longer than anybody waits.
    Silence,
}

impl Reply {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(response) => Some(response.status),
            _ => None,
        }
    }

    pub(crate) fn write(self, mut stream: TcpStream) {
        // whoever asked may be gone: that is its own matter
        let send = |stream: &mut TcpStream, response: &Response, length: usize, body: &[u8]| {
            let _ = stream.write_all(response.head(length).as_bytes()).and_then(|()| stream.write_all(body));
        };
        match self {
            Self::Whole(response) => send(&mut stream, &response, response.body.len(), &response.body),
            Self::Half(response) => {
                send(&mut stream, &response, response.body.len(), &response.body[..response.body.len() / 2]);
            }
            Self::HalfThenReset(response) => {
                send(&mut stream, &response, response.body.len(), &response.body[..response.body.len() / 2]);
                return reset(&stream);
            }
            Self::Short(response) => send(&mut stream, &response, response.body.len() / 2, &response.body),
            Self::Reset => return reset(&stream),
            Self::Silence => std::thread::sleep(Duration::from_secs(5)),
        }
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// A reset instead of an orderly end.
fn reset(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).expect("a socket of ours");
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

fn header_of(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).filter_map(header).find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Head and body. Without a length the body is empty or, where `has_length` says no, all until the end.
fn read_message(stream: &mut TcpStream, has_length: impl Fn(&str) -> bool) -> Option<(String, Vec<u8>)> {
    let mut received = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).into_owned();
            let length = header_of(&head, "content-length").and_then(|value| value.parse::<usize>().ok()).unwrap_or(0);
            if has_length(&head) && received.len() >= end + 4 + length {
                return Some((head, received[end + 4..end + 4 + length].to_vec()));
            }
        }
        match stream.read(&mut piece) {
            Ok(0) => {
                let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
                let head = String::from_utf8_lossy(&received[..end]).into_owned();
                return Some((head, received[end + 4..].to_vec()));
            }
            Ok(read) => received.extend_from_slice(&piece[..read]),
            Err(_) => return None,
        }
    }
}

fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&body[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(end + 2..end + 2 + size)?);
        body = body.get(end + 4 + size..)?;
    }
}
