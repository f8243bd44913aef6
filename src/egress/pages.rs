//! The guards of paging: a listing ends by the source's own signal, or it is incomplete.

use crate::policy::is_within;
use model::{CollectError, Digest, ReasonCode};
use std::collections::BTreeSet;
use url::Url;

/// Watches one listing for a page cap, a token that comes back, and a page that comes back.
#[derive(Debug)]
pub struct Pages {
    operation: String,
    cap: u32,
    seen: u32,
    tokens: BTreeSet<String>,
    bodies: BTreeSet<Digest>,
}

impl Pages {
    /// A listing of `operation` that may have `max_pages` pages.
    pub fn new(operation: &str, max_pages: u32) -> Self {
        Self {
            operation: operation.to_owned(),
            cap: max_pages,
            seen: 0,
            tokens: BTreeSet::new(),
            bodies: BTreeSet::new(),
        }
    }

    /// Notes one page: `next` is the token or URL it gives for the page after it, none on the last one.
    ///
    /// `body_sha256` is the digest of the body, or of what the page lists where bodies differ by a request id.
    pub fn page(&mut self, next: Option<&str>, body_sha256: Digest) -> Result<(), CollectError> {
        self.seen += 1;
        if !self.bodies.insert(body_sha256) {
            let message = format!("page {} is the same as an earlier one", self.seen);
            return Err(self.incomplete(ReasonCode::PageRepeated, message));
        }
        let Some(next) = next else { return Ok(()) };
        if !self.tokens.insert(next.to_owned()) {
            let message = format!("page {} points to a page that was read already", self.seen);
            return Err(self.incomplete(ReasonCode::PageLoop, message));
        }
        if self.seen >= self.cap {
            let message = format!("there are more than {} pages", self.cap);
            return Err(self.incomplete(ReasonCode::PageCap, message));
        }
        Ok(())
    }

    /// Pages noted so far.
    pub const fn seen(&self) -> u32 {
        self.seen
    }

    fn incomplete(&self, code: ReasonCode, message: String) -> CollectError {
        CollectError::Incomplete { operation: self.operation.clone(), message, code }
    }
}

/// The address of the next page, absolute or relative to `base`, if it keeps the scheme, host, port and base path.
pub fn next_page_within(base: &Url, next: &str) -> Result<Url, CollectError> {
    let malformed = |message: String| CollectError::Malformed { operation: "next page".to_owned(), message };
    let url = base.join(next).map_err(|error| malformed(format!("its address cannot be read: {error}")))?;
    if is_within(base, &url) {
        return Ok(url);
    }
    Err(malformed(format!("it points away from {}", base.host_str().unwrap_or("the source"))))
}
