//! The integration tests: statements about what the program does, watched from outside.
#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test that cannot go on panics, and it builds its inputs plainly"
)]

mod house;
mod kill;
mod line;
mod support;
