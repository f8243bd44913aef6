//! Mail: one letter to one server. The server's name is resolved and looked at like a source's, and a connection that is to be
//! encrypted is never used in the clear.

use crate::address;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, and not without.
    Starttls,
    /// Not at all.
    Off,
}

/// A mail server, and who signs in to it.
#[derive(Debug, Clone)]
pub struct MailServer {
    /// Its name: what its certificate has to be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// PEM file of what may have issued the certificate; none: what this machine trusts.
    pub authority: Option<PathBuf>,
    /// User and password.
    pub credential: Option<(String, SecretString)>,
    /// Time for each step.
    pub deadline: Duration,
}

/// One letter, in plain text and as a page that says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Without angles; the same however often it is sent.
    pub message_id: String,
    /// The sender.
    pub from: String,
    /// Who it is to.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// When it was written.
    pub at: SystemTime,
}

/// A letter that did not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It cannot be written.
    #[error("the letter cannot be written: {0}")]
    Letter(String),
    /// The file of the authority cannot be used.
    #[error("{path} cannot be used: {problem}", path = .0.display(), problem = .1)]
    Authority(PathBuf, String),
    /// No connection.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(String),
    /// The server said no.
    #[error("the mail server refused: {0}")]
    Refused(String),
}

/// Whether `text` is an address, or a name with one in angles.
pub fn is_mailbox(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Hands `letter` to `server`.
pub async fn mail(server: &MailServer, letter: &Letter) -> Result<(), MailError> {
    let (envelope, bytes) = written(letter)?;
    over_each_address(server, async |transport: AsyncSmtpTransport<Tokio1Executor>| {
        transport.send_raw(&envelope, &bytes).await.map(|_| ())
    })
    .await
}

/// Connects to `server`, signs in, and says nothing more.
pub async fn greet(server: &MailServer) -> Result<(), MailError> {
    over_each_address(server, async |transport: AsyncSmtpTransport<Tokio1Executor>| {
        transport.test_connection().await.map(|_| ())
    })
    .await
}

/// Tries one address of the server after the other, until one can be connected to.
async fn over_each_address(
    server: &MailServer,
    work: impl AsyncFn(AsyncSmtpTransport<Tokio1Executor>) -> Result<(), lettre::transport::smtp::Error>,
) -> Result<(), MailError> {
    let tls = protection(server).await?;
    let unreachable = |error: std::io::Error| MailError::Unreachable(error.to_string());
    let addresses = address::resolve(&server.host, server.port).await.map_err(unreachable)?;
    let mut last = MailError::Unreachable(format!("`{}` leads nowhere", server.host));
    for address in addresses {
        let attempt = work(transport(server, address, tls.clone()));
        match tokio::time::timeout(server.deadline.saturating_mul(2), attempt).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if is_of_the_way(&error) => last = MailError::Unreachable(said(&error)),
            Ok(Err(error)) => return Err(MailError::Refused(said(&error))),
            Err(_) => {
                let seconds = server.deadline.as_secs() * 2;
                last = MailError::Unreachable(format!("it did not answer within {seconds} s"));
            }
        }
    }
    Err(last)
}

/// To the address that was looked at, with the certificate of the name that was meant.
fn transport(server: &MailServer, address: SocketAddr, tls: Tls) -> AsyncSmtpTransport<Tokio1Executor> {
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .timeout(Some(server.deadline))
        .tls(tls);
    match &server.credential {
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned())).build()
        }
        None => builder.build(),
    }
}

async fn protection(server: &MailServer) -> Result<Tls, MailError> {
    if server.tls == MailTls::Off {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.authority {
        let unusable = |problem: String| MailError::Authority(path.clone(), problem);
        let pem = tokio::fs::read(path).await.map_err(|error| unusable(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unusable(error.to_string()))?;
        parameters = parameters
            .certificate_store(lettre::transport::smtp::client::CertificateStore::None)
            .add_root_certificate(certificate);
    }
    let parameters = parameters.build_rustls().map_err(|error| MailError::Unreachable(error.to_string()))?;
    Ok(if server.tls == MailTls::Implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

/// Whether another address might do better.
fn is_of_the_way(error: &lettre::transport::smtp::Error) -> bool {
    !(error.is_permanent() || error.is_transient() || error.is_response() || error.is_client())
}

fn said(error: &lettre::transport::smtp::Error) -> String {
    let text = crate::live::causes(error);
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn written(letter: &Letter) -> Result<(Envelope, Vec<u8>), MailError> {
    let problem = |error: &dyn std::fmt::Display| MailError::Letter(error.to_string());
    let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| problem(&error));
    let mut message = Message::builder()
        .from(mailbox(&letter.from)?)
        .message_id(Some(format!("<{}>", letter.message_id)))
        .date(letter.at)
        .subject(letter.subject.replace(['\r', '\n'], " "))
        .header(header::MIME_VERSION_1_0)
        // so that nobody's holiday answers it (RFC 3834)
        .raw_header(header::HeaderValue::new(
            header::HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for to in &letter.to {
        message = message.to(mailbox(to)?);
    }
    let message = message
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
        .map_err(|error| problem(&error))?;
    Ok((message.envelope().clone(), message.formatted()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            message_id: "key-1@acme.example".to_owned(),
            from: "evidenced <evidenced@acme.example>".to_owned(),
            to: vec!["ada@acme.example".to_owned(), "Grace <grace@acme.example>".to_owned()],
            subject: "one finding\r\nBcc: everybody@acme.example".to_owned(),
            text: "Zugänge\n".to_owned(),
            html: "<p>Zugänge</p>".to_owned(),
            at: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_letter_is_the_same_however_often_it_is_written_but_for_its_boundary() {
        let text = String::from_utf8(written(&letter()).unwrap().1).unwrap();
        for line in [
            "Message-ID: <key-1@acme.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        // a subject makes no header of its own
        assert!(!text.to_lowercase().contains("\nbcc"), "{text}");
        assert_eq!(written(&letter()).unwrap().0.to().len(), 2);
    }

    #[test]
    fn what_is_no_address_is_told() {
        assert!(is_mailbox("ada@acme.example") && is_mailbox("Ada <ada@acme.example>"));
        for text in ["ada", "", "ada@", "<>", "a@b\r\nRCPT TO:<x@y>"] {
            assert!(!is_mailbox(text), "{text}");
        }
    }

    #[tokio::test]
    async fn no_mail_goes_where_no_source_is_asked() {
        let server = MailServer {
            host: "169.254.169.254".to_owned(),
            port: 25,
            tls: MailTls::Off,
            authority: None,
            credential: None,
            deadline: Duration::from_secs(1),
        };
        let error = greet(&server).await.unwrap_err();
        assert!(error.to_string().contains("clouds hand out credentials"), "{error}");
    }
}
