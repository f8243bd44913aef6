//! Why an attempt brought no answer: the text the recording keeps, and the error it stands for.
//!
//! The error a collector gets is made from the recorded text alone, so a replay gives the same one.

use model::{CollectError, ReasonCode};
use std::fmt;

/// What kind of trouble it was; the word before the colon in the recorded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stopped by the policy; nothing left.
    Refused,
    /// The source pointed elsewhere.
    Redirect,
    /// The run's time was up.
    Deadline,
    /// One body beyond its cap.
    TooLarge,
    /// The run's bodies together beyond theirs.
    RunTooLarge,
    /// A body that was encoded though plain bytes were asked for.
    Encoded,
    /// A body without a stated end: a cut could not be told from the end.
    Unframed,
    /// A file that changed while it was read.
    Changed,
    /// The body ended before its end.
    Cut,
    /// An answer that this machine's disk did not take.
    Unkept,
    /// A program that a signal ended.
    Killed,
    /// No answer, or no whole one, in time.
    Timeout,
    /// A proxy that wants a credential, or another one.
    Proxy,
    /// A certificate that proves nothing.
    Untrusted,
    /// No connection.
    Unreachable,
    /// Other trouble on the way.
    Transport,
    /// The collector gave up before the answer came.
    Abandoned,
}

const WORDS: &[(Kind, &str)] = &[
    (Kind::Refused, "refused"),
    (Kind::Redirect, "redirect refused"),
    (Kind::Deadline, "deadline"),
    (Kind::TooLarge, "too large"),
    (Kind::RunTooLarge, "run too large"),
    (Kind::Encoded, "encoded"),
    (Kind::Unframed, "unframed"),
    (Kind::Changed, "changed"),
    (Kind::Cut, "cut"),
    (Kind::Unkept, "not kept"),
    (Kind::Killed, "killed"),
    (Kind::Timeout, "timeout"),
    (Kind::Proxy, "proxy"),
    (Kind::Untrusted, "untrusted"),
    (Kind::Unreachable, "unreachable"),
    (Kind::Transport, "transport"),
    (Kind::Abandoned, "abandoned"),
];

/// A kind and its detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Reads the recorded text back; one of a form this version does not know is transport trouble.
    pub(crate) fn parse(text: &str) -> Self {
        text.split_once(": ")
            .and_then(|(word, detail)| {
                let (kind, _) = WORDS.iter().find(|(_, known)| *known == word)?;
                Some(Self::new(*kind, detail))
            })
            .unwrap_or_else(|| Self::new(Kind::Transport, text))
    }

    /// Whether trying again may help.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self.kind, Kind::Cut | Kind::Timeout | Kind::Unreachable | Kind::Transport)
    }

    /// The error a collector gets after `attempts`.
    pub(crate) fn into_error(self, operation: &str, attempts: usize) -> CollectError {
        let operation = operation.to_owned();
        match self.kind {
            Kind::Refused => CollectError::Misconfigured {
                message: format!("{operation} did not leave: {}", self.detail),
                help:
                    "look at the source's settings: a collector uses only the hosts, files, programs and operations they name"
                        .to_owned(),
            },
            Kind::Proxy => CollectError::Misconfigured {
                message: format!("{operation} did not leave: the proxy wants a credential, or another one ({})", self.detail),
                help: "set `[network] proxy_credential`".to_owned(),
            },
            Kind::Untrusted => CollectError::Misconfigured {
                message: format!(
                    "{operation} did not leave, because nothing proves whose server it is: {}",
                    self.detail
                ),
                help: "look at the address in the source's settings; if the server's authority is your own, add it to \
                       this machine's trusted certificates, or name its file in SSL_CERT_FILE"
                    .to_owned(),
            },
            Kind::Redirect | Kind::TooLarge | Kind::Encoded | Kind::Unframed => {
                CollectError::Malformed { operation, message: self.to_string() }
            }
            Kind::RunTooLarge => CollectError::Incomplete { operation, message: self.detail, code: ReasonCode::Failed },
            Kind::Deadline | Kind::Changed | Kind::Abandoned | Kind::Killed | Kind::Unkept => {
                CollectError::Transient { operation, message: self.to_string() }
            }
            Kind::Cut | Kind::Timeout | Kind::Unreachable | Kind::Transport => {
                let message = match attempts {
                    0 | 1 => self.to_string(),
                    more => format!("{self} (the last of {more} attempts)"),
                };
                CollectError::Transient { operation, message }
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(kind, _)| *kind == self.kind).map_or("transport", |(_, word)| word);
        write!(f, "{word}: {}", self.detail)
    }
}
