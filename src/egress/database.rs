//! Asking a database that speaks PostgreSQL's protocol as an exchange: method `SQL`, URL `postgresql://host:port/name`, the
//! statement as the body sent, the bytes of `COPY … TO STDOUT` as the body received.
//!
//! Every statement of a session runs in one read-only transaction at repeatable read, so that all of them see one state.
//! Never a statement that was not handed over, never without a certificate that proves the server where TLS is asked for.

use crate::failure::{Failure, Kind};
use crate::policy::Policy;
use crate::record::{Key, Outcome};
use crate::{Egress, Mode, address, live};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use model::{CollectError, Exchange};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::ConfigVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

/// The recorded header that holds the state (`SQLSTATE`) of a statement that the database refused.
const STATE_HEADER: &str = "x-evidenced-sqlstate";

/// A database and who asks it. Recorded but for the authority's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its host: a name, or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its name.
    pub name: String,
    /// Who asks.
    pub user: String,
    /// Whether the connection is encrypted and the server proven by its certificate.
    pub tls: bool,
    /// The certificates (PEM) that may have issued the server's; none: those this machine trusts.
    pub authority: Option<PathBuf>,
}

/// One transaction over a database. It begins with the first statement.
pub struct Session {
    egress: Egress,
    database: Database,
    password: Option<SecretString>,
    client: Option<Client>,
}

impl Egress {
    /// A transaction over `database`; `password` is never recorded, and there is none in replay.
    pub fn database(&self, database: Database, password: Option<SecretString>) -> Session {
        if let Some(password) = &password {
            self.protect(password);
        }
        Session { egress: self.clone(), database, password, client: None }
    }
}

impl Session {
    /// What `COPY (statement) TO STDOUT` answers, whole. A statement that the database refuses is an error; after one the
    /// transaction answers nothing more.
    pub async fn ask(&mut self, operation: &str, statement: &str) -> Result<Bytes, CollectError> {
        let Self { egress, database, password, client } = self;
        match &*egress.mode {
            Mode::Live(live) => live.query(operation, database, password.as_ref(), client, statement).await,
            Mode::Replay(replay) => replay.query(operation, database, statement),
        }
    }
}

impl Database {
    /// What identifies this statement in a recording.
    pub(crate) fn key(&self, operation: &str, statement: &str) -> Result<Key, CollectError> {
        let unfit = || CollectError::Misconfigured {
            message: format!("`{}` is no host of a database", self.host),
            help: "write a name or an address".to_owned(),
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut url = Url::parse(&format!("postgresql://{host}:{}", self.port)).map_err(|_| unfit())?;
        url.path_segments_mut().map_err(|()| unfit())?.push(&self.name);
        let sent = json!({ "statement": statement, "user": self.user }).to_string();
        Ok(Key::of_statement(operation, url.to_string(), sent.as_bytes()))
    }
}

impl Policy {
    /// Whether `operation` may ask `database`.
    pub(crate) fn allows_database(&self, operation: &str, database: &Database) -> Result<(), Failure> {
        self.allows_operation(operation)?;
        if self.databases.iter().any(|(host, port)| *host == database.host && *port == database.port) {
            return Ok(());
        }
        let place = format!("{}:{}", database.host, database.port);
        Err(Failure::new(Kind::Refused, format!("{place} is not a database this source may ask")))
    }
}

/// Why there is no answer.
pub(crate) enum Trouble {
    /// On the way.
    Failure(Failure),
    /// By the database's own word.
    Refused { state: String, message: String },
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            let message = format!("{}: {}", said.severity(), said.message());
            return Self::Refused { state: said.code().code().to_owned(), message };
        }
        let text = live::causes(&error);
        let kind = if text.contains("invalid peer certificate") || text.contains("does not support TLS") {
            Kind::Untrusted
        } else if error.is_closed() || text.contains("unexpected EOF") || text.contains("unexpected message") {
            Kind::Cut
        } else {
            Kind::Transport
        };
        Self::Failure(Failure::new(kind, text))
    }
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failure(failure) => failure.into(),
            Trouble::Refused { state, message } => Self {
                status: Some(match state.as_str() {
                    state if state.starts_with("28") => 401,
                    "42501" => 403,
                    _ => 400,
                }),
                headers: std::iter::once((STATE_HEADER.to_owned(), state)).collect(),
                body: message.into(),
                ..Self::default()
            },
        }
    }
}

