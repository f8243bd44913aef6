//! Asking the real program behind the proxy.

use super::{Request, Response};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Its answer, with its own address replaced by the one it was asked through.
pub(crate) fn ask(address: SocketAddr, request: &Request) -> Response {
    let failed = |what: &str| Response::new(502, "text/plain", format!("the program behind the proxy: {what}"));
    let Ok(mut stream) = TcpStream::connect(address) else { return failed("does not listen") };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut head =
        format!("{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", request.method, request.target);
    let own = request.headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
    for (name, value) in &request.headers {
        if !matches!(name.as_str(), "host" | "connection" | "content-length") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(request.body.as_bytes())).is_err() {
        return failed("hung up");
    }
    let Some(mut response) = Response::read(&mut stream) else { return failed("gave no answer") };
    if let Some(own) = own {
        let names = [address.to_string(), format!("localhost:{}", address.port())];
        for (name, value) in &mut response.headers {
            if name == "link" {
                *value = names.iter().fold(value.clone(), |value, name| value.replace(name, &own));
            }
        }
    }
    response
}
