//! How a run tells of itself while it runs. Never carries a URL, a body or a secret.

/// Told of every exchange and every wait.
pub trait Progress: Send + Sync {
    /// One exchange of `operation` ended, with `bytes` of body.
    fn exchange(&self, operation: &str, bytes: u64);
    /// `operation` waits `seconds` before its next attempt.
    fn waiting(&self, operation: &str, seconds: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn exchange(&self, _operation: &str, _bytes: u64) {}
    fn waiting(&self, _operation: &str, _seconds: u64) {}
}
