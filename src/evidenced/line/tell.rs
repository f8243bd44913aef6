//! Telling people: the outbox of the store, filled from the log and emptied into destinations.
//!
//! The store is held only for the moment of a note, never while somebody else's server is waited for.

use super::{KeptLine, Line, now};
use crate::daemon::Clock;
use crate::failure::Failure;
use crate::notify::{self, Destined, Trouble};
use crate::settings::Destination;
use evaluate::CheckSet;
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use model::time::seconds_text;
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Attempt, MessageRow, MessageState, Reader};

/// How long one sender may take for one message, all requests of it together.
const CLAIM: SignedDuration = SignedDuration::from_mins(10);

/// The wait before the second attempt; doubled for each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// No wait is longer.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// How often the log is looked at while it grows, and how often the calendar and the age of evidence are while it does not.
const LOOK: SignedDuration = SignedDuration::from_secs(3);
const LOOK_AT_REST: SignedDuration = SignedDuration::from_secs(60);

/// Between two tickets: trackers want no more than one a second.
const PACE: Duration = Duration::from_secs(1);

/// Which messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those whose time has come.
    Due,
    /// All that wait.
    Waiting,
    /// Those too that were given up.
    GivenUp,
}

/// A message that was tried.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Its key.
    pub(crate) id: String,
    /// Whom.
    pub(crate) destination: String,
    /// How much it tells.
    pub(crate) notices: u64,
    /// Why it was not taken; none: it was.
    pub(crate) trouble: Option<Trouble>,
    /// When it is tried next; none: it was taken, or given up.
    pub(crate) again_at: Option<Timestamp>,
}

impl Line {
    /// Notes what is new for every destination, and makes messages of what is to go now; with `at_once` of all there is.
    pub(crate) fn note_news(&self, reader: &Reader, checks: &CheckSet, at_once: bool) -> Result<(), Failure> {
        let (settings, now) = (self.settings(), now());
        let names = checks.checks().iter().map(|check| check.name.clone()).collect();
        let heard = notify::hear(&settings, reader, names, now)?;
        for destination in &settings.notify {
            if let Some((rows, next)) = heard.news(reader, destination)? {
                self.store()?.note_notices(&destination.name, &rows, next, now)?;
            }
        }
        self.make_messages(reader, at_once)
    }

    /// Makes messages of what waits, where its time has come.
    fn make_messages(&self, reader: &Reader, at_once: bool) -> Result<(), Failure> {
        let (settings, now) = (self.settings(), now());
        for destination in &settings.notify {
            if let Some(planned) = notify::plan(&settings, reader, destination, now, at_once)? {
                self.store()?.note_messages(&destination.name, &planned.messages, planned.digest_at)?;
            }
        }
        Ok(())
    }

    /// Nobody else sends from this store now: what a killed program was about to send may be sent.
    pub(crate) fn take_back_messages(&self) -> Result<(), Failure> {
        if self.loan.is_none() {
            self.store()?.release_messages()?;
        }
        Ok(())
    }

    /// Sends `which` messages, those of one destination one after the other. An error is the store's; a destination that does not
    /// take one is told in what comes back.
    pub(crate) async fn send_messages(&self, reader: &Reader, which: Which) -> Result<Vec<Tried>, Failure> {
        let (settings, now) = (self.settings(), now());
        let open = reader.messages(true)?;
        let is_meant = |message: &MessageRow| match which {
            Which::Due => message.state == MessageState::Waiting && message.next_at <= now,
            Which::Waiting => message.state == MessageState::Waiting,
            Which::GivenUp => true,
        };
        let rounds = settings.notify.iter().map(|destination| {
            let of = |message: &&MessageRow| message.destination == destination.name && is_meant(message);
            let messages: Vec<MessageRow> = open.iter().filter(of).cloned().collect();
            self.send_to(reader, destination, messages)
        });
        Ok(try_join_all(rounds).await?.into_iter().flatten().collect())
    }

    /// After the first that is not taken, the others wait for the next round: a server that is down is not asked a hundred times.
    async fn send_to(
        &self,
        reader: &Reader,
        destination: &Destination,
        messages: Vec<MessageRow>,
    ) -> Result<Vec<Tried>, Failure> {
        let mut tried: Vec<Tried> = Vec::new();
        for message in messages {
            if destination.is_tracker() && !tried.is_empty() {
                tokio::time::sleep(PACE).await;
            }
            let now = now();
            let until = now.checked_add(CLAIM).unwrap_or(now);
            if !self.store()?.claim_message(&message.id, now, until)? {
                continue;
            }
            let outcome = match notify::parcel(&self.settings(), reader, destination, &message) {
                Ok(parcel) => notify::send(&parcel).await,
                Err(failure) => Err(Trouble { problem: failure.message, help: failure.help.unwrap_or_default() }),
            };
            let one = self.note_outcome(destination, &message, outcome)?;
            let is_stuck = one.trouble.is_some();
            tried.push(one);
            if is_stuck {
                break;
            }
        }
        Ok(tried)
    }

