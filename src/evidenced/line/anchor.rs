//! Trusted time: asks the configured authorities to stamp the log, and says what still waits for a stamp.
//!
//! What an authority answers is verified before anything is kept of it. One that is down, or lies, is named and stops
//! neither the others nor any collection.

use super::{Line, now, proxy};
use crate::failure::Failure;
use crate::settings::{Authority, LogSettings, Settings};
use egress::Question;
use jiff::{SignedDuration, Timestamp};
use ledger::SignedCheckpoint;
use ledger::timestamp::{MAX_TOKEN, Nonce, Request, Timestamped, Token};
use model::Digest;
use model::time::duration_text;
use std::time::Duration;
use store::{Anchor, AnchorError, Reader, Stamp};

/// What an authority may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far back the last anchor of an authority is looked for, in entries.
const LOOK_BACK: u64 = 20_000;

/// How long before its signer's certificate expires an authority is warned about.
const EXPIRY_NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What came of asking one authority.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The authority.
    pub(crate) authority: String,
    /// Entries in the log that was to be stamped.
    pub(crate) size: u64,
    /// The anchor, or why there is none.
    pub(crate) outcome: Result<Stamped, Refused>,
}

/// An anchor that was sealed.
#[derive(Debug)]
pub(crate) struct Stamped {
    /// Position of its entry in the log.
    pub(crate) index: u64,
    /// What the token proves.
    pub(crate) proven: Timestamped,
}

/// Why there is no anchor, and how to mend it.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// What happened.
    pub(crate) problem: String,
    /// The mend.
    pub(crate) help: String,
}

impl Asked {
    /// Says in the program's log what came of it.
    pub(crate) fn report(&self) {
        let (authority, entries) = (self.authority.as_str(), self.size);
        match &self.outcome {
            Ok(stamped) => {
                tracing::info!(authority, entries, at = %stamped.proven.gen_time, entry = stamped.index, "log stamped");
            }
            Err(Refused { problem, help }) => tracing::warn!(authority, entries, problem, help, "log not stamped"),
        }
    }
}

impl Line {
    /// Has the published checkpoint stamped by every authority that has not stamped all that was sealed. Only a store that can no
    /// longer be relied on is an error.
    pub(crate) async fn anchor(&self, only: Option<&str>) -> Result<Vec<Asked>, Failure> {
        let settings = self.settings();
        let checkpoint = self.reader()?.checkpoint()?;
        let mut asked = Vec::new();
        for authority in &settings.log.authorities {
            if only.is_some_and(|name| name != authority.name) {
                continue;
            }
            let reader = self.reader()?;
            let stamped = last_of(&reader, &authority.name)?.map_or(0, |anchor| anchor.size);
            if reader.first_unanchored(stamped)?.is_none() {
                continue;
            }
            let outcome = self.ask(authority, &checkpoint).await?;
            asked.push(Asked { authority: authority.name.clone(), size: checkpoint.size(), outcome });
        }
        Ok(asked)
    }

    /// The same where nobody waits for a future. What does not come of it is said in the log and ends nothing.
    pub(crate) fn anchor_now(&self) -> Result<(), Failure> {
        if self.settings().log.authorities.is_empty() {
            return Ok(());
        }
        let runtime = tokio::runtime::Handle::current();
        let asked = tokio::task::block_in_place(|| runtime.block_on(self.anchor(None)))?;
        asked.iter().for_each(Asked::report);
        Ok(())
    }

