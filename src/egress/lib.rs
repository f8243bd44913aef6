//! The one door through which collectors reach a source, and the recorder behind it.
//!
//! Every request a collector makes, also from inside the AWS SDK and octocrab, goes through [`Egress::send`],
//! [`Egress::read_file`] or [`Egress::run`]. Live, the bytes are recorded as received before anything parses them. In replay the same
//! recording is served back and nothing leaves the process, so that running a collector again gives the same tables.
//! What is not recorded does not exist: a collector is handed only the status, the kept headers and the body that
//! the recording holds.
//!
//! Egress never follows a redirect, never talks to a host outside the run's [`Policy`], never records a credential,
//! and never hands on a body whose end did not arrive.

mod address;
mod assertion;
mod authority;
pub mod aws;
mod collector;
mod conclude;
mod credential;
mod database;
mod earlier;
mod failure;
mod file;
pub mod github;
mod github_app;
mod kept;
mod live;
mod mail;
mod outbound;
mod pages;
mod policy;
mod program;
mod progress;
mod proxy;
mod record;
mod redact;
mod replay;
mod throttle;
mod turns;
mod webhook;
mod weight;
mod witness;

#[cfg(test)]
mod tests;

pub use assertion::AssertionError;
pub use authority::{AskError, Question, ask};
pub use collector::{Collector, Context, Shape};
pub use database::{Database, Session};
pub use earlier::Earlier;
pub use file::RedactFile;
pub use kept::{Aside, Kept};
pub use live::Means;
pub use mail::{Letter, MailError, MailServer, MailTls, greet, is_mailbox, mail};
pub use outbound::{Delivery, PostError, Reply, deliver};
pub use pages::{Pages, next_page_within};
pub use policy::{EgressError, Policy};
pub use program::{Program, RUN_VARIABLE, Ran};
pub use progress::{NoProgress, Progress};
pub use proxy::Proxy;
pub use record::{KEPT_HEADERS, Recorded};
pub use turns::{Queues, Turns};
pub use webhook::{SecretError, signed};
pub use witness::add_checkpoint;

use bytes::Bytes;
use model::{CollectError, Exchange, Redaction, Timestamp};
use secrecy::SecretString;
use std::path::Path;
use std::sync::Arc;

/// What a source answered: exactly what the recording holds of it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The headers of [`KEPT_HEADERS`] that came with it, and no others.
    pub headers: http::HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// A handle on one run's door to its source; cheap to clone.
#[derive(Clone)]
pub struct Egress {
    mode: Arc<Mode>,
}

enum Mode {
    Live(Box<live::Live>),
    Replay(replay::Replay),
}

impl Egress {
    /// A door to the network that records all that passes. The run's deadline starts now.
    pub fn live(policy: Policy, progress: Arc<dyn Progress>) -> Result<Self, EgressError> {
        Self::live_by(policy, Means::default(), progress)
    }

    /// The same by what the program brings to the run.
    pub fn live_by(policy: Policy, means: Means, progress: Arc<dyn Progress>) -> Result<Self, EgressError> {
        Ok(Self { mode: Arc::new(Mode::Live(Box::new(live::Live::new(policy, means, progress)?))) })
    }

    /// A door to a recording: requests are matched by operation, method, URL and body, and answered in recorded order.
    pub fn replay(exchanges: Vec<Exchange>) -> Self {
        Self { mode: Arc::new(Mode::Replay(replay::Replay::new(exchanges))) }
    }

    /// Whether a recording answers. For filling in a placeholder where an SDK insists on a credential, nothing else:
    /// a collector that decides by it no longer derives the same tables twice.
    pub fn is_replay(&self) -> bool {
        matches!(*self.mode, Mode::Replay(_))
    }

    /// Sends `request` as `operation`, waiting and trying again as the source asks, within the policy's bounds.
    ///
    /// Returns the final answer whatever its status, 403 and 404 included. A 429, 5xx or throttled 403 that outlives
    /// its attempts is an error, and so is a body that did not arrive whole.
    pub async fn send(&self, operation: &str, request: http::Request<Bytes>) -> Result<Answer, CollectError> {
        match &*self.mode {
            Mode::Live(live) => live.send(operation, request).await,
            Mode::Replay(replay) => replay.send(operation, &request),
        }
    }

    /// Like [`Egress::send`] to a token endpoint (RFC 6749, section 4.4; RFC 7523): the answer, and the `access_token` in
    /// it, which is taken out of the answer before anything is recorded. Only credentials of requests may be made of it;
    /// in replay it is a placeholder. None where the answer grants none.
    pub async fn grant(
        &self,
        operation: &str,
        request: http::Request<Bytes>,
    ) -> Result<(Answer, Option<SecretString>), CollectError> {
        let (answer, token) = match &*self.mode {
            Mode::Live(live) => live.grant(operation, request).await?,
            Mode::Replay(replay) => (replay.send(operation, &request)?, Some(SecretString::from("replayed"))),
        };
        let granted = answer.status == 200 && redact::has_granted(&answer.body);
        Ok((answer, token.filter(|_| granted)))
    }

