//! The network side: one HTTP client, the retries, the caps. Never follows a redirect, never uses a proxy of the
//! environment, never asks for compressed bytes.

use crate::address::Resolver;
use crate::conclude::{conclude, conclude_path, is_passing, is_throttled};
use crate::database::{self, Database};
use crate::earlier::Earlier;
use crate::failure::{Failure, Kind};
use crate::file::{Reading, RedactFile};
use crate::policy::{EgressError, Policy};
use crate::program::{self, Bounds, Program, Ran};
use crate::progress::Progress;
use crate::proxy::Proxy;
use crate::record::{Key, Outcome, Recording, kept_headers};
use crate::throttle::{asked_wait, wait_before};
use crate::turns::Turns;
use crate::{Answer, file, redact, weight};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use model::{CollectError, ExchangeRecord};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

const USER_AGENT: &str = concat!("evidenced/", env!("CARGO_PKG_VERSION"));
/// A body beyond this is received alone.
const LARGE: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What the program brings to a run beside its policy.
#[derive(Debug, Default)]
pub struct Means {
    /// Whose turns the run takes; none: nobody else uses its credential.
    pub turns: Option<Arc<Turns>>,
    /// The folder for what the run need not keep in memory; it leaves nothing there. None: all stays in memory.
    pub folder: Option<PathBuf>,
    /// Answers of before, for a source whose policy is `conditional`; none: everything is asked anew.
    pub earlier: Option<Earlier>,
    /// The way out of the network; none: directly.
    pub proxy: Option<Proxy>,
}

pub(crate) struct Live {
    policy: Policy,
    turns: Option<Arc<Turns>>,
    earlier: Option<Earlier>,
    client: reqwest::Client,
    progress: Arc<dyn Progress>,
    recording: Recording,
    queue: Semaphore,
    /// Held by whoever receives a large body, so that there is one in memory and not one for each call.
    large: Semaphore,
    received: AtomicU64,
    protected: Mutex<Vec<SecretString>>,
    ends_at: Instant,
}

/// One request, taken apart so that every attempt can be made from it.
struct Sending {
    method: http::Method,
    url: Url,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Sending {
    /// Whether its answer depends on its address alone.
    fn is_plain_get(&self) -> bool {
        self.method == http::Method::GET && self.body.is_empty()
    }
}

impl Live {
    pub(crate) fn new(policy: Policy, means: Means, progress: Arc<dyn Progress>) -> Result<Self, EgressError> {
        policy.check()?;
        let client = client(policy.request_timeout, means.proxy.as_ref())
            .map_err(|error| EgressError::Client(causes(&error)))?;
        let earlier = means.earlier.filter(|_| policy.conditional);
        Ok(Self {
            queue: Semaphore::new(policy.concurrency.max(1)),
            large: Semaphore::new(1),
            ends_at: Instant::now() + policy.deadline,
            policy,
            client,
            progress,
            turns: means.turns,
            earlier,
            recording: Recording::in_folder(means.folder),
            received: AtomicU64::new(0),
            protected: Mutex::default(),
        })
    }

    /// For credentials alone: nothing sent with it is recorded.
    pub(crate) const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) const fn first_wait(&self) -> Duration {
        self.policy.first_wait
    }

    pub(crate) fn origins(&self) -> &[Url] {
        &self.policy.origins
    }

    pub(crate) const fn recording(&self) -> &Recording {
        &self.recording
    }

    pub(crate) fn protect(&self, secret: &SecretString) {
        let mut protected = self.protected.lock().unwrap_or_else(PoisonError::into_inner);
        if !protected.iter().any(|known| known.expose_secret() == secret.expose_secret()) {
            protected.push(secret.clone());
        }
    }

    pub(crate) async fn send(&self, operation: &str, request: http::Request<Bytes>) -> Result<Answer, CollectError> {
        Ok(self.grant(operation, request).await?.0)
    }

