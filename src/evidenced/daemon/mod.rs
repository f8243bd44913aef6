//! The loop of `evidenced run`: keeps the schedules by the wall clock and gives every due slot an outcome.
//!
//! It looks at the wall clock once a second instead of setting timers, because timers stop while a machine sleeps and
//! know nothing of a clock that was set. It never collects, seals or writes: that is the [`Line`]'s.

mod clock;
mod keeper;
mod plan;
mod schedule;
mod signals;
mod witnessing;

pub(crate) use clock::{Clock, WallClock};
pub(crate) use keeper::{Event, Job, Line, Unrun, UnrunOutcome, keep};
pub(crate) use schedule::Schedule;
pub(crate) use signals::signals;
pub(crate) use witnessing::{Witnessing, witness};