    /// Reads the file at the absolute `path`, recorded as method `READ` of a `file:` URL. A file that is absent or may
    /// not be read is an error; where that is evidence, use [`Egress::read_path`].
    pub async fn read_file(&self, operation: &str, path: &Path) -> Result<Bytes, CollectError> {
        conclude::content(operation, path, self.read_path(operation, path).await?)
    }

    /// The file at the absolute `path`: status 200 with its content and `last-modified`, 403 or 404.
    pub async fn read_path(&self, operation: &str, path: &Path) -> Result<Answer, CollectError> {
        self.read(operation, path, file::Reading::File).await
    }

    /// Like [`Egress::read_path`], without the secrets `redact` takes out before anything is hashed or kept.
    pub async fn read_file_redacted(
        &self,
        operation: &str,
        path: &Path,
        redact: RedactFile,
    ) -> Result<Answer, CollectError> {
        self.read(operation, path, file::Reading::Redacted(redact)).await
    }

    /// The names in the folder at the absolute `path` as a sorted JSON array, recorded as method `LIST`.
    pub async fn list_folder(&self, operation: &str, path: &Path) -> Result<Answer, CollectError> {
        self.read(operation, path, file::Reading::Folder).await
    }

    /// What is in the folder at the absolute `path`, recorded as method `STAT`: a JSON array, sorted by name, of `name`,
    /// `kind` (file, folder, link, other), and of files `bytes` and `modified_at`. No link is followed.
    pub async fn take_stock(&self, operation: &str, path: &Path) -> Result<Answer, CollectError> {
        self.read(operation, path, file::Reading::Inventory).await
    }

    async fn read(&self, operation: &str, path: &Path, reading: file::Reading) -> Result<Answer, CollectError> {
        match &*self.mode {
            Mode::Live(live) => live.read_path(operation, path, reading).await,
            Mode::Replay(replay) => replay.read_path(operation, path, reading),
        }
    }

    /// Runs a local program to its end, recorded as method `EXEC` of an `exec:` URL. No shell, only the environment that
    /// is given, nothing on standard input; a program that does not end within the policy's `request_timeout` is ended
    /// with all it started, and so is one that writes more than `max_body_bytes`: both are errors.
    ///
    /// Any exit code is an answer: see [`Ran::success`].
    pub async fn run(&self, operation: &str, program: &Program) -> Result<Ran, CollectError> {
        self.execute(operation, program, None).await
    }

    /// Like [`Egress::run`], without the secrets `redact` takes out of standard output before anything is hashed or
    /// kept. `redact` also meets an output that was cut.
    pub async fn run_redacted(
        &self,
        operation: &str,
        program: &Program,
        redact: RedactFile,
    ) -> Result<Ran, CollectError> {
        self.execute(operation, program, Some(redact)).await
    }

    async fn execute(
        &self,
        operation: &str,
        program: &Program,
        redact: Option<RedactFile>,
    ) -> Result<Ran, CollectError> {
        match &*self.mode {
            Mode::Live(live) => live.run(operation, program, redact).await,
            Mode::Replay(replay) => replay.run(operation, program),
        }
    }

    /// Keeps the literal text of `secret` out of everything recorded, should the source echo it.
    pub fn protect(&self, secret: &SecretString) {
        if let Mode::Live(live) = &*self.mode {
            live.protect(secret);
        }
    }

    /// Every exchange so far, failed attempts included, in the order the requests left. In replay, those served.
    pub fn recorded(&self) -> Vec<Recorded> {
        match &*self.mode {
            Mode::Live(live) => live.recording().exchanges(),
            Mode::Replay(replay) => replay.served(),
        }
    }

    /// The newest `date` header of the answers so far.
    pub fn last_answer_date(&self) -> Option<Timestamp> {
        match &*self.mode {
            Mode::Live(live) => live.recording().last_date(),
            Mode::Replay(replay) => replay.last_date(),
        }
    }

    /// What was replaced in recorded bodies before hashing: protected secrets, and what a file's redaction took out.
    pub fn redactions(&self) -> Vec<Redaction> {
        match &*self.mode {
            Mode::Live(live) => live.recording().redactions(),
            Mode::Replay(replay) => {
                let served = replay.served();
                served.iter().flat_map(|exchange| record::redactions(&exchange.record, &exchange.replaced)).collect()
            }
        }
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_replay() { "Egress(replay)" } else { "Egress(live)" })
    }
}