    /// The answer, and the token it grants if it does.
    pub(crate) async fn grant(
        &self,
        operation: &str,
        request: http::Request<Bytes>,
    ) -> Result<(Answer, Option<SecretString>), CollectError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| CollectError::Malformed {
            operation: operation.to_owned(),
            message: format!("the address of the request cannot be read: {error}"),
        })?;
        let key = Key::of_request(operation, &parts.method, &url, &body);
        let sending = Sending { method: parts.method, url, headers: parts.headers, body };

        // the turns are kept while waiting: when a source asks one call to slow down, the others queue behind it
        let _turn = self.queue.acquire().await;
        let _shared = match &self.turns {
            Some(turns) => turns.take(self.ends_at).await,
            None => None,
        };
        if let Err(failure) = self.policy.allows(operation, &sending.url) {
            return conclude(&self.recording.begin(key, 1).fill(failure.into()), 1).map(|answer| (answer, None));
        }
        let mut attempt = 1;
        loop {
            let place = self.recording.begin(key.clone(), attempt);
            // one that could not be cited is asked for anew
            let known = self.earlier.as_ref().filter(|_| attempt == 1 && sending.is_plain_get());
            let known = known.and_then(|earlier| Some((earlier, earlier.answer(operation, &key.url)?)));
            let mut outcome = self.attempt(&sending, known).await;
            let token = outcome.token.take();
            let exchange = place.fill(outcome);
            self.progress.exchange(operation, exchange.record.bytes);
            if attempt >= self.policy.attempts || !is_passing(&exchange) {
                return conclude(&exchange, attempt as usize).map(|answer| (answer, token));
            }
            attempt += 1;
            let asked = asked_wait(&exchange.record.headers, Timestamp::now());
            let wait = wait_before(attempt, asked, self.policy.first_wait, self.policy.max_wait);
            if Instant::now() + wait >= self.ends_at {
                return conclude(&exchange, attempt as usize - 1).map(|answer| (answer, token));
            }
            if let Some(turns) = self.turns.as_ref().filter(|_| is_throttled(&exchange)) {
                turns.rest(Instant::now() + wait);
            }
            self.progress.waiting(operation, wait.as_secs());
            tokio::time::sleep(wait).await;
        }
    }

    pub(crate) async fn read_path(
        &self,
        operation: &str,
        path: &Path,
        reading: Reading,
    ) -> Result<Answer, CollectError> {
        let url = Url::from_file_path(path).map_err(|()| file::relative(path))?;
        let _turn = self.queue.acquire().await;
        let place = self.recording.begin(Key::of_path(operation, reading.method(), &url), 1);
        let outcome = match self.policy.allows_operation(operation) {
            Err(failure) => failure.into(),
            Ok(()) => self.within_run(file::read(&self.policy, path, reading).await),
        };
        let exchange = place.fill(outcome);
        self.progress.exchange(operation, exchange.record.bytes);
        conclude_path(&exchange)
    }

    pub(crate) async fn run(
        &self,
        operation: &str,
        program: &Program,
        redact: Option<RedactFile>,
    ) -> Result<Ran, CollectError> {
        let key = program.key(operation)?;
        program.secrets.values().for_each(|secret| self.protect(secret));
        let _turn = self.queue.acquire().await;
        let place = self.recording.begin(key, 1);
        let outcome = match self.policy.allows_program(operation, &program.path) {
            Err(failure) => failure.into(),
            Ok(()) => self.execute(program, redact).await,
        };
        let exchange = place.fill(outcome);
        self.progress.exchange(operation, exchange.record.bytes);
        program::conclude(&exchange)
    }

    /// Asks `database` by `client`, which is made for the first statement.
    pub(crate) async fn query(
        &self,
        operation: &str,
        database: &Database,
        password: Option<&SecretString>,
        client: &mut Option<tokio_postgres::Client>,
        statement: &str,
    ) -> Result<Bytes, CollectError> {
        let key = database.key(operation, statement)?;
        let _turn = self.queue.acquire().await;
        let place = self.recording.begin(key, 1);
        let outcome = match self.policy.allows_database(operation, database) {
            Err(failure) => failure.into(),
            Ok(()) => self.answered(database, password, client, statement).await,
        };
        let exchange = place.fill(outcome);
        self.progress.exchange(operation, exchange.record.bytes);
        database::conclude(&exchange)
    }

    async fn answered(
        &self,
        database: &Database,
        password: Option<&SecretString>,
        client: &mut Option<tokio_postgres::Client>,
        statement: &str,
    ) -> Outcome {
        // the database ends a statement itself; the rest is for its answer to arrive
        const BEYOND: Duration = Duration::from_secs(5);
        let left = self.ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Failure::new(Kind::Deadline, "the run's time was up before the statement left").into();
        }
        let timeout = self.policy.request_timeout;
        let limit = Instant::now() + left.min(timeout + BEYOND);
        let mut body = BytesMut::new();
        let admit = |so_far, more| self.admit(so_far, more);
        let asked = tokio::time::timeout_at(limit, async {
            let client = match client {
                Some(client) => client,
                None => client.insert(database::connect(database, password, timeout).await?),
            };
            database::copy(client, statement, &mut body, &admit).await
        });
        let mut outcome = match asked.await {
            Ok(Ok(())) => Outcome { status: Some(200), ..Outcome::default() },
            Ok(Err(trouble)) => {
                let mut outcome = Outcome::from(trouble);
                if outcome.status.is_some() {
                    body = BytesMut::from(&outcome.body[..]);
                }
                outcome.body = Bytes::new();
                outcome
            }
            Err(_) => self.late("the database did not answer in time").into(),
        };
        self.clean(&mut outcome, body.freeze());
        outcome
    }

    async fn execute(&self, program: &Program, redact: Option<RedactFile>) -> Outcome {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Failure::new(Kind::Deadline, "the run's time was up before the program began").into();
        }
        let limit = Instant::now() + left.min(self.policy.request_timeout);
        let (late, admit) = (|detail: &str| self.late(detail), |so_far, more| self.admit(so_far, more));
        let mut outcome = program::run(
            program,
            Bounds { limit, stderr_bytes: self.policy.max_stderr_bytes, late: &late, admit: &admit },
        )
        .await;
        let mut body = std::mem::take(&mut outcome.body);
        if let Some(redact) = redact {
            body = file::redacted(redact, &body, &mut outcome.headers);
        }
        self.clean(&mut outcome, body);
        outcome
    }

    /// One attempt: its outcome, whatever it is. What is `known` is asked for only if it changed.
    async fn attempt(&self, sending: &Sending, known: Option<(&Earlier, &ExchangeRecord)>) -> Outcome {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Failure::new(Kind::Deadline, "the run's time was up before the request left").into();
        }
        let limit = Instant::now() + left.min(self.policy.request_timeout);
        let mut outcome = Outcome::default();
        let mut body = BytesMut::new();
        let tag = known.and_then(|(_, record)| record.headers.get("etag"));
        if let Err(failure) = self.receive(sending, tag, limit, &mut outcome, &mut body).await {
            outcome.failure = Some(failure);
        }
        if let (Some((earlier, record)), Some(304), None) = (known, outcome.status, &outcome.failure) {
            return self.cite(earlier, record, outcome);
        }
        self.clean(&mut outcome, body.freeze());
        outcome
    }

    /// The answer of before, which the source says still holds. Its secrets are out already.
    fn cite(&self, earlier: &Earlier, record: &ExchangeRecord, mut outcome: Outcome) -> Outcome {
        let cited = earlier.cite(record, &outcome.headers);
        let cited = cited.filter(|(body, _)| self.admit(0, body.len()).is_ok());
        if let Some((body, headers)) = cited {
            (outcome.body, outcome.headers) = (body, headers);
        } else {
            let detail = "the source says that nothing changed, and the answer of before is not at hand";
            outcome.failure = Some(Failure::new(Kind::Transport, detail));
        }
        self.clean_headers(&mut outcome);
        outcome
    }

    async fn receive(
        &self,
        sending: &Sending,
        tag: Option<&String>,
        limit: Instant,
        outcome: &mut Outcome,
        body: &mut BytesMut,
    ) -> Result<(), Failure> {
        let mut request = reqwest::Request::new(sending.method.clone(), sending.url.clone());
        *request.headers_mut() = sending.headers.clone();
        request.headers_mut().insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
        if let Some(Ok(tag)) = tag.map(|tag| http::HeaderValue::from_str(tag)) {
            request.headers_mut().insert(http::header::IF_NONE_MATCH, tag);
        }
        if !sending.body.is_empty() {
            *request.body_mut() = Some(sending.body.clone().into());
        }
        let mut response = tokio::time::timeout_at(limit, self.client.execute(request))
            .await
            .map_err(|_| self.late("no answer began in time"))?
            .map_err(transport)?;
        outcome.status = Some(response.status().as_u16());
        outcome.headers = kept_headers(response.headers());
        let unframed = is_unframed(&sending.method, &response);
        let declared = response.content_length();

        if let Some(declared) = declared.filter(|declared| *declared > self.policy.max_body_bytes) {
            return Err(self.too_large(Some(declared)));
        }
        let mut large = None;
        loop {
            let chunk = tokio::time::timeout_at(limit, response.chunk())
                .await
                .map_err(|_| self.late("the body did not end in time"))?;
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => {
                    let of = declared.map(|declared| format!(" of {declared}")).unwrap_or_default();
                    return Err(Failure::new(
                        Kind::Cut,
                        format!("the body ended after {}{of} bytes: {}", body.len(), causes(&error.without_url())),
                    ));
                }
            };
            self.admit(body.len(), chunk.len())?;
            if large.is_none() && body.len() + chunk.len() > LARGE {
                let turn = tokio::time::timeout_at(limit, self.large.acquire()).await;
                large = Some(turn.map_err(|_| self.late("other large answers came first"))?);
                // not by doubling
                let rest = declared.map_or(0, |declared| declared.saturating_sub(body.len() as u64));
                body.reserve(usize::try_from(rest).unwrap_or_default());
            }
            body.extend_from_slice(&chunk);
        }
        if declared.is_some_and(|declared| declared != body.len() as u64 && sending.method != http::Method::HEAD) {
            let of = declared.unwrap_or_default();
            return Err(Failure::new(Kind::Cut, format!("the body ended after {} of {of} bytes", body.len())));
        }
        let weight = weight::of(body);
        if weight > weight::MOST {
            let detail =
                format!("the body would take some {} MiB of memory, the most is {}", weight >> 20, weight::MOST >> 20);
            return Err(Failure::new(Kind::TooLarge, detail));
        }
        if response.status().is_redirection() && outcome.status != Some(304) {
            let to = outcome.headers.get("location").map_or("nowhere", String::as_str);
            let to: String = to.chars().take(200).collect();
            return Err(Failure::new(
                Kind::Redirect,
                format!("the source points to {to}; redirects are never followed"),
            ));
        }
        if let Some(encoding) = outcome.headers.get("content-encoding").filter(|value| value.trim() != "identity") {
            let encoding: String = encoding.chars().take(40).collect();
            return Err(Failure::new(Kind::Encoded, format!("the body is `{encoding}`, which was not asked for")));
        }
        if unframed {
            return Err(Failure::new(
                Kind::Unframed,
                "the answer states neither a length nor an end, so a cut would not show",
            ));
        }
        Ok(())
    }

    /// Counts `more` bytes of a body that has `so_far`, and says whether they may be taken.
    fn admit(&self, so_far: usize, more: usize) -> Result<(), Failure> {
        let run = self.received.fetch_add(more as u64, Ordering::Relaxed) + more as u64;
        if (so_far + more) as u64 > self.policy.max_body_bytes {
            return Err(self.too_large(None));
        }
        if run > self.policy.max_total_bytes {
            return Err(self.run_too_large());
        }
        Ok(())
    }

    fn late(&self, detail: &str) -> Failure {
        if Instant::now() >= self.ends_at {
            return Failure::new(Kind::Deadline, "the run's time was up before the answer came");
        }
        Failure::new(Kind::Timeout, format!("{detail} ({} s)", self.policy.request_timeout.as_secs_f64()))
    }

    fn too_large(&self, declared: Option<u64>) -> Failure {
        let cap = self.policy.max_body_bytes;
        let said = declared.map(|declared| format!(" (declared: {declared})")).unwrap_or_default();
        Failure::new(Kind::TooLarge, format!("the body is larger than {cap} bytes{said}"))
    }

    fn run_too_large(&self) -> Failure {
        let cap = self.policy.max_total_bytes;
        Failure::new(Kind::RunTooLarge, format!("the answers of this run together are larger than {cap} bytes"))
    }

    /// Counts a file towards the run's total.
    fn within_run(&self, outcome: Outcome) -> Outcome {
        match self.admit(0, outcome.body.len()) {
            Ok(()) => outcome,
            Err(failure) => failure.into(),
        }
    }

    /// Takes secrets out of what is about to be recorded: those the source tells, and protected ones.
    fn clean(&self, outcome: &mut Outcome, body: Bytes) {
        let (body, told) = redact::secret_fields(body);
        for (name, secret) in told {
            self.protect(&secret);
            if name == "access_token" {
                outcome.token = Some(secret);
            }
        }
        let protected = self.protected.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.body = redact::echoes(body, &protected);
        drop(protected);
        self.clean_headers(outcome);
    }

    fn clean_headers(&self, outcome: &mut Outcome) {
        let protected = self.protected.lock().unwrap_or_else(PoisonError::into_inner);
        for value in outcome.headers.values_mut() {
            *value = redact::echoes_text(std::mem::take(value), &protected);
        }
        if let Some(failure) = &mut outcome.failure {
            failure.detail = redact::echoes_text(std::mem::take(&mut failure.detail), &protected);
        }
    }
}