/// Connects to `database` and begins the transaction; each statement may take `timeout`.
pub(crate) async fn connect(
    database: &Database,
    password: Option<&SecretString>,
    timeout: Duration,
) -> Result<Client, Trouble> {
    let addresses = address::resolve(&database.host, database.port)
        .await
        .map_err(|error| Failure::new(Kind::Unreachable, error.to_string()))?;
    let mut config = Config::new();
    config.port(database.port).user(&database.user).dbname(&database.name);
    config.application_name("evidenced").connect_timeout(Duration::from_secs(15).min(timeout));
    for address in addresses {
        config.host(&database.host).hostaddr(address.ip());
    }
    if let Some(password) = password {
        config.password(password.expose_secret());
    }
    let client = if database.tls {
        config.ssl_mode(SslMode::Require);
        let tls = MakeRustlsConnect::new(trust(database.authority.as_deref()).await?);
        let (client, connection) = config.connect(tls).await.map_err(unconnected)?;
        tokio::spawn(connection);
        client
    } else {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.map_err(unconnected)?;
        tokio::spawn(connection);
        client
    };
    let begin = format!(
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}; \
         SET LOCAL TIME ZONE 'UTC'; SET LOCAL DateStyle = 'ISO'",
        timeout.as_millis()
    );
    client.batch_execute(&begin).await?;
    Ok(client)
}

/// A connection that did not come about.
fn unconnected(error: tokio_postgres::Error) -> Trouble {
    match Trouble::from(error) {
        Trouble::Failure(failure) if failure.kind == Kind::Transport => {
            Failure::new(Kind::Unreachable, failure.detail).into()
        }
        other => other,
    }
}

/// What must have issued the server's certificate.
async fn trust(authority: Option<&Path>) -> Result<rustls::ClientConfig, Failure> {
    let untrusted = |detail: String| Failure::new(Kind::Untrusted, detail);
    let Some(path) = authority else {
        return rustls::ClientConfig::with_platform_verifier().map_err(|error| untrusted(error.to_string()));
    };
    let unreadable = |problem: String| untrusted(format!("{} cannot be read: {problem}", path.display()));
    let pem = tokio::fs::read(path).await.map_err(|error| unreadable(error.to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Copies what `statement` gives into `body`.
pub(crate) async fn copy(
    client: &Client,
    statement: &str,
    body: &mut BytesMut,
    admit: &(dyn Fn(usize, usize) -> Result<(), Failure> + Send + Sync),
) -> Result<(), Trouble> {
    let stream = client.copy_out(&format!("COPY (\n{statement}\n) TO STDOUT")).await?;
    let mut stream = std::pin::pin!(stream);
    while let Some(piece) = stream.try_next().await? {
        admit(body.len(), piece.len())?;
        body.extend_from_slice(&piece);
    }
    Ok(())
}

/// What the collector gets of a statement that was asked as `exchange`.
pub(crate) fn conclude(exchange: &Exchange) -> Result<Bytes, CollectError> {
    let record = &exchange.record;
    let operation = record.operation.clone();
    if let Some(error) = &record.error {
        return Err(Failure::parse(error).into_error(&operation, 1));
    }
    if record.status == Some(200) {
        return Ok(exchange.body.clone());
    }
    let said: String = String::from_utf8_lossy(&exchange.body).chars().take(300).collect();
    let misconfigured = |message: String, help: &str| CollectError::Misconfigured { message, help: help.to_owned() };
    let state = record.headers.get(STATE_HEADER).map_or("", String::as_str);
    Err(match (state, record.status) {
        (state, Some(401)) => misconfigured(
            format!("the database does not accept the credential ({state}): {said}"),
            "look at `user`, `password` and the database's own rules of who may connect from where",
        ),
        ("42501", _) => {
            CollectError::Denied { operation, permission: "SELECT on what the query reads".to_owned(), message: said }
        }
        ("57014", _) => {
            CollectError::Transient { operation, message: format!("it took longer than `timeout` allows: {said}") }
        }
        ("25006", _) => {
            misconfigured(format!("{operation}: the query writes, and nothing is written: {said}"), "ask by a SELECT")
        }
        ("3D000", _) => misconfigured(said, "look at `database`"),
        (state, _) if state.starts_with("42") || state.starts_with("22") || state.starts_with("26") => misconfigured(
            format!("{operation}: the query cannot be run ({state}): {said}"),
            "try the query in a client of the database, as the same user",
        ),
        (state, _) => CollectError::Transient { operation, message: format!("{said} ({state})") },
    })
}
