//! What a person who signs in is there for. What each may do is said where the pages' routes are.

use serde::{Deserialize, Serialize};

/// What somebody is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Says who may sign in, and may do whatever the others may.
    Administrator,
    /// Answers for controls: takes findings to their end, asks for exceptions.
    ControlOwner,
    /// Looks over what others did: decides on findings and exceptions.
    Reviewer,
    /// Reads, and changes nothing.
    Auditor,
    /// Keeps the collection running: looks into snapshots, confirms those that are suspect.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Administrator, Self::ControlOwner, Self::Reviewer, Self::Auditor, Self::Operator];

    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::ControlOwner => "control_owner",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    /// The role of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}
