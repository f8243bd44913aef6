//! Progress on stderr while a source is read: which call, how many, how many bytes. A plain line a second without a
//! terminal would be noise, so there it stays silent.

use super::args::Global;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A spinner for one source.
pub(crate) struct ConsoleProgress {
    bar: ProgressBar,
    calls: AtomicU64,
    bytes: AtomicU64,
    source: String,
}

impl ConsoleProgress {
    /// Starts spinning for `source`.
    pub(crate) fn start(source: &str, global: &Global) -> Self {
        let target = if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message(format!("{source}: starting"));
        Self { bar, calls: AtomicU64::new(0), bytes: AtomicU64::new(0), source: source.to_owned() }
    }

    /// Takes the spinner off the terminal.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl egress::Progress for ConsoleProgress {
    fn exchange(&self, operation: &str, bytes: u64) {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bar.set_message(format!("{}: {calls} answers, {} KiB, last {operation}", self.source, total / 1024));
    }

    fn waiting(&self, operation: &str, seconds: u64) {
        self.bar.set_message(format!("{}: {operation} asks to wait {seconds} s", self.source));
    }
}
