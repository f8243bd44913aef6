//! How often somebody may try to sign in: by name, and altogether. Kept in memory; a restart forgives.

use jiff::SignedDuration;
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// So many wrong tries in a row are a person's; then each waits for the next, twice as long each time.
pub(super) const FREE_TRIES: u32 = 5;
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// Tries of everybody together, each of which costs a hash.
const TRIES_A_MINUTE: usize = 60;

#[derive(Default)]
pub(super) struct Limits(Mutex<Tries>);

#[derive(Default)]
struct Tries {
    by_name: BTreeMap<String, Wrong>,
    recent: Vec<Timestamp>,
}

struct Wrong {
    times: u32,
    last: Timestamp,
}

impl Wrong {
    fn wait_until(&self) -> Timestamp {
        if self.times < FREE_TRIES {
            return Timestamp::MIN;
        }
        let doublings = (self.times - FREE_TRIES).min(16);
        let wait = FIRST_WAIT.checked_mul(1 << doublings).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
        self.last.checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}

impl Limits {
    /// Takes one try for `name`; the seconds to wait, where there is none left.
    pub(super) fn take(&self, name: &str, now: Timestamp) -> Result<(), i64> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |then: Timestamp| now.duration_since(then);
        tries.recent.retain(|then| since(*then) < SignedDuration::from_mins(1));
        tries.by_name.retain(|_, wrong| since(wrong.last) < LONGEST_WAIT);
        if let Some(wrong) = tries.by_name.get(&plain(name)) {
            let wait = wrong.wait_until().duration_since(now).as_secs();
            if wait > 0 {
                return Err(wait);
            }
        }
        if tries.recent.len() >= TRIES_A_MINUTE {
            return Err(60);
        }
        tries.recent.push(now);
        Ok(())
    }

    /// Notes a wrong try; how many there were in a row.
    pub(super) fn wrong(&self, name: &str, now: Timestamp) -> u32 {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = tries.by_name.entry(plain(name)).or_insert(Wrong { times: 0, last: now });
        wrong.times += 1;
        wrong.last = now;
        wrong.times
    }

    /// Notes a right one.
    pub(super) fn right(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_name.remove(&plain(name));
    }
}

fn plain(name: &str) -> String {
    // a name as long as a request would be kept otherwise
    model::plain_name(name).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn wrong_tries_wait_longer_and_longer_and_a_right_one_ends_that() {
        let limits = Limits::default();
        for time in 1..=5 {
            assert_eq!(limits.take("Ada", at(0)), Ok(()));
            assert_eq!(limits.wrong(" ada ", at(0)), time);
        }
        assert_eq!(limits.take("ADA", at(1)), Err(29));
        assert_eq!(limits.take("bob", at(1)), Ok(()), "somebody else does not wait");
        assert_eq!(limits.take("ada", at(30)), Ok(()));
        limits.wrong("ada", at(30));
        assert_eq!(limits.take("ada", at(31)), Err(59));
        limits.right("ada");
        assert_eq!(limits.take("ada", at(31)), Ok(()));
    }

    #[test]
    fn everybody_together_may_try_so_often_a_minute() {
        let limits = Limits::default();
        let taken = (0..100).filter(|name| limits.take(&name.to_string(), at(0)).is_ok()).count();
        assert_eq!(taken, 60);
        assert_eq!(limits.take("x", at(59)), Err(60));
        assert_eq!(limits.take("x", at(60)), Ok(()));
    }
}
