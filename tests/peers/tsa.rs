//! Timestamping authorities: `openssl ts` behind a few lines of HTTP, under a root made for the test, or a server that
//! answers whatever the test tells it to.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A root, an intermediate authority, and everything they issue.
pub(crate) struct Issuer {
    folder: tempfile::TempDir,
}

/// What a certificate is to be.
#[derive(Clone, Copy)]
pub(crate) struct Certificate<'a> {
    pub(crate) name: &'a str,
    /// `RSA:2048`, `P-256`, `P-384`.
    pub(crate) key: &'a str,
    /// The name of the certificate that issues it; its own for a root.
    pub(crate) issuer: &'a str,
    /// A section of [`EXTENSIONS`].
    pub(crate) section: &'a str,
    /// First and last instant, `YYYYMMDDhhmmssZ`.
    pub(crate) valid: (&'a str, &'a str),
}

/// Longer than anybody looks.
pub(crate) const LONG: (&str, &str) = ("20200101000000Z", "21200101000000Z");

const EXTENSIONS: &str = "
[req]
distinguished_name=dn
[dn]
[ca]
default_ca=any
[any]
new_certs_dir=.
database=index
serial=number
default_md=sha256
policy=free
unique_subject=no
copy_extensions=none
[free]
commonName=supplied
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[tsa]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[here]
subjectAltName=DNS:localhost
[elsewhere]
subjectAltName=DNS:elsewhere.example
[code]
extendedKeyUsage=critical,codeSigning
";

impl Issuer {
    /// `root` and, below it, `intermediate`.
    pub(crate) fn new() -> Self {
        let issuer = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(issuer.path("x.cnf"), EXTENSIONS).unwrap();
        std::fs::write(issuer.path("index"), "").unwrap();
        std::fs::write(issuer.path("number"), "1000\n").unwrap();
        let root = Certificate { name: "root", key: "P-384", issuer: "root", section: "root", valid: LONG };
        issuer.issue(root);
        issuer.issue(Certificate { name: "intermediate", key: "RSA:2048", ..root });
        issuer
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for signing timestamps, with an intermediate authority above it or none.
    pub(crate) fn signer<'a>(&self, name: &'a str, key: &'a str, issuer: &'a str) -> Certificate<'a> {
        let certificate = Certificate { name, key, issuer, section: "tsa", valid: LONG };
        self.issue(certificate);
        certificate
    }

    /// Makes key and certificate.
    pub(crate) fn issue(&self, certificate: Certificate<'_>) {
        let Certificate { name, key, issuer, section, valid: (from, to) } = certificate;
        let (algorithm, option) = match key.split_once(':') {
            Some((algorithm, bits)) => (algorithm, format!("rsa_keygen_bits:{bits}")),
            None => ("EC", format!("ec_paramgen_curve:{key}")),
        };
        let (key, request, own) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        self.openssl(&["genpkey", "-algorithm", algorithm, "-pkeyopt", &option, "-out", &key]);
        let subject = format!("/CN={name}");
        self.openssl(&["req", "-new", "-config", "x.cnf", "-key", &key, "-subj", &subject, "-out", &request]);
        let (above, above_key) = (format!("{issuer}.pem"), format!("{issuer}.key"));
        let by: Vec<&str> = if issuer == name {
            vec!["-selfsign", "-keyfile", &key]
        } else {
            vec!["-cert", &above, "-keyfile", &above_key]
        };
        let what = ["ca", "-batch", "-notext", "-config", "x.cnf", "-in", &request, "-out", &own];
        let how = ["-extensions", section, "-startdate", from, "-enddate", to];
        self.openssl(&[&what[..], &by, &how].concat());
    }

    /// Runs openssl in the folder.
    pub(crate) fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// What the authority of `signer` answers to `query`, with the certificate `chain` beside its own.
    pub(crate) fn answer(&self, query: &[u8], signer: &str, digest: &str, chain: &str) -> Vec<u8> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let own = format!("{signer}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let configuration = format!(
            "[tsa]\ndefault_tsa=t\n[t]\nserial=./{own}.serial\nsigner_cert={signer}.pem\nsigner_key={signer}.key\n\
             certs={chain}.pem\nsigner_digest={digest}\ndefault_policy=1.3.6.1.4.1.99999.1\ndigests=sha256\n\
             ess_cert_id_alg=sha256\naccuracy=secs:1\n"
        );
        let file = |end: &str| format!("{own}.{end}");
        std::fs::write(self.path(&file("serial")), "01\n").unwrap();
        std::fs::write(self.path(&file("cnf")), configuration).unwrap();
        std::fs::write(self.path(&file("tsq")), query).unwrap();
        self.openssl(&["ts", "-reply", "-config", &file("cnf"), "-queryfile", &file("tsq"), "-out", &file("tsr")]);
        std::fs::read(self.path(&file("tsr"))).unwrap()
    }

    /// A token over the statement in `granted` (an answer), signed by `signer` whatever it may sign, as an answer.
    pub(crate) fn signed_by(&self, granted: &[u8], signer: &str) -> Vec<u8> {
        std::fs::write(self.path("granted.tsr"), granted).unwrap();
        self.openssl(&["ts", "-reply", "-in", "granted.tsr", "-token_out", "-out", "granted.der"]);
        self.openssl(&["cms", "-verify", "-noverify", "-inform", "DER", "-in", "granted.der", "-out", "info"]);
        let (certificate, key) = (format!("{signer}.pem"), format!("{signer}.key"));
        let what = ["cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-cades", "-outform", "DER", "-in", "info"];
        let how = ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-out", "forged.der"];
        self.openssl(&[&what[..], &how, &["-signer", &certificate, "-inkey", &key]].concat());
        response(0, &std::fs::read(self.path("forged.der")).unwrap())
    }
}

