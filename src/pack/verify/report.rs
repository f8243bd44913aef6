//! What a verification says, in words a person can act on.

use ledger::VerifierKey;
use serde::Serialize;
use std::fmt;

/// What to compare a pack with.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// A checkpoint of the same log, kept since an earlier day.
    pub pinned_checkpoint: Option<String>,
    /// The log's key, had from the organisation by another channel.
    pub expected_key: Option<VerifierKey>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file in the pack; the pack's own name where no file can be told.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: plain(&path.into()), problem: plain(&problem.into()) }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// `evidenced/verify/v1`.
    pub schema: &'static str,
    /// Whether nothing is wrong. What that is worth is in `not_proven`.
    pub verified: bool,
    /// What is proven, one sentence each; empty when something is wrong.
    pub proven: Vec<String>,
    /// What is not, one sentence each.
    pub not_proven: Vec<String>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    pub(crate) fn new(proven: Vec<String>, not_proven: Vec<String>, mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        let verified = problems.is_empty();
        let proven = if verified { proven } else { Vec::new() };
        Self { schema: "evidenced/verify/v1", verified, proven, not_proven, problems }
    }
}

/// In plain words, without a last newline.
impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.verified { "VERIFIED" } else { "NOT VERIFIED" })?;
        for proven in &self.proven {
            write!(f, "\n  proven      {}", plain(proven))?;
        }
        for not_proven in &self.not_proven {
            write!(f, "\n  not proven  {}", plain(not_proven))?;
        }
        for Problem { path, problem } in &self.problems {
            write!(f, "\n  PROBLEM     {path}: {problem}")?;
        }
        Ok(())
    }
}

/// `text` without control characters: a hostile name or message must not write to the reader's terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
