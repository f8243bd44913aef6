//! The integration tests: statements about what the program does, watched from outside.
#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test that cannot go on panics, and it builds its inputs plainly"
)]

mod aws_emulator;
mod crash;
mod fault_matrix;
#[path = "../faults/mod.rs"]
mod faults;
mod forks;
mod github_emulator;
mod github_repos_emulator;
mod house;
mod kill;
mod leaver;
mod line;
mod log_commands;
mod packs;
#[path = "../peers/mod.rs"]
mod peers;
mod retention;
mod rows;
mod storage;
mod strangers;
mod support;
mod traced;
mod trusted_time;
mod verifier;
