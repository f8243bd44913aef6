//! What follows from an evaluation and from what people decide, as pure state machines.
//!
//! Nothing here reads a clock, a store or a network: an evaluation or a person's act and the thing as it stood go in, the
//! event that follows or the guard that refuses comes out, and whoever calls seals it.

mod act;
mod evidence;
mod exception;
mod finding;
mod follow;
pub mod notice;
mod refusal;
pub mod review;

pub use act::{Act, Acting, act, raise};
pub use evidence::{Addition, Evidence, EvidenceEvent};
pub use exception::{Exception, ExceptionAct, ExceptionEvent, ExceptionState, Request};
pub use finding::{
    Accepted, Amendment, Change, Class, Dismissal, Dismissed, EvidenceRef, Finding, FindingEvent, FindingText,
    Implemented, Item, Plan, Planned, Shown, State, Verified, Word,
};
pub use follow::{Rules, Seen, expire, follow};
pub use notice::{Happening, Notice, Subject};
pub use refusal::{Guard, Refusal, same_person};
