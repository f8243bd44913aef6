//! However a source answers, the program's memory stays within 256 MiB.

use crate::support::Audit;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

const MOST_KIB: u64 = 256 << 10;

/// What is sent in answer to every request: a beginning, then the same again until the reader has enough.
struct Flood {
    kind: &'static str,
    begin: &'static str,
    again: &'static str,
    /// How often; the length of all of it is declared where it ends.
    times: u64,
}

const FLOODS: &[(&str, Flood)] = &[
    ("ten gigabytes", Flood { kind: "application/json", begin: "[", again: "[0],", times: 2_500_000_000 }),
    ("small objects", Flood { kind: "application/json", begin: "[", again: "{\"a\":1},", times: 8_000_000 }),
    ("small lists", Flood { kind: "application/json", begin: "[", again: "[],", times: 20_000_000 }),
    ("depth", Flood { kind: "application/json", begin: "", again: "[", times: 60_000_000 }),
    ("one text", Flood { kind: "application/json", begin: "[\"", again: "aaaaaaaa", times: 8_000_000 }),
    ("elements", Flood { kind: "text/xml", begin: "<ListUsersResponse>", again: "<member/>", times: 7_000_000 }),
    ("one word", Flood { kind: "text/plain", begin: "", again: "x", times: 60_000_000 }),
];

/// A server that answers each request with `flood`.
fn start(flood: &'static Flood) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || pour(stream, flood));
        }
    });
    address
}

/// Ends when the reader does.
fn pour(stream: TcpStream, flood: &Flood) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let mut stream = std::io::BufWriter::with_capacity(1 << 16, stream);
    let length = flood.begin.len() as u64 + flood.again.len() as u64 * flood.times;
    // the largest does not say how large it is
    let framing =
        if length > 1 << 30 { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {length}") };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {}\r\n{framing}\r\nconnection: close\r\n\r\n", flood.kind).ok()?;
    let many = flood.again.repeat(1 << 12);
    if length > 1 << 30 {
        write!(stream, "{:x}\r\n{}\r\n", flood.begin.len(), flood.begin).ok()?;
        loop {
            write!(stream, "{:x}\r\n{many}\r\n", many.len()).ok()?;
        }
    }
    write!(stream, "{}", flood.begin).ok()?;
    for _ in 0..flood.times >> 12 {
        stream.write_all(many.as_bytes()).ok()?;
    }
    for _ in 0..flood.times % (1 << 12) {
        stream.write_all(flood.again.as_bytes()).ok()?;
    }
    stream.flush().ok()
}

/// Collects, and says the most memory it took, in KiB, and how the snapshot ended.
fn collect(audit: &Audit) -> (u64, String) {
    let mut child =
        audit.command(&["collect", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    (most, printed["snapshots"][0]["status"].as_str().unwrap().to_owned())
}

#[test]
fn no_answer_takes_more_than_256_mib() {
    for (name, flood) in FLOODS {
        let url = format!("http://{}", start(flood));
        let sources = [
            format!(
                "collector = \"github_org\"\norg = \"acme\"\napi_url = \"{url}\"\ntoken = {{ env = \"GITHUB_TOKEN\" }}\n"
            ),
            format!("collector = \"aws_iam\"\naccount_id = \"123456789012\"\nendpoint_url = \"{url}\"\n"),
        ];
        for source in sources {
            let audit = Audit::with(&format!("[sources.flood]\n{source}"));
            let (most, status) = collect(&audit);
            println!("{name}: {} MiB, {status}", most >> 10);
            assert_ne!(status, "complete", "{name}");
            assert!(most > 0 && most < MOST_KIB, "{name}: {} MiB", most >> 10);
            audit.assert_sound();
        }
    }
}
