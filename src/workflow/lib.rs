//! What follows from an evaluation, as pure state machines.
//!
//! Nothing here reads a clock, a store or a network: an evaluation and the finding as it stood go in, the event that
//! follows comes out, and whoever calls seals it.

pub mod finding;

pub use finding::{Change, Finding, FindingEvent, FindingText, Item, State, follow};
