//! Who is told what: makes notices of what the log says, words of notices, and hands them over.
//!
//! Nothing here decides about a control, and nothing is sealed: what is told is in the log already. A destination that fails is
//! tried again and never stops anything else.

mod compose;
mod github;
mod jira;
mod mail;
mod plan;
mod send;
mod tickets;
mod webhooks;
mod words;

pub(crate) use plan::{hear, plan};
pub(crate) use send::{Destined, Trouble, parcel, reach, send, trial};
