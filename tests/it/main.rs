//! The integration tests: statements about what the program does, watched from outside.
#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test that cannot go on panics, and it builds its inputs plainly"
)]

mod aws_accounts;
mod aws_emulator;
mod backup_tools;
mod bridges;
mod browser;
mod company;
mod crash;
mod damage;
mod decisions;
mod drift;
mod entra_emulator;
mod fault_matrix;
#[path = "../faults/mod.rs"]
mod faults;
mod forks;
mod github_emulator;
mod github_repos_emulator;
mod google_directory;
mod house;
mod kill;
mod leaver;
mod lending;
mod line;
mod linux_ssh;
mod log_commands;
mod memory;
mod mistakes;
mod network;
mod notify;
mod okta_emulator;
mod packs;
mod pages;
#[path = "../peers/mod.rs"]
mod peers;
mod people;
mod reports;
mod retention;
mod reviews;
mod rosters;
mod rows;
mod scim_server;
mod storage;
mod strangers;
mod support;
mod tickets;
mod tls;
mod traced;
mod trusted_time;
mod verifier;
mod walkthrough;
