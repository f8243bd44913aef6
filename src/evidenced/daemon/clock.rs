//! The wall clock, behind a trait so that a test can set it.

use jiff::Timestamp;
use std::future::Future;
use std::time::Duration;

/// Tells the time and waits for a little of it to pass.
pub(crate) trait Clock: Send + Sync {
    /// The wall clock's time now.
    fn now(&self) -> Timestamp;
    /// Returns at the next poll: at the wall clock's next whole second, or soon after.
    fn tick(&self) -> impl Future<Output = ()> + Send;
}

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn tick(&self) {
        let into_second = u64::try_from(self.now().subsec_nanosecond()).unwrap_or_default();
        tokio::time::sleep(Duration::from_nanos(1_000_000_000_u64.saturating_sub(into_second))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tick_ends_at_a_whole_second() {
        let before = WallClock.now();
        WallClock.tick().await;
        let after = WallClock.now();
        assert!(after.as_second() > before.as_second());
    }
}