    /// Asks one authority. The inner error is the authority's, the outer one the store's.
    async fn ask(
        &self,
        authority: &Authority,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Result<Stamped, Refused>, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| Failure::store(format!("no randomness: {error}")))?;
        let nonce = Nonce::from_random(random);
        let imprint = Digest::of(checkpoint.log_signed_text().as_bytes());
        let proxy = match proxy(&self.settings()) {
            Ok(proxy) => proxy,
            Err(Failure { message, help, .. }) => {
                return Ok(Err(Refused { problem: message, help: help.unwrap_or_default() }));
            }
        };
        let question = Question {
            url: authority.url.clone(),
            media_type: Request::MEDIA_TYPE,
            body: Request::new(imprint, Some(nonce)).to_der().into(),
            answer_media_type: Request::ANSWER_MEDIA_TYPE,
            max_answer_bytes: MAX_TOKEN,
            deadline: PATIENCE,
            proxy,
        };
        let response = match egress::ask(&question).await {
            Ok(response) => response,
            Err(error) => {
                return Ok(Err(Refused { problem: error.to_string(), help: error.help().to_owned() }));
            }
        };
        let stamp = Stamp { authority: &authority.name, response: &response, nonce, roots: &authority.roots };
        let mut store = self.store()?;
        let sealed = tokio::task::block_in_place(|| store.seal_anchor(now(), checkpoint, &stamp));
        drop(store);
        match sealed {
            Ok((entry, proven)) => Ok(Ok(Stamped { index: entry.index, proven })),
            Err(AnchorError::Timestamp(error)) => {
                Ok(Err(Refused { problem: error.to_string(), help: error.help().to_owned() }))
            }
            Err(AnchorError::Store(error)) => Err(error.into()),
        }
    }
}

/// The last anchor of `authority`, as far as it lies within reach.
fn last_of(reader: &Reader, authority: &str) -> Result<Option<Anchor>, Failure> {
    let Some(last) = reader.last_anchor()? else { return Ok(None) };
    if last.authority == authority {
        return Ok(Some(last));
    }
    let anchors = reader.anchors_from(last.index.saturating_sub(LOOK_BACK))?;
    Ok(anchors.into_iter().rev().find(|anchor| anchor.authority == authority))
}

/// How trusted time stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct AuthorityState {
    /// The authority.
    pub(crate) name: String,
    /// Entries it has stamped.
    pub(crate) size: u64,
    /// When, by its clock.
    pub(crate) gen_time: Option<Timestamp>,
    /// Since when something waits for its stamp.
    pub(crate) waiting_since: Option<Timestamp>,
    /// Whether that is longer than the cadence allows.
    pub(crate) overdue: bool,
}

impl AuthorityState {
    /// How it stands, in words.
    pub(crate) fn text(&self, now: Timestamp) -> String {
        let stamped = match self.gen_time {
            Some(time) => format!("stamped {} entries at {}", self.size, model::time::seconds_text(time)),
            None => "has never stamped the log".to_owned(),
        };
        match self.waiting_since {
            Some(since) if self.overdue => {
                let waited = duration_text(model::time::between(since, now));
                format!("{stamped}; what was sealed since {} waits for {waited}", model::time::seconds_text(since))
            }
            _ => stamped,
        }
    }
}

/// How each configured authority stands at `now`.
pub(crate) fn authorities(log: &LogSettings, reader: &Reader, now: Timestamp) -> Result<Vec<AuthorityState>, Failure> {
    log.authorities
        .iter()
        .map(|authority| {
            let last = last_of(reader, &authority.name)?;
            let size = last.as_ref().map_or(0, |anchor| anchor.size);
            let waiting = reader.first_unanchored(size)?.map(|stored| stored.entry.at);
            Ok(AuthorityState {
                name: authority.name.clone(),
                size,
                gen_time: last.map(|anchor| anchor.gen_time),
                waiting_since: waiting,
                overdue: waiting.is_some_and(|since| is_overdue(since, now, log.timestamp_every)),
            })
        })
        .collect()
}

/// Whether what was sealed at `since` should have its stamp by `until`: one cadence, and one more to be asked again.
fn is_overdue(since: Timestamp, until: Timestamp, every: SignedDuration) -> bool {
    until.duration_since(since) > every.saturating_mul(2)
}