/// A `TimeStampResp` of `status` around `token`.
pub(crate) fn response(status: u8, token: &[u8]) -> Vec<u8> {
    let content = [&[0x30, 0x03, 0x02, 0x01, status][..], token].concat();
    // DER has one spelling of a length
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match (high, low) {
        (0, 0..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[0x30][..], &length, &content].concat()
}

/// What a connection gets.
pub(crate) enum Reply {
    /// A body, as an answer of an authority.
    Token(Vec<u8>),
    /// Bytes on the wire.
    Raw(Vec<u8>),
    /// A body that does not end.
    Endless,
}

type Answer = dyn Fn(&[u8]) -> Reply + Send + Sync;

/// A running authority; it ends with the test's process.
pub(crate) struct Authority {
    port: u16,
    answer: Arc<Mutex<Arc<Answer>>>,
    asked: Arc<AtomicUsize>,
}

impl Authority {
    /// Answers every posted query with what `answer` makes of it.
    pub(crate) fn start(answer: impl Fn(&[u8]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer: Arc<Mutex<Arc<Answer>>> = Arc::new(Mutex::new(Arc::new(answer)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shared, count) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let answer = Arc::clone(&shared.lock().unwrap_or_else(PoisonError::into_inner));
                std::thread::spawn(move || serve(stream, answer.as_ref()));
            }
        });
        Self { port, answer, asked }
    }

    /// `openssl ts` with the certificate `signer` of `issuer`.
    pub(crate) fn of(issuer: &Arc<Issuer>, signer: Certificate<'static>, digest: &'static str) -> Self {
        let issuer = Arc::clone(issuer);
        Self::start(move |query| Reply::Token(issuer.answer(query, signer.name, digest, signer.issuer)))
    }

    /// From now on it answers otherwise.
    pub(crate) fn turn(&self, answer: impl Fn(&[u8]) -> Reply + Send + Sync + 'static) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answer);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/tsa", self.port)
    }

    /// The section that configures it, with the PEM file `roots`.
    pub(crate) fn section(&self, name: &str, roots: &Path) -> String {
        format!("[[log.timestamp]]\nname = \"{name}\"\nurl = \"{}\"\nroots = \"{}\"\n", self.url(), roots.display())
    }
}

fn serve(mut stream: TcpStream, answer: &Answer) {
    let Some(query) = read_post(&mut stream) else { return };
    match answer(&query) {
        Reply::Token(body) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
        Reply::Raw(bytes) => drop(stream.write_all(&bytes)),
        Reply::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\nconnection: close\r\n\r\n";
            let mut sent = stream.write_all(head);
            while sent.is_ok() {
                sent = stream.write_all(&[0x30; 4096]);
            }
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
}

/// The body of a well-formed timestamp query.
fn read_post(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length: usize =
                head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
            let body = &bytes[end + 4..];
            if body.len() >= length {
                let asked_well =
                    head.starts_with("post ") && head.contains("content-type: application/timestamp-query");
                return asked_well.then(|| body[..length].to_vec());
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}
