//! `evidenced`: the daemon and command line.
//!
//! The rooms are joined in `line/`; `cli/` asks and prints, `daemon/` keeps schedules, `notify/` tells people, `web/` shows and
//! takes steps, `access/` is what people sign in with, `settings/` reads
//! the configuration, `doctor/` says what is missing.

mod access;
mod cli;
mod daemon;
mod doctor;
mod failure;
mod line;
mod notify;
mod settings;
mod web;

fn main() -> std::process::ExitCode {
    cli::main()
}