/// What is wrong with the last token of `authority`, or will be soon: its chain, its signer's certificate, the clocks.
pub(crate) fn concern(reader: &Reader, authority: &Authority, now: Timestamp) -> Result<Option<Refused>, Failure> {
    let Some(anchor) = last_of(reader, &authority.name)? else { return Ok(None) };
    let files = reader.anchor_files(&anchor)?;
    let verified =
        Token::from_response(&files.response).and_then(|token| token.verify(anchor.checkpoint, None, &authority.roots));
    let proven = match verified {
        Ok(proven) => proven,
        Err(error) => {
            let problem = format!("its last token ({} entries) does not verify any more: {error}", anchor.size);
            return Ok(Some(Refused { problem, help: error.help().to_owned() }));
        }
    };
    if proven.not_after.duration_since(now) < EXPIRY_NOTICE {
        let day = proven.not_after.strftime("%Y-%m-%d");
        return Ok(Some(Refused {
            problem: format!("the certificate it signs with (`{}`) expires on {day}", proven.signer),
            help: "the authority has to renew it; have the log stamped by another authority before that day, so that \
                   the tokens so far stay provable"
                .to_owned(),
        }));
    }
    let apart = anchor.at.duration_since(anchor.gen_time);
    if apart.abs() > SignedDuration::from_mins(5) {
        return Ok(Some(Refused {
            problem: format!("its clock and this host's were {} apart at entry {}", duration_text(apart), anchor.index),
            help: "synchronise this host's clock; if it is right, ask the authority".to_owned(),
        }));
    }
    Ok(None)
}

/// Every token that does not lead up to the roots that are configured for its authority: the authority, and what is wrong.
/// An authority that is configured no more has none, and nothing is said of its chain.
pub(crate) fn unproven(settings: &Settings, reader: &Reader) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for anchor in reader.anchors()? {
        let Some(authority) = settings.log.authorities.iter().find(|known| known.name == anchor.authority) else {
            continue;
        };
        let files = reader.anchor_files(&anchor)?;
        let verified = Token::from_response(&files.response)
            .and_then(|token| token.verify(anchor.checkpoint, None, &authority.roots));
        if let Err(error) = verified {
            found.push((anchor.authority, format!("its token over {} entries: {error}", anchor.size)));
        }
    }
    Ok(found)
}

/// When the authorities are asked: a cadence after something new was sealed, or after they were last asked.
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    asked_at: Option<Timestamp>,
}

impl Cadence {
    /// Whether it is time, where the oldest thing without a stamp was sealed at `waiting`. A clock set back asks at once.
    pub(crate) fn is_due(&self, waiting: Option<Timestamp>, now: Timestamp, every: SignedDuration) -> bool {
        let rested = self.asked_at.is_none_or(|asked| now < asked || now.duration_since(asked) >= every);
        rested && waiting.is_some_and(|since| now < since || now.duration_since(since) >= every)
    }

    /// Notes that they were asked.
    pub(crate) const fn asked(&mut self, now: Timestamp) {
        self.asked_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-01-01T{text}Z").parse().unwrap()
    }

    const EVERY: SignedDuration = SignedDuration::from_mins(10);

    #[test]
    fn they_are_asked_a_cadence_after_something_new_and_never_for_nothing() {
        let mut cadence = Cadence::default();
        assert!(!cadence.is_due(None, at("10:00:00"), EVERY));
        assert!(!cadence.is_due(Some(at("10:00:00")), at("10:09:59"), EVERY));
        assert!(cadence.is_due(Some(at("10:00:00")), at("10:10:00"), EVERY));
        cadence.asked(at("10:10:00"));
        // it failed: asked again a cadence later, not at every tick
        assert!(!cadence.is_due(Some(at("10:00:00")), at("10:10:01"), EVERY));
        assert!(cadence.is_due(Some(at("10:00:00")), at("10:20:00"), EVERY));
        // the clock was set back
        assert!(cadence.is_due(Some(at("10:00:00")), at("09:00:00"), EVERY));
    }

    #[test]
    fn what_waits_longer_than_two_cadences_is_overdue() {
        assert!(!is_overdue(at("10:00:00"), at("10:20:00"), EVERY));
        assert!(is_overdue(at("10:00:00"), at("10:20:01"), EVERY));
        assert!(!is_overdue(at("10:00:00"), at("09:00:00"), EVERY));
    }
}
