//! Turns at one credential: runs of one process that use the same one queue behind each other, and rest together when its
//! source asks one of them to slow down.

use model::Digest;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use url::Url;

/// The queue of one credential.
#[derive(Debug)]
pub struct Turns {
    seats: Semaphore,
    /// Nobody asks before this.
    rests_until: Mutex<Option<Instant>>,
}

impl Turns {
    /// A place in the queue, kept while the returned permit lives; later than any rest that ends before `limit`.
    pub(crate) async fn take(&self, limit: Instant) -> Option<SemaphorePermit<'_>> {
        let permit = self.seats.acquire().await.ok();
        let until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until.filter(|until| *until < limit) {
            tokio::time::sleep_until(until).await;
        }
        permit
    }

    /// Lets everybody who takes a turn from now on wait until `until`.
    pub(crate) fn rest(&self, until: Instant) {
        let mut rests_until = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        *rests_until = (*rests_until).max(Some(until));
    }
}

/// The queues of a process, by credential.
#[derive(Debug, Default)]
pub struct Queues {
    known: Mutex<BTreeMap<Digest, Weak<Turns>>>,
}

impl Queues {
    /// The queue of whoever asks `origins` with `secrets`, `width` at a time; where it is in use already, as many as its first
    /// user said. None for a run that asks nobody.
    pub fn of<'a>(
        &self,
        origins: &[Url],
        secrets: impl Iterator<Item = &'a SecretString>,
        width: usize,
    ) -> Option<Arc<Turns>> {
        if origins.is_empty() {
            return None;
        }
        let mut parts: Vec<String> = origins.iter().map(|url| url.origin().ascii_serialization()).collect();
        parts.extend(secrets.map(|secret| Digest::of(secret.expose_secret().as_bytes()).to_string()));
        parts.sort_unstable();
        parts.dedup();
        let key = Digest::of(parts.join("\n").as_bytes());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, turns| turns.strong_count() > 0);
        if let Some(turns) = known.get(&key).and_then(Weak::upgrade) {
            return Some(turns);
        }
        let turns = Arc::new(Turns { seats: Semaphore::new(width.max(1)), rests_until: Mutex::default() });
        known.insert(key, Arc::downgrade(&turns));
        Some(turns)
    }
}
