//! A source whose certificate proves nothing is not asked: no credential leaves, the run fails and is sealed.

use crate::peers::tsa::{Certificate, Issuer, LONG};
use crate::support::Audit;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `openssl s_server` with one certificate; it answers `GET /user` with 401.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) fn start(issuer: &Issuer, certificate: &str) -> Self {
        std::fs::write(issuer.path("user"), "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-HTTP", "-quiet"])
            .args(["-cert", &format!("{certificate}.pem"), "-key", &format!("{certificate}.key")])
            .current_dir(issuer.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "openssl s_server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, port }
    }

    /// The source it is.
    pub(crate) fn source(&self) -> String {
        format!(
            "[sources.gh]\ncollector = \"github_org\"\norg = \"acme\"\napi_url = \"https://localhost:{}\"\n\
             token = {{ env = \"GITHUB_TOKEN\" }}\n",
            self.port
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stopped a run against `server`, where the machine trusts `roots`.
fn refused(server: &Server, roots: &Path) -> String {
    stopped(&server.source(), roots, |_| ())
}

/// What stopped a run of `configuration`, with what `prepare` put beside it.
pub(crate) fn stopped(configuration: &str, roots: &Path, prepare: impl Fn(&Audit)) -> String {
    let audit = Audit::with(configuration);
    prepare(&audit);
    let mut command = audit.command(&["collect", "--format", "json"]);
    let output = command.env("SSL_CERT_FILE", roots).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let snapshot = &printed["snapshots"][0];
    assert_eq!(snapshot["status"], "failed");
    let error = &snapshot["errors"][0];
    // the person's to mend: it is not tried again
    assert_eq!(error["kind"], "misconfigured", "{error}");
    assert!(error["help"].is_string(), "{error}");
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_source_is_asked_only_when_its_certificate_is_its_own() {
    let issuer = Issuer::new();
    let issue = |name, section, valid| {
        issuer.issue(Certificate { name, key: "P-256", issuer: "root", section, valid });
    };
    issue("good", "here", LONG);
    issue("expired", "here", ("20200101000000Z", "20210101000000Z"));
    issue("early", "here", ("21000101000000Z", "21100101000000Z"));
    issue("other", "elsewhere", LONG);
    issuer.issue(Certificate { name: "own", key: "P-256", issuer: "own", section: "here", valid: LONG });
    let root = issuer.path("root.pem");

    // the control: with a certificate in order, the answer is the source's own
    let server = Server::start(&issuer, "good");
    let message = refused(&server, &root);
    assert!(message.contains("401"), "{message}");
    // the same one under another root is nobody's
    let message = refused(&server, &issuer.path("own.pem"));
    assert!(message.contains("nothing proves whose server") && message.contains("UnknownIssuer"), "{message}");

    for (certificate, says) in
        [("expired", "expired"), ("early", "not valid yet"), ("other", "not valid for name"), ("own", "UnknownIssuer")]
    {
        let server = Server::start(&issuer, certificate);
        let message = refused(&server, &root);
        assert!(message.contains("nothing proves whose server") && message.contains(says), "{certificate}: {message}");
    }
}
