//! The cadence of the witnesses: asked when there is something new and enough time has passed, by the wall clock.

use super::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::future::Future;

/// What the cadence asks for.
pub(crate) trait Witnessing: Send + Sync {
    /// How long something new waits at most; none when nobody is to be asked. It may change with the configuration.
    fn every(&self) -> Option<SignedDuration>;
    /// Whether there is something new.
    fn is_due(&self) -> anyhow::Result<bool>;
    /// Asks. An error means that the log must not be written any more.
    fn ask(&self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Asks at the cadence until the first error, and gives that back.
pub(crate) async fn witness<W: Witnessing, C: Clock>(witnessing: &W, clock: &C) -> anyhow::Error {
    let mut last = Timestamp::MIN;
    loop {
        clock.tick().await;
        let now = clock.now();
        // a clock that was set back must not silence them
        let Some(every) = witnessing.every() else { continue };
        if last <= now && now.duration_since(last) < every {
            continue;
        }
        match witnessing.is_due() {
            Ok(false) => {}
            Ok(true) => {
                last = now;
                if let Err(error) = witnessing.ask().await {
                    return error;
                }
            }
            Err(error) => return error,
        }
    }
}