    fn note_outcome(
        &self,
        destination: &Destination,
        message: &MessageRow,
        outcome: Result<Destined, Trouble>,
    ) -> Result<Tried, Failure> {
        let now = now();
        let mut store = self.store()?;
        let (trouble, again_at) = match outcome {
            Ok(Destined { ticket }) => {
                if let Some((finding, reference)) = ticket {
                    store.note_ticket(&destination.name, &finding, &reference)?;
                }
                store.note_attempt(&message.id, &Attempt::Sent, now)?;
                (None, None)
            }
            Err(trouble) => {
                let again_at = again(destination, message, now);
                let attempt = Attempt::Failed { problem: trouble.problem.clone(), again_at };
                store.note_attempt(&message.id, &attempt, now)?;
                (Some(trouble), again_at)
            }
        };
        let (id, destination) = (message.id.clone(), destination.name.clone());
        Ok(Tried { id, destination, notices: message.notices, trouble, again_at })
    }
}

/// When a message that was not taken is tried again; none: not any more.
fn again(destination: &Destination, message: &MessageRow, now: Timestamp) -> Option<Timestamp> {
    if now.duration_since(message.made_at) >= destination.give_up_after {
        return None;
    }
    let doubled = FIRST_WAIT.checked_mul(1 << message.attempts.min(16)).unwrap_or(LONGEST_WAIT);
    now.checked_add(doubled.min(LONGEST_WAIT)).ok()
}

impl Tried {
    /// Logs it.
    pub(crate) fn report(&self) {
        let Self { id, destination, notices, trouble, again_at } = self;
        match (trouble, again_at) {
            (None, _) => tracing::info!(destination, message = id, notices, "message sent"),
            (Some(Trouble { problem, help }), Some(again_at)) => {
                let again_at = seconds_text(*again_at);
                tracing::warn!(destination, message = id, problem, help, again_at, "message not sent");
            }
            (Some(Trouble { problem, help }), None) => {
                tracing::error!(destination, message = id, problem, help, "message given up");
            }
        }
    }
}

/// When the daemon looked last, and at how long a log.
#[derive(Default)]
struct Looked {
    at: Option<Timestamp>,
    size: u64,
    destinations: BTreeSet<String>,
}

impl Looked {
    /// Whether it is time to look again.
    fn is_due(&self, now: Timestamp, size: u64, destinations: &BTreeSet<String>) -> bool {
        let Some(at) = self.at else { return true };
        let wait = if size == self.size && *destinations == self.destinations { LOOK_AT_REST } else { LOOK };
        now.duration_since(at).abs() >= wait
    }
}

impl KeptLine {
    /// Tells every destination what is new, for as long as it is polled. It ends only with the store's failure.
    pub(crate) async fn keep_told<C: Clock>(&self, clock: &C) -> Failure {
        let reader = match self.line().reader().and_then(|reader| self.line().take_back_messages().map(|()| reader)) {
            Ok(reader) => reader,
            Err(failure) => return failure,
        };
        let mut looked = Looked::default();
        loop {
            clock.tick().await;
            if let Err(failure) = self.tell(&reader, &mut looked, clock.now()).await
                && let Err(failure) = self.survive(&failure)
            {
                return failure;
            }
        }
    }

    /// What cannot be read now is not told now; a store that cannot be written ends the daemon.
    fn survive(&self, failure: &Failure) -> Result<(), Failure> {
        self.line().take_back_messages()?;
        tracing::warn!(problem = failure.message, "nobody is told anything now");
        Ok(())
    }

    async fn tell(&self, reader: &Reader, looked: &mut Looked, now: Timestamp) -> Result<(), Failure> {
        let destinations: BTreeSet<String> =
            self.line().settings().notify.iter().map(|destination| destination.name.clone()).collect();
        if destinations.is_empty() {
            return Ok(());
        }
        let size = reader.checkpoint()?.size();
        if looked.is_due(now, size, &destinations) {
            *looked = Looked { at: Some(now), size, destinations };
            tokio::task::block_in_place(|| self.line().note_news(reader, &self.checks(), false))?;
        } else {
            self.line().make_messages(reader, false)?;
        }
        self.line().send_messages(reader, Which::Due).await?.iter().for_each(Tried::report);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_is_looked_at_soon_and_one_at_rest_now_and_then() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let names = BTreeSet::from(["mail".to_owned()]);
        assert!(Looked::default().is_due(at("2026-01-01T00:00:00Z"), 0, &names));
        let looked = Looked { at: Some(at("2026-01-01T00:00:00Z")), size: 4, destinations: names.clone() };
        assert!(!looked.is_due(at("2026-01-01T00:00:02Z"), 5, &names));
        assert!(looked.is_due(at("2026-01-01T00:00:03Z"), 5, &names));
        assert!(!looked.is_due(at("2026-01-01T00:00:59Z"), 4, &names));
        assert!(looked.is_due(at("2026-01-01T00:01:00Z"), 4, &names));
        assert!(looked.is_due(at("2026-01-01T00:00:03Z"), 4, &BTreeSet::new()));
        // a clock that was set back silences nobody
        assert!(looked.is_due(at("2025-12-31T00:00:00Z"), 4, &names));
    }
}