/// Whether the body's end is only the end of the connection (RFC 9112, section 6.3, rule 8).
fn is_unframed(method: &http::Method, response: &reqwest::Response) -> bool {
    let status = response.status().as_u16();
    response.version() <= http::Version::HTTP_11
        && method != http::Method::HEAD
        && !matches!(status, 100..=199 | 204 | 304)
        && response.content_length().is_none()
        && !response.headers().contains_key(http::header::TRANSFER_ENCODING)
}

/// The one kind of client there is; an attempt takes no longer than `limit`. The environment's proxy is never used.
pub(crate) fn client(limit: Duration, proxy: Option<&Proxy>) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .dns_resolver(Arc::new(Resolver))
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT.min(limit));
    match proxy {
        Some(proxy) => builder.proxy(proxy.to_reqwest()?).build(),
        None => builder.build(),
    }
}

fn transport(error: reqwest::Error) -> Failure {
    let (is_connect, is_timeout) = (error.is_connect(), error.is_timeout());
    // the address is in the record already, without its credentials
    let text = causes(&error.without_url());
    let kind = if is_connect && text.contains("invalid peer certificate") {
        Kind::Untrusted
    } else if is_connect && text.contains("proxy authorization required") {
        Kind::Proxy
    } else if is_connect {
        Kind::Unreachable
    } else if is_timeout {
        Kind::Timeout
    } else {
        Kind::Transport
    };
    Failure::new(kind, text)
}

/// An error and what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}
