//! What a verification says, in words a person can act on.

use super::policy::{MAX_POLICY, Policy};
use crate::error::VerifyError;
use ledger::{Checkpoint, Note, VerifierKey};
use serde::Serialize;
use std::fmt;
use std::io::Read as _;
use std::path::Path;

/// Longest text of a problem: a message may repeat what a hostile file says.
const MAX_TEXT: usize = 2_000;

/// What to compare a pack with.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// A checkpoint of the same log, kept since an earlier day.
    pub pinned_checkpoint: Option<String>,
    /// The log's key, had from the organisation by another channel.
    pub expected_key: Option<VerifierKey>,
    /// What is demanded beyond the log's own signature.
    pub policy: Option<Policy>,
}

impl VerifyOptions {
    /// Reads what the command line names: a checkpoint's file, a key, a policy's file.
    pub fn read(checkpoint: Option<&Path>, key: Option<&str>, policy: Option<&Path>) -> Result<Self, VerifyError> {
        let parse = |key: &str| {
            key.trim().parse().map_err(|error: ledger::KeyError| VerifyError::Option {
                what: "the key",
                problem: format!("{error}; copy the whole line name+hex+base64"),
            })
        };
        Ok(Self {
            pinned_checkpoint: checkpoint.map(|path| read_text("the pinned checkpoint", path)).transpose()?,
            expected_key: key.map(parse).transpose()?,
            policy: policy
                .map(|path| {
                    let folder = path.parent().unwrap_or(Path::new(""));
                    Policy::parse(&read_text("the policy", path)?, folder)
                })
                .transpose()?,
        })
    }

    /// The size of the pinned checkpoint, whose signature is verified when the log's keys are known.
    pub(super) fn pinned_size(&self) -> Result<Option<u64>, VerifyError> {
        let unusable = |problem: String| VerifyError::Option { what: "the pinned checkpoint", problem };
        let Some(text) = &self.pinned_checkpoint else { return Ok(None) };
        let note = Note::parse(text.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| unusable(error.to_string()))?;
        Ok(Some(checkpoint.size))
    }
}

pub(super) fn read_text(what: &'static str, path: &Path) -> Result<String, VerifyError> {
    let failed =
        |problem: std::io::Error| VerifyError::Option { what, problem: format!("{}: {problem}", path.display()) };
    let mut text = String::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_POLICY + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_POLICY {
        return Err(VerifyError::Option { what, problem: format!("{} is too large", path.display()) });
    }
    Ok(text)
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
    pub(super) fn new(proven: Vec<String>, not_proven: Vec<String>, problems: Vec<Problem>) -> Self {
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
    let mut plain: String =
        text.chars().take(MAX_TEXT).map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        plain.push('…');
    }
    plain
}

/// Characters that make a line read otherwise than it is written (Unicode TR 9).
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
