//! Ways in that live as long as this process: the link of the first administrator, the demo's, and second factors not yet set up.

use crate::access::{Second, Secret};
use crate::failure::Failure;
use model::Digest;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Second factors are made only for links that hold; more at once is nobody's doing.
const MOST_PENDING: usize = 1000;

#[derive(Default)]
pub(super) struct Door {
    /// Of the link that makes the first administrator.
    first: Mutex<Option<Digest>>,
    /// Of the link that signs somebody in, and who that is.
    open: Mutex<Option<(Digest, String)>>,
    /// Second factors shown to whoever holds a link, by that link.
    pending: Mutex<BTreeMap<Digest, Second>>,
}

impl Door {
    /// A new link for the first administrator, in place of a former one.
    pub(super) fn invite(&self) -> Result<Secret, Failure> {
        let secret = Secret::new()?;
        *lock(&self.first) = Some(secret.digest());
        Ok(secret)
    }

    /// Whether that is the link of the first administrator.
    pub(super) fn is_first(&self, link: &Digest) -> bool {
        lock(&self.first).as_ref() == Some(link)
    }

    /// A link that signs the user of that id in, as often as it is followed.
    pub(super) fn open_for(&self, user: &str) -> Result<Secret, Failure> {
        let secret = Secret::new()?;
        *lock(&self.open) = Some((secret.digest(), user.to_owned()));
        Ok(secret)
    }

    /// Whom that link signs in.
    pub(super) fn opens_for(&self, link: &Digest) -> Option<String> {
        lock(&self.open).as_ref().filter(|(digest, _)| digest == link).map(|(_, user)| user.clone())
    }

    /// The second factor that whoever holds `link` sets up: the same until they have.
    pub(super) fn second(&self, link: Digest) -> Result<Second, Failure> {
        let mut pending = lock(&self.pending);
        if let Some(second) = pending.get(&link) {
            return Ok(second.clone());
        }
        if pending.len() >= MOST_PENDING {
            pending.clear();
        }
        let second = Second::new()?;
        pending.insert(link, second.clone());
        Ok(second)
    }

    /// The link was used.
    pub(super) fn close(&self, link: &Digest) {
        lock(&self.first).take_if(|first| first == link);
        lock(&self.pending).remove(link);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
